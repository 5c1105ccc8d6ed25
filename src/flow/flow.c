// SPDX-License-Identifier: ISC
// How many bytes may be on their way to the other end at a time, the window: so many that the
// slowest link between is never without work, and no more, as what the link cannot take yet waits
// in its modem, before everything that is sent later. The sender notes when it sent what, and the
// other end says which message came when. From these all else is measured.
//
// The window. A link of this rate, with a bare way of this length, holds (rate * bare). What is on
// its way must do for as much longer as acknowledgements are late (way.c), and for a message, which
// is acknowledged as a whole. And some queue is tolerated, so that the link always has work:
//
//   window    = rate * (bare + late_us + message_us + tolerated) + told
//   tolerated = (TARGET_US, or spread where that is more) + credit
//
// `spread`: a cellular link is another one each tenth of a second. With the window that fits its
// average it would often stand idle. service.c measures how far from steady it is, which on a wire
// is nothing. So much longer a queue is tolerated, but not more than some packets, as keystrokes
// wait in it. While nobody types, it may be as long as a credit, what is added for late
// acknowledgements included: else the directions of a link make each other's queue grow.
//
// `credit`: a connection that begins sends ten segments at once, then twenty, and so on (RFC 6928,
// RFC 5681), and a page is many of these. What is known of the link may be wrong by then, and there
// is little time to learn it. So as long as such connections send, and for a round trip after, a
// longer queue is tolerated. Then the window is what it was, and the queue goes. One long transfer
// gets it for a moment only.
//
// `told`: an end that has nothing to send keeps acknowledgements back, and one tells of several
// messages. By so much more is on its way: else the link would stand still from one to the next.
//
// Growing. Where the queue is shorter than is tolerated, the link may be faster than is known. Then
// the window grows by what is delivered, as in TCP's slow start: it doubles each round trip. The
// rate that is measured grows with it. The window is never more than twice what the formula says.
//
// Pace. What is sent at once arrives at once, is acknowledged at once, and lets as much go at once
// again: a queue that comes and goes, where the link would need none. So messages leave in a third
// less time than the link takes for them, but for those of connections that begin. The rate that is
// known may be that of keystrokes; so a window leaves in a round trip in any case.
//
// Messages. A long one holds up what comes after it, and many short ones cost more headers. So
// while somebody types, they are short on a slow link. While nobody does, they are longer.
//
// Joining. A page asks for many things at once, and each request or acknowledgement would be a
// segment of its own. TCP sends ten from idle, and more after a round trip. So when some are under
// way, small ones wait for each other for a moment, which also costs fewer headers.
//
// Late acknowledgements. Where the way back stands still at times, acknowledgements are missing,
// and the link is not. Then it is presumed to deliver as before, for some times the usual lateness;
// while nobody types, for some times a credit at least.
//
// Silence. What is under way may be lost with a connection, or the link may be out for a while.
// When no acknowledgement comes in some round trips, one message at a time is sent to find out. The
// acknowledgement of any message, also of one from before the silence, ends it, and all goes on
// with what was known before. An end that has never acknowledged anything, because its program does
// not know how, is sent to without bounds. Shorter silence changes nothing: TCP carries the
// messages, and loses none.
#include "flow.h"
#include "../base/compare.h"
#include "../limits.h"
#include <string.h>

// Bytes: RFC 6928's ten segments, for a few connections at a time; and all that can be noted.
#define WINDOW_FIRST (40 * 1024)
#define WINDOW_MOST  (FLOW_MESSAGES * LINK_RECORDS)
// Microseconds of queue: so long that the link always has something to send, though a loop wakes
// late and segments come in pairs; and while connections begin, a tenth of what a page queues
// without a tether, on a slow link.
#define TARGET_US 4000
#define CREDIT_US 150000
// Packets that may wait for an unsteady link while somebody is there who hurries; else CREDIT_US.
#define SPREAD_PACKETS 20
// A message: the time that it may take on the link, in microseconds; how many times that for a pair
// of segments, which share a header; and packets in one on an unsteady link, where others wait
// longer anyway. Where nobody has hurried for SILENCE_US, it may take half of CREDIT_US.
#define MESSAGE_US      10000
#define PAIR            2
#define MESSAGE_PACKETS 8
// Messages that leave at once, of the ten segments that TCP sends from idle (RFC 6928). What comes
// after these waits for others to share a message with, in half the time of the tolerated queue.
#define MESSAGES_FREE 5
#define JOIN_US       half(TARGET_US)
// Of the time that the link takes for a message, a third is left out from one to the next.
#define PACE_LESS 3
// Acknowledgements are late after so many microseconds without one. Four times the usual is waited
// then, as RFC 6298 section 2.3 allows for four deviations.
#define LATE_US    100000
#define LATE_TIMES 4
// Microseconds after which silence begins at the earliest; and where the round trip is as long, or
// not known, LATE_TIMES as many (RFC 6298 sections 2.1 and 2.4).
#define SILENCE_US 1000000

