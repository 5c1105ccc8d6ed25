// SPDX-License-Identifier: ISC
// The packet socket: one for both directions, bound to one interface.
//
// PACKET_VNET_HDR puts a virtio-net header before every frame. On captured frames it tells what a
// network card's offloads have left undone, without which packets that the kernel had merged (GRO),
// or whose checksum a virtual card never made, would look corrupt. On frames that we send it says
// the same of super-packets: the kernel, or the card, cuts them.
//
// The filter runs in the kernel, so that packets which are not ours cost no wake-up.
#include "../ip/scope.h"
#include "wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void on_default_route(void *arg, uint16_t type, const uint8_t *body, size_t length) {
    int *index = arg;
    struct rtmsg head;
    if (type != RTM_NEWROUTE || length < sizeof head || *index != 0)
        return;
    memcpy(&head, body, sizeof head);
    const uint8_t *oif = netlink_find(body, length, sizeof head, RTA_OIF, 4, NULL);
    if (head.rtm_dst_len == 0 && head.rtm_table == RT_TABLE_MAIN && head.rtm_type == RTN_UNICAST &&
        oif != NULL)
        memcpy(index, oif, sizeof *index);
}

static int find_interface(struct wire *wire, const char *interface) {
    struct netlink_request request;
    struct rtmsg body = {.rtm_family = AF_INET};
    int index = 0;
    if (interface != NULL) {
        snprintf(wire->interface, sizeof wire->interface, "%s", interface);
        return 0;
    }
    netlink_begin(&request, RTM_GETROUTE, NLM_F_DUMP, &body, sizeof body);
    int error = netlink_talk(&wire->netlink, &request, on_default_route, &index);
    if (error < 0 || index == 0 || if_indextoname((unsigned)index, wire->interface) == NULL)
        return log_error(wire->log,
                         "this host has no default route: say with --interface which network "
                         "interface leads to the Internet");
    return 0;
}

static void on_own_address(void *arg, uint16_t type, const uint8_t *body, size_t length) {
    struct wire *wire = arg;
    size_t i = 0;
    const uint8_t *local = netlink_find(body, length, sizeof(struct ifaddrmsg), IFA_LOCAL, 4, NULL);
    if (type != RTM_NEWADDR || local == NULL)
        return;
    uint32_t address = get_be32(local);
    enum ip_scope scope = ip_scope_of(address);
    while (i < NAT_OWN_ADDRESSES && wire->own_addresses[i] != 0) i++;
    if (i < NAT_OWN_ADDRESSES && address != wire->address &&
        (scope == SCOPE_GLOBAL || scope == SCOPE_PRIVATE))
        wire->own_addresses[i] = address;
}

static void read_own_addresses(struct wire *wire) {
    struct netlink_request request;
    struct ifaddrmsg body = {.ifa_family = AF_INET};
    netlink_begin(&request, RTM_GETADDR, NLM_F_DUMP, &body, sizeof body);
    int error = netlink_talk(&wire->netlink, &request, on_own_address, wire);
    if (error < 0)
        log_warn(wire->log, "cannot see this host's addresses: %s", strerror(-error));
}

// Asks the kernel for one property of the interface.
static int ask(const struct wire *wire, unsigned long what, struct ifreq *request) {
    snprintf(request->ifr_name, sizeof request->ifr_name, "%s", wire->interface);
    return ioctl(wire->arp_fd, what, request);
}

// The interface's address: that which we use, if it has it, or else its first. 0: none.
static uint32_t find_address(const struct wire *wire) {
    struct ifreq request;
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(wire->address); // the kernel looks for this one first
    memcpy(&request.ifr_addr, &address, sizeof address);
    if (ask(wire, SIOCGIFADDR, &request) < 0)
        return 0;
    memcpy(&address, &request.ifr_addr, sizeof address);
    return ntohl(address.sin_addr.s_addr);
}

