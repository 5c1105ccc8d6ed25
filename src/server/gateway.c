// SPDX-License-Identifier: ISC
// The server's gateway: three ways lead into the NAT (a laptop's packets, what is captured on the
// interface, what this host's own stack has for laptops), and three out of it. The kernel's own
// stack does not see what is the NAT's: it is kept from answering on the NAT's ports.
#include "gateway.h"
#include "../crypto/random.h"
#include "laptops.h"
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

// What laptops look like to this host: 192.0.0.0/29 is set aside for such use (RFC 7335).
#define HOST_TUN_ADDRESS 0xc0000001 // 192.0.0.1, the TUN device's own
#define HOST_ADDRESS     0xc0000002 // 192.0.0.2, all laptops'
#define HOST_PREFIX      29
#define HOST_READS       256

#define BATCHES     64 // captured before other descriptors get their turn,
#define BATCH_EVERY 8  // and before laptops get what they may

void gateway_init(struct gateway *gateway, const struct server_options *options,
                  const struct log *log, struct loop *loop, struct laptops *laptops) {
    gateway->options = options;
    gateway->log = log;
    gateway->loop = loop;
    gateway->laptops = laptops;
    gateway->host_tun.fd = gateway->host_tun.kernel.fd = -1;
}

// The NAT's ways out: to the Internet,
static void to_wire(void *arg, const struct ip_packet *packet, const struct ip_offload *offload,
                    bool lasting) {
    struct gateway *gateway = arg;
    wire_send(&gateway->wire, packet, offload, gateway->loop->now_ms);
    if (!lasting)
        wire_flush(&gateway->wire);
}

// to this host itself,
static void on_host_segment(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size) {
    struct gateway *gateway = arg;
    (void)segment_size; // one segment each
    if (!tun_write(&gateway->host_tun, bytes, length))
        gateway->host_write++;
}

static void to_host(void *arg, const struct ip_packet *packet, const struct ip_offload *offload) {
    struct gateway *gateway = arg;
    if (offload == NULL)
        on_host_segment(gateway, packet->bytes, packet->length, 0);
    else if (ip_segment(packet, offload, 0, gateway->segment, sizeof gateway->segment,
                        on_host_segment, gateway) < 0)
        gateway->bad_offload++;
}

// and to a laptop.
static void to_laptop(void *arg, uint16_t laptop, const struct ip_packet *packet,
                      const struct ip_offload *offload) {
    const struct gateway *gateway = arg;
    laptops_queue(gateway->laptops, laptop, packet, offload);
}

// A packet from outside, on its way back.
static void on_captured(void *arg, uint8_t *bytes, size_t length,
                        const struct ip_offload *offload) {
    struct gateway *gateway = arg;
    nat_take(&gateway->nat, NAT_OUTSIDE, bytes, length, offload, gateway->loop->now_ms);
}

static void on_capture_ready(void *arg) {
    struct gateway *gateway = arg;
    for (int i = 0; i < BATCHES; i++) {
        if (wire_receive(&gateway->wire, on_captured, gateway) < WIRE_BATCH)
            break;
        if (i % BATCH_EVERY == BATCH_EVERY - 1)
            laptops_pump(gateway->laptops);
    }
    laptops_pump(gateway->laptops);
}

// Packets of this host's own stack, for laptops.
static void on_host(void *arg) {
    struct gateway *gateway = arg;
    for (int i = 0; i < HOST_READS; i++) {
        uint8_t *packet;
        struct ip_offload offload;
        ssize_t length = tun_read(&gateway->host_tun, gateway->host_packet, &packet, &offload);
        if (length <= 0)
            break;
        nat_take(&gateway->nat, NAT_TO_HOST, packet, (size_t)length, &offload,
                 gateway->loop->now_ms);
    }
    laptops_pump(gateway->laptops);
}

static void on_arp(void *arg) {
    struct gateway *gateway = arg;
    wire_read_arp(&gateway->wire, gateway->loop->now_ms);
}

static void on_local_port(void *arg, int protocol, uint16_t port) {
    struct gateway *gateway = arg;
    nat_ports_reserve(&gateway->nat.ports[protocol == IPPROTO_TCP ? NAT_TCP : NAT_UDP], port);
}

// The runs of free ports. When local sockets have cut the range into too many, the rest is left
// out.
static void find_ranges(struct nat_ports *ports, struct port_ranges *out) {
    out->count = 0;
    bool in_run = false;
    for (uint32_t port = ports->low; port <= ports->high; port++) {
        bool is_free = !nat_ports_is_taken(ports, (uint16_t)port);
        if (is_free && !in_run && out->count == WIRE_RANGES) {
            nat_ports_reserve(ports, (uint16_t)port);
            continue;
        }
        if (is_free && !in_run)
            out->ranges[out->count++].low = (uint16_t)port;
        if (is_free)
            out->ranges[out->count - 1].high = (uint16_t)port;
        in_run = is_free;
    }
}

