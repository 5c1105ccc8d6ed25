// SPDX-License-Identifier: ISC
// Packets as a network card's offloads leave them, made into packets for the wire: checksums that
// were left for the card are completed, and super-packets that the kernel had put together (GRO),
// or had not yet taken apart (TSO), are cut into segments, or into smaller super-packets. And
// packets too large for a link, which are cut into fragments.
#pragma once

#include "offload.h"

// Takes a packet: a finished one, or with a `segment_size` above 0 a super-packet of such segments,
// whose checksum is that of the pseudo-header.
typedef void ip_piece_receiver(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size);

// Cuts a packet that was read into pieces, or only completes its checksum, and calls `out` with
// each. A super-packet of up to `most` bytes is a piece as it is; else a piece has as many whole
// segments as fit into them, and one at least. 0: each piece is one segment. `scratch` must hold a
// piece, and at least IP header + TCP header + segment size bytes. Returns the number of pieces
// given out, or -1 where the offload's numbers do not fit the packet.
int ip_segment(const struct ip_packet *packet, const struct ip_offload *offload, size_t most,
               uint8_t *scratch, size_t scratch_size, ip_piece_receiver *out, void *arg);

// Makes the checksum of a TCP or UDP packet anew: all of it, or of the pseudo-header only.
void ip_set_transport_checksum(uint8_t *packet, size_t header_length, size_t length, bool partial);

// Cuts a packet, which may be a fragment itself, into fragments of at most `mtu` bytes, made in
// `scratch` (at least `mtu` bytes), and calls `out` with each. Its checksum must be whole, not
// partial. Returns the number of fragments, or -1 where it cannot be done: header options, an MTU
// too small.
int ip_fragment(const struct ip_packet *packet, size_t mtu, uint8_t *scratch,
                ip_piece_receiver *out, void *arg);
