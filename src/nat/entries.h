// The NAT's mappings and connections: finding, making, refreshing and removing them. Used by nat.c
// and nowhere else; nat.h is the door to this folder.
#ifndef TETHER_NAT_ENTRIES_H
#define TETHER_NAT_ENTRIES_H

#include "nat.h"

// An inside endpoint.
struct nat_inside {
    uint16_t laptop;
    uint8_t protocol;
    uint32_t address;
    uint16_t port;
};

// The mapping of an inside endpoint, or of an outside port; NO_ENTRY where there is none.
uint32_t nat_find_inside(const struct nat *nat, const struct nat_inside *inside);
uint32_t nat_find_outside(const struct nat *nat, uint8_t protocol, uint16_t port);
// Makes a mapping; where the table or the ports are full, the oldest of those that may go gives
// way. Returns NAT_PASS and sets *mapping, or says why not.
enum nat_verdict nat_add_mapping(struct nat *nat, const struct nat_inside *inside, int64_t now_ms,
                                 uint32_t *mapping);
// Moves a UDP or ICMP mapping to its queue's end.
void nat_touch_mapping(struct nat *nat, uint32_t mapping, int64_t now_ms);
void nat_remove_mapping(struct nat *nat, uint32_t mapping);

// The connection of a mapping with a remote endpoint, or NO_ENTRY.
uint32_t nat_find_connection(const struct nat *nat, uint32_t mapping, uint32_t remote_address,
                             uint16_t remote_port);
// Makes a connection, transitory; sets *connection.
enum nat_verdict nat_add_connection(struct nat *nat, uint32_t mapping, uint32_t remote_address,
                                    uint16_t remote_port, int64_t now_ms, uint32_t *connection);
// Moves a connection to the end of a queue.
void nat_touch_connection(struct nat *nat, uint32_t connection, enum nat_queue_name queue,
                          int64_t now_ms);
// Removes a connection, and its mapping with the last one.
void nat_remove_connection(struct nat *nat, uint32_t connection);

#endif
