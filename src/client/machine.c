// SPDX-License-Identifier: ISC
// Packets between the laptop's kernel and the tether: up from the TUN device into the queue, down
// into the device. Both ways the kernel may leave segments together (super-packets).
#include "machine.h"
#include "../ip/icmp.h"
#include "../session/handshake.h"
#include <errno.h>
#include <string.h>

#define OPEN_PREFIX  24  // in open mode 10.0.0.1/24, as the first Tether had
#define KEYED_PREFIX 32  // of an address that is this laptop's alone
#define TUN_READS    256 // packets read before other descriptors get their turn

// ICMPv6 errors are limited (RFC 4443 section 2.4 (f)); programs make few attempts at a time.
#define REFUSAL_INTERVAL_MS 20
#define REFUSAL_BURST       50

void machine_init(struct machine *machine, const struct log *log) {
    machine->log = log;
    machine->tun.fd = machine->tun.kernel.fd = -1;
    machine->mtu = TUN_MTU;
    ip_coalescer_init(&machine->coalescer);
    rate_init(&machine->refusals, REFUSAL_INTERVAL_MS, REFUSAL_BURST);
}

static int add_routes(struct machine *machine, const struct client_options *options) {
    static const struct cidr everything[] = {{0x00000000, 1}, {0x80000000, 1}};
    const struct cidr *routes = options->route_count > 0 ? options->routes : everything;
    size_t count = options->route_count > 0 ? options->route_count : 2;
    for (size_t i = 0; i < count && !options->no_routes; i++)
        if (tun_add_route(&machine->tun, &routes[i], TUN_MSS) < 0)
            return -1;
    return 0;
}

int machine_open(struct machine *machine, const struct client_options *options) {
    uint8_t prefix = options->open ? OPEN_PREFIX : KEYED_PREFIX;
    if (tun_open(&machine->tun, options->tun_name, machine->log) < 0 ||
        tun_configure(&machine->tun, machine->address, prefix, machine->mtu) < 0)
        return -1;
    if (options->route_count == 0 && !options->no_routes)
        tun_take_ipv6(&machine->tun);
    return add_routes(machine, options);
}

void machine_close(struct machine *machine) { tun_close(&machine->tun); }

// The old address goes, and with it the connections that were begun: else a server could put any
// number of addresses here. Of four million addresses two laptops hardly ever choose the same.
int machine_configure(struct machine *machine, uint32_t address, uint32_t mtu) {
    if (address == machine->address && mtu == machine->mtu)
        return 0;
    if (tun_configure(&machine->tun, address, KEYED_PREFIX, mtu) < 0)
        return -1;
    if (address != machine->address)
        log_debug(machine->log, "the server has given this laptop another address");
    machine->address = address;
    machine->mtu = mtu;
    return 0;
}

uint8_t machine_takes(const struct machine *machine) {
    uint8_t udp = machine->tun.takes_udp_super ? SESSION_TAKES_UDP_SUPER : 0;
    return machine->tun.has_vnet_headers ? SESSION_TAKES_TCP_SUPER | udp : 0;
}

// IPv6 would leave past the tether if it were not taken, and the tether has no way for it. Its
// sender is told so at once, and uses IPv4.
static void refuse_ipv6(struct machine *machine, const uint8_t *packet, size_t length,
                        int64_t now_us) {
    uint8_t answer[ICMP6_ERROR_MAX];
    size_t size = icmp6_refuse(answer, packet, length);
    if (size > 0 &&
        rate_take(&machine->refusals, get_be64(packet + IP6_AT_DESTINATION), now_us / 1000))
        (void)tun_write(&machine->tun, answer, size);
}

// Queues a packet. In a message the other end finds where a packet ends by the length in its
// header, so that must be the true one.
static void send_up(struct machine *machine, struct tunnel_link *link, uint8_t *bytes,
                    size_t length, const struct ip_offload *offload, int64_t now_us) {
    struct ip_packet packet;
    bool is_whole = offload->segment_size == 0 && !offload->partial_checksum;
    if (length < 4 || !ip_looks_like_ipv4(bytes, length) ||
        get_be16(bytes + IP_AT_TOTAL_LENGTH) != length ||
        (!is_whole && ip_parse(&packet, bytes, length) != IP_GOOD)) {
        machine->not_ipv4++;
        refuse_ipv6(machine, bytes, length, now_us);
    } else if (is_whole) {
        tunnel_link_queue(link, bytes, length, now_us);
    } else {
        tunnel_link_queue_offloaded(link, &packet, offload, now_us);
    }
}

int machine_read(struct machine *machine, struct tunnel_link *link, int64_t now_us) {
    uint8_t buffer[TUN_READ_MAX];
    for (int i = 0; i < TUN_READS; i++) {
        uint8_t *packet;
        struct ip_offload offload;
        ssize_t length = tun_read(&machine->tun, buffer, &packet, &offload);
        if (length <= 0)
            return length < 0 ? -1 : 0;
        send_up(machine, link, packet, (size_t)length, &offload, now_us);
    }
    return 0;
}

void machine_give(struct machine *machine, const uint8_t *packet, size_t length) {
    machine->answers += dns_packet_is_good(packet, length);
    if (!ip_looks_like_ipv4(packet, length))
        machine->not_ipv4++;
    else if (!tun_write(&machine->tun, packet, length))
        machine->tun_write++;
}

// What was put together of segments, or was not.
static void on_coalesced(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size) {
    struct machine *machine = arg;
    struct ip_packet packet;
    struct ip_offload offload;
    if (segment_size == 0)
        machine_give(machine, bytes, length);
    else if (ip_parse(&packet, bytes, length) != IP_GOOD ||
             ip_offload_of_super(&offload, &packet, segment_size) < 0 ||
             !tun_write_offloaded(&machine->tun, &packet, &offload))
        machine->tun_write++;
}

void machine_give_rest(struct machine *machine) {
    ip_coalesce_end(&machine->coalescer, on_coalesced, machine);
}

// A super-packet, after what came before it.
static int give_super(struct machine *machine, const struct record *record) {
    struct ip_packet packet;
    struct ip_offload offload;
    machine_give_rest(machine);
    if (super_packet_read(&packet, &offload, record) < 0)
        return -1;
    if (!tun_write_offloaded(&machine->tun, &packet, &offload))
        machine->tun_write++;
    return 0;
}

int machine_give_record(struct machine *machine, const struct record *record) {
    if (record->type == RECORD_SUPER_PACKET)
        return give_super(machine, record);
    if (machine->tun.has_vnet_headers)
        ip_coalesce(&machine->coalescer, record->bytes, record->length, on_coalesced, machine);
    else
        machine_give(machine, record->bytes, record->length);
    return 0;
}
