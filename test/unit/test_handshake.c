// SPDX-License-Identifier: ISC
// The WebSocket opening handshake (RFC 6455 section 4), both sides.
#include "ws/handshake.h"

#include "test.h"
#include "ws/base64.h"

// Section 1.3.
#define EXAMPLE_KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define EXAMPLE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static int read_request(struct http_request *request, const char *text) {
    return http_parse_request(request, (const uint8_t *)text, strlen(text));
}

static int read_response(struct http_response_head *response, const char *text) {
    return http_parse_response(response, (const uint8_t *)text, strlen(text));
}

static void example_key(void) {
    char accept[WS_ACCEPT_TEXT_SIZE];
    ws_accept_for_key(accept, EXAMPLE_KEY, strlen(EXAMPLE_KEY));
    CHECK_TEXT(accept, EXAMPLE_ACCEPT);
}

// Section 1.2's request, of which each row changes something.
static const struct {
    const char *what;
    const char *request;
    int refused; // 0: accepted
} requests[] = {
    {"the RFC's example",
     "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
     "Connection: Upgrade\r\nSec-WebSocket-Key: " EXAMPLE_KEY "\r\nOrigin: http://example.com\r\n"
     "Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n",
     0},
    {"a browser's, with extensions and lists",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
     "sec-websocket-key:  " EXAMPLE_KEY "  \r\n\r\n",
     0},
    {"POST",
     "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " EXAMPLE_KEY "\r\n\r\n",
     -405},
    {"HEAD",
     "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " EXAMPLE_KEY "\r\n\r\n",
     -405},
    {"HTTP/1.0",
     "GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " EXAMPLE_KEY "\r\n\r\n",
     -400},
    {"a body",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nContent-Length: 1\r\nSec-WebSocket-Key: " EXAMPLE_KEY "\r\n\r\n",
     -400},
    {"no Connection",
     "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " EXAMPLE_KEY "\r\n\r\n",
     -400},
    {"Connection without Upgrade",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " EXAMPLE_KEY "\r\n\r\n",
     -400},
    {"no version",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Key: " EXAMPLE_KEY "\r\n\r\n",
     -426},
    {"version 8",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: " EXAMPLE_KEY "\r\n\r\n",
     -426},
    {"version 013",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 013\r\nSec-WebSocket-Key: " EXAMPLE_KEY "\r\n\r\n",
     -426},
    {"the version twice (section 11.3.5)",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " EXAMPLE_KEY "\r\n"
     "Sec-WebSocket-Version: 13\r\n\r\n",
     -400},
    {"a second version that is another (section 11.3.5)",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " EXAMPLE_KEY "\r\n"
     "sec-websocket-version: 8\r\n\r\n",
     -400},
    {"versions as a list",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13, 8\r\nSec-WebSocket-Key: " EXAMPLE_KEY "\r\n\r\n",
     -426},
    {"offers in several fields (sections 11.3.2 and 11.3.4)",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: Upgrade\r\n"
     "Upgrade: h2c\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: chat\r\n"
     "Sec-WebSocket-Protocol: superchat\r\nSec-WebSocket-Extensions: a\r\n"
     "Sec-WebSocket-Extensions: b\r\nSec-WebSocket-Version: 13\r\n"
     "Sec-WebSocket-Key: " EXAMPLE_KEY "\r\n\r\n",
     0},
    {"no key",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\n\r\n",
     -400},
    {"a key of 15 bytes",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n\r\n",
     -400},
    {"a key of 17 bytes",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZXM=\r\n\r\n",
     -400},
    {"a key of 18 bytes, no longer as text",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZXNz\r\n\r\n",
     -400},
    {"a key that is no base64",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n\r\n",
     -400},
    {"the key twice (section 11.3.1)",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " EXAMPLE_KEY "\r\n"
     "sec-websocket-key: " EXAMPLE_KEY "\r\n\r\n",
     -400},
    {"an empty key",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key:\r\n\r\n",
     -400},
};

