// SPDX-License-Identifier: ISC
// The virtio-net header, byte by byte. Its layout and values are those of "Virtual I/O Device
// (VIRTIO) Version 1.2", section 5.1.6 (struct virtio_net_hdr; VIRTIO_NET_HDR_F_...,
// VIRTIO_NET_HDR_GSO_...):
//
//   0     flags: 1 needs a checksum, 2 the checksum is known to be right, 4 information on
//         coalescing
//   1     kind: 0 none, 1 TCP over IPv4, 3 UDP in fragments, 4 TCP over IPv6, 5 UDP in datagrams;
//         0x80 with ECN
//   2..3  length of all headers
//   4..5  segment size
//   6..7  where the checksum starts
//   8..9  where it is, from there
//
// TUN devices and packet sockets have the numbers in the host's own byte order.
#include "ip/offload.h"
#include "limits.h"

#include "packets.h"
#include "test.h"

#define OURS   ADDRESS(10, 0, 0, 1)
#define THEIRS ADDRESS(198, 51, 100, 9)

static uint8_t bytes[IP_PACKET_MAX];
static uint8_t ones[IP_PACKET_MAX]; // a payload that looks like any flag
static const size_t link_headers[] = {0, 14};

static void put_host16(uint8_t *at, uint16_t value) { memcpy(at, &value, sizeof value); }

static void make_header(uint8_t header[VNET_HEADER], uint8_t flags, uint8_t kind, size_t headers,
                        size_t segment_size, size_t start, size_t offset) {
    header[0] = flags;
    header[1] = kind;
    put_host16(header + 2, (uint16_t)headers);
    put_host16(header + 4, (uint16_t)segment_size);
    put_host16(header + 6, (uint16_t)start);
    put_host16(header + 8, (uint16_t)offset);
}

static void reading(void) {
    static const struct {
        const char *what;
        uint8_t flags, kind;
        uint16_t segment_size, start, offset; // the start from the packet's first byte
        int result;
        struct ip_offload offload;
    } cases[] = {
        {"nothing to do", 0, 0, 0, 0, 0, 0, {false, 0, 0, 0}},
        {"a checksum that is right", 2, 0, 0, 0, 0, 0, {false, 0, 0, 0}},
        {"a checksum", 1, 0, 0, 20, 16, 0, {true, 20, 36, 0}},
        {"a checksum, and other flags", 0xff, 0, 0, 20, 6, 0, {true, 20, 26, 0}},
        {"TCP", 1, 1, 1448, 20, 16, 0, {true, 20, 36, 1448}},
        {"TCP with ECN", 1, 0x81, 1448, 20, 16, 0, {true, 20, 36, 1448}},
        {"UDP", 1, 5, 1200, 24, 6, 0, {true, 24, 30, 1200}},
        {"TCP whose checksum is right", 2, 1, 1448, 20, 16, 0, {false, 0, 0, 1448}},
        {"the smallest segments", 1, 1, 1, 20, 16, 0, {true, 20, 36, 1}},
        {"the largest segments", 1, 1, 65535, 20, 16, 0, {true, 20, 36, 65535}},
        {"a size without segments", 0, 0, 1448, 0, 0, 0, {false, 0, 0, 0}},
        {"segments of no size", 1, 1, 0, 20, 16, -1, {0}},
        {"datagrams of no size", 1, 5, 0, 20, 6, -1, {0}},
        {"a kind that does not exist", 1, 2, 1448, 20, 16, -1, {0}},
        {"UDP in fragments", 1, 3, 1448, 20, 6, -1, {0}},
        {"TCP over IPv6", 1, 4, 1428, 40, 16, -1, {0}},
        {"TCP over IPv6 with ECN", 1, 0x84, 1428, 40, 16, -1, {0}},
        {"a kind of the future", 1, 6, 1448, 20, 16, -1, {0}},
        {"a kind with other bits", 1, 0x41, 1448, 20, 16, -1, {0}},
        {"the last place there is", 1, 0, 0, 30000, 35535, 0, {true, 30000, 65535, 0}},
        {"a place beyond all packets", 1, 0, 0, 30000, 35536, -1, {0}},
        {"a place far beyond", 1, 0, 0, 65521, 65535, -1, {0}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t k = 0; k < COUNT(link_headers); k++) {
            uint8_t header[VNET_HEADER];
            struct ip_offload offload;
            make_header(header, cases[i].flags, cases[i].kind, 0, cases[i].segment_size,
                        link_headers[k] + cases[i].start, cases[i].offset);
            uint8_t *copy = test_copy(header, sizeof header);
            memset(&offload, 0xff, sizeof offload);
            int result = ip_offload_read(&offload, copy, link_headers[k]);
            free(copy);
            test_row("%s, after %lu bytes", cases[i].what, (unsigned long)link_headers[k]);
            CHECK_INT(result, cases[i].result);
            if (result < 0)
                continue;
            CHECK_INT(offload.partial_checksum, cases[i].offload.partial_checksum);
            CHECK_INT(offload.checksum_start, cases[i].offload.checksum_start);
            CHECK_INT(offload.checksum_at, cases[i].offload.checksum_at);
            CHECK_INT(offload.segment_size, cases[i].offload.segment_size);
        }
    }
}

