// SPDX-License-Identifier: ISC
// The NAT's ICMP: queries by their identifier, errors in both directions with what is embedded in
// them, and errors of its own (RFC 5508, RFC 1812 section 4.3).
#include "nat_lab.h"

static uint8_t error[2048];

// ---- queries ----

static void queries(void) {
    static const uint8_t types[] = {ICMP_ECHO, ICMP_TIMESTAMP};
    for (size_t i = 0; i < COUNT(types); i++) {
        test_row("type %u", types[i]);
        lab_start();
        struct packet_spec spec = echo(77);
        spec.icmp_type = types[i];
        uint16_t identifier = port_out(2, spec);
        CHECK(is_sent(TO_WIRE, from(spec, OUTSIDE, identifier)));
        CHECK_INT(port_out(2, to(spec, OTHER, 0)), identifier);
        CHECK(port_out(1, spec) != identifier);
        struct packet_spec back = answer(spec, identifier);
        CHECK_INT(in(back), NAT_PASS);
        CHECK(arrives_at(2, delivered(back, INSIDE, 77)));
        lab_wait(MINUTE - 1);
        CHECK_INT(in(back), NAT_PASS);
        lab_wait(1);
        CHECK_INT(in(back), NAT_NO_MAPPING);
        CHECK(is_empty());
    }
}

static void other_types(void) {
    static const uint8_t types[] = {0, 4, 5, 9, 10, 14, 15, 16, 17, 18, 30, 40, 255};
    lab_start();
    uint16_t identifier = port_out(0, echo(77));
    for (size_t i = 0; i < COUNT(types); i++) {
        test_row("type %u", types[i]);
        struct packet_spec spec = echo(77);
        spec.icmp_type = types[i];
        CHECK_INT(out(0, spec), NAT_PROTOCOL);
        if (types[i] == ICMP_ECHO_REPLY || types[i] == ICMP_TIMESTAMP_REPLY)
            continue;
        struct packet_spec back = answer(echo(77), identifier);
        back.icmp_type = types[i];
        CHECK_INT(in(back), NAT_PROTOCOL);
    }
    struct packet_spec ask = answer(echo(77), identifier);
    ask.icmp_type = ICMP_ECHO; // nobody outside may ping the inside
    CHECK_INT(in(ask), NAT_PROTOCOL);
    CHECK_INT(lab.count, 0);
}

// ---- errors from outside ----

// A packet that went out, and the same packet as the laptop sent it.
static uint8_t left[2048], sent_by_laptop[2048];
static size_t left_length;
static uint16_t left_port;

static bool leave(struct packet_spec spec) {
    lab_start();
    left_port = port_out(1, spec);
    left_length = packet_make(sent_by_laptop, &spec);
    if (left_port == 0)
        return false;
    memcpy(left, lab.sent[0].bytes, left_length);
    return true;
}

static enum nat_verdict error_in(uint8_t type, uint8_t code, uint16_t mtu, const uint8_t *quoted,
                                 size_t length) {
    return in_bytes(error, error_make(error, OTHER, OUTSIDE, type, code, mtu, quoted, length),
                    NULL);
}

// The error that arrived quotes what the laptop sent, but for TTL, identification and checksums,
// which must be right for what is there. `certain`: how much of it can be.
static void check_quoted(size_t length, size_t certain) {
    const struct sent *sent = only(TO_LAPTOP);
    CHECK(sent != NULL);
    CHECK_INT(sent->laptop, 1);
    CHECK_INT(sent->length, 28 + length);
    CHECK(all_good(sent->bytes));
    CHECK_INT(packet_get32(sent->bytes + 12), OTHER);
    CHECK_INT(packet_get32(sent->bytes + 16), INSIDE);
    const uint8_t *inner = sent->bytes + 28;
    size_t header = packet_header_length(sent_by_laptop);
    CHECK(packet_header_checksum_is_good(inner));
    CHECK_BYTES(inner, sent_by_laptop, 4);
    CHECK_BYTES(inner + 12, sent_by_laptop + 12, header - 12);
    CHECK_BYTES(inner + header, sent_by_laptop + header, certain - header); // checksum too
}

