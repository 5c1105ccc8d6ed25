// SPDX-License-Identifier: ISC
// What the server does with each record of a laptop.
#include "../../src/server/records.c"

#include "base/bytes.h"
#include "packets.h"
#include "test.h"

static struct {
    int sent, flushed, flushed_before; // when the last packet came
    size_t length;
    uint16_t segment_size;
} seen;
static struct loop loop;
static struct log quiet;
static struct laptops laptops;
static struct laptop *const laptop = &laptops.places[0];
static const struct siphash_key queue_key = {1, 2};

void gateway_send(struct gateway *gateway, uint16_t number, uint8_t *bytes, size_t length,
                  const struct ip_offload *offload) {
    (void)gateway, (void)number, (void)bytes;
    seen.sent++;
    seen.flushed_before = seen.flushed;
    seen.length = length;
    seen.segment_size = offload != NULL ? offload->segment_size : 0;
}

void gateway_flush(struct gateway *gateway) {
    (void)gateway;
    seen.flushed++;
}

uint32_t gateway_mappings(const struct gateway *gateway, uint16_t number) {
    (void)gateway, (void)number;
    return 17;
}

static void start(void) {
    static struct session_keys keys;
    memset(&seen, 0, sizeof seen);
    loop.now_us = 1000000;
    loop.now_ms = 1000;
    laptops.loop = &loop;
    laptops.log = &quiet;
    ip_coalescer_init(&laptops.coalescer);
    laptop->laptops = &laptops;
    laptop->touched = false;
    tunnel_link_init(&laptop->link, &keys, &queue_key, loop.now_us);
}

static void hear(uint8_t type, const void *body, size_t length) {
    static uint8_t message[SEALED_HEAD + 100];
    size_t whole = record_write(message + SEALED_HEAD, type, body, length);
    laptop_hear_records(laptop, message + SEALED_HEAD, whole);
}

// Who is touched is sent to at once: acknowledgements open what is on its way, pings are answered.
static void turns(void) {
    static const uint8_t body[ACKNOWLEDGEMENT_BYTES] = {1, 2, 3};
    static const struct {
        uint8_t type;
        size_t length;
        bool is_touched;
        size_t answer; // bytes of records
    } cases[] = {
        {RECORD_ACKNOWLEDGEMENT, ACKNOWLEDGEMENT_BYTES, true, 0},
        {RECORD_PING, PING_BYTES, true, RECORD_HEAD + PING_BYTES + RECORD_HEAD + STATUS_BYTES},
        {RECORD_PONG, PING_BYTES, false, 0},
        {0x3f, 3, false, 0}, // of a later version
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("record %02x", cases[i].type);
        start();
        hear(cases[i].type, body, cases[i].length);
        CHECK_INT(laptop->touched, cases[i].is_touched);
        CHECK_INT(laptop->link.control_length, cases[i].answer);
        CHECK_INT(laptop->link.bad_message, 0);
    }
    CHECK_INT(laptop->reported_mappings, 17);
}

static size_t make_segment(uint8_t *out, uint32_t sequence, size_t length) {
    static const uint8_t payload[2000];
    const struct packet_spec spec = {
        .protocol = PACKET_TCP,
        .source = ADDRESS(100, 64, 0, 1),
        .destination = ADDRESS(198, 51, 100, 9),
        .source_port = 40000,
        .destination_port = 443,
        .fragment = 0x4000,
        .sequence = sequence,
        .tcp_flags = TCP_ACK,
        .payload = payload,
        .payload_length = length,
    };
    return packet_make(out, &spec);
}

static void packets(void) {
    static uint8_t message[SEALED_HEAD + 3000];
    uint8_t *records = message + SEALED_HEAD;
    start();
    size_t length = make_segment(records, 1, 1000);
    laptop_hear_records(laptop, records, length);
    CHECK(laptop->touched); // it is to be acknowledged
    CHECK_INT(seen.sent, 1);
    CHECK_INT(seen.length, length);
    CHECK_INT(seen.segment_size, 0);
    CHECK_INT(seen.flushed, 0);
    CHECK_INT(laptop->link.packets_received, 1);
    CHECK_INT(laptop->link.super_packets_received, 0);
    start();
    length = make_segment(records, 1, 1000);
    length += make_segment(records + length, 1001, 1000);
    laptop_hear_records(laptop, records, length);
    CHECK_INT(seen.sent, 1);
    CHECK_INT(seen.length, length - 40);
    CHECK_INT(seen.segment_size, 1000);
    CHECK_INT(seen.flushed, 1); // its bytes are the coalescer's
    CHECK_INT(seen.flushed_before, 0);
}

// What came before it goes first.
static void super_packets(void) {
    static uint8_t message[SEALED_HEAD + 4000];
    uint8_t *records = message + SEALED_HEAD;
    for (unsigned segment_size = 0; segment_size < 2000; segment_size += 1000) {
        test_row("segments of %u", segment_size);
        start();
        size_t first = make_segment(records, 1, 1000);
        size_t length = make_segment(records + first + SUPER_PACKET_HEAD, 5001, 2000);
        super_packet_head_write(records + first, length, (uint16_t)segment_size);
        packet_fill_partial_checksum(records + first + SUPER_PACKET_HEAD, length);
        laptop_hear_records(laptop, records, first + SUPER_PACKET_HEAD + length);
        CHECK(laptop->touched);
        CHECK_INT(seen.sent, segment_size > 0 ? 2 : 1);
        CHECK_INT(seen.length, segment_size > 0 ? length : first);
        CHECK_INT(seen.segment_size, segment_size);
        CHECK_INT(laptop->link.bad_message, segment_size == 0);
        CHECK_INT(laptop->link.packets_received, 2);
        CHECK_INT(laptop->link.super_packets_received, 1);
    }
}

int main(void) {
    TEST("after what opens the way, or asks for an answer, the laptop is sent to", turns);
    TEST("packets go to the NAT, segments together, and are to be acknowledged", packets);
    TEST("a super-packet goes to the NAT after what came before it", super_packets);
    return test_end();
}
