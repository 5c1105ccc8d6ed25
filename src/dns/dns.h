// SPDX-License-Identifier: ISC
// A laptop's DNS queries, as pure code: which of them go to which resolver, and as much of their
// messages (RFC 1035 section 4.1) as shows whether names resolve. How the system is told is
// another's part. Addresses are in host byte order.
#pragma once

#include "../limits.h"
#include <stdbool.h>
#include <stddef.h>

#define DNS_PORT     53
#define DNS_LOOPBACK 0x7f000001 // where libc asks when resolv.conf names nobody (resolv.conf(5))

// A resolver at such an address lies in a network without internet, and is dead or knows nothing of
// the world: another one is asked in its place. A public one was chosen by somebody.
struct dns_range {
    uint32_t first;
    uint32_t last;
};
#define DNS_CAUGHT 5
extern const struct dns_range dns_caught[DNS_CAUGHT];

// Whom to ask instead, the best first.
struct dns_plan {
    uint32_t resolvers[RESOLVERS_MAX];
    size_t count;
};
// The plan that holds any: what the laptop's owner has chosen, or what the server has named; else
// public resolvers.
struct dns_plan dns_choose(const struct dns_plan *chosen, const struct dns_plan *named);

// A query for the address of a name that nobody has asked for before, so that no cache knows it.
#define DNS_QUERY_BYTES  38
#define DNS_QUERY_RANDOM 10
void dns_query_write(uint8_t query[DNS_QUERY_BYTES], const uint8_t random[DNS_QUERY_RANDOM]);
// Whether a resolver's answer tells whether there is such a name.
bool dns_answer_is_good(const uint8_t *answer, size_t length);
// Whether an IP packet is such an answer over UDP.
bool dns_packet_is_good(const uint8_t *packet, size_t length);

// What is said to systemd-resolved over D-Bus (resolved.c): all names are to be asked for at this
// resolver, by the device with this index. `begins`: it is the first that is said. Returns its
// length in bytes.
#define RESOLVED_BYTES 1024
size_t resolved_write(uint8_t out[RESOLVED_BYTES], bool begins, int index, uint32_t resolver);
