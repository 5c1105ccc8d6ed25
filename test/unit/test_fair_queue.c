// SPDX-License-Identifier: ISC
// The fair queue: what goes in comes out, flows, and their turns.
#include "fair_queue_lab.h"

// ---- What goes in comes out.

static void check_length(size_t length, size_t head_length) {
    uint8_t head[QUEUE_HEAD_MAX];
    test_row("%lu bytes, head %lu", (unsigned long)length, (unsigned long)head_length);
    test_random_bytes(head, sizeof head);
    uint8_t *copy = test_copy(packet, length);
    uint8_t *head_copy = test_copy(head, head_length);
    fair_queue_push_headed(&queue, head_copy, head_length, copy, length, 5);
    free(copy);
    free(head_copy);
    CHECK_INT(fair_queue_next(&queue), head_length + length);
    CHECK_INT(queue.bytes, head_length + length);
    uint8_t *exact = test_copy(out, head_length + length);
    CHECK_INT(fair_queue_take(&queue, exact), head_length + length);
    if (test_difference(exact, head, head_length) < head_length ||
        test_difference(exact + head_length, packet, length) < length)
        test_fail(__FILE__, __LINE__, "other bytes came out");
    free(exact);
    CHECK_INT(queue.count, 0);
    CHECK_INT(queue.cells.free_count, QUEUE_CELLS);
}

static void all_lengths(void) {
    start();
    test_random_bytes(packet, sizeof packet);
    for (size_t length = 1; length <= IP_PACKET_MAX && !test_state.failed; length++) {
        bool at_an_edge = (length + QUEUE_HEAD_MAX) % QUEUE_CELL <= 2 || length > 65500;
        if (length < 1600 || at_an_edge)
            check_length(length, 0);
        if (length < 600 || at_an_edge)
            check_length(length, length % (QUEUE_HEAD_MAX + 1));
    }
    CHECK_WHOLE(&queue);
    CHECK_INT(queue.refused, 0);
}

static void refused_lengths(void) {
    uint8_t head[QUEUE_HEAD_MAX + 1] = {0};
    start();
    push(1, 7, 64, 0);
    fair_queue_push(&queue, packet, 0, 0);
    fair_queue_push(&queue, packet, IP_PACKET_MAX + 1, 0);
    fair_queue_push_headed(&queue, head, QUEUE_HEAD_MAX + 1, packet, 64, 0);
    fair_queue_push_headed(&queue, head, QUEUE_HEAD_MAX, packet, 0, 0);
    CHECK_INT(queue.refused, 4);
    CHECK_INT(queue.count, 1);
    CHECK_INT(take(), 64);
    CHECK_INT(number_out(), 7);
    CHECK_INT(take(), 0);
    CHECK_WHOLE(&queue);
}

static void nothing_there(void) {
    start();
    CHECK_INT(fair_queue_next(&queue), 0);
    CHECK_INT(fair_queue_take(&queue, out), 0);
    push(1, 1, 64, 0);
    CHECK_INT(fair_queue_take(&queue, out), 0); // not chosen yet
    CHECK_INT(fair_queue_next(&queue), 64);
    CHECK_INT(fair_queue_next(&queue), 64);
    CHECK_INT(fair_queue_take(&queue, out), 64);
    CHECK_INT(fair_queue_take(&queue, out), 0);
    CHECK_WHOLE(&queue);
}

static void clearing(void) {
    start();
    for (uint16_t i = 0; i < 3000; i++) push(i % 100, i, 64 + i, 0);
    CHECK(fair_queue_next(&queue) > 0);
    uint64_t dropped = queue.dropped_full;
    CHECK(dropped > 0);
    fair_queue_clear(&queue);
    CHECK_WHOLE(&queue);
    CHECK_INT(queue.count, 0);
    CHECK_INT(queue.bytes, 0);
    CHECK_INT(queue.cells.free_count, QUEUE_CELLS);
    CHECK_INT(queue.dropped_full, dropped);
    CHECK_INT(fair_queue_take(&queue, out), 0);
    CHECK_INT(fair_queue_next(&queue), 0);
    push(1, 5, 64, 0);
    CHECK_INT(take(), 64);
    CHECK_INT(number_out(), 5);
}

