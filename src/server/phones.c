// Laptops, and the connections of their phones.
//
// Open mode: a connection belongs to a laptop from the start, by its id or its phone's address, and
// the newest connection of a laptop has it.
//
// Keyed mode: whoever connects is a stranger at first. He has small buffers, a few seconds and a
// few messages to bring a genuine one; and where all places are taken, the place of a source that
// holds many is the one that is given away. A genuine message tells which laptop it is from, and
// makes the connection that laptop's path, unless a newer one is at work. What a laptop has here
// (its NAT mappings, its keys) does not depend on any connection and stays while phones come and
// go.
#include <string.h>

#include "../crypto/memory.h"
#include "../crypto/random.h"
#include "../ws/base64.h"
#include "server.h"

#define FAILED_MS 2000 // a path that was silent for so long may be overtaken by an older one
#define ACTIVE_MS 1000 // a laptop that was heard in this time is told what changes

// When the next of the links has something to do by itself.
static void set_alarm(struct server *server)
{
    int64_t due_us = INT64_MAX;
    for (size_t i = 0; i < SERVER_LINKS; i++) {
        int64_t link_us = tunnel_link_due_us(&server->laptops[i].link, server->loop.now_us);
        if (link_us < due_us)
            due_us = link_us;
    }
    server->alarm->due_ms = due_us == INT64_MAX ? LOOP_NEVER : (due_us + 999) / 1000;
}

void server_pump(struct server *server)
{
    for (size_t i = 0; i < SERVER_LINKS; i++) {
        struct laptop *laptop = &server->laptops[i];
        if (laptop->touched)
            tunnel_link_pump(&laptop->link, server->loop.now_us);
        laptop->touched = false;
    }
    set_alarm(server);
}

static void on_alarm(void *arg, short events)
{
    struct server *server = arg;
    (void)events;
    for (size_t i = 0; i < SERVER_LINKS; i++)
        server->laptops[i].touched = server->laptops[i].link.conn != NULL; // whichever it was
    server_pump(server);
}

// ---- connections ----

static bool is_path(const struct server_conn *conn)
{
    return conn->laptop != NULL && conn->laptop->link.conn == &conn->ws;
}

static bool is_in_use(const struct carriage *carriage)
{
    const struct server_conn *user = carriage->user;
    return user != NULL && user->carriage == carriage && user->ws.state != WS_FREE;
}

// A carriage that is free, or else the one of a connection that no laptop is sent to on: there are
// more carriages than laptops.
static struct carriage *find_carriage(struct server *server)
{
    struct carriage *idle = NULL;
    for (size_t i = 0; i < SERVER_CARRIAGES; i++) {
        struct carriage *carriage = &server->carriages[i];
        if (!is_in_use(carriage))
            return carriage;
        if (!is_path(carriage->user) &&
            (idle == NULL || carriage->user->genuine_ms < idle->user->genuine_ms))
            idle = carriage;
    }
    ws_conn_abort(&idle->user->ws);
    return idle;
}

// Gives a connection large buffers.
static void board(struct server_conn *conn)
{
    if (conn->carriage != NULL)
        return;
    struct carriage *carriage = find_carriage(conn->server);
    carriage->user = conn;
    conn->carriage = carriage;
    ws_conn_grow(&conn->ws, carriage->rx, sizeof carriage->rx, carriage->tx, sizeof carriage->tx);
}

static void take_path(struct server_conn *conn)
{
    struct laptop *laptop = conn->laptop;
    laptop->phone = conn->ws.peer;
    laptop->link.text = conn->text;
    tunnel_link_set_conn(&laptop->link, &conn->ws, conn->server->loop.now_us);
}

static void leave_strangers(struct server_conn *conn)
{
    struct server *server = conn->server;
    size_t index = (size_t)(conn - server->conns);
    if (server->strangers[index].held > 0)
        crowd_leave(server->strangers, SERVER_CONNS, index);
}

// ---- open mode ----

static void on_open_message(struct server_conn *conn, uint8_t opcode, uint8_t *data, size_t length)
{
    struct server *server = conn->server;
    uint8_t *bytes = tunnel_link_read(&conn->laptop->link, opcode, data, &length);
    if (bytes == NULL)
        return;
    conn->laptop->seen_ms = server->loop.now_ms;
    nat_outbound(&server->nat, server_laptop_number(server, conn->laptop), bytes, length, NULL,
                 server->loop.now_ms);
}

