// SPDX-License-Identifier: ISC
// A packet of a cellular link first waits in the queue of its sender's side (the base station's, or
// the phone's modem). The queue is first in, first out, and holds a number of bytes; a packet that
// finds no room is dropped (drop-tail). The link takes from the queue as fast as it can:
//   - at a constant rate, one packet after another: a packet of n bytes takes 8n / rate seconds;
//   - or by a trace, in the manner of mahimahi's mm-link: each line is a millisecond at which up to
//     1500 bytes may pass. What the queue cannot use is lost; a packet that does not fit into what
//     is left goes on at the next chance. After the last line the trace starts over, its clock
//     where the last line's was.
// Then it may be lost by chance, and arrives after a fixed delay. In an outage the link takes
// nothing, so the queue fills, and drops; what has left the queue still arrives.
//
// Nothing here knows what time it is now. The link is always advanced to the time of a packet's
// arrival before that is queued, so a program that is late to read a packet still queues or drops
// it as it would have in time.
#include "cell_link.h"

#include <stdlib.h>
#include <string.h>

void cell_link_init(struct cell_link *link, const struct cell_outages *outages, uint64_t seed) {
    memset(link, 0, sizeof *link);
    link->outages = outages;
    link->random = seed * 2 + 1;
}

bool cell_outages_add(struct cell_outages *outages, int64_t from_ns, int64_t to_ns) {
    if (outages->count == CELL_OUTAGES)
        return false;
    outages->at[outages->count].from_ns = from_ns;
    outages->at[outages->count].to_ns = to_ns;
    outages->count++;
    return true;
}

static void push(struct cell_fifo *fifo, struct cell_packet *packet) {
    packet->next = NULL;
    if (fifo->first == NULL)
        fifo->first = packet;
    else
        fifo->last->next = packet;
    fifo->last = packet;
}

static struct cell_packet *pop(struct cell_fifo *fifo) {
    struct cell_packet *packet = fifo->first;
    fifo->first = packet->next;
    return packet;
}

// xorshift64*: the same seed loses the same packets.
static bool by_chance(struct cell_link *link) {
    link->random ^= link->random >> 12;
    link->random ^= link->random << 25;
    link->random ^= link->random >> 27;
    uint64_t value = link->random * UINT64_C(0x2545f4914f6cdd1d) >> 32;
    return (double)value < link->loss * 4294967296.0;
}

// The first packet that waits has passed the link.
static void passed(struct cell_link *link, int64_t at_ns) {
    struct cell_packet *packet = pop(&link->waiting);
    link->waiting_bytes -= packet->size;
    link->first_left = link->waiting.first != NULL ? link->waiting.first->size : 0;
    if (by_chance(link)) {
        link->counts.lost_packets++;
        link->counts.lost_bytes += packet->size;
        free(packet);
        return;
    }
    packet->due_ns = at_ns + link->delay_ns;
    push(&link->flying, packet);
}

static void tell(const struct cell_link *link, int64_t at_ns, size_t offered, size_t used) {
    if (link->on_chance != NULL)
        link->on_chance(link->on_chance_to, at_ns, offered, used);
}

static bool in_outage(const struct cell_outages *outages, int64_t at_ns) {
    for (int i = 0; i < outages->count; i++)
        if (at_ns >= outages->at[i].from_ns && at_ns < outages->at[i].to_ns)
            return true;
    return false;
}

// When a transmission ends that begins at `start_ns` and takes `takes_ns`, outages left out.
static int64_t end_of(const struct cell_outages *outages, int64_t start_ns, int64_t takes_ns) {
    int64_t end_ns = start_ns + takes_ns;
    for (int i = 0; i < outages->count; i++) {
        int64_t from_ns = outages->at[i].from_ns, to_ns = outages->at[i].to_ns;
        if (to_ns <= start_ns || from_ns >= end_ns)
            continue;
        if (to_ns == CELL_NEVER)
            return CELL_NEVER;
        end_ns += to_ns - (from_ns > start_ns ? from_ns : start_ns);
    }
    return end_ns;
}

