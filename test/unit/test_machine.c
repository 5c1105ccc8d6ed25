// SPDX-License-Identifier: ISC
// The laptop's end of the tether: what its TUN device is asked for, what is given to it, and what
// is counted.
#include "../../src/client/machine.c"

#include "packets.h"
#include "test.h"

static struct {
    int opened, configured, ipv6, said; // calls
    uint32_t address, mtu;
    uint8_t prefix;
    struct cidr routes[4];
    int route_count;
    int routes_good; // so many are taken
    bool refuses;    // the device takes no packet
    int written, offloaded;
    size_t length; // of the last one
    uint8_t bytes[IP_PACKET_MAX];
    uint16_t segment_size;
    const uint8_t *waits; // a packet of the laptop
    size_t waits_length;
} seen;
static struct machine machine;
static struct log quiet;

int log_say(const struct log *log, enum log_level level, const char *format, ...) {
    (void)log, (void)level, (void)format;
    seen.said++;
    return -1;
}

int tun_open(struct tun *tun, const char *name, const struct log *log) {
    (void)tun, (void)name, (void)log;
    seen.opened++;
    return 0;
}

int tun_configure(struct tun *tun, uint32_t address, uint8_t prefix_length, uint32_t mtu) {
    (void)tun;
    seen.configured++;
    seen.address = address;
    seen.prefix = prefix_length;
    seen.mtu = mtu;
    return address == 0 ? -1 : 0;
}

void tun_take_ipv6(struct tun *tun) {
    (void)tun;
    seen.ipv6++;
}

int tun_add_route(struct tun *tun, const struct cidr *cidr, uint32_t mss) {
    (void)tun;
    if (seen.route_count == seen.routes_good || mss != TUN_MSS)
        return -1;
    seen.routes[seen.route_count++] = *cidr;
    return 0;
}

// Gives the packet that waits, once.
ssize_t tun_read(struct tun *tun, uint8_t buffer[TUN_READ_MAX], uint8_t **packet,
                 struct ip_offload *offload) {
    ssize_t length = (ssize_t)seen.waits_length;
    (void)tun;
    *offload = (struct ip_offload){0};
    *packet = buffer;
    if (length > 0)
        memcpy(buffer, seen.waits, seen.waits_length);
    seen.waits_length = 0;
    return length;
}

bool tun_write(struct tun *tun, const uint8_t *packet, size_t length) {
    (void)tun;
    seen.written++;
    seen.length = length;
    memcpy(seen.bytes, packet, length);
    return !seen.refuses;
}

bool tun_write_offloaded(struct tun *tun, const struct ip_packet *packet,
                         const struct ip_offload *offload) {
    (void)tun;
    seen.offloaded++;
    seen.length = packet->length;
    seen.segment_size = offload->segment_size;
    return !seen.refuses;
}

void tun_close(struct tun *tun) { (void)tun; }

static void start(void) {
    memset(&seen, 0, sizeof seen);
    seen.routes_good = 4;
    memset(&machine, 0, sizeof machine);
    machine_init(&machine, &quiet);
    machine.address = 0x64400001;
}

static void routes(void) {
    static const struct {
        struct client_options options;
        int count;
        uint32_t first;
        bool ipv6;
        uint8_t prefix;
    } cases[] = {
        {{.tun_name = "t"}, 2, 0, true, 32}, // both halves of everything
        {{.tun_name = "t", .open = true}, 2, 0, true, 24},
        {{.tun_name = "t", .no_routes = true}, 0, 0, false, 32},
        {{.routes = {{0x0a000000, 8}}, .route_count = 1}, 1, 0x0a000000, false, 32},
        {{.routes = {{0x0a000000, 8}}, .route_count = 1, .no_routes = true}, 0, 0, false, 32},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("case %zu", i);
        start();
        CHECK_INT(machine_open(&machine, &cases[i].options), 0);
        CHECK_INT(seen.opened, 1);
        CHECK_INT(seen.configured, 1);
        CHECK_INT(seen.address, 0x64400001);
        CHECK_INT(seen.prefix, cases[i].prefix);
        CHECK_INT(seen.mtu, TUN_MTU);
        CHECK_INT(seen.ipv6, cases[i].ipv6);
        CHECK_INT(seen.route_count, cases[i].count);
        CHECK_INT(seen.routes[0].network, cases[i].first);
        if (cases[i].count == 0)
            continue;
        start(); // the last of them is refused
        seen.routes_good = cases[i].count - 1;
        CHECK_INT(machine_open(&machine, &cases[i].options), -1);
    }
}

static void configures(void) {
    start();
    CHECK_INT(machine_configure(&machine, 0x64400001, TUN_MTU), 0);
    CHECK_INT(seen.configured, 0); // nothing is new
    CHECK_INT(machine_configure(&machine, 0x64400001, 1280), 0);
    CHECK_INT(seen.configured, 1);
    CHECK_INT(machine.mtu, 1280);
    CHECK_INT(seen.said, 0);
    CHECK_INT(machine_configure(&machine, 0x64400002, 1280), 0);
    CHECK_INT(seen.configured, 2);
    CHECK_INT(machine.address, 0x64400002);
    CHECK_INT(seen.said, 1);
    CHECK_INT(machine_configure(&machine, 0, 1280), -1); // refused
    CHECK_INT(machine.address, 0x64400002);
}

static void takes(void) {
    start();
    CHECK_INT(machine_takes(&machine), 0);
    machine.tun.has_vnet_headers = true;
    CHECK_INT(machine_takes(&machine), SESSION_TAKES_TCP_SUPER);
    machine.tun.takes_udp_super = true;
    CHECK_INT(machine_takes(&machine), SESSION_TAKES_TCP_SUPER | SESSION_TAKES_UDP_SUPER);
}

