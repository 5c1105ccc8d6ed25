// SPDX-License-Identifier: ISC
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
#pragma once

#include <stddef.h>
#include <stdint.h>

// A one's complement sum of 16-bit words on its way; start with 0, add pieces (all but the last of
// an even length), then fold.
uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t length);
// Adds the pseudo-header of TCP and UDP over IPv4 (RFC 9293 section 3.1). Host byte order.
uint64_t checksum_add_pseudo_header(uint64_t sum, uint32_t source, uint32_t destination,
                                    uint8_t protocol, uint16_t length);
// The sum as 16 bits in host byte order, not complemented. The checksum field holds its complement.
uint16_t checksum_fold(uint64_t sum);

// The checksum of a header in which the bytes `from` became `to` (equation 3 of RFC 1624): both of
// the same even length, at an even place of the header. Host byte order.
uint16_t checksum_update(uint16_t checksum, const uint8_t *from, const uint8_t *to, size_t length);
