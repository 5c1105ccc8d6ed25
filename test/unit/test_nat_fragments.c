// SPDX-License-Identifier: ISC
// Datagrams in fragments through the NAT (RFC 791 section 3.2, RFC 4787 REQ-13 and REQ-14), and
// what attacks make of them (RFC 1858, RFC 3128).
#include "nat_lab.h"

#define PIECES_MAX 64

// A datagram and its fragments, `size` bytes of payload each.
static struct {
    size_t count;
    size_t length[PIECES_MAX];
    uint8_t bytes[PIECES_MAX][1600];
} cut;

static void cut_up(struct packet_spec spec, uint16_t identification, size_t size) {
    spec.id = identification;
    size_t length = packet_make(lab_packet, &spec);
    cut.count = 0;
    for (size_t at = 20; at < length; at += size) {
        size_t piece = length - at < size ? length - at : size;
        uint8_t *bytes = cut.bytes[cut.count];
        memcpy(bytes, lab_packet, 20);
        memcpy(bytes + 20, lab_packet + at, piece);
        packet_put16(bytes + 2, (uint32_t)(20 + piece));
        packet_put16(bytes + 6,
                     (uint32_t)((at - 20) / 8 | (at + piece < length ? MORE_FRAGMENTS : 0)));
        packet_fill_header_checksum(bytes);
        cut.length[cut.count++] = 20 + piece;
    }
}

static enum nat_verdict piece_out(uint16_t laptop, size_t i) {
    return out_bytes(laptop, cut.bytes[i], cut.length[i]);
}

static enum nat_verdict piece_in(size_t i) { return in_bytes(cut.bytes[i], cut.length[i], NULL); }

// What was sent, put together by its offsets.
static struct {
    uint8_t bytes[66000];
    size_t received;
    size_t total;
    int id; // -1: none yet
    bool good;
} whole;

static void whole_start(void) {
    memset(&whole, 0, sizeof whole);
    whole.id = -1;
    whole.good = true;
}

// Adds everything that was just sent.
static void whole_add(enum where where, uint16_t laptop, size_t mtu) {
    for (size_t i = 0; i < lab.count && i < LAB_SENT; i++) {
        const struct sent *sent = &lab.sent[i];
        uint16_t field = packet_get16(sent->bytes + 6);
        size_t at = (size_t)(field & 0x1fff) * 8;
        if (whole.id < 0)
            whole.id = packet_get16(sent->bytes + 4);
        whole.good = whole.good && sent->where == where && sent->laptop == laptop &&
                     sent->length <= mtu && packet_header_checksum_is_good(sent->bytes) &&
                     whole.id == packet_get16(sent->bytes + 4);
        if (at == 0)
            memcpy(whole.bytes, sent->bytes, 20);
        memcpy(whole.bytes + 20 + at, sent->bytes + 20, sent->length - 20);
        whole.received += sent->length - 20;
        if ((field & MORE_FRAGMENTS) == 0)
            whole.total = at + sent->length - 20;
    }
}

// Whether it is whole now, and what `spec` makes with a TTL one lower.
static bool whole_is(struct packet_spec spec) {
    static uint8_t expected[66000];
    spec.ttl = 63;
    size_t length = packet_make(expected, &spec);
    return whole.good && whole.received == length - 20 && whole.total == length - 20 &&
           memcmp(whole.bytes + 8, expected + 8, 2) == 0 &&
           memcmp(whole.bytes + 12, expected + 12, length - 12) == 0;
}

static struct packet_spec big(struct packet_spec spec, size_t payload) {
    spec.payload_length = payload;
    return spec;
}

static bool has_no_fragments(void) {
    for (size_t i = 0; i < NAT_DATAGRAMS; i++)
        if (nat.datagrams[i].used)
            return false;
    for (size_t i = 0; i < NAT_HELD_FRAGMENTS; i++)
        if (nat.held[i].datagram != NULL)
            return false;
    return true;
}

// The order of the pieces: as they are, backwards, first last, or random.
static size_t order(int kind, size_t i, size_t count) {
    return kind == 0   ? i
           : kind == 1 ? count - 1 - i
           : kind == 2 ? (i + 1) % count
                       : (i * 11) % count;
}