void flow_init(struct flow *flow, int64_t now_us) {
    memset(flow, 0, sizeof *flow);
    flow->window = WINDOW_FIRST;
    flow->silence.heard_us = flow->begun_us = flow->hurried_us = now_us;
}

void flow_path_changed(struct flow *flow, int64_t now_us) {
    size_t window = flow->window;
    bool is_heard = flow->silence.is_heard;
    flow_init(flow, now_us);
    flow->silence.is_heard = is_heard;
    if (window < WINDOW_FIRST) // a slow link's successor may be as slow
        flow->window = window;
}

// What is known.

size_t flow_in_flight(const struct flow *flow) {
    return flow->count > 0 ? (size_t)(flow->sent_total - flow->delivered_total) : 0;
}

int64_t flow_rate(const struct flow *flow) { return service_rate(&flow->service); }

int64_t flow_bare_us(const struct flow *flow) { return way_bare_us(&flow->way); }

static int64_t bytes_in(const struct flow *flow, int64_t us) {
    return service_bytes(&flow->service, us);
}

// Nobody had hurried for so long when the other end was last heard: what waits now, nobody waits
// for. Since then, what hurries may stand still with the link.
static bool is_calm(const struct flow *flow, int64_t for_us) {
    return flow->silence.heard_us - flow->hurried_us > for_us;
}

// Who has not hurried for so long is gone, or reads.
static bool is_gone(const struct flow *flow) { return is_calm(flow, LATE_TIMES * SILENCE_US); }

static int64_t spread_us(const struct flow *flow) {
    int64_t most_us = service_takes_us(&flow->service, SPREAD_PACKETS * TUN_MTU);
    if (is_gone(flow))
        most_us = greater(most_us, CREDIT_US - flow->way.late_us);
    return smaller(service_unrest_us(&flow->service), most_us);
}

// While no rate is known everything is a beginning.
static bool is_beginning(const struct flow *flow, int64_t now_us) {
    return flow_rate(flow) == 0 || now_us - flow->begun_us <= flow->way.trip_us;
}

// What may be sent.

static int64_t late_from_us(const struct flow *flow) { return flow->silence.heard_us + LATE_US; }

static int64_t presumed_until_us(const struct flow *flow) {
    int64_t usual_us = greater(flow->way.late_us, is_gone(flow) ? CREDIT_US : 0);
    return late_from_us(flow) + LATE_TIMES * usual_us;
}

// What the link has most likely delivered while acknowledgements are late.
static int64_t presumed(const struct flow *flow, int64_t now_us) {
    int64_t until_us = smaller(now_us, presumed_until_us(flow));
    return bytes_in(flow, greater(0, until_us - late_from_us(flow)));
}

size_t flow_room(const struct flow *flow, int64_t now_us) {
    size_t in_flight = flow_in_flight(flow);
    size_t window = (size_t)smaller((int64_t)flow->window + presumed(flow, now_us), WINDOW_MOST);
    if (flow->silence.is_unbounded)
        return WINDOW_MOST;
    if (flow->count == FLOW_MESSAGES)
        return 0;
    if (flow->silence.is_silent)
        return flow->silence.has_asked ? 0 : 1;
    if (flow->paced_us > now_us)
        return 0;
    if (flow->drain.window > 0 && !is_beginning(flow, now_us))
        window = flow->drain.window;
    return in_flight < window ? window - in_flight : 0;
}

bool flow_has_small_room(const struct flow *flow) {
    return flow->count < FLOW_MESSAGES && !flow->silence.is_silent &&
           flow->way.queue_us < CREDIT_US && flow_in_flight(flow) < flow->window + FLOW_SHORT;
}

