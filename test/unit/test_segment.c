// SPDX-License-Identifier: ISC
// Segmentation in software: super-packets become packets that a network card had made.
#include "ip/segment.h"

#include "super_lab.h"

#define SOURCE      ADDRESS(198, 51, 100, 9)
#define DESTINATION ADDRESS(10, 0, 0, 1)
#define PSH         0x08
#define CWR         0x80
#define LARGEST     65535

static uint8_t payload[LARGEST];
static uint8_t packet_bytes[LARGEST];
static uint8_t original[LARGEST];

// What came out: every segment is checked at once, and its payload gathered.
static struct {
    int count;
    size_t size; // expected of all but the last
    size_t headers;
    size_t gathered;
    bool ended; // a segment shorter than the others was the last
    uint8_t joined[LARGEST];
} out;

static void check_segment(const uint8_t *bytes, size_t length) {
    size_t piece = length - out.headers;
    const uint8_t *t = bytes + packet_header_length(bytes);
    CHECK(length >= out.headers && piece <= out.size);
    CHECK(!out.ended);
    out.ended = piece < out.size;
    CHECK_INT(packet_get16(bytes + 2), length);
    CHECK_INT(packet_get16(bytes + 4), (packet_get16(original + 4) + out.count) & 0xffff);
    CHECK(packet_header_checksum_is_good(bytes));
    CHECK(packet_checksum_is_good(bytes));
    CHECK_BYTES(bytes + 6, original + 6, 4); // fragment bits, TTL, protocol
    CHECK_BYTES(bytes + 12, original + 12, packet_header_length(original) - 12);
    if (bytes[9] == PACKET_TCP) {
        uint32_t sequence = packet_get32(original + packet_header_length(original) + 4);
        CHECK_INT(packet_get32(t + 4), (uint32_t)(sequence + out.gathered));
        CHECK_BYTES(t, original + packet_header_length(original), 4);
        CHECK_BYTES(t + 8, original + packet_header_length(original) + 8, 5);
        CHECK_BYTES(t + 20, original + packet_header_length(original) + 20,
                    out.headers - packet_header_length(original) - 20);
    } else {
        CHECK_INT(packet_get16(t + 4), 8 + piece);
        CHECK(packet_get16(t + 6) != 0);
    }
    memcpy(out.joined + out.gathered, bytes + out.headers, piece);
    out.gathered += piece;
}

// Flags by their places: FIN and PSH in the last, CWR in the first, all else in each.
static void check_flags(const uint8_t *bytes, bool is_last) {
    uint8_t flags = original[packet_header_length(original) + 13];
    uint8_t expected = flags;
    if (!is_last)
        expected &= (uint8_t) ~(TCP_FIN | PSH);
    if (out.count > 0)
        expected &= (uint8_t)~CWR;
    CHECK_INT(bytes[packet_header_length(bytes) + 13], expected);
}

static size_t expected_payload;

static void on_segment(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size) {
    (void)arg;
    CHECK_INT(segment_size, 0);
    check_segment(bytes, length);
    if (bytes[9] == PACKET_TCP)
        check_flags(bytes, out.gathered == expected_payload);
    out.count++;
}

// Makes a super-packet, cuts it, and checks all of it.
static void check_cut(const struct packet_spec *spec, size_t size, bool partial) {
    struct ip_packet packet;
    size_t length = packet_make(packet_bytes, spec);
    struct ip_offload offload = {.segment_size = (uint16_t)size, .partial_checksum = partial};
    if (partial) {
        packet_fill_partial_checksum(packet_bytes, length);
        offload.checksum_start = (uint16_t)packet_header_length(packet_bytes);
        offload.checksum_at =
            (uint16_t)(offload.checksum_start + packet_checksum_place(spec->protocol));
    }
    memcpy(original, packet_bytes, length);
    CHECK_INT(ip_parse(&packet, packet_bytes, length), IP_GOOD);
    packet.partial_checksum = partial;
    memset(&out, 0, offsetof(__typeof__(out), joined));
    out.size = size;
    out.headers = length - spec->payload_length;
    expected_payload = spec->payload_length;
    size_t scratch_size = out.headers + size;
    uint8_t *scratch = malloc(scratch_size);
    int count = ip_segment(&packet, &offload, 0, scratch, scratch_size, on_segment, NULL);
    free(scratch);
    size_t expected = spec->payload_length == 0 ? 1 : (spec->payload_length + size - 1) / size;
    CHECK_INT(count, expected);
    CHECK_INT(out.count, expected);
    CHECK_INT(out.gathered, spec->payload_length);
    CHECK_BYTES(out.joined, payload, spec->payload_length);
}

