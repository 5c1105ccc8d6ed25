// SPDX-License-Identifier: ISC
// The life of a connection:
//
//   server:  FREE --adopt--> OPEN
//   client:  FREE --connect--> CONNECTING --> HANDSHAKE --> OPEN
//   both:    OPEN --our Close frame--> CLOSING --the peer's--> DRAINING --> FREE
//            OPEN --the peer's Close frame, and our answer--> DRAINING --> FREE
//
// Each state but OPEN has a time limit, so a peer that stops half-way costs one slot for some
// seconds. In OPEN, a silent peer is sent a ping (section 5.5.2) and given up when it stays silent.
//
// Closing: after the Close frames have gone both ways, the sending side of the socket is shut down
// and input thrown away until the peer's end arrives. Closing a socket with unread input would make
// the kernel send a RST, which can destroy the Close frame on its way (RFC 9293 section 3.10.4).
#include "conn.h"
#include "../base/bytes.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

// What is kept free in the send buffer for control frames when messages fill the rest.
#define CONTROL_RESERVE 256

static void on_socket(void *arg);

void ws_conn_init(struct ws_conn *conn, struct loop *loop, const struct ws_conn_events *events,
                  void *arg, uint8_t *rx, size_t rx_size, size_t message_max, uint8_t *tx,
                  size_t tx_size) {
    memset(conn, 0, sizeof *conn);
    conn->loop = loop;
    conn->events = events;
    conn->arg = arg;
    conn->fd = -1;
    conn->tx = tx;
    conn->tx_size = tx_size;
    ws_receiver_init(&conn->receiver, rx, rx_size, message_max, true);
}

// Begins a life on a socket.
static int start(struct ws_conn *conn, int fd, const struct endpoint *peer, bool is_client,
                 enum ws_state state) {
    struct ws_receiver *r = &conn->receiver;
    short events = state == WS_CONNECTING ? POLLOUT : POLLIN;
    if (loop_add(conn->loop, fd, events, on_socket, conn) < 0)
        return -1;
    conn->fd = fd;
    conn->peer = *peer;
    conn->is_client = is_client;
    conn->state = state;
    conn->paused = conn->held = conn->ping_sent = conn->wants_room = false;
    conn->deadline_ms = conn->loop->now_ms + WS_OPEN_TIMEOUT_MS;
    conn->heard_ms = conn->moved_ms = conn->loop->now_ms;
    conn->tx_start = conn->tx_end = 0;
    conn->error = conn->refused_status = 0;
    ws_receiver_init(r, r->buffer, r->size, r->message_max, !is_client && !conn->is_draft76);
    r->is_draft76 = conn->is_draft76;
    return 0;
}

static void release(struct ws_conn *conn) {
    loop_remove(conn->loop, conn->fd);
    close(conn->fd);
    conn->fd = -1;
    conn->state = WS_FREE;
}

void ws_conn_abort(struct ws_conn *conn) {
    enum ws_state state = conn->state;
    if (state == WS_FREE)
        return;
    release(conn);
    if (state <= WS_OPEN)
        conn->events->closed(conn->arg, WS_STATUS_ABNORMAL);
}

size_t ws_conn_unsent(const struct ws_conn *conn) { return conn->tx_end - conn->tx_start; }

static void update_events(struct ws_conn *conn) {
    if (conn->state == WS_FREE || conn->state == WS_CONNECTING)
        return;
    short events = conn->paused ? 0 : POLLIN;
    if (ws_conn_unsent(conn) > 0 || (conn->wants_room && conn->state == WS_OPEN))
        events |= POLLOUT;
    loop_set_events(conn->loop, conn->fd, events);
}

// Hands the send buffer to the kernel as far as it takes it. Returns -1 when the socket is broken.
static int send_buffer(struct ws_conn *conn) {
    while (ws_conn_unsent(conn) > 0) {
        ssize_t sent = send(conn->fd, conn->tx + conn->tx_start, ws_conn_unsent(conn), 0);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
        conn->tx_start += (size_t)sent;
        conn->moved_ms = conn->loop->now_ms;
    }
    conn->tx_start = conn->tx_end = 0;
    return 0;
}