static void every_order(void) {
    struct packet_spec specs[] = {big(udp(5000), 5000), big(echo(5000), 4001),
                                  big(udp(5000), 20000), big(tcp(5000, TCP_SYN), 3000)};
    for (size_t s = 0; s < COUNT(specs); s++)
        for (int kind = 0; kind < 4; kind++) {
            test_row("packet %u, order %d", (unsigned)s, kind);
            lab_start();
            cut_up(specs[s], 7, s == 2 ? 1000 : 1480);
            CHECK(kind != 3 || cut.count % 11 != 0);
            whole_start();
            for (size_t i = 0; i < cut.count; i++) {
                size_t which = order(kind, i, cut.count);
                enum nat_verdict verdict = piece_out(1, which);
                CHECK(verdict == NAT_PASS || verdict == NAT_HELD);
                whole_add(TO_WIRE, 0, 1500);
            }
            CHECK(has_no_fragments());
            uint16_t port = source_port_of(whole.bytes);
            CHECK(whole_is(from(specs[s], OUTSIDE, port)));
            struct packet_spec back = answer(specs[s], port);
            cut_up(back, 9, s == 2 ? 1000 : 1480);
            whole_start();
            for (size_t i = 0; i < cut.count; i++) {
                enum nat_verdict verdict = piece_in(order(kind, i, cut.count));
                CHECK(verdict == NAT_PASS || verdict == NAT_HELD);
                whole_add(TO_LAPTOP, 1, 1500);
            }
            CHECK(has_no_fragments());
            CHECK_INT(whole.id, 9);
            CHECK(whole_is(delivered(back, INSIDE, 5000)));
        }
}

static void the_largest(void) {
    lab_start();
    struct packet_spec spec = big(udp(5000), 65507);
    cut_up(spec, 7, 1480);
    for (int kind = 0; kind < 2; kind++) {
        whole_start();
        for (size_t i = 0; i < cut.count; i++) {
            CHECK(piece_out(0, order(kind, i, cut.count)) <= NAT_HELD);
            whole_add(TO_WIRE, 0, 1500);
        }
        CHECK(whole_is(from(spec, OUTSIDE, source_port_of(whole.bytes))));
    }
    CHECK(has_no_fragments());
    CHECK_INT(nat.dropped[NAT_FRAGMENT], 0);
}

// Two laptops whose datagrams have equal identification, addresses and protocol.
static void equal_identification(void) {
    static uint8_t second[2][1600];
    int ids[2];
    lab_start();
    struct packet_spec spec = big(udp(5000), 2000);
    cut_up(spec, 7, 1480);
    CHECK_INT(cut.count, 2);
    memcpy(second, cut.bytes, sizeof second);
    for (uint16_t laptop = 0; laptop < 2; laptop++) {
        CHECK_INT(piece_out(laptop, 0), NAT_PASS);
        ids[laptop] = packet_get16(lab.sent[0].bytes + 4);
    }
    CHECK(ids[0] != ids[1]);
    for (uint16_t laptop = 0; laptop < 2; laptop++) {
        CHECK_INT(piece_out(laptop, 1), NAT_PASS);
        CHECK_INT(packet_get16(lab.sent[0].bytes + 4), ids[laptop]);
    }
    // And so have those that need no fragments yet.
    CHECK(port_out(0, udp(5000)) != 0);
    int third = packet_get16(lab.sent[0].bytes + 4);
    CHECK(port_out(1, udp(5000)) != 0);
    CHECK(third != packet_get16(lab.sent[0].bytes + 4));
}

// To one receiver that takes both from one address, the outside one.
static void equal_identification_inside(void) {
    int ids[2];
    lab_start();
    uint16_t port = port_out(3, udp(6000));
    for (int host = 0; host < 2; host++) {
        test_row("%s", host ? "to the server" : "hairpins");
        cut_up(big(to(udp(5000), OUTSIDE, host ? 53 : port), 2000), (uint16_t)(7 + host), 1480);
        for (uint16_t laptop = 0; laptop < 2; laptop++) {
            CHECK_INT(piece_out(laptop, 0), NAT_PASS);
            ids[laptop] = packet_get16(lab.sent[0].bytes + 4);
        }
        CHECK(ids[0] != ids[1]);
    }
}

