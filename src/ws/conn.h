// SPDX-License-Identifier: ISC
// A WebSocket connection that never blocks: the receiver and the frames of this folder, put on a
// socket and the poll() loop. Both roles, server and client (RFC 6455).
#pragma once

#include "../base/loop.h"
#include "handshake.h"
#include "receiver.h"

enum ws_state {
    WS_FREE,       // no socket: may be given a connection
    WS_CONNECTING, // client: TCP is being set up
    WS_HANDSHAKE,  // client: the request is sent, the response awaited
    WS_OPEN,
    WS_CLOSING,  // our Close frame is sent, the peer's awaited
    WS_DRAINING, // both are done: what is left is sent, then the end of the stream awaited
};

// What the owner hears; `arg` is the owner's own. Any of them may call any function below.
struct ws_conn_events {
    // The connection is open: messages may be sent. May be NULL.
    void (*opened)(void *arg);
    // A whole message, WS_TEXT or WS_BINARY; the owner may write over it. False: not now; the same
    // message comes again after ws_conn_resume(), and nothing is read until then.
    bool (*message)(void *arg, uint8_t opcode, uint8_t *data, size_t length);
    // The receive buffer is full of a message that is not whole yet, of which the first `length`
    // bytes are here: the owner gives a larger one with ws_conn_grow(), or has it thrown away with
    // ws_conn_skip(), and returns true; or the message is too big (1009). May be NULL where the
    // buffer has room for the longest message.
    bool (*crowded)(void *arg, uint8_t opcode, const uint8_t *data, size_t length);
    // All that one read brought was given out: a good time to send in one go. May be NULL.
    void (*batch_end)(void *arg);
    // The send buffer was full and has room again. May be NULL.
    void (*writable)(void *arg);
    // No message comes or goes any more; heard once for each connection, also for one that could
    // not be opened. `status` as in the peer's Close frame, or WS_STATUS_ABNORMAL and the like.
    void (*closed)(void *arg, uint16_t status);
};

struct ws_conn {
    struct loop *loop;
    const struct ws_conn_events *events;
    void *arg;
    struct endpoint peer;
    int fd;
    enum ws_state state;
    bool is_client;
    bool is_draft76;    // server: speaks draft76.h, text alone; to be set before ws_conn_adopt()
    int error;          // why it was lost: errno, or 0
    int refused_status; // client: what the server answered instead of 101, or 0
    bool paused;        // the owner said "not now"
    bool held;          // and this event of the receiver waits for it
    bool wants_room;    // a message did not fit: `writable` is owed
    bool ping_sent;
    int64_t deadline_ms; // of every state but WS_OPEN
    int64_t heard_ms;    // when bytes last came
    int64_t moved_ms;    // when bytes last went, or began to wait
    struct ws_receiver receiver;
    uint8_t *tx;
    size_t tx_size;
    size_t tx_start;
    size_t tx_end;
    struct ws_frame pending; // between ws_conn_begin() and ws_conn_commit()
    size_t pending_head;     // bytes that its head takes
    uint8_t random[64];      // client: masks not used yet
    size_t random_used;
    char key[WS_KEY_TEXT_SIZE]; // client: what was asked
};

// Prepares a free connection with the owner's buffers: `rx_size` as ws_receiver_init() wants it for
// `message_max`, or less where the owner hears `crowded`; `tx_size` at least WS_HEAD_MAX + the
// longest message to be sent + 256, and for a server at least what its response takes (1 KiB will
// do).
void ws_conn_init(struct ws_conn *conn, struct loop *loop, const struct ws_conn_events *events,
                  void *arg, uint8_t *rx, size_t rx_size, size_t message_max, uint8_t *tx,
                  size_t tx_size);

// Throws the message away that `crowded` is about.
void ws_conn_skip(struct ws_conn *conn);
// Moves to larger buffers, with all that is in those of now. Not between ws_conn_begin() and
// ws_conn_commit().
void ws_conn_grow(struct ws_conn *conn, uint8_t *rx, size_t rx_size, uint8_t *tx, size_t tx_size);

// Server: takes over an accepted socket whose request was good: sends `response` and goes on with
// bytes that were read beyond the request. Returns 0, or -1 (then the socket is the caller's
// still).
int ws_conn_adopt(struct ws_conn *conn, int fd, const struct endpoint *peer, const char *response,
                  size_t response_length, const uint8_t *more, size_t more_length);
// Client: begins to connect. Returns 0, or -1 with errno set; the rest is heard through the events.
int ws_conn_connect(struct ws_conn *conn, const struct endpoint *to, const char *host,
                    const char *path);

// Sends one message in two steps: begin gives the place for exactly `length` bytes of payload, or
// NULL when the send buffer has no room now (`writable` tells when) or the connection is not open;
// commit finishes it; what is not committed is not sent. Nothing is sent before ws_conn_flush().
// Whether there is room for a message of `length` bytes; where not, `writable` tells when to ask
// again.
bool ws_conn_has_room(struct ws_conn *conn, size_t length);
uint8_t *ws_conn_begin(struct ws_conn *conn, uint8_t opcode, size_t length);
void ws_conn_commit(struct ws_conn *conn);
// The same where fewer than the `length` bytes asked for were put there.
void ws_conn_commit_part(struct ws_conn *conn, size_t length);
void ws_conn_flush(struct ws_conn *conn);
// Bytes in the send buffer that the kernel has not taken.
size_t ws_conn_unsent(const struct ws_conn *conn);

// Gives out what was held back, and reads on.
void ws_conn_resume(struct ws_conn *conn);

// Closes in good order (section 7.1.2). `reason` is UTF-8, at most 123 bytes, may be "".
void ws_conn_close(struct ws_conn *conn, uint16_t status, const char *reason);
// Closes at once. The connection is free afterwards; `closed` is heard if it was not before.
void ws_conn_abort(struct ws_conn *conn);

// Pings the peer now: heard_ms shows whether it is there.
void ws_conn_ask(struct ws_conn *conn);
// Time limits, keep-alive pings; call about once a second.
void ws_conn_tick(struct ws_conn *conn);
