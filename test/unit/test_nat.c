// The NAT: packets out, answers in, time as an argument. Limits are those of RFC 4787 (UDP), 5382
// (TCP) and 5508 (ICMP). Everything here holds for any NAT_MAPPINGS.
#include "nat/nat.h"

#include "packets.h"
#include "test.h"

#define LAPTOP  ADDRESS(10, 0, 0, 1)
#define OUTSIDE ADDRESS(203, 0, 113, 7)
#define REMOTE  ADDRESS(198, 51, 100, 9)
#define OTHER   ADDRESS(192, 0, 2, 33)

#define SECOND 1000
#define MINUTE (60 * SECOND)

static struct nat nat;
static uint8_t bytes[2048];
static size_t length;
static struct ip_packet packet;
static uint16_t answer_laptop;
static uint8_t payload[1500];

static void init_range(uint16_t low, uint16_t high, bool allow_private)
{
    struct nat_config config = {
        .outside_address = OUTSIDE,
        .port_low = low,
        .port_high = high,
        .allow_private = allow_private,
        .key = {test_random(), test_random()},
    };
    nat_init(&nat, &config);
}

static void init(void)
{
    init_range(20000, 32767, false);
}

static struct packet_spec udp_out(uint16_t port)
{
    return (struct packet_spec){
        .protocol = PACKET_UDP,
        .source = LAPTOP,
        .source_port = port,
        .destination = REMOTE,
        .destination_port = 53,
        .payload = payload,
        .payload_length = 20,
    };
}

static struct packet_spec tcp_out(uint16_t port, uint8_t flags)
{
    struct packet_spec spec = udp_out(port);
    spec.protocol = PACKET_TCP;
    spec.destination_port = 443;
    spec.tcp_flags = flags;
    return spec;
}

static struct packet_spec echo_out(uint16_t identifier)
{
    struct packet_spec spec = udp_out(identifier);
    spec.protocol = PACKET_ICMP;
    spec.icmp_type = ICMP_ECHO;
    return spec;
}

// Sends a packet out in memory of exactly its size; bytes[] has the result.
static enum nat_verdict out_as(uint16_t laptop, const struct packet_spec *spec, int64_t now_ms)
{
    length = packet_make(bytes, spec);
    uint8_t *copy = test_copy(bytes, length);
    enum nat_verdict verdict = nat_outbound(&nat, laptop, copy, length, now_ms, &packet);
    memcpy(bytes, copy, length);
    free(copy);
    return verdict;
}

static enum nat_verdict out(const struct packet_spec *spec, int64_t now_ms)
{
    return out_as(0, spec, now_ms);
}

static enum nat_verdict in(const struct packet_spec *spec, int64_t now_ms)
{
    length = packet_make(bytes, spec);
    uint8_t *copy = test_copy(bytes, length);
    answer_laptop = 0xffff;
    enum nat_verdict verdict =
        nat_inbound(&nat, copy, length, false, now_ms, &packet, &answer_laptop);
    memcpy(bytes, copy, length);
    free(copy);
    return verdict;
}

// The answer to the packet that `spec` went out as: from its destination to the outside port.
static struct packet_spec answer_to(const struct packet_spec *spec, uint16_t outside_port)
{
    struct packet_spec answer = *spec;
    answer.source = spec->destination;
    answer.source_port = spec->destination_port;
    answer.destination = OUTSIDE;
    answer.destination_port = outside_port;
    if (spec->protocol == PACKET_ICMP) {
        answer.source_port = outside_port;
        answer.icmp_type = ICMP_ECHO_REPLY;
    }
    return answer;
}

// The outside port of the packet that has just gone out.
static uint16_t outside_port(void)
{
    size_t header = packet_header_length(bytes);
    return packet_get16(bytes + header + (bytes[9] == PACKET_ICMP ? 4 : 0));
}

// A packet out is the same packet from the outside address and port, with a TTL one lower.
static void check_out_bytes(const struct packet_spec *spec)
{
    uint8_t expected[2048];
    struct packet_spec translated = *spec;
    translated.source = OUTSIDE;
    translated.source_port = outside_port();
    translated.ttl = (uint8_t)((spec->ttl != 0 ? spec->ttl : 64) - 1);
    size_t expected_length = packet_make(expected, &translated);
    CHECK_INT(packet.length, expected_length);
    CHECK_BYTES(bytes, expected, expected_length);
}

// And the answer arrives at the inside endpoint.
static void check_in_bytes(const struct packet_spec *answer, const struct packet_spec *original,
                           uint16_t laptop)
{
    uint8_t expected[2048];
    struct packet_spec translated = *answer;
    translated.destination = original->source;
    translated.destination_port = original->source_port;
    if (original->protocol == PACKET_ICMP)
        translated.source_port = original->source_port;
    translated.ttl = (uint8_t)((answer->ttl != 0 ? answer->ttl : 64) - 1);
    size_t expected_length = packet_make(expected, &translated);
    CHECK_INT(answer_laptop, laptop);
    CHECK_INT(packet.length, expected_length);
    CHECK_BYTES(bytes, expected, expected_length);
}

