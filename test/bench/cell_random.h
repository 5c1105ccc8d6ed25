// SPDX-License-Identifier: ISC
// Links that nobody recorded and nobody chose: made of a number, the same of the same number on
// every machine.
#ifndef TETHER_CELL_RANDOM_H
#define TETHER_CELL_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CELL_RANDOM_MS 120000 // length of its traces, about

struct cell_random {
    int delay_ms;          // one way
    size_t queue;          // bytes that may wait in each direction
    uint32_t *trace_ms[2]; // [0] down, [1] up: times of delivery, as of a recording
    size_t trace_length[2];
};

// Makes the link of a seed. The traces are from malloc() and never freed. False: no memory.
bool cell_random_make(struct cell_random *link, uint64_t seed);

#endif
