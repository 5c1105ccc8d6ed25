// SPDX-License-Identifier: ISC
// The messages of a link, and its flow control. The input is a message to a link, in both forms,
// and commands, each by the upper three bits of its first byte, with a number in two bytes, or
// four:
//
//   0x00  a message is sent, if there is room, of that length; starved where the lowest bit is set
//   0x20  a message is acknowledged: that far from the oldest, after a delay (4)
//   0x40  any acknowledgement: its length in the lower bits, then its body
//   0x60  time passes: microseconds, shifted by the lower bits; a timeout, where it is due
//   0x80  a message is received, of that length
//   0xa0  an acknowledgement is written
//   0xc0  the phone is lost
#include "fuzz.h"

#include "base/bytes.h"
#include "tunnel/link.h"

#define INDEX 2

static struct tunnel_link tether;
static struct session_keys keys;
static const struct siphash_key key = {1, 2};

static void try_message(uint8_t opcode, const uint8_t *bytes, size_t length) {
    uint64_t before = tether.packets_received + tether.bad_message;
    uint8_t *copy = exact_copy(bytes, length);
    size_t size = length;
    uint8_t *packet = tunnel_link_read(&tether, opcode, copy, &size);
    EXPECT(tether.packets_received + tether.bad_message == before + 1);
    if (packet != NULL) {
        EXPECT(size > 0 && size <= IP_PACKET_MAX && size <= length && packet == copy);
        EXPECT(packet[0] >> 4 == 4 || packet[0] >> 4 == 6);
        EXPECT(tether.text == (opcode == WS_TEXT));
        if (opcode == WS_BINARY)
            EXPECT(size == length && memcmp(packet, bytes, length) == 0);
    }
    free(copy);
}

static void hear(const uint8_t *body, size_t length, int64_t now_us) {
    uint8_t *copy = exact_copy(body, length);
    struct record record = {RECORD_ACKNOWLEDGEMENT, copy, length};
    uint64_t bad = tether.bad_message;
    tunnel_link_acknowledged(&tether, &record, now_us);
    EXPECT(tether.bad_message == bad + (length < ACKNOWLEDGEMENT_LEAST));
    free(copy);
}

// There is room, or will be.
static bool may_go_on(const struct flow *flow, int64_t now_us) {
    return flow_room(flow, now_us) > 0 || flow_opens_us(flow, now_us) < INT64_MAX;
}

// What is on its way is the counters below `next`, and they are acknowledged by their order.
static void hear_of(const struct flow *flow, uint32_t next, uint32_t which, uint32_t delay_us,
                    int64_t now_us) {
    uint8_t body[ACKNOWLEDGEMENT_BYTES];
    size_t count = flow->count;
    size_t room = flow_room(flow, now_us);
    if (count == 0)
        return;
    which %= (uint32_t)count;
    put_be32(body, INDEX);
    put_be32(body + 4, next - (uint32_t)count + which);
    put_be32(body + 8, delay_us);
    put_be32(body + 12, (uint32_t)now_us * (delay_us % 3)); // any time, or one that agrees
    hear(body, sizeof body, now_us);
    EXPECT(flow->count == count - which - 1);
    EXPECT(!flow->silence.is_silent);
    EXPECT(room > 0 || flow->count > 0 || may_go_on(flow, now_us));
}

static void expect_sense(const struct flow *flow, int64_t now_us) {
    size_t in_flight = flow_in_flight(flow);
    EXPECT(flow->count <= FLOW_MESSAGES);
    EXPECT((flow->count == 0) == (in_flight == 0));
    EXPECT(flow->count > 0 || may_go_on(flow, now_us));
    EXPECT(flow_opens_us(flow, now_us) > now_us);
    EXPECT(flow_room(flow, now_us) <= 64 * 1024 * 1024);
    EXPECT(flow->window >= 1 && flow->window <= 64 * 1024 * 1024);
    EXPECT(flow_rate(flow) >= 0 && flow_bare_us(flow) >= 0);
    EXPECT(flow_message_size(flow) > 0 && flow_message_size(flow) <= LINK_RECORDS);
    EXPECT((flow_due_us(flow) == INT64_MAX) == (flow->count == 0));
    EXPECT(flow->count == 0 || flow_due_us(flow) <= now_us + 60 * INT64_C(1000000));
    int64_t owed_us = flow_owed_us(&tether.receiver, flow_rate(flow));
    EXPECT((owed_us == INT64_MAX) == !tether.receiver.owes);
    EXPECT(!tether.receiver.owes || owed_us <= now_us + 1000000);
    EXPECT(tunnel_link_due_us(&tether, now_us) == INT64_MAX); // there is no phone
}

static void receive(struct input *input, int64_t now_us) {
    uint8_t head[SEALED_HEAD] = {MESSAGE_SEALED, [4] = INDEX};
    size_t length = take16(input);
    put_be32(head + 9, (uint32_t)length);
    tunnel_link_received(&tether, head, length, now_us);
    EXPECT(tether.receiver.owes && tether.receiver.counter == length &&
           tether.receiver.index == INDEX);
}

static void write_acknowledgement(int64_t now_us) {
    uint8_t body[ACKNOWLEDGEMENT_BYTES];
    if (!tether.receiver.owes)
        return;
    flow_acknowledge(&tether.receiver, body, now_us);
    EXPECT(!tether.receiver.owes && get_be32(body) == INDEX);
}

// Does what the command says. Returns the time after it.
static int64_t obey(struct input *input, uint32_t *next, int64_t now_us) {
    struct flow *flow = &tether.flow;
    uint8_t command = take8(input);
    uint8_t body[32];
    switch (command >> 5) {
    case 0:
        if (flow_room(flow, now_us) > 0)
            flow_sent(flow, INDEX, (*next)++, 1 + (size_t)take16(input), command & 1, false,
                      now_us);
        break;
    case 1: {
        uint32_t which = take16(input);
        hear_of(flow, *next, which, take32(input), now_us);
        break;
    }
    case 2:
        for (size_t i = 0; i < (command & 0x1f); i++) body[i] = take8(input);
        hear(body, command & 0x1f, now_us);
        break;
    case 3:
        now_us += (int64_t)take16(input) << (command & 0x1f);
        if (flow_due_us(flow) <= now_us)
            flow_timeout(flow, now_us);
        break;
    case 4: receive(input, now_us); break;
    case 5: write_acknowledgement(now_us); break;
    default:
        if (command != 0xc0) // for this one takes long
            break;
        tunnel_link_set_conn(&tether, NULL, now_us);
        EXPECT(flow->count == 0);
    }
    return now_us;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    uint32_t next = UINT32_MAX - 5; // it wraps around
    int64_t now_us = 0;
    tunnel_link_init(&tether, &keys, &key, now_us);
    try_message(WS_TEXT, data, size);
    try_message(WS_BINARY, data, size);
    while (input.left > 0) {
        now_us = obey(&input, &next, now_us);
        expect_sense(&tether.flow, now_us);
    }
    return 0;
}
