// SPDX-License-Identifier: ISC
// The NAT's outside: setting up, counting, and time. The way out is in outbound.c, the way in in
// inbound.c.
#include "nat.h"
#include "parts.h"
#include <string.h>

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
    for (int kind = 0; kind < NAT_PORT_KINDS; kind++)
        nat_ports_init(&nat->ports[kind], config->port_low, config->port_high);
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

void nat_set_laptop(struct nat *nat, uint16_t laptop, uint64_t identity) {
    nat->laptops[laptop].identity = identity;
}

enum nat_verdict nat_take(struct nat *nat, uint16_t sender, uint8_t *bytes, size_t length,
                          const struct ip_offload *offload, int64_t now_ms) {
    bool is_outbound = sender < NAT_LAPTOPS;
    struct nat_passage passage = {
        .nat = nat, .sender = sender, .offload = offload, .lasting = is_outbound, .now_ms = now_ms};
    enum ip_result result = ip_parse(&passage.packet, bytes, length);
    enum nat_verdict verdict = result == IP_NOT_IPV4 ? NAT_NOT_IPV4 : NAT_BAD_PACKET;
    passage.packet.partial_checksum = offload != NULL && offload->partial_checksum;
    if (result == IP_GOOD)
        verdict = is_outbound ? nat_check_outbound(&passage) : nat_check_inbound(&passage);
    if (verdict == NAT_PASS)
        verdict = nat_pass(&passage, is_outbound ? nat_forward_outbound : nat_forward_inbound);
    if (verdict != NAT_PASS && verdict != NAT_HELD)
        nat->dropped[verdict]++;
    return verdict;
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