// ---- keyed mode ----

// A genuine message of its laptop came on a connection: is it the path from now on?
static void follow(struct server_conn *conn, bool is_newest)
{
    const struct ws_conn *old = conn->laptop->link.conn;
    if (old == &conn->ws) {
        conn->laptop->link.text = conn->text;
        return;
    }
    const struct server_conn *path = old != NULL ? old->arg : NULL;
    bool is_older = path != NULL && conn->serial < path->serial;
    if (is_older && (!is_newest || conn->server->loop.now_ms - path->genuine_ms < FAILED_MS))
        return;
    take_path(conn);
    char peer[ENDPOINT_TEXT_MAX];
    endpoint_format_host(&conn->ws.peer, peer);
    log_info(&conn->server->log, "laptop %u: comes through phone %s",
             server_laptop_number(conn->server, conn->laptop), peer);
}

static void on_genuine(struct server_conn *conn, const struct responder_heard *heard)
{
    struct server *server = conn->server;
    struct laptop *laptop = &server->laptops[heard->laptop];
    board(conn);
    leave_strangers(conn);
    if (is_path(conn) && conn->laptop != laptop) // another laptop speaks here now
        tunnel_link_set_conn(&conn->laptop->link, NULL, server->loop.now_us);
    conn->laptop = laptop;
    conn->genuine_ms = laptop->seen_ms = server->loop.now_ms;
    if (heard->is_session)
        server_send_configuration(server, laptop);
    follow(conn, heard->is_newest);
    server_hear_records(server, laptop, heard->bytes, heard->length);
}

// Whom the limit of offers counts a message to: what comes on a laptop's connection to the laptop,
// and not to its phone's address, which a whole carrier's network may share. (No address has these
// numbers.)
static uint64_t source_of(const struct server_conn *conn)
{
    if (conn->laptop == NULL)
        return endpoint_source(&conn->ws.peer);
    return CROWD_NOBODY - 1 - server_laptop_number(conn->server, conn->laptop);
}

static void on_keyed_message(struct server_conn *conn, uint8_t opcode, uint8_t *data, size_t length)
{
    struct server *server = conn->server;
    struct responder_heard heard;
    heard.event = RESPONDER_NOTHING;
    conn->text = opcode == WS_TEXT;
    if (tunnel_decode(opcode, data, &length))
        responder_hear(&server->responder, &conn->pending, source_of(conn), data, length,
                       server->loop.now_ms, &heard);
    else
        server->responder.not_understood++;
    if (heard.event == RESPONDER_RECORDS) {
        on_genuine(conn, &heard);
        return;
    }
    if (heard.event == RESPONDER_REPLY)
        tunnel_send(&conn->ws, conn->text, heard.bytes, heard.length);
    if (conn->laptop == NULL && ++conn->strange >= STRANGER_MESSAGES)
        ws_conn_close(&conn->ws, WS_STATUS_NOBODY, "no genuine message came");
}

// A message longer than a stranger's buffer: there is room for it if it begins as a message of a
// laptop's session would. Else it is thrown away, and a shorter one may still show who this is: a
// laptop whose session this server does not know any more sends a few before it learns of it.
static bool on_crowded(void *arg, uint8_t opcode, const uint8_t *data, size_t length)
{
    struct server_conn *conn = arg;
    uint8_t start[SEALED_HEAD + 2]; // what 20 characters of base64 hold
    if (conn->carriage != NULL || length < 20)
        return false;
    memcpy(start, data, sizeof start);
    if ((opcode != WS_TEXT || base64_decode(start, (const char *)data, 20) >= SEALED_HEAD) &&
        responder_may_be_genuine(&conn->server->responder, &conn->pending, start, SEALED_HEAD)) {
        board(conn);
        return true;
    }
    conn->server->strange_messages++;
    ws_conn_skip(&conn->ws);
    return ++conn->strange < STRANGER_MESSAGES;
}

// ---- both ----

static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length)
{
    struct server_conn *conn = arg;
    if (conn->server->options.open)
        on_open_message(conn, opcode, data, length);
    else
        on_keyed_message(conn, opcode, data, length);
    return true;
}