static void there_and_back(void)
{
    struct packet_spec specs[] = {udp_out(5000), tcp_out(5000, TCP_SYN), echo_out(5000)};
    init();
    for (size_t i = 0; i < COUNT(specs); i++) {
        test_row("protocol %u", specs[i].protocol);
        CHECK_INT(out_as(3, &specs[i], 1), NAT_PASS);
        uint16_t port = outside_port();
        CHECK(port >= 20000 && port <= 32767);
        check_out_bytes(&specs[i]);
        struct packet_spec answer = answer_to(&specs[i], port);
        if (specs[i].protocol == PACKET_TCP)
            answer.tcp_flags = TCP_SYN | TCP_ACK;
        CHECK_INT(in(&answer, 2), NAT_PASS);
        check_in_bytes(&answer, &specs[i], 3);
    }
    CHECK_INT(nat.mapping_count, 3);
    CHECK_INT(nat.connection_count, 1);
}

// RFC 4787 REQ-1: the same inside endpoint has the same outside port for all destinations.
static void one_mapping_for_all_destinations(void)
{
    struct packet_spec specs[] = {udp_out(5000), tcp_out(5000, TCP_SYN), echo_out(5000)};
    init();
    for (size_t i = 0; i < COUNT(specs); i++) {
        CHECK_INT(out(&specs[i], 1), NAT_PASS);
        uint16_t port = outside_port();
        for (uint16_t n = 0; n < 100; n++) {
            struct packet_spec spec = specs[i];
            spec.destination = REMOTE + n % 10;
            spec.destination_port = (uint16_t)(1000 + n);
            test_row("protocol %u, destination %u", spec.protocol, n);
            CHECK_INT(out(&spec, 2), NAT_PASS);
            CHECK_INT(outside_port(), port);
        }
    }
    CHECK_INT(nat.mapping_count, 3);
}

static void endpoints_have_mappings_of_their_own(void)
{
    static bool seen[65536];
    init();
    memset(seen, 0, sizeof seen);
    for (uint16_t laptop = 0; laptop < 4; laptop++) {
        for (uint16_t address = 0; address < 3; address++) {
            for (uint16_t port = 1; port < 10; port++) {
                struct packet_spec spec = udp_out(port);
                spec.source = LAPTOP + address;
                CHECK_INT(out_as(laptop, &spec, 1), NAT_PASS);
                CHECK(!seen[outside_port()]);
                seen[outside_port()] = true;
            }
        }
    }
    CHECK_INT(nat.mapping_count, 4 * 3 * 9);
}

// Several laptops have the same inner address and use the same ports: each gets its own answers.
static void laptops_are_apart(void)
{
    static const uint8_t protocols[] = {PACKET_UDP, PACKET_TCP, PACKET_ICMP};
    uint16_t ports[3][8];
    init();
    for (size_t i = 0; i < 3; i++) {
        for (uint16_t laptop = 0; laptop < 8; laptop++) {
            struct packet_spec spec = protocols[i] == PACKET_TCP   ? tcp_out(77, TCP_SYN)
                                      : protocols[i] == PACKET_UDP ? udp_out(77)
                                                                   : echo_out(77);
            CHECK_INT(out_as(laptop, &spec, 1), NAT_PASS);
            ports[i][laptop] = outside_port();
        }
    }
    for (size_t i = 0; i < 3; i++) {
        for (uint16_t laptop = 0; laptop < 8; laptop++) {
            struct packet_spec spec = protocols[i] == PACKET_TCP   ? tcp_out(77, TCP_SYN)
                                      : protocols[i] == PACKET_UDP ? udp_out(77)
                                                                   : echo_out(77);
            struct packet_spec answer = answer_to(&spec, ports[i][laptop]);
            test_row("protocol %u, laptop %u", protocols[i], laptop);
            CHECK_INT(in(&answer, 2), NAT_PASS);
            check_in_bytes(&answer, &spec, laptop);
        }
    }
}

static void unsolicited(void)
{
    struct packet_spec spec = udp_out(5000);
    struct packet_spec tcp = tcp_out(5000, TCP_SYN);
    struct packet_spec echo = echo_out(5000);
    init();
    CHECK_INT(out(&spec, 1), NAT_PASS);
    struct packet_spec answer = answer_to(&spec, outside_port());
    CHECK_INT(out(&tcp, 1), NAT_PASS);
    struct packet_spec tcp_answer = answer_to(&tcp, outside_port());
    CHECK_INT(out(&echo, 1), NAT_PASS);
    struct packet_spec echo_answer = answer_to(&echo, outside_port());

    struct packet_spec wrong = answer;
    wrong.destination_port = (uint16_t)(answer.destination_port == 20000 ? 20001 : 20000);
    CHECK_INT(in(&wrong, 2), NAT_NO_MAPPING); // nobody's port
    wrong = answer;
    wrong.destination = OUTSIDE + 1;
    CHECK_INT(in(&wrong, 2), NAT_NO_MAPPING); // not our address
    wrong = tcp_answer;
    wrong.source = OTHER;
    CHECK_INT(in(&wrong, 2), NAT_NO_CONNECTION); // another host, on a port that is open
    wrong = tcp_answer;
    wrong.source_port++;
    CHECK_INT(in(&wrong, 2), NAT_NO_CONNECTION);
    wrong = echo_answer;
    wrong.icmp_type = ICMP_ECHO;
    CHECK_INT(in(&wrong, 2), NAT_PROTOCOL); // a ping from outside
    wrong = answer;
    wrong.protocol = PACKET_TCP; // a UDP mapping's port is not a TCP mapping's
    if (wrong.destination_port != tcp_answer.destination_port)
        CHECK_INT(in(&wrong, 2), NAT_NO_MAPPING);
    CHECK_INT(answer_laptop, 0xffff);
    CHECK_INT(nat.mapping_count, 3);
    CHECK_INT(nat.connection_count, 1);
    CHECK_INT(in(&answer, 3), NAT_PASS); // and the right ones still pass
    CHECK_INT(in(&tcp_answer, 3), NAT_PASS);
    CHECK_INT(in(&echo_answer, 3), NAT_PASS);
}

