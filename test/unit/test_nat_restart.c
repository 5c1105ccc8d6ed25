// SPDX-License-Identifier: ISC
// A restart of the server: a NAT that has lost everything but the key of its ports. What laptops
// send next makes the mappings again that they had, and their connections go on.
#include "nat_lab.h"

#define LAPTOPS 2
#define FLOWS   6000

// Each run gives a laptop another number; who it is stays.
static const uint64_t identities[LAPTOPS] = {UINT64_C(0x0123456789abcdef), 42};

static struct nat_config config;
static uint16_t numbers[LAPTOPS];

static void start_first(uint16_t low, uint16_t high) {
    config = lab_config();
    config.port_low = low;
    config.port_high = high;
    lab_start_with(&config);
    for (uint16_t who = 0; who < LAPTOPS; who++) {
        numbers[who] = (uint16_t)(1 + who);
        nat_set_laptop(&nat, numbers[who], identities[who]);
    }
}

static void restart(void) {
    config.key = (struct siphash_key){test_random(), test_random()};
    lab_start_with(&config);
    for (uint16_t who = 0; who < LAPTOPS; who++) {
        numbers[who] = (uint16_t)(NAT_LAPTOPS - 1 - who);
        nat_set_laptop(&nat, numbers[who], identities[who]);
    }
}

// ---- many at once ----

// An inside endpoint, and its outside ports: that it gets when there is nobody else, and in each
// run.
struct flow {
    size_t who;
    struct packet_spec spec;
    uint16_t alone;
    uint16_t before;
    uint16_t after;
};

static struct flow flows[FLOWS];
static size_t flow_count;

// Both laptops have the same inside endpoints.
static void add_flows(size_t count, uint8_t protocol) {
    for (size_t i = 0; i < count; i++) {
        uint16_t from_port = (uint16_t)(1000 + i / LAPTOPS);
        flows[flow_count++] = (struct flow){
            .who = i % LAPTOPS,
            .spec = protocol == PACKET_TCP   ? tcp(from_port, TCP_ACK)
                    : protocol == PACKET_UDP ? udp(from_port)
                                             : echo(from_port),
        };
    }
}

static uint16_t flow_out(const struct flow *flow) {
    return port_out(numbers[flow->who], flow->spec);
}

static void shuffle(void) {
    for (size_t i = flow_count - 1; i > 0; i--) {
        size_t other = test_below((uint32_t)i + 1);
        struct flow flow = flows[i];
        flows[i] = flows[other];
        flows[other] = flow;
    }
}

static void find_ports_alone(void) {
    for (size_t i = 0; i < flow_count; i++) {
        uint16_t number = numbers[flows[i].who];
        flows[i].alone = flow_out(&flows[i]);
        nat_forget_laptop(&nat, number);
        nat_set_laptop(&nat, number, identities[flows[i].who]);
    }
}

// Whether another endpoint had the port that this one would have alone.
static bool is_contested(const struct flow *flow) {
    for (size_t i = 0; i < flow_count; i++)
        if (flows[i].spec.protocol == flow->spec.protocol && &flows[i] != flow &&
            (flows[i].before == flow->alone || flows[i].after == flow->alone))
            return true;
    return false;
}

// Opens all, and again after a restart, in another order. Returns how many got another port then.
static size_t restart_with_flows(uint16_t low, uint16_t high) {
    start_first(low, high);
    find_ports_alone();
    for (size_t i = 0; i < flow_count; i++) flows[i].before = flow_out(&flows[i]);
    restart();
    shuffle();
    size_t moved = 0;
    for (size_t i = 0; i < flow_count; i++) {
        flows[i].after = flow_out(&flows[i]);
        moved += flows[i].after != flows[i].before;
    }
    return moved;
}

static void check_moved(size_t moved, size_t most) {
    CHECK(moved <= most);
    for (size_t i = 0; i < flow_count; i++) {
        const struct flow *flow = &flows[i];
        test_row("protocol %u, port %u", flow->spec.protocol, flow->spec.source_port);
        CHECK(flow->alone != 0 && flow->before != 0 && flow->after != 0);
        CHECK((flow->before == flow->alone && flow->after == flow->alone) || is_contested(flow));
    }
}