// ---- Flows.

// The queue that a packet waits in.
static uint16_t flow_of_spec(const struct packet_spec *spec) {
    static const uint8_t payload[64];
    struct packet_spec with_payload = *spec;
    with_payload.payload = payload;
    with_payload.payload_length = sizeof payload;
    start();
    fair_queue_push(&queue, packet, packet_make(packet, &with_payload), 0);
    return queue.new_flows.first;
}

static void flow_keys(void) {
    const struct packet_spec tcp = {.protocol = PACKET_TCP,
                                    .source = ADDRESS(10, 0, 0, 1),
                                    .destination = ADDRESS(198, 51, 100, 9),
                                    .source_port = 40000,
                                    .destination_port = 443};
    uint16_t flow = flow_of_spec(&tcp);
    struct packet_spec other = tcp;
    other.tcp_flags = 0x18, other.id = 77, other.ttl = 9, other.tcp_options = 12;
    other.ip_options = 8, other.fragment = 0x4000; // don't fragment
    CHECK_INT(flow_of_spec(&other), flow);
    other = tcp, other.source++;
    CHECK(flow_of_spec(&other) != flow);
    other = tcp, other.destination++;
    CHECK(flow_of_spec(&other) != flow);
    other = tcp, other.source_port++;
    CHECK(flow_of_spec(&other) != flow);
    other = tcp, other.destination_port++;
    CHECK(flow_of_spec(&other) != flow);
    other = tcp, other.protocol = PACKET_UDP;
    CHECK(flow_of_spec(&other) != flow);
    other = tcp, other.source = tcp.destination, other.destination = tcp.source;
    CHECK(flow_of_spec(&other) != flow);
}

// All fragments of a datagram, whatever stands where the ports would be; and what has no ports.
static void flows_without_ports(void) {
    struct packet_spec first = {.protocol = PACKET_UDP,
                                .source = 1,
                                .destination = 2,
                                .source_port = 3,
                                .destination_port = 4,
                                .fragment = 0x2000};
    struct packet_spec later = first;
    later.source_port = 99, later.fragment = 0x0017;
    struct packet_spec middle = first;
    middle.destination_port = 99, middle.fragment = 0x2017;
    uint16_t flow = flow_of_spec(&first);
    CHECK_INT(flow_of_spec(&later), flow);
    CHECK_INT(flow_of_spec(&middle), flow);
    struct packet_spec whole = first;
    whole.fragment = 0;
    CHECK(flow_of_spec(&whole) != flow);
    struct packet_spec ping = {
        .protocol = PACKET_ICMP, .source = 1, .destination = 2, .source_port = 3, .icmp_type = 8};
    struct packet_spec another = ping;
    another.source_port = 4;
    CHECK_INT(flow_of_spec(&another), flow_of_spec(&ping));
}

// 2000 connections over 1024 queues: none has many; and another key spreads them in another way.
static void spread(void) {
    unsigned in_queue[QUEUE_FLOWS] = {0};
    unsigned moved = 0;
    struct siphash_key other_key = {1, 2};
    for (uint16_t port = 0; port < 2000; port++) {
        uint16_t flow = flow_of_port(port);
        in_queue[flow]++;
        fair_queue_init(&queue, &other_key);
        push(port, 0, 64, 0);
        moved += queue.new_flows.first != flow;
    }
    for (size_t i = 0; i < QUEUE_FLOWS; i++) CHECK(in_queue[i] <= 12);
    CHECK(moved > 1950);
}

// Whatever is no IPv4 packet, or one that is cut off anywhere, is carried as it is.
static void malformed(void) {
    uint8_t bytes[80];
    start();
    for (int round = 0; round < 20000 && !test_state.failed; round++) {
        size_t length = 1 + test_below(sizeof bytes);
        test_row("round %d", round);
        test_random_bytes(bytes, length);
        if (round % 2 == 0)
            bytes[0] = (uint8_t)(0x40 | test_below(16));
        if (round % 4 == 0 && length > 9)
            bytes[9] = round % 8 == 0 ? PACKET_TCP : PACKET_UDP;
        if (round % 4 == 0 && length > 7)
            bytes[6] = bytes[7] = 0;
        uint8_t *copy = test_copy(bytes, length);
        fair_queue_push(&queue, copy, length, round);
        free(copy);
        CHECK_INT(take(), length);
        CHECK_BYTES(out, bytes, length);
    }
    CHECK_WHOLE(&queue);
}

