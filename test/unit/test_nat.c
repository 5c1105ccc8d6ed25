// SPDX-License-Identifier: ISC
// The NAT: mappings, filtering, ports, time, hairpins and destinations (RFC 4787). TCP, ICMP,
// fragments and fair shares have files of their own.
#include "nat_lab.h"

// ---- mapping ----

static void there_and_back(void) {
    struct packet_spec specs[] = {udp(5000), tcp(5000, TCP_SYN), echo(5000)};
    lab_start();
    for (size_t i = 0; i < COUNT(specs); i++) {
        test_row("protocol %u", specs[i].protocol);
        uint16_t port = port_out(3, specs[i]);
        CHECK(port >= 20000 && port <= 32767);
        CHECK(is_sent(TO_WIRE, from(specs[i], OUTSIDE, port)));
        CHECK(lab.sent[0].lasting);
        struct packet_spec back = answer(specs[i], port);
        back.tcp_flags = TCP_SYN | TCP_ACK;
        CHECK_INT(in(back), NAT_PASS);
        CHECK(arrives_at(3, delivered(back, INSIDE, 5000)));
    }
    CHECK_INT(nat.mapping_count, 3);
    CHECK_INT(nat.connection_count, 1);
}

static void one_port_for_all_destinations(void) {
    struct packet_spec specs[] = {udp(5000), tcp(5000, TCP_SYN), echo(5000)};
    lab_start();
    for (size_t i = 0; i < COUNT(specs); i++) {
        uint16_t port = port_out(0, specs[i]);
        for (uint16_t n = 0; n < 100; n++) {
            test_row("protocol %u, destination %u", specs[i].protocol, n);
            CHECK_INT(port_out(0, to(specs[i], REMOTE + n % 10, (uint16_t)(1000 + n))), port);
        }
    }
    CHECK_INT(nat.mapping_count, 3);
}

static void endpoints_never_share_a_port(void) {
    static bool seen[65536];
    lab_start();
    memset(seen, 0, sizeof seen);
    for (uint16_t laptop = 0; laptop < NAT_LAPTOPS; laptop++)
        for (uint16_t address = 0; address < 3; address++)
            for (uint16_t port = 1; port < 10; port++) {
                uint16_t outside = port_out(laptop, from(udp(port), INSIDE + address, port));
                CHECK(outside != 0 && !seen[outside]);
                seen[outside] = true;
            }
    CHECK_INT(nat.mapping_count, NAT_LAPTOPS * 3 * 9);
}

static void ports_stay_in_their_range(void) {
    struct nat_config config = lab_config();
    config.port_low = 65400;
    config.port_high = 65535;
    lab_start_with(&config);
    for (uint16_t port = 1; port <= 60; port++) CHECK(port_out(0, udp(port)) >= 65400);
}

static void laptops_are_separate(void) {
    lab_start();
    uint16_t a = port_out(1, udp(5000));
    uint16_t b = port_out(2, udp(5000));
    CHECK(a != b);
    CHECK_INT(in(answer(udp(5000), a)), NAT_PASS);
    CHECK(arrives_at(1, to(answer(udp(5000), a), INSIDE, 5000)));
    CHECK_INT(in(answer(udp(5000), b)), NAT_PASS);
    CHECK(arrives_at(2, to(answer(udp(5000), b), INSIDE, 5000)));
    // Another laptop's inside address leads nowhere.
    CHECK_INT(out(1, to(udp(6000), INSIDE, 5000)), NAT_REFUSED);
}

// ---- filtering ----

static void everybody_may_answer(void) {
    lab_start();
    uint16_t port = port_out(0, udp(5000));
    CHECK_INT(in(from(answer(udp(5000), port), OTHER, 7777)), NAT_PASS);
    CHECK(arrives_at(0, to(from(answer(udp(5000), port), OTHER, 7777), INSIDE, 5000)));
    CHECK_INT(nat.connection_count, 0);
}

