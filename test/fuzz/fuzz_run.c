// SPDX-License-Identifier: ISC
// Segments that are put together when they are taken out of the queue. The input is commands:
//
//   bits 0-1   the connection
//   0x04       a super-packet, of segments of the next byte's length and one
//   0x08       it pushes
//   0x10       it is changed: a place, and bits; with 0x20 its checksums are made right again
//   0x40       takes, at most so many bytes (2)
//   0x80       the sequence number goes back
//
// A packet's length comes behind (2). All that is taken is whole records, and they hold the payload
// that was put in, byte for byte, each connection's in its order where nothing was changed.
#include "../unit/packets.h"
#include "fuzz.h"
#include "tunnel/mode.h"

#define CONNECTIONS 4
#define HEADERS     40
#define MOST        4000

static struct tunnel_link end;
static uint8_t payload[MOST];
static uint64_t in_bytes, in_sum, out_bytes, out_sum;

// The payload of TCP; all of what is none.
static void count(uint8_t *bytes, size_t length, uint64_t *total, uint64_t *sum) {
    struct ip_packet p;
    bool is_tcp = ip_parse(&p, bytes, length) == IP_GOOD && p.protocol == IP_TCP &&
                  p.has_transport && p.length == length && p.header_length == IP_HEADER_MIN;
    size_t from = is_tcp ? ip_header_sizes(&p) : 0;
    *total += length - from;
    for (size_t i = from; i < length; i++) *sum += bytes[i];
}

static void push(struct input *input, uint8_t command, uint32_t *sequences) {
    static uint8_t packet[HEADERS + MOST];
    uint8_t head[SUPER_PACKET_HEAD];
    uint32_t *sequence = &sequences[command % CONNECTIONS];
    size_t size = command & 0x04 ? 1 + (size_t)take8(input) : 0;
    struct packet_spec spec = {.protocol = PACKET_TCP,
                               .source = ADDRESS(10, 0, 0, 1),
                               .destination = ADDRESS(198, 51, 100, 9),
                               .source_port = command % CONNECTIONS,
                               .destination_port = 443,
                               .tcp_flags = command & 0x08 ? 0x18 : 0x10,
                               .fragment = 0x4000,
                               .payload = payload,
                               .payload_length = take16(input) % MOST};
    if (size > 0 && spec.payload_length <= size)
        spec.payload_length = size + 1;
    *sequence -= command & 0x80 ? 100 : 0;
    spec.sequence = *sequence;
    *sequence += (uint32_t)spec.payload_length;
    size_t length = packet_make(packet, &spec);
    if (command & 0x10) {
        size_t place = 1 + take8(input) % (length - 1); // it stays IPv4
        packet[place] ^= place == 2 || place == 3 ? 0 : take8(input);
        if (command & 0x20) {
            packet_fill_header_checksum(packet);
            packet_fill_checksum(packet, length);
        }
    }
    if (size > 0)
        packet_fill_partial_checksum(packet, length);
    count(packet, length, &in_bytes, &in_sum);
    if (size > 0) {
        super_packet_head_write(head, length, (uint16_t)size);
        fair_queue_push_headed(&end.queue, head, sizeof head, packet, length, 0);
    } else {
        fair_queue_push(&end.queue, packet, length, 0);
    }
}

static void take(size_t most) {
    size_t first = fair_queue_next(&end.queue);
    size_t room = first > most ? first : most;
    if (first == 0)
        return;
    uint8_t *out = malloc(room);
    EXPECT(out != NULL);
    bool hurries;
    size_t length = tunnel_take_packets(&end, out, room, true, &hurries);
    EXPECT(length > 0 && length <= room);
    for (size_t at = 0, used; at < length; at += used) {
        struct record record;
        used = record_read(&record, out + at, length - at);
        EXPECT(used > 0);
        size_t head = record.type == RECORD_SUPER_PACKET ? 2 : 0;
        count(record.bytes + head, record.length - head, &out_bytes, &out_sum);
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct siphash_key key = {1, 2};
    struct input input = {data, size};
    uint32_t sequences[CONNECTIONS] = {0, 1000000000, 2000000000, 0xffffff00};
    in_bytes = in_sum = out_bytes = out_sum = 0;
    for (size_t i = 0; i < MOST; i++) payload[i] = (uint8_t)(i * 7);
    tunnel_link_init(&end, NULL, &key, 0);
    end.queue.limit = QUEUE_BYTES;
    while (input.left > 0 && end.queue.bytes < QUEUE_BYTES / 4) {
        uint8_t command = take8(&input);
        if (command & 0x40)
            take(take16(&input));
        else
            push(&input, command, sequences);
    }
    while (end.queue.count > 0) take(3000);
    EXPECT(end.queue.dropped_late + end.queue.dropped_full + end.queue.thinned +
                   end.queue.repeated >
               0 ||
           (in_bytes == out_bytes && in_sum == out_sum));
    return 0;
}
