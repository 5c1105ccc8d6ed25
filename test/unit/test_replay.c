// SPDX-License-Identifier: ISC
// The replay window, against a model that remembers every counter.
#include "session/replay.h"

#include "test.h"

// What is promised: whatever is at most this far behind the newest counter can be told.
#define LEAST_WINDOW (REPLAY_WINDOW - 64)

// The model: all counters seen, relative to `base`, and the newest.
#define MODEL_SPAN 200000

struct model {
    uint64_t base;
    bool any;
    uint64_t newest;
    bool seen[MODEL_SPAN];
};

// Plays one counter to both; they must agree.
static void play(struct replay *replay, struct model *model, uint64_t counter) {
    bool is_newest = !model->any || counter > model->newest;
    bool in_window = is_newest || model->newest - counter < LEAST_WINDOW;
    bool expected = in_window && !model->seen[counter - model->base];
    struct replay before = *replay;
    bool may_be_new = replay_may_be_new(replay, counter);
    CHECK(memcmp(&before, replay, sizeof before) == 0);
    CHECK_INT(may_be_new, expected);
    if (!may_be_new)
        return;
    CHECK_INT(replay_mark(replay, counter), is_newest);
    CHECK(!replay_may_be_new(replay, counter));
    model->seen[counter - model->base] = true;
    model->newest = is_newest ? counter : model->newest;
    model->any = true;
}

static void in_order(void) {
    struct replay replay;
    replay_init(&replay);
    for (uint64_t counter = 0; counter < 3 * REPLAY_WINDOW; counter++) {
        test_row("%lu", (unsigned long)counter);
        CHECK(replay_may_be_new(&replay, counter));
        CHECK(replay_mark(&replay, counter));
        CHECK(!replay_may_be_new(&replay, counter));
    }
    for (uint64_t counter = 0; counter < 3 * REPLAY_WINDOW; counter++)
        CHECK(!replay_may_be_new(&replay, counter));
}

static void in_reverse(void) {
    struct replay replay;
    replay_init(&replay);
    for (uint64_t counter = LEAST_WINDOW; counter-- > 0;) {
        test_row("%lu", (unsigned long)counter);
        CHECK(replay_may_be_new(&replay, counter));
        CHECK_INT(replay_mark(&replay, counter), counter == LEAST_WINDOW - 1);
    }
    for (uint64_t counter = 0; counter < LEAST_WINDOW; counter++)
        CHECK(!replay_may_be_new(&replay, counter));
    CHECK(replay_may_be_new(&replay, LEAST_WINDOW));
}

// The window's far end, for every place of the newest counter in its word.
static void edges(void) {
    for (uint64_t newest = 0; newest < 3 * REPLAY_WINDOW; newest++) {
        struct replay replay;
        replay_init(&replay);
        test_row("newest %lu", (unsigned long)newest);
        CHECK(replay_mark(&replay, newest));
        CHECK(!replay_may_be_new(&replay, newest));
        CHECK(replay_may_be_new(&replay, newest + 1));
        if (newest >= LEAST_WINDOW) {
            CHECK(!replay_may_be_new(&replay, newest - LEAST_WINDOW));
            CHECK(!replay_may_be_new(&replay, 0));
        }
        uint64_t oldest = newest < LEAST_WINDOW - 1 ? 0 : newest - (LEAST_WINDOW - 1);
        for (uint64_t counter = oldest; counter < newest; counter++) {
            CHECK(replay_may_be_new(&replay, counter));
            CHECK(!replay_mark(&replay, counter));
            CHECK(!replay_may_be_new(&replay, counter));
        }
        CHECK(!replay_may_be_new(&replay, newest));
    }
}

