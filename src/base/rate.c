// SPDX-License-Identifier: ISC
// A token bucket for each source, kept as one number: the time at which it will be full again. To
// take a token moves that time on by one interval; it may not lie further ahead than the whole
// burst takes to fill. (The "virtual scheduling" of ITU-T I.371, known as GCRA, is this
// arithmetic.)
//
// The table is small and its attackers may have more addresses than it has places, so what is
// forgotten matters. A full bucket says nothing: a source without a bucket has a full one. So a new
// source takes over the fullest bucket there is, with the level that it finds, and where even that
// one has no token, nothing is taken and nobody forgotten. It follows that:
//
// - Nobody gains by being forgotten. When a bucket was taken away, it was the fullest; all others
//   were as empty or emptier, and fill at the same speed. So whoever comes back never finds more
//   than his own would hold by now, however many other addresses he used to be forgotten.
// - However many sources there are, in a time t at most RATE_SOURCES * (burst + t / interval)
// tokens
//   are given out.
// - With fewer attackers than places, each empties his own bucket, and those of others stay full.
//   With more, all tokens are fought over, and an honest source's chances are those of each other
//   attempt; as buckets fill all the time, it gets in after a few attempts, and nobody can aim at
//   it: there is no hash, and so there are no neighbours in a table to empty.
//
// The price is one pass over the table each time, some microseconds: for what comes as seldom as
// connections and handshakes, not for packets.
#include "rate.h"
#include <stddef.h>

#define NOBODY UINT64_MAX // no address has this source

bool bucket_take(int64_t *full, int64_t interval, int64_t burst, int64_t now) {
    int64_t next = (*full > now ? *full : now) + interval;
    if (next - now > burst)
        return false;
    *full = next;
    return true;
}

void rate_init(struct rate *rate, int64_t interval_ms, unsigned burst) {
    rate->interval_ms = interval_ms;
    rate->burst_ms = interval_ms * burst;
    for (size_t i = 0; i < RATE_SOURCES; i++)
        rate->buckets[i] = (struct rate_bucket){NOBODY, 0}; // full
}

// The source's own bucket, or else the fullest.
static struct rate_bucket *find_bucket(struct rate *rate, uint64_t source) {
    struct rate_bucket *fullest = &rate->buckets[0];
    for (size_t i = 0; i < RATE_SOURCES; i++) {
        struct rate_bucket *bucket = &rate->buckets[i];
        if (bucket->source == source)
            return bucket;
        if (bucket->full_ms < fullest->full_ms)
            fullest = bucket;
    }
    return fullest;
}

bool rate_take(struct rate *rate, uint64_t source, int64_t now_ms) {
    struct rate_bucket *bucket = find_bucket(rate, source);
    if (!bucket_take(&bucket->full_ms, rate->interval_ms, rate->burst_ms, now_ms))
        return false;
    bucket->source = source;
    return true;
}
