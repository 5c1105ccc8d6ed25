// SPDX-License-Identifier: ISC
// The way out. A packet is checked, its destination judged, its mapping (and for TCP its
// connection) found or made, and its source rewritten. Most go to the wire; what is for the server
// itself goes to its own stack; and what is for an outside port that a laptop has goes back in
// (hairpinning, RFC 4787 REQ-9): the receiver sees the sender's outside endpoint.
#include "../base/rate.h"
#include "../base/units.h"
#include "../ip/scope.h"
#include "parts.h"

enum nat_verdict nat_check_outbound(const struct nat_passage *passage) {
    const struct ip_packet *packet = &passage->packet;
    // A laptop's own network is private. Everything else is forged, or could not be answered
    // anyway.
    if (ip_scope_of(packet->source) != SCOPE_PRIVATE ||
        packet->source == passage->nat->config.outside_address)
        return NAT_BAD_SOURCE;
    if (ip_has_source_route(packet))
        return NAT_SOURCE_ROUTE;
    if (packet->protocol != IP_TCP && packet->protocol != IP_UDP && packet->protocol != IP_ICMP)
        return NAT_PROTOCOL;
    return NAT_PASS;
}

// Whether a packet for our own outside address is for a laptop: by its port, or, in an ICMP error,
// by the port from which the packet came that it speaks of.
static bool is_hairpin(struct nat *nat, const struct ip_packet *packet) {
    struct ip_packet embedded;
    if (packet->protocol != IP_ICMP)
        return nat_has_port(nat, packet->protocol, packet->destination_port);
    return icmp_is_error(packet->icmp_type) && icmp_parse_embedded(&embedded, packet) &&
           embedded.source == nat->config.outside_address &&
           nat_has_port(nat, embedded.protocol, embedded.source_port);
}

// What a laptop may send to the server's own resolver, which may lie where else it may not go:
// queries, so many of them, and whole.
static enum nat_verdict judge_query(struct nat_passage *passage, uint16_t *receiver) {
    struct nat *nat = passage->nat;
    const struct ip_packet *packet = &passage->packet;
    const int64_t query_us = US / NAT_QUERIES_PER_SECOND;
    bool is_udp = packet->protocol == IP_UDP;
    bool is_syn = packet->protocol == IP_TCP && (packet->tcp_flags & TCP_SYN) != 0;
    if (packet->protocol == IP_ICMP || packet->destination_port != NAT_RESOLVER_PORT ||
        packet->is_fragment || nat->config.resolver == 0)
        return NAT_REFUSED;
    if ((is_udp || is_syn) && !bucket_take(&nat->laptops[passage->sender].queries, query_us,
                                           NAT_QUERIES * query_us, passage->now_ms * 1000))
        return NAT_MANY_QUERIES;
    if (nat_is_own_address(nat, nat->config.resolver) && nat->config.output.to_host != NULL)
        *receiver = NAT_TO_HOST;
    return NAT_PASS;
}

// Where a packet is to go; a hairpin goes out first, and comes back in.
static enum nat_verdict judge_destination(struct nat_passage *passage, uint16_t *receiver,
                                          bool *hairpin) {
    struct nat *nat = passage->nat;
    const struct ip_packet *packet = &passage->packet;
    enum ip_scope scope = ip_scope_of(packet->destination);
    *receiver = NAT_OUTSIDE;
    *hairpin = false;
    if (packet->destination == nat->config.inside_resolver)
        return judge_query(passage, receiver);
    if (packet->destination == nat->config.outside_address) {
        *hairpin = is_hairpin(nat, packet);
        if (!*hairpin)
            *receiver = NAT_TO_HOST;
        return *hairpin || nat->config.output.to_host != NULL ? NAT_PASS : NAT_REFUSED;
    }
    if (nat_is_own_address(nat, packet->destination) && nat->config.output.to_host != NULL) {
        *receiver = NAT_TO_HOST;
        return NAT_PASS;
    }
    if (scope == SCOPE_GLOBAL || (scope == SCOPE_PRIVATE && nat->config.allow_private))
        return NAT_PASS;
    return NAT_REFUSED;
}

// Finds or makes the connection of an outbound TCP packet and notes what the packet does to it. A
// packet without a connection makes one even if it is no SYN: after a restart of ours it leaves
// from the port that the connection has always had (entries.c), and both sides go on. Where another
// has that port by now, the remote side answers with a RST, and the application learns at once what
// a silent drop would hide for hours.
static enum nat_verdict track_tcp(struct nat_passage *passage, uint32_t mapping) {
    struct nat *nat = passage->nat;
    const struct ip_packet *packet = &passage->packet;
    uint32_t c = nat_find_connection(nat, mapping, packet->destination, packet->destination_port);
    if (c == NO_ENTRY) {
        if ((packet->tcp_flags & TCP_RST) != 0)
            return NAT_NO_CONNECTION; // the end of something that is gone already
        enum nat_verdict verdict =
            nat_add_connection(nat, mapping, packet->destination, packet->destination_port,
                               NAT_TRANSITORY_QUEUE, passage->now_ms, &c);
        if (verdict != NAT_PASS)
            return verdict;
        nat_meet_syn(nat, nat->mappings[mapping].outside_port, packet->destination,
                     packet->destination_port);
    }
    if ((packet->tcp_flags & TCP_ACK) != 0)
        nat->connections[c].inside_ack = packet->tcp_acknowledgment;
    uint8_t seen = nat_tcp_seen_outbound(nat->connections[c].seen, packet->tcp_flags);
    nat->connections[c].seen = seen;
    nat_touch_connection(nat, c, nat_tcp_queue(seen), passage->now_ms);
    return NAT_PASS;
}

