// SPDX-License-Identifier: ISC
// What is scarce in the NAT, and who gets it: mappings, connections and ports, when laptops or
// strangers want more than there is.
#include "nat_lab.h"

// Fewer on machines that are emulated as a rule.
#ifdef __x86_64__
#define DESTINATIONS 1000000
#else
#define DESTINATIONS 100000
#endif

static void start_with_ports(uint16_t low, uint16_t high) {
    struct nat_config config = lab_config();
    config.port_low = low;
    config.port_high = high;
    lab_start_with(&config);
}

static uint32_t in_queue(uint16_t laptop, enum nat_queue_name queue) {
    return nat.laptops[laptop].queues[queue].count;
}

// Opens a connection from an inside port and has it answered. Returns its outside port, or 0.
static uint16_t open_connection(uint16_t laptop, uint16_t port) {
    uint16_t outside = port_out(laptop, tcp(port, TCP_SYN));
    if (outside == 0 || in(answer(tcp(port, TCP_SYN | TCP_ACK), outside)) != NAT_PASS ||
        port_out(laptop, tcp(port, TCP_ACK)) != outside)
        return 0;
    return outside;
}

// Whether a packet of each kind still comes in and goes out for the laptop that set these up.
static struct { uint16_t tcp, udp; } victim;

static bool victim_starts(void) {
    victim.tcp = open_connection(1, 5000);
    victim.udp = port_out(1, udp(5000));
    return victim.tcp != 0 && victim.udp != 0;
}

static bool victim_is_well(void) {
    bool well = in(answer(tcp(5000, TCP_ACK), victim.tcp)) == NAT_PASS && lab.sent[0].laptop == 1 &&
                in(answer(udp(5000), victim.udp)) == NAT_PASS &&
                port_out(1, tcp(5000, TCP_ACK)) == victim.tcp &&
                port_out(1, udp(5000)) == victim.udp;
    for (uint16_t port = 1; port <= 500 && well; port++)
        well = port_out(1, tcp(port, TCP_SYN)) != 0 && port_out(1, udp(port)) != 0 &&
               port_out(1, echo(port)) != 0;
    return well;
}

// Counters and queues agree with each other.
static void check_counters(void) {
    uint32_t mappings = 0, connections = 0;
    uint32_t ports[3] = {0};
    for (uint16_t i = 0; i < NAT_LAPTOPS; i++) {
        const struct nat_laptop *laptop = &nat.laptops[i];
        mappings += laptop->mappings;
        connections += laptop->connections;
        for (int kind = 0; kind < 3; kind++) ports[kind] += laptop->ports[kind];
        CHECK_INT(laptop->mappings, laptop->ports[0] + laptop->ports[1] + laptop->ports[2]);
        CHECK_INT(laptop->ports[1], in_queue(i, NAT_UDP_QUEUE));
        CHECK_INT(laptop->ports[2], in_queue(i, NAT_ICMP_QUEUE));
        CHECK_INT(laptop->connections, in_queue(i, NAT_PERMISSION_QUEUE) +
                                           in_queue(i, NAT_TRANSITORY_QUEUE) +
                                           in_queue(i, NAT_ESTABLISHED_QUEUE));
    }
    uint32_t range = (uint32_t)(nat.config.port_high - nat.config.port_low) + 1;
    CHECK_INT(mappings, nat.mapping_count);
    CHECK_INT(connections, nat.connection_count);
    CHECK_INT(ports[0], range - nat.ports[NAT_TCP].free_count);
    CHECK_INT(ports[1], range - nat.ports[NAT_UDP].free_count);
    CHECK_INT(ports[2], range - nat.ports[NAT_ICMP].free_count);
}

// ---- hostile laptops ----

static void a_flood_of_syns(void) {
    start_with_ports(1024, 65535);
    CHECK(victim_starts());
    for (uint32_t port = 1; port <= 65535; port++) out(0, tcp((uint16_t)port, TCP_SYN));
    CHECK(victim_is_well());
    for (uint32_t port = 1; port <= 65535; port++)
        out(0, from(tcp((uint16_t)port, TCP_SYN), INSIDE + 1, (uint16_t)port));
    CHECK(victim_is_well());
    CHECK(nat.evicted > 0);
    check_counters();
}

