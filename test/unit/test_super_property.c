// SPDX-License-Identifier: ISC
// Properties of segmenting and coalescing, over random streams: what is cut or put together in
// whatever way, and goes through the NAT in whatever form, becomes the same segments in the end,
// byte for byte. The checksums of all that comes out are summed up from nothing.
#include "nat_lab.h"

#include "ip/coalesce.h"
#include "super_lab.h"

#define ROUNDS      150
#define CONNECTIONS (COALESCE_RUNS + 4)
#define FED_MAX     2000
#define NOISE       (256 * 1024)

static struct ip_coalescer coalescer;
static struct given_list given;
static struct given_list direct;
static struct given_list other;
static struct given_list pieces;
static uint8_t noise[NOISE];
static uint8_t scratch[IP_PACKET_MAX];

static struct packet_spec random_stream(unsigned number) {
    return (struct packet_spec){
        .protocol = PACKET_TCP,
        .source = INSIDE,
        .source_port = (uint16_t)(5000 + number),
        .destination = REMOTE,
        .destination_port = 443,
        .ttl = (uint8_t)(2 + test_below(254)),
        .id = (uint16_t)test_random(),
        .fragment = test_below(4) == 0 ? 0 : DONT_FRAGMENT,
        .sequence = (uint32_t)test_random(),
        .tcp_flags = TCP_ACK,
        .tcp_options = test_below(2) == 0 ? 12 : 0,
    };
}

// ---- coalescing ----

struct stream {
    struct packet_spec spec;
    size_t size;   // of its segments
    size_t number; // of packets that came out
};

static struct stream streams[CONNECTIONS];
static struct given fed[FED_MAX];
static size_t fed_count;

// Something goes wrong now and then: a segment is short, pushes, comes twice, is damaged, or is
// none.
static struct packet_spec random_segment(struct stream *stream) {
    struct packet_spec *spec = &stream->spec;
    spec->payload = noise + test_below(NOISE - 2000);
    spec->payload_length = test_below(20) == 0 ? test_below(1400) : stream->size;
    spec->tcp_flags = TCP_ACK | (test_below(20) == 0 ? TCP_PSH_FLAG : 0);
    if (test_below(60) == 0)
        spec->tcp_flags = (uint8_t)test_random();
    if (test_below(60) == 0)
        spec->ttl ^= 1;
    if (test_below(60) == 0)
        stream->size = 1 + test_below(1400);
    struct packet_spec segment = *spec;
    if (test_below(60) != 0)
        spec->sequence += (uint32_t)segment.payload_length;
    spec->id++;
    return segment;
}

static void feed(struct stream *stream) {
    static uint8_t bytes[2000];
    struct packet_spec segment = random_segment(stream);
    size_t length = packet_make(bytes, &segment);
    // Behind the ports and the header's length, so that it is known which connection a packet is
    // from.
    if (test_below(60) == 0)
        bytes[33 + test_below((uint32_t)length - 33)] ^= (uint8_t)(1 << test_below(8));
    uint8_t *copy = test_copy(bytes, length);
    fed[fed_count++] = (struct given){copy, length, 0};
    ip_coalesce(&coalescer, copy, length, given_add, &given);
}

// The next packet that was fed of a connection.
static const struct given *next_fed(uint16_t port) {
    struct stream *stream = &streams[port - 5000];
    size_t number = 0;
    for (size_t i = 0; i < fed_count; i++)
        if (packet_get16(fed[i].bytes + 20) == port && number++ == stream->number) {
            stream->number++;
            return &fed[i];
        }
    return NULL;
}

