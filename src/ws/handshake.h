// SPDX-License-Identifier: ISC
// The WebSocket opening handshake (RFC 6455 section 4), both sides, as text in and text out.
#pragma once

#include "../http/request.h"

// base64 of 16 bytes, and of a SHA-1 digest; both with a NUL.
#define WS_KEY_TEXT_SIZE    25
#define WS_ACCEPT_TEXT_SIZE 29

// Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2, item 5.4).
void ws_accept_for_key(char accept[WS_ACCEPT_TEXT_SIZE], const char *key, size_t key_length);

// Whether a request asks for a WebSocket at all (Upgrade: websocket).
bool ws_request_is_upgrade(const struct http_request *request);

// Server: checks a request (section 4.2.1) and writes the 101 response. Returns its length, or the
// status to refuse with, negated: -400, -405, -426 (section 4.4: wrong version).
int ws_answer_request(char *out, size_t size, const struct http_request *request);

// Client: writes a key made of 16 random bytes.
void ws_make_key(char key[WS_KEY_TEXT_SIZE], const uint8_t random[16]);
// Client: writes the request (section 4.1). Returns its length, or 0 where it does not fit.
size_t ws_write_request(char *out, size_t size, const char *host, const char *path,
                        const char *key);
// Client: whether the response accepts what was asked (section 4.1, second part).
bool ws_response_accepts(const struct http_response_head *response, const char *key);
