// SPDX-License-Identifier: ISC
// What links have counted, for status.json: of one link, or of several together.
#pragma once

#include "../base/text.h"
#include "link.h"

#define TUNNEL_COUNTERS    14
#define TUNNEL_BAD_OFFLOAD 11 // where bad_offload stands among them

struct tunnel_counters {
    uint64_t values[TUNNEL_COUNTERS]; // in the order of the table in counters.c
};

// Adds what a link has counted.
void tunnel_counters_add(struct tunnel_counters *counters, const struct tunnel_link *link);
// Writes what passed: `,"packets_up":1,...`. A laptop's link sends up, a server's down.
void tunnel_counters_write_traffic(const struct tunnel_counters *counters, bool sends_up,
                                   struct text *text);
// Writes what was dropped: `,"drops":{"no_phone":1,...`; the caller goes on, and closes the
// bracket.
void tunnel_counters_write_drops(const struct tunnel_counters *counters, struct text *text);