// Both sides are done: sends the rest, then waits for the peer's end of the stream.
static void drain(struct ws_conn *conn) {
    if (conn->state != WS_DRAINING) {
        conn->state = WS_DRAINING;
        conn->deadline_ms = conn->loop->now_ms + WS_CLOSE_TIMEOUT_MS;
        conn->paused = conn->held = false;
    }
    if (send_buffer(conn) < 0) {
        release(conn);
        return;
    }
    if (ws_conn_unsent(conn) == 0)
        shutdown(conn->fd, SHUT_WR);
    update_events(conn);
}

void ws_conn_flush(struct ws_conn *conn) {
    if (conn->state == WS_FREE || conn->state == WS_CONNECTING)
        return;
    if (conn->state == WS_DRAINING)
        drain(conn);
    else if (send_buffer(conn) < 0)
        ws_conn_abort(conn);
    else
        update_events(conn);
}

// Room for `length` more bytes in the send buffer, or NULL.
static uint8_t *tx_room(struct ws_conn *conn, size_t length) {
    if (length > conn->tx_size - ws_conn_unsent(conn))
        return NULL;
    if (length > conn->tx_size - conn->tx_end) {
        memmove(conn->tx, conn->tx + conn->tx_start, ws_conn_unsent(conn));
        conn->tx_end -= conn->tx_start;
        conn->tx_start = 0;
    }
    return conn->tx + conn->tx_end;
}

// Masks must not be guessable (section 10.3); a system call for each would be a waste.
static void take_random(struct ws_conn *conn, uint8_t *out, size_t length) {
    if (conn->random_used == 0 || conn->random_used + length > sizeof conn->random) {
        while (getentropy(conn->random, sizeof conn->random) < 0) continue;
        conn->random_used = 0;
    }
    memcpy(out, conn->random + conn->random_used, length);
    conn->random_used += length;
}

// Puts a frame's head into the send buffer. Returns the place of its payload, or NULL.
static uint8_t *begin_frame(struct ws_conn *conn, uint8_t opcode, size_t length) {
    uint8_t *at = tx_room(conn, WS_HEAD_MAX + length);
    if (at == NULL)
        return NULL;
    if (ws_conn_unsent(conn) == 0)
        conn->moved_ms = conn->loop->now_ms;
    conn->pending = (struct ws_frame){
        .final = true, .masked = conn->is_client, .opcode = opcode, .length = length};
    conn->pending.delimited = conn->is_draft76;
    if (conn->is_client)
        take_random(conn, conn->pending.mask, sizeof conn->pending.mask);
    conn->pending_head = ws_write_head(at, &conn->pending);
    return at + conn->pending_head;
}

void ws_conn_commit(struct ws_conn *conn) {
    size_t length = (size_t)conn->pending.length;
    conn->tx_end += conn->pending_head;
    if (conn->pending.masked)
        ws_mask(conn->tx + conn->tx_end, length, conn->pending.mask, 0);
    conn->tx_end += length;
    if (conn->is_draft76)
        conn->tx[conn->tx_end++] = conn->pending.opcode == WS_CLOSE ? 0x00 : 0xff;
}

// The head says the length in as few bytes as it takes (section 5.2), which may be fewer now.
void ws_conn_commit_part(struct ws_conn *conn, size_t length) {
    uint8_t *at = conn->tx + conn->tx_end;
    conn->pending.length = length;
    size_t head = ws_write_head(at, &conn->pending);
    if (head < conn->pending_head)
        memmove(at + head, at + conn->pending_head, length);
    conn->pending_head = head;
    ws_conn_commit(conn);
}

bool ws_conn_has_room(struct ws_conn *conn, size_t length) {
    size_t room = conn->tx_size - ws_conn_unsent(conn);
    if (conn->state != WS_OPEN)
        return false;
    if (room >= CONTROL_RESERVE + WS_HEAD_MAX && room - CONTROL_RESERVE - WS_HEAD_MAX >= length)
        return true;
    conn->wants_room = true;
    update_events(conn);
    return false;
}

