// SPDX-License-Identifier: ISC
// Coalescing in software (generic receive offload): the segments of a TCP connection that arrive
// one behind the other become one super-packet, which the kernel takes in one call and handles as
// one.
#pragma once

#include "../limits.h"
#include "segment.h"

// A run of segments of one connection.
struct ip_run {
    struct ip_packet
        first; // its first segment, or with more of them what is made of all; bytes NULL: none
    size_t segments;
    uint16_t segment_size; // payload bytes of each but the last
    uint32_t next_sequence;
    bool is_full;                 // nothing more may follow: a short segment, or one that pushes
    uint8_t bytes[IP_PACKET_MAX]; // more than one segment, put together
};

struct ip_coalescer {
    struct ip_run runs[COALESCE_RUNS];
    size_t next; // the run that gives way next
};

// Holds nothing. Must be done before anything else.
void ip_coalescer_init(struct ip_coalescer *coalescer);
// Takes an IPv4 packet, whose bytes must stay as they are until ip_coalesce_end(), and gives to
// `out` what is not to be held, or not any longer. Packets of one connection stay in their order.
void ip_coalesce(struct ip_coalescer *coalescer, uint8_t *packet, size_t length,
                 ip_piece_receiver *out, void *arg);
// Gives everything out that is held.
void ip_coalesce_end(struct ip_coalescer *coalescer, ip_piece_receiver *out, void *arg);
