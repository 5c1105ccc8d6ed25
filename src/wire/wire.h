// SPDX-License-Identifier: ISC
// The server's side of the Internet: packets written to and captured from a network interface,
// beside the kernel's own IP stack and without its help (packet(7)). Linux only.
#pragma once

#include "../base/log.h"
#include "../ip/offload.h"
#include "../limits.h"
#include "../os/netlink.h"
#include <net/if.h>
#include <sys/uio.h>

#define MAC_SIZE        6
#define ETHERNET_HEADER 14
#define ETHERNET_TYPE   12 // where a frame says what it carries (IEEE 802.3)

// Ports from low to high, both included.
struct port_range {
    uint16_t low;
    uint16_t high;
};

// The ports that the NAT has for itself: the configured range less what local sockets use.
struct port_ranges {
    struct port_range ranges[WIRE_RANGES];
    size_t count;
};

// Which neighbour leads to a destination; from the kernel's routes, remembered for some seconds.
struct wire_route {
    uint32_t destination;
    uint32_t next_hop; // 0: there is no way
    int64_t until_ms;
};

struct wire_neighbour {
    uint32_t address; // 0: free
    uint8_t mac[MAC_SIZE];
    bool known;
    int asked; // ARP requests since the last answer
    int64_t asked_ms;
    int64_t known_ms;
    int64_t used_ms;
};

// A packet that waits for its next hop's MAC.
struct wire_held {
    uint32_t next_hop; // 0: free
    size_t length;
    uint8_t bytes[WIRE_HELD_MAX];
};

// The heads that PACKET_VNET_HDR and Ethernet put before each packet.
struct wire_frame_head {
    uint8_t vnet[VNET_HEADER];
    uint8_t ethernet[ETHERNET_HEADER];
};

struct wire {
    const struct log *log;
    struct kernel_socket netlink;
    char interface[IFNAMSIZ];
    int index;
    uint8_t mac[MAC_SIZE];
    uint32_t address; // of the interface, host byte order
    bool is_away;     // it has lost that address: nothing is sent until it has it again
    uint32_t own_addresses[NAT_OWN_ADDRESSES]; // the host's others, on whatever interface; 0: none
    uint32_t mtu;
    int packet_fd;
    int arp_fd;

    struct wire_route routes[WIRE_ROUTES];
    struct wire_neighbour neighbours[WIRE_NEIGHBOURS];
    struct wire_held held[WIRE_HELD];

    // Packets on their way out, sent together.
    struct wire_frame_head heads[WIRE_BATCH];
    struct iovec out_pieces[WIRE_BATCH][2];
    struct mmsghdr out[WIRE_BATCH];
    unsigned out_count;

    struct mmsghdr in[WIRE_BATCH];
    struct iovec in_pieces[WIRE_BATCH];

    // How the kernel is kept silent (silence.c, iptables.c).
    struct kernel_socket rules; // our nftables table lives as long as this socket
    pid_t guardian;             // the process that undoes our iptables rules; 0: there are none
    int guardian_fd;            // it waits until this descriptor is closed
    char chain[32];             // ours, one on each interface,
    char lock[64];              // and the file that it locks

    // Drops, for status.json.
    uint64_t no_route;
    uint64_t no_neighbour;
    uint64_t send_failed;
    uint64_t bad_capture;

    uint8_t in_bytes[WIRE_BATCH][VNET_HEADER + ETHERNET_HEADER + IP_PACKET_MAX + 1];
};

// Finds the interface (NULL: the one of the default route) and opens the sockets, which capture
// nothing yet. Returns 0, or -1 after having said what is wrong. The addresses, MAC and MTU are set
// then. The host's others are without loopback and link-local ones.
int wire_open(struct wire *wire, const char *interface, const struct log *log);
void wire_close(struct wire *wire);

// Starts to capture what arrives for our address: ports from `low` to `high` of TCP and UDP, ICMP,
// and fragments. Returns 0, or -1 after having said what is wrong.
int wire_capture(struct wire *wire, uint16_t low, uint16_t high);

// Keeps the kernel from answering what arrives for these ports. Undone by wire_close(), and also
// when this process dies: by the kernel itself (nftables), or by a process that is left behind for
// this (iptables, the second choice). Returns 0, or -1 after having said what is wrong.
int wire_silence(struct wire *wire, const struct port_ranges *tcp, const struct port_ranges *udp);

// Sends an IP packet; `offload`: what the kernel or the network card has to do with it yet, or
// NULL. Its bytes must stay until wire_flush(). Drops are counted.
void wire_send(struct wire *wire, const struct ip_packet *packet, const struct ip_offload *offload,
               int64_t now_ms);
void wire_flush(struct wire *wire);

// Reads what was captured, up to one batch. Returns the number of packets given out.
typedef void wire_receiver(void *arg, uint8_t *packet, size_t length,
                           const struct ip_offload *offload);
int wire_receive(struct wire *wire, wire_receiver *receiver, void *arg);

// Reads ARP answers. Call when arp_fd is readable.
void wire_read_arp(struct wire *wire, int64_t now_ms);
// Asks again where no answer came; call about once a second.
void wire_tick(struct wire *wire, int64_t now_ms);
// Follows what becomes of the interface, and says it: a new MTU is in `mtu` from then on, and while
// the address is away it waits, for as long as it takes. Returns false when it cannot go on: the
// interface is gone or another one, or it has a new address. Call about once a second.
bool wire_follow(struct wire *wire);

// Calls back with each port that a local socket is bound to (IPPROTO_TCP or IPPROTO_UDP), from
// /proc/net. Returns 0, or -1 with errno set.
int wire_local_ports(void (*found)(void *arg, int protocol, uint16_t port), void *arg);
// The ports that the kernel picks from for local sockets that ask for any. Returns false where it
// does not say.
bool wire_local_port_range(struct port_range *range);

// Inside this folder.
//
// Sets `mac` for a next hop and returns true, or begins to ask for it and returns false.
bool wire_neighbour_mac(struct wire *wire, uint32_t next_hop, int64_t now_ms,
                        uint8_t mac[MAC_SIZE]);
// The next hop to a destination, or 0.
uint32_t wire_next_hop(struct wire *wire, uint32_t destination, int64_t now_ms);
int wire_open_arp(struct wire *wire);
// Must be done before the first frame.
void wire_prepare_batches(struct wire *wire);
// Appends a frame to the batch. Returns its virtio-net header, which says that nothing is to be
// done.
uint8_t *wire_put_frame(struct wire *wire, uint8_t *packet, size_t length,
                        const uint8_t mac[MAC_SIZE]);
void wire_unsilence(struct wire *wire);
// The same by the iptables program. Returns whether it worked.
bool wire_silence_by_iptables(struct wire *wire, const struct port_ranges *tcp,
                              const struct port_ranges *udp);
void wire_unsilence_by_iptables(struct wire *wire);
