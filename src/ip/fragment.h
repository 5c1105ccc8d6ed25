// SPDX-License-Identifier: ISC
// Fragmentation (RFC 791 section 3.2).
#pragma once

#include "packet.h"

// Cuts a packet, which may be a fragment itself, into fragments of at most `mtu` bytes, made in
// `scratch` (at least `mtu` bytes), and calls `out` with each. Its checksum must be whole, not
// partial. Returns the number of fragments, or -1 where it cannot be done: header options, an MTU
// too small.
int ip_fragment(const struct ip_packet *packet, size_t mtu, uint8_t *scratch,
                void (*out)(void *arg, uint8_t *bytes, size_t length), void *arg);
