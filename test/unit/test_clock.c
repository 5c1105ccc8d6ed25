// SPDX-License-Identifier: ISC
// The loop's clock over a suspend: this program has a clock_gettime() of its own, in whose world
// the machine sleeps for eight hours. CLOCK_MONOTONIC stands still then, CLOCK_BOOTTIME goes on.
#include "base/loop.h"

#include <time.h>

#include "test.h"

#define HOURS_8_S (8 * 3600)

static time_t awake_s = 1000; // since the start, without sleep
static time_t slept_s;

int clock_gettime(clockid_t clock, struct timespec *now) {
    *now = (struct timespec){.tv_sec = awake_s + (clock == CLOCK_BOOTTIME ? slept_s : 0)};
    return 0;
}

static struct loop loop;
static int ran;
static int heard;

static void on_timer(void *arg) {
    (void)arg;
    ran++;
}

// The last of the timers. At its first call the machine goes to sleep.
static void on_last_timer(void *arg) {
    (void)arg;
    if (++heard == 1)
        slept_s += HOURS_8_S;
    awake_s++;
    if (heard == 3)
        loop.stop = true;
}

static void goes_on_in_suspend(void) {
    int64_t before_ms = loop_clock_ms();
    slept_s += HOURS_8_S;
    CHECK_INT(loop_clock_ms() - before_ms, HOURS_8_S * 1000);
}

static void timers_run_once(void) {
    ran = heard = 0;
    CHECK_INT(loop_init(&loop), 0);
    int64_t start_ms = loop.now_ms;
    CHECK_INT(loop_every(&loop, 10, on_timer, NULL), 0);
    CHECK_INT(loop_every(&loop, 10, on_last_timer, NULL), 0);
    awake_s++;
    CHECK_INT(loop_run(&loop), 0);
    CHECK_INT(ran, 3);
    CHECK_INT(loop.now_ms - start_ms, (HOURS_8_S + 3) * 1000);
    loop_close(&loop);
}

int main(void) {
    TEST("the loop's clock goes on while the machine sleeps", goes_on_in_suspend);
    TEST("after eight hours of sleep each timer runs once, and then as before", timers_run_once);
    return test_end();
}
