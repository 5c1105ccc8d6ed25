// SPDX-License-Identifier: ISC
// Web pages from elsewhere are kept out, as any site that the phone shows could pose as the relay,
// or read what this laptop says of itself. How to let one in is said, with its origin where what
// came as that can be shown.
#include "guard.h"
#include <stdio.h>

#define SAY_AGAIN_MS 60000

// Any web page that the phone shows may try it, again and again: one line a minute tells of them.
static void say_forbidden(struct guard *guard, const char *origin) {
    int64_t now_ms = guard->loop->now_ms;
    if (guard->said_ms != 0 && now_ms - guard->said_ms < SAY_AGAIN_MS)
        return;
    guard->said_ms = now_ms;
    log_warn(guard->log,
             "refused a web page from elsewhere (403): --origin %s would let it in; status.json "
             "counts them all",
             origin);
}

int guard_admit(void *arg, const struct http_request *request, bool upgrade, struct text *why) {
    struct guard *guard = arg;
    const struct http_trust *trust = &guard->places->options->trust;
    char origin[HTTP_ORIGIN_SHOWN + 1] = "SCHEME://HOST[:PORT]";
    bool is_called_well = http_host_is_trusted(trust, request);
    if (is_called_well && (!upgrade || http_origin_is_trusted(trust, request)))
        return 0;
    struct http_text shown = http_shown_origin(request);
    if (is_called_well && shown.length > 0)
        snprintf(origin, sizeof origin, "%.*s", (int)shown.length, shown.start);
    text_add(why,
             "Open http://%s/ in the browser. The laptop's page has no other name, and pages of "
             "other sites\nare not let in, unless tether-client is started with --origin %s\n",
             guard->places->count > 0 ? guard->places->list[0].where : "localhost:6354", origin);
    say_forbidden(guard, origin);
    return 403;
}
