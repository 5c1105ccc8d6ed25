// SPDX-License-Identifier: ISC
// What tether-client tells of itself: status.json for people and tests, config.json for the page.
#pragma once

#include "names.h"
#include "places.h"

#define CLIENT_ID_TEXT 17 // 16 hexadecimal digits, with a NUL

// Where it is read from.
struct client_status {
    const struct loop *loop;
    const struct client_phones *phones;
    const struct machine *machine;
    const struct names *names;
    const struct http_host *host;
    const struct places *places;
    const char *server;      // what the page is told; NULL: none
    char id[CLIENT_ID_TEXT]; // open mode: by it the server knows this laptop again; else ""
    int64_t started_ms;
};

// For struct http_host_config: writes one of the two into `body`. Returns its length in bytes, 0
// where the path is neither, or -500 where it does not fit.
int client_status_write(void *arg, const struct endpoint *peer, const struct http_text *path,
                        char *body, size_t size);
