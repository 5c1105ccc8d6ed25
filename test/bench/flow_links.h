// SPDX-License-Identifier: ISC
// The links that bench_flow simulates: constant ones, recordings, made-up ones and random ones.
#ifndef TETHER_FLOW_LINKS_H
#define TETHER_FLOW_LINKS_H

#include "flow_sim.h"

#define FLOW_LINKS_MAX 32

// Fills in up to FLOW_LINKS_MAX links. `folder` has recordings, NULL: none. Random links are those
// of the seeds from `seed` on. Returns how many there are.
size_t flow_links(struct sim_link *links, const char *folder, uint64_t seed);

#endif