static struct packet_spec super_tcp(size_t payload_length) {
    return (struct packet_spec){
        .protocol = PACKET_TCP,
        .source = SOURCE,
        .destination = DESTINATION,
        .source_port = 443,
        .destination_port = 20000,
        .id = 0xfffe, // wraps
        .fragment = 0x4000,
        .sequence = 0xffffff00, // wraps
        .tcp_flags = TCP_ACK | PSH,
        .tcp_options = 12,
        .payload = payload,
        .payload_length = payload_length,
    };
}

static struct packet_spec super_udp(size_t payload_length) {
    return (struct packet_spec){
        .protocol = PACKET_UDP,
        .source = SOURCE,
        .destination = DESTINATION,
        .source_port = 443,
        .destination_port = 20000,
        .id = 5,
        .payload = payload,
        .payload_length = payload_length,
    };
}

static void tcp_of_all_sizes(void) {
    static const size_t lengths[] = {0,    1,    2,    999,  1000,  1001,  1447,
                                     1448, 1449, 2896, 5000, 14480, 65000, 65535 - 52};
    static const size_t sizes[] = {536, 1000, 1446, 1447, 1448, 8948, 65000};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        for (size_t k = 0; k < COUNT(sizes); k++) {
            struct packet_spec spec = super_tcp(lengths[i]);
            test_row("%lu bytes in segments of %lu", (unsigned long)lengths[i],
                     (unsigned long)sizes[k]);
            check_cut(&spec, sizes[k], false);
            check_cut(&spec, sizes[k], true);
        }
    }
}

static void tiny_segments(void) {
    for (size_t size = 1; size <= 40; size++) {
        for (size_t length = 1; length <= 100; length += 9) {
            struct packet_spec spec = super_tcp(length);
            spec.tcp_flags = TCP_ACK | TCP_FIN | PSH | CWR;
            spec.tcp_options = (uint8_t)(size % 11 * 4);
            spec.ip_options = (uint8_t)(length % 11 * 4);
            test_row("%lu bytes in segments of %lu", (unsigned long)length, (unsigned long)size);
            check_cut(&spec, size, length % 2 == 0);
        }
    }
}

static void flags_of_all_kinds(void) {
    for (unsigned flags = 0; flags < 256; flags++) {
        struct packet_spec spec = super_tcp(3500);
        spec.tcp_flags = (uint8_t)flags;
        test_row("flags %02x", flags);
        check_cut(&spec, 1000, true);
        spec.payload_length = 1000;
        check_cut(&spec, 1000, true);
    }
}

static void udp_of_all_sizes(void) {
    static const size_t lengths[] = {1, 100, 1199, 1200, 1201, 2400, 12000, 64000};
    static const size_t sizes[] = {100, 1200, 1472};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        for (size_t k = 0; k < COUNT(sizes); k++) {
            struct packet_spec spec = super_udp(lengths[i]);
            test_row("%lu bytes in datagrams of %lu", (unsigned long)lengths[i],
                     (unsigned long)sizes[k]);
            check_cut(&spec, sizes[k], false);
            check_cut(&spec, sizes[k], true);
        }
    }
}

static int given;
static size_t given_length;
static const uint8_t *given_bytes;

static void on_given(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size) {
    (void)arg;
    (void)segment_size;
    given++;
    given_bytes = bytes;
    given_length = length;
}

static int cut(const struct ip_packet *packet, const struct ip_offload *offload,
               size_t scratch_size) {
    static uint8_t scratch[LARGEST];
    given = 0;
    return ip_segment(packet, offload, 0, scratch, scratch_size, on_given, NULL);
}

