// SPDX-License-Identifier: ISC
// Links made of a number (test/bench/cell_random.c).
#include "../bench/cell_random.c"

#include "test.h"

#define SEEDS 40

static bool same(const struct cell_random *a, const struct cell_random *b) {
    if (a->delay_ms != b->delay_ms || a->queue != b->queue)
        return false;
    for (int way = 0; way < 2; way++)
        if (a->trace_length[way] != b->trace_length[way] ||
            memcmp(a->trace_ms[way], b->trace_ms[way], a->trace_length[way] * sizeof(uint32_t)))
            return false;
    return true;
}

static void forget(struct cell_random *link) {
    free(link->trace_ms[0]);
    free(link->trace_ms[1]);
}

static void repeatable(void) {
    struct cell_random first, again, other;
    CHECK(cell_random_make(&first, 7) && cell_random_make(&again, 7));
    CHECK(cell_random_make(&other, 8));
    CHECK(same(&first, &again));
    CHECK(!same(&first, &other));
    forget(&first);
    forget(&again);
    forget(&other);
}

// FNV-1a of the times, so that a machine whose link is another one is found.
static void one_link(void) {
    struct cell_random link;
    uint32_t hash = 2166136261U;
    CHECK(cell_random_make(&link, 1));
    for (int way = 0; way < 2; way++)
        for (size_t i = 0; i < link.trace_length[way]; i++)
            hash = (hash ^ link.trace_ms[way][i]) * 16777619U;
    forget(&link);
    CHECK_INT(link.delay_ms, 34);
    CHECK_INT(link.queue, 984271);
    CHECK_INT(hash, 1986232791);
}

static void check_trace(const uint32_t *trace_ms, size_t length) {
    CHECK(length > 0);
    CHECK(trace_ms[0] > 0);
    for (size_t i = 1; i < length; i++) CHECK(trace_ms[i] >= trace_ms[i - 1]);
    CHECK(trace_ms[length - 1] <= CELL_RANDOM_MS);
    double mean = (double)length * 8 * CELL_ONE_SLOT * 1000 / CELL_RANDOM_MS;
    CHECK(mean > 20e3 && mean < 150e6);
}

static void bounds(void) {
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct cell_random link;
        CHECK(cell_random_make(&link, seed));
        test_row("seed %d", (int)seed);
        CHECK(link.delay_ms >= 12 && link.delay_ms < 96);
        CHECK(link.queue >= 65536 && link.queue <= 1048576);
        for (int way = 0; way < 2; way++) check_trace(link.trace_ms[way], link.trace_length[way]);
        forget(&link);
    }
}

static unsigned longest_gap_ms(const uint32_t *trace_ms, size_t length) {
    unsigned longest = 0;
    for (size_t i = 1; i < length; i++)
        if (trace_ms[i] - trace_ms[i - 1] > longest)
            longest = trace_ms[i] - trace_ms[i - 1];
    return longest;
}

static void pauses(void) {
    int with = 0, apart = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct cell_random link;
        CHECK(cell_random_make(&link, seed));
        unsigned down_ms = longest_gap_ms(link.trace_ms[0], link.trace_length[0]);
        unsigned up_ms = longest_gap_ms(link.trace_ms[1], link.trace_length[1]);
        with += down_ms >= 500 || up_ms >= 500;
        apart += down_ms != up_ms;
        forget(&link);
    }
    CHECK(with > SEEDS / 4 && with < SEEDS);
    CHECK(apart > SEEDS / 2);
}

int main(void) {
    TEST("a seed makes one link, and another seed another one", repeatable);
    TEST("it is the same link on every machine", one_link);
    TEST("what is drawn stays within its bounds, and times ascend", bounds);
    TEST("some links pause for half a second, some never, and each direction apart", pauses);
    return test_end();
}