static void hairpins(void) {
    for (int host = 0; host < 2; host++)
        for (int kind = 0; kind < 2; kind++) {
            test_row("%s, order %d", host ? "to the server" : "hairpin", kind);
            lab_start();
            uint16_t a = port_out(1, udp(5000));
            uint16_t b = port_out(2, udp(6000));
            struct packet_spec spec = big(to(udp(5000), OUTSIDE, host ? 53 : b), 4000);
            cut_up(spec, 7, 1480);
            whole_start();
            for (size_t i = 0; i < cut.count; i++) {
                CHECK(piece_out(1, order(kind, i, cut.count)) <= NAT_HELD);
                whole_add(host ? TO_HOST : TO_LAPTOP, host ? 0 : 2, 1500);
            }
            CHECK(whole_is(host ? from(spec, HOST, a)
                                : delivered(from(spec, OUTSIDE, a), INSIDE, 6000)));
            CHECK(has_no_fragments());
        }
}

static void duplicates(void) {
    lab_start();
    cut_up(big(udp(5000), 5000), 7, 1480);
    CHECK_INT(piece_out(0, 0), NAT_PASS);
    CHECK_INT(piece_out(0, 0), NAT_FRAGMENT);
    CHECK_INT(piece_out(0, 1), NAT_PASS);
    CHECK_INT(piece_out(0, 1), NAT_FRAGMENT);
    CHECK_INT(lab.count, 0);
    CHECK_INT(piece_out(0, 2), NAT_PASS); // the datagram goes on
    CHECK_INT(piece_out(0, 3), NAT_PASS);
    CHECK(has_no_fragments());
}

// A fragment of a datagram from byte `at` on, `length` bytes.
static enum nat_verdict part_out(uint16_t laptop, uint16_t id, size_t at, size_t length,
                                 bool last) {
    struct packet_spec spec = big(udp(5000), length < 8 ? 8 : length - 8);
    spec.id = id;
    spec.fragment = (uint16_t)(at / 8 | (last ? 0 : MORE_FRAGMENTS));
    size_t total = packet_make(lab_packet, &spec);
    if (at == 0)
        packet_put16(lab_packet + 24, 4000);
    packet_put16(lab_packet + 2, (uint32_t)(20 + length));
    packet_fill_header_checksum(lab_packet);
    return out_bytes(laptop, lab_packet, total < 20 + length ? total : 20 + length);
}

static void overlaps(void) {
    static const struct {
        const char *what;
        size_t at[3], length[3];
        bool last[3];
    } rows[] = {
        {"over the end of the first", {0, 160, 72}, {80, 80, 24}, {false, false, false}},
        {"over two", {0, 160, 72}, {80, 80, 96}, {false, false, false}},
        {"behind the last", {0, 160, 240}, {80, 80, 80}, {false, true, false}},
        {"another last", {0, 160, 80}, {80, 80, 40}, {false, true, true}},
        {"a last before what was seen", {0, 160, 80}, {80, 80, 40}, {false, false, true}},
        {"odd, but not the last", {0, 80, 160}, {80, 75, 80}, {false, false, false}},
        {"beyond 65535", {0, 80, 65528}, {80, 80, 80}, {false, false, true}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        test_row("%s", rows[i].what);
        lab_start();
        enum nat_verdict worst = NAT_PASS;
        for (size_t n = 0; n < 3 && worst == NAT_PASS; n++)
            worst = part_out(0, 7, rows[i].at[n], rows[i].length[n], rows[i].last[n]);
        CHECK_INT(worst, NAT_FRAGMENT);
        CHECK_INT(part_out(0, 7, 800, 80, false), NAT_FRAGMENT); // all that follows goes
        CHECK_INT(part_out(0, 8, 0, 80, false), NAT_PASS);       // but not another datagram
    }
}

static void overlap_before_the_first(void) {
    lab_start();
    CHECK_INT(part_out(0, 7, 80, 80, false), NAT_HELD);
    CHECK_INT(part_out(0, 7, 120, 80, false), NAT_FRAGMENT);
    CHECK_INT(part_out(0, 7, 0, 80, false), NAT_FRAGMENT);
    CHECK_INT(lab.count, 0);
}

static void tiny_first(void) {
    uint8_t bytes[64];
    lab_start();
    for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
        struct packet_spec spec = is_tcp ? tcp(5000, TCP_SYN) : udp(5000);
        spec.fragment = MORE_FRAGMENTS;
        spec.payload_length = 0;
        packet_make(bytes, &spec);
        size_t full = is_tcp ? 20 : 8;
        for (size_t length = 0; length < full; length += 4) {
            test_row("protocol %u, %u bytes", spec.protocol, (unsigned)length);
            packet_put16(bytes + 2, (uint32_t)(20 + length));
            packet_fill_header_checksum(bytes);
            CHECK_INT(out_bytes(0, bytes, 20 + length), NAT_BAD_PACKET);
            CHECK_INT(in_bytes(bytes, 20 + length, NULL), NAT_BAD_PACKET);
        }
    }
    CHECK(is_empty());
    // Nor may a fragment at 8 write over TCP's flags (RFC 3128).
    struct packet_spec spec = tcp(5000, TCP_SYN);
    spec.fragment = MORE_FRAGMENTS;
    spec.payload_length = 20;
    CHECK_INT(out(0, spec), NAT_PASS);
    spec.fragment = MORE_FRAGMENTS | 1;
    CHECK_INT(out(0, spec), NAT_FRAGMENT);
}

