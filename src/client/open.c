// SPDX-License-Identifier: ISC
// Open mode, the classic protocol: the newest phone has the tether, and each message is a packet.
#include "../session/handshake.h"
#include "machine.h"
#include "phones.h"

static void opened(struct client_phones *phones, struct client_conn *conn)
{
    struct phone_conn *old = phones->path.current;
    path_join(&phones->path, &conn->phone, phones->loop->now_us);
    client_phones_take(phones, conn);
    if (old != NULL)
        ws_conn_close(&old->ws, WS_STATUS_REPLACED, "another phone or tab took over");
}

static void path_moved(struct client_phones *phones, struct client_conn *conn)
{
    (void)phones, (void)conn;
}

// The server is not in open mode.
static void say_keyed(struct client_phones *phones)
{
    if (!phones->said_keyed)
        log_error(phones->log, "the server wants a key: start me with the one that it printed");
    phones->said_keyed = true;
}

static void message(struct client_conn *conn, uint8_t opcode, uint8_t *data, size_t length)
{
    struct client_phones *phones = conn->phones;
    const uint8_t *packet = tunnel_link_read(&phones->link, opcode, data, &length);
    if (packet != NULL)
        machine_give(phones->machine, packet, length);
    else if (length == REFUSAL_SIZE && data[0] == MESSAGE_REFUSAL && data[1] == REFUSAL_KEYED)
        say_keyed(phones);
}

static void path_closed(struct client_phones *phones, uint16_t status)
{
    log_info(phones->log, "the phone is gone (status %u); waiting for it to return", status);
}

static void nothing_to_do(struct client_phones *phones)
{
    (void)phones;
}

static struct shown show(const struct client_phones *phones)
{
    (void)phones;
    return (struct shown){"open", NULL, true, -1, -1};
}

static void write_status(const struct client_phones *phones, struct text *text)
{
    (void)phones, (void)text;
}

const struct client_mode client_open = {
    opened, message, path_moved, path_closed, nothing_to_do, nothing_to_do, show, write_status,
};
