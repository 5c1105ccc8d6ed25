// SPDX-License-Identifier: ISC
// How often each source may do something: a token bucket for each, in a table of fixed size.
#pragma once

#include <stdbool.h>

#include "../limits.h"

struct rate_bucket {
    uint64_t source;
    int64_t full_ms; // when it is full again, or was
};

struct rate {
    int64_t interval_ms;
    int64_t burst_ms;
    struct rate_bucket buckets[RATE_SOURCES];
};

// Each source gets a token every `interval_ms` (at least 1) and keeps at most `burst` (at least 1)
// of them, which it has at first.
void rate_init(struct rate *rate, int64_t interval_ms, unsigned burst);

// Takes a token of this source (endpoint_source()), if there is one. `now_ms` is not negative and
// does not go back.
bool rate_take(struct rate *rate, uint64_t source, int64_t now_ms);
