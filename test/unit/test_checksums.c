// SPDX-License-Identifier: ISC
// Checksums through the NAT, a million times: a random packet goes out, and a random answer comes
// in, as it is or as a network card's offloads leave it. Whatever was right is right afterwards,
// summed up from nothing; what was wrong stays wrong; what was not there stays away; and what was
// begun can be finished.
#include "nat_lab.h"

// Fewer where they are slow: under a sanitizer, and on machines that are emulated as a rule.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SLOW
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || !defined(__x86_64__)
#define IS_SLOW
#endif
#ifdef IS_SLOW
#define CASES 50000
#else
#define CASES 1000000
#endif

enum kind { GOOD, BAD, NONE, PARTIAL };

static uint8_t noise[3 * 65536];
static uint8_t packet[66000];
static uint64_t done[4];

// RFC 1071, quickly: 16-bit words in a wide sum, folded at the end.
static uint16_t sum_of(const uint8_t *bytes, size_t length, uint64_t sum) {
    size_t i = 0;
    for (; i + 1 < length; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    if (i < length)
        sum += (uint32_t)bytes[i] << 8;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint64_t pseudo_of(const uint8_t *bytes, size_t transport) {
    if (bytes[9] == PACKET_ICMP)
        return 0;
    return (uint64_t)sum_of(bytes + 12, 8, 0) + bytes[9] + transport;
}

static bool header_is_good(const uint8_t *bytes) {
    return sum_of(bytes, packet_header_length(bytes), 0) == 0xffff;
}

static bool transport_is_good(const uint8_t *bytes, size_t length) {
    size_t header = packet_header_length(bytes);
    return sum_of(bytes + header, length - header, pseudo_of(bytes, length - header)) == 0xffff;
}

static uint8_t *checksum_of(uint8_t *bytes) {
    return bytes + packet_header_length(bytes) + packet_checksum_place(bytes[9]);
}

// The random part of a packet: its payload, options, and how its checksum is.
static struct packet_spec fill(struct packet_spec spec, size_t most) {
    spec.ttl = (uint8_t)(2 + test_below(254));
    spec.sequence = (uint32_t)test_random();
    spec.id = (uint16_t)test_random();
    spec.ip_options = test_below(8) == 0 ? (uint8_t)(4 * test_below(11)) : 0;
    spec.tcp_options = test_below(2) == 0 ? (uint8_t)(4 * test_below(11)) : 0;
    size_t headers = 20 + (size_t)spec.ip_options + packet_transport_header(&spec);
    spec.payload_length = test_below((uint32_t)(most - headers) + 1);
    if (test_below(4) != 0)
        spec.payload_length %= 200;
    spec.payload = noise + test_below(sizeof noise - 65536);
    return spec;
}

// Makes the packet and its checksum of this kind; a kind that its protocol has not becomes GOOD.
static size_t make(struct packet_spec *spec, enum kind *kind) {
    size_t length;
    uint8_t *checksum;
    if ((*kind == NONE && spec->protocol != PACKET_UDP) ||
        (*kind == PARTIAL && spec->protocol == PACKET_ICMP))
        *kind = GOOD;
    spec->no_checksum = true; // for UDP; the others' are made here too, and faster
    length = packet_make(packet, spec);
    checksum = checksum_of(packet);
    size_t header = packet_header_length(packet);
    if (*kind == NONE)
        return length;
    if (*kind == PARTIAL) {
        packet_put16(checksum, sum_of(NULL, 0, pseudo_of(packet, length - header)));
        return length;
    }
    packet_put16(checksum, 0);
    uint16_t right =
        (uint16_t)~sum_of(packet + header, length - header, pseudo_of(packet, length - header));
    if (right == 0 && spec->protocol == PACKET_UDP)
        right = 0xffff;
    uint16_t wrong = (uint16_t)test_random();
    if (wrong == right || (wrong == 0 && spec->protocol == PACKET_UDP) ||
        (uint16_t)(wrong ^ right) == 0xffff)
        *kind = GOOD;
    packet_put16(checksum, *kind == BAD ? wrong : right);
    return length;
}

struct segments {
    const uint8_t *payload;
    size_t seen;
    bool good;
};

static void on_segment(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size) {
    (void)segment_size;
    struct segments *segments = arg;
    struct ip_packet segment;
    if (ip_parse(&segment, bytes, length) != IP_GOOD) {
        segments->good = false;
        return;
    }
    size_t headers = ip_header_sizes(&segment);
    segments->good =
        segments->good && segment.length == length && header_is_good(bytes) &&
        transport_is_good(bytes, length) &&
        memcmp(bytes + headers, segments->payload + segments->seen, length - headers) == 0;
    segments->seen += length - headers;
}

// What was sent is right when taken apart and finished as its offload says.
static void check_finished(struct sent *sent, const struct packet_spec *spec) {
    static uint8_t scratch[66000];
    struct ip_packet translated;
    struct segments segments = {spec->payload, 0, true};
    CHECK(sent->has_offload);
    CHECK_INT(ip_parse(&translated, sent->bytes, sent->length), IP_GOOD);
    CHECK(ip_segment(&translated, &sent->offload, 0, scratch, sizeof scratch, on_segment,
                     &segments) > 0);
    CHECK(segments.good);
    CHECK_INT(segments.seen, spec->payload_length);
}

static void check_kind(struct sent *sent, enum kind kind) {
    size_t header = packet_header_length(sent->bytes);
    uint16_t field = packet_get16(checksum_of(sent->bytes));
    CHECK(header_is_good(sent->bytes));
    done[kind]++;
    if (kind == NONE) {
        CHECK_INT(field, 0);
    } else if (kind == PARTIAL) {
        uint16_t right = sum_of(NULL, 0, pseudo_of(sent->bytes, sent->length - header));
        CHECK(field == right || (field % 0xffff == 0 && right % 0xffff == 0));
    } else {
        CHECK(sent->bytes[9] != PACKET_UDP || field != 0);
        CHECK_INT(transport_is_good(sent->bytes, sent->length), kind == GOOD);
    }
}

static void send_and_check(uint16_t laptop, struct packet_spec *spec, uint16_t *port) {
    enum kind kind = test_below(8) == 0 ? BAD : test_below(8) == 0 ? NONE : GOOD;
    *port = 0;
    *spec = fill(*spec, 1500);
    size_t length = make(spec, &kind);
    lab_clear();
    CHECK_INT(nat_take(&nat, laptop, packet, length, NULL, lab.now_ms), NAT_PASS);
    CHECK(only(TO_WIRE) != NULL);
    check_kind(&lab.sent[0], kind);
    *port = source_port_of(lab.sent[0].bytes);
}

static void answer_and_check(uint16_t laptop, struct packet_spec back) {
    static const enum kind kinds[] = {GOOD, GOOD, GOOD, BAD, NONE, PARTIAL, PARTIAL, PARTIAL};
    enum kind kind = kinds[test_below(COUNT(kinds))];
    bool super = back.protocol != PACKET_ICMP && test_below(100) == 0;
    back = fill(back, super ? 65535 : 1500);
    if (super) {
        kind = PARTIAL;
        back.payload_length = 10000 + test_below(55000);
    }
    size_t length = make(&back, &kind);
    size_t header = packet_header_length(packet);
    struct ip_offload offload = {
        .partial_checksum = kind == PARTIAL,
        .checksum_start = kind == PARTIAL ? (uint16_t)header : 0,
        .checksum_at =
            kind == PARTIAL ? (uint16_t)(header + packet_checksum_place(back.protocol)) : 0,
        .segment_size = super ? (uint16_t)(500 + test_below(880)) : 0,
    };
    lab_clear();
    CHECK_INT(
        nat_take(&nat, NAT_OUTSIDE, packet, length, kind == PARTIAL ? &offload : NULL, lab.now_ms),
        NAT_PASS);
    CHECK(only(TO_LAPTOP) != NULL);
    CHECK_INT(lab.sent[0].laptop, laptop);
    check_kind(&lab.sent[0], kind);
    if (kind == PARTIAL)
        check_finished(&lab.sent[0], &back);
}

static void one_case(void) {
    uint16_t laptop = (uint16_t)test_below(NAT_LAPTOPS);
    uint16_t endpoint = (uint16_t)(1 + test_below(NAT_MAPPINGS / NAT_LAPTOPS / 32));
    uint16_t port;
    struct packet_spec specs[] = {udp(endpoint), tcp(endpoint, TCP_ACK), echo(endpoint)};
    struct packet_spec spec = specs[test_below(COUNT(specs))];
    spec.source += test_below(4);
    spec.destination += test_below(2);
    send_and_check(laptop, &spec, &port);
    if (!test_state.failed)
        answer_and_check(laptop, answer(spec, port));
}

static void a_million(void) {
    struct nat_config config = lab_config();
    config.port_low = 1024;
    config.port_high = 65535;
    lab_start_with(&config);
    test_random_bytes(noise, sizeof noise);
    memset(noise + 65536, 0, 30000); // sums of nothing, and of ones, meet both zeros
    memset(noise + 100000, 0xff, 30000);
    for (long i = 0; i < CASES && !test_state.failed; i++) {
        if (i % 1000 == 0)
            test_row("seed %016llx, then %d", (unsigned long long)test_seed, 1000);
        one_case();
    }
}

// Every value that a UDP checksum may have on its way, 0 and ffff among them.
static void every_udp_checksum(void) {
    uint8_t payload[2];
    lab_start();
    uint16_t port = port_out(0, udp(5000));
    CHECK(port != 0);
    for (uint32_t value = 0; value < 65536; value++) {
        test_row("payload %04x", (unsigned)value);
        packet_put16(payload, value);
        struct packet_spec spec = udp(5000);
        spec.payload = payload;
        spec.payload_length = 2;
        CHECK_INT(port_out(0, spec), port);
        CHECK(packet_get16(lab.sent[0].bytes + 26) != 0);
        CHECK(transport_is_good(lab.sent[0].bytes, 30));
        CHECK_INT(in(answer(spec, port)), NAT_PASS);
        CHECK(packet_get16(lab.sent[0].bytes + 26) != 0);
        CHECK(transport_is_good(lab.sent[0].bytes, 30));
    }
}

int main(void) {
    char sentence[256];
    snprintf(
        sentence, sizeof sentence,
        "checksums of %d random packets out and as many in (seed %016llx): good stay good, bad "
        "stay bad, none stay none, partial ones and segments come right",
        CASES, (unsigned long long)test_seed);
    TEST(sentence, a_million);
    TEST("RFC 768: a UDP checksum never becomes 0 on its way through", every_udp_checksum);
    return done[GOOD] > 0 && done[BAD] > 0 && done[NONE] > 0 && done[PARTIAL] > 0 ? test_end() : 1;
}
