// Network address and port translation (NAPT, RFC 3022), as pure code: packets in, packets out,
// time as an argument.
//
// A mapping ties an inside endpoint (laptop, protocol, address, port) to an outside port, the same
// for all destinations (endpoint-independent mapping, RFC 4787 section 4.1, RFC 5382 section 4.1).
// A TCP mapping carries connections, one for each remote endpoint, and lives as long as one of them
// does; UDP and ICMP mappings live by their last outbound packet.
#ifndef TETHER_NAT_NAT_H
#define TETHER_NAT_NAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../ip/packet.h"
#include "../limits.h"
#include "ports.h"
#include "siphash.h"
#include "table.h"

// Slots of an index: a power of two, at least twice the entries.
#define NAT_INDEX_SLOTS (2 * NAT_MAPPINGS)
_Static_assert((NAT_MAPPINGS & (NAT_MAPPINGS - 1)) == 0, "NAT_MAPPINGS must be a power of two");
_Static_assert(NAT_CONNECTIONS <= NAT_MAPPINGS, "the index's size goes by NAT_MAPPINGS");

// What became of a packet. Everything but NAT_PASS is a drop, and is counted under its name.
enum nat_verdict {
    NAT_PASS,
    NAT_NOT_IPV4,      // another IP version
    NAT_BAD_PACKET,    // truncated, or lengths or IP checksum wrong
    NAT_BAD_SOURCE,    // an inside source that no laptop can have
    NAT_FRAGMENT,      // fragments are not translated
    NAT_PROTOCOL,      // neither TCP, UDP nor an ICMP query
    NAT_REFUSED,       // a destination that the tether does not lead to
    NAT_TTL_EXPIRED,   //
    NAT_NO_CONNECTION, // TCP that belongs to no connection and does not begin one
    NAT_TABLE_FULL,    //
    NAT_NO_PORT,       //
    NAT_NO_MAPPING,    // from outside, for nobody
    NAT_VERDICT_COUNT,
};

// Queues, each with its time limit.
enum nat_queue_name {
    NAT_UDP_QUEUE,         // mappings
    NAT_ICMP_QUEUE,        // mappings
    NAT_TRANSITORY_QUEUE,  // connections that open or close
    NAT_ESTABLISHED_QUEUE, // connections
    NAT_QUEUE_COUNT,
};

struct nat_config {
    uint32_t outside_address; // host byte order
    uint16_t port_low;
    uint16_t port_high;
    bool allow_private;     // private destinations are let through
    struct siphash_key key; // random
};

struct nat_mapping {
    uint32_t inside_address;
    uint16_t inside_port;  // ICMP: identifier
    uint16_t outside_port; //
    uint16_t laptop;
    uint8_t protocol;
    uint32_t connections; // TCP: how many it carries
};

struct nat_connection {
    uint32_t mapping;
    uint32_t remote_address;
    uint16_t remote_port;
    uint8_t seen; // flags of tcp.c: what each side has sent
};

struct nat {
    struct nat_config config;
    uint64_t dropped[NAT_VERDICT_COUNT];
    uint64_t evicted; // made room for a new one before their time
    uint64_t random_counter;
    uint32_t mapping_count;
    uint32_t connection_count;

    struct nat_ports tcp_ports;
    struct nat_ports udp_ports;
    struct nat_ports icmp_identifiers;

    struct nat_queue queues[NAT_QUEUE_COUNT];
    struct nat_pool mapping_pool;
    struct nat_pool connection_pool;
    struct nat_index by_inside;
    struct nat_index by_outside;
    struct nat_index by_remote;

    struct nat_mapping mappings[NAT_MAPPINGS];
    struct nat_link mapping_links[NAT_MAPPINGS];
    struct nat_connection connections[NAT_CONNECTIONS];
    struct nat_link connection_links[NAT_CONNECTIONS];
    uint8_t connection_queues[NAT_CONNECTIONS];
    uint32_t inside_hashes[NAT_MAPPINGS];
    uint32_t outside_hashes[NAT_MAPPINGS];
    uint32_t remote_hashes[NAT_CONNECTIONS];
    uint32_t inside_slots[NAT_INDEX_SLOTS];
    uint32_t outside_slots[NAT_INDEX_SLOTS];
    uint32_t remote_slots[NAT_INDEX_SLOTS];
};

void nat_init(struct nat *nat, const struct nat_config *config);

// Leaves a port that a local socket uses out of the range.
void nat_reserve_port(struct nat *nat, enum ip_protocol protocol, uint16_t port);

// Translates a packet of a laptop on its way out, in place. On NAT_PASS `packet` is what to send.
enum nat_verdict nat_outbound(struct nat *nat, uint16_t laptop, uint8_t *bytes, size_t length,
                              int64_t now_ms, struct ip_packet *packet);

// Translates a packet from outside on its way in, in place; `partial_checksum` as in packet.h. On
// NAT_PASS `packet` is what to send, to *laptop.
enum nat_verdict nat_inbound(struct nat *nat, uint8_t *bytes, size_t length, bool partial_checksum,
                             int64_t now_ms, struct ip_packet *packet, uint16_t *laptop);

// Removes what has run out of time. Costs as much as there is to remove.
void nat_expire(struct nat *nat, int64_t now_ms);

// Removes everything of one laptop.
void nat_forget_laptop(struct nat *nat, uint16_t laptop);

// "bad_packet" for NAT_BAD_PACKET, and so on.
const char *nat_verdict_name(enum nat_verdict verdict);

#endif