static void on_batch_end(void *arg)
{
    const struct server_conn *conn = arg;
    wire_flush(&conn->server->wire);
    server_pump(conn->server);
}

static void on_writable(void *arg)
{
    const struct server_conn *conn = arg;
    if (!is_path(conn))
        return;
    conn->laptop->touched = true;
    server_pump(conn->server);
}

// The laptop's open connection that opened last, or NULL.
static struct server_conn *newest_conn(struct server *server, const struct laptop *laptop)
{
    struct server_conn *newest = NULL;
    for (size_t i = 0; i < SERVER_CONNS; i++) {
        struct server_conn *conn = &server->conns[i];
        if (conn->laptop == laptop && conn->ws.state == WS_OPEN &&
            (newest == NULL || conn->serial > newest->serial))
            newest = conn;
    }
    return newest;
}

static void on_closed(void *arg, uint16_t status)
{
    struct server_conn *conn = arg;
    struct server *server = conn->server;
    struct laptop *laptop = conn->laptop;
    leave_strangers(conn);
    pending_init(&conn->pending);
    if (!is_path(conn))
        return;
    struct server_conn *other = server->options.open ? NULL : newest_conn(server, laptop);
    if (other != NULL) {
        take_path(other);
        return;
    }
    tunnel_link_set_conn(&laptop->link, NULL, server->loop.now_us);
    if (server->loop.stop)
        return;
    log_info(&server->log, "laptop %u: its phone is gone (status %u)",
             server_laptop_number(server, laptop), status);
}

// Open mode: the phone of a laptop is here; it takes the place of the one before.
static void on_open_phone(struct server_conn *conn)
{
    struct server *server = conn->server;
    struct laptop *laptop = conn->laptop;
    struct ws_conn *old = laptop->link.conn;
    char peer[ENDPOINT_TEXT_MAX];
    endpoint_format_host(&conn->ws.peer, peer);
    laptop->used = true;
    laptop->seen_ms = server->loop.now_ms;
    take_path(conn);
    if (old != NULL)
        ws_conn_close(old, WS_STATUS_REPLACED, "another phone or tab took over");
    log_info(&server->log, "laptop %u: phone %s is connected%s",
             server_laptop_number(server, laptop), peer,
             old != NULL ? ", in place of the one before" : "");
}

static void on_opened(void *arg)
{
    struct server_conn *conn = arg;
    struct server *server = conn->server;
    uint8_t greeting[GREETING_SIZE];
    conn->serial = ++server->serial;
    conn->genuine_ms = server->loop.now_ms;
    conn->text = server->options.open;
    if (server->options.open) {
        on_open_phone(conn);
        return;
    }
    greeting_write(&server->responder, greeting);
    tunnel_send(&conn->ws, false, greeting, sizeof greeting);
}

static const struct ws_conn_events conn_events = {
    .opened = on_opened,
    .message = on_message,
    .crowded = on_crowded,
    .batch_end = on_batch_end,
    .writable = on_writable,
    .closed = on_closed,
};

// A connection that is free, or one that is on its way out, or in keyed mode a stranger's.
static struct server_conn *find_conn(struct server *server, const struct endpoint *peer)
{
    struct server_conn *leaving = NULL;
    for (size_t i = 0; i < SERVER_CONNS; i++) {
        struct server_conn *conn = &server->conns[i];
        if (conn->ws.state == WS_FREE)
            return conn;
        if (conn->ws.state != WS_OPEN)
            leaving = conn;
    }
    if (leaving == NULL && !server->options.open) {
        size_t index = crowd_gives_way(server->strangers, SERVER_CONNS, endpoint_source(peer));
        if (index == SERVER_CONNS)
            return NULL;
        leaving = &server->conns[index];
        server->strangers_evicted++;
    }
    if (leaving != NULL)
        ws_conn_abort(&leaving->ws);
    return leaving;
}

// Makes a free connection one that knows nothing of its past.
static void prepare(struct server_conn *conn)
{
    leave_strangers(conn);
    conn->laptop = NULL;
    conn->carriage = NULL;
    conn->strange = 0;
    pending_init(&conn->pending);
    ws_conn_init(&conn->ws, &conn->server->loop, &conn_events, conn, conn->rx, sizeof conn->rx,
                 WS_MESSAGE_MAX, conn->tx, sizeof conn->tx);
}

