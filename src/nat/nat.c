// Translation. Outbound: check, find or make the mapping (and for TCP the connection), write the
// outside address and port as the source. Inbound: find the mapping by the outside port, write the
// inside endpoint as the destination. A packet that finds nothing is nobody's business and is
// dropped without an answer.
//
// Time limits: UDP 5 minutes (RFC 4787 REQ-5 wants 2 at least and recommends 5), ICMP queries 60 s
// (RFC 5508 REQ-2), TCP opening or closing 4 minutes, established 2 hours 4 minutes (RFC 5382
// REQ-5).
#include "nat.h"

#include <string.h>

#include "../ip/scope.h"
#include "entries.h"
#include "tcp.h"

static const int64_t limit_ms[NAT_QUEUE_COUNT] = {
    [NAT_UDP_QUEUE] = 300000,
    [NAT_ICMP_QUEUE] = 60000,
    [NAT_TRANSITORY_QUEUE] = 240000,
    [NAT_ESTABLISHED_QUEUE] = 7440000,
};

static const char *const verdict_names[NAT_VERDICT_COUNT] = {
    [NAT_PASS] = "pass",
    [NAT_NOT_IPV4] = "not_ipv4",
    [NAT_BAD_PACKET] = "bad_packet",
    [NAT_BAD_SOURCE] = "bad_source",
    [NAT_FRAGMENT] = "fragment",
    [NAT_PROTOCOL] = "protocol",
    [NAT_REFUSED] = "refused",
    [NAT_TTL_EXPIRED] = "ttl_expired",
    [NAT_NO_CONNECTION] = "no_connection",
    [NAT_TABLE_FULL] = "table_full",
    [NAT_NO_PORT] = "no_port",
    [NAT_NO_MAPPING] = "no_mapping",
};

const char *nat_verdict_name(enum nat_verdict verdict)
{
    return verdict_names[verdict];
}

void nat_init(struct nat *nat, const struct nat_config *config)
{
    nat->config = *config;
    memset(nat->dropped, 0, sizeof nat->dropped);
    nat->evicted = nat->random_counter = 0;
    nat->mapping_count = nat->connection_count = 0;
    nat_ports_init(&nat->tcp_ports, config->port_low, config->port_high);
    nat_ports_init(&nat->udp_ports, config->port_low, config->port_high);
    nat_ports_init(&nat->icmp_identifiers, config->port_low, config->port_high);
    for (int i = 0; i < NAT_QUEUE_COUNT; i++)
        nat_queue_init(&nat->queues[i]);
    nat_pool_init(&nat->mapping_pool, NAT_MAPPINGS);
    nat_pool_init(&nat->connection_pool, NAT_CONNECTIONS);
    nat_index_init(&nat->by_inside, nat->inside_slots, nat->inside_hashes, NAT_INDEX_SLOTS);
    nat_index_init(&nat->by_outside, nat->outside_slots, nat->outside_hashes, NAT_INDEX_SLOTS);
    nat_index_init(&nat->by_remote, nat->remote_slots, nat->remote_hashes, NAT_INDEX_SLOTS);
}

void nat_reserve_port(struct nat *nat, enum ip_protocol protocol, uint16_t port)
{
    if (protocol == IP_TCP)
        nat_ports_reserve(&nat->tcp_ports, port);
    else if (protocol == IP_UDP)
        nat_ports_reserve(&nat->udp_ports, port);
}

// Reads a packet, in either direction, and refuses what is not translated.
static enum nat_verdict read_packet(struct ip_packet *packet, uint8_t *bytes, size_t length,
                                    uint8_t icmp_type)
{
    enum ip_result result = ip_parse(packet, bytes, length);
    if (result == IP_NOT_IPV4)
        return NAT_NOT_IPV4;
    if (result != IP_GOOD)
        return NAT_BAD_PACKET;
    if (packet->is_fragment)
        return NAT_FRAGMENT;
    if (!packet->has_transport || (packet->protocol == IP_ICMP && packet->icmp_type != icmp_type))
        return NAT_PROTOCOL;
    return NAT_PASS;
}