static void without_mapping_nobody(void) {
    lab_start();
    uint16_t port = port_out(0, udp(5000));
    uint16_t none = port == 20000 ? 20001 : 20000;
    CHECK_INT(in(answer(udp(5000), none)), NAT_NO_MAPPING);
    CHECK_INT(in(answer(tcp(5000, TCP_ACK), port)), NAT_NO_MAPPING);
    CHECK_INT(in(answer(echo(1), port)), NAT_NO_MAPPING);
    CHECK_INT(in(to(answer(udp(5000), port), OUTSIDE + 1, port)), NAT_NO_MAPPING);
    CHECK_INT(lab.count, 0);
    CHECK_INT(nat.dropped[NAT_NO_MAPPING], 4);
}

static void only_addresses_sent_to(void) {
    struct nat_config config = lab_config();
    config.filter_by_address = true;
    lab_start_with(&config);
    uint16_t port = port_out(0, udp(5000));
    CHECK_INT(in(from(answer(udp(5000), port), OTHER, 53)), NAT_FILTERED);
    CHECK_INT(lab.count, 0);
    CHECK_INT(in(from(answer(udp(5000), port), REMOTE, 9999)), NAT_PASS); // any port of it
    CHECK_INT(port_out(0, to(udp(5000), OTHER, 1)), port);
    CHECK_INT(in(from(answer(udp(5000), port), OTHER, 53)), NAT_PASS);
    // A permission is the endpoint's own.
    uint16_t second = port_out(0, udp(5001));
    CHECK_INT(in(from(answer(udp(5001), second), OTHER, 53)), NAT_FILTERED);
    // And ends with its own last use, though the mapping lives on.
    lab_wait(3 * MINUTE);
    CHECK_INT(port_out(0, udp(5000)), port);
    lab_wait(3 * MINUTE);
    CHECK_INT(in(from(answer(udp(5000), port), OTHER, 53)), NAT_FILTERED);
    CHECK_INT(in(answer(udp(5000), port)), NAT_PASS);
    lab_wait(6 * MINUTE);
    CHECK(is_empty());
}

static void a_new_mapping_has_no_old_permissions(void) {
    struct nat_config config = lab_config();
    config.filter_by_address = true;
    config.port_high = config.port_low + 63;
    lab_start_with(&config);
    // The mapping goes, its place and its port are used again before its permission is out of time.
    uint32_t serial = nat.next_serial;
    CHECK(port_out(0, to(udp(5000), OTHER, 1)) != 0);
    lab_wait(MINUTE);
    nat_forget_laptop(&nat, 0);
    CHECK(nat.next_serial != serial);
    for (uint16_t port = 1; port < 33; port++) {
        uint16_t outside = port_out(0, udp(port));
        CHECK(outside != 0);
        CHECK_INT(in(from(answer(udp(port), outside), OTHER, 1)), NAT_FILTERED);
    }
}

// ---- time ----

static void udp_lives_five_minutes(void) {
    lab_start();
    uint16_t port = port_out(0, udp(5000));
    lab_wait(5 * MINUTE - 1);
    CHECK_INT(in(answer(udp(5000), port)), NAT_PASS);
    lab_wait(1);
    CHECK_INT(in(answer(udp(5000), port)), NAT_NO_MAPPING);
    CHECK(is_empty());
}

static void outbound_refreshes(void) {
    lab_start();
    uint16_t port = port_out(0, udp(5000));
    for (int i = 0; i < 10; i++) {
        lab_wait(4 * MINUTE);
        CHECK_INT(port_out(0, to(udp(5000), OTHER, 1)), port);
    }
    lab_wait(4 * MINUTE);
    CHECK_INT(in(answer(udp(5000), port)), NAT_PASS);
}

static void inbound_does_not(void) {
    lab_start();
    uint16_t port = port_out(0, udp(5000));
    for (int i = 0; i < 4; i++) {
        lab_wait(MINUTE);
        CHECK_INT(in(answer(udp(5000), port)), NAT_PASS);
    }
    lab_wait(MINUTE);
    CHECK_INT(in(answer(udp(5000), port)), NAT_NO_MAPPING);
}

