// SPDX-License-Identifier: ISC
// One end of a link over a socket pair, for its tests: the test is the phone, and reads what comes.
#ifndef TETHER_TEST_UNIT_LINK_LAB_H
#define TETHER_TEST_UNIT_LINK_LAB_H

#include "tunnel/link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"
#include "ws/base64.h"

static struct loop loop;
static struct tunnel_link end;
static struct ws_conn conn;
static uint8_t rx[WS_MESSAGE_MAX / 4];
static uint8_t tx[LINK_TX_SIZE];
static int peer = -1;
static bool gone;
static struct session_keys keys;   // of a keyed link
static int64_t clock_us = 1000000; // stands still, but for the tests that move it

static const struct siphash_key queue_key = {1, 2};

static inline bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    (void)arg;
    (void)opcode;
    (void)data;
    (void)length;
    return true;
}

static inline void on_writable(void *arg) {
    (void)arg;
    if (end.conn != NULL)
        tunnel_link_pump(&end, clock_us);
}

static inline void on_closed(void *arg, uint16_t status) {
    (void)arg;
    (void)status;
    gone = true;
    tunnel_link_set_conn(&end, NULL, clock_us);
}

static const struct ws_conn_events events = {
    .message = on_message,
    .writable = on_writable,
    .closed = on_closed,
};

static inline void turn(void) {
    if (poll(loop.polled, (nfds_t)loop.count, 0) <= 0)
        return;
    for (int i = loop.count - 1; i >= 0; i--) {
        if (i >= loop.count || loop.polled[i].revents == 0)
            continue;
        loop.ready = loop.polled[i].revents;
        loop.polled[i].revents = 0;
        loop.watches[i].callback(loop.watches[i].arg);
    }
}

static inline bool open_link(bool keyed) {
    int fds[2];
    char response[4];
    struct endpoint from;
    memset(&from, 0, sizeof from);
    gone = false;
    memset(&keys, 0, sizeof keys);
    if (loop_init(&loop) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
        return false;
    peer = fds[1];
    tunnel_link_init(&end, keyed ? &keys : NULL, &queue_key, clock_us);
    ws_conn_init(&conn, &loop, &events, NULL, rx, sizeof rx, sizeof rx - 1000, tx, sizeof tx);
    if (ws_conn_adopt(&conn, fds[0], &from, "101", 3, NULL, 0) < 0)
        return false;
    tunnel_link_set_conn(&end, &conn, clock_us);
    return recv(peer, response, sizeof response, 0) == 3;
}

static inline void close_link(void) {
    ws_conn_abort(&conn);
    if (peer >= 0)
        close(peer);
    peer = -1;
    loop_close(&loop);
}

// An IPv4 packet that says its number, all of them from one connection; of its header, as much as
// fits.
static inline void make_packet(uint8_t *packet, size_t length, uint32_t number) {
    const uint8_t header[20] = {
        0x45, 0, (uint8_t)(length >> 8), (uint8_t)length, [9] = 47, [12] = 10, [16] = 10,
    };
    for (size_t i = 0; i < length; i++) packet[i] = (uint8_t)(number * 31 + i * 7 + (i >> 8));
    memcpy(packet, header, length < sizeof header ? length : sizeof header);
    if (length >= 8)
        memcpy(packet + 4, &number, 4);
}

// The next message at the peer: WS_TEXT, WS_BINARY, or 0 when there is none.
static struct ws_receiver receiver;
static uint8_t receiver_buffer[300000];

static inline void listen_anew(void) {
    ws_receiver_init(&receiver, receiver_buffer, sizeof receiver_buffer, 200000, false);
}

static inline uint8_t next_message(void) {
    for (;;) {
        enum ws_event event = ws_receiver_next(&receiver);
        if (event == WS_EVENT_MESSAGE)
            return receiver.opcode;
        if (event != WS_EVENT_MORE)
            return 0xff;
        size_t room;
        uint8_t *to = ws_receiver_room(&receiver, &room);
        ssize_t got = recv(peer, to, room, MSG_DONTWAIT);
        if (got <= 0)
            return 0;
        ws_receiver_added(&receiver, (size_t)got);
    }
}

static inline void check_next(uint8_t opcode, const uint8_t *packet, size_t length) {
    static uint8_t decoded[IP_PACKET_MAX];
    CHECK_INT(next_message(), opcode);
    const uint8_t *bytes = receiver.data;
    size_t size = receiver.length;
    if (opcode == WS_TEXT) {
        CHECK_INT(receiver.length, BASE64_LENGTH(length));
        size = (size_t)base64_decode(decoded, (const char *)receiver.data, receiver.length);
        bytes = decoded;
    }
    CHECK_INT(size, length);
    CHECK_BYTES(bytes, packet, length);
}

#endif
