// SPDX-License-Identifier: ISC
// The fair queue: who makes room, who is dropped for waiting too long, and who is marked instead.
#include "fair_queue_lab.h"

// ---- Room.

// Cells of a packet, and how many packets of a size the whole queue holds.
static size_t cells_of(size_t length)
{
    return (16 + length + 255) / 256;
}

static size_t whole_queue_of(size_t length)
{
    return QUEUE_CELLS / cells_of(length);
}

// One flow takes all there is; what it holds too much is its own loss, the oldest first.
static void fattest_goes(void)
{
    uint16_t ports[2];
    uint32_t next[2] = {0, 0};
    uint32_t fill = (uint32_t)whole_queue_of(1500);
    find_ports(ports, 2);
    for (uint32_t n = 0; n < fill; n++)
        push(ports[0], n, 1500, 0);
    CHECK_INT(queue.dropped_full, 0);
    for (uint32_t n = 0; n < 10; n++)
        push(ports[1], n, 1500, 0);
    for (uint32_t n = 0; n < 1000; n++)
        push(ports[0], fill + n, 1500, 0);
    CHECK_WHOLE(&queue);
    CHECK(queue.dropped_full >= 1010 - 6 && queue.dropped_full < 1010 + 64);
    next[0] = (uint32_t)queue.dropped_full;
    while (take(0) > 0) {
        int which = port_out() == ports[1];
        CHECK_INT(number_out(), next[which]++);
    }
    CHECK_INT(next[0], fill + 1000);
    CHECK_INT(next[1], 10);
}

// Flows that hold different numbers of packets, the second the most: what a newcomer of each size
// costs whom.
static void batches(void)
{
    static const struct {
        size_t newcomer;
        uint32_t held[3]; // packets of one cell; the rest of the queue is the third's
        unsigned lost[3];
    } cases[] = {
        {100, {1000, 2000, QUEUE_CELLS - 3000}, {0, 64, 0}},    // 64 packets at most
        {100, {10, QUEUE_CELLS - 20, 10}, {0, 64, 0}},          //
        {65535, {1000, 2000, QUEUE_CELLS - 3000}, {0, 320, 0}}, // 257 cells: five times 64
        {100, {QUEUE_CELLS, 0, 0}, {64, 0, 0}},
        {100, {QUEUE_CELLS - 1, 0, 0}, {0, 0, 0}}, // fits
    };
    uint16_t ports[4];
    find_ports(ports, 4);
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("case %lu", (unsigned long)i);
        start();
        for (int f = 0; f < 3; f++)
            for (uint32_t n = 0; n < cases[i].held[f]; n++)
                push(ports[f], n, 100, 0);
        CHECK_INT(queue.dropped_full, 0);
        push(ports[3], 0, cases[i].newcomer, 0);
        CHECK_WHOLE(&queue);
        unsigned left[3] = {0, 0, 0};
        while (take(0) > 0)
            for (int f = 0; f < 3; f++)
                left[f] += port_out() == ports[f];
        for (int f = 0; f < 3; f++)
            CHECK_INT(left[f], cases[i].held[f] - cases[i].lost[f]);
    }
}

