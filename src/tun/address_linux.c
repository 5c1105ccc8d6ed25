// SPDX-License-Identifier: ISC
// Linux: addresses on interfaces, by rtnetlink.
//
// The address that we lend to the Wi-Fi interface has a lifetime of a minute and is renewed three
// times in it. So it goes by itself when this process was killed. An address with such a lifetime
// is a run's of ours: others have none, or a longer one, from DHCP. Whether that run still lives is
// known when we listen: only one process can.
//
// The interface may go and come back as another one of the same name, with another number (a
// driver is loaded anew, a laptop wakes up), and other programs remove addresses. So once a second
// we look. After the start we make no socket (see base/sandbox_linux.c): the kernel is asked for
// names and numbers by netlink too.
#include "tun.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "../base/bytes.h"

#define LIFETIME_S 60

// What a dump of all addresses is searched for.
struct address_search {
    uint32_t address;
    int index;       // the interface, or 0 for any
    int found_index; // 0: nothing found
    uint8_t prefix_length;
    bool temporary; // its lifetime is limited, as ours is
};

static void on_address(void *arg, uint16_t type, const uint8_t *body, size_t length)
{
    struct address_search *search = arg;
    struct ifaddrmsg head;
    struct ifa_cacheinfo times;
    if (type != RTM_NEWADDR || length < sizeof head)
        return;
    memcpy(&head, body, sizeof head);
    const uint8_t *local = netlink_find(body, length, sizeof head, IFA_LOCAL, 4, NULL);
    if (local == NULL || get_be32(local) != search->address ||
        (search->index != 0 && search->index != (int)head.ifa_index))
        return;
    search->found_index = (int)head.ifa_index;
    search->prefix_length = head.ifa_prefixlen;
    const uint8_t *cache =
        netlink_find(body, length, sizeof head, IFA_CACHEINFO, sizeof times, NULL);
    if (cache != NULL) {
        memcpy(&times, cache, sizeof times);
        search->temporary = times.ifa_valid <= LIFETIME_S;
    }
}

static int find_address(struct netlink *netlink, struct address_search *search)
{
    struct netlink_request request;
    struct ifaddrmsg body = {.ifa_family = AF_INET};
    netlink_begin(&request, RTM_GETADDR, NLM_F_DUMP, &body, sizeof body);
    return netlink_talk(netlink, &request, on_address, search);
}

// An interface that is searched for, by its name or, where that is empty, by its number.
struct link_search {
    char name[IFNAMSIZ];
    int index; // 0: nothing found
    unsigned flags;
};

static void on_link(void *arg, uint16_t type, const uint8_t *body, size_t length)
{
    struct link_search *search = arg;
    struct ifinfomsg head;
    size_t size;
    if (type != RTM_NEWLINK || length < sizeof head)
        return;
    memcpy(&head, body, sizeof head);
    const uint8_t *name = netlink_find(body, length, sizeof head, IFLA_IFNAME, 1, &size);
    if (name == NULL || size > sizeof search->name)
        return;
    search->index = head.ifi_index;
    search->flags = head.ifi_flags;
    if (search->name[0] == '\0')
        snprintf(search->name, sizeof search->name, "%.*s", (int)size, (const char *)name);
}

// Returns whether the interface is there.
static bool find_link(struct netlink *netlink, struct link_search *search)
{
    struct netlink_request request;
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_index = search->index};
    search->index = 0;
    netlink_begin(&request, RTM_GETLINK, 0, &body, sizeof body);
    if (search->name[0] != '\0')
        netlink_put_string(&request, IFLA_IFNAME, search->name);
    return netlink_talk(netlink, &request, on_link, search) == 0 && search->index != 0;
}

static int change_address(struct lent_address *lent, uint16_t type, uint16_t flags)
{
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
    return netlink_talk(&lent->netlink, &request, NULL, NULL);
}

