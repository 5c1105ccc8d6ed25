// SPDX-License-Identifier: ISC
// Reading and rewriting IPv4 packets.
#include "ip/packet.h"

#include "packets.h"
#include "test.h"

#define INSIDE  ADDRESS(10, 0, 0, 1)
#define OUTSIDE ADDRESS(203, 0, 113, 7)
#define REMOTE  ADDRESS(198, 51, 100, 9)

static uint8_t payload[2000];

static const struct packet_spec tcp = {
    .protocol = PACKET_TCP,
    .source = INSIDE,
    .destination = REMOTE,
    .source_port = 40000,
    .destination_port = 443,
    .tcp_flags = TCP_ACK,
    .payload = payload,
    .payload_length = 100,
};
static const struct packet_spec udp = {
    .protocol = PACKET_UDP,
    .source = INSIDE,
    .destination = REMOTE,
    .source_port = 5353,
    .destination_port = 53,
    .payload = payload,
    .payload_length = 33,
};
static const struct packet_spec icmp = {
    .protocol = PACKET_ICMP,
    .source = INSIDE,
    .destination = REMOTE,
    .source_port = 0x1234,
    .icmp_type = ICMP_ECHO,
    .payload = payload,
    .payload_length = 56,
};

// Parses a copy of exactly this size.
static enum ip_result parse(struct ip_packet *packet, const uint8_t *bytes, size_t length) {
    uint8_t *copy = test_copy(bytes, length);
    enum ip_result result = ip_parse(packet, copy, length);
    free(copy);
    return result;
}

static void good_packets(void) {
    uint8_t bytes[2048];
    struct ip_packet p;
    size_t length = packet_make(bytes, &tcp);
    CHECK_INT(parse(&p, bytes, length), IP_GOOD);
    CHECK_INT(p.length, 140);
    CHECK_INT(p.header_length, 20);
    CHECK_INT(p.protocol, IP_TCP);
    CHECK_INT(p.ttl, 64);
    CHECK_INT(p.source, INSIDE);
    CHECK_INT(p.destination, REMOTE);
    CHECK(p.has_transport && !p.is_fragment && !p.partial_checksum);
    CHECK_INT(p.source_port, 40000);
    CHECK_INT(p.destination_port, 443);
    CHECK_INT(p.tcp_flags, TCP_ACK);
    length = packet_make(bytes, &udp);
    CHECK_INT(parse(&p, bytes, length), IP_GOOD);
    CHECK_INT(p.protocol, IP_UDP);
    CHECK(p.has_transport);
    CHECK_INT(p.source_port, 5353);
    CHECK_INT(p.destination_port, 53);
    length = packet_make(bytes, &icmp);
    CHECK_INT(parse(&p, bytes, length), IP_GOOD);
    CHECK_INT(p.protocol, IP_ICMP);
    CHECK(p.has_transport);
    CHECK_INT(p.icmp_type, ICMP_ECHO);
    CHECK_INT(p.source_port, 0x1234);
    CHECK_INT(p.destination_port, 0x1234);
}

static void options(void) {
    for (uint8_t ip = 0; ip <= 40; ip = (uint8_t)(ip + 4)) {
        for (uint8_t tcp_options = 0; tcp_options <= 40; tcp_options = (uint8_t)(tcp_options + 4)) {
            uint8_t bytes[2048];
            struct ip_packet p;
            struct packet_spec spec = tcp;
            spec.ip_options = ip;
            spec.tcp_options = tcp_options;
            size_t length = packet_make(bytes, &spec);
            test_row("%u and %u bytes of options", ip, tcp_options);
            CHECK_INT(parse(&p, bytes, length), IP_GOOD);
            CHECK_INT(p.header_length, 20 + ip);
            CHECK_INT(p.source_port, 40000);
            CHECK_INT(p.destination_port, 443);
        }
    }
}

