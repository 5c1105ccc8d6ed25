// Phones, and the session through them.
//
// In open mode the newest phone has the tether, and that is all. In keyed mode the session is
// between laptop and server, and phones only carry it. The path is the connection that is sent on.
// It follows the phone: the connection that opened last and has brought a genuine message from the
// server is the path (be it slower than the one before, so that its messages come overtaken); an
// older one becomes it again only when the newer has failed. So a new phone takes over without a
// gap, and one whose own way to the server does not work takes nothing over.
//
// Anybody in the Wi-Fi can connect as a phone does, and say what is not authenticated. While he has
// brought nothing genuine he gets pings and offers, and no more: packets wait for a path. What is
// asked on a connection is owed on that one alone, so nothing that he does speaks against the path.
// Where all places are taken, one of the address that holds the most is given away, and never the
// path's.
//
// When the server owes an answer on the path for some seconds, the path is dead, whatever TCP
// believes: the phone is told to connect anew (close code 4003). While there is no path, that holds
// for each connection.
#include <stdio.h>

#include "../http/origin.h"
#include "client.h"

#define FAILED_MS        2000 // a path that was silent for so long may be overtaken by an older one
#define SAY_AGAIN_MS     10000
#define SAY_OPENED       5 // connections in that time; the others are counted
#define SAY_FORBIDDEN_MS 60000
#define CUT_PAUSE_MAX_MS 40000

struct client_conn *client_path(const struct client *client)
{
    return client->link.conn != NULL ? client->link.conn->arg : NULL;
}

const struct ws_conn *client_phone(const struct client *client)
{
    const struct client_conn *newest = client_path(client);
    for (size_t i = 0; i < CLIENT_CONNS && client->link.conn == NULL; i++) {
        const struct client_conn *conn = &client->conns[i];
        if (conn->ws.state == WS_OPEN && (newest == NULL || conn->serial > newest->serial))
            newest = conn;
    }
    return newest != NULL ? &newest->ws : NULL;
}

void client_pump(struct client *client)
{
    struct client_conn *path = client_path(client);
    uint64_t before = client->link.packets_sent;
    tunnel_link_pump(&client->link, client->loop.now_us);
    if (path != NULL && client->link.packets_sent != before) // which are acknowledged
        liveness_sent(&path->liveness, client->loop.now_ms);
    int64_t due_us = tunnel_link_due_us(&client->link, client->loop.now_us);
    client->alarm->due_ms = due_us == INT64_MAX ? LOOP_NEVER : (due_us + 999) / 1000;
}

static void enter_crowd(struct client_conn *conn)
{
    struct client *client = conn->client;
    crowd_enter(client->crowd, CLIENT_CONNS, (size_t)(conn - client->conns),
                endpoint_source(&conn->ws.peer));
}

static void leave_crowd(struct client_conn *conn)
{
    struct client *client = conn->client;
    size_t index = (size_t)(conn - client->conns);
    if (client->crowd[index].held > 0)
        crowd_leave(client->crowd, CLIENT_CONNS, index);
}

// Sends on this connection from now on, or with NULL on none.
static void set_path(struct client *client, struct client_conn *conn)
{
    struct client_conn *old = client_path(client);
    if (old != NULL && old->ws.state == WS_OPEN)
        enter_crowd(old);
    tunnel_link_set_conn(&client->link, conn != NULL ? &conn->ws : NULL, client->loop.now_us);
    if (conn != NULL)
        leave_crowd(conn);
}

static void take_path(struct client *client, struct client_conn *conn)
{
    client->path_changes++;
    client->link.text = conn->text;
    set_path(client, conn);
}

// Sends a ping on a connection, whatever the path is. Its phone may carry text only: until it has
// brought something, every second ping is text.
static void ping(struct client *client, struct client_conn *conn)
{
    uint8_t body[PING_BYTES];
    uint8_t message[SEALED_OVERHEAD + RECORD_HEAD + PING_BYTES];
    struct session *session = tunnel_link_session(&client->link, client->loop.now_us);
    if (session == NULL || conn->ws.state != WS_OPEN)
        return;
    liveness_ping(&conn->liveness, body, client->loop.now_ms);
    size_t length = record_write(message + SEALED_HEAD, RECORD_PING, body, sizeof body);
    if (!session_seal(session, message, length))
        return;
    bool text = conn->heard ? conn->text : conn->pings++ % 2 == 1;
    if (tunnel_send(&conn->ws, text, message, SEALED_OVERHEAD + length))
        liveness_sent(&conn->liveness, client->loop.now_ms);
}