uint8_t *ws_conn_begin(struct ws_conn *conn, uint8_t opcode, size_t length) {
    return ws_conn_has_room(conn, length) ? begin_frame(conn, opcode, length) : NULL;
}

// A control frame for which there is no room is left out, for the peer does not read. Returns
// whether it was sent.
static bool send_control(struct ws_conn *conn, uint8_t opcode, const uint8_t *data, size_t length) {
    uint8_t *payload = begin_frame(conn, opcode, length);
    if (payload == NULL)
        return false;
    if (length > 0)
        memcpy(payload, data, length);
    ws_conn_commit(conn);
    return true;
}

static void send_close(struct ws_conn *conn, uint16_t status, const char *reason) {
    uint8_t data[WS_CONTROL_MAX];
    size_t length = strlen(reason);
    if (conn->is_draft76) { // where a Close has no status: those that a page must know go before
        int words = snprintf((char *)data, sizeof data, "%u %.100s", status, reason);
        if (status >= WS_STATUS_REPLACED)
            (void)send_control(conn, WS_TEXT, data, (size_t)words);
        status = WS_STATUS_NONE;
    }
    if (length > sizeof data - 2)
        length = sizeof data - 2;
    put_be16(data, status);
    memcpy(data + 2, reason, length);
    (void)send_control(conn, WS_CLOSE, data, status == WS_STATUS_NONE ? 0 : 2 + length);
}

void ws_conn_close(struct ws_conn *conn, uint16_t status, const char *reason) {
    if (conn->state == WS_CONNECTING || conn->state == WS_HANDSHAKE) {
        ws_conn_abort(conn);
        return;
    }
    if (conn->state != WS_OPEN)
        return;
    send_close(conn, status, reason);
    conn->state = WS_CLOSING;
    conn->deadline_ms = conn->loop->now_ms + WS_CLOSE_TIMEOUT_MS;
    conn->paused = conn->held = false;
    conn->events->closed(conn->arg, status);
    ws_conn_flush(conn);
}

// The last Close frame, unless ours has gone already: an answer to the peer's (section 5.5.1), or
// the word that it broke the protocol (section 7.1.7). No more is read after it.
static void end(struct ws_conn *conn, uint16_t status) {
    bool was_open = conn->state == WS_OPEN;
    if (was_open)
        send_close(conn, status, "");
    drain(conn);
    if (was_open)
        conn->events->closed(conn->arg, status);
}

// A Close frame came (section 5.5.1): checks it, and answers it unless it is the answer.
static void take_close(struct ws_conn *conn) {
    const struct ws_receiver *r = &conn->receiver;
    struct utf8 utf8 = {0};
    uint16_t status = WS_STATUS_NONE;
    if (r->length >= 2)
        status = get_be16(r->data);
    if (r->length == 1 || (r->length >= 2 && !ws_status_is_valid(status))) {
        end(conn, WS_STATUS_PROTOCOL_ERROR);
        return;
    }
    if (r->length > 2 &&
        (!utf8_check(&utf8, r->data + 2, r->length - 2) || !utf8_complete(&utf8))) {
        end(conn, WS_STATUS_BAD_TEXT);
        return;
    }
    end(conn, status);
}

static void take_control(struct ws_conn *conn) {
    const struct ws_receiver *r = &conn->receiver;
    if (r->opcode == WS_CLOSE)
        take_close(conn);
    else if (r->opcode == WS_PING && conn->state == WS_OPEN)
        (void)send_control(conn, WS_PONG, r->data, r->length);
}

// Gives a message to the owner. Returns false when the owner holds it back.
static bool give_message(struct ws_conn *conn) {
    const struct ws_receiver *r = &conn->receiver;
    if (conn->state != WS_OPEN)
        return true; // our Close frame is on its way: messages after it are nobody's
    bool taken = conn->events->message(conn->arg, r->opcode, r->data, r->length);
    conn->paused = conn->held = !taken && conn->state == WS_OPEN;
    update_events(conn);
    return !conn->held;
}