// A jump of any size forgets nothing that is still in the window, and finds no old bits behind it.
static void jumps(void) {
    static const uint64_t starts[] = {0, 1, 63, 64, 65, 2047, 2048, 5000};
    for (size_t i = 0; i < COUNT(starts); i++) {
        for (uint64_t jump = 1; jump < 3 * REPLAY_WINDOW; jump++) {
            struct replay replay;
            replay_init(&replay);
            uint64_t first = starts[i] < 100 ? 0 : starts[i] - 100;
            for (uint64_t counter = first; counter <= starts[i]; counter++)
                replay_mark(&replay, counter);
            uint64_t to = starts[i] + jump;
            test_row("from %lu to %lu", (unsigned long)starts[i], (unsigned long)to);
            CHECK(replay_mark(&replay, to));
            uint64_t oldest = to < LEAST_WINDOW ? 0 : to - (LEAST_WINDOW - 1);
            for (uint64_t counter = oldest; counter <= to; counter++) {
                bool was_seen = (counter >= first && counter <= starts[i]) || counter == to;
                CHECK_INT(replay_may_be_new(&replay, counter), !was_seen);
            }
        }
    }
}

static void huge_jumps(void) {
    static const uint64_t steps[] = {
        0,
        1,
        100000,
        UINT32_MAX,
        UINT64_C(1) << 32,
        (UINT64_C(1) << 32) + REPLAY_WINDOW,
        (UINT64_C(1) << 62) + 17,
        UINT64_C(1) << 63,
        UINT64_MAX - 5000,
        UINT64_MAX - 64,
        UINT64_MAX - 63,
        UINT64_MAX - 2,
        UINT64_MAX - 1,
    };
    struct replay replay;
    replay_init(&replay);
    for (size_t i = 0; i < COUNT(steps); i++) {
        test_row("step %lu", (unsigned long)i);
        CHECK(replay_may_be_new(&replay, steps[i]));
        CHECK(replay_mark(&replay, steps[i]));
        for (size_t k = 0; k <= i; k++) CHECK(!replay_may_be_new(&replay, steps[k]));
    }
}

// One more than the last counter of all cannot be said: it is refused, whenever it comes.
static void the_last_counter(void) {
    struct replay replay;
    replay_init(&replay);
    CHECK(!replay_may_be_new(&replay, UINT64_MAX));
    CHECK(replay_mark(&replay, 0));
    CHECK(!replay_may_be_new(&replay, UINT64_MAX));
    CHECK(replay_mark(&replay, UINT64_MAX - 1));
    CHECK(!replay_may_be_new(&replay, UINT64_MAX));
    CHECK(!replay_may_be_new(&replay, UINT64_MAX - 1));
    CHECK(replay_may_be_new(&replay, UINT64_MAX - 2));
    CHECK(!replay_mark(&replay, UINT64_MAX - 2));
    CHECK(!replay_may_be_new(&replay, UINT64_MAX - 1 - LEAST_WINDOW));
    CHECK(replay_may_be_new(&replay, UINT64_MAX - LEAST_WINDOW));
}

// Random orders of all kinds, also at the end of the numbers.
static void like_the_model(void) {
    static struct model model;
    for (int round = 0; round < 60 && !test_state.failed; round++) {
        struct replay replay;
        replay_init(&replay);
        memset(&model, 0, sizeof model);
        if (round % 3 == 1)
            model.base = UINT64_MAX - MODEL_SPAN;
        else if (round % 3 == 2)
            model.base = test_random() >> 1;
        uint64_t at = test_below(5000); // around which counters come
        uint32_t spread = 1 + test_below(2 * REPLAY_WINDOW);
        for (int step = 0; step < 20000 && !test_state.failed; step++) {
            uint32_t kind = test_below(1000);
            at += kind < 500 ? 1 : kind < 510 ? test_below(3 * REPLAY_WINDOW) : 0;
            if (at >= MODEL_SPAN)
                break;
            uint64_t back = test_below(spread);
            uint64_t counter = model.base + (back < at ? at - back : at);
            test_row("round %d, step %d", round, step);
            play(&replay, &model, counter);
        }
    }
}

int main(void) {
    TEST("counters in order are all new, once", in_order);
    TEST("counters in reverse order are all new, once, as far as the window goes", in_reverse);
    TEST("the window ends where it should, wherever its newest counter stands", edges);
    TEST("a jump forgets nothing in the window, and finds nothing old there", jumps);
    TEST("huge jumps work up to the last counter but one", huge_jumps);
    TEST("the last counter of all is refused", the_last_counter);
    TEST("random orders are judged as a model judges them that remembers all", like_the_model);
    return test_end();
}
