// How many bytes may be on their way to the other end at a time, the window: so many that the slowest link between is
// never without work, and no more, as what the link cannot take yet waits in its modem, before everything that is sent
// later.
//
// The other end acknowledges messages. From when a message was sent and when its acknowledgement came
// two things are measured, in the manner of BBR (draft-ietf-ccwg-bbr): the round trip, and the rate of
// delivery, which is the bytes that were delivered between the sending of a message and its
// acknowledgement, over that time. What fits on the link without a queue is rate x smallest round trip.
// The window is a little more than that:
//
//   window = (rate * (smallest round trip + lateness + TARGET + spread) + told) * (1 + eagerness)
//
// A way back with a queue or gaps of its own says nothing about the way there. So an acknowledgement also says when
// the message came, by the other end's clock (as in LEDBAT, RFC 6817 section 3.4.1): only a longer way there counts
// as a queue, and the rate is that at which messages came, not acknowledgements. What is on its way must do for the
// time that these are late, too: `lateness` is how long the other end keeps them back, and by how much their way is
// longer than the shortest, on average. The longest instead would have the two directions of a link, each of which
// delays the other's acknowledgements, make each other's queue grow. And where one acknowledgement tells of many
// messages, because the other end has nothing else to send and keeps it back, as much more is on its way as it tells of
// beyond the usual (`told`), if that is three tenths of all: else the link would stand still from one to the next.
//
// The rate is the greatest of the last half second or second. TARGET is the queue that is tolerated, some
// milliseconds, so that the link always has something to send. While there was no queue for two
// round trips, `eagerness` is up to 1 and the window doubles each round trip, as in TCP's slow start; when
// the queue is at its target it is 0, and the window stays. So a link that becomes faster is filled
// within some round trips, and one that becomes slower gets no more than it delivers, as soon as its old
// rate is forgotten.
//
// The rate of a cellular link may be another each tenth of a second. With the window that fits its average it would
// often stand idle. It shows in round trips that differ: unrest is how much the smoothed one is above the smallest of
// the last second or two, without what is usual on a link of constant rate. `spread` answers a little of it in
// full, which bridges most of a link's short gaps, and more of it sparingly, since long queues are themselves a part
// of it. So on a restless link there is a queue that comes and goes, and on a calm one there is none.
//
// While there is too little to send, what is delivered says nothing about the link, and the window is not made
// smaller for it; but a pause makes it so.
//
// A queue that is always there would hide how long the bare way is, and that may change. So once in a while
// less than what fits is sent for a moment: the queue drains, and what is then sent shows the bare way.
//
// Silence: what is under way may be lost with a connection, or the link may be out for a while. When no
// acknowledgement comes in several round trips, one message at a time is sent to find out, less and less
// often. The acknowledgement of any message, also of one from before the silence, ends it, and the rate of
// before is where it goes on. An end that has never acknowledged anything, because its program does not know
// how, is sent to without bounds. Shorter silence changes nothing: TCP carries the messages, and loses none.
#include "flow.h"

#include <string.h>

#include "../base/bytes.h"

#define US 1000000 // a second

#define WINDOW_FIRST      (40 * 1024) // RFC 6928's ten segments, for a few connections at a time
#define WINDOW_LEAST      (4 * 1024)  // two packets and their acknowledgement
#define WINDOW_MOST       (8 * 1024 * 1024)
#define TARGET_US         8000    // and a little more where the way is long, or a packet takes long
#define STANDING_US       1000000 // round trips of one to two of these are compared
#define SPREAD_FREE_US    20000   // so much they differ on any link, and by a packet's time
#define SPREAD_SOON_US    60000   // and some packets' time: the unrest up to here,
#define SPREAD_PACKETS    4
#define SPREAD_MOST_US    180000 // or three quarters of it up to there, whichever is more
#define SPREAD_LONGEST_US 250000 // however long packets take
#define PACKET_BYTES      1500
#define RATE_PERIOD_US                                                                             \
    500000 // forget a rate after one to two of these, or of four bare round trips
#define DRAIN_EVERY_US      10000000 // and ten round trips
#define DRAIN_QUARTERS      3        // of what the bare way holds
#define TIMEOUT_LEAST_US    400000
#define TIMEOUT_FIRST_US    3000000
#define UNHEARD_TIMEOUTS    1 // without any acknowledgement ever: there will be none
#define DELAY_MOST_US       1000000
#define BACK_MOST_US        500000
#define TIMEOUT_MOST_US     3000000
#define MESSAGE_US          10000 // the time that one message may take on the link
#define MESSAGE_LEAST_BYTES 1500
#define PAUSE_US            3000000 // after which what is known of the link has lost half its worth

