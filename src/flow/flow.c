// SPDX-License-Identifier: ISC
// How many bytes may be on their way to the other end at a time, the window: so many that the
// slowest link between is never without work, and no more, as what the link cannot take yet waits
// in its modem, before everything that is sent later.
//
// The other end acknowledges messages. From when a message was sent and when its acknowledgement
// came two things are measured, in the manner of BBR (draft-ietf-ccwg-bbr): the round trip, and the
// rate of delivery, which is the bytes that were delivered between the sending of a message and its
// acknowledgement, over that time. What fits on the link without a queue is rate x smallest round
// trip. The window is a little more than that:
//
//   window = (rate * (smallest round trip + lateness + TARGET + spread) + told) * (1 + eagerness)
//
// A way back with a queue or gaps of its own says nothing about the way there. So an
// acknowledgement also says when the message came, by the other end's clock (as in LEDBAT, RFC 6817
// section 3.4.1): only a longer way there counts as a queue, and the rate is that at which messages
// came, not acknowledgements. What is on its way must do for the time that these are late, too:
// `lateness` is how long the other end keeps them back, and by how much their way is longer than
// the shortest, on average. The longest instead would have the two directions of a link, each of
// which delays the other's acknowledgements, make each other's queue grow. And where one
// acknowledgement tells of many messages, because the other end has nothing else to send and keeps
// it back, as much more is on its way as it tells of beyond the usual (`told`), if that is three
// tenths of all: else the link would stand still from one to the next.
//
// The rate is the greatest of the last half second or second; time in which the link had nothing to
// do does not count, up to half. TARGET is the queue that is tolerated, some milliseconds, so that
// the link always has something to send. While there was no queue for two round trips, `eagerness`
// is up to 1 and the window doubles each round trip, as in TCP's slow start; when the queue is at
// its target it is 0, and the window stays. Where trying more brought a queue and no higher rate,
// half as much more is tried the next time. So a link that becomes faster is filled within some
// round trips, one that becomes slower gets no more than it delivers, as soon as its old rate is
// forgotten, and one that stays as it is is left alone.
//
// At first, and when there is much to send again after a pause, what is known of the link may be
// wrong, and there is little time to learn it: that of a page. So twice as much as the rate asks
// for is sent as long as the rate grows, or there is little to send, unless it waits for long.
//
// Pace. What is sent at once arrives at once, is acknowledged at once, and lets as much go at once
// again: a queue that comes and goes, where the link would need none. So messages leave at one and
// a half times the rate at most, or three times while more is tried, as long as there is always
// more to send.
//
// The rate of a cellular link may be another each tenth of a second. With the window that fits its
// average it would often stand idle. service.c tells how far from steady it is, which on a wire is
// nothing. On a restless link `spread` bridges that, up to the time of some packets; messages are
// longer, since their headers are saved at each rate; and there is no pace, since what comes at
// once is welcome when the link is fast for a moment.
//
// Where it is the way back that stands still at times, acknowledgements are missing and the link is
// not. Then it is presumed to go on delivering, at its mean rate, for the time of some packets.
//
// While there is too little to send, what is delivered says nothing about the link, and the window
// is not made smaller for it; but a pause makes it so.
//
// A queue that is always there would hide how long the bare way is, and that may change. So once in
// a while less than what fits is sent for a moment: the queue drains, and what is then sent shows
// the bare way.
//
// Silence: what is under way may be lost with a connection, or the link may be out for a while.
// When no acknowledgement comes in several round trips, one message at a time is sent to find out,
// less and less often. The acknowledgement of any message, also of one from before the silence,
// ends it, and the rate of before is where it goes on. An end that has never acknowledged anything,
// because its program does not know how, is sent to without bounds. Shorter silence changes
// nothing: TCP carries the messages, and loses none.
#include "flow.h"

#include <string.h>

#include "../base/bytes.h"
#include "../base/compare.h"
#include "../base/units.h"
#include "../limits.h"

