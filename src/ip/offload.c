// SPDX-License-Identifier: ISC
// The virtio-net header: flags (1), kind of segmentation (1), length of all headers (2), segment
// size (2), where the checksum starts (2), and where it is, counted from there (2).
//
// The length of all headers is advice, and not looked at when reading: everything after here takes
// the headers' lengths from the headers themselves.
#include "offload.h"
#include <string.h>

// Places in the header, and its values (virtio 1.2 section 5.1.6).
enum {
    AT_FLAGS = 0,
    AT_KIND = 1,
    AT_HEADERS = 2,
    AT_SEGMENT_SIZE = 4,
    AT_CHECKSUM_START = 6,
    AT_CHECKSUM_OFFSET = 8,
};
enum {
    FLAG_NEEDS_CHECKSUM = 1,
    KIND_NONE = 0,
    KIND_TCPV4 = 1,
    KIND_UDP_L4 = 5,
    KIND_ECN = 0x80, // with KIND_TCPV4: CWR is set, and belongs to the first segment alone
};

static uint16_t get16(const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void put16(uint8_t *at, size_t value) {
    uint16_t small = (uint16_t)value;
    memcpy(at, &small, sizeof small);
}

int ip_offload_read(struct ip_offload *offload, const uint8_t header[VNET_HEADER],
                    size_t link_header) {
    uint8_t kind = header[AT_KIND] & (uint8_t)~KIND_ECN;
    *offload = (struct ip_offload){.segment_size = 0};
    if ((header[AT_FLAGS] & FLAG_NEEDS_CHECKSUM) != 0) {
        size_t start = get16(header + AT_CHECKSUM_START);
        size_t at = start + get16(header + AT_CHECKSUM_OFFSET);
        if (start < link_header || at - link_header > UINT16_MAX)
            return -1;
        offload->partial_checksum = true;
        offload->checksum_start = (uint16_t)(start - link_header);
        offload->checksum_at = (uint16_t)(at - link_header);
    }
    if (kind == KIND_NONE)
        return 0;
    offload->segment_size = get16(header + AT_SEGMENT_SIZE);
    return (kind == KIND_TCPV4 || kind == KIND_UDP_L4) && offload->segment_size > 0 ? 0 : -1;
}

void ip_offload_write(uint8_t header[VNET_HEADER], const struct ip_packet *packet,
                      const struct ip_offload *offload, size_t link_header) {
    memset(header, 0, VNET_HEADER);
    if (offload->partial_checksum) {
        header[AT_FLAGS] = FLAG_NEEDS_CHECKSUM;
        put16(header + AT_CHECKSUM_START, link_header + offload->checksum_start);
        put16(header + AT_CHECKSUM_OFFSET,
              (size_t)(offload->checksum_at - offload->checksum_start));
    }
    if (offload->segment_size == 0)
        return;
    header[AT_KIND] = packet->protocol == IP_TCP ? KIND_TCPV4 : KIND_UDP_L4;
    if (packet->protocol == IP_TCP &&
        (packet->bytes[packet->header_length + TCP_AT_FLAGS] & TCP_CWR) != 0)
        header[AT_KIND] |= KIND_ECN;
    put16(header + AT_HEADERS, link_header + ip_header_sizes(packet));
    put16(header + AT_SEGMENT_SIZE, offload->segment_size);
}

int ip_offload_of_super(struct ip_offload *offload, const struct ip_packet *packet,
                        uint16_t segment_size) {
    if (!packet->has_transport || packet->is_fragment ||
        (packet->protocol != IP_TCP && packet->protocol != IP_UDP))
        return -1;
    if (packet->protocol == IP_TCP && (packet->tcp_flags & (TCP_SYN | TCP_RST)) != 0)
        return -1;
    size_t payload = packet->length - ip_header_sizes(packet);
    if (segment_size == 0 || payload <= segment_size ||
        payload > (size_t)segment_size * SEGMENTS_MAX)
        return -1;
    size_t at = packet->protocol == IP_TCP ? TCP_AT_CHECKSUM : UDP_AT_CHECKSUM;
    *offload = (struct ip_offload){
        .partial_checksum = true,
        .checksum_start = (uint16_t)packet->header_length,
        .checksum_at = (uint16_t)(packet->header_length + at),
        .segment_size = segment_size,
    };
    return 0;
}
