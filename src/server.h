// The context of tether-server, for server.c and the part that reports on it.
#ifndef TETHER_SERVER_H
#define TETHER_SERVER_H

#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "nat/nat.h"
#include "server_options.h"
#include "tun/tun.h"
#include "tunnel/link.h"
#include "wire/wire.h"
#include "ws/host.h"

// Connections: one for each laptop, and some for those on their way out.
#define LAPTOP_ID_MAX 65
#define SERVER_CONNS  (SERVER_LINKS + 4)

// A laptop is known by the id that its page hands on in the WebSocket's address (?id=), so that it keeps
// its mappings whatever phone it has; without one, by its phone's address, for want of anything better
// in the classic protocol.
struct laptop {
    bool used;
    char id[LAPTOP_ID_MAX]; // "": known by its phone
    bool touched;           // packets were queued for it and not yet sent
    struct endpoint phone;
    int64_t seen_ms;
    struct tunnel_link link;
};

struct server;

struct server_conn {
    struct server *server;
    struct laptop *laptop;
    struct ws_conn ws;
    uint8_t rx[WS_RX_SIZE];
    uint8_t tx[LINK_TX_SIZE];
};

struct server {
    struct server_options options;
    struct log log;
    struct loop loop;
    struct page page;
    struct ws_host host;
    struct wire wire;
    struct nat nat;
    struct tun host_tun; // to this host's own IP stack; fd -1 without one
    struct laptop laptops[SERVER_LINKS];
    struct server_conn conns[SERVER_CONNS];
    uint8_t segment[IP_PACKET_MAX]; // where super-packets are taken apart
    uint8_t host_packet[IP_PACKET_MAX];
    int64_t started_ms;
    uint64_t bad_offload;
    uint64_t host_write;      // packets that the host's own stack did not take
    uint64_t refused_laptops; // no place for one more
};

// Writes status.json.
void server_write_status(const struct server *server, struct text *text);

#endif
