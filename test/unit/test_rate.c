// SPDX-License-Identifier: ISC
// Token buckets by source.
#include "base/rate.h"

#include "test.h"

#define INTERVAL_MS 100
#define BURST       5

static struct rate rate;

// Takes tokens until there is none. Returns how many there were.
static int drain(uint64_t source, int64_t now_ms) {
    int taken = 0;
    while (taken < 1000000 && rate_take(&rate, source, now_ms)) taken++;
    return taken;
}

static void burst_then_rate(void) {
    rate_init(&rate, INTERVAL_MS, BURST);
    CHECK_INT(drain(1, 1000), BURST);
    CHECK_INT(drain(1, 1000 + INTERVAL_MS - 1), 0);
    CHECK_INT(drain(1, 1000 + INTERVAL_MS), 1);
    CHECK_INT(drain(1, 1000 + 2 * INTERVAL_MS - 1), 0);
    CHECK_INT(drain(1, 1000 + 4 * INTERVAL_MS), 3);
    CHECK_INT(drain(1, 1000000), BURST);
    CHECK_INT(drain(1, INT64_C(1) << 50), BURST);
}

// What was refused costs nothing: whoever keeps asking gets what he is due.
static void refusals_are_free(void) {
    int taken = 0;
    rate_init(&rate, INTERVAL_MS, BURST);
    for (int64_t now = 0; now < 100 * INTERVAL_MS; now++) taken += rate_take(&rate, 1, now);
    CHECK_INT(taken, BURST + 99);
}

static void settings(void) {
    static const struct {
        int64_t interval_ms;
        unsigned burst;
        int64_t span_ms;
        int expected;
    } cases[] = {
        {1, 1, 1000, 1000},  {1000, 1, 10000, 10},      {1000, 20, 10000, 29},
        {7, 3, 700, 102},    {60000, 1, 59999, 1},      {60000, 1, 60001, 2},
        {250, 4, 1000, 7},   {1, 1000000, 10, 1000009}, {86400000, 2, 1000, 2},
        {100, 10, 1001, 20},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int taken = 0;
        test_row("one every %lld ms, burst %u, %lld ms", (long long)cases[i].interval_ms,
                 cases[i].burst, (long long)cases[i].span_ms);
        rate_init(&rate, cases[i].interval_ms, cases[i].burst);
        for (int64_t now = 0; now < cases[i].span_ms; now++) taken += drain(77, now);
        CHECK_INT(taken, cases[i].expected);
    }
}

static void sources_are_apart(void) {
    static const uint64_t sources[] = {0,
                                       1,
                                       0x7f000001,
                                       UINT64_C(0x20010db800000000),
                                       UINT64_C(0xfe80000000000000),
                                       UINT64_MAX - 1};
    rate_init(&rate, INTERVAL_MS, BURST);
    for (size_t i = 0; i < COUNT(sources); i++) {
        test_row("source %llx", (unsigned long long)sources[i]);
        CHECK_INT(drain(sources[i], 5000), BURST);
    }
    for (size_t i = 0; i < COUNT(sources); i++) CHECK_INT(drain(sources[i], 5000), 0);
}

// As many sources as there are places, each with its own bucket; others find theirs in the fullest.
static void full_table(void) {
    rate_init(&rate, INTERVAL_MS, BURST);
    for (uint64_t source = 1; source <= RATE_SOURCES; source++)
        CHECK_INT(drain(source, 1000), BURST);
    for (uint64_t source = 1; source <= RATE_SOURCES; source++) CHECK_INT(drain(source, 1000), 0);
    CHECK_INT(drain(RATE_SOURCES + 1, 1000), 0);
    int taken = 0;
    for (uint64_t source = RATE_SOURCES + 10; source > 0; source--)
        taken += drain(source, 1000 + INTERVAL_MS);
    CHECK_INT(taken, RATE_SOURCES);
}

// Fewer attackers than places: others have all that is theirs, all the time.
static void others_unharmed(void) {
    rate_init(&rate, INTERVAL_MS, BURST);
    for (int64_t now = 0; now < 50 * INTERVAL_MS; now += 25) {
        for (uint64_t attacker = 1; attacker < RATE_SOURCES; attacker += 3)
            (void)drain(attacker, now);
        if (now % (10 * INTERVAL_MS) == 0)
            CHECK_INT(drain(1000000 + (uint64_t)now, now), BURST);
    }
}

// Against the ideal limiter, which forgets nobody: a source that is used to being forgotten never
// gets more than there. The others are as many as they like, at any time.
static void forgetting_is_no_gain(void) {
    static const uint32_t others[] = {1, 10, RATE_SOURCES, 3 * RATE_SOURCES, 2000000000};
    for (size_t i = 0; i < COUNT(others); i++) {
        int64_t now = 0;
        int64_t ideal_full_ms = 0;
        test_row("%lu others", (unsigned long)others[i]);
        rate_init(&rate, INTERVAL_MS, BURST);
        for (int round = 0; round < 500; round++) {
            for (uint32_t visits = test_below(100); visits > 0; visits--)
                (void)rate_take(&rate, 10 + test_below(others[i]), now);
            for (uint32_t tries = test_below(7); tries > 0; tries--) {
                if (!rate_take(&rate, 1, now))
                    continue;
                ideal_full_ms = (ideal_full_ms > now ? ideal_full_ms : now) + INTERVAL_MS;
                CHECK(ideal_full_ms - now <= BURST * INTERVAL_MS);
            }
            now += test_below(3) == 0 ? test_below(2 * INTERVAL_MS) : test_below(5);
        }
    }
}

// An attacker who has any number of addresses: all together get no more than the table gives.
static void bounded_in_all(void) {
    long long taken = 0;
    int64_t span_ms = 20 * INTERVAL_MS;
    rate_init(&rate, INTERVAL_MS, BURST);
    for (int64_t now = 0; now < span_ms; now += INTERVAL_MS / 2)
        for (int i = 0; i < 2000; i++) taken += rate_take(&rate, test_random(), now);
    CHECK(taken <= (long long)RATE_SOURCES * (BURST + span_ms / INTERVAL_MS));
    CHECK(taken >= (long long)RATE_SOURCES * 15);
}

// While he makes four attempts for each token, an honest source that asks once an interval gets in
// now and then: its chances are those of any other attempt.
static void honest_gets_in(void) {
    int taken = 0;
    rate_init(&rate, INTERVAL_MS, 1);
    for (int64_t now = 0; now < 40 * INTERVAL_MS; now += INTERVAL_MS) {
        uint32_t turn = test_below(4 * RATE_SOURCES);
        for (uint32_t i = 0; i < 4 * RATE_SOURCES; i++)
            taken += rate_take(&rate, i == turn ? 1 : test_random(), now) && i == turn;
    }
    CHECK(taken >= 3);
}

int main(void) {
    TEST("a source has its burst, and then a token each interval", burst_then_rate);
    TEST("a refusal costs nothing", refusals_are_free);
    TEST("intervals and bursts of all sizes give what they promise", settings);
    TEST("sources have nothing to do with each other", sources_are_apart);
    TEST("where there are more sources than places, all together have no more", full_table);
    TEST("fewer attackers than places take nothing from others", others_unharmed);
    TEST("no source gains by being forgotten", forgetting_is_no_gain);
    TEST("any number of sources together gets what the table gives", bounded_in_all);
    TEST("an honest source gets in among any number of attackers", honest_gets_in);
    return test_end();
}
