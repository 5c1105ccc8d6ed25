// SPDX-License-Identifier: ISC
// Browsers let any page open a WebSocket to any host, and say in the Origin header where the page
// is from (RFC 6455 section 10.2, RFC 6454). So a host that serves some pages only must look there.
// What is no browser sends no Origin; it could write what it likes there, so refusing it would
// protect nobody.
//
// A page's own host needs no list: its origin is "http://" or "https://" and what the Host header
// says. That, however, is true of an attacker's page as well if his name leads to this host's
// address. ("DNS rebinding": the page is loaded from the attacker's address, then its name is
// changed to this host's; to the browser they are one origin.) The attack needs a name, so the Host
// header must not be one: an IP address is never looked up, and browsers know "localhost" by
// themselves (RFC 6761 section 6.3). The names of origins that a person trusts are as good.
//
// Origins are compared by scheme, host and port (RFC 6454 section 5), the first two in any letter
// case; IPv6 addresses by what they mean, since people write them in many ways (RFC 5952).
#include "origin.h"
#include "../base/bytes.h"
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static bool is_same(const struct http_text *a, const struct http_text *b) {
    return a->length == b->length && strncasecmp(a->start, b->start, a->length) == 0;
}

static bool read_address(struct in6_addr *address, int family, const char *start, size_t length) {
    char text[INET6_ADDRSTRLEN];
    if (length >= sizeof text || memchr(start, '\0', length) != NULL)
        return false;
    memcpy(text, start, length);
    text[length] = '\0';
    return inet_pton(family, text, address) == 1;
}

static bool read_ipv6(struct in6_addr *address, const struct http_text *host) {
    return host->length > 2 && host->start[0] == '[' &&
           read_address(address, AF_INET6, host->start + 1, host->length - 2);
}

// An IP address that the host may have.
static bool is_ip_literal(const struct http_trust *trust, const struct http_text *host) {
    struct in6_addr address;
    if (read_ipv6(&address, host))
        return true;
    return read_address(&address, AF_INET, host->start, host->length) &&
           (trust->is_here == NULL || trust->is_here(trust->arg, get_be32(address.s6_addr)));
}

static bool is_same_host(const struct http_text *a, const struct http_text *b) {
    struct in6_addr left;
    struct in6_addr right;
    if (read_ipv6(&left, a) && read_ipv6(&right, b))
        return memcmp(&left, &right, sizeof left) == 0;
    return is_same(a, b);
}

// The length of the host that a text begins with, or 0. A name is of letters, digits, '.', '-' and
// '_': others have been encoded before they come here (RFC 6454 section 4).
static size_t host_length(const struct http_text *text) {
    if (text->length > 0 && text->start[0] == '[') {
        const char *end = memchr(text->start, ']', text->length);
        size_t length = end != NULL ? (size_t)(end - text->start) + 1 : 0;
        const struct http_text host = {text->start, length};
        struct in6_addr address;
        return read_ipv6(&address, &host) ? length : 0;
    }
    return http_text_span(text, ".-_");
}

bool http_read_authority(struct http_text *host, uint16_t *port, const struct http_text *text) {
    uint32_t number = 0;
    host->start = text->start;
    host->length = host_length(text);
    *port = 0;
    if (host->length == 0 || host->length == text->length)
        return host->length > 0;
    size_t digits = text->length - host->length - 1;
    if (text->start[host->length] != ':' || digits < 1 || digits > 5)
        return false;
    for (size_t i = host->length + 1; i < text->length; i++) {
        if (text->start[i] < '0' || text->start[i] > '9')
            return false;
        number = number * 10 + (uint32_t)(text->start[i] - '0');
    }
    *port = (uint16_t)number;
    return number >= 1 && number <= 65535;
}

static uint16_t default_port(const struct http_text *scheme) {
    return http_text_is_nocase(scheme, "http")    ? 80
           : http_text_is_nocase(scheme, "https") ? 443
                                                  : 0;
}

// The length of the scheme before "://" (RFC 3986 section 3.1), or 0.
static size_t scheme_length(const struct http_text *text) {
    size_t length = http_text_span(text, "+-.");
    if (text->length < length + 3 || memcmp(text->start + length, "://", 3) != 0)
        return 0;
    return length > 0 && (text->start[0] < '0' || text->start[0] > '9') ? length : 0;
}

