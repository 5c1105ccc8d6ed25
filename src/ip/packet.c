// SPDX-License-Identifier: ISC
// Reading and rewriting IPv4 packets. ip_parse() is the only place that looks at lengths;
// everything after it may rely on the header fields that it found being inside the packet.
//
// Rewriting updates checksums incrementally (RFC 1624), so a packet that was damaged on its way
// stays recognisably damaged. A partial checksum (see packet.h) holds the sum of the pseudo-header,
// not complemented, so only addresses change it, and without the complement.
#include "packet.h"
#include "checksum.h"
#include <string.h>

#define TRANSPORT_START 8 // what an ICMP error quotes at least (RFC 792)

// The ports, or what stands for them, which lie in the first 8 bytes.
static void read_ports(struct ip_packet *p) {
    const uint8_t *transport = p->bytes + p->header_length;
    p->has_transport = true;
    if (p->protocol == IP_ICMP) {
        p->icmp_type = transport[0];
        p->source_port = p->destination_port = get_be16(transport + ICMP_AT_IDENTIFIER);
    } else if (p->protocol == IP_TCP || p->protocol == IP_UDP) {
        p->source_port = get_be16(transport + TCP_AT_SOURCE_PORT);
        p->destination_port = get_be16(transport + TCP_AT_DESTINATION_PORT);
    } else {
        p->has_transport = false;
    }
}

static bool read_tcp(struct ip_packet *p, const uint8_t *transport, size_t length) {
    if (length < TCP_HEADER_MIN)
        return false;
    size_t header = (size_t)(transport[TCP_AT_DATA_OFFSET] >> 4) * 4;
    p->tcp_sequence = get_be32(transport + TCP_AT_SEQUENCE);
    p->tcp_acknowledgment = get_be32(transport + TCP_AT_ACKNOWLEDGMENT);
    p->tcp_flags = transport[TCP_AT_FLAGS];
    return header >= TCP_HEADER_MIN && header <= length;
}

// A first fragment holds less than the datagram's length.
static bool udp_is_good(const struct ip_packet *p, const uint8_t *transport, size_t length) {
    size_t claimed = length < UDP_HEADER ? 0 : get_be16(transport + UDP_AT_LENGTH);
    return claimed >= UDP_HEADER && (claimed <= length || p->is_fragment);
}

static enum ip_result read_transport(struct ip_packet *p) {
    const uint8_t *transport = p->bytes + p->header_length;
    size_t length = p->length - p->header_length;
    if (p->fragment_start != 0)
        return IP_GOOD;
    if ((p->protocol == IP_TCP && !read_tcp(p, transport, length)) ||
        (p->protocol == IP_UDP && !udp_is_good(p, transport, length)) ||
        (p->protocol == IP_ICMP && length < ICMP_HEADER))
        return IP_BAD_TRANSPORT;
    read_ports(p);
    return IP_GOOD;
}

// Reads the IP header of a packet of which `length` bytes are there. p->length becomes the total
// length.
static enum ip_result read_header(struct ip_packet *p, uint8_t *bytes, size_t length) {
    memset(p, 0, sizeof *p);
    if (length < 1)
        return IP_BAD_LENGTH;
    if (bytes[0] >> 4 != 4)
        return IP_NOT_IPV4;
    if (length < IP_HEADER_MIN)
        return IP_BAD_LENGTH;
    p->bytes = bytes;
    p->header_length = (size_t)(bytes[0] & 0x0f) * 4;
    p->length = get_be16(bytes + IP_AT_TOTAL_LENGTH);
    if (p->header_length < IP_HEADER_MIN || p->length < p->header_length ||
        p->header_length > length)
        return IP_BAD_LENGTH;
    if (checksum_fold(checksum_add(0, bytes, p->header_length)) != 0xffff)
        return IP_BAD_CHECKSUM;
    uint16_t fragment = get_be16(bytes + IP_AT_FRAGMENT);
    p->identification = get_be16(bytes + IP_AT_IDENTIFICATION);
    p->dont_fragment = (fragment & 0x4000) != 0;
    p->more_fragments = (fragment & 0x2000) != 0;
    p->fragment_start = (size_t)(fragment & 0x1fff) * 8;
    p->is_fragment = p->more_fragments || p->fragment_start != 0;
    p->protocol = bytes[IP_AT_PROTOCOL];
    p->ttl = bytes[IP_AT_TTL];
    p->source = get_be32(bytes + IP_AT_SOURCE);
    p->destination = get_be32(bytes + IP_AT_DESTINATION);
    return IP_GOOD;
}

enum ip_result ip_parse(struct ip_packet *p, uint8_t *bytes, size_t length) {
    enum ip_result result = read_header(p, bytes, length);
    if (result == IP_GOOD && p->length > length)
        return IP_BAD_LENGTH;
    return result == IP_GOOD ? read_transport(p) : result;
}

enum ip_result ip_parse_start(struct ip_packet *p, uint8_t *bytes, size_t length) {
    enum ip_result result = read_header(p, bytes, length);
    if (result != IP_GOOD)
        return result;
    if (p->length > length)
        p->length = length;
    if (p->length < p->header_length + TRANSPORT_START || p->fragment_start != 0)
        return IP_BAD_LENGTH;
    read_ports(p);
    return IP_GOOD;
}

