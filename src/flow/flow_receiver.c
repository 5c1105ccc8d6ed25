// SPDX-License-Identifier: ISC
// The receiving end of bounded flight: when to acknowledge what has come.
//
// An acknowledgement goes along with whatever is sent next. Where nothing is sent, it goes alone
// after a while: the less often, the slower the other direction is, as on a thin uplink it must not
// cost more than 2 %. But an end that sends next to nothing knows only how fast the other direction
// is at least; so each 12 KiB is acknowledged, which costs 0.9 % of what comes. How long it was
// kept back is part of it, and when the message came, by this end's clock.
#include "../base/bytes.h"
#include "../base/compare.h"
#include "../base/units.h"
#include "flow.h"

#define OWED_BYTES    (128 * 1024) // an acknowledgement goes at once for so much,
#define OWED_LEAST_US 10000  // after this for FLOW_OWED_SOME, or where the other direction is fast,
#define OWED_MOST_US  200000 // and after this at the latest
#define OWED_COST     (110 * 50) // bytes of a message with nothing else in it, by 1 / share (2 %)

void flow_received(struct flow_receiver *receiver, uint32_t index, uint32_t counter, size_t bytes,
                   int64_t now_us) {
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

int64_t flow_owed_us(const struct flow_receiver *receiver, int64_t reverse_rate) {
    int64_t wait_us = reverse_rate > 0 ? (int64_t)OWED_COST * US / reverse_rate : OWED_LEAST_US;
    if (!receiver->owes)
        return INT64_MAX;
    // An end that sends little knows only how fast the other direction is at least.
    if (receiver->bytes >= FLOW_OWED_SOME || wait_us < OWED_LEAST_US)
        wait_us = receiver->bytes >= OWED_BYTES ? 0 : OWED_LEAST_US;
    return receiver->first_us + smaller(wait_us, OWED_MOST_US);
}

// The fields of an acknowledgement's body, four bytes each.
enum { INDEX, COUNTER, DELAY, RECEIVED, FIELDS };

void flow_acknowledge(struct flow_receiver *receiver, uint8_t body[ACKNOWLEDGEMENT_BYTES],
                      int64_t now_us) {
    const uint32_t said[FIELDS] = {
        [INDEX] = receiver->index,
        [COUNTER] = receiver->counter,
        [DELAY] = (uint32_t)(now_us - receiver->newest_us),
        [RECEIVED] = (uint32_t)receiver->newest_us,
    };
    for (size_t i = 0; i < FIELDS; i++) put_be32(body + i * sizeof said[i], said[i]);
    receiver->owes = false;
}

void flow_hear(struct flow *flow, const uint8_t *body, size_t length, int64_t now_us) {
    bool has_received = length >= ACKNOWLEDGEMENT_BYTES;
    uint32_t said[FIELDS] = {0};
    for (size_t i = 0; i < (size_t)(has_received ? FIELDS : RECEIVED); i++)
        said[i] = get_be32(body + i * sizeof said[i]);
    const struct flow_report report = {said[INDEX], said[COUNTER], said[DELAY], said[RECEIVED],
                                       has_received};
    flow_acknowledged(flow, &report, now_us);
}
