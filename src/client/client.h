// The context of tether-client, for its parts: client.c (the story, and the laptop's network),
// client_wifi.c (where phones find it),
// client_phone.c (phones and the session through them), client_records.c (what the server says),
// client_status.c (what it tells of itself), client_terminal.c (and on a terminal).
#ifndef TETHER_CLIENT_CLIENT_H
#define TETHER_CLIENT_CLIENT_H

#include "../base/crowd.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "../base/terminal.h"
#include "../base/text.h"
#include "../ip/coalesce.h"
#include "../session/initiator.h"
#include "../session/liveness.h"
#include "../tun/tun.h"
#include "../tunnel/link.h"
#include "../ws/door.h"
#include "options.h"

// Connections: the phone's, those of phones that it has replaced, on their way out, and strangers'.
#define CLIENT_CONNS 4

struct client;

struct client_conn {
    struct client *client;
    struct ws_conn ws;
    uint32_t serial;          // connections are numbered as they open
    bool heard;               // a message came on it,
    bool binary;              // one of them in binary: its phone carries that
    bool text;                // the form to send in
    unsigned pings;           // sent before a message came,
    unsigned offers;          // and offers
    bool has_delivered;       // keyed: the server was heard on it
    struct liveness liveness; // keyed: of the server, by what goes and comes on this connection
    uint8_t rx[WS_RX_SIZE];
    uint8_t tx[LINK_TX_SIZE];
};

// What the status line needs to remember.
struct client_shown {
    int64_t at_ms;
    uint64_t bytes_up; // at that time
    uint64_t bytes_down;
    int64_t connected_ms; // since when all is connected; -1: it is not
};

// Where phones find this laptop.
struct client_wifi {
    struct lent_address lent;
    int64_t renewed_ms;
    int listener; // bound to the interface that has the address; -1: one that is bound to none does
    int index;    // of the interface; 0: it is gone, or its address
};

struct client {
    struct client_options options;
    char server[SERVER_NAME_MAX + 6]; // HOST:PORT of the server; empty: the page is told none
    struct log log;
    struct terminal terminal; // of the status line
    struct client_shown shown;
    struct loop loop;
    struct page page;
    struct http_host host;
    struct ws_door door; // of the WebSockets
    struct tun tun;
    struct client_wifi wifi;
    struct siphash_key queue_key;  // random
    struct loop_timer *alarm;      // for the link
    struct tunnel_link link;       // link.conn is the path: the connection that is sent on
    struct ip_coalescer coalescer; // of what the laptop is given
    struct client_conn conns[CLIENT_CONNS];
    struct crowd_place crowd[CLIENT_CONNS]; // whose they are; the path has left it
    uint32_t serial;                        // of the last connection that opened
    unsigned opened;                        // connections since opened_since_ms
    int64_t opened_since_ms;
    uint32_t address; // the laptop's inside address, host byte order
    uint32_t mtu;     // of the TUN device
    int64_t started_ms;
    uint64_t not_ipv4;         // dropped: the tether carries IPv4, and what says its length
    uint64_t tun_write;        // dropped: the TUN device did not take it
    int64_t said_forbidden_ms; // when a page that was not let in was last told of; 0: never
    // Open mode.
    bool said_keyed;
    uint64_t id; // random; by it the server knows this laptop again, whatever phone it has
    // Keyed mode.
    struct initiator initiator;
    int64_t round_trip_ms;              // of the last ping that was answered; -1: none was
    struct configuration configuration; // what the server said; all zero before
    int64_t mappings;                   // in the server's NAT, as it said; -1 before
    int64_t cut_pause_ms; // how long the next silence must be for the phone to be told
    int64_t said_wrong_key_ms;
    bool said_silent;
    uint64_t sessions;
    uint64_t path_changes;
};

// client_wifi.c: puts the address on the Wi-Fi interface if it is to, and listens there. Returns 0,
// or -1 after having said what is wrong.
int client_wifi_open(struct client *client);
// Follows the interface; about once a second.
void client_wifi_tick(struct client *client);

// client_phone.c: prepares the connections.
void client_phone_init(struct client *client);
// A free connection for a phone, for http_host.
struct ws_conn *client_phone_accept(void *arg, const struct endpoint *peer,
                                    const struct http_text *query);
// Whether a request may come in, for http_host: 0, or the status to refuse it with, and why.
int client_admit(void *arg, const struct http_request *request, bool websocket, struct text *why);
// Sends what was queued.
void client_pump(struct client *client);
// The path, or NULL.
struct client_conn *client_path(const struct client *client);
// The connection that a person would call the phone's: the path, or else the one that opened last,
// or NULL.
const struct ws_conn *client_phone(const struct client *client);
// What is due in time: about once a second, and several times a second.
void client_phone_tick(struct client *client);
void client_session_tick(void *arg, short events);
// Says goodbye to all.
void client_phone_close(struct client *client);

// client_records.c: gives the laptop a packet.
void client_deliver(struct client *client, const uint8_t *packet, size_t length);
// Takes the records of a message that opened in place, SEALED_HEAD bytes behind its start.
// `is_newest`: the server has said nothing since.
void client_hear_records(struct client *client, bool is_newest, uint8_t *bytes, size_t length);

// client_status.c: the bodies of status.json and config.json, for http_host.
int client_dynamic(void *arg, const struct endpoint *peer, const struct http_text *path, char *body,
                   size_t size);
// What the session does, in a word or two.
const char *client_session_state(const struct client *client);

// client_terminal.c: looks for a terminal to show the status line on, if it is wanted.
void client_terminal_open(struct client *client);
// Says where the phone finds this laptop.
void client_terminal_welcome(const struct client *client);
// Draws the status line; about once a second.
void client_terminal_tick(struct client *client);

#endif
