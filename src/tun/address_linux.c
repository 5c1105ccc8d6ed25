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

static void on_link(void *arg, uint16_t type, const uint8_t *body, size_t length)
{
    if (type == RTM_NEWLINK && length >= sizeof(struct ifinfomsg))
        memcpy(arg, body, sizeof(struct ifinfomsg));
}

// Looks for an interface by its name. Returns its number, or 0.
static int find_link(struct netlink *netlink, const char *name, struct ifinfomsg *link)
{
    struct netlink_request request;
    *link = (struct ifinfomsg){.ifi_family = AF_UNSPEC};
    netlink_begin(&request, RTM_GETLINK, 0, link, sizeof *link);
    netlink_put_string(&request, IFLA_IFNAME, name);
    return netlink_talk(netlink, &request, on_link, link) == 0 ? link->ifi_index : 0;
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
    struct ifinfomsg link;
    snprintf(lent->name, sizeof lent->name, "%s", interface);
    lent->lends = true;
    if (strlen(interface) >= IFNAMSIZ || find_link(&lent->netlink, interface, &link) == 0) {
        log_error(lent->log, "there is no network interface %s (ip link shows them)", interface);
        return -1;
    }
    if ((link.ifi_flags & IFF_LOOPBACK) != 0) {
        log_error(lent->log,
                  "no phone can reach %s, which is this laptop's loopback interface: --wifi wants "
                  "the Wi-Fi interface (ip link shows it)",
                  interface);
        return -1;
    }
    int error = lend(lent, link.ifi_index);
    if (error < 0) {
        log_error(lent->log, "cannot put an address on %s: %s%s", interface, strerror(-error),
                  error == -EPERM ? " (run me as root)" : "");
        return -1;
    }
    return 0;
}

int lent_address_open(struct lent_address *lent, const char *interface, uint32_t address,
                      uint8_t prefix_length, const struct log *log)
{
    *lent = (struct lent_address){.address = address, .prefix_length = prefix_length, .log = log};
    if (netlink_open(&lent->netlink, NETLINK_ROUTE) < 0) {
        log_error(log, "cannot open a netlink socket: %s", strerror(errno));
        return -1;
    }
    return interface != NULL ? lend_to(lent, interface) : 0;
}

void lent_address_own(struct lent_address *lent)
{
    lent->ours |= lent->was_left;
}

void lent_address_follow(struct lent_address *lent)
{
    struct address_search search = {.address = lent->address, .index = lent->index};
    struct ifinfomsg link;
    if (!lent->lends || find_address(&lent->netlink, &search) < 0 ||
        (lent->index != 0 && search.found_index == lent->index))
        return; // as before, as far as can be seen
    if (find_link(&lent->netlink, lent->name, &link) == 0 || lend(lent, link.ifi_index) < 0)
        lent->index = 0;
    else
        lent_address_own(lent); // we still listen there
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