#define WINDOW_FIRST (40 * 1024) // RFC 6928's ten segments, for a few connections at a time
#define WINDOW_LEAST TUN_MTU     // a thin way carries no more
#define WINDOW_MOST  (8 * 1024 * 1024)
// The queue that is tolerated, and a little more where the way is long, or a packet takes long.
// Where it is already as long as the other, small packets, too, wait for room.
#define TARGET_US      4000
#define SMALL_QUEUE_US 100000
// A rate is forgotten after one to two of these, or of four bare round trips.
#define RATE_PERIOD_US 500000
// How much more is tried while there is no queue, in percent.
#define EAGER_MOST  100
#define EAGER_LEAST 12
// So much may leave at once as passes in this time: a loop wakes late, and a fast link must not
// wait for it.
#define PACE_BURST_US  5000
#define PACE_UNREST_US 20000 // a link that is less steady gets bursts
// On a restless link more is on its way, at most for the time of so many packets.
#define SPREAD_PACKETS 20
// Acknowledgements are late after so long; the way back stands still at times where they are later
// than BACK_FREE_US on average; then the link is presumed to deliver for this time and that of some
// packets.
#define LATE_US             100000
#define BACK_FREE_US        20000
#define BACK_AVERAGED_US    4000000
#define PRESUMED_MOST_US    50000
#define PRESUMED_PACKETS    40
#define PRESUMED_LONGEST_US 2000000
#define PRESUMED_STEP_US    10000
// Once in so long, and ten round trips, the queue is made to drain, to so many quarters of what the
// bare way holds.
#define DRAIN_EVERY_US 10000000
#define DRAIN_QUARTERS 3
// Silence: after four round trips, within these bounds. An end that did not acknowledge in that
// time never will.
#define TIMEOUT_LEAST_US 400000
#define TIMEOUT_FIRST_US 3000000
#define TIMEOUT_MOST_US  3000000
#define UNHEARD_TIMEOUTS 1
// What an acknowledgement can say of its own lateness.
#define DELAY_MOST_US 1000000
#define BACK_MOST_US  700000
#define TOLD_MOST                                                                                  \
    (FLOW_OWED_SOME + MESSAGE_LEAST_BYTES) // that a receiver keeps back on a slow link
// The time that a message may take on the link; that of two packets, which may share a header; and
// how long messages may be on a restless link, where others wait longer anyway.
#define MESSAGE_US             10000
#define MESSAGE_TWO_US         20000
#define MESSAGE_RESTLESS_US    60000
#define MESSAGE_RESTLESS_BYTES 12000
#define MESSAGE_LEAST_BYTES    1500
// After so long without anything to send, what is known of the link has lost half its worth.
#define PAUSE_US 10000000
// A start: after so long with little to send. It ends when messages wait for so long, or the rate
// has not grown by a quarter in so many round trips.
#define START_PAUSE_US 1000000
#define START_QUEUE_US 60000
#define START_TRIPS    3

static void extreme_start(struct flow_extreme *extreme, int64_t now_us) {
    *extreme = (struct flow_extreme){0, 0, now_us};
}

static void extreme_turn(struct flow_extreme *extreme, int64_t period_us, int64_t now_us) {
    if (now_us - extreme->since_us < period_us)
        return;
    extreme->before = extreme->now;
    extreme->now = 0; // 0: none in this period
    extreme->since_us = now_us;
}

static int64_t greatest(const struct flow_extreme *extreme) {
    return greater(extreme->now, extreme->before);
}

void flow_init(struct flow *flow, int64_t now_us) {
    memset(flow, 0, sizeof *flow);
    flow->window = WINDOW_FIRST;
    flow->eager = EAGER_MOST;
    flow->is_starting = true;
    flow->delivered_us = flow->heard_us = flow->drained_us = now_us;
    extreme_start(&flow->rate, now_us);
    service_init(&flow->service);
}

void flow_path_changed(struct flow *flow, int64_t now_us) {
    size_t window = flow->window;
    bool is_heard = flow->is_heard;
    flow_init(flow, now_us);
    flow->is_heard = is_heard;
    if (window < WINDOW_FIRST) // a slow link's successor may be as slow
        flow->window = window;
}

static struct flow_message *message_at(struct flow *flow, size_t i) {
    return &flow->messages[(flow->head + i) % FLOW_MESSAGES];
}

size_t flow_in_flight(const struct flow *flow) {
    if (flow->count == 0)
        return 0;
    return (size_t)(flow->sent_total - flow->delivered_total);
}