static void a_million_destinations(void) {
    for (int filtered = 0; filtered < 2; filtered++) {
        test_row("filtered by address: %d", filtered);
        struct nat_config config = lab_config();
        config.filter_by_address = filtered != 0;
        lab_start_with(&config);
        CHECK(victim_starts());
        for (uint32_t i = 0; i < (filtered ? DESTINATIONS / 5 : DESTINATIONS); i++)
            CHECK_INT(out(0, to(udp(5000), ADDRESS(20, 0, 0, 0) + i, 53)), NAT_PASS);
        CHECK(victim_is_well());
        check_counters();
    }
}

static void every_kind_of_flood(void) {
    start_with_ports(1024, 65535);
    CHECK(victim_starts());
    for (uint32_t i = 0; i < 150000; i++) {
        uint32_t address = ADDRESS(10, 0, 0, 0) + i / 60000;
        uint16_t port = (uint16_t)(1 + i % 60000);
        out(0, from(udp(port), address, port));
        out(2, from(echo(port), address, port));
        out(3, from(tcp(port, TCP_SYN), address, port));
    }
    CHECK(victim_is_well());
    check_counters();
    CHECK(nat.mapping_count <= NAT_MAPPINGS);
    for (uint16_t laptop = 0; laptop < 4; laptop++) nat_forget_laptop(&nat, laptop);
    CHECK(is_empty());
}

// ---- a hostile Internet ----

static void unsolicited_traffic(void) {
    start_with_ports(1024, 65535);
    CHECK(victim_starts());
    uint32_t mappings = nat.mapping_count;
    for (uint32_t port = 0; port < 65536; port++) {
        in(from(answer(udp(1), (uint16_t)port), OTHER, 1));
        in(from(answer(tcp(1, TCP_SYN), (uint16_t)port), OTHER, 1));
        in(from(answer(tcp(1, TCP_RST), (uint16_t)port), OTHER, 1));
        in(from(answer(echo(1), (uint16_t)port), OTHER, (uint16_t)port));
    }
    CHECK_INT(nat.mapping_count, mappings);
    CHECK_INT(nat.connection_count, 1);
    CHECK(nat.dropped[NAT_NO_MAPPING] > 4 * 65536 - 10);
    CHECK(victim_is_well());
}

// ---- who gives way ----

// 320 ports for 16 laptops: 10 are kept for each, 160 are for whoever comes.
#define SHARE 10
#define ALL   (2 * SHARE * NAT_LAPTOPS)

static void the_greediest_gives_way(void) {
    start_with_ports(20000, 20000 + ALL - 1);
    for (uint16_t port = 1; port <= ALL; port++) {
        lab.now_ms++;
        CHECK(port_out(0, tcp(port, TCP_SYN)) != 0);
    }
    CHECK_INT(in_queue(0, NAT_TRANSITORY_QUEUE), ALL / 2 + SHARE);
    CHECK_INT(nat.evicted, ALL / 2 - SHARE);
    for (uint16_t laptop = 1; laptop < NAT_LAPTOPS; laptop++)
        for (uint16_t port = 1; port <= SHARE; port++)
            CHECK(port_out(laptop, tcp(port, TCP_SYN)) != 0); // what was kept
    CHECK_INT(nat.evicted, ALL / 2 - SHARE);
    CHECK_INT(nat.ports[NAT_TCP].free_count, 0);
    for (uint16_t port = 101; port <= 140; port++) CHECK(port_out(1, tcp(port, TCP_SYN)) != 0);
    CHECK_INT(in_queue(1, NAT_TRANSITORY_QUEUE), SHARE + 40);
    CHECK_INT(in_queue(0, NAT_TRANSITORY_QUEUE), ALL / 2 + SHARE - 40);
    CHECK_INT(in_queue(2, NAT_TRANSITORY_QUEUE), SHARE);
    uint32_t before = nat.mapping_count; // the newest of laptop 0 is still there
    CHECK(port_out(0, tcp(ALL, TCP_SYN)) != 0);
    CHECK_INT(nat.mapping_count, before);
    check_counters();
}

// What is kept for one laptop is kept for each.
static void kept_for_each(void) {
    for (uint16_t last = 0; last < NAT_LAPTOPS; last++) {
        uint16_t greedy = last == 0 ? 1 : 0;
        test_row("kept for laptop %u", last);
        start_with_ports(20000, 20000 + ALL - 1);
        for (uint16_t port = 1; port <= ALL; port++)
            CHECK(port_out(greedy, tcp(port, TCP_SYN)) != 0);
        CHECK_INT(in_queue(greedy, NAT_TRANSITORY_QUEUE), ALL / 2 + SHARE);
        for (uint16_t port = 1; port <= SHARE; port++)
            CHECK(port_out(last, tcp(port, TCP_SYN)) != 0);
        CHECK_INT(in_queue(greedy, NAT_TRANSITORY_QUEUE), ALL / 2 + SHARE);
    }
}

