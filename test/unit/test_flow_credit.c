// SPDX-License-Identifier: ISC
// Credit for connections that begin: which ones the queue tells of, and what the sender makes of
// it.
#include "flow/flow.h"

#include "fair_queue_lab.h"

#define MS     1000
#define SECOND 1000000
#define BEGUN  (150 * 1500) // bytes: 10, 20, 40 and 80 segments

// ---- The queue.

// A packet of a flow comes and goes. Returns whether its connection has only begun.
static bool passes(uint16_t port, size_t length, int64_t now_us) {
    push(port, 0, length, now_us);
    return take() == length && fair_queue_took_begun(&queue);
}

static void connections_begin(void) {
    uint16_t ports[2];
    start();
    find_ports(ports, 2);
    for (size_t bytes = 0; bytes < BEGUN; bytes += 1500) CHECK(passes(ports[0], 1500, SECOND));
    CHECK(!passes(ports[0], 1500, SECOND));
    CHECK(passes(ports[1], 1500, SECOND)); // another's first
    CHECK(!fair_queue_took_begun(&queue)); // which is told once
    for (int64_t now_us = SECOND; now_us < 5 * SECOND; now_us += SECOND / 2)
        CHECK(!passes(ports[0], 1500, now_us));
    CHECK(passes(ports[0], 1500, 6 * SECOND)); // after a pause it begins anew
}

static void small_packets(void) {
    start();
    for (int64_t n = 0; n < 100; n++) CHECK(!passes(1, 100, n * 2 * SECOND));
    CHECK(passes(1, 1500, 200 * SECOND));
}

// ---- The sender.

static struct flow flow;
static int64_t now_us;
static uint32_t sent, heard;

// Each 20 ms a pair of messages goes over a link of a million bytes a second and 50 ms each way.
// The second waits for the first.
static void send_for(int64_t time_us, bool has_begun) {
    for (int64_t end_us = now_us + time_us; now_us < end_us; now_us += 10 * MS) {
        for (int i = 0; i < 2 && now_us % (20 * MS) == 0; i++)
            flow_sent(&flow, 1, sent++, 10000, has_begun, false, now_us);
        int64_t came_us = heard / 2 * 20 * MS + 60 * MS + heard % 2 * 10 * MS;
        struct flow_report report = {1, heard, 0, (uint32_t)came_us, true};
        if (came_us + 50 * MS == now_us && ++heard > 0)
            flow_acknowledged(&flow, &report, now_us);
    }
}

static void is_paid_back(void) {
    now_us = sent = heard = 0;
    flow_init(&flow, now_us);
    send_for(10 * SECOND, false);
    size_t window = flow.window;
    CHECK_INT(flow_rate(&flow) / 10000, 100);
    send_for(SECOND, true);
    CHECK(flow.window >= window + 150000);     // the bytes of 150 ms,
    CHECK(flow.window <= 2 * window + 300000); // doubled at most
    send_for(SECOND / 4, false);
    CHECK(flow.window <= window * 11 / 10);
}

int main(void) {
    TEST("a connection has only begun for four round trips' segments, and after a pause",
         connections_begin);
    TEST("small packets are no connection that begins", small_packets);
    TEST("connections that begin have credit, and pay it back within a round trip", is_paid_back);
    return test_end();
}