int64_t flow_rate(const struct flow *flow) { return greatest(&flow->rate); }

int64_t flow_round_trip_us(const struct flow *flow) { return flow->smoothed_us; }

int64_t flow_bare_us(const struct flow *flow) { return flow->bare_us; }

// What is on its way while the queue is made to drain: less than the bare way holds, and something,
// since an acknowledgement ends the draining, and needs a message.
static size_t drained_window(const struct flow *flow) {
    size_t bare = (size_t)(flow_rate(flow) * flow_bare_us(flow) / US);
    size_t window = (bare < flow->window ? bare : flow->window) / 4 * DRAIN_QUARTERS;
    return window > 0 ? window : 1;
}

// How long a packet takes on the link; 0: not known.
static int64_t packet_us(const struct flow *flow) {
    int64_t rate = service_rate(&flow->service);
    if (rate == 0)
        rate = flow_rate(flow);
    return rate > 0 ? (int64_t)TUN_MTU * US / rate : 0;
}

static int64_t presumed_most_us(const struct flow *flow) {
    if (flow->back_late_us < BACK_FREE_US)
        return 0;
    return smaller(PRESUMED_MOST_US + PRESUMED_PACKETS * packet_us(flow), PRESUMED_LONGEST_US);
}

// What the link has most likely delivered while acknowledgements are late, where it may be the way
// back that stands still.
static size_t presumed(const struct flow *flow, int64_t now_us) {
    int64_t late_us = smaller(now_us - flow->awaited_us, presumed_most_us(flow));
    return late_us > 0 ? (size_t)(service_rate(&flow->service) * late_us / US) : 0;
}

size_t flow_room(const struct flow *flow, int64_t now_us) {
    size_t in_flight = flow_in_flight(flow);
    size_t window = flow->window + presumed(flow, now_us);
    if (flow->is_unbounded)
        return WINDOW_MOST;
    if (flow->count == FLOW_MESSAGES)
        return 0;
    if (flow->timeouts > 0)
        return flow->has_asked ? 0 : 1;
    if (flow->paced_us > now_us)
        return 0;
    if (flow->is_draining)
        window = drained_window(flow);
    return in_flight < window ? window - in_flight : 0;
}

bool flow_has_small_room(const struct flow *flow) {
    return flow->count < FLOW_MESSAGES && flow->timeouts == 0 &&
           flow->latest_us - flow->bare_us < SMALL_QUEUE_US &&
           flow_in_flight(flow) < flow->window + FLOW_SMALL_ROOM;
}

int64_t flow_opens_us(const struct flow *flow, int64_t now_us) {
    int64_t presumed_to_us = flow->awaited_us + presumed_most_us(flow);
    if (flow->count == FLOW_MESSAGES || flow->timeouts > 0)
        return INT64_MAX;
    if (flow->paced_us > now_us)
        return flow->paced_us;
    int64_t step_us = greater(now_us, flow->awaited_us) + PRESUMED_STEP_US;
    return step_us > presumed_to_us || flow->is_draining ? INT64_MAX : step_us;
}

size_t flow_message_size(const struct flow *flow) {
    int64_t rate = flow_rate(flow);
    int64_t unrest_us = service_unrest_us(&flow->service);
    int64_t restless_size = rate * smaller(unrest_us, MESSAGE_RESTLESS_US) / US;
    int64_t size = greater(rate * MESSAGE_US / US, smaller(restless_size, MESSAGE_RESTLESS_BYTES));
    if (flow->is_unbounded)
        return LINK_RECORDS;
    if (flow->timeouts > 0)
        return MESSAGE_LEAST_BYTES;
    if (rate == 0)
        return 4 * MESSAGE_LEAST_BYTES;
    if (size < 2 * MESSAGE_LEAST_BYTES)
        size = rate * MESSAGE_TWO_US / US < 2 * MESSAGE_LEAST_BYTES ? MESSAGE_LEAST_BYTES
                                                                    : 2 * MESSAGE_LEAST_BYTES;
    return size > LINK_RECORDS ? LINK_RECORDS : (size_t)size;
}