static void errors_inbound(void) {
    static const uint8_t kinds[][2] = {{3, 1}, {3, 3}, {3, 4}, {11, 0}, {11, 1}, {12, 0}};
    struct packet_spec specs[] = {udp(5000), tcp(5000, TCP_SYN), echo(5000), udp(5001),
                                  tcp(5001, 2)};
    specs[3].ip_options = 12;
    specs[4].ip_options = 40;
    for (size_t s = 0; s < COUNT(specs); s++)
        for (size_t i = 0; i < COUNT(kinds); i++)
            for (int whole = 0; whole < 2; whole++) {
                test_row("packet %u, error %u/%u, %s", (unsigned)s, kinds[i][0], kinds[i][1],
                         whole ? "whole" : "8 bytes of transport");
                CHECK(leave(specs[s]));
                size_t length = whole ? left_length : packet_header_length(left) + 8;
                CHECK_INT(error_in(kinds[i][0], kinds[i][1], 1400, left, length), NAT_PASS);
                check_quoted(length, length);
                CHECK_INT(lab.sent[0].bytes[20], kinds[i][0]);
                CHECK_INT(lab.sent[0].bytes[21], kinds[i][1]);
                CHECK_INT(packet_get16(lab.sent[0].bytes + 26), 1400); // the MTU is left alone
                CHECK_INT(lab.sent[0].bytes[8], 63);
            }
}

// RFC 792 lets a router quote 8 bytes; TCP's checksum lies at 16 and 17, so it may be cut in two.
static void truncated_tcp(void) {
    for (size_t transport = 8; transport <= 20; transport++) {
        test_row("%u bytes", (unsigned)transport);
        CHECK(leave(tcp(5000, TCP_SYN)));
        CHECK_INT(error_in(3, 1, 0, left, 20 + transport), NAT_PASS);
        check_quoted(20 + transport, 20 + (transport == 17 ? 16 : transport));
    }
}

static void udp_without_checksum(void) {
    struct packet_spec spec = udp(5000);
    spec.no_checksum = true;
    CHECK(leave(spec));
    CHECK_INT(error_in(3, 3, 0, left, left_length), NAT_PASS);
    check_quoted(left_length, left_length);
    CHECK_INT(packet_get16(lab.sent[0].bytes + 28 + 26), 0);
}

static void bad_embedded_transport_checksum(void) {
    CHECK(leave(udp(5000)));
    left[left_length - 1] ^= 0x55;
    sent_by_laptop[left_length - 1] ^= 0x55;
    CHECK_INT(error_in(3, 3, 0, left, left_length), NAT_PASS);
    check_quoted(left_length, left_length);
}

static void bad_checksums(void) {
    CHECK(leave(udp(5000)));
    size_t length = error_make(error, OTHER, OUTSIDE, 3, 3, 0, left, left_length);
    error[22] ^= 1;
    CHECK_INT(in_bytes(error, length, NULL), NAT_BAD_PACKET);
    left[10] ^= 1; // embedded IP header
    CHECK_INT(error_in(3, 3, 0, left, left_length), NAT_BAD_PACKET);
    left[10] ^= 1;
    for (size_t cut = 0; cut < 28; cut++) {
        test_row("%u bytes quoted", (unsigned)cut);
        CHECK_INT(error_in(3, 3, 0, left, cut), NAT_BAD_PACKET);
    }
    left[6] = 0; // a later fragment has no ports
    left[7] = 100;
    packet_fill_header_checksum(left);
    CHECK_INT(error_in(3, 3, 0, left, left_length), NAT_BAD_PACKET);
    CHECK_INT(lab.count, 0);
}

static void errors_about_nothing(void) {
    uint8_t changed[64];
    CHECK(leave(tcp(5000, TCP_SYN)));
    static const struct {
        const char *what;
        size_t at;
        uint32_t value;
    } rows[] = {
        {"not from us", 12, OTHER},
        {"to another host", 16, OTHER},
        {"to another port", 20, 0x12345678},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        test_row("%s", rows[i].what);
        memcpy(changed, left, 40);
        packet_put32(changed + rows[i].at, rows[i].value);
        packet_fill_header_checksum(changed);
        CHECK_INT(error_in(3, 3, 0, changed, 40), NAT_NO_MAPPING);
        CHECK_INT(lab.count, 0);
    }
}

// ---- errors from a laptop ----

static void errors_outbound(void) {
    struct packet_spec specs[] = {udp(5000), tcp(5000, TCP_SYN), echo(5000)};
    for (size_t i = 0; i < COUNT(specs); i++) {
        test_row("protocol %u", specs[i].protocol);
        CHECK(leave(specs[i]));
        struct packet_spec back = answer(specs[i], left_port);
        CHECK_INT(in(back), NAT_PASS);
        uint8_t came[128], arrived[128];
        size_t length = lab.sent[0].length;
        memcpy(came, lab_packet, length);
        memcpy(arrived, lab.sent[0].bytes, length);
        // From the laptop itself, and from a router behind it.
        for (uint32_t router = 0; router < 2; router++) {
            size_t total = error_make(error, INSIDE + router, REMOTE, 3, 3, 0, arrived, length);
            CHECK_INT(out_bytes(1, error, total), NAT_PASS);
            const struct sent *sent = only(TO_WIRE);
            CHECK(sent != NULL && all_good(sent->bytes));
            CHECK_INT(packet_get32(sent->bytes + 12), OUTSIDE);
            CHECK_INT(packet_get32(sent->bytes + 16), REMOTE);
            CHECK(packet_header_checksum_is_good(sent->bytes + 28));
            CHECK_BYTES(sent->bytes + 28 + 12, came + 12, length - 12);
        }
        // Another laptop has received no such packet.
        size_t total = error_make(error, INSIDE, REMOTE, 3, 3, 0, arrived, length);
        CHECK_INT(out_bytes(2, error, total), NAT_NO_MAPPING);
        CHECK_INT(lab.count, 0);
    }
}

