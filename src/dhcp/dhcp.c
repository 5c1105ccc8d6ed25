// SPDX-License-Identifier: ISC
// DHCP (RFC 2131, options by RFC 2132) for a network that leads nowhere: the laptop's own Wi-Fi.
//
// A reply has an address, its mask, the lease's times and the server's identifier, whatever was
// asked for. A router, a resolver, a captive portal (RFC 8910) or "IPv6-only preferred" (RFC 8925)
// would have the phone move its traffic here, or give up IPv4, and lose its way out.
//
// A client is known by its identifier, or by its MAC where it sends none. It gets the address that
// it had, or the one that it asks for if nobody had that, or the one that has been free for
// longest. An address that nobody had is probed before it is offered (section 2.2), and the offer
// waits for that. One that a client remembers, and nobody has, is from an earlier run, and its own.
//
// To a client without an address a reply goes by broadcast, as to one that asks for that: a UDP
// socket knows no other way (section 4.1 lets it).
#include "dhcp.h"
#include "../base/bytes.h"
#include <string.h>

// Where the fields are (section 2), and options (RFC 2132).
enum { AT_DIRECTION, AT_HARDWARE, AT_MAC_SIZE, AT_HOPS, AT_TRANSACTION };
enum { AT_FLAGS = 10, AT_HAS = 12, AT_YOURS = 16, AT_RELAY = 24, AT_MAC = 28 };
enum { AT_COOKIE = 236, COOKIE = 0x63825363, AT_OPTIONS = 240 };
enum { ASKS = 1, REPLIES = 2, ETHERNET = 1, MAC_SIZE = 6, FLAG_BROADCAST = 0x8000 };
enum { PAD, MASK = 1, WANTS = 50, LEASE_S, TYPE = 53, SERVER, RENEW_S = 58, REBIND_S, CLIENT = 61 };
enum { END = 255 };
enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };
#define NETWORK_MASK 0xffffff00
#define EVERYBODY    0xffffffff

static uint64_t hash(const struct siphash_key *key, const uint8_t *bytes, size_t length) {
    uint64_t sum = length;
    for (size_t i = 0; i < length; i++) sum = siphash_2_words(key, sum, bytes[i]);
    return sum | 1; // 0 is nobody
}

static void take_option(struct dhcp_request *request, const struct siphash_key *key, uint8_t option,
                        const uint8_t *value, size_t length) {
    if (option == TYPE && length == 1)
        request->type = value[0];
    else if (option == CLIENT && length >= 2)
        request->client = hash(key, value, length);
    else if (option == WANTS && length == 4)
        request->wants = get_be32(value);
    else if (option == SERVER && length == 4)
        request->server = get_be32(value);
    else if (option == LEASE_S && length == 4 && get_be32(value) < DHCP_LEASE_S)
        request->lease_s =
            get_be32(value) < DHCP_LEASE_LEAST_S ? DHCP_LEASE_LEAST_S : get_be32(value);
}

static bool is_message(const uint8_t *message, size_t length, uint8_t direction) {
    return length >= AT_OPTIONS && message[AT_DIRECTION] == direction &&
           message[AT_HARDWARE] == ETHERNET && message[AT_MAC_SIZE] == MAC_SIZE &&
           get_be32(message + AT_COOKIE) == COOKIE;
}

// Returns false for what is no request, or comes through a relay, which this network has none of.
static bool read_request(struct dhcp_request *request, const struct siphash_key *key,
                         const uint8_t *message, size_t length) {
    if (!is_message(message, length, ASKS) || get_be32(message + AT_RELAY) != 0)
        return false;
    *request = (struct dhcp_request){.has = get_be32(message + AT_HAS), .lease_s = DHCP_LEASE_S};
    request->client = hash(key, message + AT_MAC, MAC_SIZE);
    memcpy(request->head, message, DHCP_HEAD);
    for (size_t at = AT_OPTIONS; at < length && message[at] != END;) {
        if (message[at] == PAD) {
            at++;
            continue;
        }
        if (length - at < 2 || message[at + 1] > length - at - 2)
            return false;
        take_option(request, key, message[at], message + at + 2, message[at + 1]);
        at += 2 + (size_t)message[at + 1];
    }
    return true;
}

