// SPDX-License-Identifier: ISC
// CoDel (RFC 8289): tells by how long packets waited when their senders must be made to slow down.
// Pure code: it holds no packets, and time is an argument. One struct codel for each queue.
#ifndef TETHER_QUEUE_CODEL_H
#define TETHER_QUEUE_CODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct codel_settings {
    int64_t target_us;   // waiting longer than this is too long,
    int64_t interval_us; // when it lasts for this long: about the longest round trip,
    size_t spared;       // and more than this waits behind
};

struct codel {
    int64_t above_since_us; // when packets began to wait for too long, where `above`
    int64_t next_us;      // where `dropping`: when the next packet is to be dropped; else was to be
    uint32_t count;       // packets dropped in this dropping state, or in the last
    uint32_t first_count; // with what that one began
    bool above;
    bool dropping;
};

// Settings for a link of so many bytes a second; 0: not known, and the defaults.
void codel_set_rate(struct codel_settings *settings, uint64_t bytes_per_second);

// Settings, after codel_set_rate(), for a way with this round trip; 0: not known.
void codel_set_round_trip(struct codel_settings *settings, int64_t round_trip_us);

// Judges the packet that is first in its queue, has waited for `waited_us`, and has `behind` bytes
// waiting behind it. Returns true where it is to be dropped, or to be marked instead. Call once for
// each packet: when it is its turn, or when the one before it was dropped. `now_us` is from 0 to
// 2^62, and does not go back.
bool codel_judge(struct codel *codel, const struct codel_settings *settings, int64_t waited_us,
                 size_t behind, int64_t now_us);

#endif