static void expiry_is_in_order_of_use(void) {
    lab_start();
    for (uint16_t i = 0; i < 300; i++) {
        CHECK(port_out(i % 4, udp((uint16_t)(1000 + i))) != 0);
        lab_wait(SECOND);
    }
    for (uint16_t i = 0; i < 300; i++) {
        CHECK_INT(nat.mapping_count, 299 - i);
        lab_wait(SECOND);
    }
    CHECK(is_empty());
}

static void errors_never_remove(void) {
    static const uint8_t kinds[][2] = {{3, 0}, {3, 1}, {3, 2}, {3, 3}, {3, 13}, {11, 0}, {12, 0}};
    uint8_t error[128], left[64];
    lab_start();
    struct packet_spec specs[] = {udp(5000), tcp(5000, TCP_SYN), echo(5000)};
    for (size_t s = 0; s < COUNT(specs); s++) {
        uint16_t port = port_out(0, specs[s]);
        size_t length = lab.sent[0].length;
        memcpy(left, lab.sent[0].bytes, length);
        for (size_t i = 0; i < COUNT(kinds); i++) {
            test_row("protocol %u, error %u/%u", specs[s].protocol, kinds[i][0], kinds[i][1]);
            CHECK_INT(in_bytes(error,
                               error_make(error, REMOTE, OUTSIDE, kinds[i][0], kinds[i][1], 0, left,
                                          length),
                               NULL),
                      NAT_PASS);
            CHECK_INT(in(answer(specs[s], port)), NAT_PASS);
        }
    }
    CHECK_INT(nat.mapping_count, 3);
}

// ---- hairpins ----

static void hairpin(void) {
    lab_start();
    uint16_t a = port_out(1, udp(5000));
    uint16_t b = port_out(2, udp(6000));
    struct packet_spec there = to(udp(5000), OUTSIDE, b);
    CHECK_INT(out(1, there), NAT_PASS);
    CHECK(arrives_at(2, to(from(there, OUTSIDE, a), INSIDE, 6000)));
    struct packet_spec back = to(udp(6000), OUTSIDE, a);
    CHECK_INT(out(2, back), NAT_PASS);
    CHECK(arrives_at(1, to(from(back, OUTSIDE, b), INSIDE, 5000)));
    // To itself, and without a mapping of the sender's yet.
    CHECK_INT(out(1, to(udp(5000), OUTSIDE, a)), NAT_PASS);
    CHECK(arrives_at(1, to(from(udp(5000), OUTSIDE, a), INSIDE, 5000)));
    CHECK_INT(out(3, to(udp(7000), OUTSIDE, a)), NAT_PASS);
    CHECK_INT(packet_get32(lab.sent[0].bytes + 12), OUTSIDE);
    CHECK_INT(nat.mapping_count, 3);
    // Nobody's port.
    uint16_t nobody = 20000;
    while (nat_ports_is_taken(&nat.ports[NAT_UDP], nobody)) nobody++;
    CHECK_INT(out(1, to(udp(5000), OUTSIDE, nobody)), NAT_NO_MAPPING);
    CHECK_INT(lab.count, 0);
}

static void hairpin_is_filtered(void) {
    struct nat_config config = lab_config();
    config.filter_by_address = true;
    lab_start_with(&config);
    uint16_t a = port_out(1, udp(5000));
    uint16_t b = port_out(2, udp(6000));
    CHECK_INT(out(1, to(udp(5000), OUTSIDE, b)), NAT_FILTERED);
    CHECK_INT(out(2, to(udp(6000), OUTSIDE, a)), NAT_PASS);
    CHECK_INT(out(1, to(udp(5000), OUTSIDE, b)), NAT_PASS);
}

// A hairpin refreshes the sender's mapping, for it goes out, but not the receiver's.
static void hairpin_refreshes_the_sender(void) {
    lab_start();
    uint16_t a = port_out(1, udp(5000));
    uint16_t b = port_out(2, udp(6000));
    lab_wait(4 * MINUTE);
    CHECK_INT(out(1, to(udp(5000), OUTSIDE, b)), NAT_PASS);
    lab_wait(MINUTE);
    CHECK_INT(in(answer(udp(6000), b)), NAT_NO_MAPPING);
    CHECK_INT(in(answer(udp(5000), a)), NAT_PASS);
}