// A genuine message came on a connection: is it the path from now on?
static void follow(struct client *client, struct client_conn *conn, bool is_newest)
{
    const struct client_conn *path = client_path(client);
    if (path == conn) {
        client->link.text = conn->text;
        return;
    }
    bool is_older = path != NULL && conn->serial < path->serial;
    if (is_older && (!is_newest || client->loop.now_ms - path->liveness.heard_ms < FAILED_MS))
        return;
    take_path(client, conn);
    ping(client, conn); // so that the server follows
}

// Records that opened under the session, from a connection.
static void on_records(struct client *client, struct client_conn *conn, bool is_newest,
                       uint8_t *bytes, size_t length)
{
    liveness_heard(&conn->liveness, client->loop.now_ms);
    conn->has_delivered = true;
    client->cut_pause_ms = LIVENESS_DEAD_MS;
    if (client->said_silent)
        log_info(&client->log, "the server answers again");
    client->said_silent = false;
    follow(client, conn, is_newest);
    client_hear_records(client, is_newest, bytes, length);
}

static void on_session(struct client *client, struct client_conn *conn)
{
    if (client->sessions++ == 0)
        log_info(&client->log, "the session with the server is up");
    else
        log_debug(&client->log, "the session has new keys");

    liveness_heard(&conn->liveness, client->loop.now_ms);
    if (client_path(client) != conn)
        take_path(client, conn);
    client->link.text = conn->text;
    ping(client, conn); // under the new keys: only now does the server know that we have them
}

static void say_wrong_key(struct client *client)
{
    if (client->said_wrong_key_ms != 0 &&
        client->loop.now_ms - client->said_wrong_key_ms < SAY_AGAIN_MS)
        return;
    client->said_wrong_key_ms = client->loop.now_ms;
    log_error(&client->log, "wrong key: the server does not accept it; start me with the key that "
                            "tether-server printed (it is in the server's key file)");
}

static void on_keyed_message(struct client_conn *conn, uint8_t opcode, uint8_t *data, size_t length)
{
    struct client *client = conn->client;
    uint8_t *bytes = NULL;
    if (!tunnel_decode(opcode, data, &length)) {
        client->link.bad_message++;
        return;
    }
    conn->heard = true;
    conn->binary |= opcode == WS_BINARY;
    conn->text = !conn->binary; // what was sent in both forms is answered in both
    switch (
        initiator_hear(&client->initiator, data, length, client->loop.now_ms, &bytes, &length)) {
    case INITIATOR_SESSION:
        on_session(client, conn);
        break;
    case INITIATOR_RECORDS:
        on_records(client, conn, true, bytes, length);
        break;
    case INITIATOR_LATE:
        on_records(client, conn, false, bytes, length);
        break;
    case INITIATOR_WRONG_KEY:
        liveness_excuse(&conn->liveness); // not the others: anybody could have said it
        say_wrong_key(client);
        break;
    case INITIATOR_GREETING:
        ping(client, conn);
        client_session_tick(client, 0);
        break;
    case INITIATOR_NOTHING:
        break;
    }
}

// Open mode: the server is not.
static void say_keyed(struct client *client)
{
    if (!client->said_keyed)
        log_error(&client->log, "the server wants a key: start me with the one that it printed");
    client->said_keyed = true;
}

static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length)
{
    struct client_conn *conn = arg;
    struct client *client = conn->client;
    if (client->link.keys != NULL) {
        on_keyed_message(conn, opcode, data, length);
        return true;
    }
    const uint8_t *packet = tunnel_link_read(&client->link, opcode, data, &length);
    if (packet != NULL)
        client_deliver(client, packet, length);
    else if (length == REFUSAL_SIZE && data[0] == MESSAGE_REFUSAL && data[1] == REFUSAL_KEYED)
        say_keyed(client);
    return true;
}

static void on_batch_end(void *arg)
{
    const struct client_conn *conn = arg;
    client_pump(conn->client);
}

static void on_writable(void *arg)
{
    const struct client_conn *conn = arg;
    if (conn->client->link.conn == &conn->ws)
        client_pump(conn->client);
}

// The open connection on which the server was heard last, or NULL.
static struct client_conn *last_that_delivered(struct client *client)
{
    struct client_conn *last = NULL;
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct client_conn *conn = &client->conns[i];
        if (conn->ws.state == WS_OPEN && conn->has_delivered &&
            (last == NULL || conn->liveness.heard_ms > last->liveness.heard_ms))
            last = conn;
    }
    return last;
}

// Whichever of them has a way to the server may be the path.
static void ask_all(struct client *client)
{
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        liveness_excuse(&client->conns[i].liveness); // beside the path nothing had to come on it
        ping(client, &client->conns[i]);
    }
}

