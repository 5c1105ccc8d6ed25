// SPDX-License-Identifier: ISC
// macOS: a utun device, which the kernel has itself (xnu: bsd/net/if_utun.c). It is the other end
// of a socket, and goes with it; so do its address and its routes. A packet has its family before
// it, and is single. Its name is utun and a number, the first free one where none is asked for.
// Where the device's queue is full, a write fails with ENOBUFS or ENOSPC, and the packet is lost as
// in any queue; poll() says nothing of that.
//
// All of this takes root, at the time of the call. So it is done at the start, before privilege is
// given up.
#include "../os/xnu.h"
#include "tun.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define IP_AND_TCP   40 // headers that an MSS leaves out (RFC 9293 section 3.7.1)
#define MORE_OF_IPV6 20

const char *tun_advice(int error) {
    if (error == EPERM || error == EACCES)
        return " (run me as root)";
    return error == EBUSY ? " (another program has this device: choose another name)" : "";
}

static int make_device(struct tun *tun, const char *name) {
    unsigned number;
    uint8_t info[XNU_CTL_INFO] = XNU_CTL_UTUN;
    uint8_t address[XNU_CTL_ADDRESS];
    socklen_t size = sizeof tun->name;
    tun->fd = socket_new(XNU_PF_SYSTEM, SOCK_DGRAM, XNU_SYSPROTO_CONTROL);
    if (tun->fd < 0 || ioctl(tun->fd, XNU_CTLIOCGINFO, info) < 0)
        return -1;
    xnu_control_address(address, info, sscanf(name, "utun%u", &number) == 1 ? number + 1 : 0);
    if (connect(tun->fd, (const struct sockaddr *)address, sizeof address) < 0)
        return -1;
    return getsockopt(tun->fd, XNU_SYSPROTO_CONTROL, XNU_UTUN_OPT_IFNAME, tun->name, &size);
}

int tun_open(struct tun *tun, const char *name, const struct log *log) {
    *tun = (struct tun){.fd = -1, .kernel = {.fd = -1}, .log = log};
    if (make_device(tun, name) < 0)
        return log_error(log, "cannot make the TUN device %s: %s%s", name, strerror(errno),
                         tun_advice(errno));
    tun->index = (int)if_nametoindex(tun->name);
    return 0;
}

// Has a socket of its own ask for something; or, where `request` is 0, write it. The kernel says at
// once whether it did; what a routing socket hears of it nobody reads.
static int ask(int family, int type, unsigned long request, void *bytes, size_t size) {
    int fd = socket_new(family, type, 0);
    int result = fd < 0         ? -1
                 : request != 0 ? ioctl(fd, request, bytes)
                                : (int)write(fd, bytes, size);
    if (fd >= 0)
        (void)socket_close_failed(fd);
    return result < 0 ? -1 : 0;
}

// A utun does not come up by itself.
static int set_up(const struct tun *tun, uint32_t address, uint8_t prefix_length, uint32_t mtu) {
    uint8_t bytes[4];
    uint8_t alias[XNU_ALIAS_IN6];
    uint8_t request[XNU_IFREQ];
    put_be32(bytes, address);
    xnu_alias(alias, tun->name, XNU_AF_INET, bytes, prefix_length);
    xnu_request(request, tun->name, mtu);
    if (ask(AF_INET, SOCK_DGRAM, XNU_SIOCAIFADDR, alias, 0) < 0 ||
        ask(AF_INET, SOCK_DGRAM, XNU_SIOCSIFMTU, request, 0) < 0 ||
        ask(AF_INET, SOCK_DGRAM, XNU_SIOCGIFFLAGS, request, 0) < 0)
        return -1;
    request[XNU_NAME] |= XNU_IFF_UP;
    return ask(AF_INET, SOCK_DGRAM, XNU_SIOCSIFFLAGS, request, 0);
}

int tun_configure(struct tun *tun, uint32_t address, uint8_t prefix_length, uint32_t mtu) {
    if (tun->address == address) // and its routes let no longer packets through than any MTU does
        return 0;
    if (tun->address != 0)
        log_error(tun->log, "the server has given this laptop another address, which takes rights "
                            "that were given up: start me again");
    else if (set_up(tun, address, prefix_length, mtu) < 0)
        log_error(tun->log, "cannot set up the TUN device %s: %s%s", tun->name, strerror(errno),
                  tun_advice(errno));
    else
        tun->address = address;
    return tun->address == address ? 0 : -1;
}

static int add_route(const struct tun *tun, int family, const uint8_t *network, uint8_t length,
                     uint32_t mtu) {
    uint8_t message[XNU_ROUTE_MAX];
    size_t size = xnu_route(message, family, network, length, tun->index, mtu);
    return ask(XNU_PF_ROUTE, SOCK_RAW, 0, message, size);
}

int tun_add_route(struct tun *tun, const struct cidr *cidr, uint32_t mss) {
    uint8_t b[4];
    put_be32(b, cidr->network);
    if (add_route(tun, XNU_AF_INET, b, cidr->prefix_length, mss + IP_AND_TCP) == 0)
        return 0;
    return log_error(tun->log, "cannot route %d.%d.%d.%d/%d into the tether: %s%s", b[0], b[1],
                     b[2], b[3], cidr->prefix_length, strerror(errno),
                     errno == EEXIST
                         ? " (there is such a route already: another VPN's, or one given twice)"
                         : tun_advice(errno));
}

// A route wants an address of its family on the device: a link-local one, as none else is there.
void tun_take_ipv6(struct tun *tun) {
    static const uint8_t own[16] = {0xfe, 0x80, [15] = 2};
    static const uint8_t halves[2][16] = {{0}, {0x80}};
    uint8_t alias[XNU_ALIAS_IN6];
    const uint32_t mtu = TUN_MSS + IP_AND_TCP + MORE_OF_IPV6;
    xnu_alias(alias, tun->name, XNU_AF_INET6, own, 64);
    if (ask(AF_INET6, SOCK_DGRAM, XNU_SIOCAIFADDR_IN6, alias, 0) < 0 ||
        add_route(tun, XNU_AF_INET6, halves[0], 1, mtu) < 0 ||
        add_route(tun, XNU_AF_INET6, halves[1], 1, mtu) < 0)
        log_warn(tun->log, "IPv6 goes past the tether, where the laptop has any: %s",
                 strerror(errno));
}

ssize_t tun_read(struct tun *tun, uint8_t buffer[TUN_READ_MAX], uint8_t **packet,
                 struct ip_offload *offload) {
    ssize_t length = read(tun->fd, buffer, TUN_READ_MAX);
    *offload = (struct ip_offload){.segment_size = 0};
    if (length < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    *packet = buffer + XNU_UTUN_HEAD;
    return length > XNU_UTUN_HEAD ? length - XNU_UTUN_HEAD : 0;
}

bool tun_write(struct tun *tun, const uint8_t *packet, size_t length) {
    uint8_t head[XNU_UTUN_HEAD];
    uint8_t *bytes = (uint8_t *)(uintptr_t)packet; // which writev() does not alter
    struct iovec pieces[2] = {{head, sizeof head}, {bytes, length}};
    xnu_utun_head(head, packet);
    return writev(tun->fd, pieces, 2) == (ssize_t)(sizeof head + length);
}

bool tun_write_offloaded(struct tun *tun, const struct ip_packet *packet,
                         const struct ip_offload *offload) {
    (void)tun, (void)packet, (void)offload;
    return false;
}

void tun_close(struct tun *tun) {
    if (tun->fd >= 0)
        close(tun->fd);
    tun->fd = -1;
}
