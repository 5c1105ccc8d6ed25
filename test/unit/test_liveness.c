// SPDX-License-Identifier: ISC
// Liveness: when to ask, and how long an answer has been owed.
#include "session/liveness.h"

#include "base/bytes.h"
#include "test.h"

static struct liveness liveness;

// Pings when one is due, at `step_ms` intervals; notes when the pings went.
static int64_t pings[100];
static size_t ping_count;
static int64_t round_trip_ms; // of the last

static void pass_time(int64_t from_ms, int64_t to_ms, int64_t step_ms, bool answered) {
    uint8_t body[PING_BYTES];
    for (int64_t now_ms = from_ms; now_ms < to_ms; now_ms += step_ms) {
        if (!liveness_ping_is_due(&liveness, now_ms))
            continue;
        if (ping_count < COUNT(pings))
            pings[ping_count++] = now_ms;
        liveness_ping(&liveness, body, now_ms);
        liveness_sent(&liveness, now_ms);
        if (answered) {
            liveness_answered(&liveness);
            round_trip_ms = liveness_round_trip(body, now_ms + 40);
        }
    }
}

// At first nothing is known, and one ping is due; while all is well, one in a while.
static void all_is_well(void) {
    liveness_init(&liveness, 5000);
    ping_count = 0;
    CHECK_INT(liveness_silence(&liveness, 5000), 0);
    CHECK_INT(liveness_silence(&liveness, 900000), 0);
    pass_time(5000, 5000 + 5 * LIVENESS_IDLE_MS, 250, true);
    CHECK_INT(ping_count, 5);
    for (size_t i = 0; i < ping_count; i++)
        CHECK_INT(pings[i], 5000 + (int64_t)i * LIVENESS_IDLE_MS);
    CHECK_INT(round_trip_ms, 40);
    CHECK_INT(liveness_silence(&liveness, 5000 + 5 * LIVENESS_IDLE_MS), 0);
}

// Nothing is owed by a peer that was sent nothing, however long it says nothing.
static void nothing_is_owed(void) {
    liveness_init(&liveness, 0);
    liveness_answered(&liveness);
    CHECK_INT(liveness_silence(&liveness, 1000000), 0);
    liveness_sent(&liveness, 2000000);
    CHECK_INT(liveness_silence(&liveness, 2000000), 0);
    CHECK_INT(liveness_silence(&liveness, 2000700), 700);
}

// The silence counts from the first message that is not answered, not from the last.
static void silence(void) {
    liveness_init(&liveness, 0);
    ping_count = 0;
    pass_time(0, 1, 1, true);
    for (int64_t now_ms = 3000; now_ms < 8000; now_ms += 10) {
        liveness_sent(&liveness, now_ms);
        CHECK_INT(liveness_silence(&liveness, now_ms), now_ms - 3000);
    }
    pass_time(3000, 8000, 10, false);
    CHECK_INT(ping_count, 5);
    for (size_t i = 1; i < ping_count; i++)
        CHECK_INT(pings[i], 3000 + LIVENESS_PROBE_MS * (int64_t)i);
    CHECK(liveness_silence(&liveness, 8000) >= LIVENESS_DEAD_MS);
    liveness_answered(&liveness);
    CHECK_INT(liveness_silence(&liveness, 9000), 0);
    CHECK(!liveness_ping_is_due(&liveness, 9000));
}

// Who is excused owes nothing until he is sent something again.
static void excused(void) {
    liveness_init(&liveness, 0);
    liveness_sent(&liveness, 1000);
    CHECK_INT(liveness_silence(&liveness, 6000), 5000);
    liveness_answered(&liveness);
    CHECK_INT(liveness_silence(&liveness, 6000), 0);
    liveness_sent(&liveness, 7000);
    CHECK_INT(liveness_silence(&liveness, 7300), 300);
}

// A peer that dies in any moment is asked within a second, and known to be dead soon after the
// limit.
static void noticed_in_time(void) {
    for (int64_t death_ms = 0; death_ms < 2 * LIVENESS_IDLE_MS; death_ms += 130) {
        liveness_init(&liveness, 0);
        ping_count = 0;
        pass_time(0, death_ms + 1, 10, true);
        size_t before = ping_count;
        int64_t sent_ms = death_ms + 100;
        liveness_sent(&liveness, sent_ms);
        pass_time(sent_ms, sent_ms + LIVENESS_DEAD_MS, 10, false);
        test_row("death at %ld", (long)death_ms);
        CHECK(ping_count - before >= 4);
        CHECK(pings[before] <= sent_ms + LIVENESS_PROBE_MS);
        CHECK(liveness_silence(&liveness, sent_ms + LIVENESS_DEAD_MS) >= LIVENESS_DEAD_MS);
    }
}

// Without traffic, the idle ping finds it out.
static void noticed_when_idle(void) {
    liveness_init(&liveness, 0);
    pass_time(0, 1, 1, true);
    pass_time(1, 2 * LIVENESS_IDLE_MS, 250, false);
    CHECK(liveness_silence(&liveness, LIVENESS_IDLE_MS + 250 + LIVENESS_DEAD_MS) >=
          LIVENESS_DEAD_MS);
}

// The body is the sender's clock in network byte order; what else comes back is left aside.
static void pongs(void) {
    static const struct {
        const char *body;
        int64_t round_trip_ms; // -1: left aside
    } cases[] = {
        {"00000000 000186a0", 0},     // 100 000, which is now
        {"00000000 0001869f", 1},     // a moment ago
        {"00000000 00015f90", 10000}, // as long ago as is believed
        {"00000000 00015f8f", -1},    // longer
        {"00000000 000186a1", -1},    // in a moment
        {"00000000 00000000", -1},    {"7fffffff ffffffff", -1}, {"80000000 00000000", -1},
        {"ffffffff ffffffff", -1},    {"80000000 000186a0", -1}, {"ffffffff 00000000", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t body[PING_BYTES];
        test_row("%s", cases[i].body);
        CHECK_INT(test_hex(body, sizeof body, cases[i].body), PING_BYTES);
        CHECK_INT(liveness_round_trip(body, 100000), cases[i].round_trip_ms);
    }
}

static void a_ping_says_when(void) {
    uint8_t body[PING_BYTES];
    liveness_init(&liveness, 0);
    liveness_ping(&liveness, body, INT64_C(0x0102030405060708));
    CHECK(get_be64(body) == UINT64_C(0x0102030405060708));
}

int main(void) {
    TEST("while all is well there is a ping in a while, and it measures", all_is_well);
    TEST("who was sent nothing owes nothing", nothing_is_owed);
    TEST("silence counts from the first message without an answer, and is asked about", silence);
    TEST("who is excused owes nothing until he is asked again", excused);
    TEST("whenever a peer dies, it is asked within a second and soon known dead", noticed_in_time);
    TEST("a peer that dies while nothing is sent is noticed by the idle ping", noticed_when_idle);
    TEST("only a pong that makes sense is believed", pongs);
    TEST("a ping's body is the clock in network byte order", a_ping_says_when);
    return test_end();
}
