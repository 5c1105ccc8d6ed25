// SPDX-License-Identifier: ISC
// Linux: addresses on interfaces, by rtnetlink.
//
// The address that we lend to the Wi-Fi interface has a lifetime of a minute and is renewed three
// times in it. So it goes by itself when this process was killed. An address with such a lifetime
// is a run's of ours: others have none, or a longer one, from DHCP. Whether that run still lives is
// known when we listen: only one process can.
//
// The interface may go and come back as another one of the same name, with another number (a
// driver is loaded anew, a laptop wakes up), and other programs remove addresses. So we look when
// the kernel says that something has changed. After the start we make no socket (see
// os/sandbox_linux.c): the kernel is asked for names and numbers by netlink too.
#include "../os/netlink.h"
#include "tun.h"
#include <errno.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIFETIME_S 60

struct listing {
    struct interface_address *list;
    int count;
};

// What is no Ethernet to its users (Wi-Fi, USB and Bluetooth are) or has one peer alone is taken
// for a tunnel, and so are the kinds that carry Ethernet through another network.
static bool is_tunnel(const struct ifinfomsg *head, const uint8_t *body, size_t length) {
    const uint8_t *kind = NULL;
    size_t size;
    const uint8_t *info = netlink_find(body, length, sizeof *head, IFLA_LINKINFO, 4, &size);
    if (info != NULL)
        kind = netlink_find(info, size, 0, IFLA_INFO_KIND, 2, &size);
    if (kind != NULL && kind[size - 1] == '\0' &&
        strstr("tun gretap ip6gretap erspan vxlan geneve", (const char *)kind) != NULL)
        return true;
    return head->ifi_type != ARPHRD_ETHER || (head->ifi_flags & IFF_POINTOPOINT) != 0;
}

static void on_link(void *arg, uint16_t type, const uint8_t *body, size_t length) {
    struct listing *listing = arg;
    struct ifinfomsg head;
    size_t size;
    if (type != RTM_NEWLINK || length < sizeof head || listing->count == INTERFACE_ADDRESSES)
        return;
    memcpy(&head, body, sizeof head);
    const uint8_t *name = netlink_find(body, length, sizeof head, IFLA_IFNAME, 2, &size);
    if (name == NULL || size > IFNAMSIZ || is_tunnel(&head, body, length))
        return;
    struct interface_address *found = &listing->list[listing->count++];
    *found = (struct interface_address){
        .index = head.ifi_index,
        .is_up = (head.ifi_flags & IFF_RUNNING) != 0,
    };
    memcpy(found->name, name, size);
}

static void on_address(void *arg, uint16_t type, const uint8_t *body, size_t length) {
    struct listing *listing = arg;
    struct ifaddrmsg head;
    struct ifa_cacheinfo times;
    int i = 0;
    if (type != RTM_NEWADDR || length < sizeof head)
        return;
    memcpy(&head, body, sizeof head);
    const uint8_t *local = netlink_find(body, length, sizeof head, IFA_LOCAL, 4, NULL);
    const uint8_t *cache =
        netlink_find(body, length, sizeof head, IFA_CACHEINFO, sizeof times, NULL);
    while (i < listing->count && listing->list[i].index != (int)head.ifa_index) i++;
    if (local == NULL || cache == NULL || i == listing->count)
        return;
    struct interface_address *found = &listing->list[i];
    if (found->address != 0) { // the interface's second one
        if (listing->count == INTERFACE_ADDRESSES)
            return;
        found = &listing->list[listing->count++];
        *found = listing->list[i];
    }
    memcpy(&times, cache, sizeof times);
    found->address = get_be32(local);
    found->prefix_length = head.ifa_prefixlen;
    found->is_lent = times.ifa_valid <= LIFETIME_S;
    found->is_dynamic = (head.ifa_flags & IFA_F_PERMANENT) == 0;
}

int interfaces_list(struct kernel_socket *netlink,
                    struct interface_address list[INTERFACE_ADDRESSES]) {
    struct netlink_request request;
    struct listing listing = {.list = list};
    struct ifinfomsg links = {.ifi_family = AF_UNSPEC};
    struct ifaddrmsg addresses = {.ifa_family = AF_INET};
    netlink_begin(&request, RTM_GETLINK, NLM_F_DUMP, &links, sizeof links);
    int error = netlink_talk(netlink, &request, on_link, &listing);
    if (error < 0)
        return error;
    netlink_begin(&request, RTM_GETADDR, NLM_F_DUMP, &addresses, sizeof addresses);
    error = netlink_talk(netlink, &request, on_address, &listing);
    return error < 0 ? error : listing.count;
}

int interfaces_watch(struct kernel_socket *watch) {
    const int links = RTNLGRP_LINK;
    const int addresses = RTNLGRP_IPV4_IFADDR;
    if (netlink_open(watch, NETLINK_ROUTE) < 0 ||
        setsockopt(watch->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &links, sizeof links) < 0)
        return -1;
    return setsockopt(watch->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &addresses, sizeof addresses);
}

