// SPDX-License-Identifier: ISC
// IPv4 packets for tests, and whether their checksums are right: straight from RFC 791, 768, 793,
// 792 and 1071, byte by byte, and sharing no code with src/ip.
#ifndef TETHER_TEST_UNIT_PACKETS_H
#define TETHER_TEST_UNIT_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PACKET_TCP  6
#define PACKET_UDP  17
#define PACKET_ICMP 1

#define ADDRESS(a, b, c, d)                                                                        \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

struct packet_spec {
    uint8_t protocol;
    uint32_t source;
    uint32_t destination;
    uint16_t source_port; // ICMP: identifier
    uint16_t destination_port;
    uint8_t ttl;         // 0: 64
    uint8_t tcp_flags;   // TCP
    uint8_t icmp_type;   // ICMP
    uint16_t id;         // of the IP header
    uint16_t fragment;   // flags and offset
    uint8_t ip_options;  // bytes, a multiple of 4
    uint8_t tcp_options; // bytes, a multiple of 4
    uint32_t sequence;   // TCP
    bool no_checksum;    // UDP: 0
    const uint8_t *payload;
    size_t payload_length;
};

static inline void packet_put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void packet_put32(uint8_t *at, uint32_t value) {
    packet_put16(at, value >> 16);
    packet_put16(at + 2, value & 0xffff);
}

static inline uint16_t packet_get16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static inline uint32_t packet_get32(const uint8_t *at) {
    return (uint32_t)packet_get16(at) << 16 | packet_get16(at + 2);
}

// The one's complement sum of RFC 1071 section 1, carry by carry.
static inline uint16_t packet_sum(uint16_t sum, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i += 2) {
        uint32_t word = (uint32_t)bytes[i] << 8 | (i + 1 < length ? bytes[i + 1] : 0U);
        uint32_t next = sum + word;
        sum = (uint16_t)((next & 0xffff) + (next >> 16));
    }
    return sum;
}

// The sum of the pseudo-header: addresses, protocol, length of the transport part.
static inline uint16_t packet_pseudo_sum(const uint8_t *packet, size_t transport_length) {
    uint8_t pseudo[12];
    memcpy(pseudo, packet + 12, 8);
    pseudo[8] = 0;
    pseudo[9] = packet[9];
    packet_put16(pseudo + 10, (uint32_t)transport_length);
    return packet_sum(0, pseudo, sizeof pseudo);
}

static inline size_t packet_header_length(const uint8_t *packet) {
    return (size_t)(packet[0] & 0x0f) * 4;
}

static inline size_t packet_checksum_place(uint8_t protocol) {
    return protocol == PACKET_TCP ? 16 : protocol == PACKET_UDP ? 6 : 2;
}

static inline void packet_fill_header_checksum(uint8_t *packet) {
    packet_put16(packet + 10, 0);
    packet_put16(packet + 10, 0xffffU ^ packet_sum(0, packet, packet_header_length(packet)));
}

static inline void packet_fill_checksum(uint8_t *packet, size_t length) {
    size_t header = packet_header_length(packet);
    uint8_t *at = packet + header + packet_checksum_place(packet[9]);
    uint16_t sum = packet[9] == PACKET_ICMP ? 0 : packet_pseudo_sum(packet, length - header);
    packet_put16(at, 0);
    uint16_t checksum = (uint16_t)~packet_sum(sum, packet + header, length - header);
    packet_put16(at, checksum == 0 && packet[9] == PACKET_UDP ? 0xffffU : checksum);
}

// As a sender leaves it that lets the network card make the checksum: the pseudo-header's sum.
static inline void packet_fill_partial_checksum(uint8_t *packet, size_t length) {
    size_t header = packet_header_length(packet);
    packet_put16(packet + header + packet_checksum_place(packet[9]),
                 packet_pseudo_sum(packet, length - header));
}

static inline size_t packet_transport_header(const struct packet_spec *spec) {
    return spec->protocol == PACKET_TCP ? 20 + (size_t)spec->tcp_options : 8;
}

// Writes a packet with good checksums. Returns its length.
static inline size_t packet_make(uint8_t *out, const struct packet_spec *spec) {
    size_t header = 20 + (size_t)spec->ip_options;
    size_t transport = packet_transport_header(spec);
    size_t length = header + transport + spec->payload_length;
    uint8_t *t = out + header;
    memset(out, 0, header + transport);
    memset(out + 20, 1, spec->ip_options); // no-operation
    out[0] = (uint8_t)(0x40 | header / 4);
    packet_put16(out + 2, (uint32_t)length);
    packet_put16(out + 4, spec->id);
    packet_put16(out + 6, spec->fragment);
    out[8] = spec->ttl != 0 ? spec->ttl : 64;
    out[9] = spec->protocol;
    packet_put32(out + 12, spec->source);
    packet_put32(out + 16, spec->destination);
    packet_fill_header_checksum(out);
    if (spec->protocol == PACKET_ICMP) {
        t[0] = spec->icmp_type;
        packet_put16(t + 4, spec->source_port);
        packet_put16(t + 6, 1);
    } else {
        packet_put16(t, spec->source_port);
        packet_put16(t + 2, spec->destination_port);
    }
    if (spec->protocol == PACKET_UDP)
        packet_put16(t + 4, (uint32_t)(transport + spec->payload_length));
    if (spec->protocol == PACKET_TCP) {
        packet_put32(t + 4, spec->sequence);
        t[12] = (uint8_t)(transport / 4 << 4);
        t[13] = spec->tcp_flags;
        packet_put16(t + 14, 64000);
        memset(t + 20, 1, spec->tcp_options);
    }
    if (spec->payload_length > 0)
        memcpy(t + transport, spec->payload, spec->payload_length);
    if (!(spec->protocol == PACKET_UDP && spec->no_checksum))
        packet_fill_checksum(out, length);
    return length;
}

static inline bool packet_header_checksum_is_good(const uint8_t *packet) {
    return packet_sum(0, packet, packet_header_length(packet)) == 0xffff;
}

// Of the transport part; UDP's 0 is "none made", and good.
static inline bool packet_checksum_is_good(const uint8_t *packet) {
    size_t header = packet_header_length(packet);
    size_t length = packet_get16(packet + 2);
    const uint8_t *t = packet + header;
    if (packet[9] == PACKET_UDP && packet_get16(t + 6) == 0)
        return true;
    // A UDP length may be shorter than the packet: the checksum covers the datagram alone.
    size_t covered = packet[9] == PACKET_UDP ? packet_get16(t + 4) : length - header;
    uint16_t sum = packet[9] == PACKET_ICMP ? 0 : packet_pseudo_sum(packet, covered);
    return packet_sum(sum, t, covered) == 0xffff;
}

// ICMP that is all zeros but for its checksum, which the incremental update of RFC 1624 cannot tell
// from its other form: 0000 and ffff are the same number in one's complement.
static inline bool packet_is_zero_icmp(const uint8_t *packet) {
    size_t header = packet_header_length(packet);
    size_t length = packet_get16(packet + 2);
    if (packet[9] != PACKET_ICMP)
        return false;
    for (size_t i = header; i < length; i++)
        if (packet[i] != 0 && i != header + 2 && i != header + 3)
            return false;
    return true;
}

#endif
