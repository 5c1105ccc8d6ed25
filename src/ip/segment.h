// Packets as a network card's offloads leave them, made into packets for the wire: checksums that
// were left for the card are completed, and super-packets that the kernel had put together (GRO),
// or had not yet taken apart (TSO), are cut into segments.
#ifndef TETHER_IP_SEGMENT_H
#define TETHER_IP_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"

// What a virtio-net header says about a packet (virtio 1.2 section 5.1.6), with the link header
// left out: places count from the packet's first byte.
struct ip_offload {
    bool partial_checksum;   // the checksum at checksum_at covers only the pseudo-header yet;
    uint16_t checksum_start; // it must cover everything from here on
    uint16_t checksum_at;
    uint16_t segment_size; // payload bytes a segment; 0: one packet
};

// The most segments made of one packet; a packet that would need more is refused.
#define SEGMENTS_MAX 2048

// Cuts a packet that was read into its segments, or only completes its checksum, and calls `out`
// with each. `scratch` must hold a segment: at least IP header + TCP header + segment size bytes.
// Returns the number of packets given out, or -1 where the offload's numbers do not fit the packet.
int ip_segment(const struct ip_packet *packet, const struct ip_offload *offload, uint8_t *scratch,
               size_t scratch_size, void (*out)(void *arg, uint8_t *bytes, size_t length),
               void *arg);

#endif