// Each row spoils one 16-bit word or byte of a good packet; where it is in the IP header, the
// header's checksum is made good again.
static const struct {
    const char *what;
    const struct packet_spec *spec;
    size_t at;
    uint8_t byte;
    size_t cut; // bytes missing at the end
    enum ip_result result;
} spoiled[] = {
    {"nothing spoiled", &tcp, 8, 64, 0, IP_GOOD},
    {"version 6", &tcp, 0, 0x65, 0, IP_NOT_IPV4},
    {"version 0", &tcp, 0, 0x05, 0, IP_NOT_IPV4},
    {"version 5", &tcp, 0, 0x55, 0, IP_NOT_IPV4},
    {"header length 0", &tcp, 0, 0x40, 0, IP_BAD_LENGTH},
    {"header length 16", &tcp, 0, 0x44, 0, IP_BAD_LENGTH},
    {"total length beyond the bytes", &tcp, 3, 141, 0, IP_BAD_LENGTH},
    {"total length far beyond", &tcp, 2, 0xff, 0, IP_BAD_LENGTH},
    {"total length below the header", &tcp, 3, 19, 0, IP_BAD_LENGTH},
    {"total length 0", &tcp, 3, 0, 0, IP_BAD_LENGTH},
    {"one byte missing", &tcp, 8, 64, 1, IP_BAD_LENGTH},
    {"TCP header cut by the total length", &tcp, 3, 39, 0, IP_BAD_TRANSPORT},
    {"no TCP header at all", &tcp, 3, 20, 0, IP_BAD_TRANSPORT},
    {"TCP offset 0", &tcp, 20 + 12, 0x00, 0, IP_BAD_TRANSPORT},
    {"TCP offset 16", &tcp, 20 + 12, 0x40, 0, IP_BAD_TRANSPORT},
    {"TCP offset that leaves no payload, with a length to match", &tcp, 20 + 12, 0xf0, 0, IP_GOOD},
    {"UDP header cut", &udp, 3, 27, 0, IP_BAD_TRANSPORT},
    {"UDP length 7", &udp, 20 + 5, 7, 0, IP_BAD_TRANSPORT},
    {"UDP length 0", &udp, 20 + 5, 0, 0, IP_BAD_TRANSPORT},
    {"UDP length one too long", &udp, 20 + 5, 42, 0, IP_BAD_TRANSPORT},
    {"UDP length far too long", &udp, 20 + 4, 0xff, 0, IP_BAD_TRANSPORT},
    {"UDP length shorter than the packet", &udp, 20 + 5, 40, 0, IP_GOOD},
    {"ICMP header cut", &icmp, 3, 27, 0, IP_BAD_TRANSPORT},
    {"ICMP header whole", &icmp, 3, 28, 0, IP_GOOD},
};

static void spoiled_packets(void) {
    for (size_t i = 0; i < COUNT(spoiled); i++) {
        uint8_t bytes[2048];
        struct ip_packet p;
        size_t length = packet_make(bytes, spoiled[i].spec);
        bytes[spoiled[i].at] = spoiled[i].byte;
        size_t header = packet_header_length(bytes);
        if (header >= 20)
            packet_fill_header_checksum(bytes);
        test_row("%s", spoiled[i].what);
        CHECK_INT(parse(&p, bytes, length - spoiled[i].cut), spoiled[i].result);
    }
}

static void tcp_offset_beyond_the_end(void) {
    uint8_t bytes[128];
    struct ip_packet p;
    struct packet_spec spec = tcp;
    spec.payload_length = 0;
    size_t length = packet_make(bytes, &spec);
    for (unsigned offset = 0; offset < 16; offset++) {
        bytes[20 + 12] = (uint8_t)(offset << 4);
        test_row("offset %u", offset);
        CHECK_INT(parse(&p, bytes, length), offset == 5 ? IP_GOOD : IP_BAD_TRANSPORT);
    }
}

static void truncated_anywhere(void) {
    const struct packet_spec *const specs[] = {&tcp, &udp, &icmp};
    for (size_t i = 0; i < COUNT(specs); i++) {
        uint8_t bytes[2048];
        struct ip_packet p;
        size_t length = packet_make(bytes, specs[i]);
        for (size_t part = 0; part < length; part++) {
            test_row("protocol %u, %lu bytes", specs[i]->protocol, (unsigned long)part);
            CHECK_INT(parse(&p, bytes, part), IP_BAD_LENGTH);
        }
    }
}

