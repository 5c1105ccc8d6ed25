// SPDX-License-Identifier: ISC
// The session is between laptop and server, and phones only carry it. Which connection is the path
// says tunnel/path.c.
//
// Anybody in the Wi-Fi can connect as a phone does, and say what is not authenticated. While he has
// brought nothing genuine he gets pings and offers, and no more: packets wait for a path. What is
// asked on a connection is owed on that one alone, so nothing that he does speaks against the path.
//
// When the server owes an answer on the path for some seconds, the path is dead, whatever TCP
// believes: the phone is told to connect anew (close code 4003). While there is no path, that holds
// for each connection.
#include "keyed.h"

#define SAY_AGAIN_MS     10000
#define CUT_PAUSE_MAX_MS 40000

// Sends a ping on a connection, whatever the path is. Its phone may carry text only: until it has
// brought something, every second ping is text.
static void ping(struct keyed *keyed, struct client_conn *conn) {
    uint8_t body[PING_BYTES];
    uint8_t message[SEALED_OVERHEAD + RECORD_HEAD + PING_BYTES];
    struct phone_conn *phone = &conn->phone;
    int64_t now_ms = keyed->loop->now_ms;
    struct session *session = session_to_seal(&keyed->initiator.keys, now_ms);
    if (session == NULL || phone->ws.state != WS_OPEN)
        return;
    liveness_ping(&conn->liveness, body, now_ms);
    size_t length = record_write(message + SEALED_HEAD, RECORD_PING, body, sizeof body);
    if (!session_seal(session, message, length))
        return;
    bool text = conn->heard ? phone->text : conn->pings++ % 2 == 1;
    if (tunnel_send(&phone->ws, text, message, SEALED_OVERHEAD + length))
        liveness_sent(&conn->liveness, now_ms);
}

// ---- what comes ----

// The server follows where a ping comes from.
static void path_moved(struct client_phones *phones, struct client_conn *conn) {
    ping(phones->keyed, conn);
}

// Records that opened under the session, from a connection.
static void on_records(struct keyed *keyed, struct client_conn *conn, bool is_newest,
                       uint8_t *bytes, size_t length) {
    liveness_answered(&conn->liveness);
    keyed->cut_pause_ms = LIVENESS_DEAD_MS;
    if (keyed->said_silent)
        log_info(keyed->log, "the server answers again");
    keyed->said_silent = false;
    if (is_newest)
        keyed->goodbye = 0;
    if (client_phones_follow(keyed->phones, conn, is_newest))
        ping(keyed, conn);
    keyed_hear_records(keyed, is_newest, bytes, length);
}

// There are new keys, and only what is sealed with them shows the server that we have them.
static void on_session(struct keyed *keyed, struct client_conn *conn) {
    if (keyed->sessions++ == 0)
        log_info(keyed->log, "the session with the server is up");
    else
        log_debug(keyed->log, "the session has new keys");
    liveness_answered(&conn->liveness);
    path_join(&keyed->phones->path, &conn->phone, keyed->loop->now_us);
    if (!path_is_on(&conn->phone))
        client_phones_take(keyed->phones, conn);
    keyed->phones->link.text = conn->phone.text;
    ping(keyed, conn);
}

static void say_wrong_key(struct keyed *keyed) {
    int64_t now_ms = keyed->loop->now_ms;
    if (keyed->said_wrong_key_ms != 0 && now_ms - keyed->said_wrong_key_ms < SAY_AGAIN_MS)
        return;
    keyed->said_wrong_key_ms = now_ms;
    log_error(keyed->log, "wrong key: the server does not accept it; start me with the key that "
                          "tether-server printed (it is in the server's key file)");
}

