// SPDX-License-Identifier: ISC
// CoDel against the pseudocode of RFC 8289 section 5.5, written down here as it stands there, with
// a queue of its own and in floating point.
#include "queue/codel.h"

#include "limits.h"
#include "test.h"

// A queue of packets that are all of one size, known by their numbers and when they came.
#define QUEUE_MAX 65536

struct line {
    int64_t arrived_us[QUEUE_MAX];
    uint32_t first;
    uint32_t last;
};

#define PACKET_BYTES 1000

static size_t line_bytes(const struct line *line)
{
    return (size_t)(line->last - line->first) * PACKET_BYTES;
}

static void line_push(struct line *line, int64_t now_us)
{
    line->arrived_us[line->last++ % QUEUE_MAX] = now_us;
}

// Which packets were dropped, and when.
#define DROPS_MAX 65536

struct drops {
    size_t count;
    uint32_t numbers[DROPS_MAX];
    int64_t at_us[DROPS_MAX];
};

static void add_drop(struct drops *drops, uint32_t number, int64_t now_us)
{
    if (drops->count < DROPS_MAX) {
        drops->numbers[drops->count] = number;
        drops->at_us[drops->count] = now_us;
    }
    drops->count++;
}

// ---- RFC 8289 section 5.5. Times are in microseconds.

struct reference {
    struct line line;
    struct drops drops;
    double target;
    double interval;
    size_t spared;
    double first_above_time; // 0: not above
    double drop_next;
    uint32_t count;
    uint32_t lastcount;
    bool dropping;
};

// By Newton's method: the C library's has to be linked.
static double reference_sqrt(double n)
{
    double root = n;
    for (int i = 0; i < 100; i++)
        root = (root + n / root) / 2;
    return root;
}

// Rounded down to microseconds, the unit of the clock, so that a thousand drops do not add up to a
// millisecond.
static double control_law(const struct reference *r, double t, uint32_t count)
{
    return t + (double)(int64_t)(r->interval / reference_sqrt(count));
}

// Returns false where the queue is empty; the packet's number otherwise in *number.
static bool dodequeue(struct reference *r, double now, uint32_t *number, bool *ok_to_drop)
{
    *ok_to_drop = false;
    if (r->line.first == r->line.last) {
        r->first_above_time = 0;
        return false;
    }
    *number = r->line.first++;
    double sojourn_time = now - (double)r->line.arrived_us[*number % QUEUE_MAX];
    if (sojourn_time < r->target || line_bytes(&r->line) <= r->spared)
        r->first_above_time = 0;
    else if (r->first_above_time == 0)
        r->first_above_time = now + r->interval;
    else if (now >= r->first_above_time)
        *ok_to_drop = true;
    return true;
}

static bool reference_dequeue(struct reference *r, int64_t now_us, uint32_t *number)
{
    double now = (double)now_us;
    bool ok_to_drop;
    bool there = dodequeue(r, now, number, &ok_to_drop);
    if (r->dropping) {
        if (!ok_to_drop)
            r->dropping = false;
        while (now >= r->drop_next && r->dropping) {
            add_drop(&r->drops, *number, now_us);
            r->count++;
            there = dodequeue(r, now, number, &ok_to_drop);
            if (!ok_to_drop)
                r->dropping = false;
            else
                r->drop_next = control_law(r, r->drop_next, r->count);
        }
    } else if (ok_to_drop) {
        add_drop(&r->drops, *number, now_us);
        there = dodequeue(r, now, number, &ok_to_drop);
        r->dropping = true;
        uint32_t delta = r->count - r->lastcount;
        r->count = 1;
        if (delta > 1 && now - r->drop_next < 16 * r->interval)
            r->count = delta;
        r->drop_next = control_law(r, now, r->count);
        r->lastcount = r->count;
    }
    return there;
}

// ---- The same with codel.c.

struct tested {
    struct line line;
    struct drops drops;
    struct codel_settings settings;
    struct codel codel;
};

static bool tested_dequeue(struct tested *t, int64_t now_us, uint32_t *number)
{
    while (t->line.first != t->line.last) {
        *number = t->line.first++;
        int64_t waited_us = now_us - t->line.arrived_us[*number % QUEUE_MAX];
        if (!codel_judge(&t->codel, &t->settings, waited_us, line_bytes(&t->line), now_us))
            return true;
        add_drop(&t->drops, *number, now_us);
    }
    return false;
}

// ---- Both side by side.

static struct reference reference;
static struct tested tested;

