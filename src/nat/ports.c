// SPDX-License-Identifier: ISC
// Port allocation by bitmap. A port out of the range counts as taken, so that a search looks at 64
// ports at a time: it goes to the next 64 at most 1 024 times, and then through 63 bits. That is so
// whatever is taken: nobody can make another's search long by the ports that he holds.
#include "ports.h"
#include <string.h>

static uint64_t bit_of(uint16_t port) { return UINT64_C(1) << (port % 64); }

void nat_ports_init(struct nat_ports *ports, uint16_t low, uint16_t high) {
    memset(ports->taken, 0xff, sizeof ports->taken);
    ports->low = low;
    ports->high = high;
    ports->free_count = 0;
    for (uint32_t port = low; port <= high; port++) nat_ports_give(ports, (uint16_t)port);
}

bool nat_ports_is_taken(const struct nat_ports *ports, uint16_t port) {
    return (ports->taken[port / 64] & bit_of(port)) != 0;
}

static void take(struct nat_ports *ports, uint16_t port) {
    ports->taken[port / 64] |= bit_of(port);
    ports->free_count--;
}

void nat_ports_reserve(struct nat_ports *ports, uint16_t port) {
    if (!nat_ports_is_taken(ports, port))
        take(ports, port);
}

void nat_ports_give(struct nat_ports *ports, uint16_t port) {
    ports->taken[port / 64] &= ~bit_of(port);
    ports->free_count++;
}

uint16_t nat_ports_take(struct nat_ports *ports, uint32_t place) {
    if (ports->free_count == 0)
        return 0;
    uint32_t size = (uint32_t)(ports->high - ports->low) + 1;
    uint32_t port = ports->low + place % size;
    uint32_t word = port / 64;
    uint64_t free_ports = ~ports->taken[word] & (UINT64_MAX << (port % 64));
    while (free_ports == 0) {
        word = word < ports->high / 64U ? word + 1 : ports->low / 64U;
        free_ports = ~ports->taken[word];
    }
    for (port = word * 64; (free_ports & 1) == 0; port++) free_ports >>= 1;
    take(ports, (uint16_t)port);
    return (uint16_t)port;
}