static uint8_t *put_option(uint8_t *at, uint8_t option, uint32_t value) {
    at[0] = option;
    at[1] = 4;
    put_be32(at + 2, value);
    return at + 6;
}

// Begins a message with hardware, transaction, broadcast flag and MAC of another's head. Returns
// where its options go on.
static uint8_t *begin(uint8_t *message, uint8_t direction, const uint8_t *head, uint8_t type) {
    memset(message, 0, DHCP_MESSAGE);
    memcpy(message, head, AT_TRANSACTION + 4);
    memcpy(message + AT_MAC, head + AT_MAC, DHCP_HEAD - AT_MAC);
    message[AT_DIRECTION] = direction;
    message[AT_HOPS] = 0;
    put_be16(message + AT_FLAGS, get_be16(head + AT_FLAGS) & FLAG_BROADCAST);
    put_be32(message + AT_COOKIE, COOKIE);
    memcpy(message + AT_OPTIONS, (uint8_t[]){TYPE, 1, type}, 3);
    return message + AT_OPTIONS + 3;
}

// Makes a reply (table 3 of RFC 2131); with no address `yours` it names no lease (section 4.3.5).
static enum dhcp_result answer(const struct dhcp_server *server, struct dhcp_reply *reply,
                               const struct dhcp_request *to, uint8_t type, uint32_t yours) {
    uint8_t *at = begin(reply->message, REPLIES, to->head, type);
    at = put_option(at, SERVER, server->address);
    put_be32(reply->message + AT_YOURS, yours);
    if (type != NAK)
        at = put_option(at, MASK, NETWORK_MASK);
    if (type == ACK)
        put_be32(reply->message + AT_HAS, to->has);
    if (yours != 0) {
        at = put_option(at, LEASE_S, to->lease_s);
        at = put_option(at, RENEW_S, to->lease_s / 2);
        at = put_option(at, REBIND_S, to->lease_s - to->lease_s / 8);
    }
    *at = END;
    reply->to = type == ACK && to->has != 0 ? to->has : EVERYBODY;
    return DHCP_REPLY;
}

static struct dhcp_lease *lease_at(struct dhcp_server *server, uint32_t address) {
    uint32_t index = address - server->first;
    return index < DHCP_LEASES ? &server->leases[index] : NULL;
}

static uint32_t address_of(const struct dhcp_server *server, const struct dhcp_lease *lease) {
    return server->first + (uint32_t)(lease - server->leases);
}

// Returns NULL for a client that has no address.
static struct dhcp_lease *lease_of(struct dhcp_server *server, uint64_t client) {
    for (size_t i = 0; i < DHCP_LEASES; i++)
        if (server->leases[i].holder.client == client)
            return &server->leases[i];
    return NULL;
}

// Chooses an address for a client that has none. Returns NULL where all are lent.
static struct dhcp_lease *choose(struct dhcp_server *server, uint32_t wants, int64_t now_ms) {
    struct dhcp_lease *chosen = lease_at(server, wants);
    if (chosen != NULL && chosen->holder.client == 0 && chosen->until_ms <= now_ms)
        return chosen;
    chosen = server->leases;
    for (size_t i = 1; i < DHCP_LEASES; i++)
        if (server->leases[i].until_ms < chosen->until_ms)
            chosen = &server->leases[i];
    return chosen->until_ms <= now_ms ? chosen : NULL;
}

static enum dhcp_result discover(struct dhcp_server *server, struct dhcp_reply *reply,
                                 const struct dhcp_request *request, int64_t now_ms) {
    struct dhcp_lease *lease = lease_of(server, request->client);
    if (lease == NULL)
        lease = choose(server, request->wants, now_ms);
    if (lease == NULL)
        return DHCP_NOTHING;
    bool is_known = lease->holder.client != 0;
    lease->holder = *request;
    if (lease->until_ms < now_ms + DHCP_OFFER_MS)
        lease->until_ms = now_ms + DHCP_OFFER_MS;
    reply->to = address_of(server, lease);
    if (lease->probe_ms != 0)
        return DHCP_NOTHING; // the offer follows
    if (is_known)
        return answer(server, reply, request, OFFER, reply->to);
    lease->probe_ms = now_ms + DHCP_PROBE_MS;
    return DHCP_PROBE;
}

