// SPDX-License-Identifier: ISC
// What the NAT remembers, and what it is told at its start: the ground that its parts stand on.
// nat.h is the door.
#pragma once

#include "../base/crowd.h"
#include "../base/siphash.h"
#include "../ip/icmp.h"
#include "../ip/segment.h"
#include "../limits.h"
#include "ports.h"
#include "table.h"

// Slots of an index: a power of two, at least twice the entries.
#define NAT_INDEX_SLOTS (2 * NAT_MAPPINGS)
_Static_assert((NAT_MAPPINGS & (NAT_MAPPINGS - 1)) == 0, "NAT_MAPPINGS must be a power of two");
_Static_assert(NAT_CONNECTIONS <= NAT_MAPPINGS, "the index's size goes by NAT_MAPPINGS");

// Who sent something: a laptop's number, or the outside.
#define NAT_OUTSIDE NAT_LAPTOPS

#define NAT_RESOLVER_PORT 53 // RFC 1035 section 4.2

// What became of a packet. All but the first two are drops, counted under their names.
enum nat_verdict {
    NAT_PASS,
    NAT_HELD,          // a fragment that waits for its first
    NAT_NOT_IPV4,      // another IP version
    NAT_BAD_PACKET,    // truncated, or lengths or checksums wrong
    NAT_BAD_SOURCE,    // a source that no laptop, or no host outside, can have
    NAT_SOURCE_ROUTE,  // IP options that name the route
    NAT_FRAGMENT,      // fragments that overlap, are too small, too many or too late
    NAT_PROTOCOL,      // neither TCP, UDP nor an ICMP message that passes a NAT
    NAT_REFUSED,       // a destination that the tether does not lead to
    NAT_TTL_EXPIRED,   //
    NAT_TOO_BIG,       // larger than the next link's MTU, and not to be fragmented
    NAT_NO_CONNECTION, // TCP that belongs to no connection and does not begin one
    NAT_TABLE_FULL,    //
    NAT_NO_PORT,       //
    NAT_NO_MAPPING,    // from outside, for nobody
    NAT_FILTERED,      // from an outside endpoint that the inside has not sent to
    NAT_MANY_QUERIES,  // for the server's resolver, more than a laptop may ask
    NAT_VERDICT_COUNT,
};

// What has outside ports of its own.
enum nat_port_kind { NAT_TCP, NAT_UDP, NAT_ICMP, NAT_PORT_KINDS };

// Queues, each with its time limit.
enum nat_queue_name {
    NAT_UDP_QUEUE,         // mappings
    NAT_ICMP_QUEUE,        // mappings
    NAT_PERMISSION_QUEUE,  // connections: whom a UDP endpoint has sent to (--filter address)
    NAT_TRANSITORY_QUEUE,  // TCP connections that open or close
    NAT_ESTABLISHED_QUEUE, // TCP connections
    NAT_QUEUE_COUNT,
};

// Where packets go. Bytes are valid during the call; with `lasting`, they are the caller's own, and
// valid as long as the caller keeps them.
struct nat_output {
    // `offload` as in the call that brought the packet, or NULL: nothing to be done.
    void (*to_wire)(void *arg, const struct ip_packet *packet, const struct ip_offload *offload,
                    bool lasting);
    void (*to_laptop)(void *arg, uint16_t laptop, const struct ip_packet *packet,
                      const struct ip_offload *offload);
    // To the server's own IP stack. May be NULL: such packets are refused.
    void (*to_host)(void *arg, const struct ip_packet *packet, const struct ip_offload *offload);
    void *arg;
};

struct nat_config {
    uint32_t outside_address;                  // host byte order
    uint32_t host_address;                     // what laptops look like to the server's own stack
    uint32_t own_addresses[NAT_OWN_ADDRESSES]; // the server's others; 0: none
    uint32_t inside_resolver; // laptops reach the server's resolver at this address,
    uint32_t resolver;        // and here it is; 0: it has none for them
    uint16_t port_low;
    uint16_t port_high;
    uint32_t outside_mtu;
    uint32_t inside_mtu;
    bool allow_private;     // private destinations are let through
    bool filter_by_address; // UDP: only from addresses that the inside has sent to (RFC 4787 REQ-8)
    struct siphash_key key; // of the tables: random, another in each run
    struct siphash_key port_key; // of the outside ports: random, the same after a restart
    struct nat_output output;
};

