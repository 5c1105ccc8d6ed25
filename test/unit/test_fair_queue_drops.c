// SPDX-License-Identifier: ISC
// The fair queue: who makes room, who is told to slow down, and who is marked instead.
#include "fair_queue_lab.h"

// ---- Room.

// Cells of a packet, and how many packets of a size the whole queue holds.
static size_t cells_of(size_t length) { return (16 + length + 255) / 256; }

static size_t whole_queue_of(size_t length) { return QUEUE_CELLS / cells_of(length); }

// What one flow has too much is its own loss, and the others find room.
static void fattest_goes(void) {
    uint16_t ports[2];
    uint32_t next[2] = {0, 0};
    find_ports(ports, 2);
    for (uint32_t n = 0; n < 2 * (uint32_t)whole_queue_of(1500); n++) push(ports[0], n, 1500, 0);
    CHECK(queue.cells.free_count >= QUEUE_CELLS / 2);
    for (uint32_t n = 0; n < 10; n++) push(ports[1], n, 1500, 0);
    CHECK_WHOLE(&queue);
    CHECK_INT(queue.dropped_full, 0);
    next[0] = (uint32_t)queue.dropped_late;
    while (take() > 0) {
        int which = port_out() == ports[1];
        CHECK_INT(number_out(), next[which]++);
    }
    CHECK_INT(next[0], 2 * whole_queue_of(1500));
    CHECK_INT(next[1], 10);
}

// Flows that hold little each, and together all there is: what a newcomer costs the largest.
static void batches(void) {
    uint16_t ports[12];
    uint32_t held[12];
    find_ports(ports, 12);
    for (int f = 0; f < 12; f++) {
        held[f] = f == 7 ? 370 : f < 11 ? 360 : QUEUE_CELLS - 370 - 10 * 360;
        for (uint32_t n = 0; n < held[f]; n++) push(ports[f], n, 36, 0);
    }
    CHECK_INT(queue.dropped_full + queue.dropped_late, 0);
    CHECK_INT(queue.cells.free_count, 0);
    push(ports[11], held[11]++, 36, 0);
    CHECK_WHOLE(&queue);
    CHECK_INT(queue.dropped_full, 64);
    while (take() > 0)
        for (int f = 0; f < 12; f++) held[f] -= port_out() == ports[f];
    for (int f = 0; f < 12; f++) CHECK_INT(held[f], f == 7 ? 64 : 0);
}

// Half of what a flow holds at most: with many that hold little, each newcomer costs little.
static void small_batches(void) {
    static uint16_t ports[512];
    uint64_t worst = 0;
    find_ports(ports, 512);
    for (uint32_t n = 0; n < QUEUE_CELLS; n++) push(ports[n % 512], n, 100, 0);
    CHECK_INT(queue.dropped_full, 0);
    for (uint32_t n = 0; n < 10000; n++) {
        uint64_t before = queue.dropped_full;
        push(ports[test_below(512)], n, 100, 0);
        if (queue.dropped_full - before > worst)
            worst = queue.dropped_full - before;
    }
    CHECK_WHOLE(&queue);
    CHECK(worst <= QUEUE_CELLS / 512); // a flow holds about eight
    CHECK(queue.count > QUEUE_CELLS - 16);
}

// Tiny packets count for the cells that they take, not for their bytes.
static void tiny_packets(void) {
    static uint16_t ports[20];
    find_ports(ports, 20);
    for (uint32_t n = 0; n < 8; n++) push(ports[0], n, 1500, 0);
    for (uint32_t n = 0; n < 10000; n++)
        push(ports[1 + n % 19], n, 36, 0); // at most 4048 cells, 146 000 bytes
    CHECK_WHOLE(&queue);
    for (uint32_t n = 0; take() > 0;)
        if (port_out() == ports[0])
            CHECK_INT(number_out(), n++);
    CHECK(queue.dropped_full > 5000 && queue.dropped_full < 10000);
}

