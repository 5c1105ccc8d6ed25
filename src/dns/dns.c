// SPDX-License-Identifier: ISC
// A message begins with a header of 12 bytes: id, flags, and four counts. A flag says that it is an
// answer, and the last four bits are the response code.
#include "dns.h"
#include "../ip/packet.h"
#include <string.h>

const struct dns_range dns_caught[DNS_CAUGHT] = {
    {0x0a000000, 0x0affffff}, {0xac100000, 0xac1fffff}, {0xc0a80000, 0xc0a8ffff}, // RFC 1918
    {0x64400000, 0x647fffff}, {0xa9fe0000, 0xa9feffff},                           // RFC 6598, 3927
};

struct dns_plan dns_choose(const struct dns_plan *chosen, const struct dns_plan *named) {
    static const struct dns_plan last_resort = {{0x09090909, 0x01010101}, 2}; // Quad9, Cloudflare
    return chosen->count > 0 ? *chosen : named->count > 0 ? *named : last_resort;
}

// The name is 8 letters of our own below example.com (RFC 6761 section 6.5).
void dns_query_write(uint8_t query[DNS_QUERY_BYTES], const uint8_t random[DNS_QUERY_RANDOM]) {
    static const char fixed[] = "..\1\0\0\1\0\0\0\0\0\0\10........\7example\3com\0\0\1\0\1";
    memcpy(query, fixed, DNS_QUERY_BYTES);
    memcpy(query, random, 2);
    for (size_t i = 0; i < 8; i++) query[13 + i] = (uint8_t)('a' + random[2 + i] % 16);
}

bool dns_answer_is_good(const uint8_t *answer, size_t length) {
    const uint8_t no_such_name = 3;
    return length >= 12 && (answer[2] & 0x80) != 0 &&
           ((answer[3] & 0x0f) == 0 || (answer[3] & 0x0f) == no_such_name);
}

bool dns_packet_is_good(const uint8_t *packet, size_t length) {
    if (length < IP_HEADER_MIN || packet[IP_AT_PROTOCOL] != IP_UDP ||
        (get_be16(packet + IP_AT_FRAGMENT) & 0x1fff) != 0) // it has no UDP header
        return false;
    size_t at = (size_t)(packet[0] & 0x0f) * 4;
    return length >= at + UDP_HEADER && get_be16(packet + at) == DNS_PORT &&
           dns_answer_is_good(packet + at + UDP_HEADER, length - at - UDP_HEADER);
}