static int renew(struct lent_address *lent)
{
    return change_address(lent, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
}

// Puts the address on an interface, or renews what a run of ours has put there. Returns 0, or a
// negative errno.
static int lend(struct lent_address *lent, int index)
{
    struct address_search search = {.address = lent->address, .index = index};
    int error = find_address(&lent->netlink, &search);
    bool was_there = search.found_index != 0;
    lent->index = index;
    lent->ours = lent->was_left = false;
    if (error < 0)
        return error;
    if (was_there && (!search.temporary || search.prefix_length != lent->prefix_length)) {
        log_debug(lent->log, "%s has the address already", lent->name);
        return 0;
    }
    error = renew(lent);
    lent->ours = error == 0 && !was_there;
    lent->was_left = error == 0 && was_there;
    return error;
}

// Takes the interface that the command line names. Returns 0, or -1 after having said what is
// wrong.
static int lend_to(struct lent_address *lent, const char *interface)
{
    struct link_search link = {.index = 0};
    snprintf(lent->name, sizeof lent->name, "%s", interface);
    memcpy(link.name, lent->name, sizeof link.name);
    lent->lends = true;
    if (strlen(interface) >= IFNAMSIZ || !find_link(&lent->netlink, &link)) {
        log_error(lent->log, "there is no network interface %s (ip link shows them)", interface);
        return -1;
    }
    if ((link.flags & IFF_LOOPBACK) != 0) {
        log_error(lent->log,
                  "no phone can reach %s, which is this laptop's loopback interface: --wifi wants "
                  "the Wi-Fi interface (ip link shows it)",
                  interface);
        return -1;
    }
    int error = lend(lent, link.index);
    if (error < 0) {
        log_error(lent->log, "cannot put an address on %s: %s%s", interface, strerror(-error),
                  error == -EPERM ? " (run me as root)" : "");
        return -1;
    }
    return 0;
}

// Finds the interface that has the address. Returns whether there is one that phones can reach.
static bool find_interface(struct lent_address *lent)
{
    struct address_search search = {.address = lent->address};
    if (find_address(&lent->netlink, &search) < 0 || search.found_index == 0)
        return false;
    struct link_search link = {.index = search.found_index};
    if (!find_link(&lent->netlink, &link) || (link.flags & IFF_LOOPBACK) != 0)
        return false;
    lent->index = link.index;
    memcpy(lent->name, link.name, sizeof lent->name);
    return true;
}

int lent_address_open(struct lent_address *lent, const char *interface, uint32_t address,
                      uint8_t prefix_length, const struct log *log)
{
    *lent = (struct lent_address){.address = address, .prefix_length = prefix_length, .log = log};
    if (netlink_open(&lent->netlink, NETLINK_ROUTE) < 0) {
        log_error(log, "cannot open a netlink socket: %s", strerror(errno));
        return -1;
    }
    if (interface != NULL)
        return lend_to(lent, interface);
    (void)find_interface(lent);
    return 0;
}

void lent_address_own(struct lent_address *lent)
{
    lent->ours |= lent->was_left;
}

// Puts the address back. Returns whether the interface is there, and takes it.
static bool lend_again(struct lent_address *lent)
{
    struct link_search link = {.index = 0};
    memcpy(link.name, lent->name, sizeof link.name);
    if (!find_link(&lent->netlink, &link) || lend(lent, link.index) < 0)
        return false;
    lent_address_own(lent); // we still listen there
    return true;
}

int lent_address_follow(struct lent_address *lent)
{
    struct address_search search = {.address = lent->address, .index = lent->index};
    int error = find_address(&lent->netlink, &search);
    if (error < 0 || (lent->index != 0 && search.found_index == lent->index))
        return lent->index; // as before, as far as can be seen
    if (!(lent->lends ? lend_again(lent) : find_interface(lent)))
        lent->index = 0;
    return lent->index;
}

void lent_address_renew(struct lent_address *lent)
{
    int error = lent->ours && lent->index != 0 ? renew(lent) : 0;
    if (error < 0)
        log_warn(lent->log, "cannot renew the Wi-Fi address: %s", strerror(-error));
}

void lent_address_remove(struct lent_address *lent)
{
    if (lent->ours)
        (void)change_address(lent, RTM_DELADDR, 0); // gone already, with its interface: fine
    lent->ours = false;
    netlink_close(&lent->netlink);
}
