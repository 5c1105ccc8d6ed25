// SPDX-License-Identifier: ISC
// Open mode: a connection belongs to a laptop from the start, by its id or its phone's address, and
// the newest connection of a laptop has it. Each message is one packet.
//
// A phone tries several of the server's ports beside each other, and closes those that it does not
// use. So a second connection of the same phone, a moment after its first, has the laptop only when
// it has brought a message.
#include <errno.h>
#include <string.h>

#include "../crypto/random.h"
#include "phones.h"

#define BESIDE_MS 3000

static int start(struct laptops *laptops, const struct server_options *options,
                 struct siphash_key *port_key) {
    (void)options;
    if (crypto_random(port_key, sizeof *port_key) == 0)
        return 0;
    log_no_random(laptops->log);
    return -1;
}

// Copies the value of "id" in a query, or "" where there is none that will do: letters and digits.
static void read_id(char id[LAPTOP_ID_MAX], const struct http_text *query) {
    size_t length = 0;
    id[0] = '\0';
    if (query->length <= 3 || query->length - 3 >= LAPTOP_ID_MAX ||
        memcmp(query->start, "id=", 3) != 0)
        return;
    for (const char *c = query->start + 3; c < query->start + query->length; c++) {
        if (!((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')))
            return;
        id[length++] = *c;
    }
    id[length] = '\0';
}

static struct server_conn *accept_phone(struct server_phones *phones, const struct endpoint *peer,
                                        const struct http_text *query) {
    struct laptops *laptops = phones->laptops;
    char id[LAPTOP_ID_MAX];
    read_id(id, query);
    struct laptop *laptop = laptops_find(laptops, id, peer, INT64_MAX);
    if (laptop == NULL)
        return NULL;
    if (!laptop->used)
        tunnel_link_init(&laptop->link, NULL, &laptops->queue_key, laptops->loop->now_us);
    struct server_conn *conn = server_phones_new_conn(phones, peer);
    if (conn == NULL)
        return NULL;
    path_join(&laptop->path, &conn->phone, laptops->loop->now_us);
    server_phones_give_buffers(conn);
    return conn;
}

// A phone takes the place of the one before.
static void take_over(struct server_conn *conn) {
    struct laptop *laptop = server_phones_laptop(conn);
    struct phone_conn *old = laptop->path.current;
    char peer[ENDPOINT_TEXT_MAX];
    endpoint_format_host(&conn->phone.ws.peer, peer);
    path_take(&conn->phone, conn->phones->loop->now_us);
    if (old != NULL)
        ws_conn_close(&old->ws, WS_STATUS_REPLACED, "another phone or tab took over");
    log_info(conn->phones->log, "laptop %u: phone %s is connected%s", laptop->path.laptop, peer,
             old != NULL ? ", in place of the one before" : "");
}

static void on_opened(void *arg) {
    struct server_conn *conn = arg;
    struct laptop *laptop = server_phones_laptop(conn);
    const struct phone_conn *old = laptop->path.current;
    laptop->used = true;
    laptop->phone = conn->phone.ws.peer;
    laptop->seen_ms = conn->phones->loop->now_ms;
    conn->phone.text = true;
    if (old == NULL || laptop->seen_ms - old->genuine_ms >= BESIDE_MS ||
        !endpoint_same_host(&old->ws.peer, &conn->phone.ws.peer))
        take_over(conn);
}

static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    struct server_conn *conn = arg;
    struct laptop *laptop = server_phones_laptop(conn);
    if (conn->phone.serial > laptop->path.current->serial)
        take_over(conn);
    uint8_t *packet = tunnel_link_read(&laptop->link, opcode, data, &length);
    if (packet == NULL)
        return true;
    laptop->seen_ms = conn->phones->loop->now_ms;
    gateway_send(laptop->laptops->gateway, laptop->path.laptop, packet, length, NULL);
    return true;
}

static void tick(struct server_phones *phones) { (void)phones; }

static void write_status(const struct server_phones *phones, struct text *text) {
    (void)phones, (void)text;
}

const struct server_mode server_open = {
    .warning = "open mode: ANYBODY who finds this host can use it as an exit to the "
               "Internet in its owner's name, and whoever is on the way can read "
               "and alter what passes; start me without --open to have a key",
    .start = start,
    .accept = accept_phone,
    .events =
        {
            .opened = on_opened,
            .message = on_message,
            .batch_end = server_phones_on_batch_end,
            .writable = server_phones_on_writable,
            .closed = server_phones_on_closed,
        },
    .tick = tick,
    .write_status = write_status,
};
