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
#include "../base/text.h"
#include "origin.h"
#include <stdio.h>

#define HOST_MAX 255

static void add_host(struct text *out, const struct http_text *host, uint16_t port) {
    bool is_ipv6 = host->start[0] == '[';
    int length = is_ipv6 ? 1 : (int)host->length;
    const char *start = is_ipv6 ? "*" : host->start;
    char after[8] = "";
    if (port > 0)
        snprintf(after, sizeof after, ":%u", (unsigned)port);
    if (length <= HOST_MAX)
        text_add(out, " ws://%.*s%s wss://%.*s%s", length, start, after, length, start, after);
}

void policy_write_sources(char sources[POLICY_SOURCES_MAX], const char *only,
                          const struct http_request *request) {
    static const uint16_t ports[] = {8080, 443, 80}; // html/address.js has them, too
    struct http_place there;
    struct http_text host;
    uint16_t port;
    struct text out;
    text_init(&out, sources, POLICY_SOURCES_MAX);
    if (only == NULL) {
        text_add(&out, " ws: wss:");
        return;
    }
    const struct http_text *here =
        http_find_header(request->headers, request->header_count, "Host");
    // Where it is an IPv6 address, 'self' covers it, if any source does.
    if (here != NULL && http_read_authority(&host, &port, here) && host.start[0] != '[')
        add_host(&out, &host, port);
    if (!http_read_place(&there, only))
        return;
    if (there.port > 0)
        add_host(&out, &there.host, there.port);
    for (size_t i = 0; there.port == 0 && i < sizeof ports / sizeof ports[0]; i++)
        add_host(&out, &there.host, ports[i]);
}
