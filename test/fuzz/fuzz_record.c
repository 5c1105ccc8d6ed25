// SPDX-License-Identifier: ISC
// The records of a message that has been opened: one byte that says where it is cut, then the
// message. Each record lies inside it, says what it is by itself, and a configuration or a status
// that is read makes sense.
#include "../unit/packets.h"
#include "base/bytes.h"
#include "fuzz.h"
#include "session/record.h"

static void expect_configuration(const struct record *record) {
    struct configuration config;
    struct configuration again;
    uint8_t body[CONFIGURATION_MAX];
    memset(&config, 0xee, sizeof config);
    uint8_t *copy = exact_copy(record->bytes, record->length);
    int result = configuration_read(&config, copy, record->length);
    free(copy);
    EXPECT(result == 0 || result == -1);
    if (result < 0)
        return;
    EXPECT(config.address > 0x64400000 && config.address < 0x647fffff);
    EXPECT(config.mtu >= 576 && config.message_max >= MESSAGE_LEAST);
    EXPECT(config.resolver_count <= RESOLVERS_MAX);
    EXPECT(record->length >= 11 + 4 * (size_t)record->bytes[10]);
    size_t length = configuration_write(body, &config);
    EXPECT(length <= record->length && length <= sizeof body);
    EXPECT(memcmp(body, record->bytes, 10) == 0);
    EXPECT(memcmp(body + 11, record->bytes + 11, length - 11) == 0);
    memset(&again, 0xdd, sizeof again);
    EXPECT(configuration_read(&again, body, length) == 0);
    EXPECT(again.address == config.address && again.resolver_count == config.resolver_count);
}

static void expect_status(const struct record *record) {
    uint32_t mappings = 0;
    uint8_t body[STATUS_BYTES];
    uint8_t *copy = exact_copy(record->bytes, record->length);
    int result = status_read(&mappings, copy, record->length);
    free(copy);
    EXPECT(result == (record->length < STATUS_BYTES ? -1 : 0));
    if (result == 0)
        EXPECT(memcmp(record->bytes, body, status_write(body, mappings)) == 0);
}

static void expect_packet(const struct record *record, size_t used) {
    EXPECT(record->type == RECORD_PACKET && record->length == used);
    if (record->bytes[0] >> 4 == 4)
        EXPECT(used == get_be16(record->bytes + 2));
    else
        EXPECT(record->bytes[0] >> 4 == 6 && used == 40 + (size_t)get_be16(record->bytes + 4));
}

// A super-packet's record, with the header's checksum made right so that more of it is looked at.
static void expect_super_packet(const struct record *record) {
    struct ip_packet packet;
    struct ip_offload offload;
    uint8_t head[SUPER_PACKET_HEAD];
    uint8_t *copy = exact_copy(record->bytes, record->length);
    const struct record same = {RECORD_SUPER_PACKET, copy, record->length};
    if (record->length >= 22 && packet_header_length(copy + 2) >= 20 &&
        packet_header_length(copy + 2) <= record->length - 2)
        packet_fill_header_checksum(copy + 2);
    if (super_packet_read(&packet, &offload, &same) == 0) {
        EXPECT(packet.bytes == copy + 2 && packet.length == record->length - 2);
        EXPECT(packet.has_transport && !packet.is_fragment);
        EXPECT(offload.partial_checksum && offload.segment_size == get_be16(copy));
        EXPECT(offload.checksum_at + 2U <= packet.length);
        size_t payload = packet.length - ip_header_sizes(&packet);
        EXPECT(payload > offload.segment_size &&
               payload <= (size_t)offload.segment_size * SEGMENTS_MAX);
        super_packet_head_write(head, packet.length, offload.segment_size);
        EXPECT(get_be32(head) == ((uint32_t)RECORD_SUPER_PACKET << 24 | (uint32_t)record->length));
        EXPECT(memcmp(head + RECORD_HEAD, copy, 2) == 0);
    }
    free(copy);
}

static void expect_other(const struct record *record, size_t used) {
    uint8_t *again = malloc(used);
    EXPECT(again != NULL && used == RECORD_HEAD + record->length);
    EXPECT(record_write(again, record->type, record->bytes, record->length) == used);
    EXPECT(memcmp(again, record->bytes - RECORD_HEAD, used) == 0);
    free(again);
    expect_configuration(record); // whatever its type
    expect_super_packet(record);
    expect_status(record);
}

static size_t walk(uint8_t *bytes, size_t length) {
    size_t at = 0;
    size_t count = 0;
    while (at < length) {
        struct record record;
        size_t used = record_read(&record, bytes + at, length - at);
        if (used == 0)
            break;
        EXPECT(used <= length - at);
        EXPECT(record.bytes >= bytes + at && record.bytes + record.length == bytes + at + used);
        if (bytes[at] >> 4 == 4 || bytes[at] >> 4 == 6)
            expect_packet(&record, used);
        else
            expect_other(&record, used);
        at += used;
        count++;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    size_t cut = take8(&input);
    uint8_t *whole = exact_copy(input.at, input.left);
    size_t count = walk(whole, input.left);
    EXPECT(memcmp(whole, input.at, input.left) == 0 || input.left == 0);
    free(whole);
    // With less at its end it has no record more.
    size_t less = input.left - (cut < input.left ? cut : input.left);
    uint8_t *part = exact_copy(input.at, less);
    EXPECT(walk(part, less) <= count);
    free(part);
    return 0;
}
