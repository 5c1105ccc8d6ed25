// SPDX-License-Identifier: ISC
// What the parts of the NAT need of each other, beside the entries: fragments, unsolicited SYNs,
// ICMP errors, and the ways out. For this folder; nat.h is its door.
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
