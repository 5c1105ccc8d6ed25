// SPDX-License-Identifier: ISC
// Bounded flight over simulated links: a queue without end before a link of some rate, and a fixed
// delay.
#include "base/compare.h"
#include "flow/flow.h"

#include "test.h"

#define MS           1000
#define SECOND       1000000
#define PACKETS_MAX  65536
#define BEGUN        (150 * TUN_MTU) // as fair_queue.c has it
#define WINDOW_FIRST (40 * 1024)     // as flow.c has it

// What is on its way: in the queue before the link, or behind it.
struct parcel {
    uint32_t counter;
    size_t bytes;
    int64_t arrives_us; // INT64_MAX: still in the queue
};

static struct {
    struct flow flow;
    struct flow_receiver receiver;
    struct parcel parcels[PACKETS_MAX];
    uint32_t next;     // counter of the next message
    uint32_t on_link;  // the first that is in the queue
    uint32_t arrived;  // the first that has not arrived
    double link_bytes; // that the link could have carried and did not
    int64_t now_us;
    int64_t rate;          // bytes a second; 0: an outage
    int64_t way_us;        // one way
    int64_t back_every_us; // acknowledgements come back in bursts, so far apart; 0: as they are
    int64_t clock_us;      // how much the other end's clock is ahead
    bool has_clock;        // its acknowledgements say the time
    int64_t other_rate;    // what the other end knows of the way back
    struct {
        struct flow_report report;
        int64_t at_us;
    } acks[PACKETS_MAX];
    uint32_t ack_head;
    uint32_t ack_tail;
    uint64_t delivered; // bytes, since sim_measure()
    int64_t since_us;
    int64_t waits[100000]; // of each message in the queue, since sim_measure()
    size_t wait_count;
    uint64_t ack_count;
    int64_t begun; // bytes of the connection that sends
    bool hurries;  // all that is sent does
} sim;

static void sim_start(int64_t rate, int64_t round_trip_us) {
    memset(&sim, 0, sizeof sim);
    sim.now_us = 1000 * SECOND;
    sim.rate = rate;
    sim.way_us = round_trip_us / 2;
    sim.clock_us = 12345 * (int64_t)SECOND;
    sim.has_clock = true;
    flow_init(&sim.flow, sim.now_us);
}

static void sim_measure(void) {
    sim.delivered = 0;
    sim.since_us = sim.now_us;
    sim.wait_count = 0;
    sim.ack_count = 0;
}

static void sim_ack(void) {
    uint8_t body[ACKNOWLEDGEMENT_BYTES];
    uint32_t at = sim.ack_tail++ % PACKETS_MAX;
    sim.acks[at].report = (struct flow_report){
        7,
        sim.receiver.counter,
        sim.now_us - sim.receiver.newest_us,
        (uint32_t)(sim.receiver.newest_us + sim.clock_us),
        sim.has_clock,
    };
    sim.acks[at].at_us = sim.now_us + sim.way_us;
    if (sim.back_every_us > 0) // the way back has gaps
        sim.acks[at].at_us += sim.back_every_us - sim.acks[at].at_us % sim.back_every_us;
    flow_acknowledge(&sim.receiver, body, sim.now_us);
    sim.ack_count++;
}

static void sim_send(size_t bytes) {
    bool has_begun = sim.begun < BEGUN && bytes > FLOW_SMALL;
    sim.begun += (int64_t)bytes;
    sim.parcels[sim.next % PACKETS_MAX] = (struct parcel){sim.next, bytes, -sim.now_us};
    flow_sent(&sim.flow, 7, sim.next++, bytes, has_begun, sim.hurries, sim.now_us);
}

