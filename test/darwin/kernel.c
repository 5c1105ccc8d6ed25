// SPDX-License-Identifier: ISC
// What Darwin's kernel would do, done by Linux's: addresses, links and routes by rtnetlink. Nothing
// of the programs' own netlink is used, so that the two cannot share a mistake.
#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "darwin.h"

int __real_socket(int family, int type, int protocol);

#define ANSWER_MAX 65536

struct request {
    struct nlmsghdr head;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
        struct rtmsg route;
    };
    uint8_t attributes[512];
};

static void begin(struct request *request, int type, int flags, size_t body) {
    memset(request, 0, sizeof *request);
    request->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
    request->head.nlmsg_type = (uint16_t)type;
    request->head.nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST);
}

static void put(struct request *request, int type, const void *data, size_t length) {
    struct rtattr head = {(uint16_t)RTA_LENGTH(length), (uint16_t)type};
    uint8_t *at = (uint8_t *)request + NLMSG_ALIGN(request->head.nlmsg_len);
    memcpy(at, &head, sizeof head);
    memcpy(at + RTA_LENGTH(0), data, length);
    request->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(request->head.nlmsg_len) + RTA_LENGTH(length));
}

static void put_number(struct request *request, int type, uint32_t number) {
    put(request, type, &number, sizeof number);
}

// Sends a request and gives each answer to `each`. Returns 0 or an errno.
static int talk(struct request *request, void (*each)(void *arg, const struct nlmsghdr *head),
                void *arg) {
    static _Thread_local union {
        struct nlmsghdr head;
        uint8_t bytes[ANSWER_MAX];
    } answer;
    int fd = __real_socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int result = -1;
    bool dump = (request->head.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
    if (!dump)
        request->head.nlmsg_flags |= NLM_F_ACK;
    if (fd < 0 || send(fd, request, request->head.nlmsg_len, 0) < 0)
        result = errno;
    while (result < 0) {
        ssize_t received = recv(fd, &answer, sizeof answer, 0);
        unsigned left = received < 0 ? 0 : (unsigned)received;
        if (received < 0 && errno != EINTR)
            result = errno;
        for (struct nlmsghdr *head = &answer.head; NLMSG_OK(head, left);
             head = NLMSG_NEXT(head, left)) {
            if (head->nlmsg_type == NLMSG_DONE)
                result = 0;
            else if (head->nlmsg_type == NLMSG_ERROR)
                result = -((struct nlmsgerr *)NLMSG_DATA(head))->error;
            else if (each != NULL)
                each(arg, head);
        }
    }
    close(fd);
    return result;
}

static const uint8_t *find(const struct nlmsghdr *head, size_t body, int type, size_t least) {
    const uint8_t *at = (const uint8_t *)head + NLMSG_SPACE(body);
    const uint8_t *end = (const uint8_t *)head + head->nlmsg_len;
    while (at + sizeof(struct rtattr) <= end) {
        struct rtattr attribute;
        memcpy(&attribute, at, sizeof attribute);
        if (attribute.rta_len < sizeof attribute || attribute.rta_len > end - at)
            return NULL;
        if ((attribute.rta_type & NLA_TYPE_MASK) == type)
            return attribute.rta_len >= RTA_LENGTH(least) ? at + RTA_LENGTH(0) : NULL;
        at += RTA_ALIGN(attribute.rta_len);
    }
    return NULL;
}

// ---- changes ----

int kernel_route(const struct route_request *route) {
    struct request request;
    bool add = route->type == D_RTM_ADD;
    bool reject = (route->flags & (D_RTF_REJECT | D_RTF_BLACKHOLE)) != 0;
    size_t size = route->family == D_AF_INET ? 4 : 16;
    begin(&request, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_EXCL : 0,
          sizeof request.route);
    request.route = (struct rtmsg){
        .rtm_family = route->family == D_AF_INET ? AF_INET : AF_INET6,
        .rtm_dst_len = (uint8_t)route->prefix_length,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = add ? RTPROT_STATIC : RTPROT_UNSPEC,
        .rtm_scope = !add                             ? RT_SCOPE_NOWHERE
                     : (route->flags & D_RTF_GATEWAY) ? RT_SCOPE_UNIVERSE
                                                      : RT_SCOPE_LINK,
        .rtm_type = !add     ? RTN_UNSPEC
                    : reject ? RTN_BLACKHOLE
                             : RTN_UNICAST,
    };
    put(&request, RTA_DST, route->destination, size);
    if ((route->flags & D_RTF_GATEWAY) != 0)
        put(&request, RTA_GATEWAY, route->gateway, size);
    if (route->index != 0)
        put_number(&request, RTA_OIF, (uint32_t)route->index);
    if (route->mtu != 0 && add) {
        struct {
            struct rtattr head;
            uint32_t mtu;
        } metrics = {{RTA_LENGTH(4), RTAX_MTU}, route->mtu};
        put(&request, RTA_METRICS, &metrics, sizeof metrics);
    }
    return talk(&request, NULL, NULL);
}

int kernel_address(int index, uint32_t address, uint32_t peer, int prefix_length, bool add) {
    struct request request;
    begin(&request, add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_REPLACE : 0,
          sizeof request.address);
    request.address = (struct ifaddrmsg){.ifa_family = AF_INET,
                                         .ifa_prefixlen = (uint8_t)prefix_length,
                                         .ifa_index = (unsigned)index};
    put_number(&request, IFA_LOCAL, address);
    if (add)
        put_number(&request, IFA_ADDRESS, peer != 0 ? peer : address);
    return talk(&request, NULL, NULL);
}

int kernel_address6(int index, const uint8_t address[16], int prefix_length) {
    struct request request;
    begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof request.address);
    request.address = (struct ifaddrmsg){.ifa_family = AF_INET6,
                                         .ifa_prefixlen = (uint8_t)prefix_length,
                                         .ifa_flags = IFA_F_NODAD,
                                         .ifa_index = (unsigned)index};
    put(&request, IFA_LOCAL, address, 16);
    return talk(&request, NULL, NULL);
}

