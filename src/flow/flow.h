// SPDX-License-Identifier: ISC
// Bounded flight: how much may be on its way to the other end at a time, so that the link is full
// and nothing queues in the phone or the modem. Pure; times in microseconds.
#pragma once

#include "../limits.h"
#include "drain.h"
#include "flow_receiver.h"
#include "service.h"
#include "way.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A message on its way: enough to measure by, when its acknowledgement comes.
struct flow_message {
    uint32_t index;   // of the session that it was sealed under
    uint32_t counter; // its low half
    int64_t sent_us;
    uint64_t sent_total;      // bytes sent so far, this message's included
    uint64_t delivered_total; // bytes known to be delivered when it was sent,
    int64_t left_us;          // of which the newest had left the link then
};

struct flow_silence {
    int64_t heard_us;  // when the last acknowledgement came, or the wait for one began
    bool is_silent;    // it is waited for too long already,
    bool has_asked;    // and a message was sent since that was found
    bool is_heard;     // the other end has acknowledged something
    bool is_unbounded; // it does not acknowledge, so there are no bounds
};

struct flow {
    struct flow_message messages[FLOW_MESSAGES]; // a ring
    size_t head;
    size_t count;
    uint64_t sent_total;
    uint64_t delivered_total;
    size_t window; // bytes that may be on their way
    struct way way;
    struct service service; // of the slowest link
    struct drain drain;
    struct flow_silence silence;
    int64_t told;       // bytes that one acknowledgement tells of, lately at most
    int64_t sent_us;    // when the last message was sent,
    int64_t begun_us;   // and the last one of a connection that has only begun
    int64_t paced_us;   // when the next message may be sent
    int64_t hurried_us; // when somebody hurried last
};

// Nothing is on its way, and nothing is known of the link.
void flow_init(struct flow *flow, int64_t now_us);
// Another connection is the path: what was on its way is not waited for.
void flow_path_changed(struct flow *flow, int64_t now_us);

// How many bytes may be sent now; 0: wait for an acknowledgement, flow_opens_us(), or
// flow_due_us().
size_t flow_room(const struct flow *flow, int64_t now_us);
// Whether a small packet may be sent although there is no room: a keystroke does not wait for
// others' packets, and what is on its way is no more than one short message longer than the window.
// Not so where there is a long queue all the same: small packets, too, may be more than a thin way
// carries, such as a transfer's acknowledgements.
bool flow_has_small_room(const struct flow *flow);
#define FLOW_SMALL 256
// When there is room again without an acknowledgement, while there is none; INT64_MAX: not without
// one.
int64_t flow_opens_us(const struct flow *flow, int64_t now_us);
// How long a message should be at most, by the rate: a long one would hold up what comes after it.
// Where nobody has hurried for a while it may be longer.
// A short one, of at most FLOW_SHORT bytes, may go whole where there is room for a part.
size_t flow_message_size(const struct flow *flow);
#define FLOW_SHORT (6 * TUN_MTU)
// Until when little that waits should wait for more; 0: not at all.
int64_t flow_joins_us(const struct flow *flow);
// A message of `bytes` was sent. `has_begun`: packets in it are of a connection that has only
// begun; `hurries`: some are keystrokes or the like.
void flow_sent(struct flow *flow, uint32_t index, uint32_t counter, size_t bytes, bool has_begun,
               bool hurries, int64_t now_us);
// The other end has received this message.
void flow_acknowledged(struct flow *flow, const struct flow_report *report, int64_t now_us);
// When flow_timeout() is to be called if no acknowledgement comes before; INT64_MAX: never.
int64_t flow_due_us(const struct flow *flow);
void flow_timeout(struct flow *flow, int64_t now_us);

// Bytes that are on their way.
size_t flow_in_flight(const struct flow *flow);
// The rate of delivery in bytes a second, and the shortest round trip; 0 while it is not known.
int64_t flow_rate(const struct flow *flow);
int64_t flow_bare_us(const struct flow *flow);
// Reads the body of an acknowledgement, at least ACKNOWLEDGEMENT_LEAST bytes.
void flow_hear(struct flow *flow, const uint8_t *body, size_t length, int64_t now_us);