// When the first packet that waits will have passed at a constant rate.
static int64_t passes_at(const struct cell_link *link) {
    const struct cell_packet *packet = link->waiting.first;
    int64_t start_ns = link->free_ns > packet->arrived_ns ? link->free_ns : packet->arrived_ns;
    double takes = link->rate_bits > 0 ? (double)packet->size * 8e9 / link->rate_bits : 0;
    return end_of(link->outages, start_ns, (int64_t)takes);
}

static void advance_rate(struct cell_link *link, int64_t now_ns) {
    while (link->waiting.first != NULL) {
        int64_t at_ns = passes_at(link);
        if (at_ns > now_ns)
            return;
        size_t size = link->waiting.first->size;
        link->free_ns = at_ns;
        passed(link, at_ns);
        tell(link, at_ns, size, size);
    }
}

static int64_t chance_at(const struct cell_link *link) {
    return link->trace_start_ns + (int64_t)link->trace_ms[link->trace_at] * 1000000;
}

static void next_chance(struct cell_link *link) {
    if (++link->trace_at < link->trace_length)
        return;
    link->trace_at = 0;
    link->trace_start_ns += (int64_t)link->trace_ms[link->trace_length - 1] * 1000000;
}

static void advance_trace(struct cell_link *link, int64_t now_ns) {
    for (; chance_at(link) <= now_ns; next_chance(link)) {
        int64_t at_ns = chance_at(link);
        size_t room = CELL_ONE_SLOT;
        if (in_outage(link->outages, at_ns))
            continue;
        while (link->waiting.first != NULL && link->first_left <= room) {
            room -= link->first_left;
            passed(link, at_ns);
        }
        size_t unused = link->waiting.first != NULL ? 0 : room;
        link->first_left -= room - unused;
        tell(link, at_ns, CELL_ONE_SLOT, CELL_ONE_SLOT - unused);
    }
}

static void advance(struct cell_link *link, int64_t now_ns) {
    if (link->trace_ms != NULL)
        advance_trace(link, now_ns);
    else
        advance_rate(link, now_ns);
}

void cell_link_arrive(struct cell_link *link, struct cell_packet *packet, int64_t arrived_ns) {
    if (arrived_ns > link->latest_ns)
        link->latest_ns = arrived_ns;
    packet->arrived_ns = link->latest_ns;
    // A chance of the trace at this very time is still to be used: it comes after the arrival.
    advance(link, link->latest_ns - 1);
    if (link->queue_limit != 0 && link->waiting_bytes + packet->size > link->queue_limit) {
        link->counts.dropped_packets++;
        link->counts.dropped_bytes += packet->size;
        free(packet);
        return;
    }
    if (link->waiting.first == NULL)
        link->first_left = packet->size;
    push(&link->waiting, packet);
    link->waiting_bytes += packet->size;
    if (link->waiting_bytes > link->waiting_bytes_max)
        link->waiting_bytes_max = link->waiting_bytes;
}

struct cell_packet *cell_link_take(struct cell_link *link, int64_t now_ns) {
    advance(link, now_ns);
    if (link->flying.first == NULL || link->flying.first->due_ns > now_ns)
        return NULL;
    struct cell_packet *packet = pop(&link->flying);
    link->counts.packets++;
    link->counts.bytes += packet->size;
    return packet;
}

void cell_link_seek(struct cell_link *link, int64_t trace_ns, int64_t now_ns) {
    if (link->trace_ms == NULL)
        return;
    advance(link, now_ns);
    int64_t length_ns = (int64_t)link->trace_ms[link->trace_length - 1] * 1000000;
    link->trace_start_ns = now_ns - trace_ns % length_ns;
    link->trace_at = 0;
    while (chance_at(link) <= now_ns) next_chance(link);
}

void cell_link_drain(struct cell_link *link, int64_t now_ns) {
    advance(link, now_ns);
    while (link->waiting.first != NULL) passed(link, now_ns);
    link->free_ns = now_ns;
}

int64_t cell_link_next(const struct cell_link *link) {
    int64_t next_ns = CELL_NEVER;
    if (link->flying.first != NULL)
        next_ns = link->flying.first->due_ns;
    if (link->waiting.first != NULL) {
        int64_t passes_ns = link->trace_ms != NULL ? chance_at(link) : passes_at(link);
        if (passes_ns < next_ns)
            next_ns = passes_ns;
    }
    return next_ns;
}