int kernel_link(int index, bool set_flags, bool up, uint32_t mtu) {
    struct request request;
    begin(&request, RTM_SETLINK, 0, sizeof request.link);
    request.link = (struct ifinfomsg){.ifi_family = AF_UNSPEC, .ifi_index = index};
    if (set_flags) {
        request.link.ifi_flags = up ? IFF_UP : 0;
        request.link.ifi_change = IFF_UP;
    }
    if (mtu != 0)
        put_number(&request, IFLA_MTU, mtu);
    return talk(&request, NULL, NULL);
}

// ---- what is there ----

static uint32_t flags_of(unsigned linux_flags) {
    uint32_t flags = D_IFF_SIMPLEX;
    flags |= linux_flags & IFF_UP ? D_IFF_UP : 0;
    flags |= linux_flags & IFF_BROADCAST ? D_IFF_BROADCAST : 0;
    flags |= linux_flags & IFF_LOOPBACK ? D_IFF_LOOPBACK : 0;
    flags |= linux_flags & IFF_POINTOPOINT ? D_IFF_POINTOPOINT : 0;
    flags |= linux_flags & IFF_RUNNING ? D_IFF_RUNNING : 0;
    flags |= linux_flags & IFF_NOARP ? D_IFF_NOARP : 0;
    return flags | (linux_flags & IFF_MULTICAST ? D_IFF_MULTICAST : 0);
}

static bool read_link(struct darwin_interface *out, const struct nlmsghdr *head) {
    const struct ifinfomsg *link = NLMSG_DATA(head);
    const uint8_t *name = find(head, sizeof *link, IFLA_IFNAME, 2);
    const uint8_t *mtu = find(head, sizeof *link, IFLA_MTU, 4);
    const uint8_t *mac = find(head, sizeof *link, IFLA_ADDRESS, 6);
    if (name == NULL || mtu == NULL)
        return false;
    *out = (struct darwin_interface){
        .index = link->ifi_index,
        .flags = flags_of(link->ifi_flags),
        .type = link->ifi_type == ARPHRD_ETHER      ? D_IFT_ETHER
                : link->ifi_type == ARPHRD_LOOPBACK ? D_IFT_LOOP
                                                    : D_IFT_OTHER,
    };
    strncpy(out->name, (const char *)name, sizeof out->name - 1);
    if (out->type == D_IFT_LOOP)
        strcpy(out->name, "lo0"); // Darwin's name
    memcpy(&out->mtu, mtu, 4);
    if (mac != NULL)
        memcpy(out->mac, mac, 6);
    return true;
}

static bool read_address(struct darwin_interface *out, const struct nlmsghdr *head) {
    const struct ifaddrmsg *address = NLMSG_DATA(head);
    const uint8_t *local = find(head, sizeof *address, IFA_LOCAL, 4);
    const uint8_t *peer = find(head, sizeof *address, IFA_ADDRESS, 4);
    const uint8_t *broadcast = find(head, sizeof *address, IFA_BROADCAST, 4);
    if (address->ifa_family != AF_INET || local == NULL)
        return false;
    out->has_address = true;
    out->index = (int)address->ifa_index;
    out->prefix_length = address->ifa_prefixlen;
    memcpy(&out->address, local, 4);
    memcpy(&out->broadcast, broadcast != NULL ? broadcast : peer != NULL ? peer : local, 4);
    return true;
}

struct listing {
    struct darwin_interface *list;
    int count;
};

static void on_link(void *arg, const struct nlmsghdr *head) {
    struct listing *listing = arg;
    if (listing->count < INTERFACES_MAX && head->nlmsg_type == RTM_NEWLINK)
        listing->count += read_link(&listing->list[listing->count], head);
}

