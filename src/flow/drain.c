// SPDX-License-Identifier: ISC
// A queue that is always there would hide how long the bare way is, and that may change: the phone
// goes from one network to another, and clocks drift. So once in a while half of what the bare way
// holds is on its way, for a round trip. The queue drains, and what is then sent shows the bare
// way.
//
// Where there still is a queue, the link may have become slower, and half is still too much. So it
// is halved again each round trip. One packet alone finds no queue: if it takes longer than the
// shortest way all the same, the way has become longer.
//
// While no more than that is on its way anyhow, nothing is to be done.
#include "drain.h"
#include "../base/compare.h"
#include "../limits.h"

void drain_step(struct drain *drain, struct way *way, int64_t sent_us, size_t held,
                size_t in_flight, int64_t usual_us, int64_t now_us) {
    if (drain->window == 0) {
        held = (size_t)half(greater((int64_t)held, TUN_MTU));
        if (in_flight <= held)
            drain->ended_us = now_us;
        if (now_us - drain->ended_us < FLOW_RENEWED_US)
            return;
        drain->window = held;
        drain->from_us = now_us;
    } else if (sent_us > drain->from_us) {
        if (drain->window < TUN_MTU)
            way_has_no_queue(way);
        drain->window = (size_t)half((int64_t)drain->window);
        drain->from_us = now_us;
        if (way->queue_us > usual_us)
            return;
        drain->window = 0;
        drain->ended_us = now_us;
    }
}
