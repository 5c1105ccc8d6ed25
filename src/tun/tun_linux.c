// SPDX-License-Identifier: ISC
// Linux: a TUN device by ioctl (the kernel's Documentation/networking/tuntap.rst), address, MTU,
// state and routes by rtnetlink (rtnetlink(7)).
//
// The laptop's own default route stays as it is. The tether's routes, by default 0.0.0.0/1 and
// 128.0.0.0/1, are more specific and win; when this process ends, however it ends, the device goes,
// its routes go with it, and the default route is in force again.
#include "../os/netlink.h"
#include "tun.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define TUN_PATH "/dev/net/tun"

const char *tun_advice(int error) {
    if (error == EPERM || error == EACCES)
        return " (run me as root)";
    if (error == ENOENT || error == ENXIO || error == ENODEV)
        return " (load the tun module: modprobe tun; a container must be given this device)";
    if (error == EISDIR || error == ENOTTY)
        return " (this is not the kernel's TUN driver: remove it, then modprobe tun, or "
               "mknod " TUN_PATH " c 10 200)";
    if (error == EBUSY)
        return " (another program has this device: choose another name)";
    if (error == EBADFD)
        return " (somebody has removed it: start me again)";
    return "";
}

#ifndef TUN_F_USO4 // Linux 6.2
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

// Asks the kernel for super-packets; without a word of this an older one gives and takes single
// packets, whose checksums are whole, as it does if it has never heard of the headers.
static void ask_for_offloads(struct tun *tun) {
    unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN;
    tun->takes_udp_super = ioctl(tun->fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) == 0;
    if (!tun->takes_udp_super)
        (void)ioctl(tun->fd, TUNSETOFFLOAD, tcp);
}

// Makes the device, with virtio-net headers where the kernel has them. Returns 0, or -1 with errno
// set.
static int make_device(struct tun *tun, struct ifreq *request) {
    request->ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    if (ioctl(tun->fd, TUNSETIFF, request) == 0) {
        tun->has_vnet_headers = true;
        ask_for_offloads(tun);
        return 0;
    }
    request->ifr_flags = IFF_TUN | IFF_NO_PI;
    return errno == EINVAL ? ioctl(tun->fd, TUNSETIFF, request) : -1;
}

static void say_no_device(const struct log *log, const char *name, int error) {
    if (error == ENOTTY)
        log_error(log, "cannot use %s: %s%s", TUN_PATH, strerror(error), tun_advice(error));
    else if (error == EINVAL && if_nametoindex(name) != 0)
        log_error(log, "%s is a network interface already, and no TUN device: choose another name",
                  name);
    else if (error == EINVAL)
        log_error(log, "%s is no name for a network device: choose another name", name);
    else
        log_error(log, "cannot make the TUN device %s: %s%s", name, strerror(error),
                  tun_advice(error));
}

int tun_open(struct tun *tun, const char *name, const struct log *log) {
    struct ifreq request = {.ifr_flags = 0};
    *tun = (struct tun){.fd = -1, .kernel = {.fd = -1}, .log = log};
    if (strlen(name) >= sizeof request.ifr_name)
        return log_error(log,
                         "the name %s is too long for a network device (%u characters at most)",
                         name, IFNAMSIZ - 1);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    tun->fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun->fd < 0)
        return log_error(log, "cannot open %s: %s%s", TUN_PATH, strerror(errno), tun_advice(errno));
    if (make_device(tun, &request) < 0) {
        say_no_device(log, name, errno);
        return -1;
    }
    snprintf(tun->name, sizeof tun->name, "%s", request.ifr_name);
    tun->index = (int)if_nametoindex(tun->name);
    if (netlink_open(&tun->kernel, NETLINK_ROUTE) < 0)
        return log_error(log, "cannot open a netlink socket: %s", strerror(errno));
    return 0;
}

static int change_address(struct tun *tun, uint16_t type, uint16_t flags, uint32_t address,
                          uint8_t prefix_length) {
    struct netlink_request request;
    struct ifaddrmsg body = {
        .ifa_family = AF_INET,
        .ifa_prefixlen = prefix_length,
        .ifa_index = (unsigned)tun->index,
    };
    netlink_begin(&request, type, flags, &body, sizeof body);
    netlink_put_be32(&request, IFA_LOCAL, address);
    netlink_put_be32(&request, IFA_ADDRESS, address);
    return netlink_talk(&tun->kernel, &request, NULL, NULL);
}

// The new address comes first: the kernel removes the routes of an interface that has none.
static int set_address(struct tun *tun, uint32_t address, uint8_t prefix_length) {
    if (address == tun->address)
        return 0;
    int error = change_address(tun, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address, prefix_length);
    if (error < 0 && error != -EEXIST) // it has this one already
        return error;
    if (tun->address != 0)
        (void)change_address(tun, RTM_DELADDR, 0, tun->address, tun->prefix_length);
    tun->address = address;
    tun->prefix_length = prefix_length;
    return 0;
}

static int set_up(struct tun *tun, uint32_t mtu) {
    struct netlink_request request;
    struct ifinfomsg body = {
        .ifi_family = AF_UNSPEC,
        .ifi_index = tun->index,
        .ifi_flags = IFF_UP,
        .ifi_change = IFF_UP,
    };
    netlink_begin(&request, RTM_NEWLINK, 0, &body, sizeof body);
    netlink_put(&request, IFLA_MTU, &mtu, sizeof mtu);
    return netlink_talk(&tun->kernel, &request, NULL, NULL);
}