// A packet that came out is the one that was fed; but where it may not be fragmented, its
// identification counts on from that of the first of its run.
static void check_fed(const struct given *item) {
    uint16_t port = packet_get16(item->bytes + 20);
    CHECK(port >= 5000 && port < 5000 + CONNECTIONS);
    const struct given *original = next_fed(port);
    CHECK(original != NULL);
    CHECK_INT(item->length, original->length);
    CHECK(packet_header_checksum_is_good(item->bytes));
    CHECK_INT(packet_checksum_is_good(item->bytes), packet_checksum_is_good(original->bytes));
    if ((packet_get16(item->bytes + 6) & DONT_FRAGMENT) != 0) {
        packet_put16(item->bytes + 4, packet_get16(original->bytes + 4));
        packet_fill_header_checksum(item->bytes);
    }
    CHECK_BYTES(item->bytes, original->bytes, item->length);
}

static size_t put_together;

static void coalesce_round(void) {
    given_clear(&given);
    fed_count = 0;
    for (unsigned i = 0; i < CONNECTIONS; i++)
        streams[i] = (struct stream){random_stream(i), 1 + test_below(1400), 0};
    unsigned busy = 1 + test_below(CONNECTIONS);
    while (fed_count < 300) {
        struct stream *stream = &streams[test_below(busy)];
        for (uint32_t burst = 1 + test_below(30); burst > 0 && fed_count < 300; burst--)
            feed(stream);
        if (test_below(30) == 0)
            ip_coalesce_end(&coalescer, given_add, &given);
    }
    ip_coalesce_end(&coalescer, given_add, &given);
    put_together += fed_count - given.count;
    given_cut(&given, test_below(20000), &pieces);
    given_cut(&pieces, 0, &direct);
    CHECK_INT(direct.count, fed_count);
    for (size_t i = 0; i < direct.count && !test_state.failed; i++) check_fed(&direct.items[i]);
}

static void coalescing(void) {
    ip_coalescer_init(&coalescer);
    put_together = 0;
    for (int round = 0; round < ROUNDS && !test_state.failed; round++) {
        test_row("round %d", round);
        coalesce_round();
        for (size_t i = 0; i < fed_count; i++) free(fed[i].bytes);
    }
    if (!test_state.failed)
        CHECK(put_together > ROUNDS * 100);
}

// ---- segmenting ----

static struct packet_spec random_super(bool is_udp, uint16_t *segment_size) {
    struct packet_spec spec = random_stream(test_below(100));
    spec.protocol = is_udp ? PACKET_UDP : PACKET_TCP;
    spec.tcp_flags |= (uint8_t)(test_below(4) == 0 ? 0xc9 & test_random() : 0); // CWR ECE PSH FIN
    spec.ip_options = test_below(8) == 0 ? (uint8_t)(4 * test_below(11)) : 0;
    *segment_size = (uint16_t)(test_below(4) == 0 ? 40 + test_below(400) : 500 + test_below(800));
    size_t most = IP_PACKET_MAX - 20 - spec.ip_options - packet_transport_header(&spec);
    spec.payload_length = *segment_size + 1 + test_below((uint32_t)(most - *segment_size));
    if (test_below(2) == 0)
        spec.payload_length = *segment_size + 1 + spec.payload_length % 4000;
    spec.payload = noise + test_below(NOISE - IP_PACKET_MAX);
    return spec;
}

// The super-packet of this kind, in the list.
static void put_super(struct given_list *list, const struct packet_spec *spec,
                      uint16_t segment_size) {
    size_t length = packet_make(scratch, spec);
    packet_fill_partial_checksum(scratch, length);
    given_clear(list);
    given_add(list, scratch, length, segment_size);
}