int64_t flow_opens_us(const struct flow *flow, int64_t now_us) {
    if (flow->count == FLOW_MESSAGES || flow->silence.is_silent)
        return INT64_MAX;
    if (flow->paced_us > now_us)
        return flow->paced_us;
    int64_t next_us = greater(now_us, late_from_us(flow)) + MESSAGE_US;
    bool may_presume = next_us <= presumed_until_us(flow) && flow->drain.window == 0;
    return may_presume ? next_us : INT64_MAX;
}

size_t flow_message_size(const struct flow *flow) {
    int64_t restless = smaller(bytes_in(flow, spread_us(flow)), MESSAGE_PACKETS * TUN_MTU);
    int64_t size = greater(bytes_in(flow, MESSAGE_US), restless);
    if (flow->silence.is_unbounded)
        return LINK_RECORDS;
    if (flow->silence.is_silent)
        return TUN_MTU;
    if (flow_rate(flow) == 0 || bytes_in(flow, PAIR * MESSAGE_US) >= PAIR * TUN_MTU)
        size = greater(size, PAIR * TUN_MTU);
    if (is_calm(flow, SILENCE_US))
        size = greater(size, smaller(bytes_in(flow, half(CREDIT_US)), FLOW_SHORT));
    return (size_t)smaller(greater(size, TUN_MTU), LINK_RECORDS);
}

int64_t flow_joins_us(const struct flow *flow) {
    bool is_short = flow_bare_us(flow) < PAIR * MESSAGE_US;
    return flow->count < MESSAGES_FREE || is_short ? 0 : flow->sent_us + JOIN_US;
}

// What is sent.

static struct flow_message *message_at(struct flow *flow, size_t i) {
    return &flow->messages[(flow->head + i) % FLOW_MESSAGES];
}

// Nothing is on its way: time in which there was nothing to deliver does not count. In a long pause
// the link may become another, so the window is halved again and again (as in RFC 2861).
static void go_on(struct flow *flow, int64_t now_us) {
    int64_t pause_us = now_us - flow->sent_us;
    for (; pause_us >= FLOW_RENEWED_US && flow->window > WINDOW_FIRST; pause_us -= FLOW_RENEWED_US)
        flow->window = (size_t)greater(half((int64_t)flow->window), WINDOW_FIRST);
    flow->silence.heard_us = now_us;
    flow->delivered_total = flow->sent_total;
    int64_t came_us = now_us + flow->way.there_least_us; // to the link, which was idle until then
    flow->service.left_us = greater(flow->service.left_us, came_us - 1);
}

// When the next message may be sent, at most a round trip from now. What is sent while the queue
// drains is to see the bare way, and must not make a queue itself.
static void pace(struct flow *flow, size_t bytes, int64_t now_us) {
    bool drains = flow->drain.window > 0;
    int64_t takes_us = service_takes_us(&flow->service, (int64_t)bytes);
    int64_t part_us = (int64_t)bytes * flow->way.trip_us / (int64_t)flow->window;
    if (is_beginning(flow, now_us))
        return;
    if (!drains)
        takes_us = smaller(takes_us, part_us) * (PACE_LESS - 1) / PACE_LESS;
    flow->paced_us = greater(flow->paced_us, now_us - (drains ? 0 : TARGET_US)) + takes_us;
    flow->paced_us = smaller(flow->paced_us, now_us + flow->way.trip_us);
}

void flow_sent(struct flow *flow, uint32_t index, uint32_t counter, size_t bytes, bool has_begun,
               bool hurries, int64_t now_us) {
    if (flow->count == FLOW_MESSAGES || flow->silence.is_unbounded)
        return;
    if (flow->count == 0)
        go_on(flow, now_us);
    if (has_begun)
        flow->begun_us = now_us;
    if (hurries)
        flow->hurried_us = now_us;
    if (is_beginning(flow, now_us)) // then it drains later: so far more was on its way
        flow->drain.from_us = now_us;
    pace(flow, bytes, now_us);
    flow->silence.has_asked = true;
    flow->sent_us = now_us;
    flow->sent_total += bytes;
    *message_at(flow, flow->count++) = (struct flow_message){
        index, counter, now_us, flow->sent_total, flow->delivered_total, flow->service.left_us};
}

// What is acknowledged.

