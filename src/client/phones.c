// SPDX-License-Identifier: ISC
// Phones come and go. A connection gets one of a few places. Where all are taken, one of the
// address that holds the most is given away, and never the path's: so who connects a thousand times
// from one address in the Wi-Fi keeps no phone at another address out.
#include "phones.h"

#define SAY_AGAIN_MS 10000
#define SAY_OPENED   5 // connections in that time; the others are counted

struct client_conn *client_phones_path(const struct client_phones *phones) {
    char *current = (char *)phones->path.current;
    if (current == NULL)
        return NULL;
    return (struct client_conn *)(void *)(current - offsetof(struct client_conn, phone));
}

const struct ws_conn *client_phones_shown(const struct client_phones *phones) {
    const struct phone_conn *newest = phones->path.current;
    for (size_t i = 0; i < CLIENT_CONNS && phones->path.current == NULL; i++) {
        const struct phone_conn *phone = &phones->conns[i].phone;
        if (phone->ws.state == WS_OPEN && (newest == NULL || phone->serial > newest->serial))
            newest = phone;
    }
    return newest != NULL ? &newest->ws : NULL;
}

void client_phones_pump(struct client_phones *phones) {
    struct client_conn *path = client_phones_path(phones);
    struct tunnel_link *link = &phones->link;
    uint64_t before = link->packets_sent;
    tunnel_link_pump(link, phones->loop->now_us);
    if (path != NULL && link->packets_sent != before) // which are acknowledged
        liveness_sent(&path->liveness, phones->loop->now_ms);
    int64_t due_us = tunnel_link_due_us(link, phones->loop->now_us);
    phones->alarm->due_ms = due_us == INT64_MAX ? LOOP_NEVER : (due_us + 999) / 1000;
}

static void enter_crowd(const struct client_conn *conn) {
    struct client_phones *phones = conn->phones;
    crowd_enter(phones->crowd, CLIENT_CONNS, (size_t)(conn - phones->conns),
                endpoint_source(&conn->phone.ws.peer));
}

static void leave_crowd(const struct client_conn *conn) {
    struct client_phones *phones = conn->phones;
    size_t index = (size_t)(conn - phones->conns);
    if (phones->crowd[index].held > 0)
        crowd_leave(phones->crowd, CLIENT_CONNS, index);
}

// The path has moved to this connection.
static void note_path(struct client_phones *phones, const struct client_conn *old,
                      const struct client_conn *conn) {
    if (old != NULL && old != conn && old->phone.ws.state == WS_OPEN)
        enter_crowd(old);
    leave_crowd(conn);
    phones->path_changes++;
}

void client_phones_take(struct client_phones *phones, struct client_conn *conn) {
    const struct client_conn *old = client_phones_path(phones);
    path_take(&conn->phone, phones->loop->now_us);
    note_path(phones, old, conn);
}

bool client_phones_follow(struct client_phones *phones, struct client_conn *conn, bool is_newest) {
    const struct client_conn *old = client_phones_path(phones);
    path_join(&phones->path, &conn->phone, phones->loop->now_us);
    if (!path_follow(&conn->phone, is_newest, phones->loop->now_us))
        return false;
    note_path(phones, old, conn);
    return true;
}

void client_phones_leave(struct client_phones *phones, struct client_conn *conn) {
    bool was_path = path_is_on(&conn->phone);
    path_leave(&conn->phone, phones->loop->now_us);
    struct client_conn *next = was_path ? client_phones_path(phones) : NULL;
    if (next == NULL)
        return;
    note_path(phones, NULL, next);
    phones->mode->path_moved(phones, next);
    phones->alarm->due_ms = phones->loop->now_ms; // what waits goes there
}

// A crowd at the door gets some lines of the log, and then a number.
static void say_opened(struct client_phones *phones, const struct phone_conn *phone) {
    char peer[ENDPOINT_TEXT_MAX];
    if (phones->opened++ >= SAY_OPENED)
        return;
    endpoint_format_host(&phone->ws.peer, peer);
    log_info(phones->log, "phone %s is connected%s", peer,
             phones->path.current != NULL ? ", beside the one before" : "");
}

