// SPDX-License-Identifier: ISC
// What is told of a link that is seen only by when messages come to it and leave it.
#include "flow/service.h"

#include "test.h"

#define MS     1000
#define SECOND 1000000
#define BYTES  1500

static struct service service;
static int64_t free_us; // when the link has passed what came before

// A message comes and passes at a rate in bytes a second. Returns when it has left.
static int64_t pass(int64_t came_us, int64_t rate) {
    int64_t left_us = (came_us > free_us ? came_us : free_us) + BYTES * SECOND / rate;
    service_passed(&service, came_us, came_us, left_us, BYTES);
    free_us = left_us;
    return left_us;
}

static void start(void) {
    memset(&service, 0, sizeof service);
    free_us = 0;
}

static const int64_t rates[] = {12500, 96000, 200000, 2500000, 125000000};

// Bursts of all lengths, which take up to half of the link's time, or all of it.
static void constant_rates(void) {
    for (size_t i = 0; i < COUNT(rates); i++) {
        test_row("%ld bytes a second", (long)rates[i]);
        start();
        int64_t now_us = 1000 * (int64_t)SECOND;
        for (size_t n = 0; now_us < 1010 * (int64_t)SECOND; n++) {
            if (n % 97 < 50)
                now_us = free_us > now_us ? free_us + (int64_t)(n % 7) * BYTES * SECOND / rates[i]
                                          : now_us; // a pause
            pass(now_us, rates[i]);
            CHECK_INT(service_unrest_us(&service), 0);
        }
        CHECK(service_rate(&service) > rates[i] * 97 / 100);
        CHECK(service_rate(&service) < rates[i] * 103 / 100);
    }
}

// Messages that each find the link idle say nothing about its rate.
static void single_messages(void) {
    start();
    for (int64_t n = 1; n < 1000; n++) pass(n * SECOND / 10, 1000000);
    CHECK_INT(service_rate(&service), 0);
    CHECK_INT(service_unrest_us(&service), 0);
}

// What passes in some time is the least that the rate is; and less says nothing.
static void raised_rate(void) {
    start();
    for (int64_t n = 0; n < 1000; n++) pass(SECOND, 100000);
    CHECK(service_rate(&service) > 98000);
    service_raise(&service, 50000, SECOND);
    CHECK(service_rate(&service) > 98000);
    service_raise(&service, 300000, SECOND);
    CHECK(service_rate(&service) > 298000 && service_rate(&service) < 302000);
    CHECK_INT(service_takes_us(&service, 3000) / 1000, 10);
}

// A rate that is another each fifth of a second, as in test_flow.c, with a queue that is never
// empty.
static void restless_link(void) {
    static const int64_t kbits[] = {2000, 9000, 500, 4000, 12000, 1000, 3000, 300, 6000};
    start();
    int64_t now_us = SECOND;
    while (now_us < 30 * SECOND) {
        now_us = pass(SECOND, kbits[now_us / (200 * MS) % 9] * 125);
        if (now_us > 10 * SECOND)
            CHECK(service_unrest_us(&service) > 20 * MS);
    }
    CHECK(service_unrest_us(&service) < SECOND);
    int64_t unrest_us = service_unrest_us(&service);
    for (int64_t n = 1; n <= 100; n++) // which is not forgotten while it has nothing to do
        pass(now_us + n * SECOND, 1000000);
    CHECK(service_unrest_us(&service) > unrest_us / 2);
}

// A rate that has changed for good is no unrest after some seconds.
static void another_rate(void) {
    for (size_t i = 0; i + 1 < COUNT(rates); i++) {
        test_row("%ld bytes a second and less", (long)rates[i + 1]);
        start();
        int64_t now_us = 0;
        while (now_us < 5 * SECOND) now_us = pass(0, rates[i + 1]);
        while (now_us < 40 * SECOND) now_us = pass(0, rates[i]);
        CHECK(service_unrest_us(&service) < 4 * MS); // flow.c tolerates as much anyway
        CHECK(service_rate(&service) < rates[i] * 105 / 100);
        CHECK(service_rate(&service) > rates[i] * 95 / 100);
    }
}

int main(void) {
    TEST("a link of constant rate is steady, whatever comes to it", constant_rates);
    TEST("messages that find it idle say nothing of its rate", single_messages);
    TEST("what passes in some time is the least that its rate is", raised_rate);
    TEST("a link whose rate comes and goes is restless", restless_link);
    TEST("a rate that has changed for good is learnt", another_rate);
    return test_end();
}