// This message was delivered, and all before it, or lost on the way: they are no longer under way.
// Returns their bytes, or 0 where it is not known.
static int64_t take_delivered(struct flow *flow, const struct flow_report *report,
                              struct flow_message *newest) {
    size_t at = 0;
    uint64_t before = flow->delivered_total;
    while (at < flow->count && (message_at(flow, at)->index != report->index ||
                                message_at(flow, at)->counter != report->counter))
        at++;
    if (at == flow->count)
        return 0;
    *newest = *message_at(flow, at++);
    flow->head = (flow->head + at) % FLOW_MESSAGES;
    flow->count -= at;
    flow->delivered_total = newest->sent_total;
    return (int64_t)(flow->delivered_total - before);
}

// The first of the messages that were acknowledged was sent at first_us.
static void measure(struct flow *flow, const struct flow_report *report,
                    const struct flow_message *newest, int64_t first_us, int64_t delivered,
                    int64_t now_us) {
    int64_t silent_us = now_us - flow->silence.heard_us;
    int64_t there_us = way_measure(&flow->way, report, newest->sent_us, silent_us, now_us);
    int64_t least_us = flow->way.there_least_us;
    service_passed(&flow->service, first_us + least_us, newest->sent_us + least_us,
                   newest->sent_us + there_us, delivered);
    // Less than a round trip is no time to measure in (draft-cheng-iccrg-delivery-rate-estimation).
    int64_t took_us = flow->service.left_us - newest->left_us;
    if (took_us >= flow_bare_us(flow))
        service_raise(&flow->service, (int64_t)(flow->delivered_total - newest->delivered_total),
                      took_us);
    flow->told = greater(smaller(delivered, FLOW_OWED_SOME + TUN_MTU),
                         flow->told - flow->told / FLOW_SMOOTHING);
}

static void set_window(struct flow *flow, int64_t in_flight, int64_t delivered, int64_t message_us,
                       int64_t now_us) {
    int64_t credit_us = is_beginning(flow, now_us) ? CREDIT_US : 0;
    int64_t tolerated_us = greater(TARGET_US, spread_us(flow)) + credit_us;
    int64_t held_us = flow_bare_us(flow) + flow->way.late_us + message_us + tolerated_us;
    int64_t told = greater(0, flow->told - (int64_t)flow_message_size(flow));
    int64_t window = bytes_in(flow, held_us) + told;
    int64_t grown = (int64_t)flow->window + delivered;
    if (flow_rate(flow) == 0)
        window = greater(in_flight, WINDOW_FIRST);
    if (flow->way.queue_us < tolerated_us)
        window += greater(window, WINDOW_FIRST);
    flow->window = (size_t)greater(TUN_MTU, smaller(smaller(window, grown), WINDOW_MOST));
}

void flow_acknowledged(struct flow *flow, const struct flow_report *report, int64_t now_us) {
    struct flow_message newest;
    int64_t first_us = message_at(flow, 0)->sent_us;
    size_t in_flight = flow_in_flight(flow);
    int64_t delivered = take_delivered(flow, report, &newest);
    flow->silence.is_unbounded = false;
    if (delivered == 0)
        return;
    measure(flow, report, &newest, first_us, delivered, now_us);
    flow->silence = (struct flow_silence){.heard_us = now_us, .is_heard = true};
    int64_t message_us = service_takes_us(&flow->service, (int64_t)flow_message_size(flow));
    size_t held = (size_t)bytes_in(flow, flow_bare_us(flow));
    if (!is_beginning(flow, now_us))
        drain_step(&flow->drain, &flow->way, newest.sent_us, held, in_flight,
                   TARGET_US + message_us, now_us);
    set_window(flow, (int64_t)in_flight, delivered, message_us, now_us);
}

// Silence.

int64_t flow_due_us(const struct flow *flow) {
    int64_t trip_us = flow->way.is_known ? smaller(flow->way.trip_us, SILENCE_US) : SILENCE_US;
    if (flow->count == 0)
        return INT64_MAX;
    return flow->silence.heard_us + greater(LATE_TIMES * trip_us, SILENCE_US);
}

void flow_timeout(struct flow *flow, int64_t now_us) {
    flow->silence.is_silent = true;
    flow->silence.has_asked = false;
    flow->drain = (struct drain){.ended_us = now_us}; // a queue from before says nothing of the way
    flow->silence.heard_us = now_us;
    flow->silence.is_unbounded = !flow->silence.is_heard;
    size_t forgotten = flow->silence.is_unbounded ? flow->count : flow->count == FLOW_MESSAGES;
    flow->head = (flow->head + forgotten) % FLOW_MESSAGES;
    flow->count -= forgotten; // there is always room for a message that asks
}
