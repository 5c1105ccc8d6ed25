// SPDX-License-Identifier: ISC
// What the tests of super-packets have in common: packets that are given out are kept, in their
// order, and super-packets are cut down to segments.
#ifndef TETHER_TEST_UNIT_SUPER_LAB_H
#define TETHER_TEST_UNIT_SUPER_LAB_H

#include "ip/segment.h"
#include "limits.h"

#include "packets.h"
#include "test.h"

#define TCP_PSH_FLAG 0x08
#define GIVEN_MAX    8192
#define GIVEN_BYTES  (4 * 1024 * 1024)

struct given {
    uint8_t *bytes;
    size_t length;
    uint16_t segment_size;
};

struct given_list {
    size_t count;
    size_t used;
    struct given items[GIVEN_MAX];
    uint8_t bytes[GIVEN_BYTES];
};

static inline void given_clear(struct given_list *list) { list->count = list->used = 0; }

// An ip_piece_receiver; `arg` is the list.
static inline void given_add(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size) {
    struct given_list *list = arg;
    if (list->count == GIVEN_MAX || list->used + length > GIVEN_BYTES) {
        test_fail(__FILE__, __LINE__, "the laboratory is too small");
        return;
    }
    uint8_t *copy = list->bytes + list->used;
    memcpy(copy, bytes, length);
    list->items[list->count++] = (struct given){copy, length, segment_size};
    list->used += length;
}

// The sum that a super-packet's checksum field must hold: that of the pseudo-header.
static inline bool packet_partial_checksum_is_good(const uint8_t *packet) {
    size_t header = packet_header_length(packet);
    size_t length = packet_get16(packet + 2);
    uint16_t field = packet_get16(packet + header + packet_checksum_place(packet[9]));
    return field == packet_pseudo_sum(packet, length - header);
}

// Cuts what was given out into pieces of `most` bytes (0: segments), each in memory of exactly its
// size. What is no super-packet is taken over as it is. Checks that what comes in and goes out is
// well formed.
static inline void given_cut(const struct given_list *from, size_t most, struct given_list *to) {
    static uint8_t scratch[IP_PACKET_MAX];
    given_clear(to);
    for (size_t i = 0; i < from->count; i++) {
        const struct given *item = &from->items[i];
        struct ip_packet packet;
        struct ip_offload offload;
        if (item->segment_size == 0) {
            given_add(to, item->bytes, item->length, 0);
            continue;
        }
        uint8_t *copy = test_copy(item->bytes, item->length);
        bool good = packet_header_checksum_is_good(copy) && packet_partial_checksum_is_good(copy) &&
                    ip_parse(&packet, copy, item->length) == IP_GOOD &&
                    ip_offload_of_super(&offload, &packet, item->segment_size) == 0 &&
                    ip_segment(&packet, &offload, most, scratch, sizeof scratch, given_add, to) > 0;
        free(copy);
        if (!good)
            test_fail(__FILE__, __LINE__, "super-packet %lu of %lu bytes is not well formed",
                      (unsigned long)i, (unsigned long)item->length);
    }
}

// Whether two lists hold the same packets.
static inline bool given_same(const struct given_list *a, const struct given_list *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].length != b->items[i].length ||
            a->items[i].segment_size != b->items[i].segment_size ||
            memcmp(a->items[i].bytes, b->items[i].bytes, a->items[i].length) != 0)
            return false;
    return true;
}

#endif