static void message(struct client_conn *conn, uint8_t opcode, uint8_t *data, size_t length) {
    struct keyed *keyed = conn->phones->keyed;
    uint8_t *bytes = NULL;
    if (!tunnel_decode(opcode, data, &length)) {
        conn->phones->link.bad_message++;
        return;
    }
    conn->heard = true;
    conn->binary |= opcode == WS_BINARY;
    conn->phone.text = !conn->binary; // what was sent in both forms is answered in both
    switch (initiator_hear(&keyed->initiator, data, length, keyed->loop->now_ms, &bytes, &length)) {
    case INITIATOR_SESSION: on_session(keyed, conn); break;
    case INITIATOR_RECORDS: on_records(keyed, conn, true, bytes, length); break;
    case INITIATOR_LATE: on_records(keyed, conn, false, bytes, length); break;
    case INITIATOR_WRONG_KEY:
        liveness_answered(&conn->liveness); // not the others: anybody could have said it
        say_wrong_key(keyed);
        break;
    case INITIATOR_GREETING:
        ping(keyed, conn);
        keyed_tick(keyed);
        break;
    case INITIATOR_NOTHING: break;
    }
}

// ---- phones come and go ----

static void opened(struct client_phones *phones, struct client_conn *conn) {
    struct keyed *keyed = phones->keyed;
    initiator_hurry(&keyed->initiator, keyed->loop->now_ms);
    ping(keyed, conn);
    keyed_tick(keyed);
}

// Whichever of the others has a way to the server may be the path; nothing had to come on them.
static void path_closed(struct client_phones *phones, uint16_t status) {
    log_info(phones->log, "the phone is gone (status %u); waiting for it to return", status);
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        liveness_answered(&phones->conns[i].liveness);
        ping(phones->keyed, &phones->conns[i]);
    }
}

// ---- time ----

// Where it is not known what form a phone carries, its connection gets both in turn. How often the
// offer was repeated does not count there, as strangers can hurry it.
static void send_offer(struct keyed *keyed, const uint8_t *offer, size_t length, bool other_form) {
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct client_conn *conn = &keyed->phones->conns[i];
        struct phone_conn *phone = &conn->phone;
        if (phone->ws.state != WS_OPEN)
            continue;
        liveness_sent(&conn->liveness, keyed->loop->now_ms);
        bool text = conn->heard ? phone->text != other_form : conn->offers++ % 2 == 1;
        tunnel_send(&phone->ws, text, offer, length);
    }
}

// The server does not answer on a connection: its phone is told so.
static void cut(struct keyed *keyed, struct client_conn *conn) {
    if (!keyed->said_silent)
        log_warn(keyed->log, "the server does not answer through this phone, which is told to "
                             "connect anew");
    keyed->said_silent = true;
    client_phones_leave(keyed->phones, conn);
    ws_conn_close(&conn->phone.ws, WS_STATUS_SILENT, "the server does not answer");
}

// Has the phones connect anew on whose connections the server has owed an answer for too long.
static void cut_silent(struct keyed *keyed) {
    bool has_cut = false;
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct client_conn *conn = &keyed->phones->conns[i];
        int64_t silence_ms = liveness_silence(&conn->liveness, keyed->loop->now_ms);
        if (conn->phone.ws.state != WS_OPEN || silence_ms < keyed->cut_pause_ms)
            continue;
        cut(keyed, conn);
        has_cut = true;
    }
    if (has_cut && keyed->cut_pause_ms < CUT_PAUSE_MAX_MS)
        keyed->cut_pause_ms *= 2;
}

// Asks on the path in a while. Where nothing is heard on it, or there is none, asks on all
// connections, and in the end cuts those that were of no use.
static void ask(struct keyed *keyed) {
    int64_t now_ms = keyed->loop->now_ms;
    const struct client_conn *path = client_phones_path(keyed->phones);
    int64_t silence_ms = keyed->cut_pause_ms;
    if (path != NULL)
        silence_ms = liveness_silence(&path->liveness, now_ms);
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct client_conn *conn = &keyed->phones->conns[i];
        if ((path_is_on(&conn->phone) || silence_ms >= LIVENESS_PROBE_MS) &&
            liveness_ping_is_due(&conn->liveness, now_ms))
            ping(keyed, conn);
    }
    if (silence_ms >= keyed->cut_pause_ms)
        cut_silent(keyed);
}