// After a pause a window is no longer known to be right: it is half as large for each PAUSE_US.
static void mind_pause(struct flow *flow, int64_t now_us) {
    for (int64_t pause_us = now_us - flow->sent_us;
         pause_us >= PAUSE_US && flow->window > WINDOW_FIRST; pause_us -= PAUSE_US)
        flow->window = flow->window / 2 > WINDOW_FIRST ? flow->window / 2 : WINDOW_FIRST;
}

// What is sent next may be the beginning of much.
static void mind_start(struct flow *flow, bool is_starved, int64_t now_us) {
    bool was_starved = flow->starved_us > flow->hungry_us; // else there was no room
    if (was_starved && now_us - flow->hungry_us > START_PAUSE_US) {
        flow->is_starting = true;
        flow->start_rate = 0;
    }
    if (is_starved)
        flow->starved_us = now_us;
    else
        flow->hungry_us = now_us;
}

// When the next message may be sent, at most a round trip from now. The first packets of a page,
// after which there is nothing more to send for a moment, go at once.
static void pace(struct flow *flow, size_t bytes, int64_t now_us) {
    int64_t rate = greater(flow_rate(flow), service_rate(&flow->service));
    bool is_growing = flow->is_starting || now_us - flow->queued_us > 2 * flow->smoothed_us;
    if (rate == 0 || service_unrest_us(&flow->service) > PACE_UNREST_US ||
        now_us - flow->starved_us <= flow->smoothed_us)
        return;
    rate = is_growing ? 3 * rate : rate * 3 / 2;
    flow->paced_us = greater(flow->paced_us, now_us - PACE_BURST_US) + (int64_t)bytes * US / rate;
    flow->paced_us = smaller(flow->paced_us, now_us + flow->smoothed_us);
}

void flow_sent(struct flow *flow, uint32_t index, uint32_t counter, size_t bytes, bool is_starved,
               int64_t now_us) {
    if (flow->count == FLOW_MESSAGES || flow->is_unbounded)
        return;
    if (flow->count == 0) { // time in which there was nothing to deliver does not count
        mind_pause(flow, now_us);
        flow->delivered_us = flow->heard_us = flow->before_us = now_us;
        flow->delivered_total = flow->sent_total;
        flow->awaited_us = now_us + flow->smoothed_us + LATE_US;
    }
    mind_start(flow, is_starved, now_us);
    pace(flow, bytes, now_us);
    flow->has_asked = true;
    flow->sent_us = now_us;
    flow->sent_total += bytes;
    *message_at(flow, flow->count++) = (struct flow_message){
        index,
        counter,
        now_us,
        flow->sent_total,
        flow->delivered_total,
        flow->delivered_us,
        flow->before_us,
        flow->service.idle_us,
        is_starved,
    };
}

// Takes a measurement of the rate.
static void measure_rate(struct flow *flow, const struct flow_message *message, bool is_starved,
                         int64_t heard_us, int64_t now_us) {
    int64_t took_us = heard_us - message->delivered_us;
    int64_t sending_us = message->sent_us - message->before_us;
    int64_t bytes = (int64_t)(flow->delivered_total - message->delivered_total);
    // While it had nothing to do, the link could not deliver; but one message alone says little
    // about it.
    took_us = greater(took_us - (flow->service.idle_us - message->idle_us), took_us / 2);
    if (took_us < sending_us) // acknowledgements that came in a burst
        took_us = sending_us;
    if (took_us < 100)
        took_us = 100;
    int64_t rate = bytes * US / took_us;
    int64_t period_us = 4 * flow_bare_us(flow);
    // Whoever had nothing more to send shows only how fast the link is at least.
    if (is_starved && rate <= flow_rate(flow))
        return;
    extreme_turn(&flow->rate, greater(period_us, RATE_PERIOD_US), now_us);
    if (rate > flow->rate.now)
        flow->rate.now = rate > 0 ? rate : 1;
}

// RFC 6298
static int64_t smooth(int64_t smoothed_us, int64_t us) {
    return smoothed_us == 0 ? us : (7 * smoothed_us + us) / 8;
}