// The largest packets fit whatever waits, and whoever holds it.
static void largest_packets(void) {
    static uint16_t ports[300];
    find_ports(ports, 300);
    for (int round = 0; round < 40; round++) {
        for (uint32_t n = 0; n < 5000; n++)
            push(ports[test_below(300)], n, 36 + test_below(300), 0);
        for (uint32_t n = 0; n < 1 + (uint32_t)round; n++) {
            uint64_t pushed = queue.pushed_packets;
            push(ports[test_below(300)], n, 65535, 0);
            CHECK_INT(queue.pushed_packets, pushed + 1);
            CHECK_WHOLE(&queue);
        }
    }
    size_t taken = queue.count;
    for (size_t n = 0; n < taken; n++) CHECK(take() > 0);
    CHECK_INT(take(), 0);
    CHECK_INT(queue.cells.free_count, QUEUE_CELLS);
}

// ---- Slowing down.

#define SEGMENT 1000 // payload bytes

// A TCP segment that begins there.
static void push_segment(uint16_t port, uint32_t sequence, uint8_t ecn) {
    static const uint8_t payload[SEGMENT];
    struct packet_spec spec = {.protocol = PACKET_TCP,
                               .source = ADDRESS(10, 0, 0, 1),
                               .destination = ADDRESS(198, 51, 100, 9),
                               .source_port = port,
                               .destination_port = 443,
                               .tcp_flags = 0x10,
                               .sequence = sequence,
                               .payload = payload,
                               .payload_length = sizeof payload};
    size_t length = packet_make(packet, &spec);
    packet[1] = ecn;
    packet_fill_header_checksum(packet);
    fair_queue_push(&queue, packet, length, 0);
}

static void push_segments(uint16_t port, uint32_t from, uint32_t to, uint8_t ecn) {
    for (uint32_t n = from; n < to; n++) push_segment(port, n * SEGMENT, ecn);
}

static uint32_t segment_out(void) { return packet_get32(out + 24) / SEGMENT; }

// Bytes that may wait of a TCP flow on links of these rates.
static const struct {
    uint64_t rate;
    size_t limit;
} limits[] = {
    {0, QUEUE_BYTES / 2}, // not known
    {1, 65536},           {131000, 65536},           {200000, 100000},
    {2000000, 1000000},   {UINT64_MAX, QUEUE_BYTES},
};

static void limits_by_rate(void) {
    for (size_t i = 0; i < COUNT(limits); i++) {
        start();
        fair_queue_set_rate(&queue, limits[i].rate);
        CHECK_INT(queue.limit, limits[i].limit);
    }
}

// As much as passes in half a second waits, and one more: the first is lost, or marked, and nothing
// more before its sender could have heard of it: all that waited has left, and twice the limit.
static void one_of_a_window(void) {
    for (int ecn = 0; ecn <= 2; ecn++) {
        const uint64_t *told = ecn > 0 ? &queue.marked : &queue.dropped_late;
        uint32_t fits = 100000 / (SEGMENT + 40), to = fits + 1;
        start();
        fair_queue_set_rate(&queue, 200000);
        push_segments(1, 0, fits, (uint8_t)ecn);
        CHECK_INT(*told, 0);
        push_segments(1, fits, to, (uint8_t)ecn);
        CHECK_INT(*told, 1);
        for (uint32_t left = 0; *told == 1 && left < 10 * fits; left++) {
            CHECK_INT(take(), SEGMENT + 40);
            if (left == 0) {
                CHECK_INT(segment_out(), ecn > 0 ? 0 : 1);
                CHECK_INT(out[1], ecn > 0 ? 3 : 0);
            }
            push_segments(1, to, to + 1 + (left == 0), (uint8_t)ecn);
            to += 1 + (left == 0);
        }
        CHECK_INT(*told, 2);
        CHECK(to > 4 * fits - 6 && to < 4 * fits + 6);
        CHECK_INT(queue.dropped_late + queue.marked, 2);
        CHECK_WHOLE(&queue);
    }
}

// How long packets wait counts for nothing: a page's connections keep all for as long as the link
// stands still, or others go first.
static void time_takes_nothing(void) {
    static uint16_t ports[18];
    find_ports(ports, 18);
    fair_queue_set_rate(&queue, 30000);
    for (int f = 0; f < 18; f++) push_segments(ports[f], 0, 40, 0);
    for (size_t n = 0; n < (size_t)18 * 40; n++) CHECK_INT(take(), SEGMENT + 40);
    CHECK_INT(queue.dropped_late + queue.dropped_full, 0);
}