// A checksum that starts inside of the other header.
static void checksum_before_the_packet(void) {
    for (size_t start = 0; start < 20; start++) {
        uint8_t header[VNET_HEADER];
        struct ip_offload offload;
        make_header(header, 1, 0, 0, 0, start, 16);
        test_row("start %lu", (unsigned long)start);
        CHECK_INT(ip_offload_read(&offload, header, 14), start < 14 ? -1 : 0);
    }
}

static struct packet_spec spec_of(uint8_t protocol, size_t payload_length) {
    return (struct packet_spec){
        .protocol = protocol,
        .source = OURS,
        .destination = THEIRS,
        .source_port = 40000,
        .destination_port = 443,
        .tcp_flags = TCP_ACK,
        .payload = ones,
        .payload_length = payload_length,
    };
}

static bool make(struct ip_packet *packet, const struct packet_spec *spec) {
    size_t length = packet_make(bytes, spec);
    return ip_parse(packet, bytes, length) == IP_GOOD;
}

static void writing(void) {
    enum { CWR = 0x80, ECE = 0x40 };
    static const struct {
        const char *what;
        uint8_t protocol, tcp_flags, ip_options, tcp_options;
        size_t payload;
        struct ip_offload offload;
        // What the header says; places without the other header.
        uint8_t flags, kind;
        size_t headers, segment_size, start, offset;
    } cases[] = {
        {"nothing", PACKET_TCP, TCP_ACK, 0, 12, 100, {0}, 0, 0, 0, 0, 0, 0},
        {"checksum", PACKET_TCP, TCP_ACK, 0, 12, 100, {true, 20, 36, 0}, 1, 0, 0, 0, 20, 16},
        {"TCP", PACKET_TCP, TCP_ACK, 0, 12, 5000, {true, 20, 36, 1448}, 1, 1, 52, 1448, 20, 16},
        {"TCP, ECE", PACKET_TCP, TCP_ACK | ECE, 0, 0, 5000, {true, 20, 36, 9}, 1, 1, 40, 9, 20, 16},
        {"TCP, CWR",
         PACKET_TCP,
         TCP_ACK | CWR,
         0,
         0,
         5000,
         {true, 20, 36, 9},
         1,
         0x81,
         40,
         9,
         20,
         16},
        {"options", PACKET_TCP, TCP_ACK, 40, 40, 5000, {true, 60, 76, 536}, 1, 1, 120, 536, 60, 16},
        {"UDP", PACKET_UDP, 0, 0, 0, 5000, {true, 20, 26, 1200}, 1, 5, 28, 1200, 20, 6},
        {"UDP, options", PACKET_UDP, 0, 4, 0, 5000, {true, 24, 30, 1200}, 1, 5, 32, 1200, 24, 6},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t k = 0; k < COUNT(link_headers); k++) {
            uint8_t expected[VNET_HEADER];
            uint8_t header[VNET_HEADER];
            struct packet_spec spec = spec_of(cases[i].protocol, cases[i].payload);
            struct ip_packet packet;
            struct ip_offload again;
            size_t link = link_headers[k];
            spec.tcp_flags = cases[i].tcp_flags;
            spec.ip_options = cases[i].ip_options;
            spec.tcp_options = cases[i].tcp_options;
            test_row("%s, after %lu bytes", cases[i].what, (unsigned long)link);
            CHECK(make(&packet, &spec));
            make_header(expected, cases[i].flags, cases[i].kind,
                        cases[i].headers > 0 ? link + cases[i].headers : 0, cases[i].segment_size,
                        cases[i].start > 0 ? link + cases[i].start : 0, cases[i].offset);
            memset(header, 0xff, sizeof header);
            ip_offload_write(header, &packet, &cases[i].offload, link);
            CHECK_BYTES(header, expected, VNET_HEADER);
            CHECK_INT(ip_offload_read(&again, header, link), 0);
            CHECK_INT(again.partial_checksum, cases[i].offload.partial_checksum);
            CHECK_INT(again.checksum_start, cases[i].offload.checksum_start);
            CHECK_INT(again.checksum_at, cases[i].offload.checksum_at);
            CHECK_INT(again.segment_size, cases[i].offload.segment_size);
        }
    }
}