// ---- destinations and sources ----

static void refused_destinations(void) {
    static const struct {
        uint32_t address;
        bool open; // with allow_private
        bool answered;
    } rows[] = {
        {ADDRESS(10, 1, 2, 3), true, true},       {ADDRESS(172, 16, 0, 1), true, true},
        {ADDRESS(192, 168, 1, 1), true, true},    {ADDRESS(100, 64, 0, 1), true, true},
        {ADDRESS(127, 0, 0, 1), false, false},    {ADDRESS(169, 254, 169, 254), false, true},
        {ADDRESS(168, 63, 129, 16), false, true}, {ADDRESS(224, 0, 0, 1), false, false},
        {ADDRESS(239, 1, 1, 1), false, false},    {ADDRESS(255, 255, 255, 255), false, false},
        {ADDRESS(0, 0, 0, 0), false, false},      {ADDRESS(240, 0, 0, 1), false, false},
    };
    for (int allow = 0; allow < 2; allow++) {
        struct nat_config config = lab_config();
        config.allow_private = allow != 0;
        lab_start_with(&config);
        for (size_t i = 0; i < COUNT(rows); i++) {
            test_row("%08x, private %s", (unsigned)rows[i].address, allow ? "allowed" : "refused");
            enum nat_verdict verdict = out(0, to(udp(5000), rows[i].address, 80));
            if (allow && rows[i].open) {
                CHECK_INT(verdict, NAT_PASS);
                continue;
            }
            CHECK_INT(verdict, NAT_REFUSED);
            CHECK_INT(lab.count, rows[i].answered ? 1 : 0);
            if (!rows[i].answered)
                continue;
            CHECK(is_error(only(TO_LAPTOP), ICMP_UNREACHABLE, ICMP_PROHIBITED));
            CHECK_INT(packet_get32(lab.sent[0].bytes + 12), OUTSIDE);
            CHECK_INT(packet_get32(lab.sent[0].bytes + 16), INSIDE);
            CHECK_BYTES(lab.sent[0].bytes + 28, lab_packet, 48); // as it came
        }
        CHECK_INT(nat.mapping_count, allow);
    }
}

static void spoofed_sources(void) {
    static const uint32_t sources[] = {
        ADDRESS(8, 8, 8, 8),
        ADDRESS(127, 0, 0, 1),
        ADDRESS(169, 254, 1, 1),
        ADDRESS(0, 0, 0, 0),
        ADDRESS(224, 0, 0, 1),
        UINT32_MAX,
        OUTSIDE,
    };
    lab_start();
    for (size_t i = 0; i < COUNT(sources); i++) {
        test_row("%08x", (unsigned)sources[i]);
        CHECK_INT(out(0, from(udp(1), sources[i], 1)), NAT_BAD_SOURCE);
        CHECK_INT(lab.count, 0);
    }
    CHECK(is_empty());
    // The outside address may be a private one (a cloud's), and is not a laptop's either then.
    struct nat_config config = lab_config();
    config.outside_address = ADDRESS(172, 31, 5, 5);
    lab_start_with(&config);
    CHECK_INT(out(0, from(udp(1), ADDRESS(172, 31, 5, 5), 1)), NAT_BAD_SOURCE);
}

