// SPDX-License-Identifier: ISC
// Super-packets through the NAT: they are translated as one, and judged by the segments that they
// become.
#include "nat_lab.h"
#include "super_lab.h"

enum from { FROM_LAPTOP, FROM_WIRE, FROM_HOST };

static struct given_list sent_list;
static struct given_list segments;
static struct ip_offload last_offload;

static enum nat_verdict send_super(enum from from, uint16_t laptop, struct packet_spec spec,
                                   uint16_t segment_size) {
    struct ip_packet packet;
    size_t length = packet_make(lab_packet, &spec);
    packet_fill_partial_checksum(lab_packet, length);
    uint8_t *copy = test_copy(lab_packet, length);
    enum nat_verdict verdict = NAT_BAD_PACKET;
    lab_clear();
    if (ip_parse(&packet, copy, length) == IP_GOOD &&
        ip_offload_of_super(&last_offload, &packet, segment_size) == 0)
        verdict = from == FROM_LAPTOP
                      ? nat_take(&nat, laptop, copy, length, &last_offload, lab.now_ms)
                  : from == FROM_WIRE
                      ? nat_take(&nat, NAT_OUTSIDE, copy, length, &last_offload, lab.now_ms)
                      : nat_take(&nat, NAT_TO_HOST, copy, length, &last_offload, lab.now_ms);
    free(copy);
    return verdict;
}

static struct packet_spec large(struct packet_spec spec, size_t payload_length) {
    spec.payload_length = payload_length;
    return spec;
}

// That the only packet sent went there, with what is to be done on it, and becomes so many good
// segments.
static bool is_super_sent(enum where where, size_t count) {
    const struct sent *sent = only(where);
    if (sent == NULL || !sent->has_offload || !sent->offload.partial_checksum ||
        sent->offload.checksum_start != last_offload.checksum_start ||
        sent->offload.checksum_at != last_offload.checksum_at ||
        sent->offload.segment_size != last_offload.segment_size)
        return false;
    given_clear(&sent_list);
    given_add(&sent_list, sent->bytes, sent->length, sent->offload.segment_size);
    given_cut(&sent_list, 0, &segments);
    for (size_t i = 0; i < segments.count; i++)
        if (!all_good(segments.items[i].bytes))
            return false;
    return segments.count == count;
}

static void out_and_in(void) {
    struct packet_spec specs[] = {tcp(5000, TCP_ACK), udp(5000)};
    for (size_t i = 0; i < COUNT(specs); i++) {
        struct packet_spec spec = large(specs[i], 10000);
        test_row("protocol %u", spec.protocol);
        lab_start();
        CHECK_INT(send_super(FROM_LAPTOP, 2, spec, 1400), NAT_PASS);
        CHECK(is_super_sent(TO_WIRE, 8));
        CHECK(lab.sent[0].lasting);
        CHECK_INT(packet_get32(lab.sent[0].bytes + 12), OUTSIDE);
        CHECK_INT(lab.sent[0].bytes[8], 63);
        uint16_t port = source_port_of(lab.sent[0].bytes);
        CHECK_INT(nat.mapping_count, 1);
        CHECK_INT(send_super(FROM_WIRE, 0, answer(spec, port), 1448), NAT_PASS);
        CHECK(is_super_sent(TO_LAPTOP, 7));
        CHECK_INT(lab.sent[0].laptop, 2);
        CHECK_INT(packet_get32(lab.sent[0].bytes + 16), INSIDE);
        CHECK_INT(packet_get16(lab.sent[0].bytes + 22), 5000);
    }
}

// RFC 1191 section 4: what counts is the segment, and its sender learns what would fit.
static void too_long_segments_out(void) {
    struct nat_config config = lab_config();
    struct packet_spec spec = large(tcp(5000, TCP_ACK), 10000);
    config.outside_mtu = 1400;
    spec.fragment = DONT_FRAGMENT;
    lab_start_with(&config);
    CHECK_INT(send_super(FROM_LAPTOP, 0, spec, 1361), NAT_TOO_BIG);
    CHECK(is_error(only(TO_LAPTOP), ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED));
    CHECK_INT(packet_get16(lab.sent[0].bytes + 26), 1400);
    CHECK(!lab.sent[0].has_offload);
    CHECK(packet_get32(lab.sent[0].bytes + 28 + 16) == REMOTE); // the packet as the laptop sent it
    CHECK(packet_get16(lab.sent[0].bytes + 28 + 20) == 5000);
    CHECK_INT(nat.mapping_count, 0);
    CHECK_INT(send_super(FROM_LAPTOP, 0, spec, 1360), NAT_PASS);
    CHECK(is_super_sent(TO_WIRE, 8));
}

static void too_long_segments_in(void) {
    struct nat_config config = lab_config();
    struct packet_spec spec = large(tcp(5000, TCP_ACK), 10000);
    config.inside_mtu = 1300;
    lab_start_with(&config);
    uint16_t port = port_out(0, tcp(5000, TCP_ACK));
    CHECK(port != 0);
    struct packet_spec back = answer(spec, port);
    back.fragment = DONT_FRAGMENT;
    CHECK_INT(send_super(FROM_WIRE, 0, back, 1261), NAT_TOO_BIG);
    CHECK(is_error(only(TO_WIRE), ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED));
    CHECK_INT(packet_get16(lab.sent[0].bytes + 26), 1300);
    CHECK_INT(send_super(FROM_WIRE, 0, back, 1260), NAT_PASS);
    CHECK(is_super_sent(TO_LAPTOP, 8));
}

