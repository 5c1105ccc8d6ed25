// SPDX-License-Identifier: ISC
// Segmentation in software, the way a card does it for TCP (TSO) and UDP (USO): each segment
// repeats the headers, with its own lengths, IP identification (counting up, RFC 791), TCP sequence
// number, and checksums made anew. FIN and PSH belong to the last segment, CWR to the first (RFC
// 3168 section 6.1.2). A UDP super-packet is a run of datagrams of equal size, each becoming a
// packet of its own.
//
// A piece may also be several segments: a smaller super-packet, whose headers are made like those
// of a segment, but whose checksum is left at the pseudo-header's, for who cuts it into segments.
//
// Fragments (RFC 791 section 3.2) repeat the IP header with their own length, offset (in units of 8
// bytes) and checksum; "more fragments" is set on all but the last, which keeps the original's.
// Packets with header options are refused: some options go into every fragment and some do not, and
// none is worth the code.
#include "segment.h"
#include "checksum.h"
#include <string.h>

#define MORE_FRAGMENTS 0x2000
#define UNIT           8

// Completes a checksum: sums from its start, with the pseudo-header's sum that is in its field.
static bool complete_checksum(const struct ip_packet *p, const struct ip_offload *offload) {
    if (!offload->partial_checksum)
        return true;
    if (offload->checksum_start < p->header_length ||
        offload->checksum_at < offload->checksum_start ||
        (size_t)offload->checksum_at + 2 > p->length)
        return false;
    uint8_t *start = p->bytes + offload->checksum_start;
    uint16_t sum = checksum_fold(checksum_add(0, start, p->length - offload->checksum_start));
    uint16_t checksum = (uint16_t)~sum;
    if (checksum == 0 && p->protocol == IP_UDP)
        checksum = 0xffff;
    put_be16(p->bytes + offload->checksum_at, checksum);
    return true;
}

void ip_set_transport_checksum(uint8_t *packet, size_t header_length, size_t length, bool partial) {
    uint8_t protocol = packet[IP_AT_PROTOCOL];
    uint8_t *transport = packet + header_length;
    uint8_t *at = transport + (protocol == IP_TCP ? TCP_AT_CHECKSUM : UDP_AT_CHECKSUM);
    size_t transport_length = length - header_length;
    uint64_t sum = checksum_add_pseudo_header(0, get_be32(packet + IP_AT_SOURCE),
                                              get_be32(packet + IP_AT_DESTINATION), protocol,
                                              (uint16_t)transport_length);
    if (partial) {
        put_be16(at, checksum_fold(sum));
        return;
    }
    put_be16(at, 0);
    uint16_t checksum = (uint16_t)~checksum_fold(checksum_add(sum, transport, transport_length));
    put_be16(at, checksum == 0 && protocol == IP_UDP ? 0xffff : checksum);
}

// A piece: `segments` of them from the payload's `offset` on, and `number` were before them.
struct piece {
    size_t headers;
    size_t payload;
    size_t offset;
    size_t number;
    bool is_last;
    bool is_super;
};

static void finish_tcp(uint8_t *tcp, const struct piece *piece) {
    put_be32(tcp + TCP_AT_SEQUENCE, get_be32(tcp + TCP_AT_SEQUENCE) + (uint32_t)piece->offset);
    if (!piece->is_last)
        tcp[TCP_AT_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    if (piece->offset > 0)
        tcp[TCP_AT_FLAGS] &= (uint8_t)~TCP_CWR;
}

// Makes the headers of a piece fit its place.
static void finish_piece(const struct ip_packet *p, uint8_t *bytes, const struct piece *piece) {
    uint8_t *transport = bytes + p->header_length;
    size_t length = piece->headers + piece->payload;
    uint8_t *identification = bytes + IP_AT_IDENTIFICATION;
    put_be16(identification, (uint16_t)(get_be16(identification) + piece->number));
    ip_set_length(bytes, p->header_length, length);
    if (p->protocol == IP_TCP)
        finish_tcp(transport, piece);
    else
        put_be16(transport + UDP_AT_LENGTH, (uint16_t)(length - p->header_length));
    ip_set_transport_checksum(bytes, p->header_length, length, piece->is_super);
}

// Payload of a piece: of whole segments, one at least.
static size_t piece_payload(size_t segment, size_t headers, size_t most) {
    size_t segments = most > headers ? (most - headers) / segment : 0;
    return (segments > 1 ? segments : 1) * segment;
}

int ip_segment(const struct ip_packet *p, const struct ip_offload *offload, size_t most,
               uint8_t *scratch, size_t scratch_size, ip_piece_receiver *out, void *arg) {
    size_t size = offload->segment_size;
    if (size == 0) {
        if (!complete_checksum(p, offload))
            return -1;
        out(arg, p->bytes, p->length, 0);
        return 1;
    }
    if (!p->has_transport || p->is_fragment || (p->protocol != IP_TCP && p->protocol != IP_UDP))
        return -1;
    struct piece piece = {.headers = ip_header_sizes(p)};
    size_t payload = p->length - piece.headers;
    size_t step = piece_payload(size, piece.headers, most);
    if (payload > size * SEGMENTS_MAX)
        return -1;
    if (payload > size && p->length <= most) {
        ip_set_transport_checksum(p->bytes, p->header_length, p->length, true);
        out(arg, p->bytes, p->length, (uint16_t)size);
        return 1;
    }
    if (piece.headers + step > scratch_size)
        return -1;
    int count = 0;
    do {
        piece.payload = payload - piece.offset < step ? payload - piece.offset : step;
        piece.is_last = piece.offset + piece.payload == payload;
        piece.is_super = piece.payload > size;
        memcpy(scratch, p->bytes, piece.headers);
        memcpy(scratch + piece.headers, p->bytes + piece.headers + piece.offset, piece.payload);
        finish_piece(p, scratch, &piece);
        out(arg, scratch, piece.headers + piece.payload, piece.is_super ? (uint16_t)size : 0);
        piece.offset += piece.payload;
        piece.number += step / size;
        count++;
    } while (piece.offset < payload);
    return count;
}

int ip_fragment(const struct ip_packet *packet, size_t mtu, uint8_t *scratch,
                ip_piece_receiver *out, void *arg) {
    size_t payload = packet->length - packet->header_length;
    uint16_t field = get_be16(packet->bytes + IP_AT_FRAGMENT);
    if (packet->header_length != IP_HEADER_MIN || mtu < IP_HEADER_MIN + UNIT)
        return -1;
    size_t most = (mtu - IP_HEADER_MIN) / UNIT * UNIT;
    int count = 0;
    for (size_t at = 0; at < payload; count++) {
        size_t piece = payload - at < most ? payload - at : most;
        uint16_t more = at + piece < payload ? MORE_FRAGMENTS : 0;
        memcpy(scratch, packet->bytes, IP_HEADER_MIN);
        memcpy(scratch + IP_HEADER_MIN, packet->bytes + IP_HEADER_MIN + at, piece);
        put_be16(scratch + IP_AT_FRAGMENT, (uint16_t)((field + at / UNIT) | more));
        ip_set_length(scratch, IP_HEADER_MIN, IP_HEADER_MIN + piece);
        out(arg, scratch, IP_HEADER_MIN + piece, 0);
        at += piece;
    }
    return count;
}
