// SPDX-License-Identifier: ISC
// A keyed link over a socket pair, for its tests: the test opens what comes, and acknowledges it.
#ifndef TETHER_TEST_UNIT_KEYED_LAB_H
#define TETHER_TEST_UNIT_KEYED_LAB_H

#include "link_lab.h"

#include "base/bytes.h"

static struct session *const near = &keys.current; // seals
static struct session far;                         // opens
static uint32_t newest;                            // counter of the last message that was opened

static inline void begin_session(void) {
    memset(&keys, 0, sizeof keys);
    memset(&far, 0, sizeof far);
    test_random_bytes(near->send_key, sizeof near->send_key);
    memcpy(far.receive_key, near->send_key, sizeof far.receive_key);
    session_begin(near, 1, 2, 0, clock_us / 1000);
    session_begin(&far, 2, 1, 0, clock_us / 1000);
}

static inline void queue_packet(size_t length, uint32_t number) {
    static uint8_t packet[IP_PACKET_MAX];
    make_packet(packet, length, number);
    tunnel_link_queue(&end, packet, length, clock_us);
}

// The next message at the peer, opened: its records. NULL where there is none.
static inline uint8_t *next_sealed(uint8_t opcode, size_t *length) {
    if (next_message() != opcode)
        return NULL;
    uint8_t *bytes = receiver.data;
    *length = receiver.length;
    if (!tunnel_decode(opcode, bytes, length) || *length < SEALED_OVERHEAD ||
        session_open(&far, bytes, *length) != SEALED_NEWEST) {
        test_fail(__FILE__, __LINE__, "a message that does not open");
        return NULL;
    }
    newest = get_be32(bytes + 9);
    *length -= SEALED_OVERHEAD;
    return bytes + SEALED_HEAD;
}

static inline void acknowledge(uint32_t index, uint32_t counter) {
    uint8_t body[ACKNOWLEDGEMENT_BYTES] = {0};
    struct record record = {RECORD_ACKNOWLEDGEMENT, body, sizeof body};
    put_be32(body, index);
    put_be32(body + 4, counter);
    tunnel_link_acknowledged(&end, &record, clock_us);
    tunnel_link_pump(&end, clock_us);
}

// All that was opened so far is acknowledged, after a moment.
static inline void acknowledge_newest(void) {
    clock_us += 100;
    acknowledge(2, newest);
}

// As after a while on a link that passes so many bytes in so much time, and always has some to do.
static inline void make_rate(size_t bytes, int64_t takes_us) {
    flow_init(&end.flow, clock_us);
    for (uint32_t i = 0; i < 300; i++) {
        flow_sent(&end.flow, 99, i, bytes, false, false, clock_us);
        if (i > 0) {
            const struct flow_report report = {.index = 99, .counter = i - 1};
            clock_us += takes_us;
            flow_acknowledged(&end.flow, &report, clock_us);
        }
    }
    flow_acknowledged(&end.flow, &(struct flow_report){.index = 99, .counter = 299}, clock_us);
}

// As on a fast path: messages may be as long as ever, and a million bytes be on their way.
static inline void make_fast(void) { make_rate(300000, 1000); }

#endif