// Half of what a flow holds at most: with many that hold little, each newcomer costs little.
static void small_batches(void)
{
    static uint16_t ports[512];
    uint64_t worst = 0;
    find_ports(ports, 512);
    for (uint32_t n = 0; n < QUEUE_CELLS; n++)
        push(ports[n % 512], n, 100, 0);
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
static void tiny_packets(void)
{
    uint16_t ports[2];
    size_t large = 100;
    find_ports(ports, 2);
    for (uint32_t n = 0; n < large; n++)
        push(ports[0], n, 1500, 0); // 600 cells, 150 000 bytes
    for (uint32_t n = 0; n < 10000; n++)
        push(ports[1], n, 36, 0); // at most 3500 cells, 126 000 bytes
    CHECK_WHOLE(&queue);
    for (uint32_t n = 0; take(0) > 0;)
        if (port_out() == ports[0])
            CHECK_INT(number_out(), n++);
    CHECK(queue.dropped_full > 6000 && queue.dropped_full < 10000);
}

// The largest packets fit whatever waits, and whoever holds it.
static void largest_packets(void)
{
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
    for (size_t n = 0; n < taken; n++)
        CHECK(take(0) > 0);
    CHECK_INT(take(0), 0);
    CHECK_INT(queue.cells.free_count, QUEUE_CELLS);
}

// ---- Waiting too long.

static double square_root(double n)
{
    double root = n;
    for (int i = 0; i < 100; i++)
        root = (root + n / root) / 2;
    return root;
}

#define TICK_US 1000

// For `ticks` of a millisecond twice as much of a flow comes as leaves. Checks that the first drop,
// or mark, comes an interval after a packet has waited for 5 ms, and the n-th interval / sqrt(n -
// 1) after the one before: each when the next packet leaves, none earlier and none later.
static void overload(uint8_t ecn, int ticks, const uint64_t *signals)
{
    double due_us = 0; // not yet known
    uint32_t number = 0;
    for (int n = 1; n <= ticks; n++) {
        int64_t now_us = (int64_t)n * TICK_US;
        uint64_t expected = *signals;
        for (int i = 0; i < 2; i++) {
            make_packet(1, number++, 200);
            packet[1] = (uint8_t)(0xb8 | ecn);
            packet_fill_header_checksum(packet);
            fair_queue_push(&queue, packet, 200, now_us);
        }
        CHECK_INT(take(now_us), 200);
        int64_t arrived_us = (int64_t)(number_out() / 2 + 1) * TICK_US;
        while (due_us > 0 && due_us <= (double)now_us) {
            expected++;
            due_us = expected == 1 ? (double)now_us : due_us;
            due_us += (double)(int64_t)(100000 / square_root((double)expected));
        }
        if (due_us == 0 && now_us - arrived_us >= 5000)
            due_us = (double)now_us + 100000;
        test_row("tick %d", n);
        CHECK_INT(*signals, expected);
    }
}

static void control_law(void)
{
    start();
    overload(0, 3000, &queue.dropped_late);
    CHECK(queue.dropped_late > 150);
    CHECK_INT(queue.dropped_full, 0);
    CHECK_INT(queue.marked, 0);
    CHECK_WHOLE(&queue);
}

static void marks_follow_it(void)
{
    for (uint8_t ecn = 1; ecn <= 3 && !test_state.failed; ecn++) {
        start();
        overload(ecn, 3000, &queue.marked);
        CHECK(queue.marked > 150);
        CHECK_INT(queue.dropped_full + queue.dropped_late, 0);
        CHECK_WHOLE(&queue);
    }
}

// A flow that sends too much loses, and one beside it that does not, nothing.
static void only_its_own(void)
{
    uint16_t ports[2];
    uint32_t numbers[2] = {0, 0};
    uint32_t got = 0;
    find_ports(ports, 2);
    for (int n = 1; n <= 5000; n++) {
        int64_t now_us = (int64_t)n * TICK_US;
        push(ports[0], numbers[0]++, 1000, now_us);
        push(ports[0], numbers[0]++, 1000, now_us);
        if (n % 3 == 0)
            push(ports[1], numbers[1]++, 500, now_us);
        CHECK(take(now_us) > 0);
        if (port_out() == ports[1])
            CHECK_INT(number_out(), got++);
    }
    CHECK(numbers[1] - got < 3);
    CHECK(queue.dropped_late > 100);
}

// So many packets have waited for ten seconds when the first is taken, which begins the interval,
// and for a second more when the others are: of those one is dropped, if any may be. Returns how
// many leave.
static size_t leave_late(size_t packets, size_t length)
{
    size_t left = 0;
    start();
    for (uint32_t n = 0; n < packets; n++)
        push(1, n, length, 0);
    left += take(10000000) > 0;
    while (take(11000000) > 0)
        left++;
    return left;
}

static void never_the_last(void)
{
    CHECK_INT(leave_late(1, 1500), 1);
    CHECK_INT(leave_late(2, 1500), 2);
    CHECK_INT(leave_late(3, 1500), 3);
    CHECK_INT(leave_late(17, 100), 17); // 1500 bytes behind the second
    CHECK_INT(leave_late(18, 100), 17); // 1600
    CHECK_INT(leave_late(3, 65535), 2);
    CHECK_INT(queue.dropped_late, 1);
}

// At 100 kbit/s a packet of 1000 bytes takes 80 ms, and three wait: no standing queue where that is
// known.
static void slow_links(void)
{
    for (int known = 0; known < 2; known++) {
        start();
        fair_queue_set_rate(&queue, known ? 12500 : 0);
        push(1, 0, 1000, 0);
        push(1, 0, 1000, 0);
        for (int n = 1; n <= 100; n++) {
            push(1, 0, 1000, (int64_t)n * 80000 - 5000);
            CHECK(take((int64_t)n * 80000) > 0 || !known);
        }
        CHECK(known ? queue.dropped_late == 0 : queue.dropped_late > 0);
    }
}

// ---- Marks.

// Puts the flow into a state in which the next packet is dropped or marked, if it can be.
static void signal_next(uint16_t flow)
{
    queue.flows[flow].codel = (struct codel){.above = true, .dropping = true, .count = 1};
}

static void every_traffic_class(void)
{
    uint16_t flow = flow_of_port(9);
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
        push(9, 2, 1000, 0);
        push(9, 3, 1000, 0);
        signal_next(flow);
        size_t length = take(1000000);
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
static void wrong_checksum_stays(void)
{
    uint16_t flow = flow_of_port(9);
    for (int round = 0; round < 1000; round++) {
        start();
        make_packet(9, 1, 1000);
        packet[1] = (uint8_t)(test_below(256) | 1);
        packet_fill_header_checksum(packet);
        packet[10 + round % 2] ^= (uint8_t)(1 + test_below(255));
        bool was_good = packet_header_checksum_is_good(packet);
        fair_queue_push(&queue, packet, 1000, 0);
        push(9, 2, 1000, 0);
        push(9, 2, 1000, 0);
        signal_next(flow);
        CHECK_INT(take(1000000), 1000);
        CHECK_INT(queue.marked, 1);
        CHECK_INT(out[1] & 3, 3);
        CHECK(packet_header_checksum_is_good(out) == was_good);
    }
}

// What is no IPv4 packet has no place for a mark, and is dropped.
static void no_place_for_a_mark(void)
{
    static const size_t lengths[] = {1, 2, 19, 1000};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        uint8_t bytes[1000];
        test_row("%lu bytes", (unsigned long)lengths[i]);
        memset(bytes, i == 3 ? 0x63 : 0x43, sizeof bytes);
        start();
        fair_queue_push(&queue, bytes, lengths[i], 0);
        uint16_t flow = queue.new_flows.first;
        memset(bytes, 0x63, sizeof bytes); // no IPv4 either, and so of the same flow
        fair_queue_push(&queue, bytes, 1000, 0);
        fair_queue_push(&queue, bytes, 1000, 0);
        signal_next(flow);
        CHECK_INT(take(1000000), 1000);
        CHECK_INT(queue.dropped_late, 1);
        CHECK_INT(queue.marked, 0);
        CHECK_BYTES(out, bytes, 1000);
    }
}

// ---- Everything together.

static void make_numbered(uint16_t port, uint32_t number, size_t length)
{
    make_packet(port, number, length);
    for (size_t i = 36; i < length; i++)
        packet[i] = (uint8_t)(number * 31 + port + i);
    packet[1] = (uint8_t)(number % 3); // without marks, and two kinds with
    packet_fill_header_checksum(packet);
}

// A packet that came out: the one that was pushed, but for a mark, and behind all of its flow
// before.
static void check_out(size_t length, uint32_t *next)
{
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
static void random_operations(void)
{
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
            size_t length = take(now_us);
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
                                            queue.dropped_full + queue.thinned);
    }
    CHECK(queue.dropped_late > 100 && queue.dropped_full > 100 && queue.marked > 100);
    while (take(now_us) > 0)
        ;
    CHECK_INT(queue.bytes, 0);
    CHECK_INT(queue.cells.free_count, QUEUE_CELLS);
}

