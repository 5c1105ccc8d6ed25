// SPDX-License-Identifier: ISC
// As much of Linux as the programs talk to: interfaces, addresses with lifetimes, routes, the
// neighbour table, TUN devices; by netlink (RFC 3549, rtnetlink(7)) and ioctl (netdevice(7)).
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

#include "world.h"

// Of linux/if_arp.h, which does not go with net/if.h.
#define ARPHRD_ETHER 1
#define ARPHRD_NONE  0xfffe

// Whoever of the host's program wants to know hears that something has changed.
static void notify(struct host *host) {
    struct program *program = &world.programs[host->number];
    for (int i = 0; i < FDS; i++)
        if (program->fds[i].kind == ROUTE_NETLINK && program->fds[i].is_bound)
            fd_put(program, i, "changed", 8);
}

struct interface *interface_named(struct host *host, const char *name) {
    for (size_t i = 0; i < INTERFACES; i++)
        if (host->interfaces[i].used && strcmp(host->interfaces[i].name, name) == 0)
            return &host->interfaces[i];
    return NULL;
}

struct interface *interface_numbered(struct host *host, int index) {
    for (size_t i = 0; i < INTERFACES; i++)
        if (host->interfaces[i].used && host->interfaces[i].index == index)
            return &host->interfaces[i];
    return NULL;
}

struct interface *interface_make(struct host *host, const char *name, unsigned flags, bool is_tun) {
    for (size_t i = 0; i < INTERFACES; i++) {
        struct interface *interface = &host->interfaces[i];
        if (interface->used)
            continue;
        *interface = (struct interface){true, ++host->next_index, "", flags, 1500, is_tun};
        snprintf(interface->name, sizeof interface->name, "%s", name);
        notify(host);
        return interface;
    }
    fail("%s has no room for one more interface", host->name);
}

// With it go its addresses and routes.
void interface_remove(struct host *host, struct interface *interface) {
    for (size_t i = 0; i < ADDRESSES; i++)
        if (host->addresses[i].interface == interface->index)
            host->addresses[i].used = false;
    for (size_t i = 0; i < ROUTES; i++)
        if (host->routes[i].interface == interface->index)
            host->routes[i].used = false;
    interface->used = false;
    notify(host);
}

void address_give(struct host *host, int interface, uint32_t address, uint8_t prefix,
                  int64_t until_us) {
    struct given *place = NULL;
    for (size_t i = 0; i < ADDRESSES; i++) {
        struct given *given = &host->addresses[i];
        if (given->used && given->interface == interface && given->address == address)
            place = given;
        else if (!given->used && place == NULL)
            place = given;
    }
    if (place == NULL)
        fail("%s has no room for one more address", host->name);
    *place = (struct given){true, interface, address, prefix, until_us};
    notify(host);
}

void address_take(struct host *host, uint32_t address) {
    for (size_t i = 0; i < ADDRESSES; i++)
        if (host->addresses[i].used && host->addresses[i].address == address)
            host->addresses[i].used = false;
    notify(host);
}

bool host_has(const struct host *host, uint32_t address) {
    for (size_t i = 0; i < ADDRESSES; i++)
        if (host->addresses[i].used && host->addresses[i].address == address)
            return true;
    return false;
}

void kernel_expire(void) {
    for (size_t i = 0; i < HOSTS * ADDRESSES; i++) {
        struct given *given = &world.hosts[i / ADDRESSES].addresses[i % ADDRESSES];
        if (given->used && given->until_us != 0 && given->until_us <= world.now_us)
            address_take(&world.hosts[i / ADDRESSES], given->address);
    }
}

// ---- netlink ----

struct answer {
    uint8_t bytes[512];
    size_t length;
};

static void begin(struct answer *answer, const struct nlmsghdr *to, uint16_t type, uint16_t flags,
                  const void *body, size_t length) {
    struct nlmsghdr head = {.nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = to->nlmsg_seq};
    memset(answer, 0, sizeof *answer);
    memcpy(answer->bytes, &head, sizeof head);
    memcpy(answer->bytes + sizeof head, body, length);
    answer->length = sizeof head + NLMSG_ALIGN(length);
}

