// SPDX-License-Identifier: ISC
// Who gives way in a full table.
#include "base/crowd.h"

#include "test.h"

#define PLACES 8

static struct crowd_place places[PLACES];

// Fills the table with these sources, in this order, each in the place of its number.
static void fill(const uint64_t sources[PLACES]) {
    memset(places, 0, sizeof places);
    for (size_t i = 0; i < PLACES; i++) crowd_enter(places, PLACES, i, sources[i]);
}

static void table_of_cases(void) {
    static const struct {
        const char *what;
        uint64_t sources[PLACES]; // oldest first
        uint64_t newcomer;
        size_t expected;
    } cases[] = {
        {"one source alone: its oldest", {7, 7, 7, 7, 7, 7, 7, 7}, 7, 0},
        {"one source alone, another comes", {7, 7, 7, 7, 7, 7, 7, 7}, 1, 0},
        {"the oldest of all is another's", {1, 7, 7, 7, 7, 7, 7, 7}, 2, 1},
        {"the largest comes again", {1, 7, 7, 7, 7, 7, 7, 2}, 7, 1},
        {"all different: the oldest", {1, 2, 3, 4, 5, 6, 7, 8}, 9, 0},
        {"all different, one comes again: his own", {1, 2, 3, 4, 5, 6, 7, 8}, 5, 4},
        {"two halves, the first comes again", {1, 1, 1, 1, 2, 2, 2, 2}, 1, 0},
        {"two halves, the second comes again", {1, 1, 1, 1, 2, 2, 2, 2}, 2, 4},
        {"two halves, a third comes: the oldest of both", {2, 1, 1, 1, 1, 2, 2, 2}, 3, 0},
        {"a pair among single ones", {1, 2, 3, 4, 5, 6, 4, 8}, 9, 3},
        {"a pair, another becomes one: the oldest of both", {1, 2, 3, 4, 5, 6, 4, 8}, 2, 1},
        {"a pair, a younger becomes one", {1, 2, 3, 4, 5, 6, 4, 8}, 8, 3},
        {"source 0 is one like any other", {0, 0, 0, 1, 2, 3, 4, 5}, 6, 0},
        {"the highest source, too", {1, 2, 3, UINT64_MAX - 1, UINT64_MAX - 1, 4, 5, 6}, 7, 3},
        {"nobody comes", {1, 2, 2, 3, 4, 5, 6, 7}, CROWD_NOBODY, 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("%s", cases[i].what);
        fill(cases[i].sources);
        CHECK_INT(crowd_gives_way(places, PLACES, cases[i].newcomer), cases[i].expected);
    }
}

static void nobody_there(void) {
    memset(places, 0, sizeof places);
    CHECK_INT(crowd_gives_way(places, PLACES, 1), PLACES);
    CHECK_INT(crowd_gives_way(places, 0, 1), 0);
    crowd_enter(places, PLACES, 5, 1);
    CHECK_INT(crowd_gives_way(places, PLACES, 0), 5);
    crowd_leave(places, PLACES, 5);
    CHECK_INT(crowd_gives_way(places, PLACES, 0), PLACES);
}

static void renewed(void) {
    static const uint64_t sources[PLACES] = {7, 7, 7, 1, 2, 3, 4, 5};
    fill(sources);
    crowd_renew(places, PLACES, 0);
    CHECK_INT(crowd_gives_way(places, PLACES, 6), 1);
    crowd_renew(places, PLACES, 1);
    CHECK_INT(crowd_gives_way(places, PLACES, 6), 2);
    crowd_renew(places, PLACES, 2);
    CHECK_INT(crowd_gives_way(places, PLACES, 6), 0);
}

// An attacker with one source, however often he comes, never gets a place of another's.
static void one_attacker(void) {
    static const uint64_t sources[PLACES] = {1, 66, 66, 66, 2, 66, 66, 3};
    fill(sources);
    for (int i = 0; i < 1000; i++) {
        size_t at = crowd_gives_way(places, PLACES, 66);
        CHECK_INT(places[at].source, 66);
        crowd_leave(places, PLACES, at);
        crowd_enter(places, PLACES, at, 66);
    }
    CHECK_INT(places[0].source, 1);
    CHECK_INT(places[4].source, 2);
    CHECK_INT(places[7].source, 3);
}

// The rule once more, counted each time from the beginning.
static size_t counted_anew(uint64_t newcomer) {
    size_t found = PLACES;
    uint32_t most = 0;
    for (size_t i = 0; i < PLACES; i++) {
        uint32_t held = places[i].source == newcomer;
        for (size_t k = 0; k < PLACES; k++)
            held += places[k].held > 0 && places[k].source == places[i].source;
        if (places[i].held == 0)
            continue;
        if (held > most || (held == most && places[i].turn < places[found].turn)) {
            most = held;
            found = i;
        }
    }
    return found;
}

// With few sources and with many.
static void at_random(void) {
    for (uint32_t sources = 1; sources <= 12; sources++) {
        memset(places, 0, sizeof places);
        test_row("%u sources", (unsigned)sources);
        for (int i = 0; i < 20000; i++) {
            uint64_t source = test_below(sources);
            size_t at = test_below(PLACES);
            if (places[at].held > 0 && test_below(3) == 0) {
                crowd_leave(places, PLACES, at);
            } else if (places[at].held > 0 && test_below(3) == 0) {
                crowd_renew(places, PLACES, at);
            } else if (places[at].held == 0) {
                crowd_enter(places, PLACES, at, source);
            } else {
                at = crowd_gives_way(places, PLACES, source);
                CHECK_INT(at, counted_anew(source));
                crowd_leave(places, PLACES, at);
                crowd_enter(places, PLACES, at, source);
            }
        }
    }
}

// In a table that is always full: what a source holds at most its share of, it keeps.
static void shares_are_safe(void) {
    for (uint32_t sources = 2; sources <= PLACES; sources++) {
        memset(places, 0, sizeof places);
        for (size_t i = 0; i < PLACES; i++) crowd_enter(places, PLACES, i, test_below(sources));
        test_row("%u sources", (unsigned)sources);
        for (int i = 0; i < 20000; i++) {
            uint64_t source = test_below(sources);
            size_t at = crowd_gives_way(places, PLACES, source);
            CHECK(places[at].source == source || places[at].held > PLACES / sources);
            crowd_leave(places, PLACES, at);
            crowd_enter(places, PLACES, at, source);
        }
    }
}

int main(void) {
    TEST("the oldest of the source that holds the most gives way", table_of_cases);
    TEST("an empty table has nobody to give way", nobody_there);
    TEST("a place that is renewed is the newest", renewed);
    TEST("an attacker with one source takes no place of another's", one_attacker);
    TEST("the counts are right after any coming and going", at_random);
    TEST("a source that holds its share or less loses nothing to others", shares_are_safe);
    return test_end();
}