static void sum_up_opened(struct client_phones *phones) {
    if (phones->loop->now_ms - phones->opened_since_ms < SAY_AGAIN_MS)
        return;
    if (phones->opened > SAY_OPENED)
        log_warn(phones->log, "%u more connections came to the phone's door in %d s",
                 phones->opened - SAY_OPENED, SAY_AGAIN_MS / 1000);
    phones->opened = 0;
    phones->opened_since_ms = phones->loop->now_ms;
}

// ---- events of a connection ----

static void on_opened(void *arg) {
    struct client_conn *conn = arg;
    struct client_phones *phones = conn->phones;
    conn->phone.serial = ++phones->serial;
    conn->phone.text = phones->link.text;
    conn->phone.genuine_ms = phones->loop->now_ms;
    liveness_init(&conn->liveness, phones->loop->now_ms);
    conn->heard = conn->binary = false;
    conn->pings = conn->offers = 0;
    enter_crowd(conn);
    say_opened(phones, &conn->phone);
    phones->mode->opened(phones, conn);
}

static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    struct client_conn *conn = arg;
    conn->phones->mode->message(conn, opcode, data, length);
    return true;
}

static void on_batch_end(void *arg) {
    const struct client_conn *conn = arg;
    client_phones_pump(conn->phones);
}

static void on_writable(void *arg) {
    const struct client_conn *conn = arg;
    if (path_is_on(&conn->phone))
        client_phones_pump(conn->phones);
}

static void on_closed(void *arg, uint16_t status) {
    struct client_conn *conn = arg;
    struct client_phones *phones = conn->phones;
    bool was_path = path_is_on(&conn->phone);
    leave_crowd(conn);
    if (phones->loop->stop)
        path_leave(&conn->phone, phones->loop->now_us);
    else
        client_phones_leave(phones, conn);
    if (was_path && phones->path.current == NULL && !phones->loop->stop)
        phones->mode->path_closed(phones, status);
}

static const struct ws_conn_events conn_events = {
    .opened = on_opened,
    .message = on_message,
    .batch_end = on_batch_end,
    .writable = on_writable,
    .closed = on_closed,
};

static void on_alarm(void *arg) { client_phones_pump(arg); }

void client_phones_init(struct client_phones *phones, struct session_keys *keys,
                        const struct siphash_key *queue_key) {
    tunnel_link_init(&phones->link, keys, queue_key, phones->loop->now_us);
    path_init(&phones->path, &phones->link, 0);
    phones->alarm = loop_alarm(phones->loop, on_alarm, phones);
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct client_conn *conn = &phones->conns[i];
        conn->phones = phones;
        ws_conn_init(&conn->phone.ws, phones->loop, &conn_events, conn, conn->rx, sizeof conn->rx,
                     WS_MESSAGE_MAX, conn->tx, sizeof conn->tx);
    }
}

// A connection that is free, or else one that is on its way out, or one of the address that holds
// the most.
struct ws_conn *client_phones_accept(void *arg, const struct endpoint *peer,
                                     const struct http_text *query) {
    struct client_phones *phones = arg;
    struct ws_conn *leaving = NULL;
    (void)query;
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct ws_conn *ws = &phones->conns[i].phone.ws;
        if (ws->state == WS_FREE)
            return ws;
        if (ws->state != WS_OPEN)
            leaving = ws;
    }
    if (leaving == NULL) {
        size_t index = crowd_gives_way(phones->crowd, CLIENT_CONNS, endpoint_source(peer));
        if (index == CLIENT_CONNS)
            return NULL;
        leaving = &phones->conns[index].phone.ws;
    }
    ws_conn_abort(leaving);
    return leaving;
}

void client_phones_tick(struct client_phones *phones) {
    const struct phone_conn *path = phones->path.current;
    sum_up_opened(phones);
    phones->mode->tick(phones);
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct phone_conn *phone = &phones->conns[i].phone;
        if (path != NULL && phone->ws.state == WS_OPEN && phone->serial < path->serial)
            ws_conn_close(&phone->ws, WS_STATUS_REPLACED, "another phone or tab took over");
        ws_conn_tick(&phone->ws);
    }
}

void client_phones_close(struct client_phones *phones) {
    phones->mode->goodbye(phones);
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct ws_conn *ws = &phones->conns[i].phone.ws;
        ws_conn_close(ws, WS_STATUS_GOING_AWAY, "the laptop stopped its tether");
        ws_conn_abort(ws);
    }
}