// Where a laptop's packets may go: the Internet, and private networks if the owner said so; never
// the host itself, its link (the cloud's metadata service is there), or groups.
static bool destination_is_allowed(const struct nat *nat, uint32_t address)
{
    enum ip_scope scope = ip_scope_of(address);
    if (address == nat->config.outside_address)
        return false;
    return scope == SCOPE_GLOBAL || (scope == SCOPE_PRIVATE && nat->config.allow_private);
}

static bool source_is_possible(const struct nat *nat, uint32_t address)
{
    enum ip_scope scope = ip_scope_of(address);
    return address != nat->config.outside_address &&
           (scope == SCOPE_GLOBAL || scope == SCOPE_PRIVATE || scope == SCOPE_LINK_LOCAL);
}

// Finds or makes the connection of an outbound TCP packet and notes what the packet does to it. A
// packet without a connection makes one even if it is no SYN: after a restart of ours the remote
// side then answers with a RST, and the application learns at once what a silent drop would hide
// for hours.
static enum nat_verdict track_outbound(struct nat *nat, uint32_t mapping,
                                       const struct ip_packet *packet, int64_t now_ms)
{
    uint32_t c = nat_find_connection(nat, mapping, packet->destination, packet->destination_port);
    if (c == NO_ENTRY) {
        if ((packet->tcp_flags & TCP_RST) != 0)
            return NAT_NO_CONNECTION; // the end of something that is gone already
        enum nat_verdict verdict = nat_add_connection(nat, mapping, packet->destination,
                                                      packet->destination_port, now_ms, &c);
        if (verdict != NAT_PASS)
            return verdict;
    }
    nat->connections[c].seen = nat_tcp_seen_outbound(nat->connections[c].seen, packet->tcp_flags);
    nat_touch_connection(nat, c, nat_tcp_queue(nat->connections[c].seen), now_ms);
    return NAT_PASS;
}

// Finds or makes the mapping of an outbound packet.
static enum nat_verdict map_outbound(struct nat *nat, uint16_t laptop,
                                     const struct ip_packet *packet, int64_t now_ms,
                                     uint32_t *mapping)
{
    struct nat_inside inside = {laptop, packet->protocol, packet->source, packet->source_port};
    *mapping = nat_find_inside(nat, &inside);
    if (*mapping == NO_ENTRY) {
        if (packet->protocol == IP_TCP && (packet->tcp_flags & TCP_RST) != 0)
            return NAT_NO_CONNECTION; // the end of something that is gone already
        enum nat_verdict verdict = nat_add_mapping(nat, &inside, now_ms, mapping);
        if (verdict != NAT_PASS)
            return verdict;
    }
    if (packet->protocol == IP_TCP)
        return track_outbound(nat, *mapping, packet, now_ms);
    nat_touch_mapping(nat, *mapping, now_ms);
    return NAT_PASS;
}

static enum nat_verdict translate_outbound(struct nat *nat, uint16_t laptop, uint8_t *bytes,
                                           size_t length, int64_t now_ms, struct ip_packet *packet)
{
    uint32_t mapping;
    enum nat_verdict verdict = read_packet(packet, bytes, length, ICMP_ECHO);
    if (verdict != NAT_PASS)
        return verdict;
    if (!source_is_possible(nat, packet->source))
        return NAT_BAD_SOURCE;
    if (!destination_is_allowed(nat, packet->destination))
        return NAT_REFUSED;
    if (!ip_decrement_ttl(packet))
        return NAT_TTL_EXPIRED;
    verdict = map_outbound(nat, laptop, packet, now_ms, &mapping);
    if (verdict == NAT_PASS)
        ip_set_source(packet, nat->config.outside_address, nat->mappings[mapping].outside_port);
    return verdict;
}