// Without a segment size the packet goes out as it is, in place, its checksum completed.
static void completion(void) {
    static const uint8_t protocols[] = {PACKET_TCP, PACKET_UDP};
    for (size_t i = 0; i < COUNT(protocols); i++) {
        for (size_t length = 0; length < 300; length++) {
            struct packet_spec spec =
                protocols[i] == PACKET_TCP ? super_tcp(length) : super_udp(length);
            struct ip_packet packet;
            uint8_t *bytes = malloc(1000);
            spec.ip_options = (uint8_t)(length % 11 * 4);
            size_t total = packet_make(bytes, &spec);
            memcpy(original, bytes, total);
            packet_fill_partial_checksum(bytes, total);
            uint16_t start = (uint16_t)packet_header_length(bytes);
            struct ip_offload offload = {true, start, 0, 0};
            offload.checksum_at = (uint16_t)(start + packet_checksum_place(protocols[i]));
            bool parsed = ip_parse(&packet, bytes, total) == IP_GOOD;
            int count = parsed ? cut(&packet, &offload, 0) : -2;
            bool same = memcmp(bytes, original, total) == 0;
            bool in_place = given == 1 && given_bytes == bytes && given_length == total;
            free(bytes);
            test_row("protocol %u, %lu bytes", protocols[i], (unsigned long)length);
            CHECK_INT(count, 1);
            CHECK(in_place);
            CHECK(same);
        }
    }
}

static void nothing_to_do(void) {
    struct packet_spec spec = super_tcp(100);
    struct ip_packet packet;
    struct ip_offload offload = {.segment_size = 0};
    size_t length = packet_make(packet_bytes, &spec);
    packet_bytes[length - 1] ^= 1; // a bad checksum is nobody's business here
    memcpy(original, packet_bytes, length);
    CHECK_INT(ip_parse(&packet, packet_bytes, length), IP_GOOD);
    CHECK_INT(cut(&packet, &offload, 0), 1);
    CHECK_INT(given_length, length);
    CHECK_BYTES(packet_bytes, original, length);
}

// A UDP checksum that comes out as 0 is completed to ffff.
static void udp_zero(void) {
    int was_ffff = 0;
    for (uint32_t port = 0; port < 65536; port++) {
        struct packet_spec spec = super_udp(10);
        struct ip_packet packet;
        struct ip_offload offload = {true, 20, 26, 0};
        spec.source_port = (uint16_t)port;
        size_t length = packet_make(packet_bytes, &spec);
        packet_fill_partial_checksum(packet_bytes, length);
        CHECK_INT(ip_parse(&packet, packet_bytes, length), IP_GOOD);
        CHECK_INT(cut(&packet, &offload, 0), 1);
        test_row("port %lu", (unsigned long)port);
        CHECK(packet_get16(packet_bytes + 26) != 0);
        CHECK(packet_checksum_is_good(packet_bytes));
        was_ffff += packet_get16(packet_bytes + 26) == 0xffff;
    }
    CHECK_INT(was_ffff, 1);
}