static void put(struct answer *answer, uint16_t type, const void *data, size_t length) {
    struct rtattr head = {(uint16_t)RTA_LENGTH(length), type};
    memcpy(answer->bytes + answer->length, &head, sizeof head);
    memcpy(answer->bytes + answer->length + RTA_LENGTH(0), data, length);
    answer->length += RTA_ALIGN(RTA_LENGTH(length));
}

static void reply(struct program *program, int fd, struct answer *answer) {
    uint32_t length = (uint32_t)answer->length;
    memcpy(answer->bytes, &length, sizeof length);
    fd_put(program, fd, answer->bytes, answer->length);
}

static void reply_result(struct program *program, int fd, const struct nlmsghdr *to, int error) {
    struct answer answer;
    struct nlmsgerr body = {.error = error, .msg = *to};
    begin(&answer, to, NLMSG_ERROR, 0, &body, sizeof body);
    reply(program, fd, &answer);
}

static const uint8_t *find(const struct nlmsghdr *head, size_t offset, uint16_t type) {
    const uint8_t *body = (const uint8_t *)head;
    size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(offset);
    while (at + sizeof(struct rtattr) <= head->nlmsg_len) {
        struct rtattr attribute;
        memcpy(&attribute, body + at, sizeof attribute);
        if (attribute.rta_len < sizeof attribute)
            return NULL;
        if ((attribute.rta_type & NLA_TYPE_MASK) == type)
            return body + at + RTA_LENGTH(0);
        at += RTA_ALIGN(attribute.rta_len);
    }
    return NULL;
}

static uint32_t find_address(const struct nlmsghdr *head, size_t offset, uint16_t type) {
    const uint8_t *bytes = find(head, offset, type);
    uint32_t address = 0;
    if (bytes != NULL)
        memcpy(&address, bytes, sizeof address);
    return ntohl(address);
}

static void tell_link(struct program *program, int fd, const struct nlmsghdr *to,
                      const struct interface *interface) {
    struct answer answer;
    struct ifinfomsg body = {
        .ifi_family = AF_UNSPEC,
        .ifi_type = interface->is_tun ? ARPHRD_NONE : ARPHRD_ETHER,
        .ifi_index = interface->index,
        .ifi_flags = interface->flags,
    };
    begin(&answer, to, RTM_NEWLINK, NLM_F_MULTI, &body, sizeof body);
    put(&answer, IFLA_IFNAME, interface->name, strlen(interface->name) + 1);
    put(&answer, IFLA_MTU, &interface->mtu, sizeof interface->mtu);
    reply(program, fd, &answer);
}

static void tell_address(struct program *program, int fd, const struct nlmsghdr *to,
                         const struct given *given) {
    struct answer answer;
    struct ifaddrmsg body = {
        .ifa_family = AF_INET,
        .ifa_prefixlen = given->prefix,
        .ifa_flags = given->until_us == 0 ? IFA_F_PERMANENT : 0,
        .ifa_index = (unsigned)given->interface,
    };
    uint32_t address = htonl(given->address);
    uint32_t left =
        given->until_us == 0 ? UINT32_MAX : (uint32_t)((given->until_us - world.now_us) / SECOND);
    struct ifa_cacheinfo times = {.ifa_valid = left, .ifa_prefered = left};
    begin(&answer, to, RTM_NEWADDR, NLM_F_MULTI, &body, sizeof body);
    put(&answer, IFA_ADDRESS, &address, sizeof address);
    put(&answer, IFA_LOCAL, &address, sizeof address);
    put(&answer, IFA_CACHEINFO, &times, sizeof times);
    reply(program, fd, &answer);
}

static void tell_route(struct program *program, int fd, const struct nlmsghdr *to, uint8_t prefix) {
    struct answer answer;
    struct rtmsg body = {
        .rtm_family = AF_INET,
        .rtm_dst_len = prefix,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_type = RTN_UNICAST,
    };
    int index = interface_named(program->host, "eth0")->index;
    uint32_t gateway = htonl(GATEWAY_ADDRESS);
    begin(&answer, to, RTM_NEWROUTE, NLM_F_MULTI, &body, sizeof body);
    put(&answer, RTA_OIF, &index, sizeof index);
    put(&answer, RTA_GATEWAY, &gateway, sizeof gateway);
    reply(program, fd, &answer);
}

