// SPDX-License-Identifier: ISC
// When the queue is made to drain, to see the bare way. Pure; times in microseconds.
#pragma once

#include "way.h"
#include <stddef.h>
#include <stdint.h>

struct drain {
    size_t window;    // so many bytes may be on their way now; 0: as many as else
    int64_t from_us;  // since then
    int64_t ended_us; // when there was no queue last
};

// A message was acknowledged that was sent then. The bare way holds `held` bytes, and so many were
// on their way. A queue of `usual_us` is none.
void drain_step(struct drain *drain, struct way *way, int64_t sent_us, size_t held,
                size_t in_flight, int64_t usual_us, int64_t now_us);
