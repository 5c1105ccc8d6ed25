// SPDX-License-Identifier: ISC
// Origins and hosts. The input is four lines: what --server names, a listed origin, and the Host
// and the Origin of a request; where one is empty, there is none.
#include <strings.h>

#include "fuzz.h"
#include "http/origin.h"

static struct http_text take_line(struct input *input) {
    const uint8_t *end = input->left > 0 ? memchr(input->at, '\n', input->left) : NULL;
    size_t length = end != NULL ? (size_t)(end - input->at) : input->left;
    struct http_text line = {(const char *)input->at, length};
    input->at += length + (end != NULL);
    input->left -= length + (end != NULL);
    return line;
}

static bool is_name(const char *c, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (c[i] == '\0' || strchr("0123456789.-_abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                   c[i]) == NULL)
            return false;
    return length > 0;
}

// A host is a name, or digits, colons and dots in brackets; what follows it is its port, once.
static bool check_authority(const struct http_text *text, struct http_text *host, uint16_t *port) {
    if (!http_read_authority(host, port, text))
        return false;
    EXPECT(host->start == text->start && host->length > 0 && host->length <= text->length);
    if (host->start[0] == '[') {
        EXPECT(host->length > 3 && host->start[host->length - 1] == ']');
        for (size_t i = 1; i < host->length - 1; i++)
            EXPECT(strchr("0123456789abcdefABCDEF:.", host->start[i]) != NULL);
    } else {
        EXPECT(is_name(host->start, host->length));
    }
    EXPECT((*port != 0) == (host->length < text->length));
    for (size_t i = host->length; i < text->length; i++)
        EXPECT(i == host->length ? text->start[i] == ':'
                                 : text->start[i] >= '0' && text->start[i] <= '9');
    return true;
}

// What was read, written again with its port, is read as the same.
static bool check_origin(const struct http_text *text, struct http_origin *origin) {
    char written[2048];
    struct http_origin again;
    if (!http_read_origin(origin, text))
        return false;
    EXPECT(origin->scheme.start == text->start && origin->scheme.length > 0);
    EXPECT(origin->host.start == text->start + origin->scheme.length + 3);
    EXPECT(origin->host.start + origin->host.length <= text->start + text->length);
    int length = snprintf(written, sizeof written, "%.*s://%.*s%c%u", (int)origin->scheme.length,
                          origin->scheme.start, (int)origin->host.length, origin->host.start,
                          origin->port != 0 ? ':' : '\0', (unsigned)origin->port);
    if (length >= (int)sizeof written)
        return true;
    const struct http_text rewritten = {written, strlen(written)};
    EXPECT(http_read_origin(&again, &rewritten));
    EXPECT(again.port == origin->port && again.host.length == origin->host.length);
    return true;
}

static bool is_same(const struct http_text *a, const struct http_text *b) {
    return a->length == b->length && strncasecmp(a->start, b->start, a->length) == 0;
}

// Who is let in has a reason; where IPv6 addresses are written in two ways, there is none to see.
static void expect_reason(const struct http_trust *trust, const struct http_text *host,
                          const struct http_text *text) {
    struct http_origin origin;
    struct http_text own = {NULL, 0};
    uint16_t port = 0;
    EXPECT(check_origin(text, &origin));
    if (origin.host.start[0] == '[')
        return;
    bool is_web = is_same(&origin.scheme, &(struct http_text){"http", 4}) ||
                  is_same(&origin.scheme, &(struct http_text){"https", 5});
    bool is_own = is_web && host->length > 0 && check_authority(host, &own, &port) &&
                  is_same(&own, &origin.host);
    bool is_server = is_web && is_same(&trust->server_host, &origin.host);
    bool is_listed = trust->origin_count > 0 && is_same(&trust->origins[0].host, &origin.host) &&
                     is_same(&trust->origins[0].scheme, &origin.scheme) &&
                     trust->origins[0].port == origin.port;
    EXPECT(is_own || is_server || is_listed);
}

static void try_request(const struct http_trust *trust, const struct http_text *host,
                        const struct http_text *origin) {
    static struct http_request request;
    request.header_count = 0;
    if (host->length > 0)
        request.headers[request.header_count++] = (struct http_header){{"host", 4}, *host};
    if (origin->length > 0)
        request.headers[request.header_count++] = (struct http_header){{"ORIGIN", 6}, *origin};
    bool called_well = http_host_is_trusted(trust, &request);
    bool let_in = http_origin_is_trusted(trust, &request);
    EXPECT(origin->length > 0 || let_in);
    EXPECT(host->length > 0 || called_well == (origin->length == 0));
    if (origin->length == 0)
        return;
    if (let_in)
        expect_reason(trust, host, origin);
    struct http_text shown = http_shown_origin(&request);
    EXPECT(shown.length == 0 || (shown.start == origin->start && shown.length == origin->length));
    for (size_t i = 0; i < shown.length; i++) // fit for a terminal
        EXPECT(is_name(&shown.start[i], 1) || memchr(":/[]+", shown.start[i], 5) != NULL);
    // Said twice is once too often.
    request.headers[request.header_count++] = (struct http_header){{"origin", 6}, *origin};
    EXPECT(!http_origin_is_trusted(trust, &request));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct http_trust trust;
    struct input input = {data, size};
    struct http_text server = take_line(&input);
    struct http_text listed = take_line(&input);
    struct http_text host = take_line(&input);
    struct http_text origin = {(const char *)input.at, input.left}; // up to the input's very end
    struct http_text unused;
    uint16_t port;
    trust.origin_count = check_origin(&listed, &trust.origins[0]);
    if (!check_authority(&server, &trust.server_host, &port))
        trust.server_host.length = 0;
    (void)check_authority(&origin, &unused, &port);
    try_request(&trust, &host, &origin);
    return 0;
}