static void tell_neighbour(struct program *program, int fd, const struct nlmsghdr *to) {
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    struct answer answer;
    struct ndmsg body = {.ndm_family = AF_INET, .ndm_state = NUD_REACHABLE};
    begin(&answer, to, RTM_NEWNEIGH, 0, &body, sizeof body);
    put(&answer, NDA_LLADDR, mac, sizeof mac);
    reply(program, fd, &answer);
}

static void dump(struct program *program, int fd, const struct nlmsghdr *head) {
    struct answer answer;
    struct host *host = program->host;
    int nothing = 0;
    for (size_t i = 0; i < INTERFACES && head->nlmsg_type == RTM_GETLINK; i++)
        if (host->interfaces[i].used)
            tell_link(program, fd, head, &host->interfaces[i]);
    for (size_t i = 0; i < ADDRESSES && head->nlmsg_type == RTM_GETADDR; i++)
        if (host->addresses[i].used)
            tell_address(program, fd, head, &host->addresses[i]);
    if (head->nlmsg_type == RTM_GETROUTE && interface_named(host, "eth0") != NULL)
        tell_route(program, fd, head, 0);
    begin(&answer, head, NLMSG_DONE, NLM_F_MULTI, &nothing, sizeof nothing);
    reply(program, fd, &answer);
}

static int change_address(struct host *host, const struct nlmsghdr *head) {
    struct ifaddrmsg body;
    memcpy(&body, NLMSG_DATA(head), sizeof body);
    uint32_t address = find_address(head, sizeof body, IFA_LOCAL);
    const uint8_t *cache = find(head, sizeof body, IFA_CACHEINFO);
    struct ifa_cacheinfo times = {.ifa_valid = UINT32_MAX};
    if (body.ifa_family != AF_INET)
        return 0;
    if (interface_numbered(host, (int)body.ifa_index) == NULL)
        return -ENODEV;
    if (cache != NULL)
        memcpy(&times, cache, sizeof times);
    if (head->nlmsg_type == RTM_NEWADDR) {
        address_give(host, (int)body.ifa_index, address, body.ifa_prefixlen,
                     times.ifa_valid == UINT32_MAX ? 0 : world.now_us + times.ifa_valid * SECOND);
        return 0;
    }
    for (size_t i = 0; i < ADDRESSES; i++)
        if (host->addresses[i].used && host->addresses[i].address == address &&
            host->addresses[i].interface == (int)body.ifa_index) {
            host->addresses[i].used = false;
            return 0;
        }
    return -EADDRNOTAVAIL;
}

static int change_route(struct host *host, const struct nlmsghdr *head) {
    struct rtmsg body;
    int index;
    memcpy(&body, NLMSG_DATA(head), sizeof body);
    if (body.rtm_family != AF_INET)
        return 0;
    memcpy(&index, find(head, sizeof body, RTA_OIF), sizeof index);
    uint32_t network = find_address(head, sizeof body, RTA_DST);
    for (size_t i = 0; i < ROUTES; i++) {
        struct routed *route = &host->routes[i];
        bool is_it = route->used && route->interface == index && route->network == network &&
                     route->prefix == body.rtm_dst_len;
        if (head->nlmsg_type == RTM_DELROUTE && is_it) {
            route->used = false;
            return 0;
        }
        if (head->nlmsg_type == RTM_NEWROUTE && !route->used) {
            *route = (struct routed){true, index, network, body.rtm_dst_len};
            return 0;
        }
    }
    return head->nlmsg_type == RTM_DELROUTE ? -ESRCH : -ENOMEM;
}

static int change_link(struct host *host, const struct nlmsghdr *head) {
    struct ifinfomsg body;
    memcpy(&body, NLMSG_DATA(head), sizeof body);
    struct interface *interface = interface_numbered(host, body.ifi_index);
    const uint8_t *mtu = find(head, sizeof body, IFLA_MTU);
    if (interface == NULL)
        return -ENODEV;
    interface->flags = (interface->flags & ~body.ifi_change) | (body.ifi_flags & body.ifi_change);
    if (mtu != NULL)
        memcpy(&interface->mtu, mtu, sizeof interface->mtu);
    return 0;
}