static void refused_destinations(void)
{
    static const struct {
        uint32_t destination;
        bool by_default;
        bool with_private;
    } cases[] = {
        {ADDRESS(8, 8, 8, 8), true, true},           {ADDRESS(1, 1, 1, 1), true, true},
        {ADDRESS(10, 0, 0, 1), false, true},         {ADDRESS(172, 16, 5, 5), false, true},
        {ADDRESS(192, 168, 1, 1), false, true},      {ADDRESS(100, 64, 0, 1), false, true},
        {ADDRESS(127, 0, 0, 1), false, false},       {ADDRESS(127, 9, 9, 9), false, false},
        {ADDRESS(169, 254, 169, 254), false, false}, {ADDRESS(224, 0, 0, 251), false, false},
        {ADDRESS(239, 255, 255, 250), false, false}, {ADDRESS(255, 255, 255, 255), false, false},
        {ADDRESS(240, 0, 0, 1), false, false},       {ADDRESS(0, 0, 0, 0), false, false},
        {ADDRESS(0, 1, 2, 3), false, false},         {OUTSIDE, false, false},
    };
    for (int allow = 0; allow < 2; allow++) {
        init_range(20000, 32767, allow != 0);
        for (size_t i = 0; i < COUNT(cases); i++) {
            struct packet_spec specs[] = {udp_out(1), tcp_out(1, TCP_SYN), echo_out(1)};
            bool allowed = allow != 0 ? cases[i].with_private : cases[i].by_default;
            for (size_t k = 0; k < COUNT(specs); k++) {
                specs[k].destination = cases[i].destination;
                test_row("%08lx, allow_private %d", (unsigned long)cases[i].destination, allow);
                CHECK_INT(out(&specs[k], 1), allowed ? NAT_PASS : NAT_REFUSED);
            }
        }
    }
}

static void bad_sources(void)
{
    static const struct {
        uint32_t source;
        enum nat_verdict verdict;
    } cases[] = {
        {ADDRESS(10, 0, 0, 1), NAT_PASS},
        {ADDRESS(192, 168, 7, 7), NAT_PASS},
        {ADDRESS(169, 254, 134, 89), NAT_PASS},
        {ADDRESS(100, 64, 0, 9), NAT_PASS},
        {ADDRESS(5, 6, 7, 8), NAT_PASS},
        {ADDRESS(0, 0, 0, 0), NAT_BAD_SOURCE},
        {ADDRESS(127, 0, 0, 1), NAT_BAD_SOURCE},
        {ADDRESS(224, 0, 0, 1), NAT_BAD_SOURCE},
        {ADDRESS(255, 255, 255, 255), NAT_BAD_SOURCE},
        {ADDRESS(240, 0, 0, 1), NAT_BAD_SOURCE},
        {OUTSIDE, NAT_BAD_SOURCE},
    };
    init();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct packet_spec spec = udp_out(1);
        spec.source = cases[i].source;
        test_row("%08lx", (unsigned long)cases[i].source);
        CHECK_INT(out(&spec, 1), cases[i].verdict);
    }
}

static void ttl_runs_out(void)
{
    struct packet_spec spec = udp_out(5000);
    init();
    spec.ttl = 1;
    CHECK_INT(out(&spec, 1), NAT_TTL_EXPIRED);
    CHECK_INT(nat.mapping_count, 0);
    spec.ttl = 2;
    CHECK_INT(out(&spec, 1), NAT_PASS);
    CHECK_INT(bytes[8], 1);
    struct packet_spec answer = answer_to(&spec, outside_port());
    answer.ttl = 1;
    CHECK_INT(in(&answer, 1), NAT_TTL_EXPIRED);
    answer.ttl = 2;
    CHECK_INT(in(&answer, 1), NAT_PASS);
}

