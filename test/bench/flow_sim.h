// SPDX-License-Identifier: ISC
// Bounded flight of both ends at once over simulated links: what src/flow does, without any host,
// TCP or phone. The same call has the same outcome, whatever the machine.
#ifndef TETHER_FLOW_SIM_H
#define TETHER_FLOW_SIM_H

#include <stdbool.h>

#include "cell_link.h"

#define SIM_SECONDS 40 // that are measured,
#define SIM_WARM    5  // after so many

// [0] is from the server down to the laptop, [1] up.
struct sim_link {
    const char *name;
    double kbits[2];
    int delay_ms;
    size_t queue;
    int pieces;                  // places where rounds begin
    const uint32_t *trace_ms[2]; // NULL: a constant rate
    size_t trace_length[2];
};

struct sim_result {
    double used[2]; // of what a TCP connection would carry, percent, while nobody pings
    double p95_ms;  // of pings
};

// Where piece number so and so of a link begins.
double sim_piece_s(const struct sim_link *link, int piece);

// With something to send in a direction, there is always more of it, and its receiver's small
// packets go the other way.
struct sim_result sim_bulk(const struct sim_link *link, bool down, bool up, double from_s);

// How long two pages take, of 70 objects and 2 MB each, over six connections to each of three hosts
// that are in TCP's slow start. `itself`: as the phone itself loads them, without any tether.
double sim_pages_ms(const struct sim_link *link, bool itself, double from_s);

#endif