static size_t make_segment(uint8_t *out, uint32_t sequence, const uint8_t *payload, size_t length) {
    const struct packet_spec spec = {
        .protocol = PACKET_TCP,
        .source = ADDRESS(198, 51, 100, 9),
        .destination = ADDRESS(100, 64, 0, 1),
        .source_port = 443,
        .destination_port = 40000,
        .fragment = 0x4000,
        .sequence = sequence,
        .tcp_flags = 0x10, // ACK
        .payload = payload,
        .payload_length = length,
    };
    return packet_make(out, &spec);
}

static void plain_packets(void) {
    uint8_t packet[64];
    size_t length = make_segment(packet, 1, NULL, 0);
    struct record record = {RECORD_PACKET, packet, length};
    for (int refuses = 0; refuses < 2; refuses++) {
        start();
        seen.refuses = refuses;
        CHECK_INT(machine_give_record(&machine, &record), 0);
        CHECK_INT(seen.written, 1);
        CHECK_INT(seen.length, length);
        CHECK_INT(machine.tun_write, refuses);
        CHECK_INT(machine.not_ipv4, 0);
    }
    start();
    packet[0] = 0x60;
    CHECK_INT(machine_give_record(&machine, &record), 0);
    CHECK_INT(seen.written, 0);
    CHECK_INT(machine.not_ipv4, 1);
}

// Segments are put together where the device takes that; what it does not take is counted.
static void put_together(void) {
    static uint8_t payload[2000];
    static uint8_t packets[2][1100];
    size_t length = make_segment(packets[0], 1, payload, 1000);
    (void)make_segment(packets[1], 1001, payload + 1000, 1000);
    for (int refuses = 0; refuses < 2; refuses++) {
        start();
        seen.refuses = refuses;
        machine.tun.has_vnet_headers = true;
        for (size_t i = 0; i < 2; i++)
            CHECK_INT(
                machine_give_record(&machine, &(struct record){RECORD_PACKET, packets[i], length}),
                0);
        CHECK_INT(seen.written + seen.offloaded, 0); // held for more
        machine_give_rest(&machine);
        CHECK_INT(seen.written, 0);
        CHECK_INT(seen.offloaded, 1);
        CHECK_INT(seen.length, length + 1000);
        CHECK_INT(seen.segment_size, 1000);
        CHECK_INT(machine.tun_write, refuses);
    }
    CHECK_INT(machine_give_record(&machine, &(struct record){RECORD_PACKET, packets[0], length}),
              0);
    machine_give_rest(&machine);
    CHECK_INT(seen.written, 1); // one alone is a packet
    CHECK_INT(machine.tun_write, 2);
}

static void super_packets(void) {
    static uint8_t payload[2000];
    static uint8_t body[2 + 2100];
    size_t length = make_segment(body + 2, 1, payload, sizeof payload);
    struct record record = {RECORD_SUPER_PACKET, body, 2 + length};
    packet_fill_partial_checksum(body + 2, length);
    put_be16(body, 1000);
    for (int refuses = 0; refuses < 2; refuses++) {
        start();
        seen.refuses = refuses;
        CHECK_INT(machine_give_record(&machine, &record), 0);
        CHECK_INT(seen.offloaded, 1);
        CHECK_INT(seen.length, length);
        CHECK_INT(seen.segment_size, 1000);
        CHECK_INT(machine.tun_write, refuses);
    }
    put_be16(body, 0);
    CHECK_INT(machine_give_record(&machine, &record), -1);
    CHECK_INT(seen.offloaded, 1);
}

static const struct siphash_key queue_key = {1, 2};
static struct tunnel_link link_up;
static struct ws_conn somebody;

static void check_up(const uint8_t *packet, size_t length, size_t queued, int answers) {
    seen.waits = packet;
    seen.waits_length = length;
    size_t before = link_up.queue.count;
    uint64_t dropped = machine.not_ipv4;
    seen.written = 0;
    CHECK_INT(machine_read(&machine, &link_up, 1000000), 0);
    CHECK_INT(link_up.queue.count - before, queued);
    CHECK_INT(machine.not_ipv4 - dropped, 1 - queued);
    CHECK_INT(seen.written, answers);
}

// A UDP packet of IPv6 is answered with an ICMPv6 error, RFC 4443 section 3.1.
static void on_its_way_up(void) {
    uint8_t packet[64];
    uint8_t ipv6[48] = {
        0x60, [5] = 8, [6] = 17, [7] = 64, [8] = 0x20, [23] = 1, [24] = 0x20, [39] = 2};
    size_t length = make_segment(packet, 1, NULL, 0);
    start();
    tunnel_link_init(&link_up, NULL, &queue_key, 0);
    link_up.conn = &somebody;
    check_up(packet, length, 1, 0);
    check_up(packet, length - 1, 0, 0); // its header says another length
    check_up(packet, 3, 0, 0);
    check_up(ipv6, sizeof ipv6, 0, 1);
    CHECK_INT(seen.bytes[40], 1); // destination unreachable
    CHECK(memcmp(seen.bytes + 24, ipv6 + 8, 16) == 0);
}

int main(void) {
    TEST("the routes are the ones that were asked for, or everything", routes);
    TEST("what the server says of address and MTU is set where it is new", configures);
    TEST("the server is told which super-packets the device takes", takes);
    TEST("a packet is given to the device, or counted", plain_packets);
    TEST("segments are put together, and counted where the device does not take them",
         put_together);
    TEST("a super-packet is given to the device as one, or counted", super_packets);
    TEST("IPv4 goes up, and who sends IPv6 is told that there is no way", on_its_way_up);
    return test_end();
}