// Ethernet pads short frames: what lies behind the total length is not part of the packet.
static void padding(void) {
    uint8_t bytes[2048];
    struct ip_packet p;
    size_t length = packet_make(bytes, &icmp);
    memset(bytes + length, 0xaa, 20);
    CHECK_INT(parse(&p, bytes, length + 20), IP_GOOD);
    CHECK_INT(p.length, length);
}

// Any single bit changed in a header is found (RFC 791 section 3.1).
static void header_checksums(void) {
    for (size_t bit = 0; bit < 20 * 8; bit++) {
        uint8_t bytes[2048];
        struct ip_packet p;
        size_t length = packet_make(bytes, &tcp);
        bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        test_row("bit %lu", (unsigned long)bit);
        CHECK(parse(&p, bytes, length) != IP_GOOD);
        if (bit >= 9 * 8) // nothing but the checksum can tell
            CHECK_INT(parse(&p, bytes, length), IP_BAD_CHECKSUM);
    }
}

static void fragments(void) {
    static const struct {
        uint16_t fragment;
        bool is_fragment;
        bool is_first;
        bool has_transport;
    } cases[] = {
        {0x0000, false, false, true}, {0x4000, false, false, true}, // don't fragment
        {0x8000, false, false, true},                               // reserved
        {0x2000, true, true, true},   {0x2001, true, false, false}, {0x0001, true, false, false},
        {0x1fff, true, false, false}, {0x6000, true, true, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t bytes[2048];
        struct ip_packet p;
        struct packet_spec spec = udp;
        spec.fragment = cases[i].fragment;
        size_t length = packet_make(bytes, &spec);
        test_row("%04x", cases[i].fragment);
        CHECK_INT(parse(&p, bytes, length), IP_GOOD);
        CHECK_INT(p.is_fragment, cases[i].is_fragment);
        CHECK_INT(p.is_fragment && p.fragment_start == 0, cases[i].is_first);
        CHECK_INT(p.has_transport, cases[i].has_transport);
    }
    // A first fragment of UDP is shorter than its datagram; a later one has no header to lie.
    uint8_t bytes[2048];
    struct ip_packet p;
    struct packet_spec spec = udp;
    spec.fragment = 0x2000;
    size_t length = packet_make(bytes, &spec);
    packet_put16(bytes + 24, 4000);
    test_row("a first fragment");
    CHECK_INT(parse(&p, bytes, length), IP_GOOD);
    spec.fragment = 0x0010;
    length = packet_make(bytes, &spec);
    packet_put16(bytes + 24, 3);
    test_row("a later fragment");
    CHECK_INT(parse(&p, bytes, length), IP_GOOD);
    CHECK_INT(p.source_port, 0);
}

static void other_protocols(void) {
    static const uint8_t protocols[] = {0, 2, 4, 41, 47, 50, 132, 255};
    for (size_t i = 0; i < COUNT(protocols); i++) {
        uint8_t bytes[2048];
        struct ip_packet p;
        size_t length = packet_make(bytes, &udp);
        bytes[9] = protocols[i];
        packet_fill_header_checksum(bytes);
        test_row("protocol %u", protocols[i]);
        CHECK_INT(parse(&p, bytes, length), IP_GOOD);
        CHECK(!p.has_transport);
        CHECK_INT(p.protocol, protocols[i]);
    }
}

static void random_spec(struct packet_spec *spec) {
    static const struct packet_spec *const specs[] = {&tcp, &udp, &icmp};
    *spec = *specs[test_below(3)];
    spec->payload_length = test_below(200);
    spec->source = (uint32_t)test_random();
    spec->destination = (uint32_t)test_random();
    spec->source_port = (uint16_t)test_random();
    spec->destination_port = (uint16_t)test_random();
    spec->ip_options = (uint8_t)(4 * test_below(11));
    spec->tcp_options = (uint8_t)(4 * test_below(11));
    spec->sequence = (uint32_t)test_random();
    test_random_bytes(payload, spec->payload_length);
}

// A rewritten packet is, byte for byte, the packet that a sender with the new endpoint had made.
static void rewriting(void) {
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[512];
        uint8_t expected[512];
        struct packet_spec spec;
        struct ip_packet p;
        random_spec(&spec);
        size_t length = packet_make(bytes, &spec);
        uint32_t address = (uint32_t)test_random();
        uint16_t port = (uint16_t)test_random();
        bool is_source = test_below(2) != 0;
        CHECK_INT(ip_parse(&p, bytes, length), IP_GOOD);
        if (is_source) {
            ip_set_source(&p, address, port);
            spec.source = address;
            spec.source_port = port;
            CHECK_INT(p.source, address);
            CHECK_INT(p.source_port, port);
        } else {
            ip_set_destination(&p, address, port);
            spec.destination = address;
            spec.destination_port = port;
            if (spec.protocol == PACKET_ICMP)
                spec.source_port = port;
            CHECK_INT(p.destination, address);
            CHECK_INT(p.destination_port, port);
        }
        packet_make(expected, &spec);
        test_row("packet %d, protocol %u", i, spec.protocol);
        CHECK_BYTES(bytes, expected, length);
    }
}

