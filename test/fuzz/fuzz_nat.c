// SPDX-License-Identifier: ISC
// The NAT. The input is a script: packets out and in, of the server's own stack, answers, time,
// laptops that go. Whatever is sent has good checksums if it came with good ones, each answer comes
// back to where its question came from, and the tables agree with each other at the end.
#include "../unit/packets.h"
#include "fuzz.h"
#include "ip/scope.h"
#include "nat/nat.h"

#define OUTSIDE ADDRESS(203, 0, 113, 7)
#define HOST    ADDRESS(192, 168, 77, 2)
// Where no laptop may go but with queries to it.
#define RESOLVER ADDRESS(169, 254, 169, 253)
#define LAPTOPS  4
#define STEPS    200

#define SEGMENT_SIZE 16

static struct nat nat;
static int64_t now_ms;

// How the packet that is on its way came.
static enum { GOOD, BAD, NOBODY_KNOWS } came;

// What was sent since.
enum where { TO_WIRE, TO_LAPTOP, TO_HOST };
static struct {
    int count;
    enum where where;
    uint16_t laptop;
    uint32_t source, destination;
    uint16_t source_port, destination_port;
} sent;

static void on_sent(enum where where, uint16_t laptop, const struct ip_packet *packet) {
    uint8_t *bytes = exact_copy(packet->bytes, packet->length);
    struct ip_packet again;
    EXPECT(ip_parse(&again, bytes, packet->length) == IP_GOOD && again.length == packet->length);
    EXPECT(packet_header_checksum_is_good(bytes));
    if (again.has_transport && !again.is_fragment) {
        // An error is made or checked, and so good, by the NAT itself.
        if (again.protocol == PACKET_ICMP && icmp_is_error(again.icmp_type))
            EXPECT(packet_checksum_is_good(bytes) || came == NOBODY_KNOWS);
        else if (came != NOBODY_KNOWS)
            EXPECT(packet_checksum_is_good(bytes) == (came == GOOD));
    }
    sent.count++;
    sent.where = where;
    sent.laptop = laptop;
    sent.source = again.source;
    sent.destination = again.destination;
    sent.source_port = again.source_port;
    sent.destination_port = again.destination_port;
    free(bytes);
}

static void to_wire(void *arg, const struct ip_packet *packet, const struct ip_offload *offload,
                    bool lasting) {
    enum ip_scope scope = ip_scope_of(packet->destination);
    (void)arg;
    (void)lasting;
    EXPECT(packet->length <= nat.config.outside_mtu || packet->protocol == PACKET_ICMP ||
           (offload != NULL && offload->segment_size > 0));
    EXPECT(packet->source == OUTSIDE);
    EXPECT(scope == SCOPE_GLOBAL || (scope == SCOPE_PRIVATE && nat.config.allow_private) ||
           (packet->destination == RESOLVER && packet->destination_port == 53) ||
           packet->protocol == PACKET_ICMP); // an answer goes where the packet came from
    on_sent(TO_WIRE, 0, packet);
}

static void to_laptop(void *arg, uint16_t laptop, const struct ip_packet *packet,
                      const struct ip_offload *offload) {
    (void)arg;
    EXPECT(laptop < LAPTOPS);
    EXPECT(packet->length <= nat.config.inside_mtu || packet->protocol == PACKET_ICMP ||
           offload != NULL);
    EXPECT(ip_scope_of(packet->destination) == SCOPE_PRIVATE);
    on_sent(TO_LAPTOP, laptop, packet);
}

static void to_host(void *arg, const struct ip_packet *packet, const struct ip_offload *offload) {
    (void)arg;
    (void)offload;
    EXPECT(packet->destination == OUTSIDE && packet->source == HOST);
    on_sent(TO_HOST, 0, packet);
}

enum from { FROM_LAPTOP, FROM_WIRE, FROM_HOST };

// Sends bytes in memory of exactly their size.
static enum nat_verdict send(enum from from, uint16_t laptop, const uint8_t *bytes, size_t length,
                             const struct ip_offload *offload) {
    uint8_t *copy = exact_copy(bytes, length);
    uint64_t drops = 0;
    for (int i = 0; i < NAT_VERDICT_COUNT; i++) drops += nat.dropped[i];
    sent.count = 0;
    enum nat_verdict verdict =
        from == FROM_LAPTOP ? nat_take(&nat, laptop, copy, length, offload, now_ms)
        : from == FROM_WIRE ? nat_take(&nat, NAT_OUTSIDE, copy, length, offload, now_ms)
                            : nat_take(&nat, NAT_TO_HOST, copy, length, offload, now_ms);
    EXPECT(verdict >= NAT_PASS && verdict < NAT_VERDICT_COUNT);
    for (int i = 0; i < NAT_VERDICT_COUNT; i++) drops -= nat.dropped[i];
    EXPECT(verdict == NAT_PASS || verdict == NAT_HELD || drops != 0); // each drop is counted
    EXPECT(verdict != NAT_HELD || sent.count == 0);
    free(copy);
    return verdict;
}