static void on_closed(void *arg, uint16_t status)
{
    struct client_conn *conn = arg;
    struct client *client = conn->client;
    leave_crowd(conn);
    if (client->link.conn != &conn->ws)
        return;
    set_path(client, NULL);
    if (client->loop.stop)
        return;
    struct client_conn *other = client->link.keys != NULL ? last_that_delivered(client) : NULL;
    if (other != NULL) {
        take_path(client, other);
        ping(client, other);
        return;
    }
    log_info(&client->log, "the phone is gone (status %u); waiting for it to return", status);
    ask_all(client);
}

// A crowd at the door gets some lines of the log, and then a number.
static void say_opened(struct client *client, const struct client_conn *conn)
{
    char peer[ENDPOINT_TEXT_MAX];
    if (client->opened++ >= SAY_OPENED)
        return;
    endpoint_format_host(&conn->ws.peer, peer);
    log_info(&client->log, "phone %s is connected%s", peer,
             client->link.conn != NULL ? ", beside the one before" : "");
}

static void sum_up_opened(struct client *client)
{
    if (client->loop.now_ms - client->opened_since_ms < SAY_AGAIN_MS)
        return;
    if (client->opened > SAY_OPENED)
        log_warn(&client->log, "%u more connections came to the phone's door in %d s",
                 client->opened - SAY_OPENED, SAY_AGAIN_MS / 1000);
    client->opened = 0;
    client->opened_since_ms = client->loop.now_ms;
}

// Open mode: the newest phone has the tether.
static void replace_phone(struct client *client, struct client_conn *conn)
{
    struct ws_conn *old = client->link.conn;
    set_path(client, conn);
    if (old != NULL)
        ws_conn_close(old, WS_STATUS_REPLACED, "another phone or tab took over");
}

static void on_opened(void *arg)
{
    struct client_conn *conn = arg;
    struct client *client = conn->client;
    conn->serial = ++client->serial;
    conn->text = client->link.keys == NULL;
    conn->heard = conn->binary = conn->has_delivered = false;
    conn->pings = conn->offers = 0;
    liveness_init(&conn->liveness, client->loop.now_ms);
    enter_crowd(conn);
    say_opened(client, conn);
    if (client->link.keys == NULL) {
        replace_phone(client, conn);
        return;
    }
    initiator_hurry(&client->initiator, client->loop.now_ms);
    ping(client, conn);
    client_session_tick(client, 0);
}

static const struct ws_conn_events conn_events = {
    .opened = on_opened,
    .message = on_message,
    .batch_end = on_batch_end,
    .writable = on_writable,
    .closed = on_closed,
};

static void on_alarm(void *arg, short events)
{
    (void)events;
    client_pump(arg);
}

void client_phone_init(struct client *client)
{
    tunnel_link_init(&client->link, client->options.open ? NULL : &client->initiator.keys,
                     &client->queue_key, client->loop.now_us);
    client->alarm = loop_alarm(&client->loop, on_alarm, client);
    client->round_trip_ms = -1;
    client->cut_pause_ms = LIVENESS_DEAD_MS;
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct client_conn *conn = &client->conns[i];
        conn->client = client;
        ws_conn_init(&conn->ws, &client->loop, &conn_events, conn, conn->rx, sizeof conn->rx,
                     WS_MESSAGE_MAX, conn->tx, sizeof conn->tx);
    }
}

// Any web page that the phone shows may try it, again and again: one line a minute tells of them.
static void say_forbidden(struct client *client, const char *origin)
{
    int64_t now_ms = client->loop.now_ms;
    if (client->said_forbidden_ms != 0 && now_ms - client->said_forbidden_ms < SAY_FORBIDDEN_MS)
        return;
    client->said_forbidden_ms = now_ms;
    log_warn(&client->log,
             "refused a web page from elsewhere (403): --origin %s would let it in; status.json "
             "counts them all",
             origin);
}

// Web pages from elsewhere are kept out, as any site that the phone shows could pose as the relay,
// or read what this laptop says of itself. How to let one in is said, with its origin where what
// came as that can be shown.
int client_admit(void *arg, const struct http_request *request, bool websocket, struct text *why)
{
    struct client *client = arg;
    const struct http_trust *trust = &client->options.trust;
    char origin[HTTP_ORIGIN_SHOWN + 1] = "SCHEME://HOST[:PORT]";
    char where[ENDPOINT_TEXT_MAX];
    bool is_called_well = http_host_is_trusted(trust, request);
    if (is_called_well && (!websocket || http_origin_is_trusted(trust, request)))
        return 0;
    struct http_text shown = http_shown_origin(request);
    if (is_called_well && shown.length > 0)
        snprintf(origin, sizeof origin, "%.*s", (int)shown.length, shown.start);
    endpoint_format(&client->options.listen, where);
    text_add(why,
             "Open http://%s/ in the browser. The laptop's page has no other name, and pages of "
             "other sites\nare not let in, unless tether-client is started with --origin %s\n",
             where, origin);
    say_forbidden(client, origin);
    return 403;
}

