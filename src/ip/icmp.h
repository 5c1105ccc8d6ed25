// SPDX-License-Identifier: ISC
// ICMP error messages (RFC 792, RFC 1812 section 4.3): reading the packet that one speaks of, and
// making our own.
#pragma once

#include "packet.h"

// The longest error that we make, in bytes (RFC 1812 section 4.3.2.3).
#define ICMP_ERROR_MAX 576

// Codes of ICMP_UNREACHABLE (RFC 792, RFC 1812 section 5.2.7.1).
enum icmp_unreachable_code {
    ICMP_PORT_UNREACHABLE = 3,
    ICMP_FRAGMENTATION_NEEDED = 4,
    ICMP_PROHIBITED = 13,
};

// Whether a type is an error that speaks of a packet: unreachable, time exceeded, parameter
// problem.
bool icmp_is_error(uint8_t type);

// Whether the checksum over the whole ICMP message is right.
bool icmp_checksum_is_good(const struct ip_packet *packet);
// Makes the checksum of the whole ICMP message anew.
void icmp_set_checksum(struct ip_packet *packet);

// Reads the packet inside an error: its IP header, checksum included, and at least 8 bytes of
// transport header. It is cut off as a rule, so embedded->length is what is there, and fields
// beyond the first 8 bytes may be missing. Returns false where it cannot be used.
bool icmp_parse_embedded(struct ip_packet *embedded, const struct ip_packet *error);

// Makes an error about a packet, in `out` (at least ICMP_ERROR_MAX bytes). `mtu` is for
// fragmentation needed (RFC 1191 section 4), else 0. Returns its length.
size_t icmp_make_error(uint8_t *out, uint32_t source, uint8_t type, uint8_t code, uint16_t mtu,
                       const struct ip_packet *about);

// Whether a router may answer a packet with an error (RFC 1812 section 4.3.2.7): not an ICMP error,
// not a later fragment, and nothing from or to a group, a broadcast or nobody.
bool icmp_may_answer(const struct ip_packet *packet);

// The longest answer to an IPv6 packet, in bytes (RFC 4443 section 2.4 (c)).
#define ICMP6_ERROR_MAX 1280

// Makes the ICMPv6 error, in `out` (at least ICMP6_ERROR_MAX bytes), that tells an IPv6 packet's
// sender at once that there is no way. Returns its length, or 0 where the packet is none, or none
// that may be answered (RFC 4443 section 2.4 (e)).
size_t icmp6_refuse(uint8_t *out, const uint8_t *packet, size_t length);