// RFC 6864 section 4.3: whatever may be fragmented has an identification of its own, each segment
// too, whoever sent it.
static void identifications(void) {
    static bool used[65536];
    size_t count = 0;
    lab_start();
    for (uint32_t i = 0; i < 300; i++) {
        uint16_t size = (uint16_t)(500 + test_below(900));
        struct packet_spec spec = large(tcp((uint16_t)(5000 + i % 3), TCP_ACK), 0);
        spec.id = (uint16_t)(i % 2);
        test_row("packet %lu", (unsigned long)i);
        if (i % 3 == 0) {
            spec.payload_length = 100;
            CHECK_INT(out((uint16_t)(i % 2), spec), NAT_PASS);
            given_clear(&segments);
            given_add(&segments, lab.sent[0].bytes, lab.sent[0].length, 0);
        } else {
            size_t expected = 2 + test_below(30);
            spec.payload_length = (expected - 1) * size + 1 + (i % 5 == 0 ? size - 1U : i % 5);
            CHECK_INT(send_super(FROM_LAPTOP, (uint16_t)(i % 2), spec, size), NAT_PASS);
            CHECK(is_super_sent(TO_WIRE, expected));
        }
        for (size_t k = 0; k < segments.count; k++) {
            uint16_t id = packet_get16(segments.items[k].bytes + 4);
            CHECK(!used[id]);
            used[id] = true;
            count++;
        }
    }
    CHECK(count > 2000);
    // What may not be fragmented keeps what its sender wrote.
    struct packet_spec spec = large(tcp(5000, TCP_ACK), 10000);
    spec.fragment = DONT_FRAGMENT;
    spec.id = 4711;
    CHECK_INT(send_super(FROM_LAPTOP, 0, spec, 1400), NAT_PASS);
    CHECK_INT(packet_get16(lab.sent[0].bytes + 4), 4711);
}

// RFC 4787 REQ-9: to another laptop by its outside port, as one.
static void hairpin(void) {
    lab_start();
    uint16_t port = port_out(1, udp(6000));
    CHECK(port != 0);
    struct packet_spec spec = to(large(udp(5000), 10000), OUTSIDE, port);
    CHECK_INT(send_super(FROM_LAPTOP, 2, spec, 1400), NAT_PASS);
    CHECK(is_super_sent(TO_LAPTOP, 8));
    CHECK_INT(lab.sent[0].laptop, 1);
    CHECK_INT(packet_get32(lab.sent[0].bytes + 12), OUTSIDE);
    CHECK_INT(packet_get32(lab.sent[0].bytes + 16), INSIDE);
    CHECK_INT(packet_get16(lab.sent[0].bytes + 22), 6000);
}

static void host_itself(void) {
    struct packet_spec spec = to(large(tcp(5000, TCP_ACK), 10000), OUTSIDE, 22);
    lab_start();
    CHECK_INT(send_super(FROM_LAPTOP, 1, spec, 1400), NAT_PASS);
    CHECK(is_super_sent(TO_HOST, 8));
    CHECK_INT(packet_get32(lab.sent[0].bytes + 12), HOST);
    struct packet_spec back = answer(spec, source_port_of(lab.sent[0].bytes));
    back.destination = HOST;
    CHECK_INT(send_super(FROM_HOST, 0, back, 1448), NAT_PASS);
    CHECK(is_super_sent(TO_LAPTOP, 7));
    CHECK_INT(lab.sent[0].laptop, 1);
}

// Refused ones are answered like any other packet, by an error that quotes how they begin.
static void refused(void) {
    struct packet_spec spec = large(tcp(5000, TCP_ACK), 60000);
    lab_start();
    spec.ttl = 1;
    CHECK_INT(send_super(FROM_LAPTOP, 0, spec, 1400), NAT_TTL_EXPIRED);
    CHECK(is_error(only(TO_LAPTOP), ICMP_EXCEEDED, 0));
    CHECK(lab.sent[0].length <= 576);
    CHECK(!lab.sent[0].has_offload);
    spec.ttl = 64;
    CHECK_INT(send_super(FROM_LAPTOP, 0, to(spec, ADDRESS(192, 168, 1, 1), 80), 1400), NAT_REFUSED);
    CHECK(is_error(only(TO_LAPTOP), ICMP_UNREACHABLE, ICMP_PROHIBITED));
    CHECK_INT(send_super(FROM_LAPTOP, 0, from(spec, REMOTE, 80), 1400), NAT_BAD_SOURCE);
    CHECK_INT(lab.count, 0);
    CHECK_INT(send_super(FROM_WIRE, 0, answer(spec, 20001), 1400), NAT_NO_MAPPING);
    CHECK_INT(lab.count, 0);
    CHECK_INT(nat.mapping_count, 0);
}

int main(void) {
    TEST("a super-packet is translated as one, out and in", out_and_in);
    TEST("RFC 1191: segments too long for the way out are refused, and their sender told",
         too_long_segments_out);
    TEST("RFC 1191: segments too long for the way in as well", too_long_segments_in);
    TEST("RFC 6864: segments that may be fragmented have identifications of their own",
         identifications);
    TEST("RFC 4787 REQ-9: a super-packet goes to another laptop as one", hairpin);
    TEST("a super-packet goes to the server itself, and one comes from there", host_itself);
    TEST("super-packets are refused like other packets", refused);
    return test_end();
}
