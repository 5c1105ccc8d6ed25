// SPDX-License-Identifier: ISC
// Bounded flight: how much may be on its way to the other end at a time, so that the link is full
// and nothing queues in the phone or the modem. Pure; times in microseconds.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../limits.h"
#include "service.h"

// A message on its way: enough to measure by, when its acknowledgement comes.
struct flow_message {
    uint32_t index;   // of the session that it was sealed under
    uint32_t counter; // its low half
    int64_t sent_us;
    uint64_t sent_total;      // bytes sent so far, this message's included
    uint64_t delivered_total; // bytes known to be delivered when it was sent,
    int64_t delivered_us;     // and since when,
    int64_t before_us;        // and when the newest of those had been sent;
    int64_t idle_us;          // how long the link had been idle, in all
    bool is_starved;          // there was nothing more to send then
};

// The greatest value of the last one to two periods.
struct flow_extreme {
    int64_t now;
    int64_t before;
    int64_t since_us;
};

struct flow {
    struct flow_message messages[FLOW_MESSAGES]; // a ring
    size_t head;
    size_t count;
    uint64_t sent_total;
    uint64_t delivered_total;
    int64_t delivered_us;
    int64_t before_us;        // when the newest message that is known to be delivered was sent
    struct flow_extreme rate; // of delivery, bytes a second: the greatest
    struct service service;   // of the slowest link, if the other end says when messages came
    int64_t bare_us;          // the smallest round trip, that of the bare way; 0: none measured
    int64_t smoothed_us;      // the round trip, smoothed; 0: none measured
    int64_t latest_us;        // the latest, if its way back had been as short as any
    int64_t delay_us;         // how long the other end keeps an acknowledgement back, lately
    int64_t back_us;          // and how much longer than the shortest its way is,
    int64_t back_late_us;     // and how long, on average of time
    int64_t told;             // bytes that one acknowledgement told of, lately at most
    uint32_t clock_us;     // how much the other end's clock is ahead, and the first message's way
    int64_t way_us;        // how much longer than that one the latest way was,
    int64_t least_us;      // and the shortest
    bool has_clock;        // these are known
    size_t window;         // bytes that may be on their way
    bool is_draining;      // less of the window is used for a moment, to see the bare way,
    int64_t drain_from_us; // since then
    int64_t queued_us;     // when there was a queue last,
    int64_t full_rate;     // and the rate at which there was one,
    int64_t eager;         // and what part of the window more is tried next, in percent
    bool is_eager;         // more is being tried
    bool is_starting;      // a rate that grows is followed,
    int64_t start_rate;    // from here,
    int64_t grown_us;      // and when it had grown last, or was not shown
    int64_t drained_us;    // when the queue was last drained
    int64_t heard_us;      // when the last acknowledgement came, or the wait for one began
    int64_t awaited_us;    // since when the next one is late
    int64_t paced_us;      // when the next message may be sent
    int64_t starved_us;    // when there was nothing more to send last,
    int64_t hungry_us;     // and when there was, or enough for the link
    int64_t sent_us;       // when the last message was sent
    int64_t returned_us;   // when the last silence ended,
    unsigned silences;     // of which so many ended since something was measured
    unsigned timeouts;     // in a row,
    bool has_asked;        // and a message was sent since the last of them
    bool is_heard;         // the other end has acknowledged something
    bool is_unbounded;     // it does not acknowledge, so there are no bounds
};

// Nothing is on its way, and nothing is known of the link.
void flow_init(struct flow *flow, int64_t now_us);
// Another connection is the path: what was on its way is not waited for.
void flow_path_changed(struct flow *flow, int64_t now_us);

// How many bytes may be sent now; 0: wait for an acknowledgement, flow_opens_us(), or
// flow_due_us().
size_t flow_room(const struct flow *flow, int64_t now_us);
// Whether a small packet may be sent although there is no room: a keystroke does not wait for
// others' packets, and what is on its way becomes no more than one of them longer. Not so where
// there is a queue all the same: small packets, too, may be more than a thin way carries, such as a
// transfer's acknowledgements.
bool flow_has_small_room(const struct flow *flow);
#define FLOW_SMALL      256
#define FLOW_SMALL_ROOM 1500
// When there is room again without an acknowledgement, while there is none; INT64_MAX: not without
// one.
int64_t flow_opens_us(const struct flow *flow, int64_t now_us);
// How long a message should be at most, by the rate: a long one would hold up what comes after it.
size_t flow_message_size(const struct flow *flow);
// A message of `bytes` was sent. `is_starved`: nothing more waits.
void flow_sent(struct flow *flow, uint32_t index, uint32_t counter, size_t bytes, bool is_starved,
               int64_t now_us);
// What an acknowledgement says.
struct flow_report {
    uint32_t index;
    uint32_t counter;
    int64_t delay_us;     // so long ago the message had come when this was said
    uint32_t received_us; // when that was, by the other end's clock,
    bool has_received;    // if it says so
};

// The other end has received this message.
void flow_acknowledged(struct flow *flow, const struct flow_report *report, int64_t now_us);
// When flow_timeout() is to be called if no acknowledgement comes before; INT64_MAX: never.
int64_t flow_due_us(const struct flow *flow);
void flow_timeout(struct flow *flow, int64_t now_us);

// Nothing was acknowledged for several round trips.
bool flow_is_silent(const struct flow *flow);

// Bytes that are on their way.
size_t flow_in_flight(const struct flow *flow);
// The rate of delivery in bytes a second, 0 while it is not known.
int64_t flow_rate(const struct flow *flow);

// The round trip, smoothed, and the smallest lately; 0 while it is not known.
int64_t flow_round_trip_us(const struct flow *flow);
int64_t flow_bare_us(const struct flow *flow);
// For how much time more is on its way, since the link's rate is not constant.
int64_t flow_spread_us(const struct flow *flow);

// The receiving end's part: when to acknowledge what.
struct flow_receiver {
    bool owes;
    uint32_t index; // of the newest message
    uint32_t counter;
    int64_t newest_us;
    int64_t first_us; // since when an acknowledgement is owed
    size_t bytes;     // received since
};

#define FLOW_OWED_SOME (12 * 1024) // for so much an acknowledgement is sent soon, whatever it costs

// A message came that holds more than acknowledgements.
void flow_received(struct flow_receiver *receiver, uint32_t index, uint32_t counter, size_t bytes,
                   int64_t now_us);
// When an acknowledgement must go that no other message takes along; INT64_MAX: none is owed.
// `reverse_rate`: of the other direction, in bytes a second, 0 unknown.
int64_t flow_owed_us(const struct flow_receiver *receiver, int64_t reverse_rate);

#define ACKNOWLEDGEMENT_BYTES 16
#define ACKNOWLEDGEMENT_LEAST 12 // without the time
// Writes the body of an acknowledgement, and owes nothing any more.
void flow_acknowledge(struct flow_receiver *receiver, uint8_t body[ACKNOWLEDGEMENT_BYTES],
                      int64_t now_us);
// Reads one of at least ACKNOWLEDGEMENT_LEAST bytes.
void flow_hear(struct flow *flow, const uint8_t *body, size_t length, int64_t now_us);
