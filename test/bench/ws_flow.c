// SPDX-License-Identifier: ISC
// Either end of the barest relay that a browser can be, to know what the browser itself costs: a
// server of the page in barest/, and of a WebSocket that pours or swallows messages.
//
//   ws-flow ADDR:PORT FOLDER
//
// ".../flow?source" is sent messages of 64 KiB without end, ".../flow?source-1400" such of 1400
// bytes, and
// ".../flow?source-1400-20" 20 Mbit/s of them; what ".../flow?NAME" sends is counted, and said in
// lines as flow.py says them: the name, CLOCK_MONOTONIC in ms, and the bytes of the last tenth of a
// second.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ws/door.h"

#define PEERS       4
#define MESSAGE_MAX 65536
#define TX_SIZE     (8 * MESSAGE_MAX)
#define TICK_MS     100

struct flow_peer {
    struct ws_conn conn;
    size_t size;    // of the messages that it is sent; 0: none
    size_t limit;   // bytes that it is sent in a tick; 0: as many as it takes
    size_t allowed; // until the next tick
    char name[32];
    uint64_t bytes; // since the last line
    uint8_t rx[WS_RX_SIZE];
    uint8_t tx[TX_SIZE];
};

struct flow {
    struct loop loop;
    struct http_host host;
    struct page page;
    int ticks;
    struct flow_peer peers[PEERS];
};

static void pour(void *arg) {
    struct flow_peer *peer = arg;
    if (peer->size == 0)
        return;
    while ((peer->limit == 0 || peer->allowed >= peer->size) &&
           ws_conn_begin(&peer->conn, WS_BINARY, peer->size) != NULL) {
        ws_conn_commit(&peer->conn);
        if (peer->limit > 0)
            peer->allowed -= peer->size;
    }
    ws_conn_flush(&peer->conn);
}

static bool swallow(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    struct flow_peer *peer = arg;
    (void)opcode;
    (void)data;
    peer->bytes += length;
    return true;
}

static void on_closed(void *arg, uint16_t status) {
    (void)arg;
    (void)status;
}

static const struct ws_conn_events events = {
    .opened = pour,
    .message = swallow,
    .writable = pour,
    .closed = on_closed,
};

// What a peer is sent, by its name.
static void choose_source(struct flow_peer *peer) {
    char *rest = "";
    peer->size = peer->limit = peer->allowed = 0;
    if (strncmp(peer->name, "source", 6) != 0)
        return;
    unsigned long size = peer->name[6] == '-' ? strtoul(peer->name + 7, &rest, 10) : MESSAGE_MAX;
    peer->size = size > 0 && size < MESSAGE_MAX ? size : MESSAGE_MAX;
    if (*rest == '-')
        peer->limit = strtoul(rest + 1, NULL, 10) * (1000000 / 8 / (1000 / TICK_MS));
}

static struct ws_conn *on_accept(void *arg, const struct endpoint *from,
                                 const struct http_text *query) {
    struct flow *flow = arg;
    (void)from;
    for (size_t i = 0; i < PEERS; i++) {
        struct flow_peer *peer = &flow->peers[i];
        if (peer->conn.state != WS_FREE)
            continue;
        snprintf(peer->name, sizeof peer->name, "%.*s", (int)query->length, query->start);
        choose_source(peer);
        peer->bytes = 0;
        return &peer->conn;
    }
    return NULL;
}

// As flow.py has it: the loop's own clock is another.
static long long monotonic_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void on_tick(void *arg) {
    struct flow *flow = arg;
    for (size_t i = 0; i < PEERS; i++) {
        struct flow_peer *peer = &flow->peers[i];
        if (peer->bytes > 0)
            printf("%s %lld %llu\n", peer->name, monotonic_ms(), (unsigned long long)peer->bytes);
        peer->bytes = 0;
        if (peer->limit > 0 && peer->conn.state == WS_OPEN) {
            peer->allowed += peer->allowed < peer->limit
                                 ? peer->limit
                                 : 0; // what was not taken is not made up for
            pour(peer);
        }
    }
    fflush(stdout);
    if (++flow->ticks % (1000 / TICK_MS) != 0)
        return;
    http_host_tick(&flow->host);
    for (size_t i = 0; i < PEERS; i++) ws_conn_tick(&flow->peers[i].conn);
}

int main(int argc, char **argv) {
    static struct flow flow;
    struct endpoint endpoint;
    if (argc != 3 || endpoint_parse(&endpoint, argv[1], 7000) < 0 ||
        page_open(&flow.page, argv[2], NULL) < 0) {
        fprintf(stderr, "usage: ws-flow ADDR:PORT FOLDER\n");
        return 2;
    }
    struct ws_door door = {on_accept, &flow};
    struct http_host_config config = {
        .path = "/flow", .protocol = &ws_protocol, .protocol_arg = &door, .page = &flow.page};
    if (loop_init(&flow.loop) < 0)
        return 1;
    http_host_init(&flow.host, &flow.loop, &config);
    for (size_t i = 0; i < PEERS; i++) {
        struct flow_peer *peer = &flow.peers[i];
        ws_conn_init(&peer->conn, &flow.loop, &events, peer, peer->rx, sizeof peer->rx,
                     WS_MESSAGE_MAX, peer->tx, sizeof peer->tx);
    }
    int fd = socket_listen(&endpoint, NULL);
    if (fd < 0 || http_host_listen(&flow.host, fd) < 0) {
        perror("ws-flow: cannot listen");
        return 1;
    }
    loop_every(&flow.loop, TICK_MS, on_tick, &flow);
    loop_run(&flow.loop);
    http_host_close(&flow.host);
    loop_close(&flow.loop);
    return 0;
}