static void odd_packets(void) {
    uint8_t bytes[64];
    struct packet_spec spec = udp(5000);
    lab_start();
    spec.payload_length = 0;
    spec.ip_options = 8;
    size_t length = packet_make(bytes, &spec);
    CHECK_INT(out_bytes(0, bytes, length), NAT_PASS); // no-operations do no harm
    static const uint8_t routes[] = {131, 137};
    for (size_t i = 0; i < COUNT(routes); i++) {
        packet_make(bytes, &spec);
        bytes[20] = routes[i];
        bytes[21] = 7;
        packet_fill_header_checksum(bytes);
        CHECK_INT(out_bytes(0, bytes, length), NAT_SOURCE_ROUTE);
        CHECK_INT(in_bytes(bytes, length, NULL), NAT_SOURCE_ROUTE);
    }
    spec.ip_options = 0;
    length = packet_make(bytes, &spec);
    bytes[9] = 47; // GRE
    packet_fill_header_checksum(bytes);
    CHECK_INT(out_bytes(0, bytes, length), NAT_PROTOCOL);
    bytes[0] = 0x65;
    CHECK_INT(out_bytes(0, bytes, length), NAT_NOT_IPV4);
    CHECK_INT(in_bytes(bytes, length, NULL), NAT_NOT_IPV4);
    packet_make(bytes, &spec);
    bytes[10] ^= 1;
    CHECK_INT(out_bytes(0, bytes, length), NAT_BAD_PACKET);
    CHECK_INT(in_bytes(bytes, length, NULL), NAT_BAD_PACKET);
    packet_make(bytes, &spec);
    for (size_t cut = 0; cut < length; cut++) {
        CHECK_INT(out_bytes(0, bytes, cut), NAT_BAD_PACKET);
        CHECK_INT(in_bytes(bytes, cut, NULL), NAT_BAD_PACKET);
    }
    CHECK_INT(lab.count, 0);
}

// ---- the server itself ----

static void to_the_host_and_back(void) {
    lab_start();
    struct packet_spec specs[] = {tcp(5000, TCP_SYN), udp(5000), echo(5000)};
    for (size_t i = 0; i < COUNT(specs); i++) {
        test_row("protocol %u", specs[i].protocol);
        struct packet_spec there = to(specs[i], OUTSIDE, 22);
        CHECK_INT(out(4, there), NAT_PASS);
        CHECK(only(TO_HOST) != NULL);
        uint16_t port = source_port_of(lab.sent[0].bytes);
        CHECK(is_sent(TO_HOST, from(there, HOST, port)));
        struct packet_spec back = answer(there, port);
        back.destination = HOST;
        back.tcp_flags = TCP_SYN | TCP_ACK;
        CHECK_INT(from_host(back), NAT_PASS);
        CHECK(arrives_at(4, delivered(back, INSIDE, 5000)));
        CHECK_INT(in(back), NAT_NO_MAPPING); // from the wire, HOST is not our address
    }
}

static void without_a_host_stack(void) {
    struct nat_config config = lab_config();
    config.output.to_host = NULL;
    lab_start_with(&config);
    CHECK_INT(out(0, to(tcp(5000, TCP_SYN), OUTSIDE, 22)), NAT_REFUSED);
    CHECK(is_error(only(TO_LAPTOP), ICMP_UNREACHABLE, ICMP_PROHIBITED));
}

// Whatever it is, and though private destinations are refused otherwise.
static void other_own_addresses(void) {
    static const uint32_t others[] = {ADDRESS(203, 0, 113, 77), ADDRESS(172, 31, 5, 6)};
    struct nat_config config = lab_config();
    config.own_addresses[0] = others[0];
    config.own_addresses[3] = others[1];
    lab_start_with(&config);
    for (size_t i = 0; i < COUNT(others); i++) {
        struct packet_spec there = to(tcp(5000, TCP_SYN), others[i], 22);
        CHECK_INT(out(4, there), NAT_PASS);
        CHECK(only(TO_HOST) != NULL);
        struct packet_spec back = answer(there, source_port_of(lab.sent[0].bytes));
        back.destination = HOST;
        CHECK_INT(from_host(back), NAT_PASS);
        CHECK(arrives_at(4, delivered(back, INSIDE, 5000)));
    }
    CHECK_INT(out(4, to(tcp(5000, TCP_SYN), ADDRESS(172, 31, 5, 7), 22)), NAT_REFUSED);
}