// UDP with --filter address: notes whom the endpoint has sent to (RFC 4787 section 5).
static enum nat_verdict note_permission(struct nat_passage *passage, uint32_t mapping) {
    struct nat *nat = passage->nat;
    uint32_t c = nat_find_connection(nat, mapping, passage->packet.destination, 0);
    if (c == NO_ENTRY)
        return nat_add_connection(nat, mapping, passage->packet.destination, 0,
                                  NAT_PERMISSION_QUEUE, passage->now_ms, &c);
    nat_touch_connection(nat, c, NAT_PERMISSION_QUEUE, passage->now_ms);
    return NAT_PASS;
}

static enum nat_verdict map(struct nat_passage *passage, uint32_t *mapping) {
    struct nat *nat = passage->nat;
    const struct ip_packet *packet = &passage->packet;
    struct nat_inside inside = {passage->sender, packet->protocol, packet->source,
                                packet->source_port};
    *mapping = nat_find_inside(nat, &inside);
    if (*mapping == NO_ENTRY) {
        if (packet->protocol == IP_TCP && (packet->tcp_flags & TCP_RST) != 0)
            return NAT_NO_CONNECTION;
        enum nat_verdict verdict = nat_add_mapping(nat, &inside, passage->now_ms, mapping);
        if (verdict != NAT_PASS)
            return verdict;
    }
    if (packet->protocol == IP_TCP)
        return track_tcp(passage, *mapping);
    nat_touch_mapping(nat, *mapping, passage->now_ms);
    if (packet->protocol == IP_UDP && nat->config.filter_by_address)
        return note_permission(passage, *mapping);
    return NAT_PASS;
}

static enum nat_verdict translate(struct nat_passage *passage, uint16_t *receiver) {
    struct nat *nat = passage->nat;
    struct ip_packet *packet = &passage->packet;
    uint32_t mapping;
    if (packet->protocol == IP_ICMP && icmp_is_error(packet->icmp_type))
        return nat_error_outbound(passage, receiver);
    if (packet->protocol == IP_ICMP && packet->icmp_type != ICMP_ECHO &&
        packet->icmp_type != ICMP_TIMESTAMP)
        return NAT_PROTOCOL;
    if (packet->destination == nat->config.inside_resolver)
        ip_set_destination(packet, nat->config.resolver, NAT_RESOLVER_PORT);
    enum nat_verdict verdict = map(passage, &mapping);
    if (verdict != NAT_PASS)
        return verdict;
    uint32_t source =
        *receiver == NAT_TO_HOST ? nat->config.host_address : nat->config.outside_address;
    ip_set_source(packet, source, nat->mappings[mapping].outside_port);
    return NAT_PASS;
}

// Tells the laptop why its packet was not taken.
static enum nat_verdict refuse(struct nat_passage *passage, enum nat_verdict verdict) {
    if (verdict == NAT_REFUSED || verdict == NAT_TABLE_FULL || verdict == NAT_NO_PORT)
        nat_answer(passage, ICMP_UNREACHABLE, ICMP_PROHIBITED, 0);
    else if (verdict == NAT_TTL_EXPIRED)
        nat_answer(passage, ICMP_EXCEEDED, 0, 0);
    return verdict;
}

// Goes back in, to the laptop that has the outside port.
static enum nat_verdict turn_back(struct nat_passage *passage, uint16_t *receiver) {
    uint16_t sender = passage->sender;
    passage->sender = NAT_OUTSIDE;
    enum nat_verdict verdict = nat_translate_inbound(passage, receiver);
    passage->sender = sender;
    return verdict;
}

// Gives the packet, or each segment of a super-packet, an identification that is unique, whoever
// sent it.
static void identify(struct nat_passage *passage) {
    struct ip_packet *packet = &passage->packet;
    uint16_t *next = &passage->nat->next_identification;
    size_t segments = 1;
    ip_set_identification(packet, *next);
    if (passage->offload != NULL && passage->offload->segment_size > 0)
        segments += (packet->length - ip_header_sizes(packet)) / passage->offload->segment_size;
    *next = (uint16_t)(*next + segments);
}

enum nat_verdict nat_forward_outbound(struct nat_passage *passage, uint16_t *receiver) {
    bool hairpin;
    enum nat_verdict verdict = judge_destination(passage, receiver, &hairpin);
    if (verdict != NAT_PASS)
        return refuse(passage, verdict);
    // A hairpin comes back in over the link to some laptop: they all have the same MTU.
    uint16_t next = hairpin ? 0 : *receiver;
    if (!nat_fits(passage, next)) {
        nat_answer(passage, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED,
                   (uint16_t)nat_mtu_to(passage->nat, next));
        return NAT_TOO_BIG;
    }
    if (passage->packet.ttl <= 1)
        return refuse(passage, NAT_TTL_EXPIRED);
    verdict = translate(passage, receiver);
    if (verdict != NAT_PASS)
        return refuse(passage, verdict);
    if (hairpin)
        verdict = turn_back(passage, receiver);
    if (verdict != NAT_PASS)
        return verdict;
    ip_decrement_ttl(&passage->packet);
    if (!passage->packet.dont_fragment || passage->packet.is_fragment)
        identify(passage);
    nat_emit(passage, *receiver);
    return NAT_PASS;
}