static void never_ending(void) {
    lab_start();
    for (uint16_t id = 0; id < 10; id++) {
        CHECK_INT(part_out(0, id, 0, 80, false), NAT_PASS);
        CHECK_INT(part_out(1, id, 80, 80, false), NAT_HELD);
    }
    lab_wait(30 * SECOND - 1);
    CHECK_INT(part_out(0, 3, 80, 80, false), NAT_PASS);
    lab_wait(1); // however much was there in between
    CHECK(has_no_fragments());
    CHECK_INT(lab.count, 0);
    CHECK_INT(nat.dropped[NAT_FRAGMENT], 10); // those held
    CHECK_INT(part_out(0, 3, 160, 80, false), NAT_HELD);
}

static void the_table_is_full(void) {
    lab_start();
    CHECK_INT(part_out(1, 1, 0, 80, false), NAT_PASS);
    CHECK_INT(part_out(2, 1, 0, 80, false), NAT_PASS);
    for (uint16_t id = 0; id < 1000; id++) {
        lab.now_ms++;
        CHECK_INT(part_out(0, id, 0, 80, false), NAT_PASS);
    }
    CHECK_INT(part_out(1, 1, 80, 80, true), NAT_PASS); // still there
    CHECK_INT(part_out(2, 1, 80, 80, true), NAT_PASS);
    CHECK_INT(part_out(0, 999, 80, 80, true), NAT_PASS); // the newest
    CHECK_INT(part_out(0, 1, 80, 80, true), NAT_HELD);   // the oldest went
}

// A laptop whose fragments never have a first does not keep another's from waiting for theirs.
static void the_pool_is_full(void) {
    lab_start();
    for (size_t i = 1; i <= 200; i++) {
        enum nat_verdict verdict = part_out(0, (uint16_t)(i % 5), 80 * i, 80, false);
        CHECK(verdict == NAT_HELD || verdict == NAT_FRAGMENT);
    }
    CHECK_INT(part_out(1, 1, 80, 80, true), NAT_HELD);
    CHECK_INT(part_out(1, 1, 0, 80, false), NAT_PASS);
    CHECK_INT(lab.count, 2);
}

// Laptop 0 too: a datagram without its first fragment is for nobody yet.
static void another_laptop_goes(void) {
    for (uint16_t gone = 0; gone < 3; gone += 2) {
        test_row("laptop %u", (unsigned)gone);
        lab_start();
        CHECK_INT(part_out(1, 1, 80, 80, true), NAT_HELD);
        nat_forget_laptop(&nat, gone);
        CHECK_INT(part_out(1, 1, 0, 80, false), NAT_PASS);
        CHECK_INT(lab.count, 2);
    }
}

// What its first fragment is refused for, the others are refused for too; they wait for nothing.
static void refused(void) {
    struct packet_spec spec = big(to(udp(5000), ADDRESS(10, 9, 9, 9), 53), 4000);
    for (int kind = 0; kind < 2; kind++) {
        test_row("order %d", kind);
        lab_start();
        cut_up(spec, 7, 1480);
        size_t answers = 0;
        for (size_t i = 0; i < cut.count; i++) {
            CHECK(piece_out(0, order(kind, i, cut.count)) != NAT_PASS);
            answers += lab.count;
        }
        CHECK_INT(answers, 1);
        for (size_t i = 0; i < NAT_HELD_FRAGMENTS; i++) CHECK(nat.held[i].datagram == NULL);
    }
}