// One step of a tenth of a millisecond; `hungry`: there is always more to send.
static void sim_step(bool hungry) {
    const int64_t step_us = 100;
    sim.now_us += step_us;
    if (sim.on_link != sim.next)
        sim.link_bytes += (double)sim.rate * (double)step_us / SECOND;
    else
        sim.link_bytes = 0;
    while (sim.on_link != sim.next) {
        struct parcel *parcel = &sim.parcels[sim.on_link % PACKETS_MAX];
        if (sim.link_bytes < (double)parcel->bytes)
            break;
        sim.link_bytes -= (double)parcel->bytes;
        if (sim.wait_count < COUNT(sim.waits))
            sim.waits[sim.wait_count++] = sim.now_us + parcel->arrives_us; // arrives_us: -sent
        parcel->arrives_us = sim.now_us + sim.way_us;
        sim.on_link++;
    }
    while (sim.arrived != sim.on_link &&
           sim.parcels[sim.arrived % PACKETS_MAX].arrives_us <= sim.now_us) {
        const struct parcel *parcel = &sim.parcels[sim.arrived % PACKETS_MAX];
        sim.delivered += parcel->bytes;
        flow_received(&sim.receiver, 7, parcel->counter, parcel->bytes, sim.now_us);
        sim.arrived++;
    }
    if (flow_owed_us(&sim.receiver, sim.other_rate) <= sim.now_us)
        sim_ack();
    while (sim.ack_head != sim.ack_tail &&
           sim.acks[sim.ack_head % PACKETS_MAX].at_us <= sim.now_us) {
        uint32_t at = sim.ack_head++ % PACKETS_MAX;
        flow_acknowledged(&sim.flow, &sim.acks[at].report, sim.now_us);
    }
    if (flow_due_us(&sim.flow) <= sim.now_us)
        flow_timeout(&sim.flow, sim.now_us);
    while (hungry && flow_room(&sim.flow, sim.now_us) > 0 &&
           sim.next - sim.arrived < PACKETS_MAX / 2)
        sim_send(flow_message_size(&sim.flow));
}

static void sim_run(int64_t time_us) {
    for (int64_t end_us = sim.now_us + time_us; sim.now_us < end_us;) sim_step(true);
}

static int compare(const void *a, const void *b) {
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y);
}

// The time that messages waited before the link, at some percentile, in ms.
static long sim_wait_ms(int percentile) {
    if (sim.wait_count == 0)
        return -1;
    qsort(sim.waits, sim.wait_count, sizeof sim.waits[0], compare);
    return (long)(sim.waits[(sim.wait_count - 1) * (size_t)percentile / 100] / MS);
}

// The share of what the link can carry, in percent.
static long sim_use(void) {
    return (long)(100.0 * (double)sim.delivered * SECOND /
                  ((double)(sim.now_us - sim.since_us) * (double)sim.rate));
}

static const struct {
    int64_t kbit;
    int64_t round_trip_ms;
    bool no_clock; // acknowledgements without the time
} links[] = {
    {100, 600, false},  {400, 400, false},    {768, 150, false},    {1600, 150, false},
    {1600, 150, true},  {9000, 60, false},    {9000, 60, true},     {9000, 300, false},
    {50000, 30, false}, {100000, 20, false},  {100000, 200, false}, {600000, 2, false},
    {600000, 2, true},  {1000000, 10, false},
};

static void sim_start_link(size_t i) {
    test_row("%ld kbit/s, %ld ms", (long)links[i].kbit, (long)links[i].round_trip_ms);
    sim_start(links[i].kbit * 125, links[i].round_trip_ms * MS);
    sim.has_clock = !links[i].no_clock;
}

// While nobody hurries, a message and the one before it may be longer, by 75 ms or six packets.
static void constant_links(void) {
    for (size_t i = 0; i < 2 * COUNT(links); i++) {
        long kbit = links[i / 2].kbit, trip_ms = links[i / 2].round_trip_ms;
        sim_start_link(i / 2);
        sim.hurries = i % 2 == 0;
        long more_ms = sim.hurries ? 0 : 2 * (long)smaller(75, 6 * 1500 * 8 / kbit);
        sim_run(3 * SECOND + 12 * trip_ms * MS);
        sim_measure();
        sim_run(20 * SECOND);
        if (getenv("SHOW"))
            printf("# %ld kbit/s %ld ms%s: use %ld %%, wait p50 %ld p95 %ld ms, acks/s %ld\n", kbit,
                   trip_ms, sim.hurries ? "" : ", calm", sim_use(), sim_wait_ms(50),
                   sim_wait_ms(95), (long)sim.ack_count / 20);
        CHECK(sim_use() >= 93);
        // A message takes its time on the link, too.
        CHECK(sim_wait_ms(50) <= 50 + more_ms + 4 * 1500 * 8 / kbit);
        CHECK(sim_wait_ms(95) <= 70 + more_ms + trip_ms * 2 / 3 + 5 * 1500 * 8 / kbit);
    }
}