// The client has chosen an offer, remembers an address, or renews one (section 4.3.2).
static enum dhcp_result confirm(struct dhcp_server *server, struct dhcp_reply *reply,
                                const struct dhcp_request *request, int64_t now_ms) {
    uint32_t address = request->has != 0 ? request->has : request->wants;
    struct dhcp_lease *lease = lease_at(server, address);
    struct dhcp_lease *own = lease_of(server, request->client);
    bool is_for_other = request->server != 0 && request->server != server->address;
    if (address == 0)
        return DHCP_NOTHING;
    if (!is_for_other && (lease == NULL || (lease != own && lease->until_ms > now_ms)))
        return answer(server, reply, request, NAK, 0);
    if (own != NULL && (is_for_other || own != lease))
        *own = (struct dhcp_lease){.until_ms = now_ms}; // it takes another one
    if (is_for_other)
        return DHCP_NOTHING;
    *lease = (struct dhcp_lease){*request, now_ms + (int64_t)request->lease_s * 1000, 0};
    return answer(server, reply, request, ACK, address);
}

enum dhcp_result dhcp_take(struct dhcp_server *server, struct dhcp_reply *reply,
                           const uint8_t *message, size_t length, int64_t now_ms) {
    struct dhcp_request request;
    if (!read_request(&request, &server->key, message, length))
        return DHCP_NOTHING;
    struct dhcp_lease *own = lease_of(server, request.client);
    uint32_t address = own != NULL ? address_of(server, own) : 0;
    if (request.type == DISCOVER)
        return discover(server, reply, &request, now_ms);
    if (request.type == REQUEST)
        return confirm(server, reply, &request, now_ms);
    if (request.type == INFORM && ((request.has ^ server->address) & NETWORK_MASK) == 0)
        return answer(server, reply, &request, ACK, 0);
    if (request.type == DECLINE && own != NULL && request.wants == address) // another host has it
        *own = (struct dhcp_lease){.until_ms = now_ms + DHCP_CONFLICT_MS};
    if (request.type == RELEASE && own != NULL && request.has == address)
        own->until_ms = now_ms;
    return DHCP_NOTHING;
}

int64_t dhcp_due_ms(const struct dhcp_server *server, uint32_t *address) {
    int64_t due_ms = INT64_MAX;
    for (size_t i = 0; i < DHCP_LEASES; i++) {
        int64_t probe_ms = server->leases[i].probe_ms;
        if (probe_ms == 0 || probe_ms >= due_ms)
            continue;
        due_ms = probe_ms;
        *address = address_of(server, &server->leases[i]);
    }
    return due_ms;
}

enum dhcp_result dhcp_probed(struct dhcp_server *server, struct dhcp_reply *reply, uint32_t address,
                             bool is_taken, int64_t now_ms) {
    struct dhcp_lease *lease = lease_at(server, address);
    const struct dhcp_request request = lease->holder;
    lease->probe_ms = 0;
    if (!is_taken)
        return answer(server, reply, &request, OFFER, address);
    *lease = (struct dhcp_lease){.until_ms = now_ms + DHCP_CONFLICT_MS};
    return discover(server, reply, &request, now_ms);
}

// It comes from a MAC of nobody's, which an administrator could have given (RFC 9542 section 2.1).
void dhcp_make_discover(uint8_t message[DHCP_MESSAGE], uint64_t random) {
    uint8_t head[DHCP_HEAD] = {ASKS, ETHERNET, MAC_SIZE, [AT_MAC] = 0x02};
    put_be32(head + AT_TRANSACTION, (uint32_t)random);
    put_be16(head + AT_FLAGS, FLAG_BROADCAST);
    put_be32(head + AT_MAC + 2, (uint32_t)(random >> 32));
    *begin(message, ASKS, head, DISCOVER) = END;
}

bool dhcp_is_offer(const uint8_t *message, size_t length, uint64_t random) {
    return is_message(message, length, REPLIES) &&
           get_be32(message + AT_TRANSACTION) == (uint32_t)random;
}
