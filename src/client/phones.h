// The connections of phones, and of strangers in the Wi-Fi, who can connect as a phone does. What
// they mean is the mode's part: open.c, keyed.c.
#ifndef TETHER_CLIENT_PHONES_H
#define TETHER_CLIENT_PHONES_H

#include "../base/crowd.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "../base/text.h"
#include "../tunnel/path.h"

// Connections: the phone's, those of phones that it has replaced, on their way out, and strangers'.
#define CLIENT_CONNS 4

struct phones;
struct machine;
struct keyed;

struct client_conn {
    struct phones *phones;
    struct phone_conn phone;
    bool heard;      // a message came on it,
    bool binary;     // one of them in binary: its phone carries that
    unsigned pings;  // sent before a message came,
    unsigned offers; // and offers
    uint8_t rx[WS_RX_SIZE];
    uint8_t tx[LINK_TX_SIZE];
};

// What a person may see of the way to the server.
struct shown {
    const char *session;   // its state, in a word or two
    const char *server;    // likewise; NULL: it cannot be known
    bool is_up;            // both, as far as can be known
    int64_t round_trip_ms; // -1: not known
    int64_t mappings;      // in the server's NAT; -1: not known
};

// What differs between open and keyed mode, chosen when the program starts.
struct phones_mode {
    void (*opened)(struct phones *phones, struct client_conn *conn);
    void (*message)(struct client_conn *conn, uint8_t opcode, uint8_t *data, size_t length);
    // The path has closed, and its phone is gone for all that is known.
    void (*path_closed)(struct phones *phones, uint16_t status);
    void (*tick)(struct phones *phones); // about once a second
    void (*goodbye)(struct phones *phones);
    struct shown (*show)(const struct phones *phones);
    void (*write_status)(const struct phones *phones, struct text *text);
};
extern const struct phones_mode open_mode;  // open.c
extern const struct phones_mode keyed_mode; // keyed.c

struct phones {
    const struct log *log;
    struct loop *loop;
    const struct phones_mode *mode;
    struct machine *machine;
    struct keyed *keyed; // NULL in open mode
    bool said_keyed;     // open mode: that the server wants a key
    struct path path;
    struct loop_timer *alarm; // for the link
    struct client_conn conns[CLIENT_CONNS];
    struct crowd_place crowd[CLIENT_CONNS]; // whose they are; the path has left it
    uint32_t serial;                        // of the last connection that opened
    unsigned opened;                        // connections since opened_since_ms
    int64_t opened_since_ms;
};

// Prepares the connections and the link; log, loop, mode and its part are set already. `keys`: what
// the link seals with, or NULL in open mode.
void phones_init(struct phones *phones, struct session_keys *keys,
                 const struct siphash_key *queue_key);
// A free connection for a phone, for struct ws_door.
struct ws_conn *phones_accept(void *arg, const struct endpoint *peer,
                              const struct http_text *query);
// Sends what was queued.
void phones_pump(struct phones *phones);
// Time limits; about once a second.
void phones_tick(struct phones *phones);
// Says goodbye to all.
void phones_close(struct phones *phones);

// Sends on this connection from now on, or with NULL on none.
void phones_set_path(struct phones *phones, struct client_conn *conn);
// The path, or NULL.
struct client_conn *phones_path(struct phones *phones);
// The connection that a person would call the phone's: the path, or else the one that opened last,
// or NULL.
const struct ws_conn *phones_shown(const struct phones *phones);

#endif