static int get_link(struct program *program, int fd, const struct nlmsghdr *head) {
    struct ifinfomsg body;
    memcpy(&body, NLMSG_DATA(head), sizeof body);
    const uint8_t *name = find(head, sizeof body, IFLA_IFNAME);
    const struct interface *interface = name != NULL
                                            ? interface_named(program->host, (const char *)name)
                                            : interface_numbered(program->host, body.ifi_index);
    if (interface == NULL)
        return -ENODEV;
    tell_link(program, fd, head, interface);
    return 0;
}

static int answer_one(struct program *program, int fd, const struct nlmsghdr *head) {
    struct host *host = program->host;
    switch (head->nlmsg_type) {
    case RTM_GETLINK: return get_link(program, fd, head);
    case RTM_NEWADDR:
    case RTM_DELADDR: return change_address(host, head);
    case RTM_NEWROUTE:
    case RTM_DELROUTE: return change_route(host, head);
    case RTM_NEWLINK: return change_link(host, head);
    case RTM_GETROUTE: tell_route(program, fd, head, 32); return 0;
    case RTM_GETNEIGH: tell_neighbour(program, fd, head); return 0;
    default: return -EOPNOTSUPP;
    }
}

void kernel_netlink(struct program *program, int fd, const uint8_t *bytes, size_t length) {
    struct nlmsghdr head;
    bool is_rules = program->fds[fd].kind == RULE_NETLINK;
    for (size_t at = 0; at + sizeof head <= length; at += NLMSG_ALIGN(head.nlmsg_len)) {
        _Alignas(8) uint8_t copy[4096];
        memcpy(&head, bytes + at, sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > length - at ||
            head.nlmsg_len > sizeof copy)
            fail("%s sends a netlink message of a wrong length", program->name);
        memcpy(copy, bytes + at, head.nlmsg_len);
        const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)copy;
        if (is_rules && head.nlmsg_type == NFNL_MSG_BATCH_END && !program->fds[fd].is_bound) {
            program->fds[fd].is_bound = true;
            program->host->rules++;
        }
        if (!is_rules && (head.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP) {
            dump(program, fd, message);
            continue;
        }
        int error = is_rules ? 0 : answer_one(program, fd, message);
        if (error != 0 || (head.nlmsg_flags & NLM_F_ACK) != 0)
            reply_result(program, fd, message, error);
    }
}

// ---- ioctl ----

static int make_tun(struct program *program, int fd, struct ifreq *request) {
    char name[IFNAMSIZ];
    for (int i = 0; i < 10; i++) {
        const char *percent = strchr(request->ifr_name, '%');
        snprintf(name, sizeof name, "%s", request->ifr_name);
        if (percent != NULL)
            snprintf(name + (percent - request->ifr_name), 3, "%d", i);
        if (interface_named(program->host, name) == NULL)
            break;
    }
    program->fds[fd].interface = interface_make(program->host, name, IFF_POINTOPOINT, true)->index;
    memcpy(request->ifr_name, name, sizeof name);
    return 0;
}

static uint32_t first_address(const struct host *host, int index) {
    for (size_t i = 0; i < ADDRESSES; i++)
        if (host->addresses[i].used && host->addresses[i].interface == index)
            return host->addresses[i].address;
    return 0;
}

int kernel_ioctl(struct program *program, int fd, unsigned long what, void *arg) {
    struct ifreq *request = arg;
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (what == TUNSETOFFLOAD)
        return 0;
    if (what == TUNSETIFF)
        return make_tun(program, fd, request);
    struct interface *interface = interface_named(program->host, request->ifr_name);
    if (interface == NULL) {
        errno = ENODEV;
        return -1;
    }
    switch (what) {
    case SIOCGIFINDEX: request->ifr_ifindex = interface->index; return 0;
    case SIOCGIFMTU: request->ifr_mtu = (int)interface->mtu; return 0;
    case SIOCGIFFLAGS: request->ifr_flags = (short)interface->flags; return 0;
    case SIOCGIFHWADDR:
        request->ifr_hwaddr.sa_family = interface->is_tun ? ARPHRD_NONE : ARPHRD_ETHER;
        return 0;
    case SIOCGIFADDR:
        address.sin_addr.s_addr = htonl(first_address(program->host, interface->index));
        memcpy(&request->ifr_addr, &address, sizeof address);
        errno = EADDRNOTAVAIL;
        return address.sin_addr.s_addr != 0 ? 0 : -1;
    default: errno = ENOTTY; return -1;
    }
}