static void bad_stays_bad(void) {
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[512];
        struct packet_spec spec;
        struct ip_packet p;
        random_spec(&spec);
        size_t length = packet_make(bytes, &spec);
        size_t header = packet_header_length(bytes);
        // A bit of the payload, or of the header behind the fields that parsing looks at.
        size_t transport = packet_transport_header(&spec);
        if (spec.payload_length == 0)
            continue;
        bytes[header + transport + test_below((uint32_t)spec.payload_length)] ^=
            (uint8_t)(1 << test_below(8));
        CHECK_INT(ip_parse(&p, bytes, length), IP_GOOD);
        ip_set_source(&p, (uint32_t)test_random(), (uint16_t)test_random());
        ip_set_destination(&p, (uint32_t)test_random(), (uint16_t)test_random());
        CHECK(packet_header_checksum_is_good(bytes));
        CHECK(!packet_checksum_is_good(bytes));
    }
}

static void udp_without_checksum(void) {
    for (int i = 0; i < 1000; i++) {
        uint8_t bytes[512];
        struct ip_packet p;
        struct packet_spec spec = udp;
        spec.no_checksum = true;
        size_t length = packet_make(bytes, &spec);
        CHECK_INT(ip_parse(&p, bytes, length), IP_GOOD);
        ip_set_source(&p, (uint32_t)test_random(), (uint16_t)test_random());
        ip_set_destination(&p, (uint32_t)test_random(), (uint16_t)test_random());
        CHECK_INT(packet_get16(bytes + 26), 0);
        CHECK(packet_header_checksum_is_good(bytes));
    }
}

// RFC 768: a checksum that comes out as 0 is sent as ffff. All ports are tried, so one of them
// makes it come out so; the packet has to stay good, and must not turn into one without a checksum.
static void udp_checksum_never_becomes_zero(void) {
    int was_ffff = 0;
    for (uint32_t port = 0; port < 65536; port++) {
        uint8_t bytes[512];
        struct ip_packet p;
        size_t length = packet_make(bytes, &udp);
        CHECK_INT(ip_parse(&p, bytes, length), IP_GOOD);
        ip_set_source(&p, OUTSIDE, (uint16_t)port);
        test_row("port %lu", (unsigned long)port);
        CHECK(packet_get16(bytes + 26) != 0);
        CHECK(packet_checksum_is_good(bytes));
        was_ffff += packet_get16(bytes + 26) == 0xffff;
        ip_set_source(&p, INSIDE, 5353); // and back
        CHECK(packet_checksum_is_good(bytes));
        CHECK(packet_get16(bytes + 26) != 0);
    }
    CHECK_INT(was_ffff, 1);
}

