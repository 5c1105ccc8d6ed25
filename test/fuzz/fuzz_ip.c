// SPDX-License-Identifier: ISC
// IPv4 packets: reading, rewriting, TTL, segmentation. The input: one byte of settings, the numbers
// of an offload, new endpoints, the packet.
#include "../unit/packets.h"
#include "fuzz.h"
#include "ip/segment.h"

#define MAKE_CHECKSUM_GOOD  0x01 // of the IP header, so that the input gets further
#define MAKE_TRANSPORT_GOOD 0x02
#define PARTIAL             0x04
#define MATCHING_OFFLOAD    0x08 // the checksum's place is where it belongs
#define REWRITE_SOURCE      0x10
#define REWRITE_DESTINATION 0x20
#define AIM_FOR_ZERO        0x40 // a new address that makes the transport's checksum 0

struct settings {
    uint8_t flags;
    struct ip_offload offload;
    uint16_t scratch;
    uint32_t address;
    uint16_t port;
};

static struct settings take_settings(struct input *input) {
    struct settings settings;
    settings.flags = take8(input);
    settings.offload.partial_checksum = (settings.flags & PARTIAL) != 0;
    settings.offload.checksum_start = take16(input);
    settings.offload.checksum_at = take16(input);
    settings.offload.segment_size = take16(input);
    settings.scratch = take16(input);
    settings.address = take32(input);
    settings.port = take16(input);
    return settings;
}

static void expect_fields(const struct ip_packet *p, const uint8_t *bytes, size_t length) {
    size_t transport = p->length - p->header_length;
    EXPECT(p->header_length >= 20 && p->header_length <= 60);
    EXPECT(p->length >= p->header_length && p->length <= length);
    EXPECT(p->source == packet_get32(bytes + 12) && p->destination == packet_get32(bytes + 16));
    EXPECT(packet_header_checksum_is_good(bytes));
    if (!p->has_transport)
        return;
    EXPECT(p->fragment_start == 0);
    EXPECT(transport >= (p->protocol == PACKET_TCP ? 20 : 8));
    if (p->protocol == PACKET_TCP)
        EXPECT((size_t)(bytes[p->header_length + 12] >> 4) * 4 <= transport);
    if (p->protocol == PACKET_UDP && !p->is_fragment)
        EXPECT(packet_get16(bytes + p->header_length + 4) <= transport);
}

// The address, as given but for its low half, for which the checksum on its way to its new value is
// 0: no random number would find it.
static uint32_t aimed_address(const struct ip_packet *p, size_t place, uint32_t address) {
    const uint8_t *checksum = p->bytes + p->header_length + packet_checksum_place(p->protocol);
    uint8_t words[8];
    packet_put16(words, 0xffffU ^ packet_get16(checksum));
    packet_put16(words + 2, 0xffffU ^ packet_get16(p->bytes + place));
    packet_put16(words + 4, 0xffffU ^ packet_get16(p->bytes + place + 2));
    packet_put16(words + 6, address >> 16);
    return (address & 0xffff0000) | (0xffffU ^ packet_sum(0, words, sizeof words));
}

// A change keeps the checksums as good or as bad as they were, and changes nothing else.
static void rewrite(struct ip_packet *p, const struct settings *settings) {
    uint8_t *before = exact_copy(p->bytes, p->length);
    bool whole = p->has_transport && !p->is_fragment;
    bool zeros = whole && packet_is_zero_icmp(p->bytes);
    bool good = whole && packet_checksum_is_good(p->bytes);
    size_t h = p->header_length;
    bool none = whole && p->protocol == PACKET_UDP && packet_get16(p->bytes + h + 6) == 0;
    if ((settings->flags & REWRITE_SOURCE) != 0) {
        ip_set_source(p, settings->address, settings->port);
        EXPECT(packet_get32(p->bytes + 12) == settings->address);
    }
    if ((settings->flags & REWRITE_DESTINATION) != 0) {
        ip_set_destination(p, settings->address, settings->port);
        EXPECT(packet_get32(p->bytes + 16) == settings->address);
    }
    if (ip_decrement_ttl(p))
        EXPECT(p->bytes[8] == before[8] - 1);
    else
        EXPECT(before[8] <= 1 && p->bytes[8] == before[8]);
    EXPECT(packet_header_checksum_is_good(p->bytes));
    zeros = zeros || (whole && packet_is_zero_icmp(p->bytes));
    if (whole && !zeros && !p->partial_checksum)
        EXPECT(packet_checksum_is_good(p->bytes) == good);
    if (none && !p->partial_checksum)
        EXPECT(packet_get16(p->bytes + h + 6) == 0);
    EXPECT(memcmp(p->bytes, before, 8) == 0 && p->bytes[9] == before[9]);
    EXPECT(memcmp(p->bytes + 20, before + 20, h - 20) == 0);
    size_t fields = p->protocol == PACKET_TCP ? 18 : 8; // ports and checksum are in there
    if (!p->has_transport)
        fields = 0;
    EXPECT(memcmp(p->bytes + h + fields, before + h + fields, p->length - h - fields) == 0);
    free(before);
}

