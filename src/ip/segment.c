// Segmentation in software, the way a card does it for TCP (TSO) and UDP (USO): each segment
// repeats the headers, with its own lengths, IP identification (counting up, RFC 791), TCP sequence
// number, and checksums made anew. FIN and PSH belong to the last segment, CWR to the first (RFC
// 3168 section 6.1.2). A UDP super-packet is a run of datagrams of equal size, each becoming a
// packet of its own.
#include "segment.h"

#include <string.h>

#include "../base/bytes.h"
#include "checksum.h"

enum { UDP_HEADER = 8, TCP_PSH = 0x08, TCP_CWR = 0x80 };

// Completes a checksum: sums from its start, with the pseudo-header's sum that is in its field.
static bool complete_checksum(const struct ip_packet *p, const struct ip_offload *offload)
{
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

// The checksum of a TCP or UDP packet, made anew.
static uint16_t transport_checksum(const struct ip_packet *p, const uint8_t *transport,
                                   size_t length)
{
    uint64_t sum = checksum_add(0, transport, length);
    sum = checksum_add_pseudo_header(sum, p->source, p->destination, p->protocol, (uint16_t)length);
    uint16_t checksum = (uint16_t)~checksum_fold(sum);
    return checksum == 0 && p->protocol == IP_UDP ? 0xffff : checksum;
}

static void finish_tcp(uint8_t *tcp, size_t offset, bool is_last)
{
    put_be32(tcp + 4, get_be32(tcp + 4) + (uint32_t)offset);
    if (!is_last)
        tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    if (offset > 0)
        tcp[13] &= (uint8_t)~TCP_CWR;
    put_be16(tcp + 16, 0);
}

// Makes the headers of one segment fit its place; `headers` are the IP and transport headers'
// bytes.
static void finish_segment(const struct ip_packet *p, uint8_t *bytes, size_t headers,
                           size_t payload, size_t offset, int number, bool is_last)
{
    uint8_t *transport = bytes + p->header_length;
    size_t transport_length = headers - p->header_length + payload;
    uint8_t *checksum = transport + 16;
    put_be16(bytes + 2, (uint16_t)(headers + payload));
    put_be16(bytes + 4, (uint16_t)(get_be16(bytes + 4) + number));
    put_be16(bytes + 10, 0);
    put_be16(bytes + 10, (uint16_t)~checksum_fold(checksum_add(0, bytes, p->header_length)));
    if (p->protocol == IP_TCP) {
        finish_tcp(transport, offset, is_last);
    } else {
        checksum = transport + 6;
        put_be16(transport + 4, (uint16_t)transport_length);
        put_be16(checksum, 0);
    }
    put_be16(checksum, transport_checksum(p, transport, transport_length));
}

int ip_segment(const struct ip_packet *p, const struct ip_offload *offload, uint8_t *scratch,
               size_t scratch_size, void (*out)(void *arg, uint8_t *bytes, size_t length),
               void *arg)
{
    size_t size = offload->segment_size;
    if (size == 0) {
        if (!complete_checksum(p, offload))
            return -1;
        out(arg, p->bytes, p->length);
        return 1;
    }
    if (!p->has_transport || p->is_fragment || (p->protocol != IP_TCP && p->protocol != IP_UDP))
        return -1;
    size_t transport_header =
        p->protocol == IP_TCP ? (size_t)(p->bytes[p->header_length + 12] >> 4) * 4 : UDP_HEADER;
    size_t headers = p->header_length + transport_header;
    size_t payload = p->length - headers;
    if (headers + size > scratch_size || payload > size * SEGMENTS_MAX)
        return -1;
    int number = 0;
    size_t offset = 0;
    do {
        size_t piece = payload - offset < size ? payload - offset : size;
        memcpy(scratch, p->bytes, headers);
        memcpy(scratch + headers, p->bytes + headers + offset, piece);
        finish_segment(p, scratch, headers, piece, offset, number, offset + piece == payload);
        out(arg, scratch, headers + piece);
        offset += piece;
        number++;
    } while (offset < payload);
    return number;
}
