// SPDX-License-Identifier: ISC
// The fair queue against what must always hold: every cell is in one place, all sums are right, and
// packets come out as they went in but for a mark, and in their flow's order. The input is
// commands, each by the upper bits of its first byte:
//
//   0x00  a made packet: its flow is the command's lower bits; then the root of its length, and its
//         traffic class
//   0x40  a packet of the bytes that follow, their number first
//   0x80  takes some
//   0xc0  time passes: two to the lower four bits, times the next byte
//   0xd0  another rate
//   0xe0  clears
//   0xf0  a TCP segment of the connection of the lower bits; what it acknowledges is the next byte,
//         its sequence number and its data's length are from the one behind that
#include "fuzz.h"

#include "../unit/fair_queue_check.h"
#include "base/bytes.h"

// A made packet is known by its destination port, and filled with what follows from flow and
// number.
#define FLOWS      64
#define MADE       0xabcd
#define MADE_LEAST 28 // an IP header, ports, and a number
#define HEAD       "0123456789abcdef"

struct model {
    uint32_t pushed[FLOWS];
    uint32_t taken[FLOWS]; // number of the last, + 1
    uint64_t out;
    uint64_t cleared;
    int64_t now_us;
};

static struct fair_queue queue;
static uint8_t packet[IP_PACKET_MAX];
static uint8_t out[QUEUE_HEAD_MAX + IP_PACKET_MAX];

static void make_packet(uint8_t flow, uint32_t number, uint8_t traffic_class, size_t length) {
    for (size_t i = 0; i < length; i++) packet[i] = (uint8_t)(number * 131 + i * 7 + (i >> 8));
    memset(packet, 0, MADE_LEAST);
    packet[0] = 0x45;
    packet[1] = traffic_class;
    packet[9] = 17;
    put_be16(packet + 20, flow);
    put_be16(packet + 22, MADE);
    put_be32(packet + 24, number);
}

static void push_made(struct model *model, struct input *input, uint8_t flow) {
    size_t root = take8(input);
    uint8_t traffic_class = take8(input);
    size_t length = MADE_LEAST + root * root;
    if (length > IP_PACKET_MAX)
        length = IP_PACKET_MAX;
    make_packet(flow, model->pushed[flow]++, traffic_class, length);
    fair_queue_push_headed(&queue, (const uint8_t *)HEAD, flow % 17, packet, length, model->now_us);
}

// Whether this is a made packet; then `head` is what stands before it.
static bool is_made(const uint8_t *bytes, size_t length, size_t *head) {
    size_t at = 0;
    while (at < length && at < 16 && bytes[at] == (uint8_t)HEAD[at]) at++;
    *head = at;
    return length - at >= MADE_LEAST && bytes[at] == 0x45 && get_be16(bytes + at + 22) == MADE;
}

static void push_raw(struct model *model, struct input *input) {
    const uint8_t *bytes;
    size_t head;
    size_t length = take_bytes(input, &bytes, take8(input));
    uint64_t refused = queue.refused;
    if (is_made(bytes, length, &head))
        return; // it only looks so
    uint8_t *copy = exact_copy(bytes, length);
    fair_queue_push(&queue, copy, length, model->now_us);
    EXPECT(queue.refused - refused == (length == 0));
    free(copy);
}

static void push_segment(struct model *model, struct input *input, uint8_t connection) {
    uint8_t segment[40 + 60] = {0x45};
    segment[9] = 6;
    segment[20] = connection;
    segment[31] = take8(input);
    segment[27] = take8(input);
    segment[32] = 0x50;
    segment[33] = 0x10;
    size_t data = segment[27] % 4 * (size_t)20;
    segment[27] &= 0xfc;
    fair_queue_push(&queue, segment, 40 + data, model->now_us);
}

static void check_made(struct model *model, uint8_t *bytes, size_t length, size_t head) {
    uint16_t flow = get_be16(bytes + 20);
    uint32_t number = get_be32(bytes + 24);
    EXPECT(flow < FLOWS && number < model->pushed[flow] && number >= model->taken[flow]);
    EXPECT(head == flow % 17);
    model->taken[flow] = number + 1;
    make_packet((uint8_t)flow, number, bytes[1], length);
    bytes[10] = bytes[11] = 0; // a mark changes the checksum, right or wrong
    EXPECT(memcmp(bytes, packet, length) == 0);
}

static void take_some(struct model *model, unsigned count) {
    while (count-- > 0) {
        size_t head;
        size_t length = fair_queue_next(&queue);
        EXPECT(length <= sizeof out && length == fair_queue_next(&queue));
        EXPECT((length == 0) == (queue.count == 0));
        EXPECT(fair_queue_take(&queue, out) == length);
        EXPECT(fair_queue_take(&queue, out) == 0);
        if (length == 0)
            return;
        model->out++;
        if (is_made(out, length, &head))
            check_made(model, out + head, length - head, head);
    }
}

static void run_command(struct model *model, struct input *input) {
    uint8_t command = take8(input);
    uint8_t low = command & 0x0f;
    if (command < 0x40) {
        push_made(model, input, command);
    } else if (command < 0x80) {
        push_raw(model, input);
    } else if (command < 0xc0) {
        take_some(model, command & 0x3f);
    } else if (command < 0xd0) {
        model->now_us += (int64_t)take8(input) << (low < 15 ? low : 40);
    } else if (command < 0xe0) {
        fair_queue_set_rate(&queue, low == 0 ? 0 : UINT64_C(1) << (4 * low));
    } else if (command < 0xf0) {
        model->cleared += queue.count;
        fair_queue_clear(&queue);
    } else {
        push_segment(model, input, low);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct siphash_key key = {1, 2};
    struct input input = {data, size};
    struct model model = {.now_us = 0};
    fair_queue_init(&queue, &key);
    for (unsigned n = 0; input.left > 0; n++) {
        run_command(&model, &input);
        EXPECT(queue.pushed_packets == model.out + model.cleared + queue.count +
                                           queue.dropped_late + queue.dropped_full + queue.thinned +
                                           queue.repeated);
        if (n % 64 == 0)
            EXPECT(fair_queue_wrong(&queue) == NULL);
    }
    EXPECT(fair_queue_wrong(&queue) == NULL);
    while (queue.count > 0) take_some(&model, 1);
    EXPECT(queue.bytes == 0 && queue.cells.free_count == QUEUE_CELLS);
    return 0;
}
