// The context of tether-server, for its parts: server.c (the story, and the host's network),
// server_phones.c (the connections of laptops' phones), server_records.c (what laptops say),
// server_laptops.c (who has a place), server_keys.c (its secrets), server_status.c (what it tells of
// itself).
#ifndef TETHER_SERVER_SERVER_H
#define TETHER_SERVER_SERVER_H

#include "../base/crowd.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "../base/siphash.h"
#include "../base/text.h"
#include "../ip/coalesce.h"
#include "../nat/nat.h"
#include "../session/responder.h"
#include "../tun/tun.h"
#include "../tunnel/link.h"
#include "../wire/wire.h"
#include "../ws/door.h"
#include "options.h"

// In keyed mode a laptop is known by the identity that its session began with. In open mode, by the
// id that its page hands on in the WebSocket's address (?id=), so that it keeps its mappings
// whatever phone it has; without one, by its phone's address, for want of anything better in the
// classic protocol.
#define LAPTOP_ID_MAX 65

struct server;

struct laptop {
    struct server *server;
    bool used;
    char id[LAPTOP_ID_MAX]; // "": known by its phone
    bool touched;           // packets were queued for it and not yet sent
    struct endpoint phone;
    uint32_t address; // inside, host byte order; 0 in open mode
    int64_t seen_ms;
    uint32_t told_mappings;  // how many it has in the NAT, as it was last told
    struct tunnel_link link; // link.conn is the path: the connection that is sent on
};

struct server_conn;

// The large buffers of a connection that carries a laptop's traffic.
struct carriage {
    struct server_conn *user;
    uint8_t rx[WS_RX_SIZE];
    uint8_t tx[LINK_TX_SIZE];
};

struct server_conn {
    struct server *server;
    struct laptop *laptop;     // keyed: NULL until a genuine message came
    struct carriage *carriage; // or NULL: a stranger
    struct ws_conn ws;
    uint32_t serial;        // connections are numbered as they open
    bool text;              // the form of the last message on it
    int64_t genuine_ms;     // when it opened, or last brought a genuine message
    unsigned strange;       // messages that were not genuine
    struct pending pending; // keyed: a handshake that is not over
    uint8_t rx[STRANGER_RX];
    uint8_t tx[STRANGER_TX];
};

struct server {
    struct server_options options;
    struct log log;
    struct loop loop;
    struct page page;
    struct http_host host;
    struct ws_door door; // of the WebSockets
    struct wire wire;
    struct nat nat;
    struct siphash_key port_key;  // of the NAT's outside ports
    struct tun host_tun;          // to this host's own IP stack; fd -1 without one
    struct siphash_key queue_key; // random
    struct loop_timer *alarm;     // for the links
    struct responder responder;
    struct configuration configuration; // what laptops are told; the address is each one's own
    struct laptop laptops[SERVER_LINKS];
    struct server_conn conns[SERVER_CONNS];
    struct crowd_place strangers[SERVER_CONNS]; // beside conns[]: who holds the places of strangers
    struct carriage carriages[SERVER_CARRIAGES];
    uint32_t serial;                // of the last connection that opened
    struct ip_coalescer coalescer;  // of what a laptop sends
    uint8_t segment[IP_PACKET_MAX]; // where super-packets for the host are taken apart
    uint8_t host_packet[TUN_READ_MAX];
    int64_t started_ms;
    uint64_t bad_offload;
    uint64_t host_write;        // packets that the host's own stack did not take
    uint64_t refused_laptops;   // no place for one more
    uint64_t strange_messages;  // too long for a stranger
    uint64_t strangers_evicted; // connections that gave way to newer ones
};

// server_laptops.c: a laptop's number, which the NAT and its sessions know it by.
uint16_t server_laptop_number(const struct server *server, const struct laptop *laptop);
// Open mode: the laptop that a phone comes for, by the id in its request or else by the phone.
// NULL: no place.
struct laptop *server_find_open_laptop(struct server *server, const struct endpoint *phone,
                                       const struct http_text *query);
// Keyed mode, for struct responder_config: the number of the laptop that made an offer and has
// shown that it is there, or -1: no place.
int server_admit(void *arg, const struct offer *offer);

// server_phones.c: prepares laptops and connections; `key` in keyed mode, else NULL. Returns 0, or
// -1 after having said what is wrong.
int server_laptops_init(struct server *server, const uint8_t key[KEY_SIZE]);
// A connection for a phone, for http_host.
struct ws_conn *server_accept(void *arg, const struct endpoint *peer,
                              const struct http_text *query);
// Sends what was queued for laptops.
void server_pump(struct server *server);
// Time limits; about once a second.
void server_laptops_tick(struct server *server);
// Says goodbye to all.
void server_laptops_close(struct server *server);

// server_records.c: tells a laptop what it must know.
void server_send_configuration(struct server *server, struct laptop *laptop);
// Tells it how many mappings it has.
void server_send_status(struct server *server, struct laptop *laptop);
// Takes the records of a laptop's message that opened in place, SEALED_HEAD bytes behind its start.
void server_hear_records(struct server *server, struct laptop *laptop, uint8_t *bytes,
                         size_t length);

// server_keys.c: reads or makes what the server keeps secret: the key that laptops must know, and
// the one that chooses the NAT's ports, in a file beside it. Returns 0, or -1 after having said
// what is wrong. In keyed mode prints the laptop's line if the key is new.
int server_read_keys(struct server *server, uint8_t key[KEY_SIZE]);
// Prints the line that starts tether-client with this key.
void server_print_line(const struct server *server, const uint8_t key[KEY_SIZE]);
// --new-key. Returns the program's exit status.
int server_make_new_key(struct server *server);

// server_status.c: writes status.json.
void server_write_status(const struct server *server, struct text *text);

#endif