// What is repeated stays behind what was sent before it. If it came first, its sender would take
// all that waits for lost and repeat that, too (RFC 8985 section 3). It is not what is dropped:
// while it is the first, its sender is not told to slow down.
static void repetitions_stay_in_order(void) {
    start();
    push_segments(1, 0, 20, 0);
    for (int n = 0; n < 10; n++) CHECK_INT(take(), SEGMENT + 40);
    push_segments(1, 3, 6, 0);
    for (uint32_t n = 10; n < 20; n++) {
        CHECK_INT(take(), SEGMENT + 40);
        CHECK_INT(segment_out(), n);
    }
    push_segments(1, 20, 600, 0);
    CHECK_INT(queue.dropped_late, 0);
    CHECK_WHOLE(&queue);
    for (uint32_t n = 3; n < 6; n++) {
        CHECK_INT(take(), SEGMENT + 40);
        CHECK_INT(segment_out(), n);
    }
    push_segments(1, 600, 601, 0);
    CHECK_INT(queue.dropped_late, 1);
    CHECK_INT(take(), SEGMENT + 40);
    CHECK_INT(segment_out(), 21);
}

// Data that comes again while it waits is left out. What has left, or was never there, is not; nor
// what another connection has that shares its place, or of which only a part waits.
static void what_waits_does_not_wait_twice(void) {
    static const struct {
        uint32_t sequence;
        bool is_queued;
    } cases[] = {
        {0xfffffc18, true}, {0, true},     {999, true},   {1000, false},  {1500, true},
        {8000, false},      {8500, true},  {9000, true},  {12000, false}, {12001, true},
        {13000, true},      {17000, true}, {20000, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("case %lu", (unsigned long)i);
        start();
        push_segments(1, 0, 9, 0);
        push_segments(1, 10, 13, 0); // 9 was lost on its way here
        CHECK_INT(take(), SEGMENT + 40);
        size_t waiting = queue.count;
        push_segment(1, cases[i].sequence, 0);
        CHECK_INT(queue.count, waiting + cases[i].is_queued);
        CHECK_INT(queue.repeated, !cases[i].is_queued);
        CHECK_WHOLE(&queue);
    }
    size_t places = 2;
    for (uint16_t port = 2; port != 0 && places > 1; port++) { // until two share a place
        start();
        push_segments(1, 0, 9, 0);
        push_segment(port, 1000, 0);
        CHECK_INT(queue.count, 10);
        places = 0;
        for (size_t i = 0; i < COUNT(queue.held); i++) places += queue.held[i] > 0;
    }
    CHECK_INT(places, 1);
}

// Sequence numbers go around; and what is far from a flow's data is another connection's, which
// shares its place. What repeats is spared, when the flow has too much.
static void sequence_numbers(void) {
    static const struct {
        uint32_t first, second;
        bool is_repeated;
    } cases[] = {
        {0xfffffc18, 0xfffff830, true}, {0, 0xfffffc18, true},
        {0xfffffc18, 0, false},         {5000, 6000, false},
        {0x40000000, 0, false},         {0, 0x80000000, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("case %lu", (unsigned long)i);
        start();
        push_segment(1, cases[i].first, 0);
        push_segment(1, cases[i].second, 0);
        CHECK(take() > 0);
        for (uint32_t n = 1; n < 600; n++) push_segment(1, cases[i].second + n * SEGMENT, 0);
        CHECK_INT(queue.dropped_late, cases[i].is_repeated ? 0 : 1);
    }
}

// Who is no TCP has a quarter of it, is told once, and of twice that keeps the newest.
static void others_keep_the_newest(void) {
    start();
    fair_queue_set_rate(&queue, 400000);
    for (uint32_t n = 0; n < 1000; n++) {
        push(1, n, 1000, 0);
        CHECK(queue.bytes <= 100000);
        if (n < 99)
            CHECK_INT(queue.dropped_late, n >= 50);
    }
    CHECK(take() > 0);
    CHECK_INT(number_out(), 900);
}

// A flow that sends too much loses, and one beside it that does not, nothing.
static void only_its_own(void) {
    uint16_t ports[2];
    uint32_t numbers[2] = {0, 0};
    uint32_t got = 0;
    find_ports(ports, 2);
    for (int n = 1; n <= 5000; n++) {
        push(ports[0], numbers[0]++, 1000, 0);
        push(ports[0], numbers[0]++, 1000, 0);
        if (n % 3 == 0)
            push(ports[1], numbers[1]++, 500, 0);
        CHECK(take() > 0);
        if (port_out() == ports[1])
            CHECK_INT(number_out(), got++);
    }
    CHECK(numbers[1] - got < 3);
    CHECK(queue.dropped_late > 100);
}

// ---- Marks.

// Has more of the port's flow wait than may where memory is short, so that the first packet is
// marked or dropped.
static void have_too_much(uint16_t port) {
    queue.limit = 0;
    for (uint32_t n = 2; n < 18 && queue.marked + queue.dropped_late == 0; n++)
        push(port, n, 1000, 0);
}

static void every_traffic_class(void) {
    for (unsigned class = 0; class < 256; class ++) {
        uint8_t expected[1000];
        test_row("traffic class %02x", class);
        start();
        make_packet(9, 1, 1000);
        packet[1] = (uint8_t) class;
        packet_put16(packet + 4, test_below(65536));
        packet_fill_header_checksum(packet);
        memcpy(expected, packet, 1000);
        fair_queue_push_headed(&queue, (const uint8_t *)"head", class % 5, packet, 1000, 0);
        have_too_much(9);
        size_t length = take();
        bool knows_marks = class % 4 != 0;
        CHECK_INT(queue.marked, knows_marks);
        CHECK_INT(queue.dropped_late, !knows_marks);
        if (!knows_marks) {
            CHECK_INT(number_out(), 2);
            continue;
        }
        CHECK_INT(length, 1000 + class % 5);
        const uint8_t *is = out + class % 5;
        CHECK_INT(is[1], class | 3);
        CHECK(packet_header_checksum_is_good(is));
        expected[1] = is[1];
        packet_fill_header_checksum(expected);
        CHECK_BYTES(is, expected, 1000);
    }
}

// A header that was damaged does not become a good one.
static void wrong_checksum_stays(void) {
    for (int round = 0; round < 1000; round++) {
        start();
        make_packet(9, 1, 1000);
        packet[1] = (uint8_t)(test_below(256) | 1);
        packet_fill_header_checksum(packet);
        packet[10 + round % 2] ^= (uint8_t)(1 + test_below(255));
        bool was_good = packet_header_checksum_is_good(packet);
        fair_queue_push(&queue, packet, 1000, 0);
        have_too_much(9);
        CHECK_INT(take(), 1000);
        CHECK_INT(queue.marked, 1);
        CHECK_INT(out[1] & 3, 3);
        CHECK(packet_header_checksum_is_good(out) == was_good);
    }
}

// What is no IPv4 packet has no place for a mark, and is dropped.
static void no_place_for_a_mark(void) {
    static const size_t lengths[] = {1, 2, 19, 1000};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        uint8_t bytes[1000];
        test_row("%lu bytes", (unsigned long)lengths[i]);
        memset(bytes, i == 3 ? 0x63 : 0x43, sizeof bytes);
        start();
        fair_queue_push(&queue, bytes, lengths[i], 0);
        memset(bytes, 0x63, sizeof bytes); // no IPv4 either, and so of the same flow
        queue.limit = 0;
        while (queue.dropped_late == 0 && queue.count < 20) fair_queue_push(&queue, bytes, 1000, 0);
        CHECK_INT(take(), 1000);
        CHECK_INT(queue.dropped_late, 1);
        CHECK_INT(queue.marked, 0);
        CHECK_BYTES(out, bytes, 1000);
    }
}

// ---- Everything together.

static void make_numbered(uint16_t port, uint32_t number, size_t length) {
    make_packet(port, number, length);
    for (size_t i = 36; i < length; i++) packet[i] = (uint8_t)(number * 31 + port + i);
    packet[1] = (uint8_t)(number % 3); // without marks, and two kinds with
    packet_fill_header_checksum(packet);
}

// A packet that came out: the one that was pushed, but for a mark, and behind all of its flow
// before.
static void check_out(size_t length, uint32_t *next) {
    uint16_t port = port_out();
    uint32_t number = number_out();
    CHECK(port < 100 && number >= next[port]);
    next[port] = number + 1;
    make_numbered(port, number, length);
    if ((out[1] & 3) == 3) {
        CHECK(packet[1] != 0);
        packet[1] = 3;
        packet_fill_header_checksum(packet);
    }
    CHECK_BYTES(out, packet, length);
}

// Pushes, takes and clearings at random, while time stands, passes, or leaps, or even goes back.
static void random_operations(void) {
    static uint32_t pushed[100], next[100];
    uint64_t taken = 0, cleared = 0;
    int64_t now_us = 0;
    start();
    for (int step = 0; step < 30000 && !test_state.failed; step++) {
        uint32_t what = test_below(1000);
        uint32_t phase = (uint32_t)step / 1000 % 4; // filling or emptying
        test_row("step %d", step);
        if (what < 400 + 100 * phase) {
            uint16_t port = (uint16_t)test_below(phase == 0 ? 3 : 100);
            size_t length = test_below(50) == 0 ? 36 + test_below(65500) : 36 + test_below(3000);
            make_numbered(port, pushed[port], length);
            fair_queue_push(&queue, packet, length, now_us);
            pushed[port]++;
        } else if (what < 960) {
            size_t length = take();
            if (length > 0) {
                taken++;
                check_out(length, next);
            }
        } else if (what < 997) {
            now_us += what < 990 ? (int64_t)test_below(20000) : (int64_t)test_below(1U << 31);
        } else if (what == 997) {
            now_us += (int64_t)(test_random() >> 8 & ((UINT64_C(1) << 45) - 1));
        } else if (what == 998) {
            now_us -= now_us > 1000 ? 1000 : 0;
        } else {
            fair_queue_set_rate(&queue, test_random() >> test_below(64));
            if (test_below(4) == 0) {
                cleared += queue.count;
                fair_queue_clear(&queue);
            }
        }
        if (step % 8 == 0)
            CHECK_WHOLE(&queue);
        CHECK_INT(queue.pushed_packets, taken + cleared + queue.count + queue.dropped_late +
                                            queue.dropped_full + queue.thinned + queue.repeated);
    }
    CHECK(queue.dropped_late > 100 && queue.dropped_full > 100 && queue.marked > 50);
    while (take() > 0)
        ;
    CHECK_INT(queue.bytes, 0);
    CHECK_INT(queue.cells.free_count, QUEUE_CELLS);
}

int main(void) {
    TEST("what a flow has too much is its own loss", fattest_goes);
    TEST("when the queue is full the flow that holds the most loses up to 64 packets", batches);
    TEST("but no more than half of what it holds", small_batches);
    TEST("tiny packets count for the room that they take", tiny_packets);
    TEST("a packet of the largest size always finds room", largest_packets);
    TEST("the faster the link, the more of a flow may wait", limits_by_rate);
    TEST("too much of a flow costs it one packet of a window, or a mark", one_of_a_window);
    TEST("how long packets wait costs nothing", time_takes_nothing);
    TEST("what TCP repeats while it waits does not wait twice", what_waits_does_not_wait_twice);
    TEST("what TCP repeats stays in order, and is not what is dropped", repetitions_stay_in_order);
    TEST("sequence numbers go around, and another connection's say nothing", sequence_numbers);
    TEST("who is no TCP loses the oldest of what is too much", others_keep_the_newest);
    TEST("a flow beside one that sends too much loses nothing", only_its_own);
    TEST("a mark is that of RFC 3168, with a right checksum, whatever the traffic class was",
         every_traffic_class);
    TEST("a wrong checksum stays wrong", wrong_checksum_stays);
    TEST("what has no place for a mark is dropped", no_place_for_a_mark);
    TEST("whatever happens, no cell is lost, and packets stay whole and in order",
         random_operations);
    return test_end();
}
