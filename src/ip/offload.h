// SPDX-License-Identifier: ISC
// What network cards do for the kernel, and what is therefore still to be done on a packet that the
// kernel hands over: a checksum to be completed, a super-packet to be cut into segments. The kernel
// says it in a virtio-net header before the packet (virtio 1.2 section 5.1.6), and takes it from
// one.
#pragma once

#include "packet.h"

// Places count from the packet's first byte.
struct ip_offload {
    bool partial_checksum;   // the checksum at checksum_at covers only the pseudo-header yet;
    uint16_t checksum_start; // it must cover everything from here on
    uint16_t checksum_at;
    uint16_t segment_size; // payload bytes a segment; 0: one packet
};

// The most segments made of one packet; a packet that would need more is refused.
#define SEGMENTS_MAX 2048

// struct virtio_net_hdr without the number of buffers, its integers in the host's byte order.
#define VNET_HEADER 10

// Reads such a header. `link_header`: bytes of another header between it and the packet, which its
// places count as well. Returns 0, or -1 where it asks for something that we do not know, or makes
// no sense; how its numbers fit the packet is not looked at.
int ip_offload_read(struct ip_offload *offload, const uint8_t header[VNET_HEADER],
                    size_t link_header);
// Writes one for a packet that was parsed.
void ip_offload_write(uint8_t header[VNET_HEADER], const struct ip_packet *packet,
                      const struct ip_offload *offload, size_t link_header);

// What is to be done on a super-packet of segments of this size whose checksum is that of the
// pseudo-header. Returns 0, or -1 where the packet is none: no TCP or UDP, a fragment, or so short
// that it were one segment, or so long that it were too many.
int ip_offload_of_super(struct ip_offload *offload, const struct ip_packet *packet,
                        uint16_t segment_size);
