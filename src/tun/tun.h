// SPDX-License-Identifier: ISC
// The laptop's network: the TUN device that takes its traffic, the routes that lead there, and the
// address on its Wi-Fi where phones find it. One file for each operating system.
//
// Everything here belongs to this process: the kernel removes the device, its address and its
// routes when the descriptor is closed, and the Wi-Fi address when it is no longer renewed.
#pragma once

#include "../base/address.h"
#include "../base/log.h"
#include "../ip/offload.h"
#include "../limits.h"
#include <net/if.h>

struct tun {
    int fd;                // one read() is one packet, one write() too
    bool has_vnet_headers; // each has a virtio-net header before it,
    bool takes_udp_super;  // and UDP super-packets pass, beside those of TCP
    struct kernel_socket kernel;
    int index;
    char name[IFNAMSIZ];
    uint32_t address; // host byte order; 0: none yet
    uint8_t prefix_length;
    const struct log *log;
};

#define TUN_READ_MAX (VNET_HEADER + IP_PACKET_MAX)

// Makes a device; `name` may be a pattern such as "tether%d". Each of these returns 0, or -1 after
// having said what is wrong.
int tun_open(struct tun *tun, const char *name, const struct log *log);
// Gives it an address (host byte order) in place of the one that it has, and the MTU, and brings it
// up.
int tun_configure(struct tun *tun, uint32_t address, uint8_t prefix_length, uint32_t mtu);
// TCP connections through the route ask for segments of `mss` bytes at most.
int tun_add_route(struct tun *tun, const struct cidr *cidr, uint32_t mss);
// Lets what goes to and comes from 127.0.0.0/8 pass the device, for rules that translate it.
void tun_pass_loopback(struct tun *tun);
// Has all IPv6 come to the device, but for what stays on a link; where that fails it has warned.
void tun_take_ipv6(struct tun *tun);
// Reads a packet into `buffer`, and what is still to be done on it. Returns its length with
// `packet` set to where in the buffer it is, 0 where none waits, or -1 with errno set.
ssize_t tun_read(struct tun *tun, uint8_t buffer[TUN_READ_MAX], uint8_t **packet,
                 struct ip_offload *offload);
// Writes a packet as it is. Returns whether the device took it.
bool tun_write(struct tun *tun, const uint8_t *packet, size_t length);
// Writes a packet that was parsed, with something to be done on it; only to a device that has
// headers.
bool tun_write_offloaded(struct tun *tun, const struct ip_packet *packet,
                         const struct ip_offload *offload);
// What to do about an errno of the device's, as the end of a sentence.
const char *tun_advice(int error);
// Removes the device and all that hangs on it.
void tun_close(struct tun *tun);

// An IPv4 address of an interface that is neither loopback nor a tunnel; 0: it has none.
struct interface_address {
    char name[IFNAMSIZ];
    int index;
    uint32_t address; // host byte order
    uint8_t prefix_length;
    bool is_lent;    // by this program: it has so short a lifetime
    bool is_dynamic; // it has a lifetime, as those from DHCP have
    bool is_up;
};

// Lists those addresses. Returns how many there are, or a negative errno.
int interfaces_list(struct kernel_socket *kernel,
                    struct interface_address list[INTERFACE_ADDRESSES]);
// Opens a socket that can be read when addresses or interfaces have changed. Returns 0, or -1 with
// errno set.
int interfaces_watch(struct kernel_socket *watch);
// Reads what it has. Returns whether addresses or interfaces may have changed.
bool interfaces_changed(struct kernel_socket *watch);
// Whether an interface is a Wi-Fi. It looks into /sys, so the process must still see that.
bool interface_is_wireless(const char *name);

// Where phones find the laptop in its own Wi-Fi: an address on an interface that is not ours.
struct lent_address {
    struct kernel_socket kernel;
    char name[IFNAMSIZ]; // of the interface
    int index;           // of the interface; 0: it is gone
    uint32_t address;    // host byte order
    uint8_t prefix_length;
    bool lends;    // false: nothing is lent
    bool ours;     // we have put it there, and remove it
    bool was_left; // a run of ours has put it there, which may still live
    const struct log *log;
};

// Puts an address on an interface, unless it is there; with NULL for the interface it only opens
// the socket. Returns 0, or -1 after having said what is wrong.
int lent_address_open(struct lent_address *lent, const char *interface, uint32_t address,
                      uint8_t prefix_length, const struct log *log);
// Takes over what an earlier run left behind. Call when we listen at the address: now nobody else
// does.
void lent_address_own(struct lent_address *lent);
// Puts the address back where it is missing, also on an interface that was made anew.
void lent_address_follow(struct lent_address *lent);
// Call at least every LENT_RENEW_MS: the kernel removes an address that is not renewed.
#define LENT_RENEW_MS 20000
void lent_address_renew(struct lent_address *lent);
// Whether a host of that interface has answered ARP for an address (host byte order).
bool lent_address_has_neighbour(struct lent_address *lent, uint32_t address);
void lent_address_remove(struct lent_address *lent);
