// SPDX-License-Identifier: ISC
// When the flight is made small, so that the bare way shows, and for how long.
#include "flow/drain.h"

#include "limits.h"
#include "test.h"

#define HELD  (40 * 1024)      // what the bare way holds, in bytes
#define USUAL 5000             // microseconds of a queue that is none
#define START INT64_C(7000000) // when the queue was gone last

static struct drain drain;
static struct way way;

static void step(int64_t sent_us, size_t held, size_t in_flight, int64_t now_us) {
    drain_step(&drain, &way, sent_us, held, in_flight, USUAL, now_us);
}

static void start(void) {
    drain = (struct drain){.ended_us = START};
    way = (struct way){.is_known = true, .queue_us = 100 * USUAL};
}

static void begins(void) {
    start();
    step(START, HELD, HELD, START + FLOW_RENEWED_US - 1);
    CHECK_INT(drain.window, 0);
    step(START, HELD, HELD, START + FLOW_RENEWED_US);
    CHECK_INT(drain.window, HELD / 2);
    CHECK_INT(drain.from_us, START + FLOW_RENEWED_US);
    start();
    step(START, 100, HELD, START + FLOW_RENEWED_US); // a way that holds next to nothing
    CHECK_INT(drain.window, TUN_MTU / 2);
}

static void little_is_on_its_way(void) {
    start();
    step(START, HELD, HELD / 2, START + FLOW_RENEWED_US);
    CHECK_INT(drain.window, 0);
    CHECK_INT(drain.ended_us, START + FLOW_RENEWED_US);
    start();
    step(START, HELD, HELD / 2 + 1, START + FLOW_RENEWED_US);
    CHECK_INT(drain.window, HELD / 2);
}

static void halves(void) {
    const int64_t begun_us = START + FLOW_RENEWED_US;
    start();
    step(START, HELD, HELD, begun_us);
    step(begun_us, HELD, HELD, begun_us + 50000); // it was sent when more was on its way
    CHECK_INT(drain.window, HELD / 2);
    CHECK_INT(drain.from_us, begun_us);
    step(begun_us + 1, HELD, HELD, begun_us + 60000);
    CHECK_INT(drain.window, HELD / 4);
    CHECK_INT(drain.from_us, begun_us + 60000);
    step(begun_us + 60000, HELD, HELD, begun_us + 90000);
    CHECK_INT(drain.window, HELD / 4);
}

static void ends(void) {
    static const struct {
        int64_t queue_us;
        bool is_over;
    } cases[] = {{0, true}, {USUAL - 1, true}, {USUAL, true}, {USUAL + 1, false}};
    const int64_t begun_us = START + FLOW_RENEWED_US;
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("a queue of %d us", (int)cases[i].queue_us);
        start();
        step(START, HELD, HELD, begun_us);
        way.queue_us = cases[i].queue_us;
        step(begun_us + 1, HELD, HELD, begun_us + 60000);
        CHECK_INT(drain.window, cases[i].is_over ? 0 : HELD / 4);
        CHECK_INT(drain.ended_us, cases[i].is_over ? begun_us + 60000 : START);
    }
}

// What one packet alone finds is no queue.
static void way_is_longer(void) {
    static const struct {
        size_t window;
        bool is_known; // that there is no queue
    } cases[] = {{TUN_MTU + 1, false}, {TUN_MTU, false}, {TUN_MTU - 1, true}, {1, true}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("a window of %zu", cases[i].window);
        start();
        drain.window = cases[i].window;
        drain.from_us = START;
        step(START + 1, HELD, HELD, START + 60000);
        CHECK_INT(drain.window, cases[i].is_known ? 0 : cases[i].window / 2);
        CHECK_INT(way.queue_us, cases[i].is_known ? 0 : 100 * USUAL);
    }
}

int main(void) {
    TEST("half of what the way holds is on its way when the queue is not gone for long", begins);
    TEST("nothing is to be done while no more than that is on its way", little_is_on_its_way);
    TEST("a queue that stays has the flight halved again, once each round trip", halves);
    TEST("a queue that is no longer than usual ends it", ends);
    TEST("what one packet alone still finds is no queue, but a longer way", way_is_longer);
    return test_end();
}
