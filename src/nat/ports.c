// Port allocation by bitmap. A search looks at 64 ports at a time, so even an almost full range
// costs at most 1 024 steps.
#include "ports.h"

#include <string.h>

static uint64_t bit_of(uint16_t port)
{
    return UINT64_C(1) << (port % 64);
}

void nat_ports_init(struct nat_ports *ports, uint16_t low, uint16_t high)
{
    memset(ports, 0, sizeof *ports);
    ports->low = low;
    ports->high = high;
    ports->free_count = (uint32_t)(high - low) + 1;
}

bool nat_ports_is_taken(const struct nat_ports *ports, uint16_t port)
{
    return (ports->taken[port / 64] & bit_of(port)) != 0;
}

static void take(struct nat_ports *ports, uint16_t port)
{
    ports->taken[port / 64] |= bit_of(port);
    ports->free_count--;
}

void nat_ports_reserve(struct nat_ports *ports, uint16_t port)
{
    if (port >= ports->low && port <= ports->high && !nat_ports_is_taken(ports, port))
        take(ports, port);
}

void nat_ports_give(struct nat_ports *ports, uint16_t port)
{
    ports->taken[port / 64] &= ~bit_of(port);
    ports->free_count++;
}

uint16_t nat_ports_take(struct nat_ports *ports, uint32_t random)
{
    uint32_t size = (uint32_t)(ports->high - ports->low) + 1;
    uint32_t port = ports->low + random % size;
    if (ports->free_count == 0)
        return 0;
    while (nat_ports_is_taken(ports, (uint16_t)port)) {
        if (port % 64 == 0 && ports->taken[port / 64] == UINT64_MAX)
            port += 64; // a whole word of taken ports
        else
            port++;
        if (port > ports->high)
            port = ports->low;
    }
    take(ports, (uint16_t)port);
    return (uint16_t)port;
}