static void lies(void) {
    static const struct {
        const char *what;
        struct ip_offload offload;
    } cases[] = {
        {"checksum inside the IP header", {true, 0, 10, 0}},
        {"start inside the IP header", {true, 19, 36, 0}},
        {"place before the start", {true, 40, 36, 0}},
        {"place at the end", {true, 20, 132, 0}},
        {"place half beyond the end", {true, 20, 131, 0}},
        {"place far beyond the end", {true, 20, 65535, 0}},
        {"start beyond the end", {true, 65000, 65500, 0}},
        {"start at the end", {true, 132, 132, 0}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct packet_spec spec = super_tcp(80); // 20 + 32 + 80 = 132 bytes
        struct ip_packet packet;
        size_t length = packet_make(packet_bytes, &spec);
        test_row("%s", cases[i].what);
        CHECK_INT(length, 132);
        uint8_t *copy = test_copy(packet_bytes, length);
        bool parsed = ip_parse(&packet, copy, length) == IP_GOOD;
        int count = cut(&packet, &cases[i].offload, LARGEST);
        bool unchanged = memcmp(copy, packet_bytes, length) == 0;
        free(copy);
        CHECK(parsed);
        CHECK_INT(count, -1);
        CHECK_INT(given, 0);
        CHECK(unchanged);
    }
}

static void sizes_that_cannot_be(void) {
    struct packet_spec spec = super_tcp(5000);
    struct ip_packet packet;
    struct ip_offload offload = {.segment_size = 1000};
    size_t length = packet_make(packet_bytes, &spec);
    CHECK_INT(ip_parse(&packet, packet_bytes, length), IP_GOOD);
    CHECK_INT(cut(&packet, &offload, 52 + 999), -1); // scratch too small
    CHECK_INT(given, 0);
    CHECK_INT(cut(&packet, &offload, 52 + 1000), 5);
    offload.segment_size = 65535;
    CHECK_INT(cut(&packet, &offload, LARGEST), -1);
    offload.segment_size = 2; // 2 500 segments are more than SEGMENTS_MAX
    CHECK_INT(cut(&packet, &offload, LARGEST), -1);
    CHECK_INT(given, 0);
    offload.segment_size = 3;
    CHECK_INT(cut(&packet, &offload, LARGEST), 1667);
}

// Nothing but TCP and UDP can be cut.
static void what_cannot_be_cut(void) {
    struct packet_spec icmp = super_udp(3000);
    struct packet_spec fragment = super_tcp(3000);
    struct packet_spec other = super_udp(3000);
    struct ip_packet packet;
    struct ip_offload offload = {.segment_size = 1000};
    icmp.protocol = PACKET_ICMP;
    fragment.fragment = 0x2000;
    other.fragment = 0x0001;
    const struct packet_spec *const specs[] = {&icmp, &fragment, &other};
    for (size_t i = 0; i < COUNT(specs); i++) {
        size_t length = packet_make(packet_bytes, specs[i]);
        test_row("case %lu", (unsigned long)i);
        CHECK_INT(ip_parse(&packet, packet_bytes, length), IP_GOOD);
        CHECK_INT(cut(&packet, &offload, LARGEST), -1);
        CHECK_INT(given, 0);
    }
}

// ---- smaller super-packets ----

static struct given_list direct;
static struct given_list pieces;
static struct given_list again;
static uint8_t piece_scratch[LARGEST];

static bool cut_copy(const struct packet_spec *spec, uint16_t size, size_t most,
                     size_t scratch_size, struct given_list *to, int *count) {
    struct ip_packet packet;
    struct ip_offload offload;
    size_t length = packet_make(packet_bytes, spec);
    packet_fill_partial_checksum(packet_bytes, length);
    uint8_t *copy = test_copy(packet_bytes, length);
    uint8_t *scratch = malloc(scratch_size);
    given_clear(to);
    bool good = scratch != NULL && ip_parse(&packet, copy, length) == IP_GOOD &&
                ip_offload_of_super(&offload, &packet, size) == 0;
    packet.partial_checksum = true;
    if (good)
        *count = ip_segment(&packet, &offload, most, scratch, scratch_size, given_add, to);
    free(scratch);
    free(copy);
    return good;
}

// A piece: as many whole segments as fit.
static void check_piece(const struct given *piece, size_t size, size_t most, bool is_last) {
    size_t headers = packet_header_length(piece->bytes);
    headers += piece->bytes[9] == PACKET_TCP ? (size_t)(piece->bytes[headers + 12] >> 4) * 4 : 8;
    size_t carried = piece->length - headers;
    size_t fit = most > headers + size ? (most - headers) / size * size : size;
    bool is_whole = pieces.count == 1 && piece->length <= most;
    CHECK(is_whole || (is_last ? carried <= fit : carried == fit));
    CHECK_INT(piece->segment_size, carried > size ? size : 0);
    CHECK(piece->length <= most || carried <= size);
    CHECK(packet_header_checksum_is_good(piece->bytes));
    if (piece->segment_size > 0)
        CHECK(packet_partial_checksum_is_good(piece->bytes));
    else
        CHECK(packet_checksum_is_good(piece->bytes));
}

static void check_pieces(const struct packet_spec *spec, uint16_t size, size_t most) {
    int count = 0;
    int expected = 0;
    CHECK(cut_copy(spec, size, 0, sizeof piece_scratch, &direct, &expected));
    CHECK(cut_copy(spec, size, most, sizeof piece_scratch, &pieces, &count));
    CHECK(count > 0 && count <= expected);
    CHECK_INT(pieces.count, count);
    for (size_t i = 0; i < pieces.count; i++)
        check_piece(&pieces.items[i], size, most, i + 1 == pieces.count);
    given_cut(&pieces, 0, &again);
    CHECK(given_same(&again, &direct));
    CHECK_INT(again.count, expected);
}

// Cut in two steps, a super-packet becomes the same segments, byte for byte, as in one.
static void smaller_super_packets(void) {
    static const size_t lengths[] = {1449, 2896, 2897, 5000, 14480, 65000};
    static const size_t mosts[] = {1,    1499, 1500, 1501,  2947,  2948,
                                   2949, 4396, 9000, 30000, 65051, 65535};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        for (size_t k = 0; k < COUNT(mosts); k++) {
            struct packet_spec tcp = super_tcp(lengths[i]);
            struct packet_spec udp = super_udp(lengths[i]);
            tcp.tcp_flags = TCP_ACK | TCP_FIN | PSH | CWR;
            test_row("%lu bytes in pieces of %lu", (unsigned long)lengths[i],
                     (unsigned long)mosts[k]);
            check_pieces(&tcp, 1448, mosts[k]);
            check_pieces(&udp, 1200, mosts[k]);
        }
    }
}

