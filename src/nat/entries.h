// SPDX-License-Identifier: ISC
// The NAT's mappings and connections: finding, making, refreshing and removing them. For this
// folder; nat.h is its door.
#pragma once

#include "state.h"

// An inside endpoint.
struct nat_inside {
    uint16_t laptop;
    uint8_t protocol;
    uint32_t address;
    uint16_t port;
};

// Whether it is one of the server's addresses beside the outside one.
bool nat_is_own_address(const struct nat *nat, uint32_t address);

// The mapping of an inside endpoint, or of an outside port; NO_ENTRY where there is none.
uint32_t nat_find_inside(const struct nat *nat, const struct nat_inside *inside);
uint32_t nat_find_outside(const struct nat *nat, uint8_t protocol, uint16_t port);
// Whether the NAT gives out this outside port of TCP or UDP. Others are the server's own.
bool nat_has_port(struct nat *nat, uint8_t protocol, uint16_t port);
// Makes a mapping; where the table or the ports are full, one that may go gives way (see
// entries.c). Returns NAT_PASS and sets *mapping, or says why not.
enum nat_verdict nat_add_mapping(struct nat *nat, const struct nat_inside *inside, int64_t now_ms,
                                 uint32_t *mapping);
// Moves a UDP or ICMP mapping to its queue's end.
void nat_touch_mapping(struct nat *nat, uint32_t mapping, int64_t now_ms);

// The connection of a mapping with a remote endpoint, or NO_ENTRY.
uint32_t nat_find_connection(const struct nat *nat, uint32_t mapping, uint32_t remote_address,
                             uint16_t remote_port);
// Makes a connection in a queue; sets *connection.
enum nat_verdict nat_add_connection(struct nat *nat, uint32_t mapping, uint32_t remote_address,
                                    uint16_t remote_port, enum nat_queue_name queue, int64_t now_ms,
                                    uint32_t *connection);
// Moves a connection to the end of a queue.
void nat_touch_connection(struct nat *nat, uint32_t connection, enum nat_queue_name queue,
                          int64_t now_ms);

// Removes what has run out of time; everything of one laptop.
void nat_expire_entries(struct nat *nat, int64_t now_ms);
void nat_forget_entries(struct nat *nat, uint16_t laptop);
