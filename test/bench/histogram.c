// SPDX-License-Identifier: ISC
// A bin for every bin_ns of time, and a walk through them for a percentile.
#include "histogram.h"

void histogram_add(struct histogram *histogram, int64_t time_ns) {
    int64_t bin = time_ns / histogram->bin_ns;
    if (bin < 0)
        bin = 0;
    if (bin >= HISTOGRAM_BINS)
        bin = HISTOGRAM_BINS - 1;
    histogram->bins[bin]++;
    histogram->count++;
    if (time_ns > histogram->max_ns)
        histogram->max_ns = time_ns;
}

double histogram_at(const struct histogram *histogram, double share) {
    double wanted = share * (double)histogram->count, seen = 0;
    if (histogram->count == 0)
        return 0;
    for (int64_t bin = 0; bin < HISTOGRAM_BINS; bin++) {
        seen += histogram->bins[bin];
        if (seen > 0 && seen >= wanted)
            return ((double)bin + 0.5) * (double)histogram->bin_ns / 1e6;
    }
    return (double)histogram->max_ns / 1e6;
}
