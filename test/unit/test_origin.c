// SPDX-License-Identifier: ISC
// Origins, hosts, and which web pages are let in.
#include "http/origin.h"

#include "test.h"

// A request with these header lines, read from memory of exactly its size; the caller frees it.
static char *read_request(struct http_request *request, const char *version, const char *headers) {
    char text[HTTP_REQUEST_MAX];
    int length = snprintf(text, sizeof text, "GET / HTTP/%s\r\n%s\r\n", version, headers);
    char *copy = (char *)test_copy(text, (size_t)length);
    if (http_parse_request(request, (const uint8_t *)copy, (size_t)length) != length)
        exit(2);
    return copy;
}

static bool is_text(const struct http_text *text, const char *expected) {
    return http_text_is(text, expected);
}

static void authorities(void) {
    static const struct {
        const char *text;
        const char *host; // NULL: none
        uint16_t port;
    } cases[] = {
        {"example.com", "example.com", 0},
        {"Example.COM:8080", "Example.COM", 8080},
        {"a", "a", 0},
        {"a_b-c.1:1", "a_b-c.1", 1},
        {"1.2.3.4", "1.2.3.4", 0},
        {"1.2.3.4:65535", "1.2.3.4", 65535},
        {"169.254.134.89:6354", "169.254.134.89", 6354},
        {"[::1]", "[::1]", 0},
        {"[2001:db8::1]:443", "[2001:db8::1]", 443},
        {"[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]", 80},
        {"a:00080", "a", 80},
        {"", NULL, 0},
        {":80", NULL, 0},
        {"a:", NULL, 0},
        {"a:0", NULL, 0},
        {"a:65536", NULL, 0},
        {"a:99999", NULL, 0},
        {"a:000080", NULL, 0},
        {"a:+80", NULL, 0},
        {"a:8 0", NULL, 0},
        {"a:80:80", NULL, 0},
        {"a b", NULL, 0},
        {"a ", NULL, 0},
        {"a,b", NULL, 0},
        {"a/", NULL, 0},
        {"a?b", NULL, 0},
        {"a#b", NULL, 0},
        {"user@a", NULL, 0},
        {"user:1@a", NULL, 0},
        {"a%41", NULL, 0},
        {"b\xc3\xbc"
         "cher.example",
         NULL, 0},
        {"*", NULL, 0},
        {"2001:db8::1", NULL, 0},
        {"::1", NULL, 0},
        {"[", NULL, 0},
        {"[]", NULL, 0},
        {"[::1", NULL, 0},
        {"::1]", NULL, 0},
        {"[::1]x", NULL, 0},
        {"[::1]:", NULL, 0},
        {"[1.2.3.4]", NULL, 0},
        {"[a]", NULL, 0},
        {"[::1%25eth0]", NULL, 0},
        {"[::1%eth0]", NULL, 0},
        {"[::1]]", NULL, 0},
        {"[[::1]]", NULL, 0},
        {"[1:2:3:4:5:6:7:8:9]", NULL, 0},
        {"[v1.a]", NULL, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length = strlen(cases[i].text);
        char *copy = (char *)test_copy(cases[i].text, length);
        const struct http_text text = {copy, length};
        struct http_text host;
        uint16_t port;
        test_row("\"%s\"", cases[i].text);
        bool read = http_read_authority(&host, &port, &text);
        bool good = cases[i].host != NULL ? read && is_text(&host, cases[i].host) : !read;
        free(copy);
        CHECK(good);
        if (read)
            CHECK_INT(port, cases[i].port);
    }
}

// RFC 6454 section 6.2 gives the form, section 4 the ports that need not be written.
static void places(void) {
    static const struct {
        const char *text;
        const char *scheme; // NULL: none
        const char *host;
        const char *authority;
        uint16_t port;
    } cases[] = {
        {"a.example", "", "a.example", "a.example", 0},
        {"a.example:9", "", "a.example", "a.example:9", 9},
        {"[::1]:9", "", "[::1]", "[::1]:9", 9},
        {"ws://a", "ws", "a", "a", 0},
        {"WSS://a:443", "WSS", "a", "a:443", 443},
        {"wss://a.example/websocket", "wss", "a.example", "a.example", 0},
        {"wss://[::1]:8/x/y?id=1&b=%22", "wss", "[::1]", "[::1]:8", 8},
        {"", NULL, "", "", 0},
        {"a/", NULL, "", "", 0},
        {"a/websocket", NULL, "", "", 0},
        {"http://a", NULL, "", "", 0},
        {"https://a/websocket", NULL, "", "", 0},
        {"wsx://a", NULL, "", "", 0},
        {"ws://", NULL, "", "", 0},
        {"ws:///x", NULL, "", "", 0},
        {"ws://a?id=1", NULL, "", "", 0},
        {"ws://a:0/", NULL, "", "", 0},
        {"ws://a:70000/", NULL, "", "", 0},
        {"ws://user@a/", NULL, "", "", 0},
        {"ws://a/b#c", NULL, "", "", 0}, // RFC 6455 section 3
        // The page is told it as JSON, between quotes.
        {"ws://a/\"", NULL, "", "", 0},
        {"ws://a/\\u0022", NULL, "", "", 0},
        {"ws://a/<b>", NULL, "", "", 0},
        {"ws://a/b c", NULL, "", "", 0},
        {"ws://a/b\n", NULL, "", "", 0},
        {"ws://a/\x7f", NULL, "", "", 0},
        {"ws://a/\xc3\xbc", NULL, "", "", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_place place;
        test_row("%s", cases[i].text);
        CHECK_INT(http_read_place(&place, cases[i].text), cases[i].scheme != NULL);
        if (cases[i].scheme == NULL)
            continue;
        CHECK(is_text(&place.scheme, cases[i].scheme));
        CHECK(is_text(&place.host, cases[i].host));
        CHECK(is_text(&place.authority, cases[i].authority));
        CHECK_INT(place.port, cases[i].port);
    }
}

static void origins(void) {
    static const struct {
        const char *text;
        const char *scheme; // NULL: none
        const char *host;
        uint16_t port;
    } cases[] = {
        {"http://example.com", "http", "example.com", 80},
        {"http://example.com:80", "http", "example.com", 80},
        {"https://example.com", "https", "example.com", 443},
        {"HTTPS://Example.com:8443", "HTTPS", "Example.com", 8443},
        {"http://[2001:db8::1]:81", "http", "[2001:db8::1]", 81},
        {"http://169.254.134.89:6354", "http", "169.254.134.89", 6354},
        {"capacitor://localhost", "capacitor", "localhost", 0},
        {"moz-extension://0b9b-ab", "moz-extension", "0b9b-ab", 0},
        {"a1+b.c-d://x:9", "a1+b.c-d", "x", 9},
        {"null", NULL, NULL, 0},
        {"", NULL, NULL, 0},
        {"http", NULL, NULL, 0},
        {"http:", NULL, NULL, 0},
        {"http://", NULL, NULL, 0},
        {"http:///", NULL, NULL, 0},
        {"file://", NULL, NULL, 0},
        {"://example.com", NULL, NULL, 0},
        {"//example.com", NULL, NULL, 0},
        {"example.com", NULL, NULL, 0},
        {"example.com:80", NULL, NULL, 0},
        {"http:example.com", NULL, NULL, 0},
        {"http:/example.com", NULL, NULL, 0},
        {"http//example.com", NULL, NULL, 0},
        {"http://example.com/", NULL, NULL, 0},
        {"http://example.com/a", NULL, NULL, 0},
        {"http://example.com?a", NULL, NULL, 0},
        {"http://example.com#a", NULL, NULL, 0},
        {"http://user@example.com", NULL, NULL, 0},
        {"http://user:word@example.com", NULL, NULL, 0},
        {"http://example.com http://other.example", NULL, NULL, 0},
        {"http://example.com, http://other.example", NULL, NULL, 0},
        {" http://example.com", NULL, NULL, 0},
        {"http ://example.com", NULL, NULL, 0},
        {"1http://example.com", NULL, NULL, 0},
        {"ht_tp://example.com", NULL, NULL, 0},
        {"http://a:b", NULL, NULL, 0},
        {"http://a:", NULL, NULL, 0},
        {"http://a:0", NULL, NULL, 0},
        {"http://a:65536", NULL, NULL, 0},
        {"http://2001:db8::1", NULL, NULL, 0},
        {"http://*", NULL, NULL, 0},
        {"*", NULL, NULL, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length = strlen(cases[i].text);
        char *copy = (char *)test_copy(cases[i].text, length);
        const struct http_text text = {copy, length};
        struct http_origin origin;
        test_row("\"%s\"", cases[i].text);
        bool read = http_read_origin(&origin, &text);
        bool good = cases[i].scheme != NULL ? read && is_text(&origin.scheme, cases[i].scheme) &&
                                                  is_text(&origin.host, cases[i].host)
                                            : !read;
        free(copy);
        CHECK(good);
        if (read)
            CHECK_INT(origin.port, cases[i].port);
    }
}

// A NUL, and bytes that no header may have, are no part of anything.
static void strange_bytes(void) {
    for (int byte = 0; byte < 256; byte++) {
        char text[] = "http://a?b.example";
        text[8] = (char)byte;
        const struct http_text value = {text, sizeof text - 1};
        struct http_origin origin;
        bool is_name = byte != 0 && strchr("0123456789.-_abcdefghijklmnopqrstuvwxyz"
                                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                           byte) != NULL;
        test_row("byte %d", byte);
        CHECK_INT(http_read_origin(&origin, &value), is_name);
    }
    char address[] = "http://[::1]";
    const struct http_text value = {address, sizeof address - 1};
    struct http_origin origin;
    CHECK(http_read_origin(&origin, &value));
    address[9] = '\0';
    CHECK(!http_read_origin(&origin, &value));
}

// What a person trusts in the tests below.
static struct http_trust trusting(const char *server, const char *const *list, size_t count) {
    struct http_trust trust = {.origin_count = count};
    uint16_t port;
    if (server != NULL) {
        const struct http_text text = {server, strlen(server)};
        if (!http_read_authority(&trust.server_host, &port, &text))
            exit(2);
    }
    for (size_t i = 0; i < count; i++) {
        const struct http_text text = {list[i], strlen(list[i])};
        if (!http_read_origin(&trust.origins[i], &text))
            exit(2);
    }
    return trust;
}

static const char *const listed[] = {"https://tether.example", "http://192.168.1.2:8000",
                                     "capacitor://app", "http://[2001:db8:0::5]:99",
                                     "https://front.example:8443"};

static void hosts(void) {
    static const struct {
        const char *version;
        const char *headers;
        bool trusted;
    } cases[] = {
        {"1.1", "Host: 169.254.134.89:6354\r\n", true},
        {"1.1", "Host: 169.254.134.89\r\n", true},
        {"1.1", "Host: 0.0.0.0\r\n", true},
        {"1.1", "Host: [::1]:6354\r\n", true},
        {"1.1", "Host: [fe80::1]\r\n", true},
        {"1.1", "Host: localhost\r\n", true},
        {"1.1", "Host: LocalHost:6354\r\n", true},
        {"1.1", "Host: tether.example\r\n", true},
        {"1.1", "Host: TETHER.example:1234\r\n", true},
        {"1.1", "Host: app\r\n", true},
        {"1.1", "Host: server.example\r\n", false}, // of --server: not this host
        {"1.1", "Host: evil.example\r\n", false},
        {"1.1", "Host: evil.example:6354\r\n", false},
        {"1.1", "Host: 169.254.134.89.evil.example\r\n", false},
        {"1.1", "Host: localhost.evil.example\r\n", false},
        {"1.1", "Host: localhost.\r\n", false},
        {"1.1", "Host: a.tether.example\r\n", false},
        {"1.1", "Host: atether.example\r\n", false},
        {"1.1", "Host: tether.example.\r\n", false},
        {"1.1", "Host: laptop.local\r\n", false},
        {"1.1", "Host: 2852029017\r\n", false}, // 169.254.134.89 as one number
        {"1.1", "Host: 0xa9.254.134.89\r\n", false},
        {"1.1", "Host: 169.254.34393\r\n", false},
        {"1.1", "Host: 0251.0376.0206.0131\r\n", false},
        {"1.1", "Host: 169.254.134.89.\r\n", false},
        {"1.1", "Host: 169.254.134.256\r\n", false},
        {"1.1", "Host: [::1\r\n", false},
        {"1.1", "Host: ::1\r\n", false},
        {"1.1", "Host: [localhost]\r\n", false},
        {"1.1", "Host: 1.2.3.4, localhost\r\n", false},
        {"1.1", "Host: user@1.2.3.4\r\n", false},
        {"1.1", "Host: 1.2.3.4/\r\n", false},
        {"1.1", "Host: 1.2.3.4:x\r\n", false},
        {"1.1", "Host:\r\n", false},
        {"1.0", "", true},
        {"1.0", "Origin: http://1.2.3.4\r\n", false},
        {"1.0", "Host: 1.2.3.4\r\nOrigin: http://1.2.3.4\r\n", true},
        {"1.0", "Host: evil.example\r\n", false},
        {"1.0", "Host:\r\n", false},
    };
    const struct http_trust trust = trusting("server.example:8080", listed, COUNT(listed));
    for (size_t i = 0; i < COUNT(cases); i++) {
        static struct http_request request;
        test_row("HTTP/%s %s", cases[i].version, cases[i].headers);
        char *bytes = read_request(&request, cases[i].version, cases[i].headers);
        bool trusted = http_host_is_trusted(&trust, &request);
        free(bytes);
        CHECK_INT(trusted, cases[i].trusted);
    }
}

static bool is_127_or_arg(const void *arg, uint32_t address) {
    return address >> 24 == 127 || address == *(const uint32_t *)arg;
}

// A host that knows its addresses is called by none of others, unless a person trusts that one.
static void own_addresses(void) {
    static const struct {
        const char *headers;
        bool trusted;
    } cases[] = {
        {"Host: 192.168.43.77:6354\r\n", true},
        {"Host: 192.168.43.77\r\n", true},
        {"Host: 192.168.43.57:6354\r\n", false},
        {"Host: 0.0.0.0:6354\r\n", false},
        {"Host: 8.8.8.8\r\n", false},
        {"Host: 127.0.0.1:6354\r\n", true},
        {"Host: 192.168.1.2:1\r\n", true},
        {"Host: localhost:6354\r\n", true},
        {"Host: [::1]:6354\r\n", true},
        {"Host: tether.example\r\n", true},
        {"Host: evil.example\r\n", false},
    };
    static const uint32_t own = 0xc0a82b4d; // 192.168.43.77
    struct http_trust trust = trusting(NULL, listed, COUNT(listed));
    trust.is_here = is_127_or_arg;
    trust.arg = &own;
    for (size_t i = 0; i < COUNT(cases); i++) {
        static struct http_request request;
        test_row("%s", cases[i].headers);
        char *bytes = read_request(&request, "1.1", cases[i].headers);
        bool trusted = http_host_is_trusted(&trust, &request);
        free(bytes);
        CHECK_INT(trusted, cases[i].trusted);
    }
}

static const struct {
    const char *server;
    const char *headers;
    bool trusted;
} pages[] = {
    // No browser.
    {NULL, "Host: 1.2.3.4\r\n", true},
    // Its own page.
    {NULL, "Host: 1.2.3.4:6354\r\nOrigin: http://1.2.3.4:6354\r\n", true},
    {NULL, "Host: 1.2.3.4:6354\r\nOrigin: https://1.2.3.4:6354\r\n", true},
    {NULL, "Host: 1.2.3.4\r\nOrigin: http://1.2.3.4\r\n", true},
    {NULL, "Host: 1.2.3.4:80\r\nOrigin: http://1.2.3.4\r\n", true},
    {NULL, "Host: 1.2.3.4\r\nOrigin: http://1.2.3.4:80\r\n", true},
    {NULL, "Host: 1.2.3.4:443\r\nOrigin: https://1.2.3.4\r\n", true},
    {NULL, "Host: LOCALHOST:6354\r\nOrigin: http://localhost:6354\r\n", true},
    {NULL, "Host: [fe80::1]:6354\r\nOrigin: http://[fe80::1]:6354\r\n", true},
    {NULL, "Host: [FE80:0::1]:6354\r\nOrigin: http://[fe80::1]:6354\r\n", true},
    {NULL, "origin: http://1.2.3.4\r\nhost: 1.2.3.4\r\n", true},
    {NULL, "Host: 1.2.3.4:6354\r\nOrigin: http://1.2.3.4\r\n", false},
    {NULL, "Host: 1.2.3.4:6354\r\nOrigin: http://1.2.3.4:6355\r\n", false},
    {NULL, "Host: 1.2.3.4\r\nOrigin: http://1.2.3.4:6354\r\n", false},
    {NULL, "Host: 1.2.3.4:80\r\nOrigin: https://1.2.3.4\r\n", false},
    {NULL, "Host: 1.2.3.4:6354\r\nOrigin: http://1.2.3.5:6354\r\n", false},
    {NULL, "Host: 1.2.3.4:6354\r\nOrigin: ws://1.2.3.4:6354\r\n", false},
    {NULL, "Host: 1.2.3.4\r\nOrigin: ftp://1.2.3.4\r\n", false},
    {NULL, "Host: 1.2.3.4:6354\r\nOrigin: http://[::ffff:1.2.3.4]:6354\r\n", false},
    {NULL, "Origin: http://1.2.3.4\r\n", false},
    {NULL, "Host:\r\nOrigin: http://\r\n", false},
    // Of the server.
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: http://203.0.113.10\r\n", true},
    {"203.0.113.10:8080", "Host: 1.2.3.4\r\nOrigin: http://203.0.113.10\r\n", true},
    {"203.0.113.10:8080", "Host: 1.2.3.4\r\nOrigin: http://203.0.113.10:8080\r\n", true},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: https://203.0.113.10:9\r\n", true},
    {"Server.example", "Host: 1.2.3.4\r\nOrigin: https://server.EXAMPLE\r\n", true},
    {"[2001:DB8:0::1]:81", "Host: 1.2.3.4\r\nOrigin: http://[2001:db8::1]\r\n", true},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: ws://203.0.113.10\r\n", false},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: http://203.0.113.100\r\n", false},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: http://203.0.113.1\r\n", false},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: http://203.0.113.10.evil.example\r\n", false},
    {"server.example", "Host: 1.2.3.4\r\nOrigin: http://a.server.example\r\n", false},
    {"server.example", "Host: 1.2.3.4\r\nOrigin: http://example\r\n", false},
    {NULL, "Host: 1.2.3.4\r\nOrigin: http://203.0.113.10\r\n", false},
    // Listed.
    {NULL, "Host: 1.2.3.4\r\nOrigin: https://tether.example\r\n", true},
    {NULL, "Host: 1.2.3.4\r\nOrigin: HTTPS://Tether.Example:443\r\n", true},
    {NULL, "Host: 1.2.3.4\r\nOrigin: http://192.168.1.2:8000\r\n", true},
    {NULL, "Host: 1.2.3.4\r\nOrigin: capacitor://app\r\n", true},
    {NULL, "Host: 1.2.3.4\r\nOrigin: http://[2001:db8::5]:99\r\n", true},
    {NULL, "Host: 1.2.3.4\r\nOrigin: https://front.example:8443\r\n", true},
    {NULL, "Host: 1.2.3.4\r\nOrigin: http://tether.example\r\n", false},
    {NULL, "Host: 1.2.3.4\r\nOrigin: https://tether.example:8443\r\n", false},
    {NULL, "Host: 1.2.3.4\r\nOrigin: https://front.example\r\n", false},
    {NULL, "Host: 1.2.3.4\r\nOrigin: http://192.168.1.2\r\n", false},
    {NULL, "Host: 1.2.3.4\r\nOrigin: capacitor://app:1\r\n", false},
    {NULL, "Host: 1.2.3.4\r\nOrigin: capacitor://application\r\n", false},
    {NULL, "Host: 1.2.3.4\r\nOrigin: ionic://app\r\n", false},
    // From elsewhere, or nowhere.
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: http://evil.example\r\n", false},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: null\r\n", false},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: file://\r\n", false},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin:\r\n", false},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: 1.2.3.4\r\n", false},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: http://1.2.3.4/\r\n", false},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: http://1.2.3.4 http://evil.example\r\n", false},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: http://1.2.3.4, http://1.2.3.4\r\n", false},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: http://1.2.3.4\r\nOrigin: http://1.2.3.4\r\n",
     false},
    {"203.0.113.10", "Host: 1.2.3.4\r\nOrigin: http://1.2.3.4\r\norigin: null\r\n", false},
};

static void pages_let_in(void) {
    for (size_t i = 0; i < COUNT(pages); i++) {
        static struct http_request request;
        const struct http_trust trust = trusting(pages[i].server, listed, COUNT(listed));
        test_row("%s", pages[i].headers);
        // The parser wants a Host in HTTP/1.1; where there is none, the rule is the same.
        bool has_host = strstr(pages[i].headers, "ost:") != NULL;
        char *bytes = read_request(&request, has_host ? "1.1" : "1.0", pages[i].headers);
        bool trusted = http_origin_is_trusted(&trust, &request);
        free(bytes);
        CHECK_INT(trusted, pages[i].trusted);
    }
}

// Without a server and a list, the own page alone.
static void nobody_trusted(void) {
    static struct http_request request;
    const struct http_trust trust = trusting(NULL, NULL, 0);
    for (size_t i = 0; i < COUNT(listed); i++) {
        char headers[200];
        test_row("%s", listed[i]);
        snprintf(headers, sizeof headers, "Host: 1.2.3.4\r\nOrigin: %s\r\n", listed[i]);
        char *bytes = read_request(&request, "1.1", headers);
        bool trusted = http_origin_is_trusted(&trust, &request);
        free(bytes);
        CHECK(!trusted);
    }
    char *bytes = read_request(&request, "1.1", "Host: tether.example\r\n");
    bool trusted = http_host_is_trusted(&trust, &request);
    free(bytes);
    CHECK(!trusted);
}

// --origin null: pages that have no origin, and no others by it.
static void null_trusted(void) {
    static const struct {
        const char *headers;
        bool trusted;
    } rows[] = {
        {"Host: 1.2.3.4\r\nOrigin: null\r\n", true},
        {"Host: 1.2.3.4\r\nOrigin: NULL\r\n", false}, // RFC 6454 section 6.1 has small letters
        {"Host: 1.2.3.4\r\nOrigin: null null\r\n", false},
        {"Host: 1.2.3.4\r\nOrigin: null\r\nOrigin: null\r\n", false},
        {"Host: 1.2.3.4\r\nOrigin:\r\n", false},
        {"Host: 1.2.3.4\r\nOrigin: file://\r\n", false},
        {"Host: 1.2.3.4\r\nOrigin: http://null\r\n", false},
        {"Host: 1.2.3.4\r\nOrigin: http://evil.example\r\n", false},
    };
    static struct http_request request;
    struct http_trust trust = trusting(NULL, NULL, 0);
    trust.takes_null = true;
    for (size_t i = 0; i < COUNT(rows); i++) {
        test_row("%s", rows[i].headers);
        char *bytes = read_request(&request, "1.1", rows[i].headers);
        bool trusted = http_origin_is_trusted(&trust, &request);
        free(bytes);
        CHECK_INT(trusted, rows[i].trusted);
    }
}

static void shown_origins(void) {
    static char longest[HTTP_ORIGIN_SHOWN + 1] = "https://";
    static char too_long[HTTP_ORIGIN_SHOWN + 2] = "https://";
    memset(longest + 8, 'a', HTTP_ORIGIN_SHOWN - 8);
    memset(too_long + 8, 'a', HTTP_ORIGIN_SHOWN + 1 - 8);
    const struct {
        const char *origin;
        bool shown;
    } rows[] = {
        {"http://evil.example", true},
        {"HTTPS://[2001:db8::1]:99", true},
        {"capacitor://app", true},
        {longest, true},
        {too_long, false},
        {"null", false},
        {"", false},
        {"http://a/", false},
        {"http://a b", false},
        {"http://a\x1b[2J", false},
        {"http://a\tb", false},
        {"http://a%n", false},
        {"http://b\xc3\xbc.example", false},
        {"http://a\r\nOrigin: http://b", false},
        {"http://a<b>", false},
        {"http://a;reboot", false},
        {"http://$(reboot)", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        static struct http_request request;
        char text[512];
        request.header_count = 0;
        struct http_text origin = {rows[i].origin, strlen(rows[i].origin)};
        request.headers[request.header_count++] = (struct http_header){{"origin", 6}, origin};
        test_row("%s", rows[i].origin);
        struct http_text shown = http_shown_origin(&request);
        CHECK_INT(shown.length, rows[i].shown ? origin.length : 0);
        snprintf(text, sizeof text, "%.*s", (int)shown.length, shown.start);
        CHECK_TEXT(text, rows[i].shown ? rows[i].origin : "");
        request.headers[request.header_count++] = (struct http_header){{"Origin", 6}, origin};
        CHECK_INT(http_shown_origin(&request).length, 0);
        request.header_count = 0;
        CHECK_INT(http_shown_origin(&request).length, 0);
    }
}

int main(void) {
    TEST("a host and its port are read, or refused", authorities);
    TEST("where a server is, is read, or refused", places);
    TEST("an origin is read, or refused", origins);
    TEST("a host's name is of letters, digits, dots, hyphens and underscores", strange_bytes);
    TEST("a Host must be an address, localhost or the host of a listed origin", hosts);
    TEST("a page is let in from here, from the server, or from a listed origin", pages_let_in);
    TEST("a host that knows its addresses is not called by others", own_addresses);
    TEST("without a list only the own page is let in", nobody_trusted);
    TEST("pages without an origin are let in where they are named, and none other by it",
         null_trusted);
    TEST("only an origin that is one, and alone, is shown", shown_origins);
    return test_end();
}
