// SPDX-License-Identifier: ISC
// The sum is the same in whatever byte order the words are read, but for a final swap (RFC 1071
// section 2 B), and carries may be added back at any time (section 2 A). So memory is read by the
// machine's own 32-bit words into a 64-bit sum, which cannot overflow for anything of packet size.
#include "checksum.h"
#include "../base/bytes.h"
#include <string.h>

uint16_t checksum_fold(uint64_t sum) {
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t length) {
    uint64_t native = 0;
    uint32_t word;
    uint8_t folded[2];
    for (; length >= 4; length -= 4, bytes += 4) {
        memcpy(&word, bytes, 4);
        native += word;
    }
    if (length > 0) { // an odd last byte counts as the first of a pair (RFC 1071 section 4.1)
        word = 0;
        memcpy(&word, bytes, length);
        native += word;
    }
    uint16_t here = checksum_fold(native);
    memcpy(folded, &here, 2);
    return sum + get_be16(folded);
}

uint64_t checksum_add_pseudo_header(uint64_t sum, uint32_t source, uint32_t destination,
                                    uint8_t protocol, uint16_t length) {
    return sum + (source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff) +
           protocol + length;
}

uint16_t checksum_update(uint16_t checksum, const uint8_t *from, const uint8_t *to, size_t length) {
    uint64_t sum = (uint16_t)~checksum;
    for (size_t i = 0; i < length; i += 2)
        sum += (uint64_t)(uint16_t)~get_be16(from + i) + get_be16(to + i);
    return (uint16_t)~checksum_fold(sum);
}
