// SPDX-License-Identifier: ISC
// Response heads. Every response carries the headers that keep the page what it is: no script,
// style or frame from elsewhere (Content-Security-Policy level 3), no guessing of types, no
// referrer to others, and no pages of others that show or run what comes from here
// (Cross-Origin-Resource-Policy, in the Fetch standard). All of them also where they mean little,
// as in a 101: what is on every response cannot be missing from the one that matters.
// (Cross-Origin-Opener-Policy is not among them: over plain HTTP browsers only complain about it.)
//
// The hash is of the one script inside index.html. With another the browser does not run it, and
// says which it wants; test/browser/page.test.js fails. In the pages of a folder (--html), which
// are its owner's, any script or style may stand.
//
// `no-cache` makes browsers ask each time, and the ETag (RFC 9110 section 8.8.3) makes the answer a
// short 304.
#include "response.h"
#include <stdio.h>

#define EMBEDDED                                                                                   \
    "script-src 'self' 'sha256-D5OHndkyERSF784dUuuyl9GJli6TwT+f5ePgLJZEqos='; style-src 'self'"
#define FOLDER "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
// With one of these, and the sources of connect-src, in the middle. X-Frame-Options (RFC 7034) is
// for browsers that are older than frame-ancestors.
#define PAGE_POLICY                                                                                \
    "Content-Security-Policy: default-src 'none'; %s; worker-src 'self'; img-src 'self'; "         \
    "connect-src 'self'%s; base-uri 'none'; "                                                      \
    "form-action 'none'; frame-ancestors 'none'\r\n"                                               \
    "X-Frame-Options: DENY\r\n"                                                                    \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "Cross-Origin-Resource-Policy: same-origin\r\n"

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {101, "Switching Protocols"},
    {200, "OK"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {413, "Content Too Large"},
    {426, "Upgrade Required"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

const char *http_reason(int status) {
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Error";
}

size_t http_write_head(char *out, size_t size, const struct http_response *response) {
    char type[96] = "";
    char etag[96] = "";
    char length[48] = "";
    if (response->type != NULL)
        snprintf(type, sizeof type, "Content-Type: %s\r\n", response->type);
    if (response->etag != NULL)
        snprintf(etag, sizeof etag, "ETag: %s\r\n", response->etag);
    // RFC 9110 section 8.6: in a 304 it would speak of the 200's body, and a 101 has none.
    if (response->status != 304 && response->status != 101)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", response->body_length);
    const char *connection = response->keep_alive ? "" : "Connection: close\r\n";
    if (response->upgrade)
        connection = response->keep_alive ? "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                          : "Upgrade: websocket\r\nConnection: Upgrade, close\r\n";
    int written = snprintf(
        out, size, "HTTP/1.1 %d %s\r\n%s%s%sCache-Control: no-cache\r\n" PAGE_POLICY "%s%s\r\n",
        response->status, http_reason(response->status), type, length, etag,
        response->of_folder ? FOLDER : EMBEDDED, response->connect != NULL ? response->connect : "",
        response->extra != NULL ? response->extra : "", connection);
    return written > 0 && (size_t)written < size ? (size_t)written : 0;
}
