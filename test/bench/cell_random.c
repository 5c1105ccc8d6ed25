// SPDX-License-Identifier: ISC
// The seed draws what the link is like: delay, queue, and for each direction apart a mean rate, how
// fast and how far the rate walks, how often nothing passes and for how long, and at which times
// the network hands out what it has. Then the direction's time is played, millisecond by
// millisecond:
//   - at each step of the walk the rate is multiplied or divided by a number between 1 and the
//     greatest, more often towards its mean than away from it, and stays within 1/16 and 4 of it;
//   - each millisecond brings between none and twice the rate's bytes, and an outage none;
//   - whole chances of CELL_ONE_SLOT bytes are handed out at the end of each interval.
//
// Sizes, rates and times are drawn evenly by their logarithm, as links differ by factors. All is in
// whole numbers, so that no machine's mathematics makes another link.
#include "cell_random.h"

#include <stdlib.h>

#include "cell_link.h"

struct walk {
    uint64_t mean, rate; // bits a second
    unsigned step_ms;
    unsigned greatest;    // factor of a step, less 1, in 64ths
    unsigned between_ms;  // outages, on average; 0: there are none
    unsigned outage_ms;   // the longest is twice as long
    unsigned interval_ms; // at whose end chances are handed out
};

// splitmix64 (Steele, Lea, Flood 2014): any seed will do.
static uint64_t draw(uint64_t *random) {
    uint64_t value = *random += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

// A number from 0 to limit - 1.
static uint64_t below(uint64_t *random, uint64_t limit) {
    return (draw(random) >> 32) * limit >> 32;
}

// A number between `least` and `least` times two to the power of `octaves`.
static uint64_t by_logarithm(uint64_t *random, uint64_t least, unsigned octaves) {
    uint64_t octave = least << below(random, octaves);
    return octave + below(random, octave);
}

static struct walk draw_walk(uint64_t *random, uint64_t mean) {
    bool has_outages = below(random, 4) > 0;
    return (struct walk){
        .mean = mean,
        .rate = mean,
        .step_ms = (unsigned)by_logarithm(random, 32, 5),
        .greatest = (unsigned)below(random, 64),
        .between_ms = has_outages ? (unsigned)by_logarithm(random, 4000, 4) : 0,
        .outage_ms = (unsigned)by_logarithm(random, 50, 6),
        .interval_ms = (unsigned)by_logarithm(random, 1, 4),
    };
}

static void step(struct walk *walk, uint64_t *random) {
    uint64_t factor = 64 + below(random, walk->greatest + 1);
    bool towards_mean = below(random, 8) < 5, is_low = walk->rate < walk->mean;
    walk->rate = towards_mean == is_low ? walk->rate * factor / 64 : walk->rate * 64 / factor;
    if (walk->rate < walk->mean / 16)
        walk->rate = walk->mean / 16;
    if (walk->rate > 4 * walk->mean)
        walk->rate = 4 * walk->mean;
}

// Plays a direction's time. Returns its chances, *count of them, or NULL.
static uint32_t *play(struct walk walk, uint64_t *random, size_t *count) {
    uint64_t most = 2 * 4 * walk.mean / 8000 * CELL_RANDOM_MS / CELL_ONE_SLOT + 2;
    uint32_t *times = malloc(most * sizeof *times);
    uint64_t bits = 0, outage_end = 0;
    *count = 0;
    if (times == NULL)
        return NULL;
    for (uint32_t ms = 1; ms <= CELL_RANDOM_MS; ms++) {
        if (ms % walk.step_ms == 0)
            step(&walk, random);
        if (walk.between_ms > 0 && ms >= outage_end && below(random, walk.between_ms) == 0)
            outage_end = ms + 1 + below(random, 2 * walk.outage_ms);
        if (ms >= outage_end)
            bits += below(random, 2 * walk.rate / 1000 + 1);
        if (ms % walk.interval_ms != 0 || ms < outage_end)
            continue;
        for (; bits >= 8 * CELL_ONE_SLOT; bits -= 8 * CELL_ONE_SLOT) times[(*count)++] = ms;
    }
    return times;
}

bool cell_random_make(struct cell_random *link, uint64_t seed) {
    uint64_t random = seed;
    uint64_t down = by_logarithm(&random, 500000, 6);                  // to 32 Mbit/s
    uint64_t up = down / 8 + below(&random, down);                     // an eighth to 9/8
    size_t quarter_second = (size_t)(down / 8 / 4);                    // the least that may wait
    link->delay_ms = (int)by_logarithm(&random, 12, 3);                // to 96 ms
    link->queue = (size_t)by_logarithm(&random, UINT64_C(1) << 16, 4); // to 1 MB
    if (link->queue < quarter_second)
        link->queue = quarter_second;
    for (int way = 0; way < 2; way++) {
        struct walk walk = draw_walk(&random, way == 0 ? down : up);
        link->trace_ms[way] = play(walk, &random, &link->trace_length[way]);
        if (link->trace_ms[way] == NULL)
            return false;
    }
    return true;
}