// Gives out everything that the receiver has.
static void give_events(struct ws_conn *conn) {
    while (conn->state == WS_OPEN || conn->state == WS_CLOSING) {
        enum ws_event event = ws_receiver_next(&conn->receiver);
        if (event == WS_EVENT_MORE)
            break;
        if (event == WS_EVENT_FAIL)
            end(conn, conn->receiver.status);
        else if (event == WS_EVENT_CONTROL)
            take_control(conn);
        else if (!give_message(conn))
            break;
    }
    if (conn->events->batch_end != NULL)
        conn->events->batch_end(conn->arg);
    ws_conn_flush(conn);
}

void ws_conn_resume(struct ws_conn *conn) {
    if (!conn->paused)
        return;
    conn->paused = false;
    conn->heard_ms = conn->loop->now_ms; // what it says has waited in the kernel
    if (conn->held && !give_message(conn))
        return;
    give_events(conn);
}

static void opened(struct ws_conn *conn) {
    conn->state = WS_OPEN;
    conn->heard_ms = conn->loop->now_ms;
    if (conn->events->opened != NULL)
        conn->events->opened(conn->arg);
}

void ws_conn_skip(struct ws_conn *conn) { ws_receiver_skip(&conn->receiver); }

void ws_conn_grow(struct ws_conn *conn, uint8_t *rx, size_t rx_size, uint8_t *tx, size_t tx_size) {
    ws_receiver_grow(&conn->receiver, rx, rx_size);
    memcpy(tx, conn->tx + conn->tx_start, ws_conn_unsent(conn));
    conn->tx_end = ws_conn_unsent(conn);
    conn->tx_start = 0;
    conn->tx = tx;
    conn->tx_size = tx_size;
}

int ws_conn_adopt(struct ws_conn *conn, int fd, const struct endpoint *peer, const char *response,
                  size_t response_length, const uint8_t *more, size_t more_length) {
    size_t room;
    // A client that waits for its answer, as it must (section 4.1), has sent nothing more yet.
    if (more_length > conn->receiver.size || response_length > conn->tx_size ||
        start(conn, fd, peer, false, WS_OPEN) < 0)
        return -1;
    memcpy(tx_room(conn, response_length), response, response_length);
    conn->tx_end += response_length;
    if (more_length > 0)
        memcpy(ws_receiver_room(&conn->receiver, &room), more, more_length);
    ws_receiver_added(&conn->receiver, more_length);
    opened(conn);
    give_events(conn);
    return 0;
}

int ws_conn_connect(struct ws_conn *conn, const struct endpoint *to, const char *host,
                    const char *path) {
    uint8_t random[16];
    int fd = socket_connect(to);
    if (fd < 0)
        return -1;
    if (start(conn, fd, to, true, WS_CONNECTING) < 0) {
        close(fd);
        return -1;
    }
    take_random(conn, random, sizeof random);
    ws_make_key(conn->key, random);
    conn->tx_end = ws_write_request((char *)conn->tx, conn->tx_size, host, path, conn->key);
    return 0;
}

static void on_connected(struct ws_conn *conn) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error != 0) {
        conn->error = error;
        ws_conn_abort(conn);
        return;
    }
    conn->state = WS_HANDSHAKE;
    ws_conn_flush(conn);
}

// Client: the response's head lies at the start of the receive buffer.
static void take_response(struct ws_conn *conn) {
    struct http_response_head response;
    struct ws_receiver *r = &conn->receiver;
    int head = http_parse_response(&response, r->buffer, r->end);
    if (head == 0)
        return;
    if (head < 0 || !ws_response_accepts(&response, conn->key)) {
        conn->refused_status = head < 0 ? 0 : response.status;
        conn->error = EPROTO;
        ws_conn_abort(conn);
        return;
    }
    r->parse_at = (size_t)head;
    opened(conn);
    give_events(conn);
}