// ---- Turns.

static void fifo_in_a_flow(void) {
    uint32_t pushed[50] = {0};
    uint32_t taken[50] = {0};
    uint16_t ports[50];
    find_ports(ports, 50);
    for (int step = 0; step < 100000; step++) {
        uint32_t n = test_below(50);
        if (test_below(2) == 0 || queue.count > 300) {
            if (take() == 0)
                continue;
            for (n = 0; ports[n] != port_out(); n++)
                ;
            CHECK_INT(number_out(), taken[n]);
            taken[n]++;
        } else {
            push(ports[n], pushed[n]++, 36 + test_below(1465), 0);
        }
    }
    CHECK_INT(queue.dropped_late + queue.dropped_full + queue.marked, 0);
    CHECK_WHOLE(&queue);
}

// Keeps `count` flows backlogged, each with packets of its own size, while `bytes` in all leave.
static void share(const uint16_t *ports, const size_t *sizes, size_t count, double *got,
                  double bytes) {
    static size_t number_of[65536];
    for (size_t i = 0; i < count; i++) {
        got[i] = 0;
        number_of[ports[i]] = i;
        for (int n = 0; n < 3; n++) push(ports[i], 0, sizes[i], 0);
    }
    while (bytes > 0) {
        size_t length = take();
        size_t i = number_of[port_out()];
        CHECK_INT(length, sizes[i]);
        got[i] += (double)length;
        bytes -= (double)length;
        push(ports[i], 0, sizes[i], 0);
    }
    CHECK_INT(queue.dropped_full, 0);
}

// Jain's index of fairness: 1 where all have the same, 1 / n where one has everything.
static double jain(const double *got, size_t count) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        sum += got[i];
        squares += got[i] * got[i];
    }
    return sum * sum / ((double)count * squares);
}

static void equal_shares(void) {
    static uint16_t ports[200];
    static size_t sizes[200];
    static double got[200];
    static const size_t counts[] = {2, 3, 10, 50, 200};
    find_ports(ports, 200);
    for (size_t c = 0; c < COUNT(counts) && !test_state.failed; c++) {
        size_t count = counts[c];
        test_row("%lu flows", (unsigned long)count);
        start();
        for (size_t i = 0; i < count; i++) sizes[i] = i % 2 == 0 ? 1500 : 36 + test_below(1465);
        share(ports, sizes, count, got, (double)count * 100000);
        if (jain(got, count) < 0.99)
            test_fail(__FILE__, __LINE__, "the index is %d thousandths",
                      (int)(jain(got, count) * 1000));
    }
}

// Super-packets share with small ones, too.
static void shares_of_large_packets(void) {
    const size_t sizes[] = {65535, 64, 1500};
    uint16_t ports[3];
    double got[3];
    find_ports(ports, 3);
    share(ports, sizes, 3, got, 20e6);
    CHECK(jain(got, 3) > 0.999);
}

// A burst and a keystroke behind it: the keystroke is next, however much waits, and also when
// another packet was chosen, but did not fit yet.
static void sparse_first(void) {
    uint16_t ports[4];
    find_ports(ports, 4);
    queue.limit = 4 * QUEUE_BYTES;
    for (uint32_t n = 0; n < 300; n++) push(ports[n % 2], n, 1500, 0);
    CHECK_INT(take(), 1500);
    CHECK_INT(take(), 1500);
    for (int round = 0; round < 50; round++) {
        CHECK_INT(fair_queue_next(&queue), 1500);
        CHECK(!fair_queue_has_small(&queue, 1499) && fair_queue_has_small(&queue, 1500));
        push(ports[2], 1, 100, 0);
        push(ports[3], 1, 200, 0);
        CHECK(!fair_queue_has_small(&queue, 99) && fair_queue_has_small(&queue, 100));
        CHECK_INT(fair_queue_next(&queue), 100);
        CHECK(!fair_queue_has_small(&queue, 99) && fair_queue_has_small(&queue, 100));
        CHECK_INT(take(), 100);
        CHECK(!fair_queue_has_small(&queue, 199) && fair_queue_has_small(&queue, 200));
        CHECK_INT(take(), 200);
        for (int n = 0; n < 4; n++) CHECK_INT(take(), 1500);
    }
    CHECK_WHOLE(&queue);
}

