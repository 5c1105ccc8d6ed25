// SPDX-License-Identifier: ISC
// HTTP/1.1 messages (RFC 9112), as much as a page and a WebSocket handshake need: reading the head
// of a request, and of the response that a WebSocket client gets.
#pragma once

#include "../base/address.h"
#include "../limits.h"

#define HTTP_FORWARDED "X-Forwarded-For"

// A piece of the bytes that were parsed; not NUL-terminated, valid as long as they are.
struct http_text {
    const char *start;
    size_t length;
};

struct http_header {
    struct http_text name;
    struct http_text value; // without the white space around it
};

struct http_request {
    struct http_text method;
    struct http_text path;  // up to a '?', as sent
    struct http_text query; // after the '?', empty without one
    int minor_version;      // HTTP/1.0 or HTTP/1.1
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
    bool keep_alive; // RFC 9112 section 9.3
    bool has_body;   // a body follows: we read none, so the connection must be closed
};

struct http_response_head {
    int status;
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
};

// Reads a request head of at most HTTP_REQUEST_MAX bytes. Returns its length in bytes (> 0) when it
// is whole, 0 when more is needed, or a status to refuse it with, negated: -400, -431, -501, -505.
int http_parse_request(struct http_request *request, const uint8_t *bytes, size_t length);

// The same for a response head of at most HTTP_ANSWER_MAX bytes; any failure is -400.
int http_parse_response(struct http_response_head *response, const uint8_t *bytes, size_t length);

// The first header of that name (any letter case), or NULL.
const struct http_text *http_find_header(const struct http_header *headers, size_t count,
                                         const char *name);
size_t http_count_headers(const struct http_header *headers, size_t count, const char *name);
// Whether a comma-separated list of all headers of that name holds the token (any letter case).
bool http_has_token(const struct http_header *headers, size_t count, const char *name,
                    const char *token);

// Whom a front says that it asks for: the last address of X-Forwarded-For, which is the front's own
// word; what is before it, the front may have been told. Returns whether it names one.
bool http_read_forwarded(struct endpoint *client, const struct http_request *request);

// Whether a text is this one, letter by letter.
bool http_text_is(const struct http_text *text, const char *value);
// The same, any letter case.
bool http_text_is_nocase(const struct http_text *text, const char *value);
// How many characters it begins with that are letters, digits or one of the others.
size_t http_text_span(const struct http_text *text, const char *others);