// Bytes as they are, from a laptop, from outside, or from the server's own stack.
static void raw_packet(struct input *input, enum from from, bool partial) {
    const uint8_t *bytes;
    uint16_t laptop = take8(input) % LAPTOPS;
    size_t length = take_bytes(input, &bytes, take8(input));
    uint8_t *copy = exact_copy(bytes, length);
    struct ip_packet before;
    struct ip_offload offload = {.partial_checksum = true};
    if (length >= 20 && packet_header_length(copy) >= 20 && packet_header_length(copy) <= length)
        packet_fill_header_checksum(copy);
    bool readable = ip_parse(&before, copy, length) == IP_GOOD && before.has_transport;
    came = NOBODY_KNOWS;
    if (readable && !before.is_fragment) {
        // An ICMP packet of zeros is bad before, and may be good after: 0000 and ffff are one
        // number.
        bool zeros =
            before.protocol == PACKET_ICMP &&
            packet_sum(0, copy + before.header_length, before.length - before.header_length) == 0;
        if (!zeros && !partial)
            came = packet_checksum_is_good(copy) ? GOOD : BAD;
        offload.checksum_start = (uint16_t)before.header_length;
        offload.checksum_at =
            (uint16_t)(before.header_length + packet_checksum_place(before.protocol));
    }
    // A laptop's is a super-packet where it can be one, of segments so small that the fuzzer makes
    // some.
    bool has_offload = partial && (from == FROM_WIRE ||
                                   (readable && from == FROM_LAPTOP &&
                                    ip_offload_of_super(&offload, &before, SEGMENT_SIZE) == 0));
    send(from, laptop, copy, length, has_offload ? &offload : NULL);
    free(copy);
}

// The answer to a packet that went out; it arrives at the endpoint that the packet came from.
static void answer(const struct packet_spec *spec, uint16_t laptop, uint16_t outside_port,
                   uint8_t flags) {
    uint8_t bytes[256];
    struct packet_spec back = *spec;
    back.source = spec->destination;
    back.source_port = spec->protocol == PACKET_ICMP ? outside_port : spec->destination_port;
    back.destination = OUTSIDE;
    back.destination_port = outside_port;
    back.icmp_type = 0;
    back.tcp_flags = flags;
    size_t length = packet_make(bytes, &back);
    came = GOOD;
    EXPECT(send(FROM_WIRE, 0, bytes, length, NULL) == NAT_PASS);
    EXPECT(sent.count == 1 && sent.where == TO_LAPTOP && sent.laptop == laptop);
    EXPECT(sent.destination == spec->source && sent.destination_port == spec->source_port);
}

// A well-formed packet from a laptop, from few endpoints, so that mappings meet each other.
static void made_packet(struct input *input) {
    static const uint8_t protocols[] = {PACKET_UDP, PACKET_TCP, PACKET_ICMP, PACKET_TCP};
    static const uint8_t payload[16] = "some payload...";
    uint8_t bytes[256];
    uint8_t who = take8(input);
    uint8_t what = take8(input);
    uint16_t laptop = who % LAPTOPS;
    struct packet_spec spec = {
        .protocol = protocols[what & 3],
        .source = ADDRESS(10, 0, 0, 1) + (who >> 2) % 2,
        .source_port = (uint16_t)(1000 + (who >> 3)),
        .destination = ADDRESS(198, 51, 100, 0) + (what >> 2) % 8,
        .destination_port = (uint16_t)(what >> 5),
        .tcp_flags = take8(input),
        .icmp_type = 8,
        .payload = payload,
        .payload_length = who % sizeof payload,
    };
    size_t length = packet_make(bytes, &spec);
    uint32_t mappings = nat.mapping_count;
    came = GOOD;
    enum nat_verdict verdict = send(FROM_LAPTOP, laptop, bytes, length, NULL);
    EXPECT(verdict == NAT_PASS || verdict == NAT_NO_CONNECTION || verdict == NAT_NO_PORT ||
           verdict == NAT_TABLE_FULL);
    if (verdict != NAT_PASS) {
        EXPECT(nat.mapping_count <= mappings);
        return;
    }
    EXPECT(sent.count == 1 && sent.where == TO_WIRE);
    EXPECT(sent.source_port >= nat.config.port_low && sent.source_port <= nat.config.port_high);
    if ((who & 0x40) != 0)
        answer(&spec, laptop, sent.source_port, take8(input));
}