// What is no packet for the NAT, each counted under its name.
static void drops_are_counted(void)
{
    struct packet_spec fragment = udp_out(1);
    struct packet_spec unreachable = echo_out(1);
    struct packet_spec reset = tcp_out(1, TCP_RST);
    init();
    length = packet_make(bytes, &fragment);
    bytes[0] = 0x65;
    CHECK_INT(nat_outbound(&nat, 0, bytes, length, 1, &packet), NAT_NOT_IPV4);
    CHECK_INT(nat_outbound(&nat, 0, bytes, 0, 1, &packet), NAT_BAD_PACKET);
    length = packet_make(bytes, &fragment);
    bytes[11] ^= 1;
    CHECK_INT(nat_outbound(&nat, 0, bytes, length, 1, &packet), NAT_BAD_PACKET);
    length = packet_make(bytes, &fragment);
    CHECK_INT(nat_outbound(&nat, 0, bytes, length - 1, 1, &packet), NAT_BAD_PACKET);
    bytes[9] = 47;
    packet_fill_header_checksum(bytes);
    CHECK_INT(nat_outbound(&nat, 0, bytes, length, 1, &packet), NAT_PROTOCOL);
    fragment.fragment = 0x2000;
    CHECK_INT(out(&fragment, 1), NAT_FRAGMENT);
    CHECK_INT(in(&fragment, 1), NAT_FRAGMENT);
    fragment.fragment = 0x0005;
    CHECK_INT(out(&fragment, 1), NAT_FRAGMENT);
    unreachable.icmp_type = ICMP_UNREACHABLE;
    CHECK_INT(out(&unreachable, 1), NAT_PROTOCOL);
    unreachable.icmp_type = ICMP_ECHO_REPLY;
    CHECK_INT(out(&unreachable, 1), NAT_PROTOCOL);
    CHECK_INT(out(&reset, 1), NAT_NO_CONNECTION);
    CHECK_INT(nat.dropped[NAT_PASS], 0);
    CHECK_INT(nat.dropped[NAT_NOT_IPV4], 1);
    CHECK_INT(nat.dropped[NAT_BAD_PACKET], 3);
    CHECK_INT(nat.dropped[NAT_FRAGMENT], 3);
    CHECK_INT(nat.dropped[NAT_PROTOCOL], 3);
    CHECK_INT(nat.dropped[NAT_NO_CONNECTION], 1);
    CHECK_INT(nat.mapping_count, 0);
    for (int i = 0; i < NAT_VERDICT_COUNT; i++) {
        CHECK(nat_verdict_name((enum nat_verdict)i) != NULL);
        for (int k = 0; k < i; k++)
            CHECK(strcmp(nat_verdict_name((enum nat_verdict)i),
                         nat_verdict_name((enum nat_verdict)k)) != 0);
    }
    CHECK_TEXT(nat_verdict_name(NAT_NO_PORT), "no_port");
}

// A mapping lives by its outbound packets: still there a moment before its limit, gone at it, and
// an inbound packet does not lengthen its life (RFC 4787 REQ-6).
static void check_lifetime(const struct packet_spec *spec, int64_t limit_ms)
{
    init();
    CHECK_INT(out(spec, 1000), NAT_PASS);
    struct packet_spec answer = answer_to(spec, outside_port());
    nat_expire(&nat, 1000 + limit_ms - 1);
    CHECK_INT(in(&answer, 1000 + limit_ms - 1), NAT_PASS);
    CHECK_INT(out(spec, 1000 + limit_ms - 1), NAT_PASS); // begins anew
    nat_expire(&nat, 1000 + 2 * limit_ms - 2);
    CHECK_INT(nat.mapping_count, 1);
    CHECK_INT(in(&answer, 1000 + 2 * limit_ms - 2), NAT_PASS);
    nat_expire(&nat, 1000 + 2 * limit_ms - 1);
    CHECK_INT(nat.mapping_count, 0);
    CHECK_INT(in(&answer, 1000 + 2 * limit_ms - 1), NAT_NO_MAPPING);
}

static void lifetimes(void)
{
    struct packet_spec udp = udp_out(5000);
    struct packet_spec echo = echo_out(5000);
    check_lifetime(&udp, 5 * MINUTE);
    test_row("ICMP");
    check_lifetime(&echo, 60 * SECOND);
}

static uint16_t tcp_port;

// Sends TCP flags in one direction of the connection from inside port 5000.
static enum nat_verdict flags_out(uint8_t flags, int64_t now_ms)
{
    struct packet_spec spec = tcp_out(5000, flags);
    enum nat_verdict verdict = out(&spec, now_ms);
    if (verdict == NAT_PASS)
        tcp_port = outside_port();
    return verdict;
}

static enum nat_verdict flags_in(uint8_t flags, int64_t now_ms)
{
    struct packet_spec spec = tcp_out(5000, flags);
    struct packet_spec answer = answer_to(&spec, tcp_port);
    return in(&answer, now_ms);
}

static void establish(int64_t now_ms)
{
    CHECK_INT(flags_out(TCP_SYN, now_ms), NAT_PASS);
    CHECK_INT(flags_in(TCP_SYN | TCP_ACK, now_ms), NAT_PASS);
    CHECK_INT(flags_out(TCP_ACK, now_ms), NAT_PASS);
    CHECK_INT(nat.queues[NAT_ESTABLISHED_QUEUE].count, 1);
    CHECK_INT(nat.queues[NAT_TRANSITORY_QUEUE].count, 0);
}

// RFC 5382 REQ-5: 4 minutes while opening, 2 hours 4 minutes established.
static void tcp_lifetimes(void)
{
    const int64_t transitory = 4 * MINUTE;
    const int64_t established = 124 * MINUTE;
    init();
    CHECK_INT(flags_out(TCP_SYN, 0), NAT_PASS);
    nat_expire(&nat, transitory - 1);
    CHECK_INT(nat.connection_count, 1);
    nat_expire(&nat, transitory);
    CHECK_INT(nat.connection_count, 0);
    CHECK_INT(nat.mapping_count, 0);
    CHECK_INT(flags_in(TCP_SYN | TCP_ACK, transitory), NAT_NO_MAPPING);

    init();
    establish(0);
    nat_expire(&nat, established - 1);
    CHECK_INT(nat.connection_count, 1);
    CHECK_INT(flags_in(TCP_ACK, established - 1), NAT_PASS); // counts as use, in both directions
    nat_expire(&nat, 2 * established - 2);
    CHECK_INT(nat.connection_count, 1);
    nat_expire(&nat, 2 * established - 1);
    CHECK_INT(nat.connection_count, 0);
    CHECK_INT(nat.mapping_count, 0);

    init();
    establish(0);
    CHECK_INT(flags_out(TCP_FIN | TCP_ACK, 10), NAT_PASS);
    CHECK_INT(nat.queues[NAT_ESTABLISHED_QUEUE].count, 1); // half closed
    CHECK_INT(flags_in(TCP_FIN | TCP_ACK, 20), NAT_PASS);
    CHECK_INT(nat.queues[NAT_TRANSITORY_QUEUE].count, 1);
    CHECK_INT(flags_out(TCP_ACK, 30), NAT_PASS); // the last ACK still passes
    nat_expire(&nat, 30 + transitory);
    CHECK_INT(nat.mapping_count, 0);

    init();
    establish(0);
    CHECK_INT(flags_in(TCP_RST, 10), NAT_PASS);
    CHECK_INT(nat.queues[NAT_TRANSITORY_QUEUE].count, 1);
    nat_expire(&nat, 10 + transitory);
    CHECK_INT(nat.mapping_count, 0);
}