// A header's value, or "" without it, until the next call.
static const char *field_of(const struct http_response_head *head, const char *name) {
    static char value[128];
    const struct http_text *text = http_find_header(head->headers, head->header_count, name);
    snprintf(value, sizeof value, "%.*s", text != NULL ? (int)text->length : 0,
             text != NULL ? text->start : "");
    return value;
}

static void server_answers(void) {
    for (size_t i = 0; i < COUNT(requests); i++) {
        static struct http_request request;
        static struct http_response_head answer;
        char out[1024];
        test_row("%s", requests[i].what);
        CHECK(read_request(&request, requests[i].request) > 0);
        CHECK(ws_request_is_upgrade(&request));
        int length = ws_answer_request(out, sizeof out, &request);
        if (requests[i].refused != 0) {
            CHECK_INT(length, requests[i].refused);
            continue;
        }
        CHECK_INT(length, strlen(out));
        CHECK_INT(read_response(&answer, out), length);
        CHECK_INT(answer.status, 101);
        CHECK_TEXT(field_of(&answer, "Upgrade"), "websocket");
        CHECK_TEXT(field_of(&answer, "Connection"), "Upgrade");
        CHECK_TEXT(field_of(&answer, "Sec-WebSocket-Accept"), EXAMPLE_ACCEPT);
        CHECK_TEXT(field_of(&answer, "Sec-WebSocket-Protocol"), "");
        CHECK_TEXT(field_of(&answer, "Sec-WebSocket-Extensions"), "");
    }
}

static void upgrades(void) {
    static const struct {
        const char *request;
        bool is_upgrade;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c, WEBSOCKET\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket2\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: websocket\r\n\r\n", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        static struct http_request request;
        test_row("%s", cases[i].request);
        CHECK(read_request(&request, cases[i].request) > 0);
        CHECK_INT(ws_request_is_upgrade(&request), cases[i].is_upgrade);
    }
}

static void answers_in_small_buffers(void) {
    static struct http_request request;
    char whole[1024];
    CHECK(read_request(&request, requests[0].request) > 0);
    int length = ws_answer_request(whole, sizeof whole, &request);
    for (int size = 1; size <= length + 1; size++) {
        char *out = malloc((size_t)size);
        int got = ws_answer_request(out, (size_t)size, &request);
        free(out);
        test_row("%d of %d bytes", size, length);
        CHECK_INT(got, size > length ? length : -500);
    }
}

// What a client asks, a server accepts; and the client accepts the answer.
static void both_sides_agree(void) {
    for (int i = 0; i < 100; i++) {
        static struct http_request request;
        static struct http_response_head response;
        uint8_t random[16];
        uint8_t back[16];
        char key[WS_KEY_TEXT_SIZE];
        char text[512];
        test_random_bytes(random, sizeof random);
        ws_make_key(key, random);
        CHECK_INT(strlen(key), WS_KEY_TEXT_SIZE - 1);
        CHECK_INT(base64_decode(back, key, strlen(key)), 16);
        CHECK_BYTES(back, random, 16);
        size_t length =
            ws_write_request(text, sizeof text, "[2001:db8::1]:8080", "/websocket", key);
        CHECK_INT(length, strlen(text));
        CHECK_INT(read_request(&request, text), length);
        CHECK(http_text_is(&request.path, "/websocket"));
        CHECK(ws_request_is_upgrade(&request));
        CHECK(http_text_is(http_find_header(request.headers, request.header_count, "Host"),
                           "[2001:db8::1]:8080"));
        char answer[1024];
        int answered = ws_answer_request(answer, sizeof answer, &request);
        CHECK(answered > 0);
        CHECK_INT(read_response(&response, answer), answered);
        CHECK(ws_response_accepts(&response, key));
    }
}

