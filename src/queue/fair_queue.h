// SPDX-License-Identifier: ISC
// Packets that wait for a slow peer: FQ-CoDel (RFC 8290) as pure code, in a fixed number of bytes
// and with time as an argument. Each flow waits in a queue of its own, and they take turns: a
// keystroke overtakes a download. Who fills his own queue for too long loses packets from it, or
// gets them marked.
//
// A sender takes out what it has room for:
//
//   while ((length = fair_queue_next(queue, now_us)) != 0 && length <= room) {
//       fair_queue_take(queue, out);
//       out += length;
//       room -= length;
//   }
#ifndef TETHER_QUEUE_FAIR_QUEUE_H
#define TETHER_QUEUE_FAIR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/siphash.h"
#include "../limits.h"
#include "cells.h"
#include "codel.h"

struct fair_queue_packet {
    int64_t arrived_us;
    uint16_t length; // of the packet without its head
    uint16_t last_cell;
    uint16_t next; // in its flow, or NO_CELL
    uint8_t head_length;
};

struct fair_queue_flow {
    struct codel codel;
    uint32_t bytes; // that wait
    int32_t credit; // bytes that it may still send in this turn; below 0 what it sent too much
    uint16_t first; // packets, or NO_CELL
    uint16_t last;
    uint16_t next; // flow in its list
    bool is_listed;
    bool is_judged; // the first packet, which may be sent
};

struct fair_queue_list {
    uint16_t first; // flows
    uint16_t last;
};

struct fair_queue {
    struct siphash_key key;
    struct codel_settings settings;
    struct fair_queue_list new_flows; // have not had a turn yet, and go first
    struct fair_queue_list old_flows;
    uint16_t chosen; // flow whose first packet is next
    size_t count;    // packets that wait,
    size_t bytes;    // and their bytes, heads included
    // Counters for status.json.
    uint64_t pushed_packets;
    uint64_t pushed_bytes;
    uint64_t dropped_late; // by CoDel: waited in a queue that stays
    uint64_t dropped_full; // to make room
    uint64_t marked;       // by CoDel, instead of dropped
    uint64_t thinned;      // acknowledgements in whose place a newer one was put
    uint64_t refused;      // of no length that a packet has
    struct fair_queue_flow flows[QUEUE_FLOWS];
    uint16_t held[QUEUE_FLOWS];                    // cells, by flow
    struct fair_queue_packet packets[QUEUE_CELLS]; // by first cell
    struct cells cells;
};

// `key` is random and secret: without it nobody can choose connections that share another's queue.
void fair_queue_init(struct fair_queue *queue, const struct siphash_key *key);
// Drops everything, uncounted. Counters and settings stay.
void fair_queue_clear(struct fair_queue *queue);
// Drops what arrived before a time, uncounted, but leaves each flow about `spared` bytes, its
// newest. Returns how many packets were dropped.
size_t fair_queue_drop_older(struct fair_queue *queue, int64_t before_us, size_t spared);
// What the link carries, as far as it is known, at any time: on a slow one packets may wait longer.
// 0: not known, as at first.
void fair_queue_set_rate(struct fair_queue *queue, uint64_t bytes_per_second);
// And after it how long the round trip is, 0: not known, as at first.
void fair_queue_set_round_trip(struct fair_queue *queue, int64_t round_trip_us);

// What waits counts as having come now: the link stood still, and no sender was too fast.
void fair_queue_forgive(struct fair_queue *queue, int64_t now_us);

// Appends an IPv4 packet of 1 to IP_PACKET_MAX bytes; any other length is refused. What is no IPv4
// packet is carried too. An acknowledgement may take the place, and the time, of one that waits
// last in its flow and says less (ack_thinning.h). Where there is no room, packets of the flow that
// holds the most go, its oldest first. `now_us` is from 0 to 2^62, and does not go back, here and
// below.
void fair_queue_push(struct fair_queue *queue, const uint8_t *packet, size_t length,
                     int64_t now_us);
// The same with a head of up to QUEUE_HEAD_MAX bytes, which comes out before the packet and counts
// for its length from then on.
void fair_queue_push_headed(struct fair_queue *queue, const uint8_t *head, size_t head_length,
                            const uint8_t *packet, size_t length, int64_t now_us);

// Chooses the packet that is next to be sent, and drops those whose time is over. Returns its
// length, or 0 where none waits. The choice stays until it is taken or something is pushed: after a
// push another may be next.
size_t fair_queue_next(struct fair_queue *queue, int64_t now_us);
// Whether the chosen packet, or the first of a new flow, which is most likely next, has at most so
// many bytes.
bool fair_queue_has_small(const struct fair_queue *queue, size_t most);
// Moves the chosen packet to `out`. Returns its length as fair_queue_next() did, or 0 where none is
// chosen.
size_t fair_queue_take(struct fair_queue *queue, uint8_t *out);

#endif
