// SPDX-License-Identifier: ISC
// What the NAT costs: its table at several loads and sizes, and the translation of a packet out and
// of its answer in. Prints a small table; the figures are those of one processor, alone. A look-up
// among few mappings stays in the processor's cache and among many does not: that, and not the
// number of steps, is what makes the second slower. "random" goes through the mappings in random
// order, which is the worst; "in order" is what a burst of one connection after another looks like.
#include "nat/nat.h"

#include <stdio.h>
#include <time.h>

#include "../unit/packets.h"
#include "nat/parts.h"

#define INSIDE  ADDRESS(10, 0, 0, 1)
#define OUTSIDE ADDRESS(203, 0, 113, 7)
#define REMOTE  ADDRESS(198, 51, 100, 9)

static struct nat nat;
static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);
static volatile uint32_t sink;
static uint8_t translated[2048];
static size_t translated_length;

static uint32_t random_below(uint32_t limit) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)(random_state * UINT64_C(0x2545f4914f6cdd1d) >> 32) % limit;
}

static double now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void to_wire(void *arg, const struct ip_packet *packet, const struct ip_offload *offload,
                    bool lasting) {
    (void)offload;
    (void)arg;
    (void)lasting;
    memcpy(translated, packet->bytes, packet->header_length + 8);
    translated_length = packet->length;
}

static void to_laptop(void *arg, uint16_t laptop, const struct ip_packet *packet,
                      const struct ip_offload *offload) {
    (void)arg;
    (void)offload;
    sink += laptop + packet->bytes[19];
}

static void start(void) {
    const struct nat_config config = {
        .outside_address = OUTSIDE,
        .host_address = ADDRESS(192, 168, 77, 2),
        .port_low = 1,
        .port_high = 65535,
        .outside_mtu = 1500,
        .inside_mtu = 1500,
        .key = {1, 2},
        .port_key = {3, 4},
        .output = {to_wire, to_laptop, NULL, NULL},
    };
    nat_init(&nat, &config);
}

// The n-th of many inside endpoints: laptops in turn, half UDP and half ICMP.
static struct nat_inside endpoint(uint32_t n) {
    return (struct nat_inside){(uint16_t)(n % NAT_LAPTOPS),
                               n / NAT_LAPTOPS % 2 == 0 ? IP_UDP : IP_ICMP, INSIDE + n / 60000,
                               (uint16_t)(1 + n % 60000)};
}

static void fill(uint32_t count) {
    uint32_t mapping;
    start();
    for (uint32_t n = 0; n < count; n++) {
        struct nat_inside inside = endpoint(n);
        sink += nat_add_mapping(&nat, &inside, 0, &mapping);
    }
    if (nat.mapping_count != count)
        printf("(%u mappings instead of %u)\n", (unsigned)nat.mapping_count, (unsigned)count);
}

#define LOOKUPS 4000000

// Nanoseconds for a look-up by inside endpoint; and by outside port, with *outside.
static double time_lookups(uint32_t count, bool in_order, double *outside) {
    static struct nat_inside wanted[65536];
    static uint16_t ports[65536];
    static uint8_t protocols[65536];
    for (uint32_t i = 0; i < 65536; i++) {
        wanted[i] = endpoint(in_order ? i % count : random_below(count));
        uint32_t found = nat_find_inside(&nat, &wanted[i]);
        ports[i] = nat.mappings[found].outside_port;
        protocols[i] = wanted[i].protocol;
    }
    double began = now_seconds();
    for (uint32_t i = 0; i < LOOKUPS; i++) sink += nat_find_inside(&nat, &wanted[i % 65536]);
    double between = now_seconds();
    for (uint32_t i = 0; i < LOOKUPS; i++)
        sink += nat_find_outside(&nat, protocols[i % 65536], ports[i % 65536]);
    *outside = (now_seconds() - between) / LOOKUPS * 1e9;
    return (between - began) / LOOKUPS * 1e9;
}

