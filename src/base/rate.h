// SPDX-License-Identifier: ISC
// How often each source may do something: a token bucket for each, in a table of fixed size.
#pragma once

#include "../limits.h"
#include <stdbool.h>

// Takes a token of a bucket, if there is one. `full` is when the bucket is full again, at first 0
// or any time that is past; it gets a token each `interval`, and is filled in the time `burst`.
bool bucket_take(int64_t *full, int64_t interval, int64_t burst, int64_t now);

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
