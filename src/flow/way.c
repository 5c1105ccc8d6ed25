// SPDX-License-Identifier: ISC
// The two ways, each alone, as a way back with a queue or gaps of its own says nothing about the
// way there. An acknowledgement says when the message came, by the other end's clock (as in LEDBAT,
// RFC 6817 section 3.4.1):
//
//   sent ------ there ------> came --- back, and how long it was kept ---> heard
//
// The two clocks need not agree. If one is ahead, each way there is longer by the same time and
// each way back shorter, so only differences count, and the sum of both ways:
//
//   queue       what a way there has more than the shortest
//   lateness    what ways back have more than the shortest: their mean
//   bare way    both shortest ones
//
// It is the mean, not the longest: else the two directions of a link, each of which delays the
// other's acknowledgements, would make each other's queue grow. An acknowledgement without the time
// counts as if its own way took none.
#include "way.h"
#include "../base/compare.h"

// In microseconds: a way back that is later than this counts as this. Where ways back stand still
// for seconds, more brings little; where they are thin, it fills the link with seconds of queue.
#define LATE_MOST_US 300000
// Clocks drift apart by up to one part in so many (RFC 5905 section 7.1: 500 in a million). The
// shortest way back is forgotten as slowly.
#define DRIFT 2000

int64_t way_measure(struct way *way, const struct flow_report *report, int64_t sent_us,
                    int64_t silent_us, int64_t now_us) {
    int64_t trip_us = greater(now_us - sent_us, 1);
    uint32_t came_us =
        report->has_received ? report->received_us : (uint32_t)(now_us - report->delay_us);
    if (!way->is_known)
        way->clock_us = came_us - (uint32_t)sent_us;
    int64_t there_us = (int32_t)(came_us - (uint32_t)sent_us - way->clock_us);
    int64_t back_us = trip_us - there_us;
    way->back_least_us += silent_us / DRIFT;
    if (!way->is_known || back_us < way->back_least_us)
        way->back_least_us = back_us;
    way->there_least_us = smaller(way->there_least_us, there_us);
    way->queue_us = there_us - way->there_least_us;
    int64_t late_us = smaller(back_us - way->back_least_us, LATE_MOST_US);
    way->late_us += (late_us - way->late_us) / FLOW_SMOOTHING;
    way->trip_us =
        way->is_known ? way->trip_us + (trip_us - way->trip_us) / FLOW_SMOOTHING : trip_us;
    way->is_known = true;
    return there_us;
}

int64_t way_bare_us(const struct way *way) {
    int64_t bare_us = greater(way->there_least_us + way->back_least_us, 1);
    return way->is_known ? smaller(bare_us, FLOW_RENEWED_US) : 0;
}

void way_has_no_queue(struct way *way) {
    way->there_least_us += way->queue_us;
    way->queue_us = 0;
}