// A mapping lives as long as one of its connections, and its port stays the same.
static void mapping_with_several_connections(void)
{
    struct packet_spec second = tcp_out(5000, TCP_SYN);
    init();
    establish(0);
    uint16_t port = tcp_port;
    second.destination = OTHER;
    CHECK_INT(out(&second, 0), NAT_PASS);
    CHECK_INT(outside_port(), port);
    CHECK_INT(nat.connection_count, 2);
    CHECK_INT(nat.mapping_count, 1);
    nat_expire(&nat, 5 * MINUTE); // the second was never answered
    CHECK_INT(nat.connection_count, 1);
    CHECK_INT(nat.mapping_count, 1);
    CHECK_INT(flags_in(TCP_ACK, 5 * MINUTE), NAT_PASS);
    CHECK_INT(out(&second, 6 * MINUTE), NAT_PASS);
    CHECK_INT(outside_port(), port);
}

// After a restart of the server, a connection's next packet goes out, so that the remote side can
// answer it with a RST; one that ends a connection does not.
static void connections_picked_up(void)
{
    init();
    CHECK_INT(flags_out(TCP_ACK, 0), NAT_PASS);
    CHECK_INT(nat.queues[NAT_TRANSITORY_QUEUE].count, 1);
    CHECK_INT(flags_in(TCP_RST, 1), NAT_PASS);
    init();
    CHECK_INT(flags_out(TCP_RST | TCP_ACK, 0), NAT_NO_CONNECTION);
    CHECK_INT(nat.mapping_count, 0);
}

// A RST to a remote endpoint without a connection, from a port that has one elsewhere.
static void stray_reset(void)
{
    struct packet_spec stray = tcp_out(5000, TCP_RST);
    init();
    establish(0);
    stray.destination = OTHER;
    CHECK_INT(out(&stray, 1), NAT_NO_CONNECTION);
    CHECK_INT(nat.connection_count, 1);
}

static void reserved_ports(void)
{
    init_range(30000, 30003, false);
    nat_reserve_port(&nat, IP_UDP, 30001);
    nat_reserve_port(&nat, IP_UDP, 30002);
    nat_reserve_port(&nat, IP_TCP, 30000);
    nat_reserve_port(&nat, IP_ICMP, 30000); // identifiers are nobody else's
    nat_reserve_port(&nat, IP_UDP, 9);
    for (uint16_t i = 0; i < 100; i++) {
        struct packet_spec udp = udp_out((uint16_t)(1000 + i));
        struct packet_spec tcp = tcp_out((uint16_t)(1000 + i), TCP_SYN);
        CHECK_INT(out(&udp, i), NAT_PASS);
        CHECK(outside_port() == 30000 || outside_port() == 30003);
        CHECK_INT(out(&tcp, i), NAT_PASS);
        CHECK(outside_port() >= 30001 && outside_port() <= 30003);
    }
}

// With three ports, the mapping that was idle longest gives way to a fourth.
static void ports_give_way(void)
{
    uint16_t ports[4];
    init_range(65533, 65535, false);
    for (uint16_t i = 0; i < 3; i++) {
        struct packet_spec spec = udp_out((uint16_t)(1000 + i));
        CHECK_INT(out(&spec, i), NAT_PASS);
        ports[i] = outside_port();
    }
    struct packet_spec first = udp_out(1000);
    CHECK_INT(out(&first, 10), NAT_PASS); // used again: 1001 is the oldest now
    struct packet_spec fourth = udp_out(1003);
    CHECK_INT(out(&fourth, 11), NAT_PASS);
    CHECK_INT(outside_port(), ports[1]);
    CHECK_INT(nat.evicted, 1);
    CHECK_INT(nat.mapping_count, 3);
    struct packet_spec answer = answer_to(&fourth, ports[1]);
    CHECK_INT(in(&answer, 12), NAT_PASS);
    check_in_bytes(&answer, &fourth, 0);
    CHECK_INT(out(&first, 13), NAT_PASS);
    CHECK_INT(outside_port(), ports[0]);
}