// Whole segments that a message may have, by the rate: the least of them that share a header while
// somebody hurries, and more while nobody has for a second.
static void message_lengths(void) {
    static const struct {
        int64_t kbit;
        int64_t hurried;
        int64_t calm;
    } cases[] = {{100, 1, 1}, {400, 1, 2}, {768, 1, 4}, {1600, 2, 6}, {20000, 16, 16}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("%lld kbit/s", (long long)cases[i].kbit);
        sim_start(cases[i].kbit * 125, 100 * MS);
        sim.hurries = true;
        sim_run(10 * SECOND);
        CHECK_INT(flow_message_size(&sim.flow) / TUN_MTU, cases[i].hurried);
        sim.hurries = false;
        sim_run(SECOND * 9 / 10);
        CHECK_INT(flow_message_size(&sim.flow) / TUN_MTU, cases[i].hurried);
        sim_run(5 * SECOND);
        CHECK_INT(flow_message_size(&sim.flow) / TUN_MTU, cases[i].calm);
        sim.hurries = true;
        sim_send(100);
        CHECK_INT(flow_message_size(&sim.flow) / TUN_MTU, cases[i].hurried);
    }
}

// What the other end knows of the way back is then next to nothing, too, and it keeps
// acknowledgements back.
static void receiver_that_sends_little(void) {
    for (size_t i = 0; i < COUNT(links); i++) {
        sim_start_link(i);
        sim.other_rate = 700;
        sim_run(10 * SECOND + 12 * links[i].round_trip_ms * MS);
        sim_measure();
        sim_run(20 * SECOND);
        long cost = (long)(1000 * (int64_t)sim.ack_count * 110 / (20 * sim.rate));
        if (getenv("SHOW"))
            printf("# %ld kbit/s %ld ms: use %ld %%, acknowledgements cost %ld / 1000\n",
                   (long)links[i].kbit, (long)links[i].round_trip_ms, sim_use(), cost);
        CHECK(sim_use() >= 85);
        CHECK(cost <= 10 || sim.ack_count <= 20 * 6);
    }
}

// How long until the link is used to 80 % over a fifth of a second.
static long until_full_ms(int64_t most_us) {
    int64_t start_us = sim.now_us;
    while (sim.now_us - start_us < most_us) {
        sim_measure();
        sim_run(SECOND / 5);
        if (sim_use() >= 80)
            break;
    }
    return (long)((sim.now_us - start_us) / MS);
}

static void changing_rates(void) {
    static const struct {
        int64_t from_kbit;
        int64_t to_kbit;
        int64_t round_trip_ms;
        long limit_ms;
    } cases[] = {
        {100, 10000, 100, 2600},  {1000, 10000, 60, 1200},  {10000, 1000, 60, 1200},
        {10000, 100, 100, 15000}, {1000, 100000, 40, 1500}, {100000, 1000, 40, 2000},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("%ld to %ld kbit/s", (long)cases[i].from_kbit, (long)cases[i].to_kbit);
        sim_start(cases[i].from_kbit * 125, cases[i].round_trip_ms * MS);
        sim.hurries = true;
        sim_run(10 * SECOND);
        sim.rate = cases[i].to_kbit * 125;
        long full_ms = until_full_ms(20 * SECOND);
        sim_run(30 * SECOND);
        sim_measure();
        sim_run(5 * SECOND);
        if (getenv("SHOW"))
            printf("# %ld to %ld kbit/s: full after %ld ms; then use %ld %%, wait p95 %ld ms\n",
                   (long)cases[i].from_kbit, (long)cases[i].to_kbit, full_ms, sim_use(),
                   sim_wait_ms(95));
        CHECK(full_ms <= cases[i].limit_ms);
        CHECK(sim_use() >= 90);
        CHECK(sim_wait_ms(95) <= 70 + 5 * 1500 * 8 / cases[i].to_kbit);
    }
}

