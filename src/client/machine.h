// SPDX-License-Identifier: ISC
// The machine that the program runs on, the laptop: its TUN device, with address and routes, and
// what is given to it.
#pragma once

#include "../base/rate.h"
#include "../ip/coalesce.h"
#include "../tun/tun.h"
#include "../tunnel/link.h"
#include "options.h"

struct machine {
    const struct log *log;
    struct tun tun;
    struct ip_coalescer coalescer; // of what the laptop is given
    struct rate refusals;          // of IPv6, for each /64 that it is for
    uint32_t address;              // inside the tether, host byte order
    uint32_t mtu;                  // of the TUN device
    uint64_t not_ipv4;             // dropped: the tether carries IPv4, and what says its length
    uint64_t answers;              // of resolvers, which it was given
    uint64_t tun_write;            // dropped: the TUN device did not take it
};

// Must be done before anything else.
void machine_init(struct machine *machine, const struct log *log);
// Makes the TUN device, gives it machine->address and adds the routes that the options ask for.
// Returns 0, or -1 after having said what is wrong.
int machine_open(struct machine *machine, const struct client_options *options);
void machine_close(struct machine *machine);
// The server says which address the laptop has (host byte order), and how long its packets may be.
// Returns 0, or -1 after having said what is wrong.
int machine_configure(struct machine *machine, uint32_t address, uint32_t mtu);
// SESSION_TAKES_...: what its kernel takes beside plain packets.
uint8_t machine_takes(const struct machine *machine);

// Queues what the laptop sends, until there is nothing more or others have waited long enough.
// Returns 0, or -1 with errno set where the device is gone.
int machine_read(struct machine *machine, struct tunnel_link *link, int64_t now_us);

// Gives it a packet.
void machine_give(struct machine *machine, const uint8_t *packet, size_t length);
// Gives it a packet's or super-packet's record. Segments of one connection are put together first:
// machine_give_rest() must follow before the record's bytes are gone. Returns -1 where it is none.
int machine_give_record(struct machine *machine, const struct record *record);
void machine_give_rest(struct machine *machine);
