// SPDX-License-Identifier: ISC
// What the parts of the NAT need of each other. For this folder; nat.h is its door.
#pragma once

#include "state.h"

// A packet on its way through.
struct nat_passage {
    struct nat *nat;
    struct ip_packet packet;
    const struct ip_offload *offload; // NULL: none
    uint16_t sender; // a laptop, NAT_OUTSIDE, or NAT_TO_HOST: the server's own stack
    bool lasting;    // the bytes are the caller's, see struct nat_output
    int64_t now_ms;
};

// ---- entries.c: mappings and connections ----

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

// ---- tcp.c: how far a connection has come (RFC 5382 section 2, RFC 7857 section 2) ----

// What was seen: bits.
enum nat_tcp_seen {
    SEEN_OUT_SYN = 0x01,
    SEEN_IN_SYN = 0x02,
    SEEN_OUT_ACK = 0x04, // the inside has answered the outside's SYN
    SEEN_OUT_FIN = 0x08,
    SEEN_IN_FIN = 0x10,
    SEEN_RST = 0x20,
};

// What was seen, after one more packet with these TCP flags.
uint8_t nat_tcp_seen_outbound(uint8_t seen, uint8_t tcp_flags);
uint8_t nat_tcp_seen_inbound(uint8_t seen, uint8_t tcp_flags);

// Where the connection waits: established only between its opening and its end.
enum nat_queue_name nat_tcp_queue(uint8_t seen);

// ---- outbound.c and inbound.c ----

// What must not pass, of laptops' packets, and of those from the wire or the server's own stack.
enum nat_verdict nat_check_outbound(const struct nat_passage *passage);
enum nat_verdict nat_check_inbound(const struct nat_passage *passage);
// What passes is judged, translated and sent: a packet, or its datagram's first fragment.
enum nat_verdict nat_forward_outbound(struct nat_passage *passage, uint16_t *receiver);
enum nat_verdict nat_forward_inbound(struct nat_passage *passage, uint16_t *receiver);
// Translates what was read, and finds the laptop it is for.
enum nat_verdict nat_translate_inbound(struct nat_passage *passage, uint16_t *receiver);

// ---- emit.c: the ways out ----

// Where a translated packet goes: a laptop, NAT_OUTSIDE or NAT_TO_HOST. Cuts it into fragments
// where the next link needs that.
void nat_emit(struct nat_passage *passage, uint16_t receiver);
uint32_t nat_mtu_to(const struct nat *nat, uint16_t receiver);
// Whether the packet fits the link to the receiver, as it is or in fragments.
bool nat_fits(const struct nat_passage *passage, uint16_t receiver);
// Answers the packet, as it came, with an ICMP error, if one is owed and there were not too many.
void nat_answer(struct nat_passage *passage, uint8_t type, uint8_t code, uint16_t mtu);

// ---- fragment.c ----

// How a packet goes on that is no fragment, or its datagram's first: sets where it went.
typedef enum nat_verdict nat_forwarder(struct nat_passage *passage, uint16_t *receiver);

// Hands a packet to `forward`. Of a datagram in fragments only the first goes there; the others go
// where it went, and are translated as it was.
enum nat_verdict nat_pass(struct nat_passage *passage, nat_forwarder *forward);
void nat_expire_fragments(struct nat *nat, int64_t now_ms);
void nat_forget_fragments(struct nat *nat, uint16_t sender);

// ---- syn.c ----

// Keeps an unsolicited SYN; it is answered when six seconds have gone and nothing has met it.
void nat_keep_syn(struct nat *nat, const struct ip_packet *packet, int64_t now_ms);
// An outbound SYN to this remote endpoint from this outside port meets what is kept.
void nat_meet_syn(struct nat *nat, uint16_t outside_port, uint32_t remote_address,
                  uint16_t remote_port);
void nat_answer_syns(struct nat *nat, int64_t now_ms);

// ---- icmp_error.c ----

// Translates an ICMP error, and the packet in it; sets the receiver.
enum nat_verdict nat_error_inbound(struct nat_passage *passage, uint16_t *receiver);
enum nat_verdict nat_error_outbound(struct nat_passage *passage, uint16_t *receiver);