static int read_interface(struct wire *wire) {
    struct ifreq request;
    const char *name = wire->interface;
    if (ask(wire, SIOCGIFHWADDR, &request) < 0 || request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
        return log_error(wire->log, "%s is not an Ethernet interface", name);
    memcpy(wire->mac, request.ifr_hwaddr.sa_data, MAC_SIZE);
    if (ask(wire, SIOCGIFMTU, &request) < 0)
        return log_error(wire->log, "cannot read the MTU of %s: %s", name, strerror(errno));
    wire->mtu = (uint32_t)request.ifr_mtu;
    wire->address = find_address(wire);
    if (wire->address == 0)
        return log_error(wire->log, "%s has no IPv4 address", name);
    read_own_addresses(wire);
    if (ask(wire, SIOCGIFFLAGS, &request) < 0 || (request.ifr_flags & IFF_UP) == 0)
        return log_error(wire->log, "%s is down: ip link set %s up", name, name);
    return 0;
}

// Whether an address takes the place of ours: not one that the host had before, nor one that it
// gave itself because nobody else does (RFC 3927).
static bool is_new(const struct wire *wire, uint32_t address) {
    for (size_t i = 0; i < NAT_OWN_ADDRESSES; i++)
        if (wire->own_addresses[i] == address)
            return false;
    return address != 0 && ip_scope_of(address) != SCOPE_LINK_LOCAL;
}

// The address goes and comes where a lease is renewed, or a cable put in again.
static bool follow_address(struct wire *wire) {
    char was[INET_ADDRSTRLEN];
    char is[INET_ADDRSTRLEN];
    uint32_t address = find_address(wire);
    bool is_away = address != wire->address;
    inet_ntop(AF_INET, &(struct in_addr){htonl(wire->address)}, was, sizeof was);
    inet_ntop(AF_INET, &(struct in_addr){htonl(address)}, is, sizeof is);
    if (is_away && is_new(wire, address)) {
        log_error(wire->log, "the address of %s was %s and is %s now: start me again",
                  wire->interface, was, is);
        return false;
    }
    if (is_away && !wire->is_away)
        log_warn(wire->log, "%s has lost its address %s: waiting for it", wire->interface, was);
    if (!is_away && wire->is_away) {
        log_info(wire->log, "%s has its address %s again", wire->interface, was);
        memset(wire->routes, 0, sizeof wire->routes); // they went with it
    }
    wire->is_away = is_away;
    return true;
}

bool wire_follow(struct wire *wire) {
    struct ifreq request;
    const char *name = wire->interface;
    bool is_there = ask(wire, SIOCGIFINDEX, &request) == 0;
    if (!is_there || request.ifr_ifindex != wire->index) {
        log_error(wire->log, "the network interface %s %s", name,
                  is_there ? "was made anew: start me again" : "is gone");
        return false;
    }
    if (ask(wire, SIOCGIFMTU, &request) == 0 && (uint32_t)request.ifr_mtu != wire->mtu) {
        log_info(wire->log, "the MTU of %s was %u and is %d now", name, (unsigned)wire->mtu,
                 request.ifr_mtu);
        wire->mtu = (uint32_t)request.ifr_mtu;
    }
    return follow_address(wire);
}

// A socket of protocol 0 captures nothing until it is bound.
static int open_packet_socket(struct wire *wire) {
    int on = 1;
    int receive = WIRE_RCVBUF_BYTES;
    int send = WIRE_SNDBUF_BYTES;
    wire->packet_fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (wire->packet_fd < 0)
        return log_error(wire->log, "cannot open a packet socket: %s%s", strerror(errno),
                         errno == EPERM ? " (run me as root)" : "");
    if (setsockopt(wire->packet_fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0)
        return log_error(wire->log, "the kernel has no PACKET_VNET_HDR: %s", strerror(errno));
    // Bound to one protocol, the socket sees only what arrives. Smaller buffers would do, with more
    // loss.
    (void)setsockopt(wire->packet_fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof receive);
    (void)setsockopt(wire->packet_fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof send);
    return 0;
}

int wire_open(struct wire *wire, const char *interface, const struct log *log) {
    memset(wire, 0, offsetof(struct wire, in_bytes));
    wire->log = log;
    wire->packet_fd = wire->arp_fd = -1;
    wire->netlink.fd = wire->rules.fd = -1;
    if (interface != NULL && strlen(interface) >= sizeof wire->interface)
        return log_error(log, "there is no network interface %s (ip link shows them)", interface);
    if (netlink_open(&wire->netlink, NETLINK_ROUTE) < 0)
        return log_error(log, "cannot open a netlink socket: %s", strerror(errno));
    wire_prepare_batches(wire);
    if (open_packet_socket(wire) < 0 || find_interface(wire, interface) < 0)
        return -1;
    return wire_open_arp(wire) < 0 ? -1 : read_interface(wire);
}

void wire_close(struct wire *wire) {
    wire_unsilence(wire);
    netlink_close(&wire->netlink);
    if (wire->packet_fd >= 0)
        close(wire->packet_fd);
    if (wire->arp_fd >= 0)
        close(wire->arp_fd);
    wire->packet_fd = wire->arp_fd = -1;
}

// Places in an Ethernet frame that carries IPv4.
enum {
    AT_IP = ETHERNET_HEADER,
    AT_FRAGMENT = AT_IP + 6,
    AT_PROTOCOL = AT_IP + 9,
    AT_DESTINATION = AT_IP + 16,
    AT_PORT = 2, // the destination's, in TCP and UDP
};

static int attach_filter(struct wire *wire, uint16_t low, uint16_t high) {
    // Jumps count the instructions to skip: (if true, if false).
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 0, 15), // sent to us
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ETHERNET_TYPE),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 13),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT_DESTINATION),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, wire->address, 0, 11),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, AT_FRAGMENT),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 8, 0), // fragments have no ports to look at
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, AT_PROTOCOL),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 6, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 5),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, AT_IP), // X = the IP header's length
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, AT_IP + AT_PORT),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, low, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, high, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX), // all of the packet
        BPF_STMT(BPF_RET | BPF_K, 0),          // nothing
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    return setsockopt(wire->packet_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int wire_capture(struct wire *wire, uint16_t low, uint16_t high) {
    struct sockaddr_ll where = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_IP),
        .sll_ifindex = wire->index,
    };
    if (attach_filter(wire, low, high) < 0 ||
        bind(wire->packet_fd, (const struct sockaddr *)&where, sizeof where) < 0)
        return log_error(wire->log, "cannot capture on %s: %s", wire->interface, strerror(errno));
    return 0;
}

