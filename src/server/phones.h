// SPDX-License-Identifier: ISC
// The connections of laptops' phones, and of strangers.
//
// In keyed mode whoever connects is a stranger at first. He has small buffers, a few seconds and a
// few messages to bring a genuine one; and where all places are taken, the place of a source that
// holds many is the one that is given away.
#pragma once

#include "../base/text.h"
#include "laptops.h"

struct server_phones;
struct server_conn;

// What a connection means in open mode (open.c) and in keyed mode (keyed.c), behind one table.
// Which one a server has is chosen when it starts; nothing else asks.
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

// What a connection needs that carries a laptop's traffic.
struct large_buffers {
    struct server_conn *user;
    uint8_t rx[WS_RX_SIZE];
    uint8_t tx[LINK_TX_SIZE];
};

struct server_conn {
    struct phone_conn phone; // phone.path: its laptop's; keyed: NULL until a genuine message came
    struct server_phones *phones;
    struct large_buffers *large; // or NULL: a stranger
    unsigned strange;            // messages that were not genuine
    struct pending pending;      // keyed: a handshake that is not over
    uint8_t rx[STRANGER_RX];
    uint8_t tx[STRANGER_TX];
};

struct server_phones {
    const struct server_mode *mode; // open or keyed
    const struct log *log;
    struct loop *loop;
    struct laptops *laptops;
    uint32_t serial;                            // of the last connection that came
    uint64_t strange_messages;                  // too long for a stranger
    uint64_t strangers_evicted;                 // connections that gave way to newer ones
    size_t count;                               // of the connections that were ever used
    struct crowd_place strangers[SERVER_CONNS]; // beside conns[]: who holds the places of strangers
    struct server_conn conns[SERVER_CONNS];
    struct large_buffers large[SERVER_LARGE_BUFFERS];
};

// The pointers must stay valid; all in `phones` is zero.
void server_phones_init(struct server_phones *phones, const struct server_mode *mode,
                        const struct log *log, struct loop *loop, struct laptops *laptops);
// A connection for a phone that asks with this query, for struct ws_door; `arg`: the phones.
struct ws_conn *server_phones_accept(void *arg, const struct endpoint *peer,
                                     const struct http_text *query);
// Time limits; about once a second.
void server_phones_tick(struct server_phones *phones);
// Says goodbye to all, the laptops behind them first.
void server_phones_close(struct server_phones *phones);

// For the modes: a connection that knows nothing of its past; where none is free, one that is on
// its way out, or a stranger's. NULL: there is none to give.
struct server_conn *server_phones_new_conn(struct server_phones *phones,
                                           const struct endpoint *peer);
// The laptop whose phone's a connection is, or NULL.
struct laptop *server_phones_laptop(const struct server_conn *conn);
// From now on a connection counts as a stranger's, or does not.
void server_phones_enter_strangers(struct server_conn *conn, const struct endpoint *peer);
void server_phones_leave_strangers(struct server_conn *conn);
// Gives a connection large buffers, if it has none.
void server_phones_give_buffers(struct server_conn *conn);
// Events that are the same in both modes, for struct ws_conn_events.
void server_phones_on_batch_end(void *arg);
void server_phones_on_writable(void *arg);
void server_phones_on_closed(void *arg, uint16_t status);