// None of them is a sender's on the wire. Only the host's own stack sends from them.
static void own_sources(void) {
    static const uint32_t ours[] = {ADDRESS(203, 0, 113, 77), ADDRESS(172, 31, 5, 6), OUTSIDE};
    struct nat_config config = lab_config();
    config.own_addresses[0] = ours[0];
    config.own_addresses[NAT_OWN_ADDRESSES - 1] = ours[1];
    lab_start_with(&config);
    struct packet_spec to_mapped = answer(udp(5000), port_out(0, udp(5000)));
    for (size_t i = 0; i < COUNT(ours); i++) {
        test_row("%08x", (unsigned)ours[i]);
        CHECK_INT(in(from(to_mapped, ours[i], 53)), NAT_BAD_SOURCE);
        CHECK_INT(lab.count, 0);
        CHECK_INT(in(from(to_mapped, ours[i] + 1, 53)), NAT_PASS);
    }
}

static void reserved_ports(void) {
    struct nat_config config = lab_config();
    config.port_high = config.port_low + 99;
    lab_start_with(&config);
    for (uint16_t port = 20000; port < 20050; port++) nat_ports_reserve(&nat.ports[NAT_UDP], port);
    for (uint16_t port = 1; port <= 25; port++) CHECK(port_out(0, udp(port)) >= 20050);
    CHECK_INT(out(0, to(udp(5), OUTSIDE, 20007)), NAT_PASS);
    CHECK(only(TO_HOST) != NULL);
    CHECK_INT(out(0, to(tcp(5, TCP_SYN), OUTSIDE, 20007)), NAT_NO_MAPPING); // TCP's is the NAT's
}

int main(void) {
    TEST("UDP, TCP and ICMP go out from an outside endpoint, and answers come back",
         there_and_back);
    TEST("RFC 4787 REQ-1: one inside endpoint has one outside port for all destinations",
         one_port_for_all_destinations);
    TEST("RFC 4787 REQ-3: no two inside endpoints share an outside port",
         endpoints_never_share_a_port);
    TEST("RFC 4787 REQ-3: ports stay in their range, up to 65535", ports_stay_in_their_range);
    TEST("laptops with equal inside endpoints are separate", laptops_are_separate);
    TEST("RFC 4787 REQ-8: UDP from anybody reaches an outside port that is mapped",
         everybody_may_answer);
    TEST("a packet for no mapping of its protocol is dropped", without_mapping_nobody);
    TEST("RFC 4787 REQ-8: filtered by address, UDP comes only from addresses sent to",
         only_addresses_sent_to);
    TEST("filtered by address, a mapping has no permissions of an earlier one",
         a_new_mapping_has_no_old_permissions);
    TEST("RFC 4787 REQ-5: a UDP mapping lives 5 minutes", udp_lives_five_minutes);
    TEST("RFC 4787 REQ-6: outbound traffic to anybody refreshes a mapping", outbound_refreshes);
    TEST("RFC 4787 REQ-6: inbound traffic does not refresh a mapping", inbound_does_not);
    TEST("mappings expire one by one in the order of their last use", expiry_is_in_order_of_use);
    TEST("RFC 4787 REQ-12: no ICMP error removes a mapping", errors_never_remove);
    TEST("RFC 4787 REQ-9: a hairpin comes from the sender's outside endpoint", hairpin);
    TEST("RFC 4787 REQ-9: a hairpin is filtered like what comes from outside", hairpin_is_filtered);
    TEST("a hairpin refreshes its sender's mapping alone", hairpin_refreshes_the_sender);
    TEST("refused destinations: loopback, link-local and groups always, private ones by choice; "
         "ICMP 3/13 says so",
         refused_destinations);
    TEST("a source that no laptop can have is dropped without a word", spoofed_sources);
    TEST("source routes, other protocols and versions, damaged and cut packets are dropped",
         odd_packets);
    TEST("what is for the server itself goes to its own stack, and back", to_the_host_and_back);
    TEST("so does what is for another address of the server", other_own_addresses);
    TEST("what comes by the wire from an address of the server's own is dropped", own_sources);
    TEST("without a stack of the server's, packets for it are refused", without_a_host_stack);
    TEST("a port that the server uses is not given out, and leads to the server", reserved_ports);
    return test_end();
}
