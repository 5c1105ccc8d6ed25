// SPDX-License-Identifier: ISC
// A fair queue with packets that are known by port and number, for its tests.
#ifndef TETHER_TEST_UNIT_FAIR_QUEUE_LAB_H
#define TETHER_TEST_UNIT_FAIR_QUEUE_LAB_H

#include "queue/fair_queue.h"

#include "fair_queue_check.h"
#include "packets.h"
#include "test.h"

#define CHECK_WHOLE(queue)                                                                         \
    do {                                                                                           \
        const char *wrong_ = fair_queue_wrong(queue);                                              \
        if (wrong_ != NULL) {                                                                      \
            test_fail(__FILE__, __LINE__, "not so: %s", wrong_);                                   \
            return;                                                                                \
        }                                                                                          \
    } while (0)

static struct fair_queue queue;
static uint8_t packet[IP_PACKET_MAX + 1];
static uint8_t out[QUEUE_HEAD_MAX + IP_PACKET_MAX];

static const struct siphash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

static inline void start(void) { fair_queue_init(&queue, &key); }

// A UDP packet of `length` bytes, at least 36: its flow goes by `port`, and its payload begins with
// `number`.
static inline void make_packet(uint16_t port, uint32_t number, size_t length) {
    uint8_t payload[8] = {0};
    struct packet_spec spec = {.protocol = PACKET_UDP,
                               .source = ADDRESS(10, 0, 0, 1),
                               .destination = ADDRESS(198, 51, 100, 9),
                               .source_port = port,
                               .destination_port = 443,
                               .no_checksum = true,
                               .payload = payload,
                               .payload_length = sizeof payload};
    packet_put32(payload, number);
    packet_make(packet, &spec);
    packet_put16(packet + 2, (uint32_t)length);
    packet_fill_header_checksum(packet);
}

static inline void push(uint16_t port, uint32_t number, size_t length, int64_t now_us) {
    make_packet(port, number, length);
    fair_queue_push(&queue, packet, length, now_us);
}

static inline uint16_t port_out(void) { return packet_get16(out + 20); }

static inline uint32_t number_out(void) { return packet_get32(out + 28); }

// Takes the next packet to `out`. Returns its length, or 0.
static inline size_t take(void) {
    size_t length = fair_queue_next(&queue);
    return fair_queue_take(&queue, out) == length ? length : SIZE_MAX;
}

// The queue that a port's packets wait in.
static inline uint16_t flow_of_port(uint16_t port) {
    start();
    push(port, 0, 64, 0);
    return queue.new_flows.first;
}

// The first `count` ports whose packets wait in different queues.
static inline void find_ports(uint16_t *ports, size_t count) {
    static bool used[QUEUE_FLOWS];
    uint16_t port = 1000;
    memset(used, 0, sizeof used);
    for (size_t i = 0; i < count; port++) {
        uint16_t flow = flow_of_port(port);
        if (!used[flow])
            ports[i++] = port;
        used[flow] = true;
    }
    start();
}

#endif