// It asks, and waits. Where nobody hurries it presumes before, for 0.6 s, that the link delivers.
static void outage(int64_t seconds, bool hurries) {
    test_row("%ld s, %s", (long)seconds, hurries ? "somebody hurries" : "nobody hurries");
    sim_start(9000 * 125, 60 * MS);
    sim.hurries = hurries;
    sim_run(5 * SECOND);
    sim.rate = 0;
    uint32_t before = sim.next;
    uint64_t bytes_before = sim.flow.sent_total;
    sim_run(SECOND);
    uint32_t asking = sim.next;
    sim_run((seconds - 1) * SECOND);
    CHECK(sim.next - asking <= ((uint32_t)seconds - 1) * 3);
    if (hurries)
        CHECK(sim.next - before <= 6 + (uint32_t)seconds * 3);
    CHECK(sim.flow.sent_total - bytes_before <= 9000 * 125 * 7 / 10);
    sim.rate = 9000 * 125;
    long full_ms = until_full_ms(20 * SECOND);
    if (getenv("SHOW"))
        printf("# outage of %ld s: full after %ld ms\n", (long)seconds, full_ms);
    CHECK(full_ms <= 1000);
}

static void outages(void) {
    for (int64_t seconds = 1; seconds <= 30; seconds = seconds * 3 + 1) {
        outage(seconds, true);
        outage(seconds, false);
    }
}

// A link that stands still, but for a packet now and then, while a queue is on it, and then is
// faster than before: what was sent before says nothing of the way's queue, so nothing is held
// back.
static void standstill(void) {
    sim_start(150000, 100 * MS);
    sim_run(3 * SECOND);
    for (int i = 0; i < 20; i++) { // connections that begin
        sim.begun = 0;
        sim_run(SECOND / 10);
    }
    sim.rate = 1500;
    sim_run(6 * SECOND);
    sim.rate = 0;
    sim_run(6 * SECOND);
    sim.rate = 300000;
    while (sim.flow.silence.is_silent) sim_step(true);
    sim_run(SECOND / 5);
    sim_measure();
    sim_run(SECOND / 2);
    if (getenv("SHOW"))
        printf("# after a standstill: use %ld %%, then", sim_use());
    CHECK(sim_use() >= 80);
    sim_run(10 * SECOND);
    sim_measure();
    sim_run(5 * SECOND);
    if (getenv("SHOW"))
        printf(" %ld %%, wait p95 %ld ms\n", sim_use(), sim_wait_ms(95));
    CHECK(sim_use() >= 90);
    CHECK(sim_wait_ms(95) <= 70);
}

// A rate that is another each fifth of a second, as in a car: the link is used all the same, and
// its queue is not that of a modem. While nobody hurries it may be longer, and more is carried.
static void restless_link(void) {
    static const int64_t rates_kbit[] = {2000, 9000, 500, 4000, 12000, 1000, 3000, 300, 6000};
    static const struct {
        bool hurries;
        uint64_t use;
        long wait_ms;
    } cases[] = {{true, 83, 700}, {false, 90, 900}}; // percent of what the link can carry
    for (size_t c = 0; c < COUNT(cases); c++) {
        test_row("%s", cases[c].hurries ? "somebody hurries" : "nobody hurries");
        uint64_t room = 0;
        sim_start(rates_kbit[0] * 125, 100 * MS);
        sim.hurries = cases[c].hurries;
        for (size_t i = 0; i < 25 * COUNT(rates_kbit); i++) {
            if (i == 5 * COUNT(rates_kbit)) {
                sim_measure();
                room = 0;
            }
            sim.rate = rates_kbit[i % COUNT(rates_kbit)] * 125;
            sim_run(SECOND / 5);
            room += (uint64_t)sim.rate / 5;
        }
        if (getenv("SHOW"))
            printf("# restless: use %ld %%, wait p50 %ld p95 %ld ms\n",
                   (long)(100 * sim.delivered / room), sim_wait_ms(50), sim_wait_ms(95));
        CHECK(100 * sim.delivered >= cases[c].use * room);
        CHECK(sim_wait_ms(95) <= cases[c].wait_ms);
    }
}

