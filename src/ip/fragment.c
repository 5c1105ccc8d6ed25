// SPDX-License-Identifier: ISC
// Every fragment repeats the IP header with its own length, offset (in units of 8 bytes) and
// checksum; "more fragments" is set on all but the last, which keeps the original's. Packets with
// header options are refused: some options go into every fragment and some do not, and none is
// worth the code.
#include "fragment.h"

#include <string.h>

#include "../base/bytes.h"
#include "checksum.h"

#define MORE_FRAGMENTS 0x2000
#define UNIT           8

int ip_fragment(const struct ip_packet *packet, size_t mtu, uint8_t *scratch,
                void (*out)(void *arg, uint8_t *bytes, size_t length), void *arg) {
    size_t payload = packet->length - packet->header_length;
    uint16_t field = get_be16(packet->bytes + IP_AT_FRAGMENT);
    if (packet->header_length != IP_HEADER_MIN || mtu < IP_HEADER_MIN + UNIT)
        return -1;
    size_t most = (mtu - IP_HEADER_MIN) / UNIT * UNIT;
    int count = 0;
    for (size_t at = 0; at < payload; count++) {
        size_t piece = payload - at < most ? payload - at : most;
        uint16_t more = at + piece < payload ? MORE_FRAGMENTS : 0;
        memcpy(scratch, packet->bytes, IP_HEADER_MIN);
        memcpy(scratch + IP_HEADER_MIN, packet->bytes + IP_HEADER_MIN + at, piece);
        put_be16(scratch + IP_AT_FRAGMENT, (uint16_t)((field + at / UNIT) | more));
        ip_set_length(scratch, IP_HEADER_MIN, IP_HEADER_MIN + piece);
        out(arg, scratch, IP_HEADER_MIN + piece);
        at += piece;
    }
    return count;
}
