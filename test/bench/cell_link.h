// SPDX-License-Identifier: ISC
// One direction of a cellular link, as a model of time: packets go in with the time of their
// arrival and come out with the time at which the far side has them. See cell_link.c for what
// happens between.
//
// Times are nanoseconds of one clock that only goes forward; which one, the caller decides. Sizes
// are bytes of whole packets, without a link layer's header unless the caller counts it in.
#ifndef TETHER_CELL_LINK_H
#define TETHER_CELL_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CELL_NEVER    INT64_MAX
#define CELL_OUTAGES  64
#define CELL_ONE_SLOT 1500 // bytes that one line of a trace delivers

struct cell_packet {
    struct cell_packet *next;
    int64_t arrived_ns;
    int64_t due_ns; // when the far side has it
    size_t size;    // what the link carries and the queue holds
    size_t length;  // of frame[]
    uint8_t frame[];
};

struct cell_fifo {
    struct cell_packet *first;
    struct cell_packet *last;
};

// Times in which nothing passes, the same for both directions of a link. The latest is the last.
struct cell_outages {
    int count;
    struct {
        int64_t from_ns;
        int64_t to_ns;
    } at[CELL_OUTAGES];
};

struct cell_counts {
    uint64_t packets, bytes;                 // delivered, or handed out to be
    uint64_t dropped_packets, dropped_bytes; // the queue was full
    uint64_t lost_packets, lost_bytes;       // by chance
};

struct cell_link {
    // What the link is like; set before the first packet, or changed at any time.
    int64_t delay_ns;
    double rate_bits;         // a second; 0: no limit. Not used with a trace.
    const uint32_t *trace_ms; // times of delivery, ascending; NULL: a constant rate
    size_t trace_length;
    int64_t trace_start_ns; // when the trace's time is 0
    size_t queue_limit;     // bytes that may wait; 0: no limit
    double loss;            // share of packets lost, 0 to 1
    const struct cell_outages *outages;
    // Is told, if set, of each chance to pass: when it ends, and what it could pass and did. At a
    // constant rate each packet is one. It comes late where nothing asks meanwhile, but in order.
    void (*on_chance)(void *to, int64_t at_ns, size_t offered, size_t used);
    void *on_chance_to;
    // Its state.
    uint64_t random;          // never 0
    struct cell_fifo waiting; // for the link
    struct cell_fifo flying;  // for the end of their delay
    size_t waiting_bytes;
    size_t waiting_bytes_max;
    int64_t latest_ns; // arrival
    int64_t free_ns;   // constant rate: when the last packet had passed
    size_t trace_at;   // trace: the next chance,
    size_t first_left; // and bytes of the first packet that is still to pass
    struct cell_counts counts;
};

// All settings as for a link without limits. `seed` decides which packets are lost.
void cell_link_init(struct cell_link *link, const struct cell_outages *outages, uint64_t seed);
// Takes a packet, whose `size`, `length` and `frame` are set. It must be from malloc(), and is
// freed here if it is dropped. Arrivals are in order: one that seems earlier counts as at the same
// time.
void cell_link_arrive(struct cell_link *link, struct cell_packet *packet, int64_t arrived_ns);
// The next packet that the far side has by now, or NULL; the caller frees it.
struct cell_packet *cell_link_take(struct cell_link *link, int64_t now_ns);
// When cell_link_take() may have something new, or CELL_NEVER.
int64_t cell_link_next(const struct cell_link *link);

// The trace's time is `trace_ns` now, whatever it was; a trace that is shorter counts from its
// start again. A link of a constant rate stays as it is.
void cell_link_seek(struct cell_link *link, int64_t trace_ns, int64_t now_ns);
// All that waits for the link passes at once, outage or not.
void cell_link_drain(struct cell_link *link, int64_t now_ns);

// Adds a time in which nothing passes; it begins after those known. False: there is no room.
bool cell_outages_add(struct cell_outages *outages, int64_t from_ns, int64_t to_ns);

#endif
