// SPDX-License-Identifier: ISC
// The virtio-net header and what it asks for. The input: a byte of settings, how long a piece may
// be and how much room there is for one, the header (its numbers with the high byte first, so that
// seeds are alike everywhere), the packet. What is cut in two steps is what is cut in one, and
// every checksum is right.
#include "../unit/packets.h"
#include "fuzz.h"
#include "ip/segment.h"

#define AFTER_ETHERNET     0x01 // another header stands between this one and the packet
#define MAKE_CHECKSUM_GOOD 0x02 // of the IP header, so that the input gets further
#define MATCHING_OFFLOAD   0x04 // the checksum's place is where it belongs

struct piece {
    uint8_t *bytes;
    size_t length;
    uint16_t segment_size;
};

struct pieces {
    size_t count;
    struct piece items[SEGMENTS_MAX];
};

static void keep(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size) {
    struct pieces *pieces = arg;
    EXPECT(pieces->count < SEGMENTS_MAX && length <= 65535);
    pieces->items[pieces->count++] =
        (struct piece){exact_copy(bytes, length), length, segment_size};
}

static void forget(struct pieces *pieces) {
    for (size_t i = 0; i < pieces->count; i++) free(pieces->items[i].bytes);
    pieces->count = 0;
}

// Cuts a copy of a packet in memory of exactly its size.
static int cut(const uint8_t *bytes, size_t length, const struct ip_offload *offload, size_t most,
               size_t room, struct pieces *pieces) {
    struct ip_packet packet;
    uint8_t *copy = exact_copy(bytes, length);
    uint8_t *scratch = malloc(room + 1);
    pieces->count = 0;
    EXPECT(scratch != NULL && ip_parse(&packet, copy, length) == IP_GOOD);
    int count = ip_segment(&packet, offload, most, scratch, room, keep, pieces);
    EXPECT(count == (pieces->count > 0 ? (int)pieces->count : -1));
    free(scratch);
    free(copy);
    return count;
}

// What a piece says that it is.
static void expect_piece(const struct piece *piece, size_t most) {
    struct ip_packet packet;
    struct ip_offload offload;
    EXPECT(ip_parse(&packet, piece->bytes, piece->length) == IP_GOOD);
    EXPECT(packet.length == piece->length);
    if (piece->segment_size == 0) {
        EXPECT(packet_checksum_is_good(piece->bytes));
        return;
    }
    size_t header = packet_header_length(piece->bytes);
    EXPECT(piece->length <= most);
    EXPECT(packet_get16(piece->bytes + header + packet_checksum_place(piece->bytes[9])) ==
           packet_pseudo_sum(piece->bytes, piece->length - header));
    // SYN and RST are not sent as super-packets; a kernel makes none.
    EXPECT(ip_offload_of_super(&offload, &packet, piece->segment_size) == 0 ||
           (packet.protocol == PACKET_TCP && (packet.tcp_flags & (TCP_SYN | TCP_RST)) != 0));
}

static struct pieces direct;
static struct pieces pieces;
static struct pieces rest;

static void expect_same_segments(const struct ip_offload *offload, size_t most) {
    size_t at = 0;
    for (size_t i = 0; i < pieces.count; i++) {
        const struct piece *piece = &pieces.items[i];
        struct ip_offload again = *offload;
        expect_piece(piece, most);
        again.segment_size = piece->segment_size;
        again.partial_checksum = piece->segment_size > 0;
        EXPECT(cut(piece->bytes, piece->length, &again, 0, 65535, &rest) > 0);
        for (size_t k = 0; k < rest.count; k++, at++) {
            EXPECT(at < direct.count && rest.items[k].length == direct.items[at].length);
            EXPECT(memcmp(rest.items[k].bytes, direct.items[at].bytes, rest.items[k].length) == 0);
        }
        forget(&rest);
    }
    EXPECT(at == direct.count);
}

static void expect_written(const struct ip_packet *packet, const struct ip_offload *offload,
                           size_t link_header) {
    uint8_t header[VNET_HEADER];
    struct ip_offload again;
    if (packet->protocol != PACKET_TCP && packet->protocol != PACKET_UDP)
        return;
    ip_offload_write(header, packet, offload, link_header);
    if (offload->checksum_at < offload->checksum_start ||
        link_header + offload->checksum_start > UINT16_MAX)
        return;
    EXPECT(ip_offload_read(&again, header, link_header) == 0);
    EXPECT(again.partial_checksum == offload->partial_checksum &&
           again.checksum_start == offload->checksum_start &&
           again.checksum_at == offload->checksum_at &&
           again.segment_size == offload->segment_size);
}

// The header, with its numbers in the host's byte order.
static void take_header(struct input *input, uint8_t header[VNET_HEADER]) {
    header[0] = take8(input);
    header[1] = take8(input);
    for (size_t i = 2; i < VNET_HEADER; i += 2) {
        uint16_t number = take16(input);
        memcpy(header + i, &number, sizeof number);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    uint8_t settings = take8(&input);
    size_t most = take16(&input);
    size_t room = take16(&input);
    size_t link_header = (settings & AFTER_ETHERNET) != 0 ? 14 : 0;
    uint8_t header[VNET_HEADER];
    struct ip_offload offload;
    struct ip_packet packet;
    take_header(&input, header);
    uint8_t *bytes = exact_copy(input.at, input.left);
    size_t length = input.left;
    if ((settings & MAKE_CHECKSUM_GOOD) != 0 && length >= 20 && packet_header_length(bytes) >= 20 &&
        packet_header_length(bytes) <= length)
        packet_fill_header_checksum(bytes);
    if (ip_offload_read(&offload, header, link_header) == 0 &&
        ip_parse(&packet, bytes, length) == IP_GOOD) {
        if ((settings & MATCHING_OFFLOAD) != 0 && offload.partial_checksum) {
            offload.checksum_start = (uint16_t)packet.header_length;
            offload.checksum_at =
                (uint16_t)(packet.header_length + packet_checksum_place(packet.protocol));
        }
        if (packet.has_transport && !packet.is_fragment)
            expect_written(&packet, &offload, link_header);
        bool is_cut = cut(bytes, packet.length, &offload, 0, 65535, &direct) > 0;
        bool is_cut_less = cut(bytes, packet.length, &offload, most, room, &pieces) > 0;
        EXPECT(is_cut || !is_cut_less);
        if (is_cut_less && offload.segment_size > 0)
            expect_same_segments(&offload, most);
        forget(&direct);
        forget(&pieces);
    }
    free(bytes);
    return 0;
}
