// SPDX-License-Identifier: ISC
// Linux: two dumps of rtnetlink, first the addresses and then the interfaces that they are on.
//
// What is no Ethernet to its users (Wi-Fi, USB and Bluetooth are) or has one peer alone is taken
// for a tunnel, and so are the kinds that carry Ethernet through another network. On none of them
// is a phone.
#include "interfaces.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/bytes.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

struct search {
    struct interface_address *list;
    size_t count;
};

static void on_address(void *arg, uint16_t type, const uint8_t *body, size_t length)
{
    struct search *search = arg;
    struct ifaddrmsg head;
    if (type != RTM_NEWADDR || length < sizeof head || search->count == INTERFACE_ADDRESSES)
        return;
    memcpy(&head, body, sizeof head);
    const uint8_t *local = netlink_find(body, length, sizeof head, IFA_LOCAL, 4, NULL);
    if (local == NULL)
        return;
    struct interface_address *found = &search->list[search->count++];
    memset(found, 0, sizeof *found);
    found->address = get_be32(local);
    found->index = (int)head.ifa_index;
    found->is_dynamic = (head.ifa_flags & IFA_F_PERMANENT) == 0;
}

static bool is_tunnel(const struct ifinfomsg *head, const uint8_t *body, size_t length)
{
    static const char *const kinds[] = {"tun", "gretap", "ip6gretap", "erspan", "vxlan", "geneve"};
    size_t size;
    const uint8_t *kind = NULL;
    const uint8_t *info = netlink_find(body, length, sizeof *head, IFLA_LINKINFO, 4, &size);
    if (info != NULL)
        kind = netlink_find(info, size, 0, IFLA_INFO_KIND, 1, &size);
    for (size_t i = 0; kind != NULL && i < sizeof kinds / sizeof kinds[0]; i++)
        if (size == strlen(kinds[i]) + 1 && memcmp(kind, kinds[i], size) == 0)
            return true;
    return head->ifi_type != ARPHRD_ETHER || (head->ifi_flags & IFF_POINTOPOINT) != 0;
}

static void on_link(void *arg, uint16_t type, const uint8_t *body, size_t length)
{
    struct search *search = arg;
    struct ifinfomsg head;
    size_t size;
    if (type != RTM_NEWLINK || length < sizeof head)
        return;
    memcpy(&head, body, sizeof head);
    const uint8_t *name = netlink_find(body, length, sizeof head, IFLA_IFNAME, 2, &size);
    if (name == NULL || size > IFNAMSIZ || is_tunnel(&head, body, length))
        return;
    for (size_t i = 0; i < search->count; i++) {
        if (search->list[i].index != head.ifi_index)
            continue;
        memcpy(search->list[i].name, name, size);
        search->list[i].is_up = (head.ifi_flags & IFF_RUNNING) != 0;
    }
}

int interfaces_list(struct netlink *netlink, struct interface_address list[INTERFACE_ADDRESSES])
{
    struct netlink_request request;
    struct search search = {.list = list};
    struct ifaddrmsg addresses = {.ifa_family = AF_INET};
    struct ifinfomsg links = {.ifi_family = AF_UNSPEC};
    netlink_begin(&request, RTM_GETADDR, NLM_F_DUMP, &addresses, sizeof addresses);
    int error = netlink_talk(netlink, &request, on_address, &search);
    if (error < 0)
        return error;
    netlink_begin(&request, RTM_GETLINK, NLM_F_DUMP, &links, sizeof links);
    error = netlink_talk(netlink, &request, on_link, &search);
    size_t count = 0;
    for (size_t i = 0; i < search.count; i++)
        if (list[i].name[0] != '\0')
            list[count++] = list[i];
    return error < 0 ? error : (int)count;
}

int interfaces_watch(struct netlink *watch)
{
    static const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR};
    if (netlink_open(watch, NETLINK_ROUTE) < 0)
        return -1;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (setsockopt(watch->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
                       sizeof groups[i]) < 0)
            return -1;
    return 0;
}

// Where too much waited and some was lost, the kernel says that once (ENOBUFS).
void interfaces_heard(const struct netlink *watch)
{
    uint8_t byte;
    while (recv(watch->fd, &byte, sizeof byte, MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
        ;
}

bool interface_is_wireless(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/sys/class/net/%s/wireless", name);
    if (access(path, F_OK) == 0)
        return true;
    snprintf(path, sizeof path, "/sys/class/net/%s/phy80211", name);
    return access(path, F_OK) == 0;
}