struct cut {
    const struct ip_packet *packet;
    const uint8_t *original;
    size_t headers;
    size_t size; // of a segment's payload, or 0
    size_t payload;
    int count;
};

static void on_segment(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size) {
    struct cut *cut = arg;
    EXPECT(segment_size == 0);
    cut->count++;
    if (cut->size == 0) {
        EXPECT(bytes == cut->packet->bytes && length == cut->packet->length);
        return;
    }
    EXPECT(length >= cut->headers && length - cut->headers <= cut->size);
    EXPECT(packet_get16(bytes + 2) == length);
    EXPECT(packet_header_checksum_is_good(bytes));
    EXPECT(packet_checksum_is_good(bytes));
    EXPECT(memcmp(bytes + cut->headers, cut->original + cut->headers + cut->payload,
                  length - cut->headers) == 0);
    cut->payload += length - cut->headers;
}

static void segment(struct ip_packet *p, const struct settings *settings) {
    struct ip_offload offload = settings->offload;
    uint8_t *original = exact_copy(p->bytes, p->length);
    struct cut cut = {.packet = p, .original = original, .size = offload.segment_size};
    if (p->has_transport) {
        cut.headers =
            p->header_length +
            (p->protocol == PACKET_TCP ? (size_t)(original[p->header_length + 12] >> 4) * 4 : 8);
        if ((settings->flags & MATCHING_OFFLOAD) != 0) {
            offload.checksum_start = (uint16_t)p->header_length;
            offload.checksum_at = (uint16_t)(p->header_length + packet_checksum_place(p->protocol));
        }
    }
    uint8_t *scratch = malloc((size_t)settings->scratch + 1);
    EXPECT(scratch != NULL);
    int count = ip_segment(p, &offload, 0, scratch, settings->scratch, on_segment, &cut);
    free(scratch);
    EXPECT(count == (cut.count > 0 ? cut.count : -1));
    EXPECT(count <= SEGMENTS_MAX);
    if (count > 0 && cut.size > 0)
        EXPECT(cut.payload == p->length - cut.headers);
    if (count < 0 || cut.size > 0)
        EXPECT(memcmp(p->bytes, original, p->length) == 0);
    free(original);
}

// Makes checksums good where the settings say so and the lengths allow it.
static void prepare(uint8_t *bytes, size_t length, uint8_t flags) {
    struct ip_packet packet;
    if (length < 20 || packet_header_length(bytes) < 20 || packet_header_length(bytes) > length)
        return;
    if ((flags & MAKE_CHECKSUM_GOOD) != 0)
        packet_fill_header_checksum(bytes);
    if ((flags & MAKE_TRANSPORT_GOOD) != 0 && ip_parse(&packet, bytes, length) == IP_GOOD &&
        packet.has_transport) {
        if (packet.protocol == PACKET_UDP)
            packet_put16(bytes + packet.header_length + 4,
                         (uint32_t)(packet.length - packet.header_length));
        packet_fill_checksum(bytes, packet.length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    struct settings settings = take_settings(&input);
    struct ip_packet packet;
    size_t length = input.left;
    uint8_t *bytes = exact_copy(input.at, length);
    prepare(bytes, length, settings.flags);
    if (ip_parse(&packet, bytes, length) == IP_GOOD) {
        expect_fields(&packet, bytes, length);
        packet.partial_checksum = (settings.flags & PARTIAL) != 0;
        if ((settings.flags & AIM_FOR_ZERO) != 0 && packet.has_transport)
            settings.address = aimed_address(
                &packet, (settings.flags & REWRITE_SOURCE) != 0 ? 12 : 16, settings.address);
        rewrite(&packet, &settings);
        segment(&packet, &settings);
    }
    free(bytes);
    return 0;
}