static uint32_t queue_length(const struct nat_queue *queue, const struct nat_link *links) {
    uint32_t count = 0;
    int64_t before_ms = INT64_MIN;
    for (uint32_t at = queue->first; at != NO_ENTRY; at = links[at].next) {
        EXPECT(links[at].used_ms >= before_ms);
        before_ms = links[at].used_ms;
        EXPECT(++count <= NAT_MAPPINGS);
    }
    EXPECT(count == queue->count);
    return count;
}

static void expect_consistent(void) {
    uint32_t range = (uint32_t)(nat.config.port_high - nat.config.port_low) + 1;
    uint32_t tcp = 0, udp = 0, icmp = 0, connections = 0;
    for (size_t i = 0; i < NAT_LAPTOPS; i++) {
        const struct nat_laptop *laptop = &nat.laptops[i];
        uint32_t carried = 0;
        EXPECT(queue_length(&laptop->queues[NAT_UDP_QUEUE], nat.mapping_links) == laptop->ports[1]);
        EXPECT(queue_length(&laptop->queues[NAT_ICMP_QUEUE], nat.mapping_links) ==
               laptop->ports[2]);
        for (int queue = NAT_PERMISSION_QUEUE; queue < NAT_QUEUE_COUNT; queue++)
            carried += queue_length(&laptop->queues[queue], nat.connection_links);
        EXPECT(carried == laptop->connections);
        EXPECT(laptop->ports[0] + laptop->ports[1] + laptop->ports[2] == laptop->mappings);
        EXPECT(laptop->ports[0] <= carried);
        tcp += laptop->ports[0];
        udp += laptop->ports[1];
        icmp += laptop->ports[2];
        connections += carried;
    }
    EXPECT(connections == nat.connection_count && tcp + udp + icmp == nat.mapping_count);
    EXPECT(tcp == range - nat.ports[NAT_TCP].free_count);
    EXPECT(udp == range - nat.ports[NAT_UDP].free_count);
    EXPECT(icmp == range - nat.ports[NAT_ICMP].free_count);
    for (size_t i = 0; i < NAT_DATAGRAMS; i++)
        EXPECT((nat.datagram_crowd[i].held > 0) == nat.datagrams[i].used);
    for (size_t i = 0; i < NAT_HELD_FRAGMENTS; i++) {
        EXPECT(nat.held[i].datagram == NULL || nat.held[i].datagram->used);
        EXPECT((nat.held_crowd[i].held > 0) == (nat.held[i].datagram != NULL));
    }
}

static void step(struct input *input) {
    uint8_t command = take8(input);
    switch (command & 7) {
    case 0: raw_packet(input, FROM_LAPTOP, (command & 0x20) != 0); break;
    case 1:
        raw_packet(input, (command & 0x10) != 0 ? FROM_HOST : FROM_WIRE, (command & 0x20) != 0);
        break;
    case 2:
        now_ms += take16(input) * (int64_t)((command & 8) != 0 ? 1000 : 1);
        came = NOBODY_KNOWS;
        nat_expire(&nat, now_ms);
        break;
    case 3: nat_forget_laptop(&nat, (command >> 3) % LAPTOPS); break;
    default: made_packet(input); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    uint8_t settings = take8(&input);
    struct nat_config config = {
        .outside_address = OUTSIDE,
        .host_address = HOST,
        .inside_resolver = ADDRESS(192, 0, 0, 3),
        .resolver = RESOLVER,
        .port_low = (uint16_t)((settings & 1) != 0 ? 65530 : 20000),
        .port_high = (uint16_t)((settings & 1) != 0 ? 65535 : 20000 + (settings >> 2)),
        .outside_mtu = (settings & 4) != 0 ? 128 : 1500,
        .inside_mtu = (settings & 8) != 0 ? 100 : 1500,
        .allow_private = (settings & 2) != 0,
        .filter_by_address = (settings & 16) != 0,
        .key = {settings, 1},
        .port_key = {settings, 2},
        .output = {to_wire, to_laptop, to_host, NULL},
    };
    now_ms = 1000;
    nat_init(&nat, &config);
    for (uint16_t laptop = 0; laptop < LAPTOPS; laptop++)
        nat_set_laptop(&nat, laptop, laptop / 2); // two who want the same ports, and two others
    for (int i = 0; i < STEPS && input.left > 0; i++) step(&input);
    expect_consistent();
    nat_expire(&nat, now_ms + INT64_C(100000000));
    expect_consistent();
    EXPECT(nat.mapping_count == 0 && nat.connection_count == 0 && nat.syn_count == 0);
    for (size_t i = 0; i < NAT_DATAGRAMS; i++) EXPECT(!nat.datagrams[i].used);
    return 0;
}
