// SPDX-License-Identifier: ISC
// What a phone's connection means in open mode (open.c) and in keyed mode (keyed.c), behind one
// table. Which one a server has is chosen when it starts; nothing else asks.
#pragma once

#include "../base/text.h"
#include "phones.h"

struct server_mode {
    const char *warning; // what the owner is told when the server has started, or NULL
    // Prepares for laptops, and says by which key the NAT chooses its outside ports. Returns 0, or
    // -1 after having said what is wrong.
    int (*start)(struct laptops *laptops, const struct server_options *options,
                 struct siphash_key *port_key);
    // A connection for a phone that asks with this query, or NULL: there is none to give.
    struct server_conn *(*accept)(struct server_phones *phones, const struct endpoint *peer,
                                  const struct http_text *query);
    struct ws_conn_events events; // `arg`: the struct server_conn
    // Time limits beside those of the WebSocket; about once a second.
    void (*tick)(struct server_phones *phones);
    // Writes what only this mode has to say into status.json; or NULL.
    void (*write_status)(const struct server_phones *phones, struct text *text);
};

extern const struct server_mode server_open;
extern const struct server_mode server_keyed;
