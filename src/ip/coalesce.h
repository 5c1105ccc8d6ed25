// SPDX-License-Identifier: ISC
// Coalescing in software (generic receive offload): the segments of a TCP connection that arrive
// one behind the other become one super-packet, which the kernel takes in one call and handles as
// one.
#pragma once

#include "../limits.h"
#include "segment.h"

// A run of segments of one connection, put together in one place.
struct ip_run {
    struct ip_packet first; // what is made of all; bytes NULL: none
    size_t segments;
    uint16_t segment_size; // payload bytes of each but the last
    uint32_t next_sequence;
    bool is_full; // nothing more may follow a short segment
};

// Begins a run with a packet, or with a super-packet of segments of this size (0: a packet).
// Returns whether it is a TCP segment of plain data, to which others may be added.
bool ip_run_begin(struct ip_run *run, const struct ip_packet *packet, uint16_t segment_size);
// Whether a packet, or a super-packet, goes on where the run ends, and one header does for both.
bool ip_run_follows(const struct ip_run *run, const struct ip_packet *packet,
                    uint16_t segment_size);
// Moves its payload behind the run's, where there must be room.
void ip_run_append(struct ip_run *run, const struct ip_packet *packet);
// Has the header say what a run of several segments is; its checksum is the pseudo-header's.
void ip_run_finish(const struct ip_run *run);

struct ip_coalescer {
    struct ip_run runs[COALESCE_RUNS];
    uint8_t bytes[COALESCE_RUNS][IP_PACKET_MAX]; // of those of several segments
    size_t next;                                 // the run that gives way next
};

// Holds nothing. Must be done before anything else.
void ip_coalescer_init(struct ip_coalescer *coalescer);
// Takes an IPv4 packet, whose bytes must stay as they are until ip_coalesce_end(), and gives to
// `out` what is not to be held, or not any longer. Packets of one connection stay in their order.
void ip_coalesce(struct ip_coalescer *coalescer, uint8_t *packet, size_t length,
                 ip_piece_receiver *out, void *arg);
// Gives everything out that is held.
void ip_coalesce_end(struct ip_coalescer *coalescer, ip_piece_receiver *out, void *arg);