static void segmenting(void) {
    for (int round = 0; round < 4 * ROUNDS && !test_state.failed; round++) {
        uint16_t size;
        struct packet_spec spec = random_super(round % 2 == 0, &size);
        size_t gathered = 0;
        test_row("round %d", round);
        put_super(&given, &spec, size);
        given_cut(&given, 0, &direct);
        given_cut(&given, test_below(IP_PACKET_MAX + 1), &pieces);
        given_cut(&pieces, test_below(IP_PACKET_MAX + 1), &other);
        given_cut(&other, 0, &pieces);
        CHECK(given_same(&pieces, &direct));
        for (size_t i = 0; i < direct.count; i++) {
            const uint8_t *bytes = direct.items[i].bytes;
            size_t headers = 20 + (size_t)spec.ip_options + packet_transport_header(&spec);
            size_t carried = direct.items[i].length - headers;
            CHECK(all_good(bytes));
            CHECK_BYTES(bytes + headers, spec.payload + gathered, carried);
            gathered += carried;
        }
        CHECK_INT(gathered, spec.payload_length);
    }
}

// ---- through the NAT ----

// Sends what is in a list out or in, and puts what the NAT sends in its place into another.
static void pass(const struct given_list *from, bool outwards, struct given_list *to) {
    given_clear(to);
    for (size_t i = 0; i < from->count; i++) {
        const struct given *item = &from->items[i];
        struct ip_packet packet;
        struct ip_offload offload;
        uint8_t *copy = test_copy(item->bytes, item->length);
        bool is_super = item->segment_size > 0;
        bool good = ip_parse(&packet, copy, item->length) == IP_GOOD &&
                    (!is_super || ip_offload_of_super(&offload, &packet, item->segment_size) == 0);
        lab_clear();
        enum nat_verdict verdict =
            outwards ? nat_take(&nat, 3, copy, item->length, is_super ? &offload : NULL, lab.now_ms)
                     : nat_take(&nat, NAT_OUTSIDE, copy, item->length, is_super ? &offload : NULL,
                                lab.now_ms);
        free(copy);
        CHECK(good);
        CHECK_INT(verdict, NAT_PASS);
        CHECK(only(outwards ? TO_WIRE : TO_LAPTOP) != NULL);
        CHECK_INT(lab.sent[0].has_offload, is_super);
        given_add(to, lab.sent[0].bytes, lab.sent[0].length,
                  is_super ? lab.sent[0].offload.segment_size : 0);
    }
}

// The NAT numbers packets that may be fragmented anew, each segment too.
static void number_alike(struct given_list *list) {
    for (size_t i = 0; i < list->count; i++)
        if ((packet_get16(list->items[i].bytes + 6) & DONT_FRAGMENT) == 0) {
            packet_put16(list->items[i].bytes + 4, 0);
            packet_fill_header_checksum(list->items[i].bytes);
        }
}

// Translated and then cut, or cut and then translated.
static void check_both_ways(bool outwards) {
    given_cut(&given, 0, &direct);
    pass(&direct, outwards, &other);
    pass(&given, outwards, &pieces);
    given_cut(&pieces, 0, &direct);
    number_alike(&direct);
    number_alike(&other);
    CHECK(given_same(&direct, &other));
    for (size_t i = 0; i < direct.count; i++) CHECK(all_good(direct.items[i].bytes));
}

static void translating(void) {
    lab_start();
    test_random_bytes(noise, sizeof noise);
    for (int round = 0; round < 2 * ROUNDS && !test_state.failed; round++) {
        uint16_t size;
        struct packet_spec spec = random_super(round % 2 == 0, &size);
        uint8_t flags = spec.tcp_flags;
        test_row("round %d", round);
        spec.tcp_flags = TCP_ACK; // which ends nothing
        put_super(&given, &spec, size);
        check_both_ways(true);
        if (test_state.failed)
            return;
        spec = answer(spec, source_port_of(direct.items[0].bytes));
        spec.tcp_flags = flags & (uint8_t)~TCP_FIN;
        put_super(&given, &spec, size);
        check_both_ways(false);
    }
}

int main(void) {
    test_random_bytes(noise, sizeof noise);
    TEST("random streams, put together and cut again, are what they were", coalescing);
    TEST("random super-packets, cut in any number of steps, become the same segments", segmenting);
    TEST("translating a super-packet and cutting it is cutting it and translating segments",
         translating);
    return test_end();
}