// A keystroke, and a fifth of a second without any.
static void sim_keystroke(void) {
    sim_send(100);
    for (int64_t end_us = sim.now_us + SECOND / 5; sim.now_us < end_us;) sim_step(false);
}

// Little was sent for a while, as by a keystroke now and then: the next page does not pay for it.
static void little_to_send(void) {
    sim_start(1600 * 125, 150 * MS);
    size_t first = flow_room(&sim.flow, sim.now_us);
    for (int i = 0; i < 100; i++) sim_keystroke();
    CHECK(flow_room(&sim.flow, sim.now_us) >= first);
    CHECK(flow_room(&sim.flow, sim.now_us) <= 2 * first);
}

// Nor where a keystroke may wait because the link stands still for a moment: that is no queue.
static void little_to_send_on_a_restless_link(void) {
    static const int64_t rates_kbit[] = {9000, 4000, 12000, 40, 3000, 6000, 30};
    sim_start(rates_kbit[0] * 125, 100 * MS);
    for (size_t i = 0; i < 10 * COUNT(rates_kbit); i++) {
        sim.rate = rates_kbit[i % COUNT(rates_kbit)] * 125;
        sim_run(SECOND / 5);
    }
    size_t before = sim.flow.window;
    for (size_t i = 0; i < 4 * COUNT(rates_kbit); i++) {
        sim.rate = rates_kbit[i % COUNT(rates_kbit)] * 125;
        sim_keystroke();
    }
    if (getenv("SHOW"))
        printf("# keystrokes on a restless link: window %zu, was %zu\n", sim.flow.window, before);
    CHECK(sim.flow.window >= before / 2);
}

// What was learnt before a pause does not hold up what comes after it, when the link is faster by
// then, and its little pauses are no queue.
static void faster_after_a_pause(void) {
    sim_start(2000 * 125, 100 * MS);
    sim_run(8 * SECOND);
    sim.rate = 20000 * 125;
    for (int i = 0; i < 10; i++) sim_keystroke();
    sim.begun = -2 * BEGUN; // a page has several connections
    sim_measure();
    for (int i = 0; i < 16; i++) {
        sim.rate = (i % 2 == 0 ? 0 : 40000) * 125;
        sim_run(60 * MS);
    }
    sim.rate = 20000 * 125; // the mean
    if (getenv("SHOW"))
        printf("# ten times as fast after a pause: use %ld %% of the first second\n", sim_use());
    CHECK(sim_use() >= 56);
}

// One who has a window of his own, half as large again as the link holds, and so never leaves
// anything behind: his queue does not stay either.
static void sender_with_a_window(void) {
    const int64_t rate = 10000 * 125;
    const size_t own = (size_t)(rate / 20 * 3 / 2);
    sim_start(rate, 50 * MS);
    for (int64_t end_us = sim.now_us + 20 * SECOND; sim.now_us < end_us;) {
        if (end_us - sim.now_us == 10 * SECOND)
            sim_measure();
        sim_step(false);
        while (flow_in_flight(&sim.flow) + 1500 <= own && flow_room(&sim.flow, sim.now_us) > 0)
            sim_send(1500);
    }
    if (getenv("SHOW"))
        printf("# a sender with a window: use %ld %%, wait p50 %ld p95 %ld ms\n", sim_use(),
               sim_wait_ms(50), sim_wait_ms(95));
    CHECK(sim_use() >= 93);
    CHECK(sim_wait_ms(50) <= 15);
}

