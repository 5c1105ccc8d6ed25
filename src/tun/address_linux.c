// Linux: addresses on interfaces, by rtnetlink.
//
// The address that we lend to the Wi-Fi interface has a lifetime of a minute and is renewed three
// times in it. So it goes by itself when this process was killed, and an address with a limited
// lifetime is known as one that an earlier run of ours left behind: others have none, or a longer one, from DHCP.
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

int lent_address_add(struct lent_address *lent, const char *interface, uint32_t address,
                     uint8_t prefix_length, const struct log *log)
{
    *lent = (struct lent_address){.address = address, .prefix_length = prefix_length, .log = log};
    lent->netlink.fd = -1;
    lent->index = (int)if_nametoindex(interface);
    if (lent->index == 0) {
        log_error(log, "there is no network interface %s (ip link shows them)", interface);
        return -1;
    }
    if (netlink_open(&lent->netlink, NETLINK_ROUTE) < 0) {
        log_error(log, "cannot open a netlink socket: %s", strerror(errno));
        return -1;
    }
    struct address_search search = {.address = address, .index = lent->index};
    int error = find_address(&lent->netlink, &search);
    if (error == 0 && search.found_index != 0 &&
        (!search.temporary || search.prefix_length != prefix_length)) {
        log_debug(log, "%s has the address already", interface);
        return 0;
    }
    if (error == 0)
        error = renew(lent);
    if (error < 0) {
        log_error(log, "cannot put an address on %s: %s%s", interface, strerror(-error),
                  error == -EPERM ? " (run me as root)" : "");
        return -1;
    }
    lent->ours = true;
    return 0;
}

void lent_address_renew(struct lent_address *lent)
{
    int error = lent->ours ? renew(lent) : 0;
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

bool interface_with_address(uint32_t address, char name[IFNAMSIZ])
{
    struct netlink netlink;
    struct address_search search = {.address = address};
    if (netlink_open(&netlink, NETLINK_ROUTE) < 0)
        return false;
    int error = find_address(&netlink, &search);
    netlink_close(&netlink);
    return error == 0 && search.found_index != 0 &&
           if_indextoname((unsigned)search.found_index, name) != NULL;
}
