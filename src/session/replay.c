// SPDX-License-Identifier: ISC
// One bit for each of the last REPLAY_WINDOW counters, in a ring of words: the word of a counter is
// counter / 64 modulo their number. When the greatest counter moves on into a new word, the words
// between are cleared, and nothing is ever shifted (RFC 6479 section 2). So that a word is never
// old and new at a time, the window that is promised is one word shorter than the ring.
#include "replay.h"
#include <string.h>

#define PROMISED (REPLAY_WINDOW - 64)

void replay_init(struct replay *replay) { memset(replay, 0, sizeof *replay); }

static uint64_t *word_of(struct replay *replay, uint64_t counter) {
    return &replay->seen[counter / 64 % REPLAY_WORDS];
}

bool replay_may_be_new(const struct replay *replay, uint64_t counter) {
    if (counter >= replay->next)
        return counter != UINT64_MAX; // `next` could not be said of it
    if (replay->next - counter > PROMISED)
        return false;
    return (replay->seen[counter / 64 % REPLAY_WORDS] >> counter % 64 & 1) == 0;
}

bool replay_mark(struct replay *replay, uint64_t counter) {
    bool is_newest = counter >= replay->next;
    if (is_newest) {
        uint64_t from = replay->next == 0 ? 0 : (replay->next - 1) / 64 + 1;
        uint64_t to = counter / 64;
        if (to - from >= REPLAY_WORDS && to >= from)
            from = to - REPLAY_WORDS + 1;
        for (uint64_t word = from; word <= to; word++) *word_of(replay, word * 64) = 0;
        replay->next = counter + 1;
    }
    *word_of(replay, counter) |= UINT64_C(1) << counter % 64;
    return is_newest;
}
