// SPDX-License-Identifier: ISC
// The receiving end of bounded flight: when to acknowledge what. Pure; times in microseconds.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