// What the round trip would have been on the shortest way back. Both clocks need not agree, only go
// alike.
static int64_t without_way_back(struct flow *flow, const struct flow_report *report,
                                int64_t sent_us, int64_t trip_us) {
    if (!report->has_received)
        return trip_us;
    uint32_t ahead_us = report->received_us - (uint32_t)sent_us;
    if (!flow->has_clock) {
        flow->clock_us = ahead_us;
        flow->has_clock = true;
    }
    flow->way_us = (int32_t)(ahead_us - flow->clock_us);
    if (flow->way_us < flow->least_us)
        flow->least_us = flow->way_us;
    int64_t bare_us = flow->bare_us > 0 ? flow->bare_us : trip_us;
    return smaller(bare_us + flow->way_us - flow->least_us, trip_us);
}

static void measure_round_trip(struct flow *flow, int64_t trip_us, int64_t there_us) {
    flow->smoothed_us = smooth(flow->smoothed_us, trip_us);
    if (flow->bare_us == 0 || trip_us < flow->bare_us)
        flow->bare_us = trip_us;
    flow->latest_us = greater(there_us, flow->bare_us);
}

static size_t bounded(int64_t window) {
    return window < WINDOW_LEAST  ? WINDOW_LEAST
           : window > WINDOW_MOST ? WINDOW_MOST
                                  : (size_t)window;
}

// The queue is made to drain once in a while where the bare way was not seen for long. What is then
// sent into an empty queue shows it, whether it is as it was, or has become longer.
static void mind_drain(struct flow *flow, const struct flow_message *newest, int64_t own_us,
                       int64_t target_us, int64_t now_us) {
    if (flow->is_draining && newest->sent_us > flow->drain_from_us) {
        flow->bare_us = greater(flow->latest_us - own_us, 1);
        flow->least_us = flow->way_us - own_us;
    }
    if (flow->latest_us - own_us - flow->bare_us <= target_us / 4 ||
        (flow->is_draining && now_us - flow->drain_from_us > 4 * flow->smoothed_us + US)) {
        flow->drained_us = now_us;
        if (flow->is_draining) // and from there it grows again
            flow->window = drained_window(flow);
        flow->is_draining = false;
    } else if (!flow->is_draining &&
               now_us - flow->drained_us >= DRAIN_EVERY_US + 10 * flow->bare_us) {
        flow->drain_from_us = now_us;
        flow->is_draining = true;
    }
}

// By how many percent the window may be greater than what the link is known to hold.
static int64_t eagerness(int64_t queue_us, int64_t target_us) {
    return 100 * (target_us - greater(queue_us, 0)) / target_us;
}

// Where trying more brought a queue and no more than before, less is tried the next time; where it
// brought more, all.
static void mind_eagerness(struct flow *flow, int64_t rate, bool has_queue, int64_t now_us) {
    if (rate > flow->full_rate / 8 * 9) {
        flow->eager = EAGER_MOST;
        if (has_queue)
            flow->full_rate = rate;
    } else if (has_queue && flow->is_eager) {
        flow->eager = greater(flow->eager / 2, EAGER_LEAST);
        flow->full_rate = rate;
    }
    if (has_queue || flow->is_draining) {
        flow->is_eager = false;
        flow->queued_us = now_us;
    }
}

int64_t flow_spread_us(const struct flow *flow) {
    int64_t us = service_unrest_us(&flow->service) * 3 / 2;
    return smaller(us, SPREAD_PACKETS * packet_us(flow));
}

// What acknowledgements that are far apart tell of at once, beyond the usual message.
static int64_t told_at_once(const struct flow *flow) {
    return greater(0, flow->told - (int64_t)flow_message_size(flow));
}

// Whether the start goes on.
static bool goes_on_starting(struct flow *flow, int64_t rate, int64_t queue_us, bool is_starved,
                             int64_t now_us) {
    bool has_grown = rate > flow->start_rate / 4 * 5;
    if (has_grown)
        flow->start_rate = rate;
    if (has_grown || is_starved)
        flow->grown_us = now_us;
    return queue_us <= START_QUEUE_US && now_us - flow->grown_us <= START_TRIPS * flow->smoothed_us;
}

