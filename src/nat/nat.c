// SPDX-License-Identifier: ISC
// The NAT's outside: setting up, counting, and time. The way out is in outbound.c, the way in in
// inbound.c.
#include "nat.h"

#include <string.h>

#include "entries.h"
#include "parts.h"

static const char *const verdict_names[NAT_VERDICT_COUNT] = {
    [NAT_PASS] = "pass",
    [NAT_HELD] = "held",
    [NAT_NOT_IPV4] = "not_ipv4",
    [NAT_BAD_PACKET] = "bad_packet",
    [NAT_BAD_SOURCE] = "bad_source",
    [NAT_SOURCE_ROUTE] = "source_route",
    [NAT_FRAGMENT] = "fragment",
    [NAT_PROTOCOL] = "protocol",
    [NAT_REFUSED] = "refused",
    [NAT_TTL_EXPIRED] = "ttl_expired",
    [NAT_TOO_BIG] = "too_big",
    [NAT_NO_CONNECTION] = "no_connection",
    [NAT_TABLE_FULL] = "table_full",
    [NAT_NO_PORT] = "no_port",
    [NAT_NO_MAPPING] = "no_mapping",
    [NAT_FILTERED] = "filtered",
    [NAT_MANY_QUERIES] = "many_queries",
};

const char *nat_verdict_name(enum nat_verdict verdict) { return verdict_names[verdict]; }

void nat_init(struct nat *nat, const struct nat_config *config) {
    memset(nat, 0, offsetof(struct nat, mappings));
    nat->config = *config;
    nat_ports_init(&nat->tcp_ports, config->port_low, config->port_high);
    nat_ports_init(&nat->udp_ports, config->port_low, config->port_high);
    nat_ports_init(&nat->icmp_identifiers, config->port_low, config->port_high);
    for (size_t laptop = 0; laptop < NAT_LAPTOPS; laptop++)
        for (int queue = 0; queue < NAT_QUEUE_COUNT; queue++)
            nat_queue_init(&nat->laptops[laptop].queues[queue]);
    nat_pool_init(&nat->mapping_pool, NAT_MAPPINGS);
    nat_pool_init(&nat->connection_pool, NAT_CONNECTIONS);
    nat_index_init(&nat->by_inside, nat->inside_slots, nat->inside_hashes, NAT_INDEX_SLOTS);
    nat_index_init(&nat->by_outside, nat->outside_slots, nat->outside_hashes, NAT_INDEX_SLOTS);
    nat_index_init(&nat->by_remote, nat->remote_slots, nat->remote_hashes, NAT_INDEX_SLOTS);
    nat->next_identification = (uint16_t)siphash_2_words(&config->key, 0, 0);
}

void nat_reserve_port(struct nat *nat, enum ip_protocol protocol, uint16_t port) {
    if (protocol == IP_TCP)
        nat_ports_reserve(&nat->tcp_ports, port);
    else if (protocol == IP_UDP)
        nat_ports_reserve(&nat->udp_ports, port);
}

void nat_set_laptop(struct nat *nat, uint16_t laptop, uint64_t identity) {
    nat->laptops[laptop].identity = identity;
}

static enum nat_verdict counted(struct nat *nat, enum nat_verdict verdict) {
    if (verdict != NAT_PASS && verdict != NAT_HELD)
        nat->dropped[verdict]++;
    return verdict;
}

enum nat_verdict nat_outbound(struct nat *nat, uint16_t laptop, uint8_t *bytes, size_t length,
                              const struct ip_offload *offload, int64_t now_ms) {
    struct nat_passage passage = {
        .nat = nat, .sender = laptop, .offload = offload, .lasting = true, .now_ms = now_ms};
    return counted(nat, nat_go_out(&passage, bytes, length));
}

enum nat_verdict nat_inbound(struct nat *nat, uint8_t *bytes, size_t length,
                             const struct ip_offload *offload, int64_t now_ms) {
    struct nat_passage passage = {
        .nat = nat, .sender = NAT_OUTSIDE, .offload = offload, .now_ms = now_ms};
    return counted(nat, nat_come_in(&passage, bytes, length));
}

enum nat_verdict nat_from_host(struct nat *nat, uint8_t *bytes, size_t length,
                               const struct ip_offload *offload, int64_t now_ms) {
    struct nat_passage passage = {
        .nat = nat, .sender = NAT_TO_HOST, .offload = offload, .now_ms = now_ms};
    return counted(nat, nat_come_in(&passage, bytes, length));
}

void nat_expire(struct nat *nat, int64_t now_ms) {
    nat_expire_entries(nat, now_ms);
    nat_expire_fragments(nat, now_ms);
    nat_answer_syns(nat, now_ms);
}

void nat_forget_laptop(struct nat *nat, uint16_t laptop) {
    nat_forget_entries(nat, laptop);
    nat_forget_fragments(nat, laptop);
    nat->laptops[laptop].identity = 0;
}

bool nat_goes_on(const struct nat *nat, uint16_t laptop, const struct ip_packet *packet) {
    const struct nat_inside inside = {laptop, IP_TCP, packet->source, packet->source_port};
    if (packet->protocol != IP_TCP || (packet->tcp_flags & (TCP_SYN | TCP_RST)) != 0)
        return false;
    uint32_t mapping = nat_find_inside(nat, &inside);
    return mapping != NO_ENTRY && nat_find_connection(nat, mapping, packet->destination,
                                                      packet->destination_port) != NO_ENTRY;
}
