// SPDX-License-Identifier: ISC
// Keyed mode: whoever connects is a stranger until a genuine message comes. That one tells which
// laptop it is from, and makes the connection that laptop's path, unless a newer one is at work.
#include "../crypto/memory.h"
#include "../crypto/random.h"
#include "../ip/scope.h"
#include "../os/resolvers.h"
#include "../ws/base64.h"
#include "keys.h"
#include "phones.h"
#include <stdio.h>
#include <string.h>

// ---- laptops ----

static bool address_is_free(const struct laptops *laptops, uint32_t address) {
    for (size_t i = 0; i < laptops->count; i++)
        if (laptops->places[i].used && laptops->places[i].address == address)
            return false;
    return true;
}

// A laptop that is new here keeps the inside address that it had, unless another has it. Returns 0,
// or -1 where the kernel gives no random numbers.
static int begin_laptop(struct laptop *laptop, uint32_t address) {
    struct laptops *laptops = laptop->laptops;
    uint16_t number = laptop->path.laptop;
    while (!inside_address_is_good(address) || !address_is_free(laptops, address)) {
        if (crypto_random(&address, sizeof address) < 0)
            return -1;
        address = INSIDE_NETWORK | (address & INSIDE_HOSTS);
    }
    laptop->address = address;
    laptop->used = true;
    log_info(laptops->log, "laptop %u: its session is up", number);
    return 0;
}

// For struct responder_config: a laptop has shown that it is there.
static int admit(void *arg, const struct offer *offer) {
    struct laptops *laptops = arg;
    char id[LAPTOP_ID_MAX];
    for (size_t i = 0; i < IDENTITY_SIZE; i++) snprintf(id + 2 * i, 3, "%02x", offer->identity[i]);
    struct laptop *laptop = laptops_find(laptops, id, LAPTOP_AWAY_MS);
    if (laptop == NULL || (!laptop->used && begin_laptop(laptop, offer->address) < 0))
        return -1;
    return laptop->path.laptop;
}

// Where systemd-resolved has the resolvers that it asks itself (systemd-resolved.service(8)).
#define RESOLVED_FILE "/run/systemd/resolve/resolv.conf"

// The host's resolvers are told to laptops, as far as they can reach them. Where they can reach
// none, the NAT leads them to the first: a cloud's is often private or link-local.
static void find_resolvers(struct laptops *laptops, bool allow_private) {
    struct configuration *config = &laptops->configuration;
    uint32_t found[RESOLVERS_MAX];
    uint32_t ours = 0;
    size_t count = resolvers_read(found, RESOLVERS_MAX, "/etc/resolv.conf");
    if (count > 0 && ip_scope_of(found[0]) == SCOPE_LOOPBACK)
        count = resolvers_read(found, RESOLVERS_MAX, RESOLVED_FILE);
    for (size_t i = 0; i < count; i++) {
        enum ip_scope scope = ip_scope_of(found[i]);
        if (scope == SCOPE_GLOBAL || (scope == SCOPE_PRIVATE && allow_private))
            config->resolvers[config->resolver_count++] = found[i];
        else if (ours == 0 && (scope == SCOPE_PRIVATE || scope == SCOPE_LINK_LOCAL))
            ours = found[i];
    }
    if (config->resolver_count > 0 || ours == 0)
        return;
    laptops->gateway->resolver = ours;
    config->resolvers[config->resolver_count++] = INSIDE_RESOLVER;
}

static int start(struct laptops *laptops, const struct server_options *options,
                 struct siphash_key *port_key) {
    const struct gateway *gateway = laptops->gateway;
    // A kernel that does not know UDP super-packets (Linux before 6.2) does not on TUN devices or
    // the wire.
    uint8_t udp = gateway->host_tun.takes_udp_super ? SESSION_TAKES_UDP_SUPER : 0;
    struct responder_config config = {
        .takes = SESSION_TAKES_TCP_SUPER | udp,
        .admit = admit,
        .arg = laptops,
    };
    if (keys_read(config.key, port_key, options, gateway->wire.address, laptops->log) < 0)
        return -1;
    if (crypto_random(config.run, sizeof config.run) < 0) {
        log_no_random(laptops->log);
        crypto_wipe(config.key, sizeof config.key);
        return -1;
    }
    crypto_lock(&laptops->responder, offsetof(struct responder, rate)); // all of its keys
    responder_init(&laptops->responder, &config);
    crypto_wipe(config.key, sizeof config.key);
    laptops->configuration.mtu = TUN_MTU;
    laptops->configuration.message_max = WS_MESSAGE_MAX;
    find_resolvers(laptops, options->allow_private);
    return 0;
}

// ---- their phones ----

static struct server_conn *accept_stranger(struct server_phones *phones,
                                           const struct endpoint *peer,
                                           const struct http_text *query) {
    struct server_conn *conn = server_phones_new_conn(phones, peer);
    (void)query;
    if (conn != NULL)
        server_phones_enter_strangers(conn, peer);
    return conn;
}

static void on_opened(void *arg) {
    struct server_conn *conn = arg;
    uint8_t greeting[GREETING_SIZE];
    greeting_write(&conn->phones->laptops->responder, greeting);
    tunnel_send(&conn->phone.ws, false, greeting, sizeof greeting);
}