// From the measurements to the window, when so much was delivered. While there is not enough to
// send, it is no reason to make the window smaller that little is delivered.
static void set_window(struct flow *flow, const struct flow_message *newest, size_t delivered,
                       bool is_starved, int64_t now_us) {
    int64_t bare_us = flow_bare_us(flow);
    int64_t rate = flow_rate(flow);
    if (rate == 0)
        return; // nothing but starved messages so far, or what silences ended
    int64_t target_us = TARGET_US + bare_us / 25 + packet_us(flow) / 2;
    int64_t own_us = smaller((int64_t)delivered, (int64_t)flow_message_size(flow)) * US / rate;
    int64_t queue_us = flow->latest_us - bare_us - greater(own_us, MESSAGE_US);
    mind_drain(flow, newest, own_us, target_us, now_us);
    int64_t held_us = bare_us + target_us + flow->delay_us + flow->back_us + flow_spread_us(flow);
    int64_t window = rate * held_us / US + told_at_once(flow);
    int64_t trip_us = flow->latest_us < flow->smoothed_us / 2 ? flow->latest_us : flow->smoothed_us;
    mind_eagerness(flow, rate, queue_us > target_us / 2, now_us);
    flow->is_starting =
        flow->is_starting && goes_on_starting(flow, rate, queue_us, is_starved, now_us);
    if (flow->is_starting) {
        window *= 2;
    } else if (!flow->is_draining && queue_us < target_us &&
               now_us - flow->queued_us > 2 * trip_us) {
        window += window * flow->eager / 100 * eagerness(queue_us, target_us) / 100;
        flow->is_eager = true;
    }
    if (window > (int64_t)(flow->window + delivered))
        window = (int64_t)(flow->window + delivered);
    if (is_starved && window < (int64_t)flow->window)
        return;
    flow->window = bounded(window);
}

// The oldest so many messages have passed the link.
static void tell_service(struct flow *flow, size_t count) {
    uint64_t before = flow->delivered_total;
    service_began(&flow->service, message_at(flow, 0)->sent_us + flow->least_us);
    for (size_t i = 0; i < count; i++) {
        const struct flow_message *message = message_at(flow, i);
        service_passed(&flow->service, message->sent_us + flow->least_us,
                       (int64_t)(message->sent_total - before));
        before = message->sent_total;
    }
}

// The message was delivered, and all before it, or lost on the way: they are no longer under way.
static bool take_delivered(struct flow *flow, uint32_t index, uint32_t counter,
                           struct flow_message *newest) {
    size_t at = 0;
    while (at < flow->count &&
           (message_at(flow, at)->index != index || message_at(flow, at)->counter != counter))
        at++;
    if (at == flow->count)
        return false;
    tell_service(flow, at + 1);
    *newest = *message_at(flow, at);
    flow->head = (flow->head + at + 1) % FLOW_MESSAGES;
    flow->count -= at + 1;
    flow->delivered_total = newest->sent_total;
    return true;
}

// How long it took to hear of what was sent into a silence says nothing about a queue, nor about a
// rate. And the link may be another.
static void end_silence(struct flow *flow, int64_t now_us) {
    flow->timeouts = 0;
    flow->eager = EAGER_MOST;
    flow->full_rate = 0;
    flow->returned_us = now_us;
    flow->silences++;
    if (flow->window > 2 * (size_t)WINDOW_FIRST)
        flow->window /= 2;
}

// How late acknowledgements are: they are kept back for some time, and then the way back may be
// longer than it can be. The latest one came after so long without any.
static void measure_lateness(struct flow *flow, int64_t delay_us, int64_t back_us,
                             int64_t silent_us) {
    flow->delay_us = greater(delay_us, flow->delay_us - flow->delay_us / 8);
    flow->back_us = (7 * flow->back_us + smaller(back_us, BACK_MOST_US)) / 8;
    flow->back_late_us += (smaller(back_us, BACK_MOST_US) - flow->back_late_us) *
                          smaller(silent_us, BACK_AVERAGED_US) / BACK_AVERAGED_US;
}

// How much an acknowledgement tells of, where that is much of what was on its way, and no silence
// made it so.
static void measure_told(struct flow *flow, size_t delivered, size_t in_flight) {
    flow->told -= flow->told / 8;
    if (flow->timeouts == 0 && 10 * delivered >= 3 * in_flight)
        flow->told = greater(flow->told, smaller((int64_t)delivered, TOLD_MOST));
}

// What was sent before a silence ended does not, unless one silence follows the other: then the
// link is only slow.
static bool tells_of_link(struct flow *flow, const struct flow_message *message) {
    if (message->sent_us < flow->returned_us && flow->silences < 2 && flow->smoothed_us > 0)
        return false;
    flow->silences = 0;
    return true;
}