static void too_big_ones_are_cut(void) {
    struct nat_config config = lab_config();
    config.outside_mtu = 1280;
    config.inside_mtu = 1000;
    lab_start_with(&config);
    struct packet_spec spec = big(udp(5000), 1472);
    CHECK_INT(out(1, spec), NAT_PASS);
    CHECK_INT(lab.count, 2);
    whole_start();
    whole_add(TO_WIRE, 0, 1280);
    uint16_t port = source_port_of(whole.bytes);
    CHECK(whole_is(from(spec, OUTSIDE, port)));
    CHECK(!lab.sent[0].lasting && !lab.sent[1].lasting);
    struct packet_spec back = big(answer(spec, port), 2900);
    CHECK_INT(in(back), NAT_PASS);
    CHECK_INT(lab.count, 3);
    whole_start();
    whole_add(TO_LAPTOP, 1, 1000);
    CHECK(whole_is(to(back, INSIDE, 5000)));
    // Fragments that are too big themselves.
    for (int kind = 0; kind < 2; kind++) {
        test_row("order %d", kind);
        cut_up(big(udp(5000), 5000), 7, 1480);
        whole_start();
        for (size_t i = 0; i < cut.count; i++) {
            CHECK(piece_out(1, order(kind, i, cut.count)) <= NAT_HELD);
            whole_add(TO_WIRE, 0, 1280);
        }
        CHECK(whole_is(big(from(udp(5000), OUTSIDE, port), 5000)));
    }
}

static void not_to_be_cut(void) {
    struct nat_config config = lab_config();
    config.outside_mtu = 1280;
    lab_start_with(&config);
    cut_up(big(udp(5000), 5000), 7, 1480);
    for (size_t i = 0; i < cut.count; i++) {
        packet_put16(cut.bytes[i] + 6, packet_get16(cut.bytes[i] + 6) | DONT_FRAGMENT);
        packet_fill_header_checksum(cut.bytes[i]);
    }
    CHECK_INT(piece_out(0, 0), NAT_TOO_BIG);
    CHECK(is_error(only(TO_LAPTOP), ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED));
    CHECK_INT(packet_get16(lab.sent[0].bytes + 26), 1280);
    // A small first one passes; a later one that does not fit is not cut either.
    static uint8_t bytes[1600];
    CHECK_INT(part_out(0, 8, 0, 80, false), NAT_PASS);
    struct packet_spec later = big(udp(5000), 1472);
    later.id = 8;
    later.fragment = DONT_FRAGMENT | MORE_FRAGMENTS | 10;
    size_t length = packet_make(bytes, &later);
    CHECK_INT(out_bytes(0, bytes, length), NAT_TOO_BIG);
    CHECK_INT(lab.count, 0);
}

int main(void) {
    TEST("RFC 4787 REQ-14: fragments pass in any order, both ways", every_order);
    TEST("RFC 4787 REQ-14a: the largest datagram passes, in order and backwards", the_largest);
    TEST("laptops whose datagrams have equal identification have different ones outside",
         equal_identification);
    TEST("and at a laptop or at the server that takes both from one address",
         equal_identification_inside);
    TEST("fragments of hairpins, and for the server itself", hairpins);
    TEST("a fragment that comes twice goes on once", duplicates);
    TEST("RFC 1858: fragments that overlap or lie end their datagram", overlaps);
    TEST("and so they do before the first has come", overlap_before_the_first);
    TEST("RFC 1858, RFC 3128: tiny first fragments are refused, and the transport header is not "
         "written over",
         tiny_first);
    TEST("a datagram that never ends is forgotten after 30 s", never_ending);
    TEST("when the table is full, the oldest of who has most gives way", the_table_is_full);
    TEST("when the pool is full of one laptop's fragments, another's may wait", the_pool_is_full);
    TEST("fragments wait on when another laptop is forgotten", another_laptop_goes);
    TEST("fragments of a datagram that is refused do not wait", refused);
    TEST("RFC 4787 REQ-13: what is too big for the next link is cut", too_big_ones_are_cut);
    TEST("RFC 4787 REQ-13: what must not be cut is not, and the laptop is told", not_to_be_cut);
    return test_end();
}