struct nat_mapping {
    uint32_t inside_address;
    uint16_t inside_port;  // ICMP: identifier
    uint16_t outside_port; //
    uint16_t laptop;
    uint8_t protocol;
    uint32_t serial;      // tells this mapping from an earlier one in the same place
    uint32_t connections; // TCP: how many it carries
};

struct nat_connection {
    uint32_t mapping;
    uint32_t mapping_serial;
    uint32_t remote_address;
    uint16_t remote_port; // 0: any, a permission of UDP
    uint16_t laptop;
    uint32_t inside_ack; // TCP: what the inside has last acknowledged
    uint8_t seen;        // flags of tcp.c: what each side has sent
    uint8_t queue;       // enum nat_queue_name
};

// What one laptop has.
struct nat_laptop {
    uint64_t identity; // who it is: see nat_set_laptop()
    struct nat_queue queues[NAT_QUEUE_COUNT];
    uint32_t mappings;
    uint32_t connections;
    uint32_t ports[NAT_PORT_KINDS]; // outside ports held
    int64_t answers; // buckets, see bucket_take(), in microseconds: of errors that it gets,
    int64_t queries; // of queries for the server's resolver
};

// A SYN from outside that nobody has asked for (syn.c).
struct nat_syn {
    struct ip_packet packet; // points into bytes
    int64_t came_ms;
    bool expected;     // an outbound SYN has met it since: no error
    uint8_t bytes[68]; // the longest IP header, and the 8 bytes that an error quotes
};

// A datagram that comes in fragments (fragment.c).
struct nat_datagram {
    bool used;
    bool translated; // the first fragment has come: what follows says what to do
    bool poisoned;   // its fragments overlap or lie: all others are dropped
    uint16_t sender; // a laptop, or NAT_OUTSIDE
    uint8_t protocol;
    uint32_t source; // as they came
    uint32_t destination;
    uint16_t identification;
    int64_t began_ms;
    uint32_t received; // bytes of payload
    uint32_t furthest; // where what was received ends
    uint32_t total;    // 0 until the last fragment has come
    uint32_t new_source;
    uint32_t new_destination;
    uint16_t new_identification;
    uint16_t receiver; // a laptop; NAT_OUTSIDE: the wire; NAT_TO_HOST: the server itself
    uint64_t seen[65536 / 8 / 64]; // one bit for each 8 bytes
};
#define NAT_TO_HOST (NAT_LAPTOPS + 1)

// A fragment that came before its datagram's first.
struct nat_held {
    struct nat_datagram *datagram; // NULL: free
    size_t length;
    uint8_t bytes[NAT_HELD_BYTES];
};

struct nat {
    struct nat_config config;
    uint64_t dropped[NAT_VERDICT_COUNT];
    uint64_t evicted;    // made room for a new one before their time
    uint64_t answered;   // errors of our own that were sent
    uint64_t unanswered; // errors that were not sent, for there were too many
    uint16_t next_identification;
    uint32_t next_serial;
    uint32_t mapping_count;
    uint32_t connection_count;

    struct nat_ports ports[NAT_PORT_KINDS]; // of ICMP: identifiers

    struct nat_laptop laptops[NAT_LAPTOPS];
    int64_t outside_answers;
    struct nat_pool mapping_pool;
    struct nat_pool connection_pool;
    struct nat_index by_inside;
    struct nat_index by_outside;
    struct nat_index by_remote;

    struct nat_syn syns[NAT_SYNS]; // a ring, oldest first
    uint32_t first_syn;
    uint32_t syn_count;
    struct nat_datagram datagrams[NAT_DATAGRAMS];
    struct crowd_place datagram_crowd[NAT_DATAGRAMS]; // whose they are
    struct nat_held held[NAT_HELD_FRAGMENTS];
    struct crowd_place held_crowd[NAT_HELD_FRAGMENTS];

    struct nat_mapping mappings[NAT_MAPPINGS];
    struct nat_link mapping_links[NAT_MAPPINGS];
    struct nat_connection connections[NAT_CONNECTIONS];
    struct nat_link connection_links[NAT_CONNECTIONS];
    uint32_t inside_hashes[NAT_MAPPINGS];
    uint32_t outside_hashes[NAT_MAPPINGS];
    uint32_t remote_hashes[NAT_CONNECTIONS];
    uint32_t inside_slots[NAT_INDEX_SLOTS];
    uint32_t outside_slots[NAT_INDEX_SLOTS];
    uint32_t remote_slots[NAT_INDEX_SLOTS];
};