#define OWED_BYTES    (128 * 1024) // an acknowledgement is sent for so much,
#define OWED_SOME     (12 * 1024)  // or for so much (it costs 0.9 % of what comes) after so long,
#define OWED_LEAST_US 10000
#define OWED_MOST_US  200000     // or longer where it would cost more than its share of the link
#define OWED_COST     (110 * 50) // bytes of a message with nothing else in it, by 1 / share (2 %)
#define TOLD_MOST     (OWED_SOME + MESSAGE_LEAST_BYTES) // that a receiver keeps back on a slow link

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void extreme_start(struct flow_extreme *extreme, int64_t now_us)
{
    *extreme = (struct flow_extreme){0, 0, now_us};
}

static void extreme_turn(struct flow_extreme *extreme, int64_t period_us, int64_t now_us)
{
    if (now_us - extreme->since_us < period_us)
        return;
    extreme->before = extreme->now;
    extreme->now = 0; // 0: none in this period
    extreme->since_us = now_us;
}

static int64_t greatest(const struct flow_extreme *extreme)
{
    return greater(extreme->now, extreme->before);
}

static int64_t smallest(const struct flow_extreme *extreme)
{
    if (extreme->now == 0 || (extreme->before != 0 && extreme->before < extreme->now))
        return extreme->before;
    return extreme->now;
}

void flow_init(struct flow *flow, int64_t now_us)
{
    memset(flow, 0, sizeof *flow);
    flow->window = WINDOW_FIRST;
    flow->delivered_us = flow->heard_us = flow->drained_us = now_us;
    extreme_start(&flow->rate, now_us);
    extreme_start(&flow->standing, now_us);
}

void flow_path_changed(struct flow *flow, int64_t now_us)
{
    size_t window = flow->window;
    bool is_heard = flow->is_heard;
    flow_init(flow, now_us);
    flow->is_heard = is_heard;
    if (window < WINDOW_FIRST) // a slow link's successor may be as slow
        flow->window = window;
}

static struct flow_message *message_at(struct flow *flow, size_t i)
{
    return &flow->messages[(flow->head + i) % FLOW_MESSAGES];
}

size_t flow_in_flight(const struct flow *flow)
{
    if (flow->count == 0)
        return 0;
    return (size_t)(flow->sent_total - flow->delivered_total);
}

int64_t flow_rate(const struct flow *flow)
{
    return greatest(&flow->rate);
}

int64_t flow_round_trip_us(const struct flow *flow)
{
    return flow->smoothed_us;
}

int64_t flow_bare_us(const struct flow *flow)
{
    return flow->bare_us;
}

// What is on its way while the queue is made to drain: less than the bare way holds, and something, since
// an acknowledgement ends the draining, and needs a message.
static size_t drained_window(const struct flow *flow)
{
    size_t bare = (size_t)(flow_rate(flow) * flow_bare_us(flow) / US);
    size_t window = (bare < flow->window ? bare : flow->window) / 4 * DRAIN_QUARTERS;
    return window > 0 ? window : 1;
}

size_t flow_room(const struct flow *flow)
{
    if (flow->is_unbounded)
        return WINDOW_MOST;
    size_t in_flight = flow_in_flight(flow);
    size_t window = flow->window;
    if (flow->count == FLOW_MESSAGES)
        return 0;
    if (flow->timeouts > 0)
        return flow->has_asked ? 0 : 1;
    if (flow->is_draining)
        window = drained_window(flow);
    return in_flight < window ? window - in_flight : 0;
}

size_t flow_message_size(const struct flow *flow)
{
    int64_t size = flow_rate(flow) * MESSAGE_US / US;
    if (flow->is_unbounded)
        return LINK_RECORDS;
    if (flow->timeouts > 0 || size < MESSAGE_LEAST_BYTES)
        return flow_rate(flow) == 0 && flow->timeouts == 0 ? 4 * MESSAGE_LEAST_BYTES
                                                           : MESSAGE_LEAST_BYTES;
    return size > LINK_RECORDS ? LINK_RECORDS : (size_t)size;
}

