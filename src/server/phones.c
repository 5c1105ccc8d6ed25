// SPDX-License-Identifier: ISC
// The connections of phones: who gets one, and with which buffers. What comes on them is the mode's
// part: open.c, keyed.c.
#include "phones.h"

struct laptop *server_phones_laptop(const struct server_conn *conn) {
    const struct path *path = conn->phone.path;
    return path != NULL ? &conn->phones->laptops->places[path->laptop] : NULL;
}

// ---- strangers ----

void server_phones_enter_strangers(struct server_conn *conn, const struct endpoint *peer) {
    struct server_phones *phones = conn->phones;
    crowd_enter(phones->strangers, SERVER_CONNS, (size_t)(conn - phones->conns),
                endpoint_source(peer));
}

void server_phones_leave_strangers(struct server_conn *conn) {
    struct server_phones *phones = conn->phones;
    size_t index = (size_t)(conn - phones->conns);
    if (phones->strangers[index].held > 0)
        crowd_leave(phones->strangers, SERVER_CONNS, index);
}

// ---- large buffers ----

static bool is_in_use(const struct large_buffers *large) {
    const struct server_conn *user = large->user;
    return user != NULL && user->large == large && user->phone.ws.state != WS_FREE;
}

// Buffers that are free, or else those of a connection that no laptop is sent to on: there are more
// of them than laptops.
static struct large_buffers *find_buffers(struct server_phones *phones) {
    struct large_buffers *idle = NULL;
    for (size_t i = 0; i < SERVER_LARGE_BUFFERS; i++) {
        struct large_buffers *large = &phones->large[i];
        if (!is_in_use(large))
            return large;
        if (!path_is_on(&large->user->phone) &&
            (idle == NULL || large->user->phone.genuine_ms < idle->user->phone.genuine_ms))
            idle = large;
    }
    ws_conn_abort(&idle->user->phone.ws);
    return idle;
}

void server_phones_give_buffers(struct server_conn *conn) {
    if (conn->large != NULL)
        return;
    struct large_buffers *large = find_buffers(conn->phones);
    large->user = conn;
    conn->large = large;
    ws_conn_grow(&conn->phone.ws, large->rx, sizeof large->rx, large->tx, sizeof large->tx);
}

// ---- connections ----

// A connection that is free, or one that is on its way out, or a stranger's.
static struct server_conn *find_conn(struct server_phones *phones, const struct endpoint *peer) {
    struct server_conn *leaving = NULL;
    for (size_t i = 0; i < phones->count; i++) {
        struct server_conn *conn = &phones->conns[i];
        if (conn->phone.ws.state == WS_FREE)
            return conn;
        if (conn->phone.ws.state != WS_OPEN)
            leaving = conn;
    }
    if (phones->count < SERVER_CONNS)
        return &phones->conns[phones->count++];
    if (leaving == NULL) {
        size_t index = crowd_gives_way(phones->strangers, SERVER_CONNS, endpoint_source(peer));
        if (index == SERVER_CONNS)
            return NULL;
        leaving = &phones->conns[index];
        phones->strangers_evicted++;
    }
    ws_conn_abort(&leaving->phone.ws);
    return leaving;
}

struct server_conn *server_phones_new_conn(struct server_phones *phones,
                                           const struct endpoint *peer) {
    struct server_conn *conn = find_conn(phones, peer);
    if (conn == NULL)
        return NULL;
    conn->phones = phones;
    server_phones_leave_strangers(conn);
    path_leave(&conn->phone, phones->loop->now_us);
    conn->phone.serial = ++phones->serial;
    conn->phone.genuine_ms = phones->loop->now_ms;
    conn->phone.text = false;
    conn->large = NULL;
    conn->strange = 0;
    pending_init(&conn->pending);
    ws_conn_init(&conn->phone.ws, phones->loop, &phones->mode->events, conn, conn->rx,
                 sizeof conn->rx, WS_MESSAGE_MAX, conn->tx, sizeof conn->tx);
    return conn;
}

struct ws_conn *server_phones_accept(void *arg, const struct endpoint *peer,
                                     const struct http_text *query) {
    struct server_phones *phones = arg;
    struct server_conn *conn = phones->mode->accept(phones, peer, query);
    return conn != NULL ? &conn->phone.ws : NULL;
}

void server_phones_on_batch_end(void *arg) {
    const struct server_conn *conn = arg;
    gateway_flush(conn->phones->laptops->gateway);
    laptops_pump(conn->phones->laptops);
}

void server_phones_on_writable(void *arg) {
    const struct server_conn *conn = arg;
    if (!path_is_on(&conn->phone))
        return;
    server_phones_laptop(conn)->touched = true;
    laptops_pump(conn->phones->laptops);
}

void server_phones_on_closed(void *arg, uint16_t status) {
    struct server_conn *conn = arg;
    const struct server_phones *phones = conn->phones;
    struct laptop *laptop = server_phones_laptop(conn);
    bool was_path = path_is_on(&conn->phone);
    server_phones_leave_strangers(conn);
    pending_init(&conn->pending);
    path_leave(&conn->phone, phones->loop->now_us);
    if (was_path) {
        laptop->seen_ms = phones->loop->now_ms;
        laptop->touched = true; // there may be another path, and what waits goes there at once
        phones->laptops->alarm->due_ms = phones->loop->now_ms;
    }
    if (was_path && laptop->path.current == NULL && !phones->loop->stop)
        log_info(phones->log, "laptop %u: its phone is gone (status %u)", laptop->path.laptop,
                 status);
}

void server_phones_init(struct server_phones *phones, const struct server_mode *mode,
                        const struct log *log, struct loop *loop, struct laptops *laptops) {
    phones->mode = mode;
    phones->log = log;
    phones->loop = loop;
    phones->laptops = laptops;
}

void server_phones_tick(struct server_phones *phones) {
    phones->mode->tick(phones);
    for (size_t i = 0; i < phones->count; i++) ws_conn_tick(&phones->conns[i].phone.ws);
}

void server_phones_close(struct server_phones *phones) {
    laptops_close(phones->laptops);
    for (size_t i = 0; i < phones->count; i++) {
        struct ws_conn *conn = &phones->conns[i].phone.ws;
        ws_conn_close(conn, WS_STATUS_GOING_AWAY, "the server stopped its tether");
        ws_conn_abort(conn);
    }
}