static void start(uint64_t bytes_per_second)
{
    memset(&reference, 0, sizeof reference);
    memset(&tested, 0, sizeof tested);
    codel_set_rate(&tested.settings, bytes_per_second);
    reference.target = (double)tested.settings.target_us;
    reference.spared = tested.settings.spared;
    reference.interval = (double)tested.settings.interval_us;
}

// One packet's time goes by: `arriving` packets come, and one may leave.
static void step_both(int64_t now_us, unsigned arriving)
{
    uint32_t number[2] = {0, 0};
    for (unsigned i = 0; i < arriving; i++) {
        line_push(&reference.line, now_us);
        line_push(&tested.line, now_us);
    }
    bool there = reference_dequeue(&reference, now_us, &number[0]);
    CHECK_INT(tested_dequeue(&tested, now_us, &number[1]), there);
    CHECK_INT(number[1], number[0]);
    CHECK_INT(tested.drops.count, reference.drops.count);
}

static void check_drops(void)
{
    CHECK(reference.drops.count <= DROPS_MAX);
    for (size_t i = 0; i < reference.drops.count; i++) {
        CHECK_INT(tested.drops.numbers[i], reference.drops.numbers[i]);
        CHECK_INT(tested.drops.at_us[i], reference.drops.at_us[i]);
    }
}

// Overloads that last, by how often a packet may leave and how many come meanwhile.
static void constant_overload(void)
{
    static const struct {
        int64_t packet_us;
        unsigned arriving;
        int packets;
        size_t least_drops;
    } loads[] = {
        {997, 2, 30000, 5000}, {1999, 2, 15000, 3000}, {4999, 2, 8000, 1000}, {997, 3, 20000, 5000},
        {103, 2, 50000, 600},  {12007, 2, 5000, 1000}, {100003, 2, 600, 100},
    };
    for (size_t i = 0; i < COUNT(loads) && !test_state.failed; i++) {
        start(PACKET_BYTES * UINT64_C(1000000) / (uint64_t)loads[i].packet_us);
        for (int n = 1; n <= loads[i].packets && !test_state.failed; n++) {
            test_row("%d us a packet, %u come, packet %d", (int)loads[i].packet_us,
                     loads[i].arriving, n);
            step_both(n * loads[i].packet_us, loads[i].arriving);
        }
        check_drops();
        if (reference.drops.count < loads[i].least_drops)
            test_fail(__FILE__, __LINE__, "only %lu drops", (unsigned long)reference.drops.count);
    }
}

// Overloads that come and go, so that dropping begins anew, soon after the last time or long after.
static void coming_and_going(void)
{
    for (int round = 0; round < 60 && !test_state.failed; round++) {
        int64_t now_us = 1;
        start(0);
        for (int phase = 0; phase < 30 && !test_state.failed; phase++) {
            unsigned most = phase % 2 == 0 ? 4 : 1 + (test_below(4) == 0);
            int packets = (int)test_below(phase % 2 == 0 ? 800 : 3000);
            for (int n = 0; n < packets && !test_state.failed; n++) {
                test_row("round %d, phase %d, packet %d", round, phase, n);
                now_us += 900 + (int64_t)test_below(200);
                step_both(now_us, test_below(most + 1));
            }
        }
        check_drops();
    }
}

// A link that stood still for a while: the packets that it kept for too long go at once, as the law
// wants.
static void standstill(void)
{
    start(0);
    for (int n = 1; n <= 2000; n++)
        step_both(n * INT64_C(1009), 2);
    size_t before = tested.drops.count;
    for (int n = 0; n < 100 && !test_state.failed; n++)
        step_both(INT64_C(9000000) + n * 1009, 1);
    check_drops();
    CHECK(tested.codel.count > before + 100);
}

// The control law by itself: a drop follows the last after interval / sqrt(count).
static void control_law_alone(void)
{
    static const uint32_t counts[] = {1,     2,       3,         4,          5,
                                      10,    99,      100,       1000,       65535,
                                      65536, 1000000, 123456789, 4000000000, 4294967294U};
    struct codel_settings settings = {5000, 100000, TUN_MTU};
    for (size_t i = 0; i < COUNT(counts); i++) {
        struct codel codel = {.above = true, .dropping = true, .count = counts[i]};
        codel.next_us = INT64_C(1000000);
        test_row("count %lu", (unsigned long)counts[i]);
        CHECK(codel_judge(&codel, &settings, 6000, 5000, INT64_C(1000000)));
        CHECK_INT(codel.count, counts[i] + 1);
        double expected = 100000 / reference_sqrt((double)counts[i] + 1);
        double is = (double)(codel.next_us - 1000000);
        CHECK(is <= expected && is > expected - 1);
    }
}