static void established_never(void) {
    static uint16_t ports[ALL + 1];
    start_with_ports(20000, 20000 + ALL - 1);
    for (uint16_t port = 1; port <= ALL / 2 + SHARE; port++) {
        ports[port] = open_connection(0, port);
        CHECK(ports[port] != 0);
    }
    CHECK_INT(out(0, tcp(ALL, TCP_SYN)), NAT_NO_PORT);
    CHECK(is_error(only(TO_LAPTOP), ICMP_UNREACHABLE, ICMP_PROHIBITED));
    CHECK_INT(nat.dropped[NAT_NO_PORT], 1);
    for (uint16_t laptop = 1; laptop < NAT_LAPTOPS; laptop++)
        for (uint16_t port = 1; port <= ALL; port++) out(laptop, tcp(port, TCP_SYN));
    for (uint16_t laptop = 1; laptop < NAT_LAPTOPS; laptop++)
        CHECK_INT(in_queue(laptop, NAT_TRANSITORY_QUEUE), SHARE);
    CHECK_INT(in_queue(0, NAT_ESTABLISHED_QUEUE), ALL / 2 + SHARE);
    for (uint16_t port = 1; port <= ALL / 2 + SHARE; port++)
        CHECK_INT(in(answer(tcp(port, TCP_ACK), ports[port])), NAT_PASS);
    check_counters();
}

static void expired_first(void) {
    start_with_ports(20000, 20000 + ALL - 1);
    for (uint16_t port = 1; port <= ALL / 2 + SHARE; port++) CHECK(port_out(0, udp(port)) != 0);
    lab.now_ms += 5 * MINUTE; // and nobody has called nat_expire()
    for (uint16_t port = 1001; port <= 1000 + ALL / 2 + SHARE; port++)
        CHECK(port_out(0, udp(port)) != 0);
    CHECK_INT(nat.evicted, 0);
    check_counters();
}

// Each protocol has ports of its own.
static void ports_of_each_protocol(void) {
    start_with_ports(20000, 20000 + ALL - 1);
    for (uint16_t port = 1; port <= ALL / 2 + SHARE; port++)
        CHECK(port_out(0, udp(port)) != 0 && port_out(0, echo(port)) != 0 &&
              port_out(0, tcp(port, TCP_SYN)) != 0);
    CHECK_INT(nat.evicted, 0);
    CHECK_INT(nat.mapping_count, 3 * (ALL / 2 + SHARE));
}

// The whole table is full of UDP and ICMP; old permissions give no mapping back.
static void permissions_are_no_mappings(void) {
    struct nat_config config = lab_config();
    config.port_low = 1024;
    config.port_high = 65535;
    config.filter_by_address = true;
    lab_start_with(&config);
    for (uint32_t i = 0; i < 1000; i++) CHECK_INT(out(0, to(udp(9), REMOTE + i, 53)), NAT_PASS);
    lab.now_ms += SECOND;
    CHECK_INT(out(0, udp(9)), NAT_PASS);
    for (uint32_t port = 1; port <= 65535; port++) {
        uint16_t p = (uint16_t)port;
        test_row("mapping %u", (unsigned)nat.mapping_count);
        CHECK_INT(out(0, p % 4 != 0 ? echo(p) : tcp(p, TCP_SYN)), NAT_PASS);
        CHECK_INT(out(0, from(echo(p), INSIDE + 1, p)), NAT_PASS);
    }
    CHECK(in_queue(0, NAT_PERMISSION_QUEUE) >= 999);
}

static void one_mapping_with_many_connections(void) {
    start_with_ports(20000, 20000 + ALL - 1);
    for (uint32_t i = 0; i < 2 * NAT_CONNECTIONS; i++)
        CHECK_INT(out(0, to(tcp(5000, TCP_SYN), ADDRESS(20, 0, 0, 0) + i, 80)), NAT_PASS);
    CHECK_INT(nat.mapping_count, 1);
    CHECK(nat.connection_count <= NAT_CONNECTIONS);
    CHECK(open_connection(1, 1) != 0);
    check_counters();
    nat_forget_laptop(&nat, 0);
    nat_forget_laptop(&nat, 1);
    CHECK(is_empty());
}

