// SPDX-License-Identifier: ISC
// The WebSocket opening handshake. The input is a request to a server, a response to a client, and
// its first 16 bytes are the random numbers of a client's key.
#include "fuzz.h"
#include "ws/handshake.h"

static const char key_asked[] = "dGhlIHNhbXBsZSBub25jZQ=="; // RFC 6455 section 1.3
static const char key_accept[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

// Whatever a server accepts, its answer is one that a client of that key accepts.
static void expect_agreement(const struct http_request *request) {
    static struct http_response_head response;
    char answer[1024];
    char key[WS_KEY_TEXT_SIZE];
    int length = ws_answer_request(answer, sizeof answer, request);
    if (length <= 0) {
        EXPECT(length == -400 || length == -405 || length == -426);
        return;
    }
    const struct http_text *asked =
        http_find_header(request->headers, request->header_count, "Sec-WebSocket-Key");
    EXPECT(asked != NULL && asked->length == WS_KEY_TEXT_SIZE - 1);
    memcpy(key, asked->start, asked->length);
    key[asked->length] = '\0';
    EXPECT((size_t)length == strlen(answer));
    EXPECT(http_parse_response(&response, (const uint8_t *)answer, (size_t)length) == length);
    EXPECT(ws_response_accepts(&response, key));
}

static bool contains(const uint8_t *bytes, size_t length, const char *text) {
    size_t size = strlen(text);
    for (size_t at = 0; at + size <= length; at++)
        if (memcmp(bytes + at, text, size) == 0)
            return true;
    return false;
}

static void try_response(const uint8_t *data, size_t size) {
    static struct http_response_head response;
    if (http_parse_response(&response, data, size) > 0 &&
        ws_response_accepts(&response, key_asked)) {
        EXPECT(response.status == 101);
        EXPECT(contains(data, size, key_accept));
    }
}

static void try_key(const uint8_t *data, size_t size) {
    static struct http_request request;
    uint8_t random[16] = {0};
    char key[WS_KEY_TEXT_SIZE];
    char text[512];
    memcpy(random, data, size < sizeof random ? size : sizeof random);
    ws_make_key(key, random);
    size_t length = ws_write_request(text, sizeof text, "host", "/websocket", key);
    EXPECT(length > 0);
    EXPECT(http_parse_request(&request, (const uint8_t *)text, length) == (int)length);
    EXPECT(ws_request_is_upgrade(&request));
    expect_agreement(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct http_request request;
    if (http_parse_request(&request, data, size) > 0) {
        (void)ws_request_is_upgrade(&request);
        expect_agreement(&request);
    }
    try_response(data, size);
    try_key(data, size);
    return 0;
}
