// SPDX-License-Identifier: ISC
// Chance: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
// 2014), the same on every machine. And time: a heap of what is to happen, ordered by when, and
// among equals by who came first.
#include <stdlib.h>

#include "world.h"

uint64_t chance_next(struct chance *chance) {
    uint64_t z = chance->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t chance_below(struct chance *chance, uint64_t limit) { return chance_next(chance) % limit; }

bool chance_of(struct chance *chance, unsigned one_in) {
    return one_in > 0 && chance_below(chance, one_in) == 0;
}

struct event {
    int64_t when_us;
    uint64_t number;
    happening *what;
    void *arg;
    uint64_t tag;
};

static struct {
    struct event *events;
    size_t count, room;
    uint64_t next;
} heap;

static bool before(const struct event *a, const struct event *b) {
    return a->when_us != b->when_us ? a->when_us < b->when_us : a->number < b->number;
}

void at(int64_t when_us, happening *what, void *arg, uint64_t tag) {
    if (heap.count == heap.room) {
        heap.room = heap.room > 0 ? 2 * heap.room : 1024;
        heap.events = realloc(heap.events, heap.room * sizeof *heap.events);
    }
    struct event event = {when_us < world.now_us ? world.now_us : when_us, heap.next++, what, arg,
                          tag};
    size_t i = heap.count++;
    for (; i > 0 && before(&event, &heap.events[(i - 1) / 2]); i = (i - 1) / 2)
        heap.events[i] = heap.events[(i - 1) / 2];
    heap.events[i] = event;
}

static struct event first(void) {
    struct event result = heap.events[0];
    struct event last = heap.events[--heap.count];
    size_t i = 0;
    for (size_t child = 1; child < heap.count; child = 2 * i + 1) {
        if (child + 1 < heap.count && before(&heap.events[child + 1], &heap.events[child]))
            child++;
        if (!before(&heap.events[child], &last))
            break;
        heap.events[i] = heap.events[child];
        i = child;
    }
    heap.events[i] = last;
    return result;
}

bool run_next_event(int64_t until_us) {
    if (heap.count == 0 || heap.events[0].when_us > until_us)
        return false;
    struct event event = first();
    world.now_us = event.when_us;
    world.events++;
    event.what(event.arg, event.tag);
    return true;
}

void forget_all_events(void) {
    heap.count = 0;
    heap.next = 0;
}