// ---- going ----

static void random_packet(void) {
    uint16_t port = (uint16_t)(1 + test_below(40));
    uint16_t laptop = (uint16_t)test_below(NAT_LAPTOPS);
    struct packet_spec specs[] = {udp(port),          tcp(port, TCP_SYN),
                                  tcp(port, TCP_ACK), tcp(port, TCP_FIN | TCP_ACK),
                                  tcp(port, TCP_RST), echo(port)};
    struct packet_spec spec = specs[test_below(COUNT(specs))];
    spec.destination += test_below(5);
    if (test_below(20) == 0)
        spec.fragment = (uint16_t)(MORE_FRAGMENTS | test_below(3));
    if (test_below(2) == 0) {
        out(laptop, spec);
    } else {
        spec = answer(spec, (uint16_t)(nat.config.port_low + test_below(ALL)));
        spec.tcp_flags |= test_below(2) == 0 ? TCP_SYN : 0;
        in(spec);
    }
}

static void random_life(void) {
    struct nat_config config = lab_config();
    config.port_high = config.port_low + ALL - 1;
    for (int round = 0; round < 20; round++) {
        config.filter_by_address = round % 2 != 0;
        lab_start_with(&config);
        for (int i = 0; i < 5000 && !test_state.failed; i++) {
            random_packet();
            if (test_below(50) == 0)
                lab_wait(test_below(2) == 0 ? test_below(1000) : test_below(100000));
            if (test_below(500) == 0)
                nat_forget_laptop(&nat, (uint16_t)test_below(NAT_LAPTOPS));
            if (i % 100 == 0)
                check_counters();
        }
        CHECK(nat.connection_count > 0);
        if (round % 3 == 0) {
            lab_wait(3 * HOUR);
        } else {
            for (uint16_t laptop = 0; laptop < NAT_LAPTOPS; laptop++)
                nat_forget_laptop(&nat, laptop);
            nat_forget_laptop(&nat, NAT_OUTSIDE - 1);
            nat_expire(&nat, lab.now_ms + 30 * SECOND); // fragments from outside
        }
        CHECK(is_empty());
    }
}

static void forgetting_one(void) {
    lab_start();
    uint16_t kept_tcp = open_connection(2, 1);
    uint16_t kept_udp = port_out(2, udp(1));
    for (uint16_t port = 1; port < 100; port++)
        CHECK(open_connection(1, port) != 0 && port_out(1, udp(port)) != 0 &&
              port_out(1, echo(port)) != 0);
    nat_forget_laptop(&nat, 1);
    CHECK_INT(nat.mapping_count, 2);
    CHECK_INT(nat.laptops[1].mappings + nat.laptops[1].connections, 0);
    CHECK_INT(in(answer(tcp(1, TCP_ACK), kept_tcp)), NAT_PASS);
    CHECK_INT(in(answer(udp(1), kept_udp)), NAT_PASS);
    CHECK_INT(lab.sent[0].laptop, 2);
    nat_forget_laptop(&nat, 2);
    CHECK(is_empty());
}

int main(void) {
    TEST("a laptop that sends SYNs from 65 535 ports, twice, leaves others theirs",
         a_flood_of_syns);
    TEST("a laptop that sends UDP to a million destinations leaves others theirs",
         a_million_destinations);
    TEST("laptops that flood the table with UDP, ICMP and TCP together leave another its share",
         every_kind_of_flood);
    TEST("unsolicited packets to every port take nothing", unsolicited_traffic);
    TEST("the oldest transitory connection of the laptop that holds most gives way",
         the_greediest_gives_way);
    TEST("what is kept for one laptop is kept for each", kept_for_each);
    TEST("an established connection never gives way; who asks for more is told so",
         established_never);
    TEST("what has expired goes before anything is evicted", expired_first);
    TEST("TCP, UDP and ICMP have ports of their own", ports_of_each_protocol);
    TEST("when the table is full, permissions are not taken for mappings",
         permissions_are_no_mappings);
    TEST("one mapping with more connections than there are gives up its oldest",
         one_mapping_with_many_connections);
    TEST("random packets, time and departures keep the counters right, and leave nothing",
         random_life);
    TEST("forgetting one laptop leaves the others alone", forgetting_one);
    return test_end();
}