// A partial checksum holds the pseudo-header's sum: after rewriting, that of the new addresses.
static void partial_checksums(void) {
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[512];
        uint8_t expected[512];
        struct packet_spec spec;
        struct ip_packet p;
        random_spec(&spec);
        if (spec.protocol == PACKET_ICMP)
            continue;
        size_t length = packet_make(bytes, &spec);
        packet_fill_partial_checksum(bytes, length);
        CHECK_INT(ip_parse(&p, bytes, length), IP_GOOD);
        p.partial_checksum = true;
        spec.source = (uint32_t)test_random();
        spec.destination = (uint32_t)test_random();
        spec.source_port = (uint16_t)test_random();
        spec.destination_port = (uint16_t)test_random();
        ip_set_source(&p, spec.source, spec.source_port);
        ip_set_destination(&p, spec.destination, spec.destination_port);
        packet_make(expected, &spec);
        packet_fill_partial_checksum(expected, length);
        // 0000 and ffff are the same sum; the field may hold either.
        uint8_t *sum = bytes + packet_header_length(bytes) + packet_checksum_place(spec.protocol);
        if (packet_get16(sum) == 0)
            packet_put16(sum, 0xffff);
        test_row("packet %d, protocol %u", i, spec.protocol);
        CHECK_BYTES(bytes, expected, length);
    }
}

// Later fragments and other protocols have no ports that could be rewritten.
static void nothing_but_addresses(void) {
    for (int kind = 0; kind < 2; kind++) {
        uint8_t bytes[512];
        uint8_t before[512];
        struct ip_packet p;
        struct packet_spec spec = udp;
        spec.fragment = kind == 0 ? 0x0010 : 0;
        size_t length = packet_make(bytes, &spec);
        if (kind == 1) {
            bytes[9] = 47;
            packet_fill_header_checksum(bytes);
        }
        memcpy(before, bytes, length);
        CHECK_INT(ip_parse(&p, bytes, length), IP_GOOD);
        ip_set_source(&p, OUTSIDE, 1);
        ip_set_destination(&p, INSIDE, 2);
        CHECK_BYTES(bytes + 20, before + 20, length - 20);
        CHECK(packet_header_checksum_is_good(bytes));
        CHECK_INT(packet_get32(bytes + 12), OUTSIDE);
        CHECK_INT(packet_get32(bytes + 16), INSIDE);
    }
}

static void time_to_live(void) {
    for (unsigned ttl = 0; ttl < 256; ttl++) {
        uint8_t bytes[512];
        uint8_t before[512];
        struct ip_packet p;
        size_t length = packet_make(bytes, &tcp);
        bytes[8] = (uint8_t)ttl;
        packet_fill_header_checksum(bytes);
        memcpy(before, bytes, length);
        test_row("TTL %u", ttl);
        CHECK_INT(ip_parse(&p, bytes, length), IP_GOOD);
        CHECK_INT(ip_decrement_ttl(&p), ttl > 1);
        if (ttl <= 1) {
            CHECK_BYTES(bytes, before, length);
            continue;
        }
        CHECK_INT(bytes[8], ttl - 1);
        CHECK_INT(p.ttl, ttl - 1);
        CHECK_INT(bytes[9], IP_TCP);
        CHECK(packet_header_checksum_is_good(bytes));
        CHECK_BYTES(bytes + 12, before + 12, length - 12);
    }
}

int main(void) {
    test_random_bytes(payload, sizeof payload);
    TEST("good packets are read into their fields", good_packets);
    TEST("options of any length are skipped", options);
    TEST("lengths that lie are found out", spoiled_packets);
    TEST("a TCP header that reaches beyond the packet is found out", tcp_offset_beyond_the_end);
    TEST("a packet that is cut off anywhere is bad", truncated_anywhere);
    TEST("padding behind a packet is not part of it", padding);
    TEST("every bit changed in an IP header is noticed", header_checksums);
    TEST("fragments are known, and later ones have no transport header", fragments);
    TEST("other protocols are packets without ports", other_protocols);
    TEST("a rewritten packet is what its new endpoint had sent", rewriting);
    TEST("a packet that was damaged stays damaged", bad_stays_bad);
    TEST("UDP without a checksum stays without", udp_without_checksum);
    TEST("a UDP checksum never becomes 0", udp_checksum_never_becomes_zero);
    TEST("partial checksums follow the addresses", partial_checksums);
    TEST("without a transport header nothing but addresses is written", nothing_but_addresses);
    TEST("the TTL counts down to 1 and no further", time_to_live);
    return test_end();
}
