// SPDX-License-Identifier: ISC
// Which web pages may talk to a host: by the Origin and Host headers that a browser sends.
#pragma once

#include "request.h"

// The longest origin that is shown: "https://", a name as long as DNS has them, and a port.
#define HTTP_ORIGIN_SHOWN 267

// An origin as RFC 6454 section 6.2 writes it: scheme "://" host [ ":" port ].
struct http_origin {
    struct http_text scheme;
    struct http_text host; // a name, an IPv4 address, or an IPv6 address in brackets
    uint16_t port;         // where none is written: 80 of http, 443 of https, 0 of others
};

// What a person trusts beside the host's own page. The texts are the caller's and must live on.
struct http_trust {
    struct http_text server_host; // pages of this host are trusted whatever the port; may be empty
    struct http_origin origins[CLIENT_ORIGINS];
    size_t origin_count;
    bool takes_null; // pages whose origin is "null": files, and what any site shows in a sandbox
    // Whether an IPv4 address (host byte order) is this host's; NULL: any may be.
    bool (*is_here)(const void *arg, uint32_t address);
    const void *arg;
};

// Reads HOST or HOST:PORT; `port` is 0 where none is written. Returns whether it is one.
bool http_read_authority(struct http_text *host, uint16_t *port, const struct http_text *text);
// Reads an origin. Returns whether it is one; "null" (RFC 6454 section 6.1) is none.
bool http_read_origin(struct http_origin *origin, const struct http_text *text);

// Reads where a server is: HOST[:PORT], or ws[s]://HOST[:PORT] and perhaps a path, of characters
// that stand in JSON as they are. `authority` is HOST[:PORT]; the scheme is empty where none is
// written. Returns whether it is one.
struct http_place {
    struct http_text scheme;
    struct http_text host;
    struct http_text authority;
    uint16_t port; // 0 where none is written
};
bool http_read_place(struct http_place *place, const char *text);

// Whether the request's Host header is one that no stranger can have led a browser to: an IP
// address that may be this host's, "localhost", or the host of a trusted origin. HTTP/1.0 may do
// without a Host where no Origin comes either.
bool http_host_is_trusted(const struct http_trust *trust, const struct http_request *request);
// Whether the request comes from no web page, from the host's own, or from a trusted one.
bool http_origin_is_trusted(const struct http_trust *trust, const struct http_request *request);
// The origin of the page that asks, where it may be shown to people: --origin would take it, so
// that it is of letters, digits and ".-_:/[]+" alone, and it is not long. Else its length is 0.
struct http_text http_shown_origin(const struct http_request *request);
