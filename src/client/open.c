// SPDX-License-Identifier: ISC
// Open mode, the classic protocol: the newest phone has the tether, and each message is a packet.
#include "../session/handshake.h"
#include "machine.h"
#include "phones.h"

static void opened(struct client_phones *phones, struct client_conn *conn) {
    struct phone_conn *old = phones->path.current;
    phones->wants_key = false; // the server may be another
    path_join(&phones->path, &conn->phone, phones->loop->now_us);
    client_phones_take(phones, conn);
    if (old != NULL)
        ws_conn_close(&old->ws, WS_STATUS_REPLACED, "another phone or tab took over");
}

static void path_moved(struct client_phones *phones, struct client_conn *conn) {
    (void)phones, (void)conn;
}

// The server is not in open mode.
static void say_keyed(struct client_phones *phones) {
    if (!phones->said_keyed)
        log_error(phones->log, "the server wants a key: start me with the one that it printed");
    phones->said_keyed = phones->wants_key = true;
}

static void message(struct client_conn *conn, uint8_t opcode, uint8_t *data, size_t length) {
    struct client_phones *phones = conn->phones;
    const uint8_t *packet = tunnel_link_read(&phones->link, opcode, data, &length);
    if (packet != NULL) {
        conn->heard = true;
        liveness_answered(&conn->liveness);
        machine_give(phones->machine, packet, length);
    } else if ((length == REFUSAL_SIZE && data[0] == MESSAGE_REFUSAL && data[1] == REFUSAL_KEYED) ||
               (length == GREETING_SIZE && data[0] == MESSAGE_GREETING)) {
        say_keyed(phones);
    }
}

static void path_closed(struct client_phones *phones, uint16_t status) {
    log_info(phones->log, "the phone is gone (status %u); waiting for it to return", status);
}

static void nothing_to_do(struct client_phones *phones) { (void)phones; }

// Nothing but packets is sent, so all that can be known is whether any comes back.
static struct shown show(const struct client_phones *phones) {
    const struct client_conn *path = client_phones_path(phones);
    if (path == NULL)
        return (struct shown){"no phone", "waiting for a phone", false, -1, -1};
    if (!path->heard && phones->wants_key)
        return (struct shown){"wants key", "server wants a key", false, -1, -1};
    if (!path->heard || liveness_silence(&path->liveness, phones->loop->now_ms) >= SHOWN_SILENT_MS)
        return (struct shown){"open", "server: nothing comes back", false, -1, -1};
    return (struct shown){"up", "server up", true, -1, -1};
}

static void write_status(const struct client_phones *phones, struct text *text) {
    (void)phones, (void)text;
}

const struct client_mode client_open = {
    opened, message, path_moved, path_closed, nothing_to_do, nothing_to_do, show, write_status,
};