struct ws_conn *server_accept(void *arg, const struct endpoint *peer, const struct http_text *query)
{
    struct server *server = arg;
    struct laptop *laptop = NULL;
    if (server->options.open) {
        laptop = server_find_open_laptop(server, peer, query);
        if (laptop == NULL)
            return NULL;
    }
    struct server_conn *conn = find_conn(server, peer);
    if (conn == NULL)
        return NULL;
    prepare(conn);
    conn->laptop = laptop;
    if (server->options.open) {
        board(conn);
        return &conn->ws;
    }
    crowd_enter(server->strangers, SERVER_CONNS, (size_t)(conn - server->conns),
                endpoint_source(peer));
    return &conn->ws;
}

int server_laptops_init(struct server *server, const uint8_t key[KEY_SIZE])
{
    // A kernel that does not know UDP super-packets (Linux before 6.2) does not on TUN devices or
    // the wire.
    uint8_t udp = server->host_tun.takes_udp_super ? SESSION_TAKES_UDP_SUPER : 0;
    struct responder_config config = {
        .takes = SESSION_TAKES_TCP_SUPER | udp,
        .admit = server_admit,
        .arg = server,
    };
    for (size_t i = 0; i < SERVER_CONNS; i++) {
        server->conns[i].server = server;
        prepare(&server->conns[i]);
    }
    for (size_t i = 0; i < SERVER_LINKS; i++)
        server->laptops[i].server = server;
    if (crypto_random(&server->queue_key, sizeof server->queue_key) < 0) {
        log_error(&server->log, "the kernel gives no random numbers");
        return -1;
    }
    ip_coalescer_init(&server->coalescer);
    server->alarm = loop_alarm(&server->loop, on_alarm, server);
    if (key == NULL)
        return 0;
    memcpy(config.key, key, KEY_SIZE);
    if (crypto_random(config.run, sizeof config.run) < 0) {
        log_error(&server->log, "the kernel gives no random numbers");
        return -1;
    }
    crypto_lock(&server->responder, sizeof server->responder);
    responder_init(&server->responder, &config);
    crypto_wipe(config.key, sizeof config.key);
    server->configuration.mtu = TUN_MTU;
    server->configuration.message_max = WS_MESSAGE_MAX;
    return 0;
}

static void tick_conn(struct server_conn *conn)
{
    const struct server *server = conn->server;
    bool is_idle = server->loop.now_ms - conn->genuine_ms >= STRANGER_LIMIT_MS;
    pending_expire(&conn->pending, server->loop.now_ms);
    if (!server->options.open && conn->ws.state == WS_OPEN && is_idle && !is_path(conn))
        ws_conn_close(&conn->ws, WS_STATUS_NOBODY, "no laptop speaks here");
    ws_conn_tick(&conn->ws);
}

void server_laptops_tick(struct server *server)
{
    for (size_t i = 0; i < SERVER_CONNS; i++)
        tick_conn(&server->conns[i]);
    if (server->options.open)
        return;
    responder_tick(&server->responder, server->loop.now_ms);
    for (uint16_t i = 0; i < SERVER_LINKS; i++) {
        struct laptop *laptop = &server->laptops[i];
        bool is_active = server->loop.now_ms - laptop->seen_ms < ACTIVE_MS;
        if (laptop->link.conn != NULL && is_active &&
            tunnel_link_session(&laptop->link, server->loop.now_us) != NULL &&
            server->nat.laptops[i].mappings != laptop->told_mappings)
            server_send_status(server, laptop);
    }
    server_pump(server);
}

void server_laptops_close(struct server *server)
{
    static const uint8_t stopped = GOODBYE_STOPPED;
    for (size_t i = 0; i < SERVER_LINKS; i++) {
        struct tunnel_link *link = &server->laptops[i].link;
        if (link->conn != NULL &&
            tunnel_link_control(link, RECORD_GOODBYE, &stopped, sizeof stopped))
            tunnel_link_pump(link, server->loop.now_us);
    }
    for (size_t i = 0; i < SERVER_CONNS; i++) {
        ws_conn_close(&server->conns[i].ws, WS_STATUS_GOING_AWAY, "the server stopped its tether");
        ws_conn_abort(&server->conns[i].ws);
    }
}