// A connection that is free, or else one that is on its way out, or one of the address that holds
// the most.
struct ws_conn *client_phone_accept(void *arg, const struct endpoint *peer,
                                    const struct http_text *query)
{
    struct client *client = arg;
    struct client_conn *leaving = NULL;
    (void)query;
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct client_conn *conn = &client->conns[i];
        if (conn->ws.state == WS_FREE)
            return &conn->ws;
        if (conn->ws.state != WS_OPEN)
            leaving = conn;
    }
    if (leaving == NULL) {
        size_t index = crowd_gives_way(client->crowd, CLIENT_CONNS, endpoint_source(peer));
        if (index == CLIENT_CONNS)
            return NULL;
        leaving = &client->conns[index];
    }
    ws_conn_abort(&leaving->ws);
    return &leaving->ws;
}

void client_phone_tick(struct client *client)
{
    const struct client_conn *path = client_path(client);
    session_expire(&client->initiator.keys, client->loop.now_ms);
    sum_up_opened(client);
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct client_conn *conn = &client->conns[i];
        if (path != NULL && path->has_delivered && conn->ws.state == WS_OPEN &&
            conn->serial < path->serial)
            ws_conn_close(&conn->ws, WS_STATUS_REPLACED, "another phone or tab took over");
        ws_conn_tick(&conn->ws);
    }
}

// Where it is not known what form a phone carries, its connection gets both in turn. How often the
// offer was repeated does not count there, as strangers can hurry it.
static void send_offer(struct client *client, const uint8_t *offer, size_t length, bool other_form)
{
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct client_conn *conn = &client->conns[i];
        if (conn->ws.state != WS_OPEN)
            continue;
        liveness_sent(&conn->liveness, client->loop.now_ms);
        bool text = conn->heard ? conn->text != other_form : conn->offers++ % 2 == 1;
        tunnel_send(&conn->ws, text, offer, length);
    }
}

// The server does not answer on a connection: its phone is told so.
static void cut(struct client *client, struct client_conn *conn)
{
    if (!client->said_silent)
        log_warn(&client->log, "the server does not answer through this phone, which is told to "
                               "connect anew");
    client->said_silent = true;
    if (client_path(client) == conn)
        set_path(client, NULL);
    ws_conn_close(&conn->ws, WS_STATUS_SILENT, "the server does not answer");
}

// Asks on the path in a while. Where nothing is heard on it, or there is none, asks on all
// connections, and in the end has the phones connect anew that were of no use.
static void mind_silence(struct client *client)
{
    const struct client_conn *path = client_path(client);
    int64_t now_ms = client->loop.now_ms;
    int64_t silence_ms =
        path != NULL ? liveness_silence(&path->liveness, now_ms) : client->cut_pause_ms;
    bool has_cut = false;
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct client_conn *conn = &client->conns[i];
        if ((conn == path || silence_ms >= LIVENESS_PROBE_MS) &&
            liveness_ping_is_due(&conn->liveness, now_ms))
            ping(client, conn);
    }
    for (size_t i = 0; i < CLIENT_CONNS && silence_ms >= client->cut_pause_ms; i++) {
        struct client_conn *conn = &client->conns[i];
        if (conn->ws.state != WS_OPEN ||
            liveness_silence(&conn->liveness, now_ms) < client->cut_pause_ms)
            continue;
        cut(client, conn);
        has_cut = true;
    }
    if (has_cut && client->cut_pause_ms < CUT_PAUSE_MAX_MS)
        client->cut_pause_ms *= 2;
}

void client_session_tick(void *arg, short events)
{
    struct client *client = arg;
    uint8_t offer[OFFER_SIZE];
    bool other_form = false;
    (void)events;

    if (client_phone(client) == NULL)
        return;
    size_t length = initiator_due(&client->initiator, client->loop.now_ms, offer, &other_form);
    if (length > 0)
        send_offer(client, offer, length, other_form);
    mind_silence(client);
}

void client_phone_close(struct client *client)
{
    static const uint8_t stopped = GOODBYE_STOPPED;
    if (client->link.conn != NULL &&
        tunnel_link_control(&client->link, RECORD_GOODBYE, &stopped, sizeof stopped))
        tunnel_link_pump(&client->link, client->loop.now_us);
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        ws_conn_close(&client->conns[i].ws, WS_STATUS_GOING_AWAY, "the laptop stopped its tether");
        ws_conn_abort(&client->conns[i].ws);
    }
}