static void requests_in_small_buffers(void) {
    char whole[512];
    size_t length = ws_write_request(whole, sizeof whole, "a", "/", EXAMPLE_KEY);
    for (size_t size = 1; size <= length + 1; size++) {
        char *out = malloc(size);
        size_t wrote = ws_write_request(out, size, "a", "/", EXAMPLE_KEY);
        free(out);
        CHECK_INT(wrote, size > length ? length : 0);
    }
}

// Section 4.1, the client's six checks.
static const struct {
    const char *what;
    const char *response;
    bool accepted;
} responses[] = {
    {"the RFC's example without its subprotocol",
     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: " EXAMPLE_ACCEPT "\r\n\r\n",
     true},
    {"another order, other letters, another reason",
     "HTTP/1.1 101 Fine\r\nServer: x\r\nsec-websocket-accept:" EXAMPLE_ACCEPT "\r\n"
     "connection: keep-alive, UPGRADE\r\nUPGRADE: WebSocket\r\n\r\n",
     true},
    {"200",
     "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: " EXAMPLE_ACCEPT "\r\n\r\n",
     false},
    {"a redirection", "HTTP/1.1 302 Found\r\nLocation: ws://b/\r\n\r\n", false},
    {"no Upgrade",
     "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " EXAMPLE_ACCEPT "\r\n\r\n",
     false},
    {"another Upgrade",
     "HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: " EXAMPLE_ACCEPT "\r\n\r\n",
     false},
    {"no Connection",
     "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " EXAMPLE_ACCEPT "\r\n\r\n",
     false},
    {"another Connection",
     "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: close\r\n"
     "Sec-WebSocket-Accept: " EXAMPLE_ACCEPT "\r\n\r\n",
     false},
    {"Upgrade twice",
     "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: " EXAMPLE_ACCEPT "\r\n\r\n",
     false},
    {"Upgrade to more",
     "HTTP/1.1 101 x\r\nUpgrade: h2c, websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: " EXAMPLE_ACCEPT "\r\n\r\n",
     false},
    {"Accept twice (section 11.3.3)",
     "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: "
     "Upgrade\r\nSec-WebSocket-Accept: " EXAMPLE_ACCEPT "\r\nSec-WebSocket-Accept: " EXAMPLE_ACCEPT
     "\r\n\r\n",
     false},
    {"a second Accept that is another",
     "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: "
     "Upgrade\r\nSec-WebSocket-Accept: " EXAMPLE_ACCEPT "\r\nsec-websocket-accept: x\r\n\r\n",
     false},
    {"no Accept", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", false},
    {"another key's Accept",
     "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: t3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
     false},
    {"Accept in small letters",
     "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n\r\n",
     false},
    {"an extension that was not asked for",
     "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Extensions: permessage-deflate\r\n"
     "Sec-WebSocket-Accept: " EXAMPLE_ACCEPT "\r\n\r\n",
     false},
    {"a subprotocol that was not asked for",
     "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: " EXAMPLE_ACCEPT "\r\n\r\n",
     false},
};

static void client_accepts(void) {
    for (size_t i = 0; i < COUNT(responses); i++) {
        static struct http_response_head response;
        test_row("%s", responses[i].what);
        CHECK(read_response(&response, responses[i].response) > 0);
        CHECK_INT(ws_response_accepts(&response, EXAMPLE_KEY), responses[i].accepted);
    }
}

int main(void) {
    TEST("the RFC's example key gives the RFC's answer", example_key);
    TEST("a server accepts what it must and refuses the rest with the right status",
         server_answers);
    TEST("a request for a WebSocket is known by its Upgrade field", upgrades);
    TEST("an answer that does not fit is an internal error, not a short answer",
         answers_in_small_buffers);
    TEST("our client's request and our server's answer suit each other", both_sides_agree);
    TEST("a request that does not fit is not written", requests_in_small_buffers);
    TEST("a client accepts a whole and correct answer and nothing else", client_accepts);
    return test_end();
}