static void hairpinned_errors(void) {
    uint8_t first[128], arrived[128];
    lab_start();
    uint16_t a = port_out(1, udp(5000));
    uint16_t b = port_out(2, udp(6000));
    struct packet_spec there = to(udp(5000), OUTSIDE, b);
    CHECK_INT(out(1, there), NAT_PASS);
    size_t length = lab.sent[0].length;
    memcpy(first, lab_packet, length);
    memcpy(arrived, lab.sent[0].bytes, length);
    CHECK_INT(out_bytes(2, error, error_make(error, INSIDE, OUTSIDE, 3, 3, 0, arrived, length)),
              NAT_PASS);
    const struct sent *sent = only(TO_LAPTOP);
    CHECK(sent != NULL && all_good(sent->bytes));
    CHECK_INT(sent->laptop, 1);
    CHECK_INT(packet_get32(sent->bytes + 12), OUTSIDE);
    CHECK_INT(packet_get32(sent->bytes + 16), INSIDE);
    CHECK_BYTES(sent->bytes + 28 + 12, first + 12, length - 12);
    CHECK(a != b);
}

static void errors_to_and_from_the_host(void) {
    uint8_t seen[128];
    lab_start();
    struct packet_spec there = to(udp(5000), OUTSIDE, 53);
    CHECK_INT(out(1, there), NAT_PASS);
    size_t length = lab.sent[0].length;
    memcpy(seen, lab.sent[0].bytes, length);
    CHECK_INT(host_bytes(error, error_make(error, OUTSIDE, HOST, 3, 3, 0, seen, length)), NAT_PASS);
    CHECK(is_error(only(TO_LAPTOP), 3, 3));
    packet_make(seen, &there);
    CHECK_BYTES(lab.sent[0].bytes + 28 + 12, seen + 12, length - 12);
}

// ---- errors of our own ----

static void ttl_runs_out(void) {
    static const uint8_t ttls[] = {1, 2};
    lab_start();
    for (size_t i = 0; i < COUNT(ttls); i++) {
        struct packet_spec spec = udp(5000);
        spec.ttl = ttls[i];
        CHECK_INT(out(1, spec), ttls[i] == 1 ? NAT_TTL_EXPIRED : NAT_PASS);
        if (ttls[i] == 1) {
            CHECK(is_error(only(TO_LAPTOP), ICMP_EXCEEDED, 0));
            CHECK_INT(lab.sent[0].laptop, 1);
            CHECK_BYTES(lab.sent[0].bytes + 28, lab_packet, 48);
        } else {
            CHECK(is_sent(TO_WIRE, from(spec, OUTSIDE, source_port_of(lab.sent[0].bytes))));
        }
    }
    struct packet_spec back = answer(udp(5000), source_port_of(lab.sent[0].bytes));
    back.ttl = 1;
    CHECK_INT(in(back), NAT_TTL_EXPIRED);
    CHECK(is_error(only(TO_WIRE), ICMP_EXCEEDED, 0));
    CHECK_INT(packet_get32(lab.sent[0].bytes + 16), REMOTE);
    back.destination_port ^= 1; // for nobody: no answer
    CHECK_INT(in(back), NAT_NO_MAPPING);
    CHECK_INT(lab.count, 0);
}

static void too_big(void) {
    struct nat_config config = lab_config();
    config.outside_mtu = 1400;
    config.inside_mtu = 1300;
    lab_start_with(&config);
    struct packet_spec spec = udp(5000);
    spec.fragment = DONT_FRAGMENT;
    spec.payload_length = 1400 - 28;
    uint16_t port = port_out(1, spec);
    CHECK(port != 0);
    struct packet_spec back = answer(spec, port);
    CHECK_INT(in(back), NAT_TOO_BIG);
    CHECK(is_error(only(TO_WIRE), ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED));
    CHECK_INT(packet_get16(lab.sent[0].bytes + 26), 1300);
    spec.payload_length++;
    CHECK_INT(out(1, spec), NAT_TOO_BIG);
    CHECK(is_error(only(TO_LAPTOP), ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED));
    CHECK_INT(packet_get16(lab.sent[0].bytes + 26), 1400);
    CHECK_INT(lab.sent[0].length, ICMP_ERROR_MAX);
    back.payload_length = 1300 - 28;
    CHECK_INT(in(back), NAT_PASS);
}