static void on_address(void *arg, const struct nlmsghdr *head) {
    struct listing *listing = arg;
    struct darwin_interface found = {.has_address = false};
    int i = 0;
    if (head->nlmsg_type != RTM_NEWADDR || !read_address(&found, head))
        return;
    while (i < listing->count && listing->list[i].index != found.index) i++;
    if (i == listing->count || listing->count == INTERFACES_MAX)
        return;
    struct darwin_interface whole = listing->list[i];
    whole.has_address = true;
    whole.address = found.address;
    whole.broadcast = found.broadcast;
    whole.prefix_length = found.prefix_length;
    do i++;
    while (i < listing->count && listing->list[i].index == found.index);
    memmove(&listing->list[i + 1], &listing->list[i],
            (size_t)(listing->count - i) * sizeof listing->list[0]);
    listing->list[i] = whole;
    listing->count++;
}

int kernel_interfaces(struct darwin_interface list[INTERFACES_MAX]) {
    struct request request;
    struct listing listing = {list, 0};
    begin(&request, RTM_GETLINK, NLM_F_DUMP, sizeof request.link);
    if (talk(&request, on_link, &listing) != 0)
        return 0;
    begin(&request, RTM_GETADDR, NLM_F_DUMP, sizeof request.address);
    request.address.ifa_family = AF_INET;
    return talk(&request, on_address, &listing) == 0 ? listing.count : 0;
}

bool kernel_interface(const char *name, int index, struct darwin_interface *found) {
    static _Thread_local struct darwin_interface list[INTERFACES_MAX];
    int count = kernel_interfaces(list);
    for (int i = 0; i < count; i++) {
        if (list[i].has_address)
            continue;
        if (name != NULL ? strcmp(list[i].name, name) == 0 : list[i].index == index) {
            *found = list[i];
            return true;
        }
    }
    return false;
}

// ---- what changes ----

int kernel_watch(void) {
    struct sockaddr_nl self = {.nl_family = AF_NETLINK,
                               .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE};
    int fd = __real_socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&self, sizeof self) == 0)
        return fd;
    close(fd);
    return -1;
}

// Linux keeps some routes that Darwin has not, in its table "local".
static size_t translate_route(uint8_t *out, const struct nlmsghdr *head) {
    const struct rtmsg *route = NLMSG_DATA(head);
    const uint8_t *destination = find(head, sizeof *route, RTA_DST, 4);
    const uint8_t *gateway = find(head, sizeof *route, RTA_GATEWAY, 4);
    const uint8_t *interface = find(head, sizeof *route, RTA_OIF, 4);
    struct route_request found = {.family = D_AF_INET, .prefix_length = route->rtm_dst_len};
    if (route->rtm_table != RT_TABLE_MAIN || route->rtm_family != AF_INET)
        return 0;
    if (destination != NULL)
        memcpy(found.destination, destination, 4);
    found.has_gateway = gateway != NULL;
    if (gateway != NULL)
        memcpy(found.gateway, gateway, 4);
    if (interface != NULL)
        memcpy(&found.index, interface, 4);
    return notice_route(out, head->nlmsg_type == RTM_NEWROUTE ? D_RTM_ADD : D_RTM_DELETE, &found);
}

static size_t translate_address(uint8_t *out, const struct nlmsghdr *head) {
    struct darwin_interface address = {.has_address = false};
    struct darwin_interface interface;
    if (!read_address(&address, head))
        return 0;
    if (kernel_interface(NULL, address.index, &interface)) {
        memcpy(address.name, interface.name, sizeof address.name);
        memcpy(address.mac, interface.mac, sizeof address.mac);
        address.type = interface.type;
    }
    return notice_address(out, head->nlmsg_type == RTM_NEWADDR ? D_RTM_NEWADDR : D_RTM_DELADDR,
                          &address, false);
}

void kernel_translate(const uint8_t *bytes, size_t length,
                      void (*give)(void *arg, const uint8_t *message, size_t length, int family),
                      void *arg) {
    unsigned left = (unsigned)length;
    for (const struct nlmsghdr *head = (const void *)bytes; NLMSG_OK(head, left);
         head = NLMSG_NEXT(head, left)) {
        uint8_t out[NOTICE_MAX];
        size_t size = 0;
        int family = D_AF_INET;
        struct darwin_interface interface;
        switch (head->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
            family = 0;
            if (read_link(&interface, head)) {
                if (head->nlmsg_type == RTM_DELLINK)
                    interface.flags &= ~(uint32_t)(D_IFF_UP | D_IFF_RUNNING);
                size = notice_link(out, &interface, false);
            }
            break;
        case RTM_NEWADDR:
        case RTM_DELADDR: size = translate_address(out, head); break;
        case RTM_NEWROUTE:
        case RTM_DELROUTE: size = translate_route(out, head); break;
        }
        if (size > 0)
            give(arg, out, size, family);
    }
}
