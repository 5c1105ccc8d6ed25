// SPDX-License-Identifier: ISC
// Darwin's numbers and layouts as its public headers have them (xnu: bsd/sys/socket.h,
// sys_domain.h, kern_control.h, sockio.h, ioccom.h, net/route.h, net/if.h, net/if_var.h,
// net/if_dl.h, net/if_utun.h, net/if_types.h, netinet/in.h, netinet6/in6.h; route(4)). The programs
// have a list of their own. The two were written apart, so what one has wrong the other finds.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define D_AF_INET   2
#define D_AF_ROUTE  17
#define D_AF_LINK   18
#define D_AF_INET6  30
#define D_AF_SYSTEM 32

#define D_SYSPROTO_CONTROL 2
#define D_AF_SYS_CONTROL   2
#define D_UTUN_NAME        "com.apple.net.utun_control"
#define D_UTUN_OPT_IFNAME  2
#define D_CTL_NAME_MAX     96
#define D_CTL_INFO         (4 + D_CTL_NAME_MAX) // struct ctl_info
#define D_SOCKADDR_CTL     32

// ioccom.h: direction, size of the argument, group, number.
#define D_IOC(direction, group, number, size)                                                      \
    ((uint32_t)(direction) | (uint32_t)(size) << 16 | (uint32_t)(group) << 8 | (uint32_t)(number))
#define D_IN  0x80000000u
#define D_OUT 0x40000000u

#define D_IFREQ        32 // name[16] and a union of 16 bytes
#define D_IFALIASREQ   64 // name[16] and three sockaddrs of 16 bytes
#define D_IN6_ALIASREQ 128

#define D_CTLIOCGINFO           D_IOC(D_IN | D_OUT, 'N', 3, D_CTL_INFO)
#define D_SIOCSIFFLAGS          D_IOC(D_IN, 'i', 16, D_IFREQ)
#define D_SIOCGIFFLAGS          D_IOC(D_IN | D_OUT, 'i', 17, D_IFREQ)
#define D_SIOCDIFADDR           D_IOC(D_IN, 'i', 25, D_IFREQ)
#define D_SIOCAIFADDR           D_IOC(D_IN, 'i', 26, D_IFALIASREQ)
#define D_SIOCAIFADDR_IN6       D_IOC(D_IN, 'i', 26, D_IN6_ALIASREQ)
#define D_SIOCGIFMTU            D_IOC(D_IN | D_OUT, 'i', 51, D_IFREQ)
#define D_SIOCSIFMTU            D_IOC(D_IN, 'i', 52, D_IFREQ)
#define D_SIOCGIFTYPE           D_IOC(D_IN | D_OUT, 'i', 159, D_IFREQ)
#define D_SIOCGIFFUNCTIONALTYPE D_IOC(D_IN | D_OUT, 'i', 173, D_IFREQ)
#define D_FUNCTIONAL_WIRED      2
#define D_FUNCTIONAL_WIFI       3

// Options of sockets.
#define D_SO_NOSIGPIPE         0x1022
#define D_IP_BOUND_IF          25
#define D_IPV6_BOUND_IF        125
#define D_TCP_NOTSENT_LOWAT    0x201
#define D_TCP_KEEPALIVE        0x10
#define D_TCP_KEEPINTVL        0x101
#define D_TCP_RXT_CONNDROPTIME 0x80

// Flags of interfaces; RUNNING to POINTOPOINT are as on Linux, but MULTICAST.
#define D_IFF_UP          0x1
#define D_IFF_BROADCAST   0x2
#define D_IFF_LOOPBACK    0x8
#define D_IFF_POINTOPOINT 0x10
#define D_IFF_RUNNING     0x40
#define D_IFF_NOARP       0x80
#define D_IFF_SIMPLEX     0x800
#define D_IFF_MULTICAST   0x8000

#define D_IFT_OTHER 1
#define D_IFT_ETHER 6
#define D_IFT_LOOP  24

// ---- messages of routing sockets ----

#define D_RTM_VERSION 5
enum { D_RTM_ADD = 1, D_RTM_DELETE, D_RTM_CHANGE, D_RTM_GET };
#define D_RTM_NEWADDR 0xc
#define D_RTM_DELADDR 0xd
#define D_RTM_IFINFO  0xe

#define D_RT_MSGHDR  92
#define D_IFA_MSGHDR 20
#define D_IF_MSGHDR  112

#define D_RTF_UP        0x1
#define D_RTF_GATEWAY   0x2
#define D_RTF_HOST      0x4
#define D_RTF_REJECT    0x8
#define D_RTF_DONE      0x40
#define D_RTF_CLONING   0x100
#define D_RTF_STATIC    0x800
#define D_RTF_BLACKHOLE 0x1000
#define D_RTF_PROTO2    0x4000
#define D_RTF_PROTO1    0x8000
#define D_RTF_PRCLONING 0x10000
#define D_RTF_PROTO3    0x40000
#define D_RTF_IFSCOPE   0x1000000

