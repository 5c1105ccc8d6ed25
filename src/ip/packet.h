// SPDX-License-Identifier: ISC
// IPv4 packets (RFC 791) with TCP (RFC 9293), UDP (RFC 768) or ICMP (RFC 792) inside: reading them
// with every length checked, and rewriting addresses, ports and TTL with their checksums.
#pragma once

#include "../base/bytes.h"
#include "header.h"
#include <stdbool.h>
#include <stddef.h>

enum ip_protocol { IP_ICMP = 1, IP_TCP = 6, IP_UDP = 17 };

// TCP flags.
enum tcp_flag {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_CWR = 0x80, // RFC 3168 section 6.1
};

// ICMP types (RFC 792).
enum icmp_type {
    ICMP_ECHO_REPLY = 0,
    ICMP_UNREACHABLE = 3,
    ICMP_ECHO = 8,
    ICMP_EXCEEDED = 11,
    ICMP_PARAMETER_PROBLEM = 12,
    ICMP_TIMESTAMP = 13,
    ICMP_TIMESTAMP_REPLY = 14,
};

enum ip_result {
    IP_GOOD,
    IP_NOT_IPV4,      // another version
    IP_BAD_LENGTH,    // truncated, or lengths that contradict each other
    IP_BAD_CHECKSUM,  // of the IP header
    IP_BAD_TRANSPORT, // the TCP, UDP or ICMP header is truncated or lies about its length
};

// A packet that was read; points into the caller's bytes. Numbers are in host byte order.
struct ip_packet {
    uint8_t *bytes;
    size_t length; // the IP total length; bytes behind it (Ethernet padding) are not part of it
    size_t header_length;
    uint8_t protocol;
    uint8_t ttl;
    uint32_t source;
    uint32_t destination;
    bool dont_fragment;
    bool is_fragment; // one of several
    uint16_t identification;
    size_t fragment_start; // in bytes of the datagram's payload; the first, at 0, has the ports
    bool more_fragments;
    // Where the checksum covers only the pseudo-header, because a network card was to do the rest:
    // set by the caller after ip_parse().
    bool partial_checksum;
    // The transport header; has_transport is false for later fragments and other protocols.
    bool has_transport;
    uint16_t source_port;      // ICMP queries: the identifier, in both
    uint16_t destination_port; //
    uint8_t tcp_flags;
    uint32_t tcp_sequence;
    uint32_t tcp_acknowledgment;
    uint8_t icmp_type;
};

// Reads a packet. On anything but IP_GOOD the packet must not be used.
enum ip_result ip_parse(struct ip_packet *packet, uint8_t *bytes, size_t length);
// Reads a packet of which only the start may be there, as inside an ICMP error: the IP header and 8
// bytes are enough. packet->length is what is there.
enum ip_result ip_parse_start(struct ip_packet *packet, uint8_t *bytes, size_t length);

// Whether an IP option names the route (loose or strict source routing), or the options are
// malformed. Such packets go around filters, and are refused (RFC 7126 sections 4.3 and 4.4).
bool ip_has_source_route(const struct ip_packet *packet);

// Writes a new identification (RFC 6864).
void ip_set_identification(struct ip_packet *packet, uint16_t identification);

// Writes a new source or destination: address, and port (ICMP: identifier). Updates the checksums
// of IP, TCP, UDP (a checksum of 0 means none, and stays) and ICMP.
void ip_set_source(struct ip_packet *packet, uint32_t address, uint16_t port);
void ip_set_destination(struct ip_packet *packet, uint32_t address, uint16_t port);
// The address alone: of later fragments, and of ICMP errors, which have no ports of their own.
void ip_set_source_address(struct ip_packet *packet, uint32_t address);
void ip_set_destination_address(struct ip_packet *packet, uint32_t address);
// Bytes of the IP header and of the TCP or UDP header behind it.
size_t ip_header_sizes(const struct ip_packet *packet);

// Writes the total length into a header, and its checksum anew.
void ip_set_length(uint8_t *header, size_t header_length, size_t length);

// Takes one from the TTL (RFC 1812 section 5.3.1). Returns false when it has run out: the packet
// must not be forwarded.
bool ip_decrement_ttl(struct ip_packet *packet);

// Whether the first byte of a message says IPv4.
static inline bool ip_looks_like_ipv4(const uint8_t *bytes, size_t length) {
    return length > 0 && bytes[0] >> 4 == 4;
}

// Whether an IPv4 header, of which 8 bytes at least are there, is that of one of several fragments:
// it has an offset, or more follow (RFC 791 section 3.1).
static inline bool ip_header_is_fragment(const uint8_t *header) {
    return (get_be16(header + IP_AT_FRAGMENT) & 0x3fff) != 0;
}
