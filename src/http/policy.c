// SPDX-License-Identifier: ISC
// A page that is tricked can do no harm where it cannot connect. So a page that has one host to
// connect to says so (Content-Security-Policy level 3, section 6.1.2), and the browser refuses it
// all others, whatever its scripts or its address ask for.
//
// 'self' should cover the WebSocket of the page's own host, but in some browsers it means http: and
// https: alone. So the host by which the browser called us is named as well. What a request says
// comes back in a header only if it was read as HOST or HOST:PORT, without ';', ',' or space.
//
// No source can be an IPv6 address (section 2.3.1). In its place any host at its port is let in.
#include "policy.h"

#include <string.h>

#include "../base/text.h"
#include "origin.h"

#define HOST_MAX 255

static void add_host(struct text *out, const struct http_text *authority, bool with_ipv6)
{
    static const struct http_text any = {"*", 1};
    struct http_text host;
    uint16_t port;
    if (!http_read_authority(&host, &port, authority) || host.length > HOST_MAX)
        return;
    const char *rest = authority->start + host.length; // ":PORT", or nothing
    int rest_length = (int)(authority->length - host.length);
    if (host.start[0] == '[' && !with_ipv6)
        return;
    if (host.start[0] == '[')
        host = any;
    text_add(out, " ws://%.*s%.*s", (int)host.length, host.start, rest_length, rest);
    text_add(out, " wss://%.*s%.*s", (int)host.length, host.start, rest_length, rest);
}

void policy_write_sources(char sources[POLICY_SOURCES_MAX], const char *only,
                          const struct http_request *request)
{
    struct text out;
    text_init(&out, sources, POLICY_SOURCES_MAX);
    if (only == NULL) {
        text_add(&out, " ws: wss:");
        return;
    }
    const struct http_text there = {only, strlen(only)};
    const struct http_text *here =
        http_find_header(request->headers, request->header_count, "Host");
    if (here != NULL)
        add_host(&out, here, false); // 'self' covers it, if any source does
    add_host(&out, &there, true);
}
