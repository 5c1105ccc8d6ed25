// SPDX-License-Identifier: ISC
// A SYN from outside that belongs to no connection (RFC 5382 section 4.3, REQ-4). Its sender may be
// one half of a simultaneous open, whose other half, inside, is just about to send: an answer at
// once would end that. So nothing is said for six seconds; if no outbound SYN has met it by then,
// the sender is told that nobody listens. The kept SYN itself is never delivered; its sender
// repeats it.
#include "parts.h"
#include <string.h>

#define SILENCE_MS 6000

void nat_keep_syn(struct nat *nat, const struct ip_packet *packet, int64_t now_ms) {
    if (nat->syn_count == NAT_SYNS)
        return; // no answer at all is allowed too
    struct nat_syn *syn = &nat->syns[(nat->first_syn + nat->syn_count++) % NAT_SYNS];
    syn->packet = *packet;
    syn->packet.bytes = syn->bytes;
    syn->packet.length = packet->header_length + ICMP_HEADER;
    syn->came_ms = now_ms;
    syn->expected = false;
    memcpy(syn->bytes, packet->bytes, syn->packet.length);
}

void nat_meet_syn(struct nat *nat, uint16_t outside_port, uint32_t remote_address,
                  uint16_t remote_port) {
    for (uint32_t i = 0; i < nat->syn_count; i++) {
        struct nat_syn *syn = &nat->syns[(nat->first_syn + i) % NAT_SYNS];
        if (syn->packet.source == remote_address && syn->packet.source_port == remote_port &&
            syn->packet.destination_port == outside_port)
            syn->expected = true;
    }
}

void nat_answer_syns(struct nat *nat, int64_t now_ms) {
    while (nat->syn_count > 0 && now_ms - nat->syns[nat->first_syn].came_ms >= SILENCE_MS) {
        const struct nat_syn *syn = &nat->syns[nat->first_syn];
        struct nat_passage passage = {
            .nat = nat, .packet = syn->packet, .sender = NAT_OUTSIDE, .now_ms = now_ms};
        nat->first_syn = (nat->first_syn + 1) % NAT_SYNS;
        nat->syn_count--;
        if (!syn->expected && syn->packet.source != nat->config.outside_address)
            nat_answer(&passage, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, 0);
    }
}