int tun_configure(struct tun *tun, uint32_t address, uint8_t prefix_length, uint32_t mtu) {
    int error = set_address(tun, address, prefix_length);
    if (error == 0)
        error = set_up(tun, mtu);
    if (error < 0)
        return log_error(tun->log, "cannot set up the TUN device %s: %s%s", tun->name,
                         strerror(-error), tun_advice(-error));
    return 0;
}

// Returns 0, or a negative errno.
static int add_route(struct tun *tun, uint8_t family, const void *network, uint8_t prefix_length,
                     uint32_t mss) {
    struct netlink_request request;
    uint32_t index = (uint32_t)tun->index;
    struct rtmsg body = {
        .rtm_family = family,
        .rtm_dst_len = prefix_length,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = RT_SCOPE_LINK,
        .rtm_type = RTN_UNICAST,
    };
    netlink_begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
    netlink_put(&request, RTA_DST, network, family == AF_INET ? 4 : 16);
    netlink_put(&request, RTA_OIF, &index, sizeof index);
    size_t metrics = netlink_nest(&request, RTA_METRICS);
    netlink_put(&request, RTAX_ADVMSS, &mss, sizeof mss);
    netlink_nest_end(&request, metrics);
    return netlink_talk(&tun->kernel, &request, NULL, NULL);
}

int tun_add_route(struct tun *tun, const struct cidr *cidr, uint32_t mss) {
    uint8_t b[4];
    put_be32(b, cidr->network);
    int error = add_route(tun, AF_INET, b, cidr->prefix_length, mss);
    if (error < 0)
        return log_error(tun->log, "cannot route %d.%d.%d.%d/%d into the tether: %s%s", b[0], b[1],
                         b[2], b[3], cidr->prefix_length, strerror(-error),
                         error == -EEXIST
                             ? " (there is such a route already: another VPN's, or one given twice)"
                             : tun_advice(-error));
    return 0;
}

// The setting route_localnet (the kernel's Documentation/networking/ip-sysctl.rst).
void tun_pass_loopback(struct tun *tun) {
    struct netlink_request request;
    const uint32_t on = 1;
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_index = tun->index};
    netlink_begin(&request, RTM_NEWLINK, 0, &body, sizeof body);
    size_t families = netlink_nest(&request, IFLA_AF_SPEC);
    size_t family = netlink_nest(&request, AF_INET);
    size_t settings = netlink_nest(&request, IFLA_INET_CONF);
    netlink_put(&request, IPV4_DEVCONF_ROUTE_LOCALNET, &on, sizeof on);
    netlink_nest_end(&request, settings);
    netlink_nest_end(&request, family);
    netlink_nest_end(&request, families);
    (void)netlink_talk(&tun->kernel, &request, NULL, NULL);
}

// Sets a number among the device's settings of IPv6.
static void set_ipv6(const struct tun *tun, const char *setting, const char *value) {
    char path[64 + IFNAMSIZ];
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/%s", tun->name, setting);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, value, 1) < 0)
        log_debug(tun->log, "cannot write %s: %s", path, strerror(errno));
    close(fd);
}

// An answer to what has another interface's link-local address would not be heard: the device gets
// one of its own, also where IPv6 is off for new interfaces.
void tun_take_ipv6(struct tun *tun) {
    static const uint8_t halves[2][16] = {{0}, {0x80}};
    set_ipv6(tun, "addr_gen_mode", "0");
    set_ipv6(tun, "disable_ipv6", "0");
    for (int i = 0; i < 2; i++) {
        int error = add_route(tun, AF_INET6, halves[i], 1, TUN_MSS);
        if (error < 0 && error != -EAFNOSUPPORT && error != -EOPNOTSUPP)
            log_warn(tun->log, "IPv6 goes past the tether, where the laptop has any: %s",
                     strerror(-error));
    }
}

ssize_t tun_read(struct tun *tun, uint8_t buffer[TUN_READ_MAX], uint8_t **packet,
                 struct ip_offload *offload) {
    const ssize_t head = tun->has_vnet_headers ? VNET_HEADER : 0;
    ssize_t length = read(tun->fd, buffer, TUN_READ_MAX);
    *offload = (struct ip_offload){.segment_size = 0};
    if (length < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (length <= head || (head > 0 && ip_offload_read(offload, buffer, 0) < 0))
        return 0; // nothing that we have asked for
    *packet = buffer + head;
    return length - head;
}

static bool write_headed(struct tun *tun, uint8_t header[VNET_HEADER], const uint8_t *packet,
                         size_t length) {
    uint8_t *bytes = (uint8_t *)(uintptr_t)packet; // which writev() does not alter
    struct iovec pieces[2] = {{header, VNET_HEADER}, {bytes, length}};
    return writev(tun->fd, pieces, 2) == (ssize_t)(VNET_HEADER + length);
}

bool tun_write(struct tun *tun, const uint8_t *packet, size_t length) {
    uint8_t header[VNET_HEADER] = {0};
    if (tun->has_vnet_headers)
        return write_headed(tun, header, packet, length);
    return write(tun->fd, packet, length) == (ssize_t)length;
}

bool tun_write_offloaded(struct tun *tun, const struct ip_packet *packet,
                         const struct ip_offload *offload) {
    uint8_t header[VNET_HEADER];
    ip_offload_write(header, packet, offload, 0);
    return tun->has_vnet_headers && write_headed(tun, header, packet->bytes, packet->length);
}

void tun_close(struct tun *tun) {
    netlink_close(&tun->kernel);
    if (tun->fd >= 0)
        close(tun->fd);
    tun->fd = -1;
}