// An established connection gives its port up for nobody; one that opens or has ended does.
static void established_ports_stay(void)
{
    init_range(30000, 30000, false);
    establish(0);
    struct packet_spec other = tcp_out(6000, TCP_SYN);
    CHECK_INT(out(&other, 1), NAT_NO_PORT);
    CHECK_INT(nat.dropped[NAT_NO_PORT], 1);
    CHECK_INT(flags_in(TCP_ACK, 2), NAT_PASS);
    struct packet_spec udp = udp_out(6000);
    CHECK_INT(out(&udp, 2), NAT_PASS); // UDP has ports of its own
    CHECK_INT(flags_in(TCP_RST, 3), NAT_PASS);
    CHECK_INT(out(&other, 4), NAT_PASS);
    CHECK_INT(outside_port(), 30000);
    CHECK_INT(nat.evicted, 1);
    struct packet_spec answer = answer_to(&other, 30000);
    answer.tcp_flags = TCP_SYN | TCP_ACK;
    CHECK_INT(in(&answer, 5), NAT_PASS);
    CHECK_INT(packet.destination_port, 6000);
}

static void no_ports_at_all(void)
{
    struct packet_spec specs[] = {udp_out(1), tcp_out(1, TCP_SYN)};
    init_range(30000, 30001, false);
    for (uint16_t port = 30000; port <= 30001; port++) {
        nat_reserve_port(&nat, IP_UDP, port);
        nat_reserve_port(&nat, IP_TCP, port);
    }
    for (size_t i = 0; i < COUNT(specs); i++)
        CHECK_INT(out(&specs[i], 1), NAT_NO_PORT);
    CHECK_INT(nat.mapping_count, 0);
}

// Fills the mappings with UDP, and with ICMP where UDP's 65 535 ports are not enough. Mapping i was
// made at i milliseconds.
static struct packet_spec filling(uint32_t i)
{
    struct packet_spec spec =
        i < 60000 ? udp_out((uint16_t)(1 + i)) : echo_out((uint16_t)(1 + i - 60000));
    return spec;
}

static void fill(void)
{
    init_range(1, 65535, false);
    for (uint32_t i = 0; i < NAT_MAPPINGS; i++) {
        struct packet_spec spec = filling(i);
        test_row("mapping %lu", (unsigned long)i);
        CHECK_INT(out(&spec, i), NAT_PASS);
    }
    CHECK_INT(nat.mapping_count, NAT_MAPPINGS);
    CHECK_INT(nat.evicted, 0);
}

// When the table is full, the newcomer takes the place of what was idle longest; all others stay.
static void full_table(void)
{
    fill();
    struct packet_spec oldest = filling(0);
    struct packet_spec newcomer = tcp_out(7, TCP_SYN);
    CHECK_INT(out(&oldest, 100000), NAT_PASS);
    uint16_t port_of_oldest = outside_port();
    CHECK_INT(out(&newcomer, 100001), NAT_PASS);
    CHECK_INT(nat.mapping_count, NAT_MAPPINGS);
    CHECK_INT(nat.evicted, 1);
    CHECK_INT(out(&oldest, 100002), NAT_PASS); // it was used: it stayed
    CHECK_INT(outside_port(), port_of_oldest);
    CHECK_INT(nat.evicted, 1);
    for (uint32_t i = 2; i < NAT_MAPPINGS; i += 1 + NAT_MAPPINGS / 500) {
        struct packet_spec spec = filling(i);
        test_row("mapping %lu", (unsigned long)i);
        CHECK_INT(out(&spec, 100003), NAT_PASS);
        CHECK_INT(nat.evicted, 1);
    }
    struct packet_spec gone = filling(1);
    test_row("the one that gave way");
    CHECK_INT(out(&gone, 100004), NAT_PASS);
    CHECK_INT(nat.evicted, 2);
}

// All mappings expire, and the table is as good as new.
static void expiry_of_all(void)
{
    fill();
    nat_expire(&nat, 100000 + 5 * MINUTE);
    CHECK_INT(nat.mapping_count, 0);
    for (int i = 0; i < NAT_QUEUE_COUNT; i++)
        CHECK_INT(nat.queues[i].count, 0);
    CHECK_INT(nat.udp_ports.free_count, 65535);
    CHECK_INT(nat.icmp_identifiers.free_count, 65535);
    for (uint32_t i = 0; i < NAT_INDEX_SLOTS; i++)
        CHECK(nat.inside_slots[i] == 0 && nat.outside_slots[i] == 0 && nat.remote_slots[i] == 0);
    struct packet_spec spec = udp_out(1);
    CHECK_INT(out(&spec, 1000000), NAT_PASS);
}

// One mapping with all connections, all established: there is no room for one more, and none of
// them goes.
static void full_of_connections(void)
{
    init_range(1, 65535, false);
    for (uint32_t i = 0; i < NAT_CONNECTIONS; i++) {
        struct packet_spec syn = tcp_out(5000, TCP_SYN);
        syn.destination = REMOTE + i / 60000;
        syn.destination_port = (uint16_t)(1 + i % 60000);
        struct packet_spec ack = syn;
        ack.tcp_flags = TCP_ACK;
        test_row("connection %lu", (unsigned long)i);
        CHECK_INT(out(&syn, i), NAT_PASS);
        struct packet_spec answer = answer_to(&syn, outside_port());
        answer.tcp_flags = TCP_SYN | TCP_ACK;
        CHECK_INT(in(&answer, i), NAT_PASS);
        CHECK_INT(out(&ack, i), NAT_PASS);
    }
    CHECK_INT(nat.connection_count, NAT_CONNECTIONS);
    CHECK_INT(nat.mapping_count, 1);
    struct packet_spec more = tcp_out(5000, TCP_SYN);
    more.destination = OTHER;
    CHECK_INT(out(&more, 100000), NAT_TABLE_FULL);
    struct packet_spec elsewhere = tcp_out(5001, TCP_SYN);
    CHECK_INT(out(&elsewhere, 100000), NAT_TABLE_FULL);
    CHECK_INT(nat.mapping_count, 1); // the mapping that was made for it is gone again
    CHECK_INT(nat.connection_count, NAT_CONNECTIONS);
    CHECK_INT(nat.evicted, 0);
    CHECK_INT(nat.dropped[NAT_TABLE_FULL], 2);
    nat_expire(&nat, 100000 + 124 * MINUTE);
    CHECK_INT(nat.connection_count, 0);
    CHECK_INT(nat.mapping_count, 0);
    CHECK_INT(out(&more, 100000 + 124 * MINUTE), NAT_PASS);
}

