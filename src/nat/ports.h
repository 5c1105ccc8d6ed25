// SPDX-License-Identifier: ISC
// Which outside ports are taken: one bit a port, for each protocol.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct nat_ports {
    uint64_t taken[65536 / 64]; // whatever is out of the range is taken
    uint16_t low;               // the range that may be given out, both ends included
    uint16_t high;
    uint32_t free_count;
};

// All ports from `low` to `high` are free.
void nat_ports_init(struct nat_ports *ports, uint16_t low, uint16_t high);
// Takes a port out of the range for good, because a local socket has it.
void nat_ports_reserve(struct nat_ports *ports, uint16_t port);
// Takes the first free port from a place on: 0 is the range's first port, and after its last comes
// the first again. Any number will do. Returns the port, or 0 when there is none.
uint16_t nat_ports_take(struct nat_ports *ports, uint32_t place);
void nat_ports_give(struct nat_ports *ports, uint16_t port);
bool nat_ports_is_taken(const struct nat_ports *ports, uint16_t port);