static void the_same_ports(void) {
    flow_count = 0;
    add_flows(100, PACKET_TCP);
    add_flows(100, PACKET_UDP);
    add_flows(100, PACKET_ICMP);
    size_t moved = restart_with_flows(20000, 32767);
    CHECK_INT(nat.mapping_count, 300);
    check_moved(moved, 3);
}

// Half of all ports are taken: a quarter of the endpoints found theirs taken by another, in either
// run.
static void a_crowded_range(void) {
    flow_count = 0;
    add_flows(FLOWS, PACKET_UDP);
    size_t moved = restart_with_flows(20000, 32767);
    CHECK_INT(nat.mapping_count, FLOWS);
    check_moved(moved, FLOWS * 3 / 10);
}

// ---- what the port goes by ----

// How many of 100 endpoints of a laptop have the same port in two runs.
static size_t same_ports(uint64_t identity_before, uint64_t identity_after, bool same_key) {
    static uint16_t before[100];
    size_t same = 0;
    start_first(20000, 32767);
    nat_set_laptop(&nat, 1, identity_before);
    for (uint16_t i = 0; i < 100; i++) before[i] = port_out(1, udp((uint16_t)(1 + i)));
    if (!same_key)
        config.port_key.k1 ^= 1;
    restart();
    nat_set_laptop(&nat, 1, identity_after);
    for (uint16_t i = 0; i < 100; i++) same += port_out(1, udp((uint16_t)(1 + i))) == before[i];
    return same;
}

static void by_key_and_identity(void) {
    CHECK_INT(same_ports(7, 7, true), 100);
    CHECK(same_ports(7, 7, false) <= 2);
    CHECK(same_ports(7, 8, true) <= 2);
    CHECK(same_ports(7, 7 + (UINT64_C(1) << 63), true) <= 2);
}

static void by_the_whole_endpoint(void) {
    struct packet_spec specs[] = {udp(5000), udp(5001), from(udp(5000), INSIDE + 1, 5000),
                                  tcp(5000, TCP_SYN), echo(5000)};
    uint16_t ports[COUNT(specs)];
    start_first(1024, 65535);
    for (size_t i = 0; i < COUNT(specs); i++) {
        ports[i] = port_out(1, specs[i]);
        for (size_t other = 0; other < i; other++)
            CHECK(ports[i] > ports[other] + 1 || ports[other] > ports[i] + 1);
    }
    // Its end, and what comes between, change nothing.
    lab_wait(6 * MINUTE);
    CHECK(is_empty());
    for (size_t i = COUNT(specs); i-- > 0;) CHECK_INT(port_out(1, specs[i]), ports[i]);
}

static void who_is_forgotten(void) {
    start_first(1024, 65535);
    uint16_t port = port_out(1, udp(5000));
    nat_forget_laptop(&nat, 1);
    CHECK(port_out(1, udp(5000)) != port); // somebody else has its number
    CHECK_INT(port_out(5, udp(5000)), source_port_of(lab.sent[0].bytes));
    nat_set_laptop(&nat, 6, identities[0]);
    CHECK_INT(port_out(6, udp(5000)), port);
}

// ---- going on ----

static uint32_t established(void) {
    return nat.laptops[numbers[0]].queues[NAT_ESTABLISHED_QUEUE].count;
}

// A connection with a remote service, quiet when the server is started anew. Returns its outside
// port.
static uint16_t quiet_connection(void) {
    start_first(20000, 32767);
    uint16_t port = port_out(numbers[0], tcp(5000, TCP_SYN));
    in(answer(tcp(5000, TCP_SYN | TCP_ACK), port));
    out(numbers[0], tcp(5000, TCP_ACK));
    if (established() != 1)
        return 0;
    restart();
    return port;
}