// Where it fits as it is, it goes out as it is, from where it lies.
static void super_packets_as_they_are(void) {
    struct packet_spec spec = super_tcp(5000);
    struct ip_packet packet;
    struct ip_offload offload = {.segment_size = 1000};
    size_t length = packet_make(packet_bytes, &spec);
    for (int partial = 0; partial < 2; partial++) {
        // A card may leave the checksum to do, or have made it: the next card wants it to do.
        if (partial != 0)
            packet_fill_partial_checksum(packet_bytes, length);
        CHECK_INT(ip_parse(&packet, packet_bytes, length), IP_GOOD);
        given = 0;
        CHECK_INT(ip_segment(&packet, &offload, length, NULL, 0, on_given, NULL), 1);
        CHECK_INT(given, 1);
        CHECK(given_bytes == packet_bytes);
        CHECK_INT(given_length, length);
        CHECK(packet_partial_checksum_is_good(packet_bytes));
    }
    offload.segment_size = 2; // 2 500 segments are more than SEGMENTS_MAX, also for the next
    given = 0;
    CHECK_INT(ip_segment(&packet, &offload, length, piece_scratch, LARGEST, on_given, NULL), -1);
    CHECK_INT(given, 0);
}

static void scratch_for_pieces(void) {
    struct packet_spec spec = super_tcp(10000);
    int count = 0;
    CHECK(cut_copy(&spec, 1000, 4052, 4052, &pieces, &count));
    CHECK_INT(count, 3);
    CHECK(cut_copy(&spec, 1000, 4052, 4051, &pieces, &count));
    CHECK_INT(count, -1);
    CHECK_INT(pieces.count, 0);
}

int main(void) {
    test_random_bytes(payload, sizeof payload);
    TEST("TCP super-packets become segments that carry the same bytes", tcp_of_all_sizes);
    TEST("segments may be as small as a byte, and headers may have options", tiny_segments);
    TEST("FIN and PSH are the last segment's, CWR the first one's", flags_of_all_kinds);
    TEST("UDP super-packets become datagrams", udp_of_all_sizes);
    TEST("a partial checksum is completed in place", completion);
    TEST("a packet without offloads goes out as it is", nothing_to_do);
    TEST("a UDP checksum of 0 is completed to ffff", udp_zero);
    TEST("a checksum's place outside the packet is refused, and nothing is written", lies);
    TEST("sizes that do not fit are refused", sizes_that_cannot_be);
    TEST("fragments and other protocols are not cut", what_cannot_be_cut);
    TEST("a super-packet may be cut into smaller ones, and these into the same segments",
         smaller_super_packets);
    TEST("one that fits goes out as it is, its checksum left to be made",
         super_packets_as_they_are);
    TEST("a piece must fit where it is made", scratch_for_pieces);
    return test_end();
}
