// SPDX-License-Identifier: ISC
// ICMP errors on their way through (RFC 5508 section 4). An error speaks of a packet that went the
// other way; the packet's start is inside it, as it was seen where the error was made. So an error
// from outside holds a packet with our outside endpoint as its source, and that endpoint is what
// finds the mapping; an error from a laptop holds one with an inside endpoint as its destination.
// The embedded addresses are translated with the outer ones. An error changes nothing about a
// mapping.
#include "parts.h"

// TCP errors must speak of a connection that there is.
static bool belongs(const struct nat *nat, uint32_t mapping, uint8_t protocol, uint32_t remote,
                    uint16_t remote_port) {
    return mapping != NO_ENTRY &&
           (protocol != IP_TCP ||
            nat_find_connection(nat, mapping, remote, remote_port) != NO_ENTRY);
}

enum nat_verdict nat_error_inbound(struct nat_passage *passage, uint16_t *receiver) {
    const struct nat *nat = passage->nat;
    struct ip_packet *packet = &passage->packet;
    struct ip_packet embedded;
    if (!icmp_checksum_is_good(packet) || !icmp_parse_embedded(&embedded, packet)) // REQ-3
        return NAT_BAD_PACKET;
    // What went out to the wire had the outside address; to the server itself, the host's view of
    // us.
    uint32_t source = packet->destination;
    if (embedded.source != source)
        return NAT_NO_MAPPING;
    uint32_t mapping = nat_find_outside(nat, embedded.protocol, embedded.source_port);
    if (!belongs(nat, mapping, embedded.protocol, embedded.destination, embedded.destination_port))
        return NAT_NO_MAPPING;
    const struct nat_mapping *m = &nat->mappings[mapping];
    ip_set_source(&embedded, m->inside_address, m->inside_port);
    ip_set_destination_address(packet, m->inside_address);
    icmp_set_checksum(packet);
    *receiver = m->laptop;
    return NAT_PASS;
}

enum nat_verdict nat_error_outbound(struct nat_passage *passage, uint16_t *receiver) {
    const struct nat *nat = passage->nat;
    struct ip_packet *packet = &passage->packet;
    struct ip_packet embedded;
    if (!icmp_checksum_is_good(packet) || !icmp_parse_embedded(&embedded, packet)) // REQ-3
        return NAT_BAD_PACKET;
    struct nat_inside inside = {passage->sender, embedded.protocol, embedded.destination,
                                embedded.destination_port};
    uint32_t mapping = nat_find_inside(nat, &inside);
    if (!belongs(nat, mapping, embedded.protocol, embedded.source, embedded.source_port))
        return NAT_NO_MAPPING;
    uint32_t outside =
        *receiver == NAT_TO_HOST ? nat->config.host_address : nat->config.outside_address;
    ip_set_destination(&embedded, outside, nat->mappings[mapping].outside_port);
    ip_set_source_address(packet, outside);
    icmp_set_checksum(packet);
    return NAT_PASS;
}