// The next link of a hairpin, and of what is for the server itself, is another one than the wire.
static void too_big_for_the_next_link(void) {
    struct nat_config config = lab_config();
    config.inside_mtu = 1300;
    lab_start_with(&config);
    uint16_t port = port_out(2, udp(6000));
    struct packet_spec spec = to(udp(5000), OUTSIDE, port);
    spec.fragment = DONT_FRAGMENT;
    spec.payload_length = 1400 - 28;
    for (int host = 0; host < 2; host++) {
        test_row("%s", host ? "to the server" : "a hairpin");
        CHECK_INT(out(1, host ? to(spec, OUTSIDE, 53) : spec), NAT_TOO_BIG);
        CHECK(is_error(only(TO_LAPTOP), ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED));
        CHECK_INT(lab.sent[0].laptop, 1);
        CHECK_INT(packet_get16(lab.sent[0].bytes + 26), 1300);
    }
}

static void never_about(void) {
    uint8_t quoted[64], packet[128];
    struct packet_spec inner = from(udp(53), REMOTE, 53);
    lab_start();
    size_t length = packet_make(quoted, &inner);
    error_make(packet, INSIDE, ADDRESS(10, 9, 9, 9), 3, 3, 0, quoted, length);
    CHECK_INT(out_bytes(0, packet, 28 + length), NAT_REFUSED); // about an error
    CHECK_INT(lab.count, 0);
    struct packet_spec later = to(udp(5000), ADDRESS(10, 9, 9, 9), 53);
    later.fragment = 100;
    CHECK(out(0, later) != NAT_PASS); // about a later fragment
    CHECK_INT(lab.count, 0);
    CHECK_INT(out(0, to(udp(5000), ADDRESS(224, 0, 0, 251), 5353)), NAT_REFUSED);
    CHECK_INT(lab.count, 0);
}

static void not_too_many(void) {
    struct packet_spec refused = to(udp(5000), ADDRESS(10, 9, 9, 9), 53);
    size_t answers = 0;
    lab_start();
    for (int i = 0; i < 10000; i++) {
        CHECK_INT(out(0, refused), NAT_REFUSED);
        answers += lab.count;
    }
    CHECK(answers > 0 && answers <= 100);
    CHECK_INT(nat.answered, answers);
    CHECK_INT(nat.unanswered, 10000 - answers);
    CHECK_INT(out(1, refused), NAT_REFUSED); // another laptop has its own
    CHECK_INT(lab.count, 1);
    answers = 0;
    for (int i = 0; i < 10000; i++) { // over ten seconds
        lab.now_ms++;
        CHECK_INT(out(0, refused), NAT_REFUSED);
        answers += lab.count;
    }
    CHECK(answers >= 500 && answers <= 700);
}

int main(void) {
    TEST("RFC 5508 REQ-1, REQ-2: echo and timestamp are mapped by identifier, for 60 s", queries);
    TEST("RFC 5508 REQ-9, REQ-10: other ICMP does not pass", other_types);
    TEST("RFC 5508 REQ-4: an error from outside arrives with what it quotes translated back, "
         "options skipped",
         errors_inbound);
    TEST("RFC 5508 REQ-4: TCP cut off anywhere in an error is translated as far as it is there",
         truncated_tcp);
    TEST("a quoted UDP checksum of 0 stays 0", udp_without_checksum);
    TEST("RFC 5508 REQ-3c: a bad quoted transport checksum is no reason to drop an error",
         bad_embedded_transport_checksum);
    TEST("RFC 5508 REQ-3: an error whose checksum, or whose quoted IP checksum, is bad is dropped",
         bad_checksums);
    TEST("RFC 5508 REQ-4: an error about nothing that we sent is dropped", errors_about_nothing);
    TEST("RFC 5508 REQ-5: an error from a laptop leaves with what it quotes translated",
         errors_outbound);
    TEST("RFC 5508 REQ-7: an error about a hairpin goes back through the hairpin",
         hairpinned_errors);
    TEST("an error of the server's own stack arrives", errors_to_and_from_the_host);
    TEST("RFC 1812 section 5.3.1: a packet whose TTL has run out is answered", ttl_runs_out);
    TEST("RFC 1191 section 4: too big is answered with the next link's MTU", too_big);
    TEST("RFC 1191 section 4: hairpins and what is for the server have the inside's MTU",
         too_big_for_the_next_link);
    TEST("RFC 1812 section 4.3.2.7: no error about an error, a later fragment or a group",
         never_about);
    TEST("RFC 1812 section 4.3.2.8: errors are limited to 64 a second, for each laptop",
         not_too_many);
    return test_end();
}
