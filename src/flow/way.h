// SPDX-License-Identifier: ISC
// How long messages are on their way there, and acknowledgements on their way back. Pure; times in
// microseconds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// What is new counts for an eighth of a mean (RFC 6298 section 2.3).
#define FLOW_SMOOTHING 8
// Microseconds after which what is known of the way is to be renewed, as in BBR
// (draft-cardwell-iccrg-bbr-congestion-control-00, RTpropFilterLen). No way is longer, whatever the
// other end says.
#define FLOW_RENEWED_US 10000000

// What an acknowledgement says.
struct flow_report {
    uint32_t index;
    uint32_t counter;
    int64_t delay_us;     // so long ago the message had come when this was said
    uint32_t received_us; // when that was, by the other end's clock,
    bool has_received;    // if it says so
};

struct way { // all 0: nothing is known of it
    bool is_known;
    uint32_t clock_us;      // how much the other end's clock is ahead, and the first message's way
    int64_t there_least_us; // the shortest way there, less that one,
    int64_t back_least_us;  // and the shortest way back, and that one
    int64_t queue_us;       // how much longer than the shortest the latest way there was
    int64_t late_us;        // how much longer than the shortest ways back are, on average
    int64_t trip_us;        // the round trip, smoothed
};

// This was said of a message that was sent then. Before it, nothing was said for so long. Returns
// how much longer its way was than the first message's.
int64_t way_measure(struct way *way, const struct flow_report *report, int64_t sent_us,
                    int64_t silent_us, int64_t now_us);
// The shortest round trip, that of the bare way; 0 while it is not known.
int64_t way_bare_us(const struct way *way);
// The way there has become longer: what seemed to be a queue is none.
void way_has_no_queue(struct way *way);
