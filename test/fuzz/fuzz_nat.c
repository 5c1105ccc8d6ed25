// The NAT. The input is a script: packets out and in, answers, time, laptops that go. Each packet
// that passes has good checksums, each answer comes back to where its question came from, and the
// tables agree with each other at the end.
#include "../unit/packets.h"
#include "fuzz.h"
#include "nat/nat.h"

#define OUTSIDE ADDRESS(203, 0, 113, 7)
#define LAPTOPS 4
#define STEPS   200

static struct nat nat;
static int64_t now_ms;

static void expect_good(const uint8_t *bytes, bool was_good)
{
    EXPECT(packet_header_checksum_is_good(bytes));
    EXPECT(packet_checksum_is_good(bytes) == was_good);
}

// Bytes as they are, from a laptop or from outside.
static void raw_packet(struct input *input, bool outbound)
{
    const uint8_t *bytes;
    struct ip_packet packet;
    uint16_t laptop = take8(input) % LAPTOPS;
    size_t length = take_bytes(input, &bytes, take8(input));
    uint8_t *copy = exact_copy(bytes, length);
    if (length >= 20 && packet_header_length(copy) >= 20 && packet_header_length(copy) <= length)
        packet_fill_header_checksum(copy);
    struct ip_packet before;
    bool whole =
        ip_parse(&before, copy, length) == IP_GOOD && before.has_transport && !before.is_fragment;
    bool good = whole && packet_checksum_is_good(copy);
    uint8_t *before_bytes = exact_copy(copy, length);
    enum nat_verdict verdict =
        outbound ? nat_outbound(&nat, laptop, copy, length, now_ms, &packet)
                 : nat_inbound(&nat, copy, length, false, now_ms, &packet, &laptop);
    EXPECT(verdict >= NAT_PASS && verdict < NAT_VERDICT_COUNT);
    EXPECT(laptop < LAPTOPS);
    if (verdict == NAT_PASS && !packet_is_zero_icmp(before_bytes) && !packet_is_zero_icmp(copy))
        expect_good(copy, good);
    if (verdict == NAT_PASS && outbound)
        EXPECT(packet.source == OUTSIDE);
    free(before_bytes);
    free(copy);
}

// The answer to a packet that went out; it arrives at the endpoint that the packet came from.
static void answer(const struct packet_spec *spec, uint16_t laptop, uint16_t outside_port,
                   uint8_t flags)
{
    uint8_t bytes[256];
    struct ip_packet packet;
    uint16_t to = 0xffff;
    struct packet_spec back = *spec;
    back.source = spec->destination;
    back.source_port = spec->protocol == PACKET_ICMP ? outside_port : spec->destination_port;
    back.destination = OUTSIDE;
    back.destination_port = outside_port;
    back.icmp_type = 0;
    back.tcp_flags = flags;
    size_t length = packet_make(bytes, &back);
    EXPECT(nat_inbound(&nat, bytes, length, false, now_ms, &packet, &to) == NAT_PASS);
    EXPECT(to == laptop);
    EXPECT(packet.destination == spec->source && packet.destination_port == spec->source_port);
    expect_good(bytes, true);
}

// A well-formed packet from a laptop, from few endpoints, so that mappings meet each other.
static void made_packet(struct input *input)
{
    static const uint8_t protocols[] = {PACKET_UDP, PACKET_TCP, PACKET_ICMP, PACKET_TCP};
    static const uint8_t payload[16] = "some payload...";
    uint8_t bytes[256];
    struct ip_packet packet;
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
    enum nat_verdict verdict = nat_outbound(&nat, laptop, bytes, length, now_ms, &packet);
    EXPECT(verdict == NAT_PASS || verdict == NAT_NO_CONNECTION || verdict == NAT_NO_PORT ||
           verdict == NAT_TABLE_FULL);
    if (verdict != NAT_PASS) {
        EXPECT(nat.mapping_count <= mappings);
        return;
    }
    EXPECT(packet.source == OUTSIDE);
    EXPECT(packet.source_port >= nat.config.port_low && packet.source_port <= nat.config.port_high);
    expect_good(bytes, true);
    if ((who & 0x40) != 0)
        answer(&spec, laptop, packet.source_port, take8(input));
}

static uint32_t queue_length(enum nat_queue_name name, const struct nat_link *links)
{
    uint32_t count = 0;
    int64_t before_ms = INT64_MIN;
    for (uint32_t at = nat.queues[name].first; at != NO_ENTRY; at = links[at].next) {
        EXPECT(links[at].used_ms >= before_ms);
        before_ms = links[at].used_ms;
        EXPECT(++count <= NAT_MAPPINGS);
    }
    EXPECT(count == nat.queues[name].count);
    return count;
}

static void expect_consistent(void)
{
    uint32_t range = (uint32_t)(nat.config.port_high - nat.config.port_low) + 1;
    uint32_t udp = queue_length(NAT_UDP_QUEUE, nat.mapping_links);
    uint32_t icmp = queue_length(NAT_ICMP_QUEUE, nat.mapping_links);
    uint32_t connections = queue_length(NAT_TRANSITORY_QUEUE, nat.connection_links) +
                           queue_length(NAT_ESTABLISHED_QUEUE, nat.connection_links);
    uint32_t tcp = range - nat.tcp_ports.free_count;
    EXPECT(connections == nat.connection_count);
    EXPECT(udp + icmp + tcp == nat.mapping_count);
    EXPECT(udp == range - nat.udp_ports.free_count);
    EXPECT(icmp == range - nat.icmp_identifiers.free_count);
    EXPECT(tcp <= connections && (tcp > 0 || connections == 0));
}

static void step(struct input *input)
{
    uint8_t command = take8(input);
    switch (command & 7) {
    case 0:
        raw_packet(input, true);
        break;
    case 1:
        raw_packet(input, false);
        break;
    case 2:
        now_ms += take16(input) * (int64_t)((command & 8) != 0 ? 1000 : 1);
        nat_expire(&nat, now_ms);
        break;
    case 3:
        nat_forget_laptop(&nat, (command >> 3) % LAPTOPS);
        break;
    default:
        made_packet(input);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    uint8_t settings = take8(&input);
    struct nat_config config = {
        .outside_address = OUTSIDE,
        .port_low = (uint16_t)((settings & 1) != 0 ? 65530 : 20000),
        .port_high = (uint16_t)((settings & 1) != 0 ? 65535 : 20000 + (settings >> 2)),
        .allow_private = (settings & 2) != 0,
        .key = {settings, 1},
    };
    now_ms = 0;
    nat_init(&nat, &config);
    for (int i = 0; i < STEPS && input.left > 0; i++)
        step(&input);
    expect_consistent();
    nat_expire(&nat, now_ms + INT64_C(100000000));
    expect_consistent();
    EXPECT(nat.mapping_count == 0 && nat.connection_count == 0);
    return 0;
}
