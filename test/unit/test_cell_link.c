// SPDX-License-Identifier: ISC
// The model of a cellular link that the benchmarks measure over (test/bench/cell_link.c).
#include "../bench/cell_link.c"

#include "test.h"

#define MS INT64_C(1000000)

static struct cell_outages outages;
static struct cell_link link_;

static void start(uint64_t seed) {
    outages.count = 0;
    cell_link_init(&link_, &outages, seed);
}

static void arrive(size_t size, int64_t at_ns) {
    struct cell_packet *packet = calloc(1, sizeof *packet + 1);
    if (packet == NULL)
        abort();
    packet->size = size;
    packet->length = 1;
    cell_link_arrive(&link_, packet, at_ns);
}

// When the next packet comes out, going from event to event as the emulator does; -1: none ever
// does.
static int64_t comes_ns(void) {
    for (;;) {
        int64_t next_ns = cell_link_next(&link_);
        if (next_ns == CELL_NEVER)
            return -1;
        struct cell_packet *packet = cell_link_take(&link_, next_ns);
        if (packet == NULL)
            continue;
        int64_t due_ns = packet->due_ns;
        free(packet);
        return due_ns == next_ns ? due_ns : -2;
    }
}

static void constant_rate(void) {
    start(1);
    link_.rate_bits = 8e6; // a byte takes a microsecond
    link_.delay_ns = 10 * MS;
    arrive(1000, 0);
    arrive(500, 0);
    arrive(1000, 20 * MS);
    CHECK_INT(comes_ns(), 11 * MS);
    CHECK_INT(comes_ns(), 11 * MS + MS / 2);
    CHECK_INT(comes_ns(), 31 * MS);
    CHECK_INT(comes_ns(), -1);
}

static void no_limits(void) {
    start(1);
    arrive(1000, 5 * MS);
    CHECK_INT(comes_ns(), 5 * MS);
}

static void drop_tail(void) {
    start(1);
    link_.rate_bits = 8e6;
    link_.queue_limit = 2500;
    arrive(1000, 0);
    arrive(1000, 0);
    arrive(1000, 0); // no room
    arrive(500, 0);
    CHECK_INT(link_.counts.dropped_packets, 1);
    CHECK_INT(link_.counts.dropped_bytes, 1000);
    CHECK_INT(link_.waiting_bytes_max, 2500);
    arrive(1000, MS); // the first has just passed, and its room is not free yet
    CHECK_INT(link_.counts.dropped_packets, 2);
    arrive(1000, MS + 1);
    CHECK_INT(link_.counts.dropped_packets, 2);
    CHECK_INT(comes_ns(), MS);
    CHECK_INT(comes_ns(), 2 * MS);
    CHECK_INT(comes_ns(), 2 * MS + MS / 2);
    CHECK_INT(comes_ns(), 3 * MS + MS / 2);
    CHECK_INT(link_.waiting_bytes, 0);
    CHECK_INT(link_.counts.packets, 4);
    CHECK_INT(link_.counts.bytes, 3500);
}

static void read_late(void) {
    start(1);
    link_.rate_bits = 8e6;
    link_.queue_limit = 1000;
    for (int i = 0; i < 10; i++)
        arrive(1000, i * 2 * MS); // none of these was late, though all are read at one time
    for (int i = 0; i < 10; i++) CHECK_INT(comes_ns(), (2 * i + 1) * MS);
    CHECK_INT(link_.counts.dropped_packets, 0);
}

static void traces(void) {
    static const uint32_t trace[] = {0, 10, 10, 15, 40};
    static const int64_t expected_ms[] = {10, 10, 15, 40, 40, 50, 50};
    start(1);
    link_.trace_ms = trace;
    link_.trace_length = COUNT(trace);
    for (int i = 0; i < 7; i++) arrive(1500, 2 * MS);
    for (size_t i = 0; i < COUNT(expected_ms); i++) {
        test_row("packet %zu", i);
        CHECK_INT(comes_ns(), expected_ms[i] * MS);
    }
}

static void small_packets_share(void) {
    static const uint32_t trace[] = {10, 20, 30};
    start(1);
    link_.trace_ms = trace;
    link_.trace_length = COUNT(trace);
    arrive(700, 0);
    arrive(700, 0);
    arrive(700, 0); // 100 bytes of it pass with the others
    arrive(901, 0); // one byte too many
    CHECK_INT(comes_ns(), 10 * MS);
    CHECK_INT(comes_ns(), 10 * MS);
    CHECK_INT(comes_ns(), 20 * MS);
    CHECK_INT(comes_ns(), 30 * MS);
}

static void trace_sought(void) {
    static const uint32_t trace[] = {10, 20, 90, 100};
    start(1);
    link_.trace_ms = trace;
    link_.trace_length = COUNT(trace);
    arrive(1500, 0);
    CHECK_INT(comes_ns(), 10 * MS);
    cell_link_seek(&link_, 20 * MS, 200 * MS); // the line at this very time has been
    arrive(1500, 200 * MS);
    CHECK_INT(comes_ns(), 270 * MS);
    cell_link_seek(&link_, 210 * MS, 300 * MS); // as 10 ms: it is 100 ms long
    arrive(1500, 301 * MS);
    CHECK_INT(comes_ns(), 310 * MS);
    arrive(1500, 320 * MS);
    cell_link_seek(&link_, 85 * MS, 330 * MS); // what waits, waits for the new place
    CHECK_INT(comes_ns(), 335 * MS);
}

