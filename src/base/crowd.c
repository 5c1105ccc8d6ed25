// SPDX-License-Identifier: ISC
// A table of fixed size is full, and somebody new is at the door. If the oldest of all gave way,
// one peer with a thousand connections would push out everybody else. So each peer is counted by
// its source (its IPv4 address, or the /64 of its IPv6 address, which is what one subscriber has),
// and the source that holds the most places gives up its oldest. The newcomer counts as if it were
// in already: who comes from the largest source pushes out one of its own.
//
// What follows: among S sources, the newcomer's included, one that holds no more than its share of
// the places (count / S) never loses any to another, so an attacker with one address only ever
// fights himself. An attacker with more addresses than there are places still gets them all, as
// nobody can tell his from others'; then the oldest of all gives way.
//
// Each place remembers how many its source holds in all, so that nothing has to be counted when it
// matters: every operation is one pass over the array, and there is no hash for anybody to aim at.
#include "crowd.h"

void crowd_enter(struct crowd_place *places, size_t count, size_t index, uint64_t source) {
    uint32_t held = 1;
    for (size_t i = 0; i < count; i++)
        if (places[i].held > 0 && places[i].source == source)
            held = ++places[i].held;
    places[index].source = source;
    places[index].held = held;
    crowd_renew(places, count, index);
}

void crowd_renew(struct crowd_place *places, size_t count, size_t index) {
    uint64_t newest = 0;
    for (size_t i = 0; i < count; i++)
        if (places[i].held > 0 && i != index && places[i].turn > newest)
            newest = places[i].turn;
    places[index].turn = newest + 1;
}

void crowd_leave(struct crowd_place *places, size_t count, size_t index) {
    uint64_t source = places[index].source;
    for (size_t i = 0; i < count; i++)
        if (places[i].held > 0 && i != index && places[i].source == source)
            places[i].held--;
    places[index].held = 0;
}

size_t crowd_gives_way(const struct crowd_place *places, size_t count, uint64_t newcomer) {
    size_t found = count;
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t held = places[i].held;
        if (held == 0)
            continue;
        held += places[i].source == newcomer;
        if (held > most || (held == most && places[i].turn < places[found].turn)) {
            most = held;
            found = i;
        }
    }
    return found;
}