bool ip_has_source_route(const struct ip_packet *p) {
    enum {
        OPTION_END = 0,
        OPTION_NOTHING = 1,
        OPTION_LOOSE_ROUTE = 131,
        OPTION_STRICT_ROUTE = 137
    };
    for (size_t at = IP_HEADER_MIN; at < p->header_length;) {
        uint8_t option = p->bytes[at];
        if (option == OPTION_END)
            return false;
        if (option == OPTION_NOTHING) {
            at++;
            continue;
        }
        if (option == OPTION_LOOSE_ROUTE || option == OPTION_STRICT_ROUTE ||
            at + 1 >= p->header_length || p->bytes[at + 1] < 2)
            return true;
        at += p->bytes[at + 1];
    }
    return false;
}

// Replaces `length` bytes at `at` and updates the checksum at `checksum_at`.
static void replace(uint8_t *at, const uint8_t *with, size_t length, uint8_t *checksum_at) {
    put_be16(checksum_at, checksum_update(get_be16(checksum_at), at, with, length));
    memcpy(at, with, length);
}

// Where the transport's checksum is, or NULL where it has none, or where it was cut off.
static uint8_t *transport_checksum(const struct ip_packet *p) {
    uint8_t *transport = p->bytes + p->header_length;
    size_t place = p->protocol == IP_TCP ? 16 : p->protocol == IP_UDP ? 6 : 2;
    if (!p->has_transport || p->length < p->header_length + place + 2)
        return NULL;
    // UDP: 0 says that the sender made none (RFC 768).
    if (p->protocol == IP_UDP && !p->partial_checksum && get_be16(transport + place) == 0)
        return NULL;
    return transport + place;
}

// Updates the transport's checksum for an address, which it covers by its pseudo-header.
static void update_for_address(const struct ip_packet *p, uint8_t *checksum, const uint8_t *from,
                               const uint8_t *to) {
    if (checksum == NULL || p->protocol == IP_ICMP)
        return;
    if (p->partial_checksum) {
        uint16_t sum = (uint16_t)~get_be16(checksum);
        put_be16(checksum, (uint16_t)~checksum_update(sum, from, to, 4));
    } else {
        put_be16(checksum, checksum_update(get_be16(checksum), from, to, 4));
    }
}

static void set_address(struct ip_packet *p, uint8_t *checksum, size_t place, uint32_t address) {
    uint8_t bytes[4];
    put_be32(bytes, address);
    update_for_address(p, checksum, p->bytes + place, bytes);
    replace(p->bytes + place, bytes, sizeof bytes, p->bytes + IP_AT_CHECKSUM);
}

static void set_port(struct ip_packet *p, uint8_t *checksum, size_t place, uint16_t port) {
    uint8_t bytes[2];
    uint8_t *at = p->bytes + p->header_length + place;
    put_be16(bytes, port);
    if (checksum != NULL && !p->partial_checksum)
        replace(at, bytes, sizeof bytes, checksum);
    else
        memcpy(at, bytes, sizeof bytes);
}

// The checksum's place is looked up once, before anything changes: on its way from one value to the
// next a UDP checksum may be 0, which would read as "none". At the end, 0 is written in its other
// form, 0xffff (RFC 768).
static void set_endpoint(struct ip_packet *p, size_t address_place, uint32_t address,
                         size_t port_place, uint16_t port) {
    uint8_t *checksum = transport_checksum(p);
    set_address(p, checksum, address_place, address);
    if (p->has_transport)
        set_port(p, checksum, p->protocol == IP_ICMP ? ICMP_AT_IDENTIFIER : port_place, port);
    if (p->protocol == IP_UDP && checksum != NULL && !p->partial_checksum &&
        get_be16(checksum) == 0)
        put_be16(checksum, 0xffff);
}

void ip_set_source(struct ip_packet *p, uint32_t address, uint16_t port) {
    set_endpoint(p, IP_AT_SOURCE, address, TCP_AT_SOURCE_PORT, port);
    p->source = address;
    p->source_port = port;
}

void ip_set_destination(struct ip_packet *p, uint32_t address, uint16_t port) {
    set_endpoint(p, IP_AT_DESTINATION, address, TCP_AT_DESTINATION_PORT, port);
    p->destination = address;
    p->destination_port = port;
}

void ip_set_source_address(struct ip_packet *p, uint32_t address) {
    set_address(p, transport_checksum(p), IP_AT_SOURCE, address);
    p->source = address;
}

void ip_set_destination_address(struct ip_packet *p, uint32_t address) {
    set_address(p, transport_checksum(p), IP_AT_DESTINATION, address);
    p->destination = address;
}

size_t ip_header_sizes(const struct ip_packet *p) {
    if (p->protocol == IP_TCP)
        return p->header_length +
               (size_t)(p->bytes[p->header_length + TCP_AT_DATA_OFFSET] >> 4) * 4;
    return p->header_length + UDP_HEADER;
}

void ip_set_identification(struct ip_packet *p, uint16_t identification) {
    uint8_t bytes[2];
    put_be16(bytes, identification);
    replace(p->bytes + IP_AT_IDENTIFICATION, bytes, sizeof bytes, p->bytes + IP_AT_CHECKSUM);
    p->identification = identification;
}

void ip_set_length(uint8_t *header, size_t header_length, size_t length) {
    put_be16(header + IP_AT_TOTAL_LENGTH, (uint16_t)length);
    put_be16(header + IP_AT_CHECKSUM, 0);
    put_be16(header + IP_AT_CHECKSUM,
             (uint16_t)~checksum_fold(checksum_add(0, header, header_length)));
}

bool ip_decrement_ttl(struct ip_packet *p) {
    uint8_t changed[2] = {(uint8_t)(p->ttl - 1), p->protocol};
    if (p->ttl <= 1)
        return false;
    replace(p->bytes + IP_AT_TTL, changed, sizeof changed, p->bytes + IP_AT_CHECKSUM);
    p->ttl--;
    return true;
}