// Says so where the kernel may pick a port of ours for one of its own connections, which would then
// hear nothing.
static void warn_of_overlap(const struct gateway *gateway) {
    struct port_range range;
    if (wire_local_port_range(&range) && range.low <= gateway->options->port_high &&
        range.high >= gateway->options->port_low)
        log_warn(gateway->log,
                 "this host's own connections may use ports %u-%u (ip_local_port_range), and those "
                 "in the NAT's range would hear nothing: give another range with --ports",
                 (unsigned)range.low, (unsigned)range.high);
}

// Sets up the NAT, and the host so that the kernel leaves the NAT's ports alone.
static int set_up_nat(struct gateway *gateway, const struct siphash_key *port_key) {
    struct port_ranges tcp;
    struct port_ranges udp;
    struct nat_config config = {
        .outside_address = gateway->wire.address,
        .port_low = gateway->options->port_low,
        .port_high = gateway->options->port_high,
        .allow_private = gateway->options->allow_private,
        .filter_by_address = gateway->options->filter_by_address,
        .host_address = HOST_ADDRESS,
        .inside_resolver = INSIDE_RESOLVER,
        .resolver = gateway->resolver,
        .port_key = *port_key,
        .outside_mtu = gateway->wire.mtu,
        .inside_mtu = TUN_MTU,
        .output = {to_wire, to_laptop, gateway->host_tun.fd >= 0 ? to_host : NULL, gateway},
    };
    if (crypto_random(&config.key, sizeof config.key) < 0)
        return log_no_random(gateway->log);
    memcpy(config.own_addresses, gateway->wire.own_addresses, sizeof config.own_addresses);
    nat_init(&gateway->nat, &config);
    if (wire_local_ports(on_local_port, gateway) < 0)
        log_warn(gateway->log, "cannot see which ports local sockets use: %s", strerror(errno));
    warn_of_overlap(gateway);
    find_ranges(&gateway->nat.ports[NAT_TCP], &tcp);
    find_ranges(&gateway->nat.ports[NAT_UDP], &udp);
    if (tcp.count == 0 || udp.count == 0)
        return log_error(gateway->log,
                         "local sockets use all of the NAT's ports: give others (--ports)");
    return wire_silence(&gateway->wire, &tcp, &udp);
}

// A TUN device leads laptops to this host's own services, as if they came from the Internet.
int gateway_open_host(struct gateway *gateway) {
    if (access("/dev/net/tun", F_OK) < 0) {
        log_warn(gateway->log, "there is no /dev/net/tun: laptops will not reach this host itself");
        return 0;
    }
    if (tun_open(&gateway->host_tun, "tether%d", gateway->log) < 0 ||
        tun_configure(&gateway->host_tun, HOST_TUN_ADDRESS, HOST_PREFIX, TUN_MTU) < 0)
        return -1;
    return loop_add(gateway->loop, gateway->host_tun.fd, POLLIN, on_host, gateway);
}

int gateway_open(struct gateway *gateway) {
    return wire_open(&gateway->wire, gateway->options->interface, gateway->log);
}

int gateway_start(struct gateway *gateway, const struct siphash_key *port_key) {
    const struct server_options *options = gateway->options;
    struct wire *wire = &gateway->wire;
    if (set_up_nat(gateway, port_key) < 0 ||
        wire_capture(wire, options->port_low, options->port_high) < 0 ||
        loop_add(gateway->loop, wire->packet_fd, POLLIN, on_capture_ready, gateway) < 0)
        return -1;
    return loop_add(gateway->loop, wire->arp_fd, POLLIN, on_arp, gateway);
}

void gateway_close(struct gateway *gateway) {
    wire_close(&gateway->wire);
    tun_close(&gateway->host_tun);
}

void gateway_tick(struct gateway *gateway) {
    nat_expire(&gateway->nat, gateway->loop->now_ms);
    wire_tick(&gateway->wire, gateway->loop->now_ms);
    if (!wire_follow(&gateway->wire))
        loop_fail(gateway->loop);
    gateway->nat.config.outside_mtu = gateway->wire.mtu;
}

void gateway_send(struct gateway *gateway, uint16_t laptop, uint8_t *bytes, size_t length,
                  const struct ip_offload *offload) {
    nat_take(&gateway->nat, laptop, bytes, length, offload, gateway->loop->now_ms);
}

void gateway_flush(struct gateway *gateway) { wire_flush(&gateway->wire); }

void gateway_set_laptop(struct gateway *gateway, uint16_t laptop, uint64_t identity) {
    nat_forget_laptop(&gateway->nat, laptop);
    nat_set_laptop(&gateway->nat, laptop, identity);
}

uint32_t gateway_mappings(const struct gateway *gateway, uint16_t laptop) {
    return gateway->nat.laptops[laptop].mappings;
}