// Keeps a copy of a packet until its next hop's MAC is known; a super-packet is not worth it.
static void hold(struct wire *wire, const uint8_t *packet, size_t length, bool is_whole,
                 uint32_t next_hop) {
    if (length <= WIRE_HELD_MAX && is_whole) {
        for (size_t i = 0; i < WIRE_HELD; i++) {
            struct wire_held *held = &wire->held[i];
            if (held->next_hop != 0)
                continue;
            held->next_hop = next_hop;
            held->length = length;
            memcpy(held->bytes, packet, length);
            return;
        }
    }
    wire->no_neighbour++;
}

void wire_send(struct wire *wire, const struct ip_packet *packet, const struct ip_offload *offload,
               int64_t now_ms) {
    uint8_t mac[MAC_SIZE];
    uint32_t next_hop = wire->is_away ? 0 : wire_next_hop(wire, packet->destination, now_ms);
    if (next_hop == 0) {
        wire->no_route++;
        return;
    }
    if (!wire_neighbour_mac(wire, next_hop, now_ms, mac)) {
        hold(wire, packet->bytes, packet->length, offload == NULL, next_hop);
        return;
    }
    uint8_t *header = wire_put_frame(wire, packet->bytes, packet->length, mac);
    if (offload != NULL)
        ip_offload_write(header, packet, offload, ETHERNET_HEADER);
}

int wire_receive(struct wire *wire, wire_receiver *receiver, void *arg) {
    struct ip_offload offload;
    int count = recvmmsg(wire->packet_fd, wire->in, WIRE_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        uint8_t *bytes = wire->in_bytes[i];
        size_t length = wire->in[i].msg_len;
        const size_t heads = VNET_HEADER + ETHERNET_HEADER;
        if (length <= heads || ip_offload_read(&offload, bytes, ETHERNET_HEADER) < 0)
            wire->bad_capture++;
        else
            receiver(arg, bytes + heads, length - heads, &offload);
    }
    return count < 0 ? 0 : count;
}
