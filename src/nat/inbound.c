// SPDX-License-Identifier: ISC
// The way in, from the wire or from the server's own stack. The outside port finds the mapping; a
// packet that finds nothing is nobody's business and is dropped without an answer, but for an
// unsolicited SYN, which is answered later (syn.c).
//
// Filtering: UDP is let in from everybody once there is a mapping (endpoint-independent, RFC 4787
// REQ-8), or with --filter address from those that were sent to; TCP only within a connection that
// the inside has begun.
#include "../ip/scope.h"
#include "parts.h"

// Nobody's address, a group's, loopback or one of our own: no packet that comes by the wire has
// these honestly.
static bool comes_from_a_host(const struct nat *nat, uint32_t source) {
    enum ip_scope scope = ip_scope_of(source);
    return source != nat->config.outside_address && !nat_is_own_address(nat, source) &&
           scope != SCOPE_NOWHERE && scope != SCOPE_MULTICAST && scope != SCOPE_LOOPBACK;
}

enum nat_verdict nat_check_inbound(const struct nat_passage *passage) {
    const struct ip_packet *packet = &passage->packet;
    const struct nat_config *config = &passage->nat->config;
    if (ip_has_source_route(packet))
        return NAT_SOURCE_ROUTE;
    uint32_t ours = passage->sender == NAT_TO_HOST ? config->host_address : config->outside_address;
    if (packet->destination != ours)
        return NAT_NO_MAPPING;
    if (passage->sender == NAT_OUTSIDE && !comes_from_a_host(passage->nat, packet->source))
        return NAT_BAD_SOURCE;
    return NAT_PASS;
}

// A RST from outside counts only where it continues what the inside has acknowledged, give or take
// what may be on its way; who sees nothing of the connection guesses that once in 65 536 times.
// (The receiver gets it in any case, and judges for itself.)
static uint8_t credible_flags(const struct nat_connection *connection,
                              const struct ip_packet *packet) {
    const uint32_t on_its_way = 65536;
    uint8_t flags = packet->tcp_flags;
    if ((flags & TCP_RST) != 0 && packet->tcp_sequence - connection->inside_ack >= on_its_way)
        flags &= (uint8_t)~TCP_RST;
    return flags;
}

// Whether an inbound TCP packet belongs to a connection; notes what it does to it.
static enum nat_verdict track_tcp(struct nat_passage *passage, uint32_t mapping) {
    struct nat *nat = passage->nat;
    const struct ip_packet *packet = &passage->packet;
    uint32_t c = NO_ENTRY;
    if (mapping != NO_ENTRY)
        c = nat_find_connection(nat, mapping, packet->source, packet->source_port);
    if (c == NO_ENTRY) {
        bool is_syn = (packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
        if (is_syn && passage->sender == NAT_OUTSIDE &&
            nat_has_port(nat, IP_TCP, packet->destination_port))
            nat_keep_syn(nat, packet, passage->now_ms);
        return mapping == NO_ENTRY ? NAT_NO_MAPPING : NAT_NO_CONNECTION;
    }
    uint8_t seen = nat_tcp_seen_inbound(nat->connections[c].seen,
                                        credible_flags(&nat->connections[c], packet));
    nat->connections[c].seen = seen;
    nat_touch_connection(nat, c, nat_tcp_queue(seen), passage->now_ms);
    return NAT_PASS;
}

static bool is_permitted(const struct nat_passage *passage, uint32_t mapping) {
    const struct nat *nat = passage->nat;
    return passage->packet.protocol != IP_UDP || !nat->config.filter_by_address ||
           nat_find_connection(nat, mapping, passage->packet.source, 0) != NO_ENTRY;
}

enum nat_verdict nat_translate_inbound(struct nat_passage *passage, uint16_t *receiver) {
    struct nat *nat = passage->nat;
    struct ip_packet *packet = &passage->packet;
    if (!packet->has_transport)
        return NAT_PROTOCOL;
    if (packet->protocol == IP_ICMP) {
        if (icmp_is_error(packet->icmp_type))
            return nat_error_inbound(passage, receiver);
        if (packet->icmp_type != ICMP_ECHO_REPLY && packet->icmp_type != ICMP_TIMESTAMP_REPLY)
            return NAT_PROTOCOL;
    }
    uint32_t mapping = nat_find_outside(nat, packet->protocol, packet->destination_port);
    if (packet->protocol == IP_TCP) {
        enum nat_verdict verdict = track_tcp(passage, mapping);
        if (verdict != NAT_PASS)
            return verdict;
    }
    if (mapping == NO_ENTRY)
        return NAT_NO_MAPPING;
    if (!is_permitted(passage, mapping))
        return NAT_FILTERED;
    const struct nat_mapping *m = &nat->mappings[mapping];
    ip_set_destination(packet, m->inside_address, m->inside_port);
    *receiver = m->laptop;
    if (packet->protocol != IP_ICMP && packet->source == nat->config.resolver &&
        packet->source_port == NAT_RESOLVER_PORT)
        ip_set_source(packet, nat->config.inside_resolver, NAT_RESOLVER_PORT);
    return NAT_PASS;
}

// What a router checks before it forwards. Only what is for somebody gets an answer.
static enum nat_verdict check_forwarding(struct nat_passage *passage) {
    const struct nat *nat = passage->nat;
    const struct ip_packet *packet = &passage->packet;
    bool expired = packet->ttl <= 1;
    if (!expired && nat_fits(passage, 0))
        return NAT_PASS;
    if (!packet->has_transport ||
        nat_find_outside(nat, packet->protocol, packet->destination_port) == NO_ENTRY)
        return NAT_NO_MAPPING;
    if (expired)
        nat_answer(passage, ICMP_EXCEEDED, 0, 0);
    else
        nat_answer(passage, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED,
                   (uint16_t)nat->config.inside_mtu);
    return expired ? NAT_TTL_EXPIRED : NAT_TOO_BIG;
}

enum nat_verdict nat_forward_inbound(struct nat_passage *passage, uint16_t *receiver) {
    enum nat_verdict verdict = check_forwarding(passage);
    if (verdict == NAT_PASS)
        verdict = nat_translate_inbound(passage, receiver);
    if (verdict != NAT_PASS)
        return verdict;
    ip_decrement_ttl(&passage->packet);
    nat_emit(passage, *receiver);
    return NAT_PASS;
}
