// SPDX-License-Identifier: ISC
// Open mode: each message is one packet, and does not say whose. A connection with an id belongs to
// that laptop from the start, and the newest connection of a laptop has it.
//
// A phone tries several of the server's ports beside each other, and closes those that it does not
// use. So a second connection of the same phone, a moment after its first, has the laptop only when
// it has brought a message.
//
// Without an id there is the phone's address, which a whole class may share. A connection belongs
// to
//   1. the laptop there whose TCP connection its segment goes on with, if that laptop has no phone,
//      or has said nothing since this connection came;
//   2. or else the only laptop there, if it has no phone, or one that answers no ping;
//   3. or else the only one that has lost its phone in the last seconds;
//   4. or else a new one, after the first seconds, in which what cannot be told is dropped.
// So nobody who speaks loses his place, and who comes back among many is known by what he says.
#include "../crypto/random.h"
#include "phones.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BESIDE_MS    3000
#define RECOGNISE_MS 2000
#define RETURN_MS    10000

static int start(struct laptops *laptops, const struct server_options *options,
                 struct siphash_key *port_key) {
    (void)options;
    if (crypto_random(port_key, sizeof *port_key) == 0)
        return 0;
    return log_no_random(laptops->log);
}

// Copies the value of "id" in a query, or "" where there is none that will do: letters and digits.
static void read_id(char id[LAPTOP_ID_MAX], const struct http_text *query) {
    static const char good[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t length = query->length;
    id[0] = '\0';
    if (length < 3 || length - 3 >= LAPTOP_ID_MAX || memcmp(query->start, "id=", 3) != 0)
        return;
    snprintf(id, LAPTOP_ID_MAX, "%.*s", (int)length - 3, query->start + 3);
    if (strspn(id, good) != length - 3)
        id[0] = '\0';
}

static struct server_conn *accept_phone(struct server_phones *phones, const struct endpoint *peer,
                                        const struct http_text *query) {
    char id[LAPTOP_ID_MAX];
    struct laptop *laptop = NULL;
    read_id(id, query);
    if (id[0] != '\0' && (laptop = laptops_find(phones->laptops, id, INT64_MAX)) == NULL)
        return NULL;
    struct server_conn *conn = server_phones_new_conn(phones, peer);
    if (conn == NULL)
        return NULL;
    if (laptop != NULL)
        path_join(&laptop->path, &conn->phone, phones->loop->now_us);
    else
        server_phones_enter_strangers(conn, peer);
    server_phones_give_buffers(conn);
    return conn;
}

// Whether a laptop without an id is at this address: it has a phone, or something to return for.
static bool is_at(const struct laptop *laptop, const char *address) {
    size_t length = strlen(address);
    return laptop->used && strncmp(laptop->id, address, length) == 0 &&
           (laptop->id[length] == '\0' || laptop->id[length] == ' ') &&
           (laptop->link.conn != NULL ||
            gateway_mappings(laptop->laptops->gateway, laptop->path.laptop) > 0);
}

// How much speaks for a connection without an id being this laptop's.
enum rank { HERE, AWAY, JUST_LEFT, GOES_ON };

static enum rank rank_of(const struct laptop *laptop, const struct server_conn *conn,
                         const struct ip_packet *packet) {
    const struct ws_conn *phone = laptop->link.conn;
    int64_t now_ms = laptop->laptops->loop->now_ms;
    int64_t came_ms = conn->phone.genuine_ms;
    if (packet != NULL && (phone == NULL || laptop->seen_ms < came_ms) &&
        nat_goes_on(&laptop->laptops->gateway->nat, laptop->path.laptop, packet))
        return GOES_ON;
    if (phone == NULL)
        return now_ms - laptop->seen_ms < RETURN_MS ? JUST_LEFT : AWAY;
    bool is_silent = phone->heard_ms < came_ms && !phone->is_draft76; // which has no pings
    return now_ms - came_ms >= RECOGNISE_MS && is_silent ? AWAY : HERE;
}

// Whose a connection without an id is, or NULL where that is not known yet. It has brought this
// packet; NULL: none, and the phones that are there are asked whether they are.
static struct laptop *recognise(const struct server_conn *conn, const struct ip_packet *packet) {
    struct laptops *laptops = conn->phones->laptops;
    struct laptop *likely = NULL;
    enum rank best = HERE;
    size_t known = 0, silent = 0, as_likely = 0;
    char id[ENDPOINT_TEXT_MAX];
    endpoint_format_host(&conn->phone.ws.peer, id);
    for (size_t i = 0; i < laptops->count; i++) {
        struct laptop *laptop = &laptops->places[i];
        if (!is_at(laptop, id))
            continue;
        known++;
        silent += laptop->link.conn == NULL || laptop->seen_ms < conn->phone.genuine_ms;
        if (packet == NULL && laptop->link.conn != NULL)
            ws_conn_ask(laptop->link.conn);
        enum rank rank = rank_of(laptop, conn, packet);
        as_likely = rank > best ? 1 : as_likely + (rank == best);
        likely = rank >= best ? laptop : likely;
        best = rank > best ? rank : best;
    }
    if (as_likely == 1 && (best > AWAY || (best == AWAY && known == 1)))
        return likely;
    bool is_late = laptops->loop->now_ms - conn->phone.genuine_ms >= RECOGNISE_MS;
    if (packet == NULL ? known > 0 : silent > 0 && !is_late)
        return NULL;
    if (known > 0)
        snprintf(id + strlen(id), 12, " %u", (unsigned)conn->phone.serial);
    return laptops_find(laptops, id, INT64_MAX);
}

// A phone takes the place of the one before.
static void take_over(struct server_conn *conn) {
    struct laptop *laptop = server_phones_laptop(conn);
    struct phone_conn *old = laptop->path.current;
    char peer[ENDPOINT_TEXT_MAX];
    endpoint_format_host(&conn->phone.ws.peer, peer);
    laptop->used = true;
    laptop->seen_ms = conn->phones->loop->now_ms;
    path_take(&conn->phone, conn->phones->loop->now_us);
    if (old != NULL)
        ws_conn_close(&old->ws, WS_STATUS_REPLACED, "another phone or tab took over");
    log_info(conn->phones->log, "laptop %u: phone %s is connected%s", laptop->path.laptop, peer,
             old != NULL ? ", in place of the one before" : "");
}

// A connection without an id gets its laptop's place, if that is known.
static void settle(struct server_conn *conn, const struct ip_packet *packet) {
    struct laptop *laptop = recognise(conn, packet);
    if (laptop == NULL)
        return;
    server_phones_leave_strangers(conn);
    path_join(&laptop->path, &conn->phone, conn->phones->loop->now_us);
    take_over(conn);
}

static void on_opened(void *arg) {
    struct server_conn *conn = arg;
    struct laptop *laptop = server_phones_laptop(conn);
    conn->phone.text = true;
    if (laptop == NULL) {
        settle(conn, NULL);
        return;
    }
    const struct phone_conn *old = laptop->path.current;
    laptop->used = true;
    if (old == NULL || conn->phone.genuine_ms - old->genuine_ms >= BESIDE_MS ||
        !endpoint_same_host(&old->ws.peer, &conn->phone.ws.peer))
        take_over(conn);
}

static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    struct server_conn *conn = arg;
    struct ip_packet packet;
    bool is_text = opcode == WS_TEXT;
    if (conn->phone.path == NULL) {
        if (tunnel_decode(opcode, data, &length) && ip_parse(&packet, data, length) == IP_GOOD)
            settle(conn, &packet);
        opcode = WS_BINARY; // it is now
    }
    struct laptop *laptop = server_phones_laptop(conn);
    if (laptop == NULL)
        return true;
    if (conn->phone.serial > laptop->path.current->serial)
        take_over(conn);
    laptop->seen_ms = conn->phones->loop->now_ms;
    if (tunnel_link_read(&laptop->link, opcode, data, &length) != NULL)
        gateway_send(laptop->laptops->gateway, laptop->path.laptop, data, length, NULL);
    laptop->link.text = is_text;
    return true;
}

// One that was opened beside another, which has closed since, or whose phone has not answered.
static void tick(struct server_phones *phones) {
    for (size_t i = 0; i < phones->count; i++) {
        const struct phone_conn *phone = &phones->conns[i].phone;
        bool is_young = phones->loop->now_ms - phone->genuine_ms < 2 * RECOGNISE_MS;
        if (phone->ws.state == WS_OPEN && phone->path == NULL && is_young)
            settle(&phones->conns[i], NULL);
    }
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
};
