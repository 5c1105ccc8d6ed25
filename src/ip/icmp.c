// SPDX-License-Identifier: ISC
// An ICMP error carries the start of the packet that it speaks of, IP header first. Whoever
// translates addresses must translate those inside as well, or the sender would not recognise its
// own packet.
#include "icmp.h"

#include <string.h>

#include "../base/bytes.h"
#include "checksum.h"
#include "scope.h"

#define OUR_TTL 64 // RFC 1700

bool icmp_is_error(uint8_t type)
{
    return type == ICMP_UNREACHABLE || type == ICMP_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

static uint16_t sum_of_message(const struct ip_packet *packet)
{
    return checksum_fold(checksum_add(0, packet->bytes + packet->header_length,
                                      packet->length - packet->header_length));
}

bool icmp_checksum_is_good(const struct ip_packet *packet)
{
    return sum_of_message(packet) == 0xffff;
}

void icmp_set_checksum(struct ip_packet *packet)
{
    uint8_t *checksum = packet->bytes + packet->header_length + ICMP_AT_CHECKSUM;
    put_be16(checksum, 0);
    put_be16(checksum, (uint16_t)~sum_of_message(packet));
}

bool icmp_parse_embedded(struct ip_packet *embedded, const struct ip_packet *error)
{
    size_t before = error->header_length + ICMP_HEADER;
    if (error->length < before)
        return false;
    return ip_parse_start(embedded, error->bytes + before, error->length - before) == IP_GOOD &&
           embedded->has_transport;
}

size_t icmp_make_error(uint8_t *out, uint32_t source, uint8_t type, uint8_t code, uint16_t mtu,
                       const struct ip_packet *about)
{
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

static bool is_one_host(uint32_t address)
{
    enum ip_scope scope = ip_scope_of(address);
    return scope != SCOPE_MULTICAST && scope != SCOPE_NOWHERE && scope != SCOPE_LOOPBACK;
}

bool icmp_may_answer(const struct ip_packet *packet)
{
    if (packet->is_fragment && !packet->is_first_fragment)
        return false;
    if (packet->protocol == IP_ICMP && packet->has_transport && icmp_is_error(packet->icmp_type))
        return false;
    return is_one_host(packet->source) && is_one_host(packet->destination);
}