// A queue shows that the link had enough to do, though nothing more was to be sent. What only came
// in a pause of an idle link does not.
static bool had_enough(const struct flow *flow, const struct flow_message *message,
                       int64_t heard_us) {
    int64_t idle_us = flow->service.idle_us - message->idle_us;
    return flow->latest_us - flow->bare_us >= 2 * TARGET_US &&
           4 * idle_us <= heard_us - message->sent_us;
}

void flow_acknowledged(struct flow *flow, const struct flow_report *report, int64_t now_us) {
    struct flow_message newest;
    uint64_t delivered_before = flow->delivered_total;
    if (!take_delivered(flow, report->index, report->counter, &newest))
        return;
    size_t delivered = (size_t)(flow->delivered_total - delivered_before);
    measure_told(flow, delivered, (size_t)(flow->sent_total - delivered_before));
    if (flow->timeouts > 0)
        end_silence(flow, now_us);
    flow->is_heard = true;
    int64_t silent_us = now_us - flow->heard_us;
    flow->heard_us = now_us;
    flow->awaited_us = now_us + LATE_US;
    int64_t delay_us = smaller(report->delay_us, DELAY_MOST_US);
    int64_t trip_us = greater(now_us - newest.sent_us - delay_us, 1);
    int64_t there_us = without_way_back(flow, report, newest.sent_us, trip_us);
    bool is_told = tells_of_link(flow, &newest);
    if (is_told)
        measure_round_trip(flow, trip_us, there_us);
    if (report->has_received)
        service_left(&flow->service, newest.sent_us + flow->least_us, newest.sent_us + flow->way_us,
                     (int64_t)delivered);
    // As if all had been heard of by the shortest way back.
    int64_t heard_us = now_us;
    if (report->has_received && newest.sent_us + there_us < now_us)
        heard_us = newest.sent_us + there_us;
    measure_lateness(flow, delay_us, greater(trip_us - there_us, 0), silent_us);
    bool is_starved = newest.is_starved && !had_enough(flow, &newest, heard_us);
    if (!is_starved)
        flow->hungry_us = greater(flow->hungry_us, newest.sent_us);
    if (is_told)
        measure_rate(flow, &newest, is_starved, heard_us, now_us);
    set_window(flow, &newest, delivered, is_starved, now_us);
    flow->delivered_us = heard_us;
    flow->before_us = newest.sent_us;
}

int64_t flow_due_us(const struct flow *flow) {
    int64_t wait_us = 4 * flow->smoothed_us;
    if (flow->count == 0)
        return INT64_MAX;
    if (flow->smoothed_us == 0)
        wait_us = TIMEOUT_FIRST_US;
    if (wait_us < TIMEOUT_LEAST_US)
        wait_us = TIMEOUT_LEAST_US;
    wait_us <<= flow->timeouts < 5 ? flow->timeouts : 5;
    if (wait_us > TIMEOUT_MOST_US)
        wait_us = TIMEOUT_MOST_US;
    return flow->heard_us + wait_us;
}

void flow_timeout(struct flow *flow, int64_t now_us) {
    flow->timeouts++;
    flow->is_unbounded = !flow->is_heard && flow->timeouts >= UNHEARD_TIMEOUTS;
    size_t forgotten = flow->is_unbounded ? flow->count : flow->count == FLOW_MESSAGES;
    flow->head = (flow->head + forgotten) % FLOW_MESSAGES;
    flow->count -= forgotten; // there is always room for a message that asks
    flow->has_asked = false;
    flow->heard_us = now_us;
}

bool flow_is_silent(const struct flow *flow) { return flow->timeouts > 0; }

// What flow_acknowledge() wrote.
void flow_hear(struct flow *flow, const uint8_t *body, size_t length, int64_t now_us) {
    struct flow_report report = {get_be32(body), get_be32(body + 4), get_be32(body + 8), 0, false};
    if (length >= ACKNOWLEDGEMENT_BYTES) {
        report.received_us = get_be32(body + 12);
        report.has_received = true;
    }
    flow->is_unbounded = false;
    flow_acknowledged(flow, &report, now_us);
}
