// SPDX-License-Identifier: ISC
// A queue that comes and goes is a good one: it takes up bursts. A queue that stays is delay and
// nothing else. CoDel tells them apart by the shortest wait in an interval of time: where even that
// is above the target, the queue stays (RFC 8289 section 3.1). No more has to be remembered for it
// than since when every packet has waited for too long.
//
// A queue that stays is one whose senders are too fast. They learn it from a packet that is lost,
// or marked, and the first is dropped once the interval is over. If it helps too little, the next
// is dropped interval / sqrt(2) later, then interval / sqrt(3), and so on: a TCP connection's speed
// goes by the inverse square root of how much it loses, so this slows it down evenly (section 3.3,
// and the control law of section 5). The dropping ends with the first packet that did not wait for
// too long. When a queue stays again soon after, what was dropped in vain the last time is skipped.
//
// The pseudocode of section 5.5 takes packets out of its queue until one may be sent. Here the
// caller does that, and each packet is judged by itself. One thing differs: the time for the next
// drop is set with each drop, also when the packet behind it then ends the dropping. So the time
// between two states of dropping, which is compared with sixteen intervals, counts as shorter by
// less than one. And nobody has to say that the queue is empty: its last packet, which has nothing
// behind it, did, and where it was emptied to make room, the first packet that comes through in
// time will.
//
// interval / sqrt(count) is sqrt(interval * interval / count): one integer square root, bit by bit,
// and right to the microsecond. A drop is a rare event, beside which its 32 steps do not count; and
// there is no remembered approximation (the kernel's Newton iteration has one) that is off after a
// jump.
#include "codel.h"

#include "../base/units.h"
#include "../limits.h"

// A dropping state this many intervals after the last goes on from that one's speed.
#define SOON_INTERVALS 16
// Round trips that an interval has, and the longest for which they are made longer.
#define INTERVAL_TRIPS  3
#define INTERVAL_MAX_US (2 * US)
// A link on which a packet takes this long is none, and 2 * TARGET_MAX_US squared fits into 64
// bits.
#define TARGET_MAX_US (60 * US)

_Static_assert(CODEL_INTERVAL_US >= 65536, "spacing() counts on it");

// A packet must not count as late because of the time that it takes to be sent: the target is that
// of one packet and a half at least (RFC 8289 section 4.4, RFC 8290 section 5.2.2). A round trip is
// longer by as much, and the interval stays well above the target.
void codel_set_rate(struct codel_settings *settings, uint64_t bytes_per_second)
{
    int64_t target_us = CODEL_TARGET_US;
    if (bytes_per_second > 0) {
        uint64_t packet_us = UINT64_C(3) * TUN_MTU / 2 * US / bytes_per_second;
        if (packet_us > CODEL_TARGET_US)
            target_us = packet_us < TARGET_MAX_US ? (int64_t)packet_us : TARGET_MAX_US;
    }
    settings->spared = bytes_per_second > 0 ? CODEL_BEGUN : TUN_MTU;
    settings->target_us = target_us;
    settings->interval_us = CODEL_INTERVAL_US + target_us - CODEL_TARGET_US;
    if (settings->interval_us < 2 * target_us)
        settings->interval_us = 2 * target_us;
}

// The interval is to be longer than most round trips (RFC 8289 section 4.3); the usual 100 ms are
// the internet's, and a cellular way alone may take longer. The target would be a twentieth to a
// tenth of it (section 4.4). Here it is a whole round trip: CUBIC, which most hosts send with, goes
// on with 0.7 of its window after a drop (RFC 9438 section 4.6), and unless as much waits as is
// lacking then, the link is without work for seconds. In a fair queue that delays nobody but the
// flow that it belongs to.
void codel_set_round_trip(struct codel_settings *settings, int64_t round_trip_us)
{
    int64_t interval_us = round_trip_us * INTERVAL_TRIPS;
    if (interval_us > INTERVAL_MAX_US)
        interval_us = INTERVAL_MAX_US;
    if (interval_us > settings->interval_us)
        settings->interval_us = interval_us;
    if (interval_us / INTERVAL_TRIPS > settings->target_us)
        settings->target_us = interval_us / INTERVAL_TRIPS;
}

// The largest integer whose square is not above `n`.
static uint64_t square_root(uint64_t n)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 62; bit != 0; bit >>= 2) {
        uint64_t with_bit = root + bit;
        root >>= 1;
        if (n >= with_bit) {
            n -= with_bit;
            root += bit;
        }
    }
    return root;
}

// interval / sqrt(count): at least 1, as the interval is at least 2^16 us.
static int64_t spacing(const struct codel_settings *settings, uint32_t count)
{
    uint64_t interval_us = (uint64_t)settings->interval_us;
    return (int64_t)square_root(interval_us * interval_us / count);
}

// Whether packets have waited for too long, for a whole interval. Less than a packet behind this
// one is no queue: to drop from it would leave the link without work. Where the link's rate is
// known, nor are ten: a connection that has only begun has sent no more (RFC 6928), however long
// others keep it waiting, and a page is twenty of them. What it loses then it misses for long, as
// too little follows by which it could tell.
static bool stands(struct codel *codel, const struct codel_settings *settings, int64_t waited_us,
                   size_t behind, int64_t now_us)
{
    if (waited_us < settings->target_us || behind <= settings->spared) {
        codel->above = false;
        return false;
    }
    if (!codel->above) {
        codel->above = true;
        codel->above_since_us = now_us;
        return false;
    }
    return now_us - codel->above_since_us >= settings->interval_us;
}

static void begin_dropping(struct codel *codel, const struct codel_settings *settings,
                           int64_t now_us)
{
    uint32_t dropped = codel->count - codel->first_count;
    bool soon = now_us - codel->next_us < SOON_INTERVALS * settings->interval_us;
    codel->dropping = true;
    codel->count = dropped > 1 && soon ? dropped : 1;
    codel->first_count = codel->count;
    codel->next_us = now_us + spacing(settings, codel->count);
}

bool codel_judge(struct codel *codel, const struct codel_settings *settings, int64_t waited_us,
                 size_t behind, int64_t now_us)
{
    if (!stands(codel, settings, waited_us, behind, now_us)) {
        codel->dropping = false;
        return false;
    }
    if (!codel->dropping) {
        begin_dropping(codel, settings, now_us);
        return true;
    }
    if (now_us < codel->next_us)
        return false;
    if (codel->count < UINT32_MAX)
        codel->count++;
    codel->next_us += spacing(settings, codel->count);
    return true;
}