// The rate that is known may be that of keystrokes, and it may be time to drain. Neither holds up a
// page that is asked for after a while.
static void page_after_a_while(void) {
    sim_start(10000 * 125, 50 * MS);
    sim_run(SECOND);
    for (int64_t end_us = sim.now_us + 12 * SECOND; sim.now_us < end_us;) sim_step(false);
    sim.flow.service.busy_us *= 100;
    for (int n = 0; n < 5; n++) {
        CHECK(flow_room(&sim.flow, sim.now_us) > 0);
        sim_send(300);
    }
    sim.begun = 0;
    for (int64_t end_us = sim.now_us + 100 * MS; sim.now_us < end_us;) sim_step(true);
    CHECK_INT(sim.flow.drain.window, 0);
}

// Little that comes while some messages are under way waits for more, for a moment. A way that is
// short is not worth it.
static void joining(void) {
    const int64_t trips_us[] = {5 * MS, 50 * MS};
    for (size_t i = 0; i < COUNT(trips_us); i++) {
        sim_start(10000 * 125, trips_us[i]);
        for (int n = 0; n < 20; n++) sim_run(10 * MS);
        for (int n = 0; n < 5000; n++) sim_step(false); // all has come
        for (int n = 0; n < 4; n++) sim_send(100);
        CHECK_INT(flow_joins_us(&sim.flow), 0);
        sim_send(100);
        CHECK_INT(flow_joins_us(&sim.flow), i == 0 ? 0 : sim.now_us + 2 * MS);
    }
}

// After a pause the window of a fast link is not let loose at once on what may be a slow one by
// now: each ten seconds leave half of it, and it is never less than the first.
static void pause_in_between(void) {
    static const struct {
        int64_t pause_us;
        size_t parts;
    } cases[] = {{9, 1}, {10, 2}, {19, 2}, {20, 4}, {30, 8}, {3600, 1000}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("%d s", (int)cases[i].pause_us);
        sim_start(100000 * 125, 40 * MS);
        sim_run(3 * SECOND);
        for (int64_t end_us = sim.now_us + SECOND; sim.now_us < end_us;) sim_step(false);
        size_t before = sim.flow.window;
        size_t left = before / cases[i].parts;
        CHECK(before > 300000);
        sim.now_us = sim.flow.sent_us + cases[i].pause_us * SECOND;
        sim_send(100);
        CHECK_INT(sim.flow.window, left > WINDOW_FIRST ? left : WINDOW_FIRST);
    }
}

// A path that has become longer for good is learnt.
static void longer_way(void) {
    sim_start(9000 * 125, 50 * MS);
    sim_run(10 * SECOND);
    sim.way_us = 150 * MS;
    sim_run(15 * SECOND);
    sim_measure();
    sim_run(5 * SECOND);
    if (getenv("SHOW"))
        printf("# longer way: use %ld %%\n", sim_use());
    CHECK(sim_use() >= 90);
}

// A page that begins while a queue drains is not held back by that. Its messages say nothing about
// the bare way: a packet's time on the link, and the round trip.
static void pages_while_it_drains(void) {
    static const int64_t pages[] = {1500, 15000};
    for (size_t i = 0; i < COUNT(pages); i++) {
        test_row("%lld bytes", (long long)pages[i]);
        sim_start(12000, 86 * MS);
        sim.hurries = true;
        sim.begun = BEGUN;
        sim_run(10 * SECOND);
        for (int round = 0; round < 10; round++) {
            for (int n = 0; n < 200000 && sim.flow.drain.window == 0; n++) sim_step(true);
            CHECK(sim.flow.drain.window > 0);
            sim.begun = BEGUN - pages[i];
            sim_run(3 * SECOND);
            CHECK(flow_bare_us(&sim.flow) <= 125 * MS + 100 * MS);
        }
    }
}

