// SPDX-License-Identifier: ISC
// Packets that wait for a slow peer, as pure code, in a fixed number of bytes and with time as an
// argument. Each flow waits in a queue of its own, and they take turns (RFC 8290): a keystroke
// overtakes a download. Whoever has too much waiting loses a packet of it, or gets it marked.
//
// A sender takes out what it has room for:
//
//   while ((length = fair_queue_next(queue)) != 0 && length <= room) {
//       fair_queue_take(queue, out);
//       out += length;
//       room -= length;
//   }
#pragma once

#include "../base/siphash.h"
#include "../limits.h"
#include "cells.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fair_queue_packet {
    int64_t arrived_us;
    uint16_t length; // of the packet without its head
    uint16_t last_cell;
    uint16_t next; // in its flow, or NO_CELL
    uint8_t head_length;
    bool is_repeated; // TCP sent its data before
};

struct fair_queue_flow {
    uint32_t bytes;    // that wait
    uint32_t pardoned; // so many leave before its sender is told again to slow down
    uint32_t end;      // TCP: where the newest data ends, a sequence number
    uint32_t begun;    // bytes taken since it began, as far as they count
    int64_t pushed_us; // when something was pushed last
    int32_t credit;    // bytes that it may still send in this turn; below 0 what it sent too much
    uint16_t first;    // packets, or NO_CELL
    uint16_t last;
    uint16_t next; // flow in its list
    bool is_listed;
    bool is_tcp;  // as its newest packet was
    bool has_end; // is known
};

struct fair_queue_list {
    uint16_t first; // flows
    uint16_t last;
};

struct fair_queue {
    struct siphash_key key;
    size_t limit; // bytes of a TCP flow that wait before its sender is told to slow down
    struct fair_queue_list new_flows; // have not had a turn yet, and go first
    struct fair_queue_list old_flows;
    uint16_t chosen; // flow whose first packet is next,
    uint16_t taken;  // and of which one was taken last
    bool has_begun;  // something was taken of one that has only begun
    size_t count;    // packets that wait,
    size_t bytes;    // and their bytes, heads included
    // Counters for status.json.
    uint64_t pushed_packets;
    uint64_t pushed_bytes;
    uint64_t dropped_late; // to have its sender slow down
    uint64_t dropped_full; // to make room
    uint64_t marked;       // instead of dropped late
    uint64_t thinned;      // acknowledgements in whose place a newer one was put
    uint64_t repeated;     // of what waits already
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
// What the link carries, as far as it is known, at any time: on a fast one more may wait. 0: not
// known, as at first.
void fair_queue_set_rate(struct fair_queue *queue, uint64_t bytes_per_second);

// Takes an IPv4 packet of 1 to IP_PACKET_MAX bytes in; any other length is refused. What is no IPv4
// packet is carried too. It goes behind its flow's others. An acknowledgement may take the place,
// and the time, of one that waits last in its flow and says less (ack_thinning.h); and TCP's data
// that waits already is left out. Where there is no room, packets of the flow that holds the most
// go, its first ones first.
void fair_queue_push(struct fair_queue *queue, const uint8_t *packet, size_t length,
                     int64_t now_us);
// The same with a head of up to QUEUE_HEAD_MAX bytes, which comes out before the packet and counts
// for its length from then on.
void fair_queue_push_headed(struct fair_queue *queue, const uint8_t *head, size_t head_length,
                            const uint8_t *packet, size_t length, int64_t now_us);

// Chooses the packet that is next to be sent. Returns its length, or 0 where none waits. The choice
// stays until it is taken or something is pushed: after a push another may be next.
size_t fair_queue_next(struct fair_queue *queue);
// The same, but chooses, out of turn, the flow of which one was taken last, if its next packet has
// at most so many bytes.
size_t fair_queue_stay(struct fair_queue *queue, size_t most);
// Whether the chosen packet, or the first of a new flow, which is most likely next, has at most so
// many bytes.
bool fair_queue_has_small(const struct fair_queue *queue, size_t most);
// Whether the chosen packet is all that waits of a flow that sends little, such as keystrokes, and
// has at most so many bytes. An acknowledgement alone is not meant.
bool fair_queue_hurries(struct fair_queue *queue, size_t most);
// Moves the chosen packet to `out`. Returns its length as fair_queue_next() did, or 0 where none is
// chosen.
size_t fair_queue_take(struct fair_queue *queue, uint8_t *out);
// Whether any packet that was taken since the last call is of a connection that has only begun, or
// begins anew after a pause, and sends more than small packets.
bool fair_queue_took_begun(struct fair_queue *queue);
