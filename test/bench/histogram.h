// SPDX-License-Identifier: ISC
// Times, counted by size: enough to tell a median and percentiles of millions of packets in fixed
// memory, to the precision of a bin. What is beyond the last bin counts as in it.
#ifndef TETHER_HISTOGRAM_H
#define TETHER_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BINS 250000

struct histogram {
    int64_t bin_ns;
    int64_t max_ns;
    uint64_t count;
    uint32_t bins[HISTOGRAM_BINS];
};

void histogram_add(struct histogram *histogram, int64_t time_ns);
// The time, in milliseconds, that `share` (0 to 1) of those counted do not exceed; 0 if there are
// none.
double histogram_at(const struct histogram *histogram, double share);

#endif
