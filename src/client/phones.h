// SPDX-License-Identifier: ISC
// The connections of phones, and of strangers in the Wi-Fi, who can connect as a phone does. What
// they mean is the mode's part: open.c, keyed.c.
#pragma once

#include "../base/crowd.h"
#include "../base/log.h"
#include "../base/text.h"
#include "../session/liveness.h"
#include "../tunnel/path.h"

// Connections: the phone's, those of phones that it has replaced, on their way out, and strangers'.
#define CLIENT_CONNS 4

// After so long a silence, page and terminal do not say any more that the server is there.
#define SHOWN_SILENT_MS 3000

struct client_phones;
struct machine;
struct keyed;

struct client_conn {
    struct client_phones *phones;
    struct phone_conn phone;
    struct liveness liveness; // keyed: of the server, by what goes and comes on this connection
    bool heard;               // a message came on it,
    bool binary;              // one of them in binary: its phone carries that
    unsigned pings;           // sent before a message came,
    unsigned offers;          // and offers
    uint8_t rx[WS_RX_SIZE];
    uint8_t tx[LINK_TX_SIZE];
};

// What page and terminal say of the way to the server; doc/states.md has them all.
struct shown {
    const char *session;   // in status.json, for the page
    const char *server;    // on the terminal
    bool is_up;            // the server was heard, and owes no answer for long
    int64_t round_trip_ms; // -1: not known
    int64_t mappings;      // in the server's NAT; -1: not known
};

// What differs between open and keyed mode, chosen when the program starts.
struct client_mode {
    void (*opened)(struct client_phones *phones, struct client_conn *conn);
    void (*message)(struct client_conn *conn, uint8_t opcode, uint8_t *data, size_t length);
    // The path is another connection, because the one before has closed.
    void (*path_moved)(struct client_phones *phones, struct client_conn *conn);
    // It has closed, and there is no other: the phone is gone for all that is known.
    void (*path_closed)(struct client_phones *phones, uint16_t status);
    void (*tick)(struct client_phones *phones); // about once a second
    void (*goodbye)(struct client_phones *phones);
    struct shown (*show)(const struct client_phones *phones);
    void (*write_status)(const struct client_phones *phones, struct text *text);
};
extern const struct client_mode client_open;  // open.c
extern const struct client_mode client_keyed; // keyed.c

struct client_phones {
    const struct log *log;
    struct loop *loop;
    const struct client_mode *mode;
    struct machine *machine;
    struct keyed *keyed; // NULL in open mode
    bool said_keyed;     // open mode: that the server wants a key,
    bool wants_key;      // as that of the last phone does
    struct tunnel_link link;
    struct path path;
    uint64_t path_changes;
    struct loop_timer *alarm; // for the link
    struct client_conn conns[CLIENT_CONNS];
    struct crowd_place crowd[CLIENT_CONNS]; // whose they are; the path has left it
    uint32_t serial;                        // of the last connection that opened
    unsigned opened;                        // connections since opened_since_ms
    int64_t opened_since_ms;
};

// Prepares the connections and the link; log, loop, mode and its part are set already. `keys`: what
// the link seals with, or NULL in open mode.
void client_phones_init(struct client_phones *phones, struct session_keys *keys,
                        const struct siphash_key *queue_key);
// A free connection for a phone, for struct ws_door.
struct ws_conn *client_phones_accept(void *arg, const struct endpoint *peer,
                                     const struct http_text *query);
// Sends what was queued.
void client_phones_pump(struct client_phones *phones);
// Time limits; about once a second.
void client_phones_tick(struct client_phones *phones);
// Says goodbye to all.
void client_phones_close(struct client_phones *phones);

// Sends on this connection, which has joined the path, from now on.
void client_phones_take(struct client_phones *phones, struct client_conn *conn);
// Something genuine came on a connection, which joins the path by it; `is_newest`: the server has
// sent nothing since. Returns whether it has become the path.
bool client_phones_follow(struct client_phones *phones, struct client_conn *conn, bool is_newest);
// Sends on this connection no more; the newest of the others that have joined is the path then.
void client_phones_leave(struct client_phones *phones, struct client_conn *conn);
// The connection that a person would call the phone's: the path, or else the one that opened last,
// or NULL.
const struct ws_conn *client_phones_shown(const struct client_phones *phones);
// The connection that is the path, or NULL.
struct client_conn *client_phones_path(const struct client_phones *phones);