// Acknowledgements that come in bursts, because the way back is what comes and goes, do not make
// the way there look full. The other end's clock may be ahead by anything, also when its time
// wraps.
static void late_acknowledgements(void) {
    static const int64_t clocks_us[] = {0, -1000 * (int64_t)SECOND, 2294967296 - 5 * SECOND,
                                        INT32_MAX};
    for (size_t i = 0; i < COUNT(clocks_us); i++) {
        test_row("%lld us ahead", (long long)clocks_us[i]);
        sim_start(120000, 100 * MS);
        sim.back_every_us = 400 * MS;
        sim.clock_us = clocks_us[i];
        sim_run(10 * SECOND);
        sim_measure();
        sim_run(20 * SECOND);
        if (getenv("SHOW"))
            printf("# acknowledgements each 400 ms: use %ld %%, wait p95 %ld ms\n", sim_use(),
                   sim_wait_ms(95));
        CHECK(sim_use() >= 90);
        CHECK(sim_wait_ms(95) <= 600);
    }
}

// Where the way back stands still for most of a second, now and then, and nobody hurries, the way
// there is used meanwhile.
static void way_back_stands_still(void) {
    sim_start(120000, 100 * MS);
    sim_run(10 * SECOND);
    sim_measure();
    for (int i = 0; i < 10; i++) {
        sim.back_every_us = 0;
        sim_run(4 * SECOND);
        sim.back_every_us = 800 * MS;
        sim_run(800 * MS);
    }
    if (getenv("SHOW"))
        printf("# the way back stands still: use %ld %%, wait p95 %ld ms\n", sim_use(),
               sim_wait_ms(95));
    CHECK(sim_use() >= 95);
    CHECK(sim_wait_ms(95) <= 300);
}

// Somebody may be typing in that time, unheard. So it is not presumed where somebody did before.
static void somebody_before_a_standstill(void) {
    for (int64_t before_ms = 400; before_ms <= 4400; before_ms += 800) {
        test_row("%ld ms before", (long)before_ms);
        sim_start(120000, 100 * MS);
        sim.hurries = true;
        sim_run((14400 - before_ms) * MS);
        sim.hurries = false;
        sim_run(before_ms * MS);
        sim.back_every_us = 800 * MS; // acknowledgements of now come then
        uint64_t sent_before = sim.flow.sent_total;
        sim_run(800 * MS);
        uint64_t sent_ms = (sim.flow.sent_total - sent_before) / 120;
        if (getenv("SHOW"))
            printf("# hurried %ld ms before: %ld ms are sent\n", (long)before_ms, (long)sent_ms);
        CHECK(before_ms < 4000 ? sent_ms <= 200 : sent_ms >= 500);
    }
}

int main(void) {
    test_run("links of all kinds are full, and have a short queue", constant_links);
    test_run("messages are short while somebody hurries, and longer while nobody does",
             message_lengths);
    test_run("and so they are while the other end sends next to nothing",
             receiver_that_sends_little);
    test_run("a link that changes is filled again, and drained", changing_rates);
    test_run("after an outage the link is in use again at once", outages);
    test_run("after a standstill nothing is held back for a queue that was before it", standstill);
    test_run("a link whose rate comes and goes is in use, and its queue bounded", restless_link);
    test_run("little to send does not make the window smaller", little_to_send);
    test_run("nor on a restless link, where it may wait", little_to_send_on_a_restless_link);
    test_run("a link that is faster after a pause is filled soon", faster_after_a_pause);
    test_run("a queue does not stay where its sender has a window himself", sender_with_a_window);
    test_run("pages that begin while the queue drains do not make the way look longer",
             pages_while_it_drains);
    test_run("a page does not have the pace of what little there was before", page_after_a_while);
    test_run("small messages join when some are under way", joining);
    test_run("a pause makes the window smaller", pause_in_between);
    test_run("a way that becomes longer is learnt", longer_way);
    test_run("acknowledgements that come late leave the link in use", late_acknowledgements);
    test_run("and so does a way back that stands still, while nobody hurries",
             way_back_stands_still);
    test_run("but not where somebody hurried shortly before", somebody_before_a_standstill);
    return test_end();
}