void keyed_tick(struct keyed *keyed) {
    uint8_t offer[OFFER_SIZE];
    bool other_form = false;
    if (client_phones_shown(keyed->phones) == NULL)
        return;
    size_t length = initiator_due(&keyed->initiator, keyed->loop->now_ms, offer, &other_form);
    if (length > 0)
        send_offer(keyed, offer, length, other_form);
    ask(keyed);
}

static void tick(struct client_phones *phones) {
    session_expire(&phones->keyed->initiator.keys, phones->loop->now_ms);
}

static void goodbye(struct client_phones *phones) {
    static const uint8_t stopped = GOODBYE_STOPPED;
    struct tunnel_link *link = &phones->link;
    if (phones->path.current != NULL &&
        tunnel_link_control(link, RECORD_GOODBYE, &stopped, sizeof stopped))
        tunnel_link_pump(link, phones->loop->now_us);
}

// ---- what it tells of itself ----

// A refusal of the key is not authenticated: it counts where nothing speaks against it.
static struct shown show(const struct client_phones *phones) {
    struct keyed *keyed = phones->keyed;
    struct shown shown = {"up", "server up", true, keyed->round_trip_ms, keyed->mappings};
    const struct client_conn *path = client_phones_path(phones);
    bool has_session = session_to_seal(&keyed->initiator.keys, phones->loop->now_ms) != NULL;
    if (has_session && path != NULL && !keyed->said_silent && keyed->goodbye == 0 &&
        liveness_silence(&path->liveness, phones->loop->now_ms) < SHOWN_SILENT_MS)
        return shown;
    shown.is_up = false;
    if (client_phones_shown(phones) == NULL)
        shown.session = "no phone", shown.server = "waiting for a phone";
    else if (keyed->initiator.key_was_refused)
        shown.session = "wrong key", shown.server = "server: wrong key";
    else if (keyed->goodbye == GOODBYE_FULL)
        shown.session = "full", shown.server = "server full";
    else if (keyed->goodbye != 0)
        shown.session = "stopped", shown.server = "server stopped";
    else if (has_session && (path != NULL || keyed->said_silent))
        shown.session = "silent", shown.server = "server: no answer";
    else
        shown.session = "handshake", shown.server = "server: no answer yet";
    return shown;
}

static void write_status(const struct client_phones *phones, struct text *text) {
    const struct keyed *keyed = phones->keyed;
    const struct tunnel_link *link = &phones->link;
    const struct configuration *config = &keyed->configuration;
    text_add(text, ",\"round_trip_ms\":%lld,\"sessions\":%llu,\"path_changes\":%llu",
             (long long)keyed->round_trip_ms, (unsigned long long)keyed->sessions,
             (unsigned long long)phones->path_changes);
    text_add(text, ",\"messages_up\":%llu,\"forged\":%llu,\"replayed\":%llu",
             (unsigned long long)link->messages_sent, (unsigned long long)keyed->initiator.forged,
             (unsigned long long)keyed->initiator.replayed);
    text_add(text, ",\"rate\":%lld,\"window\":%lu,\"in_flight\":%lu,\"bare_ms\":%lld",
             (long long)flow_rate(&link->flow), (unsigned long)link->flow.window,
             (unsigned long)flow_in_flight(&link->flow),
             (long long)flow_bare_us(&link->flow) / 1000);
    text_add(text, ",\"waiting\":%lu", (unsigned long)link->queue.bytes);
    text_add(text, ",\"not_understood\":%llu,\"mappings\":%lld,\"mtu\":%u,\"resolvers\":[",
             (unsigned long long)keyed->initiator.not_understood, (long long)keyed->mappings,
             (unsigned)config->mtu);
    for (size_t i = 0; i < config->resolver_count; i++) {
        text_add(text, i > 0 ? ",\"" : "\"");
        text_add_ipv4(text, config->resolvers[i]);
        text_add(text, "\"");
    }
    text_add(text, "]");
}

const struct client_mode client_keyed = {
    opened, message, path_moved, path_closed, tick, goodbye, show, write_status,
};

void keyed_init(struct keyed *keyed) {
    keyed->round_trip_ms = keyed->mappings = -1;
    keyed->cut_pause_ms = LIVENESS_DEAD_MS;
}