bool http_read_origin(struct http_origin *origin, const struct http_text *text) {
    size_t scheme = scheme_length(text);
    if (scheme == 0)
        return false;
    const struct http_text authority = {text->start + scheme + 3, text->length - scheme - 3};
    origin->scheme = (struct http_text){text->start, scheme};
    if (!http_read_authority(&origin->host, &origin->port, &authority))
        return false;
    if (origin->port == 0)
        origin->port = default_port(&origin->scheme);
    return true;
}

bool http_read_place(struct http_place *place, const char *text) {
    const struct http_text whole = {text, strlen(text)};
    size_t scheme = scheme_length(&whole);
    place->host = (struct http_text){text, 0};
    place->scheme = (struct http_text){text, scheme};
    text += scheme > 0 ? scheme + 3 : 0;
    place->authority = (struct http_text){text, scheme > 0 ? strcspn(text, "/") : strlen(text)};
    if (scheme > 0 && strncasecmp(whole.start, "ws:", 3) != 0 &&
        strncasecmp(whole.start, "wss:", 4) != 0)
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || strchr("\"\\<>#", *c) != NULL)
            return false;
    return http_read_authority(&place->host, &place->port, &place->authority);
}

// The request's only Host, taken apart; false without one.
static bool read_host(struct http_text *host, uint16_t *port, const struct http_request *request) {
    const struct http_text *text =
        http_find_header(request->headers, request->header_count, "Host");
    return text != NULL && http_read_authority(host, port, text);
}

bool http_host_is_trusted(const struct http_trust *trust, const struct http_request *request) {
    struct http_text host;
    uint16_t port;
    if (http_find_header(request->headers, request->header_count, "Host") == NULL)
        return http_find_header(request->headers, request->header_count, "Origin") == NULL;
    if (!read_host(&host, &port, request))
        return false;
    if (is_ip_literal(trust, &host) || http_text_is_nocase(&host, "localhost"))
        return true;
    for (size_t i = 0; i < trust->origin_count; i++)
        if (is_same_host(&host, &trust->origins[i].host))
            return true;
    return false;
}

// Whether the request goes to where its page is from.
static bool is_own_page(const struct http_origin *origin, const struct http_request *request) {
    struct http_text host;
    uint16_t port;
    if (default_port(&origin->scheme) == 0 || !read_host(&host, &port, request))
        return false;
    if (port == 0)
        port = default_port(&origin->scheme);
    return is_same_host(&host, &origin->host) && port == origin->port;
}

static bool is_listed(const struct http_trust *trust, const struct http_origin *origin) {
    for (size_t i = 0; i < trust->origin_count; i++) {
        const struct http_origin *trusted = &trust->origins[i];
        if (is_same(&origin->scheme, &trusted->scheme) &&
            is_same_host(&origin->host, &trusted->host) && origin->port == trusted->port)
            return true;
    }
    return false;
}

bool http_origin_is_trusted(const struct http_trust *trust, const struct http_request *request) {
    struct http_origin origin;
    const struct http_header *headers = request->headers;
    size_t count = request->header_count;
    const struct http_text *text = http_find_header(headers, count, "Origin");
    if (text == NULL)
        return true;
    if (http_count_headers(headers, count, "Origin") != 1)
        return false;
    if (!http_read_origin(&origin, text))
        return trust->takes_null && http_text_is(text, "null");
    if (is_own_page(&origin, request) || is_listed(trust, &origin))
        return true;
    return default_port(&origin.scheme) != 0 && is_same_host(&origin.host, &trust->server_host);
}

struct http_text http_shown_origin(const struct http_request *request) {
    struct http_origin origin;
    const struct http_header *headers = request->headers;
    size_t count = request->header_count;
    const struct http_text *text = http_find_header(headers, count, "Origin");
    if (text == NULL || text->length > HTTP_ORIGIN_SHOWN ||
        http_count_headers(headers, count, "Origin") != 1 || !http_read_origin(&origin, text))
        return (struct http_text){"", 0};
    return *text;
}
