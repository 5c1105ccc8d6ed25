// SPDX-License-Identifier: ISC
// The server's way to the Internet, and to the host itself: the network interface, the NAT, and a
// TUN device. Packets of laptops go in, and come out of the NAT's other end; what is captured there
// and belongs to a laptop is handed on.
#pragma once

#include "../base/loop.h"
#include "../nat/nat.h"
#include "../tun/tun.h"
#include "../wire/wire.h"
#include "options.h"

struct laptops;

struct gateway {
    const struct server_options *options;
    const struct log *log;
    struct loop *loop;
    struct laptops *laptops; // who take what is for them
    struct wire wire;
    struct nat nat;
    uint32_t resolver;              // which laptops may ask, though it is private; 0: none
    struct tun host_tun;            // to this host's own IP stack; fd -1 without one
    uint64_t host_write;            // dropped: the host's own stack did not take it
    uint64_t bad_offload;           // dropped: what is to be done on it does not fit the packet
    uint8_t segment[IP_PACKET_MAX]; // where super-packets for the host are taken apart
    uint8_t host_packet[TUN_READ_MAX];
};

// The pointers must stay valid; all in `gateway` is zero.
void gateway_init(struct gateway *gateway, const struct server_options *options,
                  const struct log *log, struct loop *loop, struct laptops *laptops);
// In this order: finds the interface, whose address is known then; opens the way to this host's own
// services; and, when the sockets that listen are open, begins to translate. `port_key` chooses the
// NAT's outside ports. Each returns 0, or -1 after having said what is wrong.
int gateway_open(struct gateway *gateway);
int gateway_open_host(struct gateway *gateway);
int gateway_start(struct gateway *gateway, const struct siphash_key *port_key);
// Undoes all of it, however far it came.
void gateway_close(struct gateway *gateway);
// Time limits, and what changes on the interface; about once a second.
void gateway_tick(struct gateway *gateway);

// Takes a packet of the laptop with this number, which is translated in place and sent by
// gateway_flush() at the latest; with `offload` its bytes must stay until then.
void gateway_send(struct gateway *gateway, uint16_t laptop, uint8_t *bytes, size_t length,
                  const struct ip_offload *offload);
void gateway_flush(struct gateway *gateway);

// A laptop got this number: `identity` is the same whenever it comes back, and known to no other.
// Who had the number has lost all mappings.
void gateway_set_laptop(struct gateway *gateway, uint16_t laptop, uint64_t identity);
// How many mappings it has.
uint32_t gateway_mappings(const struct gateway *gateway, uint16_t laptop);