// After a pause a window is no longer known to be right: it is half as large for each PAUSE_US.
static void mind_pause(struct flow *flow, int64_t now_us)
{
    for (int64_t pause_us = now_us - flow->sent_us;
         pause_us >= PAUSE_US && flow->window > WINDOW_FIRST; pause_us -= PAUSE_US)
        flow->window = flow->window / 2 > WINDOW_FIRST ? flow->window / 2 : WINDOW_FIRST;
}

void flow_sent(struct flow *flow, uint32_t index, uint32_t counter, size_t bytes, bool is_starved,
               int64_t now_us)
{
    if (flow->count == FLOW_MESSAGES || flow->is_unbounded)
        return;
    if (flow->count == 0) { // time in which there was nothing to deliver does not count
        mind_pause(flow, now_us);
        flow->delivered_us = flow->heard_us = flow->before_us = now_us;
        flow->delivered_total = flow->sent_total;
    }
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
        is_starved,
    };
}

// Takes a measurement of the rate.
static void measure_rate(struct flow *flow, const struct flow_message *message, bool is_starved,
                         int64_t heard_us, int64_t now_us)
{
    int64_t took_us = heard_us - message->delivered_us;
    int64_t sending_us = message->sent_us - message->before_us;
    int64_t bytes = (int64_t)(flow->delivered_total - message->delivered_total);
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
static int64_t smooth(int64_t smoothed_us, int64_t us)
{
    return smoothed_us == 0 ? us : (7 * smoothed_us + us) / 8;
}

// What the round trip would have been on the shortest way back. Both clocks need not agree, only go alike.
static int64_t without_way_back(struct flow *flow, const struct flow_report *report,
                                int64_t sent_us, int64_t trip_us)
{
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
    int64_t us = flow->bare_us + flow->way_us - flow->least_us;
    return us < trip_us ? us : trip_us;
}

static void measure_round_trip(struct flow *flow, const struct flow_report *report, int64_t sent_us,
                               int64_t trip_us, int64_t now_us)
{
    if (trip_us < 1)
        trip_us = 1;
    flow->smoothed_us = smooth(flow->smoothed_us, trip_us);
    if (flow->bare_us == 0 || trip_us < flow->bare_us)
        flow->bare_us = trip_us;
    flow->latest_us = without_way_back(flow, report, sent_us, trip_us);
    flow->level_us = smooth(flow->level_us, flow->latest_us);
    if (flow->is_draining || sent_us <= flow->drain_to_us)
        return; // the queue is away because we wanted it so
    extreme_turn(&flow->standing, greater(STANDING_US, flow_bare_us(flow)), now_us);
    if (flow->standing.now == 0 || flow->latest_us < flow->standing.now)
        flow->standing.now = flow->latest_us;
}

static size_t bounded(int64_t window)
{
    return window < WINDOW_LEAST  ? WINDOW_LEAST
           : window > WINDOW_MOST ? WINDOW_MOST
                                  : (size_t)window;
}

// The queue is made to drain once in a while where the bare way was not seen for long. What is then sent into
// an empty queue shows it, whether it is as it was, or has become longer.
static void mind_drain(struct flow *flow, const struct flow_message *newest, int64_t target_us,
                       int64_t now_us)
{
    if (flow->is_draining && newest->sent_us > flow->drain_from_us) {
        flow->bare_us = flow->latest_us;
        flow->least_us = flow->way_us;
    }
    if (flow->latest_us - flow->bare_us <= target_us / 4 ||
        (flow->is_draining && now_us - flow->drain_from_us > 4 * flow->smoothed_us + US)) {
        flow->drained_us = now_us;
        if (flow->is_draining) { // and from there it grows again
            flow->window = drained_window(flow);
            flow->drain_to_us = now_us;
        }
        flow->is_draining = false;
    } else if (!flow->is_draining &&
               now_us - flow->drained_us >= DRAIN_EVERY_US + 10 * flow->bare_us) {
        flow->drain_from_us = now_us;
        flow->is_draining = true;
    }
}

// By how many percent the window may be greater than what the link is known to hold. A message's own time
// on the link is no queue.
static int64_t eagerness(int64_t queue_us, int64_t target_us)
{
    int64_t standing_us = queue_us > MESSAGE_US ? queue_us - MESSAGE_US : 0;
    return 100 * (target_us - standing_us) / target_us;
}

// How long a packet takes on the link; 0: not known.
static int64_t packet_us(const struct flow *flow)
{
    int64_t rate = flow_rate(flow);
    return rate > 0 ? (int64_t)PACKET_BYTES * US / rate : 0;
}

int64_t flow_spread_us(const struct flow *flow)
{
    int64_t free_us = SPREAD_FREE_US + packet_us(flow);
    int64_t unrest_us = flow->level_us - smallest(&flow->standing) - free_us;
    int64_t soon_us = SPREAD_SOON_US + SPREAD_PACKETS * packet_us(flow);
    int64_t little_us = smaller(unrest_us, smaller(soon_us, SPREAD_LONGEST_US));
    int64_t much_us = smaller(unrest_us * 3 / 4, SPREAD_MOST_US);
    return greater(0, greater(little_us, much_us));
}

// What acknowledgements that are far apart tell of at once: more than the usual two messages, or a first one's size.
static int64_t told_at_once(const struct flow *flow)
{
    int64_t usual = flow_rate(flow) * 2 * MESSAGE_US / US + 4 * MESSAGE_LEAST_BYTES;
    return greater(0, flow->told - usual);
}

// From the measurements to the window, when so much was delivered. While there is not enough to send, it is no
// reason to make the window smaller that little is delivered.
static void set_window(struct flow *flow, const struct flow_message *newest, size_t delivered,
                       bool is_starved, int64_t now_us)
{
    int64_t bare_us = flow_bare_us(flow);
    int64_t queue_us = flow->latest_us - bare_us;
    int64_t rate = flow_rate(flow);
    if (rate == 0)
        return; // nothing but starved messages so far
    int64_t target_us = TARGET_US + bare_us / 25 + packet_us(flow) / 4;
    mind_drain(flow, newest, target_us, now_us);
    int64_t held_us = bare_us + target_us + flow->delay_us + flow->back_us + flow_spread_us(flow);
    int64_t window = rate * held_us / US + told_at_once(flow);
    int64_t trip_us = flow->latest_us < flow->smoothed_us / 2 ? flow->latest_us : flow->smoothed_us;
    if (!flow->is_draining && queue_us < target_us + MESSAGE_US &&
        now_us - flow->queued_us > 2 * trip_us)
        window += window * eagerness(queue_us, target_us) / 100;
    if (queue_us > target_us / 2 + MESSAGE_US || flow->is_draining)
        flow->queued_us = now_us;
    if (window > (int64_t)(flow->window + delivered))
        window = (int64_t)(flow->window + delivered);
    if (is_starved && window < (int64_t)flow->window)
        return;
    flow->window = bounded(window);
}

// The message was delivered, and all before it, or lost on the way: they are no longer under way.
static bool take_delivered(struct flow *flow, uint32_t index, uint32_t counter,
                           struct flow_message *newest)
{
    size_t at = 0;
    while (at < flow->count &&
           (message_at(flow, at)->index != index || message_at(flow, at)->counter != counter))
        at++;
    if (at == flow->count)
        return false;
    *newest = *message_at(flow, at);
    flow->head = (flow->head + at + 1) % FLOW_MESSAGES;
    flow->count -= at + 1;
    flow->delivered_total = newest->sent_total;
    return true;
}

// How long it took to hear of what was sent into a silence says nothing about a queue.
static void end_silence(struct flow *flow, int64_t now_us)
{
    flow->timeouts = 0;
    flow->returned_us = now_us;
    extreme_start(&flow->standing, now_us);
    if (flow->window > 2 * (size_t)WINDOW_FIRST)
        flow->window /= 2;
}

// How late acknowledgements are: they are kept back for some time, and then the way back may be longer than it can be.
static void measure_lateness(struct flow *flow, int64_t delay_us, int64_t back_us)
{
    flow->delay_us = greater(delay_us, flow->delay_us - flow->delay_us / 8);
    flow->back_us = (7 * flow->back_us + smaller(back_us, BACK_MOST_US)) / 8;
}

// How much an acknowledgement tells of, where that is much of what was on its way, and no silence made it so.
static void measure_told(struct flow *flow, size_t delivered, size_t in_flight)
{
    flow->told -= flow->told / 8;
    if (flow->timeouts == 0 && 10 * delivered >= 3 * in_flight)
        flow->told = greater(flow->told, smaller((int64_t)delivered, TOLD_MOST));
}

void flow_acknowledged(struct flow *flow, const struct flow_report *report, int64_t now_us)
{
    struct flow_message newest;
    uint64_t delivered_before = flow->delivered_total;
    if (!take_delivered(flow, report->index, report->counter, &newest))
        return;
    size_t delivered = (size_t)(flow->delivered_total - delivered_before);
    measure_told(flow, delivered, (size_t)(flow->sent_total - delivered_before));
    if (flow->timeouts > 0)
        end_silence(flow, now_us);
    flow->is_heard = true;
    flow->heard_us = now_us;
    int64_t delay_us = smaller(report->delay_us, DELAY_MOST_US);
    int64_t trip_us = now_us - newest.sent_us - delay_us;
    if (newest.sent_us > flow->returned_us || flow->smoothed_us == 0)
        measure_round_trip(flow, report, newest.sent_us, trip_us, now_us);
    // As if all had been heard of by the shortest way back.
    int64_t heard_us = now_us;
    if (report->has_received && newest.sent_us + flow->latest_us < now_us)
        heard_us = newest.sent_us + flow->latest_us;
    measure_lateness(flow, delay_us, trip_us > flow->latest_us ? trip_us - flow->latest_us : 0);
    // A queue shows that the link had enough to do all the same.
    bool is_starved = newest.is_starved && flow->latest_us - flow->bare_us < 2 * TARGET_US;
    measure_rate(flow, &newest, is_starved, heard_us, now_us);
    set_window(flow, &newest, delivered, is_starved, now_us);
    flow->delivered_us = heard_us;
    flow->before_us = newest.sent_us;
}

int64_t flow_due_us(const struct flow *flow)
{
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

void flow_timeout(struct flow *flow, int64_t now_us)
{
    flow->timeouts++;
    flow->is_unbounded = !flow->is_heard && flow->timeouts >= UNHEARD_TIMEOUTS;
    size_t forgotten = flow->is_unbounded ? flow->count : flow->count == FLOW_MESSAGES;
    flow->head = (flow->head + forgotten) % FLOW_MESSAGES;
    flow->count -= forgotten; // there is always room for a message that asks
    flow->has_asked = false;
    flow->heard_us = now_us;
}

bool flow_is_silent(const struct flow *flow)
{
    return flow->timeouts > 0;
}

void flow_received(struct flow_receiver *receiver, uint32_t index, uint32_t counter, size_t bytes,
                   int64_t now_us)
{
    if (!receiver->owes) {
        receiver->owes = true;
        receiver->first_us = now_us;
        receiver->bytes = 0;
    }
    receiver->index = index;
    receiver->counter = counter;
    receiver->newest_us = now_us;
    receiver->bytes += bytes;
}

int64_t flow_owed_us(const struct flow_receiver *receiver, int64_t reverse_rate)
{
    int64_t wait_us = reverse_rate > 0 ? (int64_t)OWED_COST * US / reverse_rate : OWED_LEAST_US;
    if (!receiver->owes)
        return INT64_MAX;
    // An end that sends little knows only how fast the other direction is at least.
    if (receiver->bytes >= OWED_SOME || wait_us < OWED_LEAST_US)
        wait_us = receiver->bytes >= OWED_BYTES ? 0 : OWED_LEAST_US;
    if (wait_us > OWED_MOST_US)
        wait_us = OWED_MOST_US;
    return receiver->first_us + wait_us;
}

// index (4), the counter's low half (4), delay in microseconds (4), the time when it came (4)
void flow_acknowledge(struct flow_receiver *receiver, uint8_t body[ACKNOWLEDGEMENT_BYTES],
                      int64_t now_us)
{
    put_be32(body, receiver->index);
    put_be32(body + 4, receiver->counter);
    put_be32(body + 8, (uint32_t)(now_us - receiver->newest_us));
    put_be32(body + 12, (uint32_t)receiver->newest_us);
    receiver->owes = false;
}

void flow_hear(struct flow *flow, const uint8_t *body, size_t length, int64_t now_us)
{
    struct flow_report report = {get_be32(body), get_be32(body + 4), get_be32(body + 8), 0, false};
    if (length >= ACKNOWLEDGEMENT_BYTES) {
        report.received_us = get_be32(body + 12);
        report.has_received = true;
    }
    flow->is_unbounded = false;
    flow_acknowledged(flow, &report, now_us);
}
