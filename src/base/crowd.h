// SPDX-License-Identifier: ISC
// Who gives way when all places of a table are taken: the oldest of those that hold the most.
#pragma once

#include <stddef.h>
#include <stdint.h>

// A source that nobody has, for crowd_gives_way() when the newcomer is not known.
#define CROWD_NOBODY UINT64_MAX

// One place; the owner keeps an array of them beside its table, all zero at first.
struct crowd_place {
    uint64_t source; // who has it, as endpoint_source() gives it
    uint64_t turn;   // the higher, the newer
    uint32_t held;   // places that this source holds, this one included; 0: the place is free
};

// A free place is taken.
void crowd_enter(struct crowd_place *places, size_t count, size_t index, uint64_t source);
// A taken place counts as the newest again.
void crowd_renew(struct crowd_place *places, size_t count, size_t index);
// A taken place becomes free.
void crowd_leave(struct crowd_place *places, size_t count, size_t index);

// The place that a newcomer of that source gets when none is free; `count` where all are free.
size_t crowd_gives_way(const struct crowd_place *places, size_t count, uint64_t newcomer);