#define D_RTV_MTU 0x1

enum {
    D_RTAX_DST,
    D_RTAX_GATEWAY,
    D_RTAX_NETMASK,
    D_RTAX_GENMASK,
    D_RTAX_IFP,
    D_RTAX_IFA,
    D_RTAX_AUTHOR,
    D_RTAX_BRD,
    D_RTAX_MAX
};

// sysctl(3): CTL_NET, PF_ROUTE, 0, a family or 0, what, an index or 0.
#define D_CTL_NET       4
#define D_NET_RT_IFLIST 3

#define D_SOCKADDR_IN  16
#define D_SOCKADDR_IN6 28
#define D_SOCKADDR_DL  20 // with a name of up to 12 bytes less those of the link address

// ---- what the parts of the layer know of each other ----

// A request that was read from a routing socket and found to be as documented.
struct route_request {
    int type;
    uint32_t flags;
    int index;  // of the interface that it leads to, or 0
    int family; // D_AF_INET or D_AF_INET6
    uint8_t destination[16];
    int prefix_length;
    bool has_gateway;
    bool gateway_is_link;
    uint8_t gateway[16];
    uint32_t mtu; // 0: none is asked for
};

// Says what of a call is not as documented, on stderr and in the record; the call then fails.
__attribute__((format(printf, 1, 2))) void darwin_refuse(const char *format, ...);
// Says what was done, in the record alone (the file that DARWIN_RECORD names).
__attribute__((format(printf, 1, 2))) void darwin_note(const char *format, ...);

// Reads a message that a program has written. Returns 0, or an errno after having said why.
int route_decode(struct route_request *request, const uint8_t *bytes, size_t length);

// An address of an interface, or the interface itself.
struct darwin_interface {
    char name[16];
    int index;
    uint32_t flags; // Darwin's
    uint32_t mtu;
    uint8_t type;   // D_IFT_...
    uint8_t mac[6]; // of an Ethernet
    bool has_address;
    uint32_t address,
        broadcast; // network byte order; the latter is the peer of a point-to-point one
    int prefix_length;
};

// Write messages as the kernel would, and return their lengths. Those of notices end where their
// last address ends; those of lists are padded there, too.
#define NOTICE_MAX 256
size_t notice_link(uint8_t *out, const struct darwin_interface *interface, bool in_list);
size_t notice_address(uint8_t *out, int type, const struct darwin_interface *interface,
                      bool in_list);
size_t notice_route(uint8_t *out, int type, const struct route_request *route);
// A sockaddr_dl of an interface, and sockaddr_ins. They return their lengths without padding.
size_t sockaddr_link(uint8_t *out, const struct darwin_interface *interface);
size_t sockaddr_inet(uint8_t *out, uint32_t address_be);
size_t sockaddr_mask(uint8_t *out, int prefix_length);

// The kernel beneath (kernel.c). Each returns 0 or a positive errno of Linux's, but where it says
// so.
int kernel_route(const struct route_request *request);
int kernel_address(int index, uint32_t address_be, uint32_t peer_be, int prefix_length, bool add);
int kernel_address6(int index, const uint8_t address[16], int prefix_length);
int kernel_link(int index, bool set_flags, bool up, uint32_t mtu);
// Lists interfaces, each followed by its addresses. Returns how many entries there are.
#define INTERFACES_MAX 128
int kernel_interfaces(struct darwin_interface list[INTERFACES_MAX]);
bool kernel_interface(const char *name, int index,
                      struct darwin_interface *found); // by one of both
int kernel_watch(void);                                // a netlink socket that hears of changes
// Turns what came from there into messages of Darwin's, one call of `give` each.
void kernel_translate(const uint8_t *bytes, size_t length,
                      void (*give)(void *arg, const uint8_t *message, size_t length, int family),
                      void *arg);

// By descriptor: the calls that a routing socket or a utun answers (route.c, utun.c). They return
// as the system calls do.
int route_socket(int type, int protocol);
ssize_t route_write(int fd, const uint8_t *bytes, size_t length);
void route_close(int fd);
int utun_socket(int type);
int utun_info(int fd, uint8_t *argument);
int utun_connect(int fd, const uint8_t *address, size_t length);
int utun_name(int fd, int option, void *value, uint32_t *length);
ssize_t utun_read(int fd, uint8_t *bytes, size_t length);
ssize_t utun_write(int fd, const uint8_t *bytes, size_t length);
void utun_close(int fd);
int interface_ioctl(uint32_t request, uint8_t *argument);
int darwin_fail(int error); // sets errno; returns -1