static void on_genuine(struct server_conn *conn, const struct responder_heard *heard) {
    const struct loop *loop = conn->phones->loop;
    struct laptop *laptop = &conn->phones->laptops->places[heard->laptop];
    char peer[ENDPOINT_TEXT_MAX];
    server_phones_give_buffers(conn);
    server_phones_leave_strangers(conn);
    path_join(&laptop->path, &conn->phone, loop->now_us);
    laptop->seen_ms = loop->now_ms;
    if (heard->is_session)
        laptop_send_configuration(laptop);
    if (path_follow(&conn->phone, heard->is_newest, loop->now_us)) {
        endpoint_format_host(&conn->phone.ws.peer, peer);
        log_info(conn->phones->log, "laptop %u: comes through phone %s", heard->laptop, peer);
    }
    laptop_hear_records(laptop, heard->bytes, heard->length);
}

// Whom the limit of offers counts a message to: what comes on a laptop's connection to the laptop,
// and not to its phone's address, which a whole carrier's network may share. (No address has these
// numbers.)
static uint64_t source_of(const struct server_conn *conn) {
    if (conn->phone.path == NULL)
        return endpoint_source(&conn->phone.ws.peer);
    return CROWD_NOBODY - 1 - conn->phone.path->laptop;
}

static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    struct server_conn *conn = arg;
    struct responder *responder = &conn->phones->laptops->responder;
    struct responder_heard heard;
    heard.event = RESPONDER_NOTHING;
    conn->phone.text = opcode == WS_TEXT;
    if (tunnel_decode(opcode, data, &length))
        responder_hear(responder, &conn->pending, source_of(conn), data, length,
                       conn->phones->loop->now_ms, &heard);
    else
        responder->not_understood++;
    if (heard.event == RESPONDER_RECORDS) {
        on_genuine(conn, &heard);
        return true;
    }
    if (heard.event == RESPONDER_REPLY)
        tunnel_send(&conn->phone.ws, conn->phone.text, heard.bytes, heard.length);
    if (conn->phone.path == NULL && ++conn->strange >= STRANGER_MESSAGES)
        ws_conn_close(&conn->phone.ws, WS_STATUS_NOBODY, "no genuine message came");
    return true;
}

// A message longer than a stranger's buffer: there is room for it if it begins as a message of a
// laptop's session would. Else it is thrown away, and a shorter one may still show who this is: a
// laptop whose session this server does not know any more sends a few before it learns of it.
static bool on_crowded(void *arg, uint8_t opcode, const uint8_t *data, size_t length) {
    struct server_conn *conn = arg;
    struct server_phones *phones = conn->phones;
    uint8_t start_of[SEALED_HEAD + 2]; // what 20 characters of base64 hold
    if (conn->large != NULL || length < 20)
        return false;
    memcpy(start_of, data, sizeof start_of);
    if ((opcode != WS_TEXT || base64_decode(start_of, (const char *)data, 20) >= SEALED_HEAD) &&
        responder_may_be_genuine(&phones->laptops->responder, &conn->pending, start_of,
                                 SEALED_HEAD)) {
        server_phones_give_buffers(conn);
        return true;
    }
    phones->strange_messages++;
    ws_conn_skip(&conn->phone.ws);
    return ++conn->strange < STRANGER_MESSAGES;
}

static void tick_conn(struct server_conn *conn) {
    int64_t now_ms = conn->phones->loop->now_ms;
    bool is_idle = now_ms - conn->phone.genuine_ms >= STRANGER_LIMIT_MS;
    pending_expire(&conn->pending, now_ms);
    if (conn->phone.ws.state == WS_OPEN && is_idle && !path_is_on(&conn->phone))
        ws_conn_close(&conn->phone.ws, WS_STATUS_NOBODY, "no laptop speaks here");
}

static void tick(struct server_phones *phones) {
    for (size_t i = 0; i < phones->count; i++) tick_conn(&phones->conns[i]);
    laptops_tick(phones->laptops);
}

static void write_status(const struct server_phones *phones, struct text *text) {
    const struct responder *responder = &phones->laptops->responder;
    text_add(text, ",\"keyed\":{\"sessions\":%llu,\"wrong_key\":%llu,\"rate_limited\":%llu",
             (unsigned long long)responder->sessions, (unsigned long long)responder->wrong_key,
             (unsigned long long)responder->rate_limited);
    text_add(text, ",\"unknown_session\":%llu,\"forged\":%llu,\"replayed\":%llu",
             (unsigned long long)responder->unknown_session, (unsigned long long)responder->forged,
             (unsigned long long)responder->replayed);
    text_add(text, ",\"not_understood\":%llu,\"strange_messages\":%llu,\"strangers_evicted\":%llu}",
             (unsigned long long)responder->not_understood,
             (unsigned long long)phones->strange_messages,
             (unsigned long long)phones->strangers_evicted);
}

const struct server_mode server_keyed = {
    .start = start,
    .accept = accept_stranger,
    .events =
        {
            .opened = on_opened,
            .message = on_message,
            .crowded = on_crowded,
            .batch_end = server_phones_on_batch_end,
            .writable = server_phones_on_writable,
            .closed = server_phones_on_closed,
        },
    .tick = tick,
    .write_status = write_status,
};