static void bench_loads(void) {
    static const uint32_t percents[] = {10, 50, 90};
    printf("table of %u mappings     look-ups a second   insert and expire a second\n",
           (unsigned)NAT_MAPPINGS);
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        uint32_t count = (uint32_t)((uint64_t)NAT_MAPPINGS * percents[i] / 100);
        uint32_t mapping, rounds = 1000000;
        double outside;
        fill(count);
        double lookup = time_lookups(count, false, &outside);
        // Each round a new one comes, and the longest unused goes.
        int64_t now_ms = 1;
        double began = now_seconds();
        for (uint32_t n = 0; n < rounds; n++) {
            struct nat_inside inside = endpoint(count + n);
            if (inside.address > INSIDE + 200)
                inside.address = INSIDE + inside.address % 200;
            struct nat_laptop *laptop = &nat.laptops[inside.laptop];
            int queue = laptop->queues[NAT_UDP_QUEUE].count > 0 ? NAT_UDP_QUEUE : NAT_ICMP_QUEUE;
            nat.mapping_links[laptop->queues[queue].first].used_ms = INT64_MIN / 2;
            nat_expire_entries(&nat, now_ms);
            sink += nat_add_mapping(&nat, &inside, now_ms, &mapping);
        }
        double both = (now_seconds() - began) / rounds;
        printf("  %3u %% full            %10.1f million   %10.1f million\n", (unsigned)percents[i],
               1e3 / lookup, 1e-6 / both);
    }
}

static void bench_sizes(void) {
    printf("\nns a look-up              by inside endpoint        by outside port\n"
           "  mappings                random   in order       random   in order\n");
    for (uint32_t count = 1; count <= NAT_MAPPINGS; count *= 4) {
        double outside[2], inside[2];
        fill(count);
        inside[0] = time_lookups(count, false, &outside[0]);
        inside[1] = time_lookups(count, true, &outside[1]);
        printf("  %8u              %8.1f   %8.1f     %8.1f   %8.1f\n", (unsigned)count, inside[0],
               inside[1], outside[0], outside[1]);
    }
}

// Packets out and their answers in, over some flows; the making of the packets is not counted.
static void bench_packets(uint8_t protocol, size_t size, uint32_t flows) {
    enum { BATCH = 64, ROUNDS = 4000 };
    static uint8_t out[BATCH][1504], in[BATCH][1504], payload[1500];
    double spent_out = 0, spent_in = 0;
    size_t headers = protocol == PACKET_TCP ? 40 : 28;
    start();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < BATCH; i++) {
            uint32_t flow = (round * BATCH + i) % flows;
            struct packet_spec spec = {.protocol = protocol,
                                       .source = INSIDE + flow / 1000,
                                       .source_port = (uint16_t)(1000 + flow % 1000),
                                       .destination = REMOTE,
                                       .destination_port = 443,
                                       .tcp_flags = 0x10,
                                       .no_checksum = false,
                                       .payload = payload,
                                       .payload_length = size - headers};
            if (round == 0 || flows > BATCH)
                packet_make(out[i], &spec);
            else { // only what the translation changed
                packet_put32(out[i] + 12, spec.source);
                out[i][8] = 64;
                packet_put16(out[i] + 20, spec.source_port);
                packet_fill_header_checksum(out[i]);
            }
        }
        double began = now_seconds();
        for (uint32_t i = 0; i < BATCH; i++) {
            nat_take(&nat, 0, out[i], size, NULL, 1);
            memcpy(in[i], translated, headers);
        }
        spent_out += now_seconds() - began;
        for (uint32_t i = 0; i < BATCH; i++) {
            struct packet_spec back = {.protocol = protocol,
                                       .source = REMOTE,
                                       .source_port = 443,
                                       .destination = OUTSIDE,
                                       .destination_port = packet_get16(in[i] + 20),
                                       .tcp_flags = 0x10,
                                       .payload = payload,
                                       .payload_length = size - headers};
            packet_make(in[i], &back);
        }
        began = now_seconds();
        for (uint32_t i = 0; i < BATCH; i++) nat_take(&nat, NAT_OUTSIDE, in[i], size, NULL, 1);
        spent_in += now_seconds() - began;
    }
    double packets = (double)BATCH * ROUNDS;
    printf("  %s %5u bytes %6u flows   %8.1f   %8.1f\n", protocol == PACKET_TCP ? "TCP" : "UDP",
           (unsigned)size, (unsigned)flows, spent_out / packets * 1e9, spent_in / packets * 1e9);
    if (nat.dropped[NAT_NO_MAPPING] + nat.dropped[NAT_TABLE_FULL] + nat.dropped[NAT_NO_CONNECTION] +
            nat.dropped[NAT_BAD_PACKET] >
        0)
        printf("  (some were dropped)\n");
}

int main(void) {
    static const size_t sizes[] = {64, 1500};
    static const uint32_t flows[] = {1, 10000};
    bench_loads();
    bench_sizes();
    printf("\nns a packet                     outbound    inbound\n");
    for (size_t i = 0; i < 2; i++)
        for (size_t f = 0; f < 2; f++) {
            bench_packets(PACKET_UDP, sizes[i], flows[f]);
            bench_packets(PACKET_TCP, sizes[i], flows[f]);
        }
    return 0;
}
