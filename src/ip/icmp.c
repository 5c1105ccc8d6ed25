// SPDX-License-Identifier: ISC
// An ICMP error carries the start of the packet that it speaks of, IP header first. Whoever
// translates addresses must translate those inside as well, or the sender would not recognise its
// own packet.
#include "icmp.h"
#include "checksum.h"
#include "scope.h"
#include <string.h>

#define OUR_TTL 64 // RFC 1700

bool icmp_is_error(uint8_t type) {
    return type == ICMP_UNREACHABLE || type == ICMP_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

static uint16_t sum_of_message(const struct ip_packet *packet) {
    return checksum_fold(checksum_add(0, packet->bytes + packet->header_length,
                                      packet->length - packet->header_length));
}

bool icmp_checksum_is_good(const struct ip_packet *packet) {
    return sum_of_message(packet) == 0xffff;
}

void icmp_set_checksum(struct ip_packet *packet) {
    uint8_t *checksum = packet->bytes + packet->header_length + ICMP_AT_CHECKSUM;
    put_be16(checksum, 0);
    put_be16(checksum, (uint16_t)~sum_of_message(packet));
}

bool icmp_parse_embedded(struct ip_packet *embedded, const struct ip_packet *error) {
    size_t before = error->header_length + ICMP_HEADER;
    if (error->length < before)
        return false;
    return ip_parse_start(embedded, error->bytes + before, error->length - before) == IP_GOOD &&
           embedded->has_transport;
}

size_t icmp_make_error(uint8_t *out, uint32_t source, uint8_t type, uint8_t code, uint16_t mtu,
                       const struct ip_packet *about) {
    const size_t before = IP_HEADER_MIN + ICMP_HEADER;
    size_t quoted =
        about->length < ICMP_ERROR_MAX - before ? about->length : ICMP_ERROR_MAX - before;
    uint8_t *icmp = out + IP_HEADER_MIN;
    memset(out, 0, before);
    out[0] = 0x45;
    out[IP_AT_TRAFFIC_CLASS] = 0xc0; // internetwork control (RFC 1812 section 4.3.2.5)
    out[IP_AT_TTL] = OUR_TTL;
    out[IP_AT_PROTOCOL] = IP_ICMP;
    put_be32(out + IP_AT_SOURCE, source);
    put_be32(out + IP_AT_DESTINATION, about->source);
    ip_set_length(out, IP_HEADER_MIN, before + quoted);
    icmp[0] = type;
    icmp[ICMP_AT_CODE] = code;
    put_be16(icmp + ICMP_AT_MTU, mtu);
    memcpy(icmp + ICMP_HEADER, about->bytes, quoted);
    uint64_t sum = checksum_add(0, icmp, ICMP_HEADER + quoted);
    put_be16(icmp + ICMP_AT_CHECKSUM, (uint16_t)~checksum_fold(sum));
    return before + quoted;
}

static bool is_one_host(uint32_t address) {
    enum ip_scope scope = ip_scope_of(address);
    return scope != SCOPE_MULTICAST && scope != SCOPE_NOWHERE && scope != SCOPE_LOOPBACK;
}

bool icmp_may_answer(const struct ip_packet *packet) {
    if (packet->fragment_start != 0)
        return false;
    if (packet->protocol == IP_ICMP && packet->has_transport && icmp_is_error(packet->icmp_type))
        return false;
    return is_one_host(packet->source) && is_one_host(packet->destination);
}

// Where the transport's header is in an IPv6 packet, behind the headers of RFC 8200 section 4; 0
// where it is missing. Sets its protocol.
static size_t find_transport6(const uint8_t *bytes, size_t length, uint8_t *protocol) {
    enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, FOR_DESTINATION = 60 };
    size_t at = IP6_HEADER;
    *protocol = bytes[IP6_AT_NEXT];
    while (at + 8 <= length) {
        bool is_fragment = *protocol == FRAGMENT;
        if (!is_fragment && *protocol != HOP_BY_HOP && *protocol != ROUTING &&
            *protocol != FOR_DESTINATION)
            return at;
        if (is_fragment && (get_be16(bytes + at + 2) & 0xfff8) != 0)
            return 0; // a later one
        *protocol = bytes[at];
        at += is_fragment ? 8 : 8 + 8 * (size_t)bytes[at + 1];
    }
    return 0;
}

// Only one host has this source, and it is not loopback's. Groups begin with 0xff.
static bool may_answer6(const uint8_t *packet) {
    const uint8_t *source = packet + IP6_AT_SOURCE;
    return source[0] != 0xff && packet[IP6_AT_DESTINATION] != 0xff &&
           (get_be64(source) | get_be64(source + 8)) > 1;
}

// The answer comes from where the packet was to go: a firewall that looks at where a source would
// be reached finds nothing wrong with that. Linux tells a program with a datagram socket of
// "prohibited" only, and with a TCP socket of both, of which "no route" has the better words.
size_t icmp6_refuse(uint8_t *out, const uint8_t *packet, size_t length) {
    enum {
        ICMP6 = 58,
        UNREACHABLE = 1,
        NO_ROUTE = 0,
        PROHIBITED = 1,
        QUERIES = 128,
        REDIRECT = 137
    };
    const size_t before = IP6_HEADER + ICMP_HEADER;
    uint8_t protocol;
    if (length < IP6_HEADER || packet[0] >> 4 != 6 || !may_answer6(packet))
        return 0;
    size_t transport = find_transport6(packet, length, &protocol);
    if (transport == 0 ||
        (protocol == ICMP6 && (packet[transport] < QUERIES || packet[transport] == REDIRECT)))
        return 0;
    size_t quoted = length < ICMP6_ERROR_MAX - before ? length : ICMP6_ERROR_MAX - before;
    memset(out, 0, before);
    out[0] = 0x60;
    put_be16(out + IP6_AT_LENGTH, (uint16_t)(ICMP_HEADER + quoted));
    out[IP6_AT_NEXT] = ICMP6;
    out[IP6_AT_HOPS] = OUR_TTL;
    memcpy(out + IP6_AT_SOURCE, packet + IP6_AT_DESTINATION, 16);
    memcpy(out + IP6_AT_DESTINATION, packet + IP6_AT_SOURCE, 16);
    out[IP6_HEADER] = UNREACHABLE;
    out[IP6_HEADER + ICMP_AT_CODE] = protocol == IP_TCP ? NO_ROUTE : PROHIBITED;
    memcpy(out + before, packet, quoted);
    // Over both addresses, length and protocol, and the message (RFC 8200 section 8.1).
    uint64_t sum = checksum_add_pseudo_header(0, 0, 0, ICMP6, (uint16_t)(ICMP_HEADER + quoted));
    sum = checksum_add(sum, out + IP6_AT_SOURCE, 32 + ICMP_HEADER + quoted);
    put_be16(out + IP6_HEADER + ICMP_AT_CHECKSUM, (uint16_t)~checksum_fold(sum));
    return before + quoted;
}