static void count_stays(void)
{
    struct codel_settings settings = {5000, 100000, TUN_MTU};
    struct codel codel = {.above = true, .dropping = true, .count = UINT32_MAX, .next_us = 1000000};
    CHECK(codel_judge(&codel, &settings, 6000, 5000, 1000000));
    CHECK_INT(codel.count, UINT32_MAX);
    CHECK_INT(codel.next_us, 1000001);
}

// Judges a packet a millisecond, all with the same wait and the same bytes behind them. Returns how
// many were dropped.
static int judge_many(uint64_t rate, int64_t waited_us, size_t behind, int packets)
{
    struct codel_settings settings;
    struct codel codel = {.count = 0};
    int dropped = 0;
    codel_set_rate(&settings, rate);
    for (int n = 0; n < packets; n++)
        dropped += codel_judge(&codel, &settings, waited_us, behind, INT64_C(1000) * n);
    return dropped;
}

static void thresholds(void)
{
    CHECK_INT(judge_many(0, 4999, 100000, 10000), 0);
    CHECK(judge_many(0, 5000, 100000, 10000) > 100);
    CHECK_INT(judge_many(0, 1000000, TUN_MTU, 10000), 0);
    CHECK_INT(judge_many(0, 1000000, 0, 10000), 0);
    CHECK(judge_many(0, 1000000, TUN_MTU + 1, 10000) > 100);
    CHECK_INT(judge_many(1000000, 1000000, CODEL_BEGUN, 10000), 0); // a page's connections
    CHECK(judge_many(1000000, 1000000, CODEL_BEGUN + 1, 10000) > 100);
    CHECK_INT(judge_many(0, 1000000, 100000, 100), 0); // an interval, but for its last millisecond
    CHECK_INT(judge_many(0, 1000000, 100000, 101), 1);
    CHECK_INT(judge_many(0, -1, 100000, 10000), 0); // a clock that went back
}

static const struct {
    uint64_t rate;
    int64_t target_us;
    int64_t interval_us;
} rates[] = {
    {0, 5000, 100000},          // not known
    {UINT64_MAX, 5000, 100000}, //
    {1000000, 5000, 100000},    // 2.25 ms for 1.5 * 1500 bytes
    {450000, 5000, 100000},     // 5 ms
    {449000, 5011, 100011},     // 2.25e9 / 449000
    {100000, 22500, 117500},    // 0.8 Mbit/s
    {22500, 100000, 200000},    // 180 kbit/s; from about here on twice the target
    {12500, 180000, 360000},    // 100 kbit/s
    {38, 59210526, 118421052},  //
    {37, 60000000, 120000000},  // the most there is
    {1, 60000000, 120000000},   //
};

static void rate_settings(void)
{
    for (size_t i = 0; i < COUNT(rates); i++) {
        struct codel_settings settings;
        test_row("%llu bytes/s", (unsigned long long)rates[i].rate);
        codel_set_rate(&settings, rates[i].rate);
        CHECK_INT(settings.target_us, rates[i].target_us);
        CHECK_INT(settings.interval_us, rates[i].interval_us);
    }
}

static const struct {
    uint64_t rate;
    int64_t round_trip_us;
    int64_t target_us;
    int64_t interval_us;
} ways[] = {
    {0, 0, 5000, 100000}, // not known
    {0, 20000, 20000, 100000},
    {0, 150000, 150000, 450000}, // three of them
    {0, INT64_C(60000000), 666666, 2000000},
    {22500, 50000, 100000, 200000}, // a packet takes longer
};

static void round_trip_settings(void)
{
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct codel_settings settings;
        test_row("%llu bytes/s, %lld us", (unsigned long long)ways[i].rate,
                 (long long)ways[i].round_trip_us);
        codel_set_rate(&settings, ways[i].rate);
        codel_set_round_trip(&settings, ways[i].round_trip_us);
        CHECK_INT(settings.target_us, ways[i].target_us);
        CHECK_INT(settings.interval_us, ways[i].interval_us);
    }
}

int main(void)
{
    TEST("under a constant overload the same packets are dropped as by RFC 8289's pseudocode",
         constant_overload);
    TEST("so they are when overloads come and go", coming_and_going);
    TEST("and after the link stood still", standstill);
    TEST("drops follow each other after interval / sqrt(count), to the microsecond",
         control_law_alone);
    TEST("a count that is as large as it can be stays", count_stays);
    TEST("nothing is dropped below the target, within an interval, or with less than a packet "
         "behind",
         thresholds);
    TEST("the slower the link, the longer are target and interval", rate_settings);
    TEST("and so they are with a longer round trip", round_trip_settings);
    return test_end();
}
