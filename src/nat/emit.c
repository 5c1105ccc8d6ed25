// SPDX-License-Identifier: ISC
// The ways out, and the errors that a router owes (RFC 1812 section 4.3): their number is limited
// by a token bucket for each laptop (section 4.3.2.8), and one for the outside.
#include "../base/rate.h"
#include "../base/units.h"
#include "parts.h"

#define ANSWERS_AT_ONCE 64
#define ANSWER_US       (US / 64) // 64 a second

static void give(struct nat *nat, const struct ip_packet *packet, uint16_t receiver,
                 const struct ip_offload *offload, bool lasting) {
    const struct nat_output *output = &nat->config.output;
    if (receiver == NAT_OUTSIDE)
        output->to_wire(output->arg, packet, offload, lasting);
    else if (receiver == NAT_TO_HOST)
        output->to_host(output->arg, packet, offload);
    else
        output->to_laptop(output->arg, receiver, packet, offload);
}

uint32_t nat_mtu_to(const struct nat *nat, uint16_t receiver) {
    return receiver == NAT_OUTSIDE ? nat->config.outside_mtu : nat->config.inside_mtu;
}

// The size that counts: of the packet, or of the segments that a super-packet will be cut into.
static size_t size_on_link(const struct nat_passage *passage) {
    const struct ip_packet *packet = &passage->packet;
    const struct ip_offload *offload = passage->offload;
    if (offload == NULL || offload->segment_size == 0)
        return packet->length;
    size_t size = ip_header_sizes(packet) + offload->segment_size;
    return size < packet->length ? size : packet->length;
}

bool nat_fits(const struct nat_passage *passage, uint16_t receiver) {
    const struct ip_packet *packet = &passage->packet;
    if (size_on_link(passage) <= nat_mtu_to(passage->nat, receiver))
        return true;
    // A later fragment or a checksum that is not finished cannot be cut further here.
    return !packet->dont_fragment && !packet->partial_checksum && packet->header_length == 20 &&
           (passage->offload == NULL || passage->offload->segment_size == 0);
}

struct pieces {
    struct nat *nat;
    uint16_t receiver;
};

static void on_piece(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size) {
    const struct pieces *pieces = arg;
    (void)segment_size;
    struct ip_packet packet;
    if (ip_parse(&packet, bytes, length) == IP_GOOD)
        give(pieces->nat, &packet, pieces->receiver, NULL, false);
}

void nat_emit(struct nat_passage *passage, uint16_t receiver) {
    struct nat *nat = passage->nat;
    struct ip_packet *packet = &passage->packet;
    uint8_t scratch[IP_PACKET_MAX];
    if (size_on_link(passage) <= nat_mtu_to(nat, receiver)) {
        give(nat, packet, receiver, passage->offload, passage->lasting);
        return;
    }
    struct pieces pieces = {nat, receiver};
    if (ip_fragment(packet, nat_mtu_to(nat, receiver), scratch, on_piece, &pieces) < 0)
        nat->dropped[NAT_TOO_BIG]++;
}

void nat_answer(struct nat_passage *passage, uint8_t type, uint8_t code, uint16_t mtu) {
    struct nat *nat = passage->nat;
    uint8_t bytes[ICMP_ERROR_MAX];
    struct ip_packet answer;
    bool from_laptop = passage->sender < NAT_LAPTOPS;
    int64_t *bucket = from_laptop ? &nat->laptops[passage->sender].answers : &nat->outside_answers;
    if (passage->sender == NAT_TO_HOST || !icmp_may_answer(&passage->packet))
        return;
    bool may = bucket_take(bucket, ANSWER_US, ANSWERS_AT_ONCE * ANSWER_US, passage->now_ms * 1000);
    nat->answered += may;
    nat->unanswered += !may;
    if (!may)
        return;
    size_t length =
        icmp_make_error(bytes, nat->config.outside_address, type, code, mtu, &passage->packet);
    if (ip_parse(&answer, bytes, length) == IP_GOOD)
        give(nat, &answer, passage->sender, NULL, false);
}