static void forgotten_laptop(void)
{
    init();
    for (uint16_t laptop = 0; laptop < 3; laptop++) {
        for (uint16_t port = 1; port <= 5; port++) {
            struct packet_spec specs[] = {udp_out(port), tcp_out(port, TCP_SYN), echo_out(port)};
            for (size_t i = 0; i < COUNT(specs); i++)
                CHECK_INT(out_as(laptop, &specs[i], 1), NAT_PASS);
        }
    }
    CHECK_INT(nat.mapping_count, 45);
    CHECK_INT(nat.connection_count, 15);
    struct packet_spec spec = udp_out(1);
    CHECK_INT(out_as(1, &spec, 2), NAT_PASS);
    struct packet_spec answer = answer_to(&spec, outside_port());
    struct packet_spec tcp = tcp_out(1, TCP_SYN);
    CHECK_INT(out_as(2, &tcp, 2), NAT_PASS);
    struct packet_spec kept = answer_to(&tcp, outside_port());
    nat_forget_laptop(&nat, 1);
    CHECK_INT(nat.mapping_count, 30);
    CHECK_INT(nat.connection_count, 10);
    CHECK_INT(in(&answer, 3), NAT_NO_MAPPING);
    CHECK_INT(in(&kept, 3), NAT_PASS);
    CHECK_INT(answer_laptop, 2);
    nat_forget_laptop(&nat, 1);
    nat_forget_laptop(&nat, 0);
    nat_forget_laptop(&nat, 2);
    CHECK_INT(nat.mapping_count, 0);
    CHECK_INT(nat.connection_count, 0);
    CHECK_INT(nat.udp_ports.free_count, 32767 - 20000 + 1);
    CHECK_INT(nat.tcp_ports.free_count, 32767 - 20000 + 1);
}

// A captured packet whose checksum the card was to make: its pseudo-header's sum follows the
// address.
static void partial_checksum_inbound(void)
{
    uint8_t expected[2048];
    struct packet_spec spec = udp_out(5000);
    init();
    CHECK_INT(out(&spec, 1), NAT_PASS);
    struct packet_spec answer = answer_to(&spec, outside_port());
    length = packet_make(bytes, &answer);
    packet_fill_partial_checksum(bytes, length);
    CHECK_INT(nat_inbound(&nat, bytes, length, true, 2, &packet, &answer_laptop), NAT_PASS);
    CHECK(packet.partial_checksum);
    answer.destination = LAPTOP;
    answer.destination_port = 5000;
    answer.ttl = 63;
    packet_make(expected, &answer);
    packet_fill_partial_checksum(expected, length);
    CHECK_BYTES(bytes, expected, length);
}

// The model of the random test: what went out last from an inside endpoint.
static void check_random_packet(int64_t now_ms)
{
    static const uint8_t protocols[] = {PACKET_UDP, PACKET_TCP, PACKET_ICMP};
    struct packet_spec spec = {
        .protocol = protocols[test_below(3)],
        .source = LAPTOP + test_below(3),
        .source_port = (uint16_t)(1 + test_below(300)),
        .destination = REMOTE + test_below(20),
        .destination_port = (uint16_t)(1 + test_below(50)),
        .ttl = (uint8_t)(2 + test_below(200)),
        .tcp_flags = (uint8_t)test_random(),
        .icmp_type = ICMP_ECHO,
        .id = (uint16_t)test_random(),
        .ip_options = (uint8_t)(test_below(10) == 0 ? 4 * test_below(11) : 0),
        .tcp_options = (uint8_t)(4 * test_below(11)),
        .sequence = (uint32_t)test_random(),
        .no_checksum = test_below(8) == 0,
        .payload = payload,
        .payload_length = test_below(80),
    };
    uint16_t laptop = (uint16_t)test_below(5);
    test_random_bytes(payload, spec.payload_length);
    enum nat_verdict verdict = out_as(laptop, &spec, now_ms);
    if (verdict != NAT_PASS) {
        CHECK(verdict == NAT_NO_CONNECTION || verdict == NAT_NO_PORT || verdict == NAT_TABLE_FULL);
        return;
    }
    CHECK(packet_header_checksum_is_good(bytes));
    CHECK(packet_checksum_is_good(bytes));
    CHECK_INT(packet_get32(bytes + 12), OUTSIDE);
    check_out_bytes(&spec);
    struct packet_spec answer = answer_to(&spec, outside_port());
    answer.tcp_flags = (uint8_t)test_random();
    CHECK_INT(in(&answer, now_ms), NAT_PASS);
    check_in_bytes(&answer, &spec, laptop);
}

