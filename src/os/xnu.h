// SPDX-License-Identifier: ISC
// What the kernel of macOS (xnu) takes and gives, as bytes, by numbers of our own: they are the
// same wherever this is compiled. Its public headers and route(4) have the layouts. Integers are
// little-endian, as every Mac is; addresses that are arguments are in host byte order.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// bsd/sys/socket.h, sys_domain.h, kern_control.h, sockio.h, sysctl.h; bsd/net/if_utun.h
#define XNU_AF_INET          2
#define XNU_PF_ROUTE         17
#define XNU_AF_LINK          18
#define XNU_AF_INET6         30
#define XNU_PF_SYSTEM        32
#define XNU_SYSPROTO_CONTROL 2
#define XNU_UTUN_OPT_IFNAME  2
#define XNU_CTLIOCGINFO      0xc0644e03
#define XNU_SIOCAIFADDR      0x8040691a
#define XNU_SIOCAIFADDR_IN6  0x8080691a
#define XNU_SIOCGIFFLAGS     0xc0206911
#define XNU_SIOCSIFFLAGS     0x80206910
#define XNU_SIOCSIFMTU       0x80206934
#define XNU_CTL_NET          4
#define XNU_NET_RT_IFLIST    3
// bsd/net/route.h, if.h, if_types.h
#define XNU_RTM_NEWADDR 0xc
#define XNU_RTM_DELADDR 0xd
#define XNU_RTM_IFINFO  0xe
#define XNU_RTM_IFINFO2 0x12
#define XNU_IFF_UP      0x1
#define XNU_IFF_RUNNING 0x40
#define XNU_IFT_ETHER   6

#define XNU_NAME        16  // IFNAMSIZ
#define XNU_CTL_INFO    100 // struct ctl_info: a number, which the kernel fills in, and a name
#define XNU_CTL_UTUN    "\0\0\0\0com.apple.net.utun_control"
#define XNU_CTL_ADDRESS 32
#define XNU_IFREQ       32
#define XNU_ALIAS       64
#define XNU_ALIAS_IN6   128
#define XNU_ROUTE_MAX   (92 + 28 + 20 + 28)
#define XNU_UTUN_HEAD   4

// struct sockaddr_ctl, which connects to the control whose number `info` has. `unit`: the device's
// number and 1, or 0 for any.
void xnu_control_address(uint8_t out[XNU_CTL_ADDRESS], const uint8_t *info, uint32_t unit);
// struct ifreq with a number.
void xnu_request(uint8_t out[XNU_IFREQ], const char *interface, uint32_t number);
// struct ifaliasreq (of XNU_ALIAS bytes) or in6_aliasreq: an address for an interface.
void xnu_alias(uint8_t out[XNU_ALIAS_IN6], const char *interface, int family,
               const uint8_t *address, uint8_t prefix);
// RTM_ADD: a route (4 or 16 bytes, by its family) into an interface, for packets of at most `mtu`
// bytes. Returns its length.
size_t xnu_route(uint8_t out[XNU_ROUTE_MAX], int family, const uint8_t *network, uint8_t prefix,
                 int index, uint32_t mtu);
// What a utun has before each packet: its family, in network order, by the packet's version.
void xnu_utun_head(uint8_t out[XNU_UTUN_HEAD], const uint8_t *packet);

// What a message says of an interface (XNU_RTM_IFINFO) or of its address (XNU_RTM_NEWADDR,
// DELADDR); of all others it has the type alone.
struct xnu_message {
    int type;
    int index;
    uint32_t flags;      // XNU_IFF_...
    uint8_t kind;        // XNU_IFT_...
    char name[XNU_NAME]; // ends with 0
    uint32_t address;    // 0: none, or none of IPv4
};

// Reads the message at the head of `bytes`. Returns its length, or 0 where there is no whole one.
size_t xnu_read(struct xnu_message *message, const uint8_t *bytes, size_t length);