bool interfaces_changed(struct kernel_socket *watch) {
    uint8_t byte;
    // Where too much waited and some was lost, the kernel says that once (ENOBUFS).
    while (recv(watch->fd, &byte, sizeof byte, MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
        ;
    return true;
}

bool interface_is_wireless(const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/sys/class/net/%s/phy80211", name);
    return access(path, F_OK) == 0;
}

static int change_address(struct lent_address *lent, uint16_t type, uint16_t flags) {
    struct netlink_request request;
    struct ifaddrmsg body = {
        .ifa_family = AF_INET,
        .ifa_prefixlen = lent->prefix_length,
        .ifa_scope = RT_SCOPE_LINK,
        .ifa_index = (unsigned)lent->index,
    };
    struct ifa_cacheinfo times = {.ifa_valid = LIFETIME_S, .ifa_prefered = LIFETIME_S};
    netlink_begin(&request, type, flags, &body, sizeof body);
    netlink_put_be32(&request, IFA_LOCAL, lent->address);
    netlink_put_be32(&request, IFA_ADDRESS, lent->address);
    netlink_put(&request, IFA_CACHEINFO, &times, sizeof times);
    return netlink_talk(&lent->kernel, &request, NULL, NULL);
}

static int renew(struct lent_address *lent) {
    return change_address(lent, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
}

// Puts the address on its interface, or renews what a run of ours has put there, unless all is as
// it was. Returns 0, or a negative errno.
static int lend(struct lent_address *lent) {
    struct interface_address list[INTERFACE_ADDRESSES];
    const struct interface_address *found = NULL;
    int index = 0;
    int count = interfaces_list(&lent->kernel, list);
    for (int i = 0; i < count; i++) {
        if (strcmp(list[i].name, lent->name) != 0)
            continue;
        index = list[i].index;
        if (list[i].address == lent->address)
            found = &list[i];
    }
    if (count < 0 || (index == lent->index && found != NULL))
        return count < 0 ? count : 0;
    lent->index = index;
    lent->ours = lent->was_left = false;
    if (index == 0)
        return -ENODEV;
    if (found != NULL && (!found->is_lent || found->prefix_length != lent->prefix_length)) {
        log_debug(lent->log, "%s has the address already", lent->name);
        return 0;
    }
    int error = renew(lent);
    lent->ours = error == 0 && found == NULL;
    lent->was_left = error == 0 && found != NULL;
    return error;
}

// Takes the interface that the command line names. Returns 0, or -1 after having said what is
// wrong.
static int lend_to(struct lent_address *lent, const char *interface) {
    snprintf(lent->name, sizeof lent->name, "%s", interface);
    lent->lends = true;
    int error = strlen(interface) < IFNAMSIZ ? lend(lent) : -ENODEV;
    if (error == 0)
        return 0;
    if (error == -ENODEV)
        log_error(lent->log,
                  "there is no network interface %s that a phone could reach (ip link shows them)",
                  interface);
    else
        log_error(lent->log, "cannot put an address on %s: %s%s", interface, strerror(-error),
                  error == -EPERM ? " (run me as root)" : "");
    return -1;
}

int lent_address_open(struct lent_address *lent, const char *interface, uint32_t address,
                      uint8_t prefix_length, const struct log *log) {
    *lent = (struct lent_address){.address = address, .prefix_length = prefix_length, .log = log};
    if (netlink_open(&lent->kernel, NETLINK_ROUTE) < 0)
        return log_error(log, "cannot open a netlink socket: %s", strerror(errno));
    return interface != NULL ? lend_to(lent, interface) : 0;
}

void lent_address_own(struct lent_address *lent) { lent->ours |= lent->was_left; }

void lent_address_follow(struct lent_address *lent) {
    if (lent->lends && lend(lent) == 0)
        lent_address_own(lent); // we still listen there
}

void lent_address_renew(struct lent_address *lent) {
    int error = lent->ours && lent->index != 0 ? renew(lent) : 0;
    if (error < 0)
        log_warn(lent->log, "cannot renew the Wi-Fi address: %s", strerror(-error));
}

// What a dump of all neighbours is searched for.
struct neighbour_search {
    const struct lent_address *lent;
    uint32_t address;
    bool is_there;
};

static void on_neighbour(void *arg, uint16_t type, const uint8_t *body, size_t length) {
    struct neighbour_search *search = arg;
    struct ndmsg head;
    if (type != RTM_NEWNEIGH || length < sizeof head)
        return;
    memcpy(&head, body, sizeof head);
    const uint8_t *address = netlink_find(body, length, sizeof head, NDA_DST, 4, NULL);
    if (address != NULL && get_be32(address) == search->address &&
        head.ndm_ifindex == search->lent->index)
        search->is_there = (head.ndm_state & ~(NUD_INCOMPLETE | NUD_FAILED)) != 0;
}

bool lent_address_has_neighbour(struct lent_address *lent, uint32_t address) {
    struct netlink_request request;
    struct ndmsg body = {.ndm_family = AF_INET};
    struct neighbour_search search = {lent, address, false};
    netlink_begin(&request, RTM_GETNEIGH, NLM_F_DUMP, &body, sizeof body);
    return netlink_talk(&lent->kernel, &request, on_neighbour, &search) == 0 && search.is_there;
}

void lent_address_remove(struct lent_address *lent) {
    if (lent->ours)
        (void)change_address(lent, RTM_DELADDR, 0); // gone already, with its interface: fine
    lent->ours = false;
    netlink_close(&lent->kernel);
}
