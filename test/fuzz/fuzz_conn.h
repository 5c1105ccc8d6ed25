// SPDX-License-Identifier: ISC
// A server's connection on one end of a socket pair, for fuzz targets that play its peer.
#ifndef TETHER_TEST_FUZZ_FUZZ_CONN_H
#define TETHER_TEST_FUZZ_FUZZ_CONN_H

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "ws/conn.h"

#define PLAY_MESSAGE_MAX 1000
#define PLAY_RESPONSE    "101"

struct play {
    struct loop loop;
    struct ws_conn conn;
    int peer;
    unsigned opened;
    unsigned closed;
    uint16_t status; // what the owner was told
    unsigned messages;
    uint8_t refusals; // bit by bit: is the next message taken?
    bool end_in_message;
    uint8_t rx[PLAY_MESSAGE_MAX + WS_HEAD_MAX + WS_CONTROL_MAX];
    uint8_t tx[PLAY_MESSAGE_MAX + WS_HEAD_MAX + 256];
};

static inline void play_opened(void *arg) {
    struct play *play = arg;
    EXPECT(play->opened++ == 0 && play->closed == 0);
}

// The owner echoes what it gets, or says "not now".
static inline bool play_message(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    struct play *play = arg;
    EXPECT(play->opened == 1 && play->closed == 0);
    EXPECT(length <= PLAY_MESSAGE_MAX);
    EXPECT(opcode == WS_BINARY || (opcode == WS_TEXT && is_utf8(data, length)));
    bool take = (play->refusals & 1) == 0;
    play->refusals >>= 1;
    if (!take)
        return false;
    play->messages++;
    if (play->end_in_message) {
        ws_conn_close(&play->conn, WS_STATUS_GOING_AWAY, "enough");
        return true;
    }
    uint8_t *payload = ws_conn_begin(&play->conn, opcode, length);
    if (payload == NULL)
        return false;
    memcpy(payload, data, length);
    ws_conn_commit(&play->conn);
    return true;
}

static inline void play_writable(void *arg) {
    struct play *play = arg;
    ws_conn_resume(&play->conn);
}

static inline void play_closed(void *arg, uint16_t status) {
    struct play *play = arg;
    EXPECT(play->closed++ == 0);
    play->status = status;
}

static const struct ws_conn_events play_events = {
    .opened = play_opened,
    .message = play_message,
    .writable = play_writable,
    .closed = play_closed,
};

static inline void play_begin(struct play *play) {
    struct endpoint from;
    int fds[2];
    memset(play, 0, offsetof(struct play, rx));
    memset(&from, 0, sizeof from);
    EXPECT(loop_init(&play->loop) == 0);
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    play->peer = fds[1];
    ws_conn_init(&play->conn, &play->loop, &play_events, play, play->rx, sizeof play->rx,
                 PLAY_MESSAGE_MAX, play->tx, sizeof play->tx);
    EXPECT(ws_conn_adopt(&play->conn, fds[0], &from, PLAY_RESPONSE, strlen(PLAY_RESPONSE), NULL,
                         0) == 0);
}

// One round of the loop, without waiting.
static inline void play_turn(struct play *play) {
    struct loop *loop = &play->loop;
    if (poll(loop->polled, (nfds_t)loop->count, 0) <= 0)
        return;
    for (int i = loop->count - 1; i >= 0; i--) {
        if (i >= loop->count || loop->polled[i].revents == 0)
            continue;
        loop->ready = loop->polled[i].revents;
        loop->polled[i].revents = 0;
        loop->watches[i].callback(loop->watches[i].arg);
    }
}

// Sends what the socket takes. Returns how much that was.
static inline size_t play_say(struct play *play, const uint8_t *bytes, size_t length) {
    ssize_t sent = send(play->peer, bytes, length, MSG_NOSIGNAL);
    return sent > 0 ? (size_t)sent : 0;
}

static inline void play_end(struct play *play) {
    ws_conn_abort(&play->conn);
    EXPECT(play->closed == 1);
    EXPECT(play->conn.state == WS_FREE && play->loop.count == 1);
    close(play->peer);
    loop_close(&play->loop);
}

#endif
