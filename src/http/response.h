// SPDX-License-Identifier: ISC
// The head of an HTTP/1.1 response (RFC 9112 section 4).
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct http_response {
    int status;
    const char *type;  // Content-Type, or NULL without a body
    const char *etag;  // with its quotes, or NULL
    const char *extra; // further header lines, each ending in CRLF, or NULL
    // What the page may connect to beside its own host: sources of a Content-Security-Policy, each
    // after a space; NULL: nothing
    const char *connect;
    bool of_folder; // a file of the --html folder
    size_t body_length;
    bool upgrade; // change to WebSocket (101), or offer to (RFC 9110 section 7.8)
    bool keep_alive;
};

// Writes the head, its empty line included. Returns its length, or 0 where it does not fit.
size_t http_write_head(char *out, size_t size, const struct http_response *response);

// "Not Found" for 404, and so on for the statuses that the programs send.
const char *http_reason(int status);
