// SPDX-License-Identifier: ISC
// Where WebSockets come in: the protocol that the HTTP host hands connections on to.
#pragma once

#include "../http/host.h"
#include "conn.h"

struct ws_door {
    // A connection for a WebSocket that `peer` asks for with this query (what follows a '?'), or
    // NULL when there is none to give (503).
    struct ws_conn *(*accept)(void *arg, const struct endpoint *peer,
                              const struct http_text *query);
    void *arg;
};

// For struct http_host_config; its protocol_arg is a struct ws_door.
extern const struct http_protocol ws_protocol;