// New flows take turns as well: each gets a quantum before it is an old one.
static void turns_of_new_flows(void) {
    uint16_t ports[2];
    find_ports(ports, 2);
    for (uint32_t n = 0; n < 4; n++) {
        push(ports[0], n, QUEUE_QUANTUM / 2, 0);
        push(ports[1], n, QUEUE_QUANTUM / 2, 0);
    }
    for (int n = 0; n < 8; n++) {
        CHECK_INT(take(), QUEUE_QUANTUM / 2);
        CHECK_INT(port_out(), ports[n / 2 % 2]); // two packets make a quantum
    }
}

// A new flow that has sent all it had waits for a turn of the old ones before it is new again.
static void not_new_at_once(void) {
    static const unsigned turns[] = {0, 0, 1, 0, 0, 1}; // whose it is, each time
    uint16_t ports[2];
    find_ports(ports, 2);
    for (uint32_t n = 0; n < 10; n++) push(ports[0], n, QUEUE_QUANTUM / 2, 0);
    for (size_t n = 0; n < COUNT(turns); n++) {
        test_row("turn %lu", (unsigned long)n);
        if (n == 2 || n == 3) {
            (void)fair_queue_next(&queue); // sees that the other has sent all
            push(ports[1], 0, 100, 0);
        }
        CHECK(take() > 0);
        CHECK_INT(port_out(), ports[turns[n]]);
    }
}

// A flow cannot stay new by never having more than one packet waiting: it gets its share and no
// more, whether its next packet comes at once, or when the queue has forgotten it.
static void no_gain_by_being_new(void) {
    uint16_t ports[2];
    find_ports(ports, 2);
    uint16_t flow = flow_of_port(ports[1]);
    for (int forgotten = 0; forgotten < 2; forgotten++) {
        double got[2] = {0, 0};
        start();
        for (uint32_t n = 0; n < 300; n++) push(ports[0], n, 1500, 0);
        for (int n = 0; n < 500; n++) {
            if (queue.flows[flow].first == NO_CELL && !(forgotten && queue.flows[flow].is_listed))
                push(ports[1], 0, 1500, 0);
            size_t length = take();
            got[port_out() == ports[1]] += (double)length;
            if (port_out() == ports[0])
                push(ports[0], 0, 1500, 0);
        }
        CHECK(got[1] <= got[0] * 1.02);
        CHECK(got[1] > got[0] * (forgotten ? 0.5 : 0.98));
    }
}

int main(void) {
    TEST("packets come out as they went in, with their heads, at every edge of a cell and up to "
         "65535",
         all_lengths);
    TEST("what has no length that a packet has is refused", refused_lengths);
    TEST("an empty queue has nothing, and only what was chosen can be taken", nothing_there);
    TEST("a cleared queue is empty and works", clearing);
    TEST("a flow is protocol, addresses and ports, and nothing else", flow_keys);
    TEST("fragments stay together, and what has no ports", flows_without_ports);
    TEST("flows are spread over the queues, by a key", spread);
    TEST("what is no packet, or cut off anywhere, is carried as it is", malformed);
    TEST("packets of a flow leave in the order in which they came", fifo_in_a_flow);
    TEST("flows share by bytes, whatever the sizes of their packets", equal_shares);
    TEST("packets of 64 KiB share with those of 64 bytes", shares_of_large_packets);
    TEST("a sparse flow overtakes a backlog, and what was chosen from it", sparse_first);
    TEST("new flows take turns as well", turns_of_new_flows);
    TEST("a flow that has sent all is not new again at once", not_new_at_once);
    TEST("a flow that always has one packet gets its share and no more", no_gain_by_being_new);
    return test_end();
}
