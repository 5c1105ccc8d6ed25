// SPDX-License-Identifier: ISC
// A WebSocket echo server on src/ws, for outside test suites: ws-echo ADDR:PORT
//
// Path "/", text and binary messages of up to WS_MESSAGE_MAX bytes are sent back as they came. When
// a peer does not read its echoes, nothing more is read from it until it does.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ws/door.h"

#define PEERS   64
#define TX_SIZE (WS_MESSAGE_MAX + 1024)

struct echo_peer {
    struct ws_conn conn;
    uint8_t rx[WS_RX_SIZE];
    uint8_t tx[TX_SIZE];
};

struct echo {
    struct log log;
    struct loop loop;
    struct http_host host;
    struct echo_peer peers[PEERS];
};

static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    struct echo_peer *peer = arg;
    uint8_t *payload = ws_conn_begin(&peer->conn, opcode, length);
    if (payload == NULL)
        return false;
    memcpy(payload, data, length);
    ws_conn_commit(&peer->conn);
    return true;
}

static void on_writable(void *arg) {
    struct echo_peer *peer = arg;
    ws_conn_resume(&peer->conn);
}

static void on_closed(void *arg, uint16_t status) {
    (void)arg;
    (void)status;
}

static const struct ws_conn_events events = {
    .message = on_message,
    .writable = on_writable,
    .closed = on_closed,
};

static struct ws_conn *on_accept(void *arg, const struct endpoint *from,
                                 const struct http_text *query) {
    struct echo *echo = arg;
    (void)from;
    (void)query;
    for (size_t i = 0; i < PEERS; i++)
        if (echo->peers[i].conn.state == WS_FREE)
            return &echo->peers[i].conn;
    return NULL;
}

static void on_tick(void *arg) {
    struct echo *echo = arg;
    http_host_tick(&echo->host);
    for (size_t i = 0; i < PEERS; i++) ws_conn_tick(&echo->peers[i].conn);
}

int main(int argc, char **argv) {
    static struct echo echo;
    struct endpoint endpoint;
    echo.log = (struct log){.program = "ws-echo", .level = LOG_LEVEL_INFO};
    if (argc != 2 || endpoint_parse(&endpoint, argv[1], 9001) < 0) {
        fprintf(stderr, "usage: ws-echo ADDR:PORT\n");
        return 2;
    }
    struct ws_door door = {on_accept, &echo};
    struct http_host_config config = {.path = "/", .protocol = &ws_protocol, .protocol_arg = &door};
    if (loop_init(&echo.loop) < 0)
        return 1;
    http_host_init(&echo.host, &echo.loop, &config);
    for (size_t i = 0; i < PEERS; i++) {
        struct echo_peer *peer = &echo.peers[i];
        ws_conn_init(&peer->conn, &echo.loop, &events, peer, peer->rx, sizeof peer->rx,
                     WS_MESSAGE_MAX, peer->tx, sizeof peer->tx);
    }
    int fd = socket_listen(&endpoint, NULL);
    if (fd < 0 || http_host_listen(&echo.host, fd) < 0) {
        perror("ws-echo: cannot listen");
        return 1;
    }
    loop_every(&echo.loop, 1000, on_tick, &echo);
    log_info(&echo.log, "listening on ws://%s/", argv[1]);
    loop_run(&echo.loop);
    http_host_close(&echo.host);
    loop_close(&echo.loop);
    return 0;
}
