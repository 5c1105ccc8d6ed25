// SPDX-License-Identifier: ISC
// Network address and port translation (NAPT, RFC 3022), as pure code: packets in, packets out,
// time as an argument. It behaves as RFC 4787 (UDP), RFC 5382 (TCP), RFC 5508 (ICMP) and RFC 7857
// ask; doc/nat.md goes through their requirements one by one.
//
// A mapping ties an inside endpoint (laptop, protocol, address, port) to an outside port, the same
// for all destinations (endpoint-independent mapping). A TCP mapping carries connections, one for
// each remote endpoint, and lives as long as one of them does; UDP and ICMP mappings live by their
// last outbound packet.
#pragma once

#include "state.h"

// An empty NAT. `config` is copied; what its output points at must stay.
void nat_init(struct nat *nat, const struct nat_config *config);

// Tells who has a laptop's number, so that it gets the outside ports that it had before a restart,
// whatever its number was. Each laptop's identity should be another, and known to no other laptop:
// two with the same want the same ports, and can tell each other's. It is 0 until it is told, and
// after the laptop was forgotten. What is mapped already stays as it is.
void nat_set_laptop(struct nat *nat, uint16_t laptop, uint64_t identity);

// Takes a packet of a laptop on its way out (`sender` is its number), from the wire on its way in
// (NAT_OUTSIDE), or of the server's own stack, for config.host_address (NAT_TO_HOST). It is
// translated in place, and given to nat->config.output: to the wire, to a laptop (another one's:
// hairpinning), or to the server itself. An error is answered where a router owes one.
enum nat_verdict nat_take(struct nat *nat, uint16_t sender, uint8_t *bytes, size_t length,
                          const struct ip_offload *offload, int64_t now_ms);

// Removes what has run out of time, and sends the errors that have waited. Costs as much as there
// is to remove. Call about once a second.
void nat_expire(struct nat *nat, int64_t now_ms);

// Removes everything of one laptop, its identity too.
void nat_forget_laptop(struct nat *nat, uint16_t laptop);

// Whether this is a TCP segment of a laptop's that goes on with a connection which it has.
bool nat_goes_on(const struct nat *nat, uint16_t laptop, const struct ip_packet *packet);

// "bad_packet" for NAT_BAD_PACKET, and so on.
const char *nat_verdict_name(enum nat_verdict verdict);