static void drained(void) {
    start(1);
    link_.rate_bits = 8e3; // a byte takes a millisecond
    link_.delay_ns = 10 * MS;
    cell_outages_add(&outages, 0, CELL_NEVER);
    arrive(100, 0);
    arrive(100, 0);
    cell_link_drain(&link_, 5 * MS);
    CHECK_INT(link_.waiting_bytes, 0);
    CHECK_INT(comes_ns(), 15 * MS);
    CHECK_INT(comes_ns(), 15 * MS);
    outages.count = 0;
    arrive(100, 20 * MS);
    CHECK_INT(comes_ns(), 130 * MS);
    CHECK_INT(link_.counts.dropped_packets, 0);
}

static void known_outage(void) {
    start(1);
    link_.rate_bits = 8e6;
    cell_outages_add(&outages, 10 * MS, 20 * MS);
    cell_outages_add(&outages, 30 * MS, 40 * MS);
    arrive(1000, 5 * MS);
    arrive(1000, 9 * MS + MS / 2); // half of it passes before
    arrive(1000, 15 * MS);
    arrive(9000, 22 * MS);
    CHECK_INT(comes_ns(), 6 * MS);
    CHECK_INT(comes_ns(), 20 * MS + MS / 2);
    CHECK_INT(comes_ns(), 21 * MS + MS / 2);
    CHECK_INT(comes_ns(), 41 * MS);
}

static void open_outage(void) {
    start(1);
    link_.rate_bits = 8e6;
    cell_outages_add(&outages, 10 * MS, CELL_NEVER);
    arrive(1000, 12 * MS);
    CHECK_INT(comes_ns(), -1);
    outages.at[0].to_ns = 50 * MS;
    CHECK_INT(comes_ns(), 51 * MS);
}

static void trace_in_outage(void) {
    static const uint32_t trace[] = {10, 20, 30};
    start(1);
    link_.trace_ms = trace;
    link_.trace_length = COUNT(trace);
    cell_outages_add(&outages, 5 * MS, 25 * MS);
    arrive(1500, 0);
    CHECK_INT(comes_ns(), 30 * MS);
}

static uint64_t lost_of(uint64_t seed, int count) {
    uint64_t pattern = 0;
    start(seed);
    link_.loss = 0.25;
    for (int i = 0; i < count; i++) {
        uint64_t before = link_.counts.lost_packets;
        arrive(100, i * MS);
        (void)comes_ns();
        pattern = pattern * 31 + (link_.counts.lost_packets - before);
    }
    return pattern;
}

static void losses(void) {
    uint64_t first = lost_of(7, 10000);
    CHECK(link_.counts.lost_packets > 2300 && link_.counts.lost_packets < 2700);
    CHECK_INT(link_.counts.lost_packets + link_.counts.packets, 10000);
    CHECK(first == lost_of(7, 10000));
    CHECK(first != lost_of(8, 10000));
}

static void backwards(void) {
    start(1);
    arrive(100, 10 * MS);
    arrive(100, 9 * MS);
    CHECK_INT(comes_ns(), 10 * MS);
    CHECK_INT(comes_ns(), 10 * MS);
}

static struct {
    int count;
    int64_t at_ns[8];
    size_t offered[8], used[8];
} told;

static void note_chance(void *to, int64_t at_ns, size_t offered, size_t used) {
    CHECK(to == &told && told.count < 8);
    told.at_ns[told.count] = at_ns;
    told.offered[told.count] = offered;
    told.used[told.count++] = used;
}

static void chances_of_trace(void) {
    static const uint32_t times[] = {10, 10, 20, 30};
    start(1);
    link_.trace_ms = times;
    link_.trace_length = 4;
    link_.on_chance = note_chance;
    link_.on_chance_to = &told;
    told.count = 0;
    arrive(2000, 0);
    CHECK_INT(comes_ns(), 10 * MS);
    cell_outages_add(&outages, 25 * MS, 35 * MS);
    cell_link_take(&link_, 39 * MS);
    CHECK_INT(told.count, 3); // the one in the outage is none
    CHECK(told.offered[0] == 1500 && told.used[0] == 1500);
    CHECK(told.offered[1] == 1500 && told.used[1] == 500);
    CHECK(told.offered[2] == 1500 && told.used[2] == 0 && told.at_ns[2] == 20 * MS);
}

static void chances_of_rate(void) {
    start(1);
    link_.rate_bits = 8e6;
    link_.on_chance = note_chance;
    link_.on_chance_to = &told;
    told.count = 0;
    arrive(1000, 0);
    CHECK_INT(comes_ns(), MS);
    CHECK_INT(told.count, 1);
    CHECK(told.at_ns[0] == MS && told.offered[0] == 1000 && told.used[0] == 1000);
}

int main(void) {
    TEST("a constant rate, and then a delay", constant_rate);
    TEST("a link without limits is a wire", no_limits);
    TEST("a full queue drops what comes", drop_tail);
    TEST("a packet that is read late finds the queue of its time", read_late);
    TEST("a trace gives chances of 1500 bytes, and starts over", traces);
    TEST("small packets share a chance, and a large one goes on at the next", small_packets_share);
    TEST("a trace goes on from where it is told to", trace_sought);
    TEST("a queue that is drained passes at once", drained);
    TEST("what is on its way when an outage begins goes on after it", known_outage);
    TEST("an outage without an end holds until it is given one", open_outage);
    TEST("chances of a trace in an outage are lost", trace_in_outage);
    TEST("as many are lost as should be, and the same for the same seed", losses);
    TEST("an arrival that seems earlier than the last counts as at the same time", backwards);
    TEST("each chance of a trace is told, with what it could pass and did", chances_of_trace);
    TEST("at a constant rate each packet that passes is told", chances_of_rate);
    return test_end();
}