// The latest time that is allowed, and the first.
// Packets that have waited through an outage are not dropped for it.
static void forgiven(void)
{
    int64_t now_us = 1000000;
    start();
    for (uint32_t number = 0; number < 100; number++)
        push(1, number, 1000, now_us);
    (void)take(now_us + 200000); // too late
    now_us += 30000000;
    fair_queue_forgive(&queue, now_us);
    CHECK_WHOLE(&queue);
    for (uint32_t number = 1; number < 100; number++) {
        CHECK_INT(take(now_us + number * 40), 1000);
        CHECK_INT(number_out(), number);
    }
    CHECK_INT(queue.dropped_late, 0);
}

static void ends_of_time(void)
{
    const int64_t last_us = INT64_C(1) << 62;
    start();
    for (uint32_t n = 0; n < 20; n++)
        push(1, n, 1000, 0);
    CHECK_INT(take(0), 1000);
    CHECK_INT(take(last_us - 200000), 1000);
    CHECK_INT(queue.dropped_late, 0);
    while (take(last_us) > 0)
        ;
    CHECK_INT(queue.dropped_late, 1);
    for (uint32_t n = 0; n < 20; n++)
        push(1, n, 1000, last_us);
    while (take(last_us) > 0)
        ;
    CHECK_INT(queue.dropped_late, 1);
    CHECK_WHOLE(&queue);
}

int main(void)
{
    TEST("when the queue is full the flow that holds the most loses its oldest", fattest_goes);
    TEST("it loses up to 64 packets at a time, and as often as need be", batches);
    TEST("but no more than half of what it holds", small_batches);
    TEST("tiny packets count for the room that they take", tiny_packets);
    TEST("a packet of the largest size always finds room", largest_packets);
    TEST("under a constant overload packets are dropped when RFC 8289's control law says",
         control_law);
    TEST("packets whose senders know marks are marked then, and none is dropped", marks_follow_it);
    TEST("a flow beside it loses nothing", only_its_own);
    TEST("nothing is dropped that less than a packet's bytes wait behind", never_the_last);
    TEST("on a slow link packets may wait for as long as some take", slow_links);
    TEST("a mark is that of RFC 3168, with a right checksum, whatever the traffic class was",
         every_traffic_class);
    TEST("a wrong checksum stays wrong", wrong_checksum_stays);
    TEST("what has no place for a mark is dropped", no_place_for_a_mark);
    TEST("whatever happens, no cell is lost, and packets stay whole and in order",
         random_operations);
    TEST("what waited for a link that stood still is forgiven", forgiven);
    TEST("time may be the first or the last that there is", ends_of_time);
    return test_end();
}