// Queues, indexes, pools and port maps must agree with each other at any time.
static void check_consistency(void)
{
    uint32_t connections = 0;
    uint32_t mappings = 0;
    for (int queue = 0; queue < NAT_QUEUE_COUNT; queue++) {
        bool has_mappings = queue == NAT_UDP_QUEUE || queue == NAT_ICMP_QUEUE;
        const struct nat_link *links = has_mappings ? nat.mapping_links : nat.connection_links;
        int64_t before_ms = INT64_MIN;
        uint32_t count = 0;
        for (uint32_t at = nat.queues[queue].first; at != NO_ENTRY; at = links[at].next) {
            CHECK(links[at].used_ms >= before_ms);
            before_ms = links[at].used_ms;
            count++;
        }
        CHECK_INT(count, nat.queues[queue].count);
        if (has_mappings)
            mappings += count;
        else
            connections += count;
    }
    CHECK_INT(connections, nat.connection_count);
    uint32_t range = (uint32_t)(nat.config.port_high - nat.config.port_low) + 1;
    uint32_t tcp_mappings = range - nat.tcp_ports.free_count;
    CHECK_INT(mappings + tcp_mappings, nat.mapping_count);
    CHECK_INT(nat.queues[NAT_UDP_QUEUE].count, range - nat.udp_ports.free_count);
    CHECK_INT(nat.queues[NAT_ICMP_QUEUE].count, range - nat.icmp_identifiers.free_count);
    CHECK(tcp_mappings <= nat.connection_count);
}

// 100 000 random packets, with ports that run short, time that passes and laptops that go: each
// goes out with good checksums, and its answer comes back to where it came from.
static void random_traffic(void)
{
    int64_t now_ms = 0;
    init_range(65000, 65535, false);
    for (int i = 0; i < 100000 && !test_state.failed; i++) {
        test_row("packet %d", i);
        now_ms += test_below(3);
        if (test_below(5000) == 0)
            now_ms += 5 * MINUTE;
        if (test_below(3000) == 0)
            nat_forget_laptop(&nat, (uint16_t)test_below(5));
        if (test_below(100) == 0)
            nat_expire(&nat, now_ms);
        if (i % 1000 == 0)
            check_consistency();
        check_random_packet(now_ms);
    }
    CHECK(nat.evicted > 0);
    nat_expire(&nat, now_ms + 1000 * MINUTE);
    check_consistency();
    CHECK_INT(nat.mapping_count, 0);
    CHECK_INT(nat.connection_count, 0);
}

// Anything at all from either side: nothing crashes, and nothing that passes is damaged.
static void random_bytes(void)
{
    init();
    for (int i = 0; i < 100000; i++) {
        uint8_t noise[64];
        uint16_t laptop;
        size_t size = test_below(sizeof noise + 1);
        test_random_bytes(noise, sizeof noise);
        if (test_below(2) == 0) {
            noise[0] = 0x45;
            packet_put16(noise + 2, (uint32_t)size);
            noise[6] = noise[7] = 0;
            noise[9] = PACKET_UDP;
            packet_fill_header_checksum(noise);
        }
        uint8_t *copy = test_copy(noise, size);
        enum nat_verdict verdict = test_below(2) == 0
                                       ? nat_outbound(&nat, 0, copy, size, i, &packet)
                                       : nat_inbound(&nat, copy, size, false, i, &packet, &laptop);
        bool good = verdict != NAT_PASS || packet_header_checksum_is_good(copy);
        free(copy);
        CHECK(good);
    }
}

int main(void)
{
    test_random_bytes(payload, sizeof payload);
    TEST("a packet goes out from the outside address, and its answer comes back", there_and_back);
    TEST("an inside endpoint has one outside port for all destinations",
         one_mapping_for_all_destinations);
    TEST("each inside endpoint has a port of its own", endpoints_have_mappings_of_their_own);
    TEST("laptops with the same addresses and ports get their own answers", laptops_are_apart);
    TEST("what nobody asked for is dropped", unsolicited);
    TEST("destinations that the tether does not lead to are refused", refused_destinations);
    TEST("sources that no laptop can have are refused", bad_sources);
    TEST("a packet whose TTL has run out goes no further", ttl_runs_out);
    TEST("every drop is counted under its name", drops_are_counted);
    TEST("UDP mappings live 5 minutes, ICMP ones one, from their last packet out", lifetimes);
    TEST("TCP connections live by their states", tcp_lifetimes);
    TEST("a TCP mapping lives as long as one of its connections", mapping_with_several_connections);
    TEST("a connection that the NAT does not know is picked up, unless it ends",
         connections_picked_up);
    TEST("a RST that belongs to no connection makes none", stray_reset);
    TEST("ports that local sockets use are left to them", reserved_ports);
    TEST("when ports run out, the mapping idle longest gives way", ports_give_way);
    TEST("an established connection keeps its port", established_ports_stay);
    TEST("where there is no port, the packet is dropped", no_ports_at_all);
    TEST("when the table is full, what was idle longest gives way, and nothing else", full_table);
    TEST("a full table that expires is as good as new", expiry_of_all);
    TEST("established connections fill the table, and stay", full_of_connections);
    TEST("a laptop that is forgotten leaves nothing behind", forgotten_laptop);
    TEST("partial checksums are translated as such", partial_checksum_inbound);
    TEST("100 000 random packets go out whole, and their answers find back", random_traffic);
    TEST("random bytes from either side do no harm", random_bytes);
    return test_end();
}
