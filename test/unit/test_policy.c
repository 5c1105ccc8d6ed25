// SPDX-License-Identifier: ISC
// Where the page may connect to.
#include "http/policy.h"

#include "test.h"

static void sources(void) {
    static const struct {
        const char *only;
        const char *headers;
        const char *expected;
    } cases[] = {
        {NULL, "Host: 1.2.3.4:5\r\n", " ws: wss:"},
        {"a.example:8080", "Host: 1.2.3.4:5\r\n",
         " ws://1.2.3.4:5 wss://1.2.3.4:5 ws://a.example:8080 wss://a.example:8080"},
        {"1.2.3.4:8080", "Host: localhost\r\n",
         " ws://localhost wss://localhost ws://1.2.3.4:8080 wss://1.2.3.4:8080"},
        {"[2001:db8::1]:81", "Host: b\r\n", " ws://b wss://b ws://*:81 wss://*:81"},
        // Any of the server's ports, where nobody named one.
        {"a", "", " ws://a:8080 wss://a:8080 ws://a:443 wss://a:443 ws://a:80 wss://a:80"},
        {"wss://a/websocket", "",
         " ws://a:8080 wss://a:8080 ws://a:443 wss://a:443 ws://a:80 wss://a:80"},
        {"wss://a:8443/x;y,z", "", " ws://a:8443 wss://a:8443"},
        {"[::1]", "", " ws://*:8080 wss://*:8080 ws://*:443 wss://*:443 ws://*:80 wss://*:80"},
        {"a:1", "Host: [::1]:6354\r\n", " ws://a:1 wss://a:1"},
        // What is no host comes back nowhere.
        {"a:1", "Host: b c\r\n", " ws://a:1 wss://a:1"},
        {"a:1", "Host: b;script-src *\r\n", " ws://a:1 wss://a:1"},
        {"a:1", "Host: b, default-src *\r\n", " ws://a:1 wss://a:1"},
        {"a:1", "Host: *\r\n", " ws://a:1 wss://a:1"},
        {"a:1", "Host: *:80\r\n", " ws://a:1 wss://a:1"},
        {"a:1", "Host: b/\r\n", " ws://a:1 wss://a:1"},
        {"a:1", "Host: b:99999\r\n", " ws://a:1 wss://a:1"},
        {"a:1", "Host: x@b\r\n", " ws://a:1 wss://a:1"},
        {"a:1", "Host: \r\n", " ws://a:1 wss://a:1"},
        {"a:1", "", " ws://a:1 wss://a:1"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        static struct http_request request;
        char text[200];
        char out[POLICY_SOURCES_MAX];
        int length = snprintf(text, sizeof text, "GET / HTTP/1.0\r\n%s\r\n", cases[i].headers);
        test_row("%s %s", cases[i].only != NULL ? cases[i].only : "any", cases[i].headers);
        CHECK_INT(http_parse_request(&request, (const uint8_t *)text, (size_t)length), length);
        policy_write_sources(out, cases[i].only, &request);
        CHECK_TEXT(out, cases[i].expected);
    }
}

// All fit that --server and a Host can be, and longer ones are left out.
static void longest(void) {
    static struct http_request request;
    static char name[256];
    static char text[1024];
    static char only[300];
    char out[POLICY_SOURCES_MAX];
    for (int length = 254; length <= 256; length++) {
        memset(name, 'n', 255);
        snprintf(only, sizeof only, "%.*s:65535", length < 255 ? length : 255, name);
        int end = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s%s:65535\r\n\r\n", name,
                           length == 256 ? "n" : "");
        CHECK_INT(http_parse_request(&request, (const uint8_t *)text, (size_t)end), end);
        policy_write_sources(out, only, &request);
        CHECK_INT(strlen(out), 2 * strlen(only) + 13 + (length == 256 ? 0 : 2 * 261 + 13));
        snprintf(only, sizeof only, "wss://%.*s/", length < 255 ? length : 255, name);
        policy_write_sources(out, only, &request);
        CHECK(strstr(out, ":80") != NULL && out[strlen(out) - 3] == ':');
    }
}

int main(void) {
    TEST("the page may connect to its own host and the one named, or to any if none is", sources);
    TEST("long names fit, and one that is too long is left out", longest);
    return test_end();
}