static void data_both_ways(void) {
    uint16_t port = quiet_connection();
    struct packet_spec there = tcp(5000, TCP_ACK | 0x08);
    struct packet_spec back = answer(there, port);
    there.sequence = 1000000;
    CHECK(port != 0);
    CHECK_INT(out(numbers[0], there), NAT_PASS);
    CHECK(is_sent(TO_WIRE, from(there, OUTSIDE, port)));
    CHECK_INT(in(back), NAT_PASS);
    CHECK(arrives_at(numbers[0], to(back, INSIDE, 5000)));
    CHECK_INT(established(), 1);
    lab_wait(2 * HOUR + 4 * MINUTE - 1); // RFC 5382 REQ-5
    CHECK_INT(in(back), NAT_PASS);
    CHECK_INT(out(numbers[0], there), NAT_PASS);
    back.tcp_flags = TCP_RST;
    back.sequence = 0x40000000; // RFC 5961 section 3
    CHECK_INT(in(back), NAT_PASS);
    CHECK_INT(established(), 1);
    back.tcp_flags = there.tcp_flags = TCP_FIN | TCP_ACK;
    CHECK_INT(in(back), NAT_PASS);
    CHECK_INT(out(numbers[0], there), NAT_PASS);
    CHECK_INT(established(), 0);
    lab_wait(4 * MINUTE);
    CHECK(is_empty());
}

// The outside speaks first: its data wait, unanswered, until it repeats them to a mapping.
static void outside_first(void) {
    uint16_t port = quiet_connection();
    struct packet_spec back = answer(tcp(5000, TCP_ACK), port);
    CHECK(port != 0);
    CHECK_INT(in(back), NAT_NO_MAPPING);
    lab_wait(10 * SECOND);
    CHECK_INT(lab.count, 0);
    CHECK_INT(port_out(numbers[0], tcp(5000, TCP_ACK)), port);
    CHECK_INT(in(from(back, OTHER, 443)), NAT_NO_CONNECTION); // still for nobody else
    CHECK_INT(in(back), NAT_PASS);
    CHECK(arrives_at(numbers[0], to(back, INSIDE, 5000)));
}

// Where the outside does not know the connection, its RST gets to the laptop.
static void outside_has_ended_it(void) {
    uint16_t port = quiet_connection();
    struct packet_spec back = answer(tcp(5000, TCP_RST), port);
    CHECK(port != 0);
    CHECK_INT(port_out(numbers[0], tcp(5000, TCP_ACK)), port);
    CHECK_INT(in(back), NAT_PASS);
    CHECK(arrives_at(numbers[0], to(back, INSIDE, 5000)));
    CHECK_INT(established(), 0);
    lab_wait(4 * MINUTE);
    CHECK(is_empty());
}

static void a_reset_makes_nothing(void) {
    CHECK(quiet_connection() != 0);
    CHECK_INT(out(numbers[0], tcp(5000, TCP_RST | TCP_ACK)), NAT_NO_CONNECTION);
    CHECK(is_empty());
}

static void queries_and_datagrams(void) {
    struct packet_spec specs[] = {udp(5000), echo(5000)};
    for (size_t i = 0; i < COUNT(specs); i++) {
        test_row("protocol %u", specs[i].protocol);
        start_first(20000, 32767);
        uint16_t port = port_out(numbers[0], specs[i]);
        struct packet_spec back = answer(specs[i], port);
        restart();
        CHECK_INT(in(back), NAT_NO_MAPPING);
        CHECK_INT(port_out(numbers[0], specs[i]), port);
        CHECK_INT(in(back), NAT_PASS);
        CHECK(arrives_at(numbers[0], delivered(back, INSIDE, 5000)));
    }
}

int main(void) {
    TEST("after a restart inside endpoints have their outside ports again, in whatever order they "
         "come",
         the_same_ports);
    TEST("so have most in a crowded range", a_crowded_range);
    TEST("RFC 6056 section 3.3.3: an outside port goes by a key and by who the laptop is",
         by_key_and_identity);
    TEST("an outside port goes by the whole inside endpoint, and by nothing else",
         by_the_whole_endpoint);
    TEST("a laptop that is forgotten leaves its number to others, and its ports to itself",
         who_is_forgotten);
    TEST("a TCP connection from before a restart goes on, both ways, and lives 2 h 4 min",
         data_both_ways);
    TEST("what the outside sends first after a restart is met with silence", outside_first);
    TEST("a RST from outside after a restart reaches the laptop, and ends what was taken up",
         outside_has_ended_it);
    TEST("a laptop's RST after a restart makes no mapping", a_reset_makes_nothing);
    TEST("UDP and pings go on after a restart", queries_and_datagrams);
    return test_end();
}