static void super_packets(void) {
    static const struct {
        const char *what;
        uint8_t protocol, tcp_flags;
        uint16_t fragment;
        size_t payload, segment_size;
        int result;
    } cases[] = {
        {"TCP", PACKET_TCP, TCP_ACK, 0, 5000, 1448, 0},
        {"TCP, two segments", PACKET_TCP, TCP_ACK, 0, 1449, 1448, 0},
        {"TCP, FIN and PSH and CWR", PACKET_TCP, TCP_ACK | TCP_FIN | 0x88, 0, 5000, 1448, 0},
        {"TCP that may not be fragmented", PACKET_TCP, TCP_ACK, 0x4000, 5000, 1448, 0},
        {"TCP, the longest", PACKET_TCP, TCP_ACK, 0, 65535 - 40, 1448, 0},
        {"UDP", PACKET_UDP, 0, 0, 5000, 1200, 0},
        {"UDP, the longest", PACKET_UDP, 0, 0, 65535 - 28, 1472, 0},
        {"as many segments as there may be", PACKET_UDP, 0, 0, 2048, 1, 0},
        {"one more", PACKET_UDP, 0, 0, 2049, 1, -1},
        {"many more", PACKET_TCP, TCP_ACK, 0, 65535 - 40, 31, -1},
        {"just enough", PACKET_TCP, TCP_ACK, 0, 65535 - 40, 32, 0},
        {"one segment", PACKET_TCP, TCP_ACK, 0, 1448, 1448, -1},
        {"less than a segment", PACKET_TCP, TCP_ACK, 0, 100, 1448, -1},
        {"no payload", PACKET_TCP, TCP_ACK, 0, 0, 1448, -1},
        {"no size", PACKET_TCP, TCP_ACK, 0, 5000, 0, -1},
        {"the largest size", PACKET_TCP, TCP_ACK, 0, 5000, 65535, -1},
        {"SYN", PACKET_TCP, TCP_SYN, 0, 5000, 1448, -1},
        {"SYN and ACK", PACKET_TCP, TCP_SYN | TCP_ACK, 0, 5000, 1448, -1},
        {"RST", PACKET_TCP, TCP_RST | TCP_ACK, 0, 5000, 1448, -1},
        {"ICMP", PACKET_ICMP, 0, 0, 5000, 1448, -1},
        {"another protocol", 47, 0, 0, 5000, 1448, -1},
        {"a first fragment", PACKET_TCP, TCP_ACK, 0x2000, 5000, 1448, -1},
        {"a later fragment", PACKET_TCP, TCP_ACK, 0x2001, 5000, 1448, -1},
        {"the last fragment", PACKET_UDP, 0, 0x0001, 5000, 1448, -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct packet_spec spec = spec_of(cases[i].protocol, cases[i].payload);
        struct ip_packet packet;
        struct ip_offload offload;
        spec.tcp_flags = cases[i].tcp_flags;
        spec.fragment = cases[i].fragment;
        test_row("%s", cases[i].what);
        CHECK(make(&packet, &spec));
        CHECK_INT(ip_offload_of_super(&offload, &packet, (uint16_t)cases[i].segment_size),
                  cases[i].result);
        if (cases[i].result < 0)
            continue;
        CHECK(offload.partial_checksum);
        CHECK_INT(offload.checksum_start, 20);
        CHECK_INT(offload.checksum_at, 20 + packet_checksum_place(cases[i].protocol));
        CHECK_INT(offload.segment_size, cases[i].segment_size);
    }
}

int main(void) {
    memset(ones, 0xff, sizeof ones);
    TEST("virtio 1.2: what a header asks for is read, and what we do not know is refused", reading);
    TEST("a checksum that starts before the packet is refused", checksum_before_the_packet);
    TEST("virtio 1.2: headers are written byte by byte, and read back", writing);
    TEST("a super-packet is TCP or UDP, and has two segments or more, but not too many",
         super_packets);
    return test_end();
}