// The receive buffer is full and the message in it not whole. Returns whether there is room now.
static bool make_room(struct ws_conn *conn, uint8_t **to, size_t *room) {
    const struct ws_receiver *r = &conn->receiver;
    if (conn->state == WS_OPEN && conn->events->crowded != NULL &&
        conn->events->crowded(conn->arg, r->message_opcode, r->buffer + r->message_start,
                              r->message_length)) {
        *to = ws_receiver_room(&conn->receiver, room);
        return conn->state != WS_FREE && *room > 0;
    }
    if (conn->state != WS_FREE)
        end(conn, WS_STATUS_TOO_BIG);
    return false;
}

static void on_readable(struct ws_conn *conn) {
    size_t room;
    // In the handshake bytes gather untouched, since take_response() moves parse_at beyond them.
    uint8_t *to = conn->receiver.buffer + conn->receiver.end;
    room = conn->receiver.size - conn->receiver.end;
    if (conn->state == WS_DRAINING) {
        to = conn->receiver.buffer; // to be thrown away
        room = conn->receiver.size;
    } else if (conn->state != WS_HANDSHAKE) {
        to = ws_receiver_room(&conn->receiver, &room);
    }
    if (room == 0 && !make_room(conn, &to, &room))
        return;
    ssize_t got = recv(conn->fd, to, room < WS_READ_MAX ? room : WS_READ_MAX, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (got <= 0) {
        conn->error = got < 0 ? errno : 0;
        ws_conn_abort(conn);
        return;
    }
    conn->heard_ms = conn->loop->now_ms;
    conn->ping_sent = false;
    if (conn->state == WS_DRAINING)
        return;
    ws_receiver_added(&conn->receiver, (size_t)got);
    if (conn->state == WS_HANDSHAKE)
        take_response(conn);
    else
        give_events(conn);
}

static void on_writable(struct ws_conn *conn) {
    if (conn->state == WS_DRAINING) {
        drain(conn);
        return;
    }
    conn->wants_room = false;
    ws_conn_flush(conn);
    if (conn->state == WS_OPEN && conn->events->writable != NULL)
        conn->events->writable(conn->arg);
}

static void on_socket(void *arg) {
    struct ws_conn *conn = arg;
    short ready = conn->loop->ready;
    if (conn->state == WS_CONNECTING) {
        on_connected(conn);
        return;
    }
    if ((ready & POLLOUT) != 0)
        on_writable(conn);
    if (conn->state == WS_FREE)
        return;
    if ((ready & POLLIN) != 0 && !conn->paused)
        on_readable(conn);
    else if ((ready & (POLLERR | POLLHUP)) != 0)
        ws_conn_abort(conn);
}

void ws_conn_ask(struct ws_conn *conn) {
    if (conn->is_draft76) // it has no pings: TCP asks, and gives the peer up
        socket_limit_silence(conn->fd, WS_PING_AFTER_MS, WS_DEAD_AFTER_MS);
    conn->ping_sent = conn->is_draft76 || send_control(conn, WS_PING, NULL, 0);
    ws_conn_flush(conn);
}

void ws_conn_tick(struct ws_conn *conn) {
    int64_t now = conn->loop->now_ms;
    if (conn->state == WS_FREE)
        return;
    if (conn->state != WS_OPEN) {
        if (now < conn->deadline_ms)
            return;
        conn->error = ETIMEDOUT;
        ws_conn_abort(conn);
        return;
    }
    int64_t silent = now - conn->heard_ms;
    bool stuck = ws_conn_unsent(conn) > 0 && now - conn->moved_ms >= WS_DEAD_AFTER_MS;
    if (stuck || (silent >= WS_DEAD_AFTER_MS && !conn->paused && !conn->is_draft76)) {
        conn->error = ETIMEDOUT;
        ws_conn_abort(conn);
    } else if (silent >= WS_PING_AFTER_MS && !conn->ping_sent) {
        ws_conn_ask(conn);
    }
}
