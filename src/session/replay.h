// SPDX-License-Identifier: ISC
// The replay window: which messages of a session were seen (RFC 4303 section 3.4.3, with the bitmap
// of RFC 6479).
#pragma once

#include "../limits.h"
#include <stdbool.h>

#define REPLAY_WORDS (REPLAY_WINDOW / 64)

struct replay {
    uint64_t next; // one more than the greatest counter seen
    uint64_t seen[REPLAY_WORDS];
};

// Nothing was seen yet.
void replay_init(struct replay *replay);
// Whether a message with this counter may be new. Ask before decrypting, mark only what was
// genuine.
bool replay_may_be_new(const struct replay *replay, uint64_t counter);
// Marks it as seen. Returns whether it is newer than all before.
bool replay_mark(struct replay *replay, uint64_t counter);
