// Linux: a TUN device by ioctl (the kernel's Documentation/networking/tuntap.rst), address, MTU,
// state and routes by rtnetlink (rtnetlink(7)).
//
// The laptop's own default route stays as it is. The tether's routes, by default 0.0.0.0/1 and
// 128.0.0.0/1, are more specific and win; when this process ends, however it ends, the device goes,
// its routes go with it, and the default route is in force again.
#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../base/bytes.h"

#define TUN_PATH "/dev/net/tun"

static const char *advice(int error)
{
    if (error == EPERM || error == EACCES)
        return " (run me as root)";
    if (error == ENOENT || error == ENXIO || error == ENODEV)
        return " (load the tun module: modprobe tun)";
    return "";
}

int tun_open(struct tun *tun, const char *name, const struct log *log)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    *tun = (struct tun){.fd = -1, .netlink = {.fd = -1}, .log = log};
    if (strlen(name) >= sizeof request.ifr_name) {
        log_error(log, "the name %s is too long for a network device", name);
        return -1;
    }
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    tun->fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun->fd < 0) {
        log_error(log, "cannot open %s: %s%s", TUN_PATH, strerror(errno), advice(errno));
        return -1;
    }
    if (ioctl(tun->fd, TUNSETIFF, &request) < 0) {
        log_error(log, "cannot make the TUN device %s: %s%s", name, strerror(errno), advice(errno));
        return -1;
    }
    snprintf(tun->name, sizeof tun->name, "%s", request.ifr_name);
    tun->index = (int)if_nametoindex(tun->name);
    if (netlink_open(&tun->netlink, NETLINK_ROUTE) < 0) {
        log_error(log, "cannot open a netlink socket: %s", strerror(errno));
        return -1;
    }
    return 0;
}

static int set_address(struct tun *tun, uint32_t address, uint8_t prefix_length)
{
    struct netlink_request request;
    struct ifaddrmsg body = {
        .ifa_family = AF_INET,
        .ifa_prefixlen = prefix_length,
        .ifa_index = (unsigned)tun->index,
    };
    netlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
    netlink_put_be32(&request, IFA_LOCAL, address);
    netlink_put_be32(&request, IFA_ADDRESS, address);
    int error = netlink_talk(&tun->netlink, &request, NULL, NULL);
    return error == -EEXIST ? 0 : error; // it has this one already
}

static int set_up(struct tun *tun, uint32_t mtu)
{
    struct netlink_request request;
    struct ifinfomsg body = {
        .ifi_family = AF_UNSPEC,
        .ifi_index = tun->index,
        .ifi_flags = IFF_UP,
        .ifi_change = IFF_UP,
    };
    netlink_begin(&request, RTM_NEWLINK, 0, &body, sizeof body);
    netlink_put(&request, IFLA_MTU, &mtu, sizeof mtu);
    return netlink_talk(&tun->netlink, &request, NULL, NULL);
}

int tun_configure(struct tun *tun, uint32_t address, uint8_t prefix_length, uint32_t mtu)
{
    int error = set_address(tun, address, prefix_length);
    if (error == 0)
        error = set_up(tun, mtu);
    if (error < 0) {
        log_error(tun->log, "cannot set up the TUN device %s: %s%s", tun->name, strerror(-error),
                  advice(-error));
        return -1;
    }
    return 0;
}

int tun_add_route(struct tun *tun, const struct cidr *cidr)
{
    struct netlink_request request;
    uint32_t index = (uint32_t)tun->index;
    struct rtmsg body = {
        .rtm_family = AF_INET,
        .rtm_dst_len = cidr->prefix_length,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = RT_SCOPE_LINK,
        .rtm_type = RTN_UNICAST,
    };
    netlink_begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
    netlink_put_be32(&request, RTA_DST, cidr->network);
    netlink_put(&request, RTA_OIF, &index, sizeof index);
    int error = netlink_talk(&tun->netlink, &request, NULL, NULL);
    if (error < 0) {
        uint8_t b[4];
        put_be32(b, cidr->network);
        log_error(tun->log, "cannot route %d.%d.%d.%d/%d into the tether: %s%s", b[0], b[1], b[2],
                  b[3], cidr->prefix_length, strerror(-error),
                  error == -EEXIST
                      ? " (there is such a route already: another VPN's, or one given twice)"
                      : advice(-error));
        return -1;
    }
    return 0;
}

void tun_close(struct tun *tun)
{
    netlink_close(&tun->netlink);
    if (tun->fd >= 0)
        close(tun->fd);
    tun->fd = -1;
}