enum nat_verdict nat_outbound(struct nat *nat, uint16_t laptop, uint8_t *bytes, size_t length,
                              int64_t now_ms, struct ip_packet *packet)
{
    enum nat_verdict verdict = translate_outbound(nat, laptop, bytes, length, now_ms, packet);
    if (verdict != NAT_PASS)
        nat->dropped[verdict]++;
    return verdict;
}

// Whether an inbound TCP packet belongs to a connection; notes what it does to it.
static bool track_inbound(struct nat *nat, uint32_t mapping, const struct ip_packet *packet,
                          int64_t now_ms)
{
    uint32_t c = nat_find_connection(nat, mapping, packet->source, packet->source_port);
    if (c == NO_ENTRY)
        return false;
    nat->connections[c].seen = nat_tcp_seen_inbound(nat->connections[c].seen, packet->tcp_flags);
    nat_touch_connection(nat, c, nat_tcp_queue(nat->connections[c].seen), now_ms);
    return true;
}

static enum nat_verdict translate_inbound(struct nat *nat, uint8_t *bytes, size_t length,
                                          bool partial_checksum, int64_t now_ms,
                                          struct ip_packet *packet, uint16_t *laptop)
{
    enum nat_verdict verdict = read_packet(packet, bytes, length, ICMP_ECHO_REPLY);
    if (verdict != NAT_PASS)
        return verdict;
    packet->partial_checksum = partial_checksum;
    if (packet->destination != nat->config.outside_address)
        return NAT_NO_MAPPING;
    uint32_t mapping = nat_find_outside(nat, packet->protocol, packet->destination_port);
    if (mapping == NO_ENTRY)
        return NAT_NO_MAPPING;
    if (packet->protocol == IP_TCP && !track_inbound(nat, mapping, packet, now_ms))
        return NAT_NO_CONNECTION;
    if (!ip_decrement_ttl(packet))
        return NAT_TTL_EXPIRED;
    const struct nat_mapping *m = &nat->mappings[mapping];
    ip_set_destination(packet, m->inside_address, m->inside_port);
    *laptop = m->laptop;
    return NAT_PASS;
}

enum nat_verdict nat_inbound(struct nat *nat, uint8_t *bytes, size_t length, bool partial_checksum,
                             int64_t now_ms, struct ip_packet *packet, uint16_t *laptop)
{
    enum nat_verdict verdict =
        translate_inbound(nat, bytes, length, partial_checksum, now_ms, packet, laptop);
    if (verdict != NAT_PASS)
        nat->dropped[verdict]++;
    return verdict;
}

void nat_expire(struct nat *nat, int64_t now_ms)
{
    for (int queue = 0; queue < NAT_QUEUE_COUNT; queue++) {
        bool has_mappings = queue == NAT_UDP_QUEUE || queue == NAT_ICMP_QUEUE;
        const struct nat_link *links = has_mappings ? nat->mapping_links : nat->connection_links;
        uint32_t first;
        while ((first = nat->queues[queue].first) != NO_ENTRY &&
               now_ms - links[first].used_ms >= limit_ms[queue]) {
            if (has_mappings)
                nat_remove_mapping(nat, first);
            else
                nat_remove_connection(nat, first);
        }
    }
}

void nat_forget_laptop(struct nat *nat, uint16_t laptop)
{
    for (int queue = 0; queue < NAT_QUEUE_COUNT; queue++) {
        bool has_mappings = queue == NAT_UDP_QUEUE || queue == NAT_ICMP_QUEUE;
        const struct nat_link *links = has_mappings ? nat->mapping_links : nat->connection_links;
        uint32_t next;
        for (uint32_t at = nat->queues[queue].first; at != NO_ENTRY; at = next) {
            uint32_t mapping = has_mappings ? at : nat->connections[at].mapping;
            next = links[at].next;
            if (nat->mappings[mapping].laptop != laptop)
                continue;
            if (has_mappings)
                nat_remove_mapping(nat, at);
            else
                nat_remove_connection(nat, at);
        }
    }
}
