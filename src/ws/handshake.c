// SPDX-License-Identifier: ISC
// A client sends a random key; the server proves that it speaks WebSocket by returning the SHA-1 of
// the key and a fixed identifier. From then on both speak frames. No subprotocol and no extension
// is ever offered or accepted: an offer is ignored, which the RFC allows, and the answer does not
// name it.
#include "handshake.h"
#include "../http/response.h"
#include "../sha1/sha1.h"
#include "base64.h"
#include <stdio.h>
#include <string.h>

// RFC 6455 section 1.3.
static const char identifier[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

void ws_accept_for_key(char accept[WS_ACCEPT_TEXT_SIZE], const char *key, size_t key_length) {
    uint8_t text[WS_KEY_TEXT_SIZE - 1 + sizeof identifier - 1];
    uint8_t digest[SHA1_SIZE];
    size_t used = key_length < WS_KEY_TEXT_SIZE - 1 ? key_length : WS_KEY_TEXT_SIZE - 1;
    memcpy(text, key, used);
    memcpy(text + used, identifier, sizeof identifier - 1);
    sha1(text, used + sizeof identifier - 1, digest);
    accept[base64_encode(accept, digest, sizeof digest)] = '\0';
}

bool ws_request_is_upgrade(const struct http_request *request) {
    return http_has_token(request->headers, request->header_count, "Upgrade", "websocket");
}

// The key must be base64 of exactly 16 bytes.
static bool key_is_valid(const struct http_text *key) {
    uint8_t bytes[WS_KEY_TEXT_SIZE];
    return key != NULL && key->length == WS_KEY_TEXT_SIZE - 1 &&
           base64_decode(bytes, key->start, key->length) == 16;
}

int ws_answer_request(char *out, size_t size, const struct http_request *request) {
    char accept[WS_ACCEPT_TEXT_SIZE];
    char line[64];
    const struct http_header *headers = request->headers;
    size_t count = request->header_count;
    const struct http_text *key = http_find_header(headers, count, "Sec-WebSocket-Key");
    const struct http_text *version = http_find_header(headers, count, "Sec-WebSocket-Version");

    if (!http_text_is(&request->method, "GET"))
        return -405;
    if (request->minor_version < 1 || request->has_body ||
        !http_has_token(headers, count, "Connection", "Upgrade"))
        return -400;
    // Neither may be there twice (sections 11.3.1 and 11.3.5).
    if (http_count_headers(headers, count, "Sec-WebSocket-Key") > 1 ||
        http_count_headers(headers, count, "Sec-WebSocket-Version") > 1)
        return -400;
    if (version == NULL || !http_text_is(version, "13"))
        return -426;
    if (!key_is_valid(key))
        return -400;
    ws_accept_for_key(accept, key->start, key->length);
    snprintf(line, sizeof line, "Sec-WebSocket-Accept: %s\r\n", accept);
    const struct http_response response = {
        .status = 101, .extra = line, .upgrade = true, .keep_alive = true};
    size_t length = http_write_head(out, size, &response);
    return length > 0 ? (int)length : -500;
}

void ws_make_key(char key[WS_KEY_TEXT_SIZE], const uint8_t random[16]) {
    key[base64_encode(key, random, 16)] = '\0';
}

size_t ws_write_request(char *out, size_t size, const char *host, const char *path,
                        const char *key) {
    int length = snprintf(out, size,
                          "GET %s HTTP/1.1\r\n"
                          "Host: %s\r\n"
                          "Upgrade: websocket\r\n"
                          "Connection: Upgrade\r\n"
                          "Sec-WebSocket-Key: %s\r\n"
                          "Sec-WebSocket-Version: 13\r\n\r\n",
                          path, host, key);
    return length > 0 && (size_t)length < size ? (size_t)length : 0;
}

bool ws_response_accepts(const struct http_response_head *response, const char *key) {
    char accept[WS_ACCEPT_TEXT_SIZE];
    const struct http_header *headers = response->headers;
    size_t count = response->header_count;
    const struct http_text *got = http_find_header(headers, count, "Sec-WebSocket-Accept");
    const struct http_text *upgrade = http_find_header(headers, count, "Upgrade");

    ws_accept_for_key(accept, key, strlen(key));
    // The two that are compared as a whole are there once (sections 11.3.3 and 4.1).
    return response->status == 101 && http_count_headers(headers, count, "Upgrade") == 1 &&
           http_text_is_nocase(upgrade, "websocket") &&
           http_has_token(headers, count, "Connection", "Upgrade") &&
           http_count_headers(headers, count, "Sec-WebSocket-Accept") == 1 &&
           http_text_is(got, accept) &&
           http_find_header(headers, count, "Sec-WebSocket-Extensions") == NULL &&
           http_find_header(headers, count, "Sec-WebSocket-Protocol") == NULL;
}
