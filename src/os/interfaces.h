// SPDX-License-Identifier: ISC
// The addresses of this host's network interfaces, and word when they change.
#ifndef TETHER_OS_INTERFACES_H
#define TETHER_OS_INTERFACES_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../limits.h"
#include "netlink.h"

// An IPv4 address of an interface that is neither loopback nor a tunnel.
struct interface_address {
    char name[IFNAMSIZ];
    uint32_t address; // host byte order
    int index;
    bool is_up;
    bool is_dynamic; // it has a lifetime, as those from DHCP have
};

// Lists those addresses. Returns how many there are, or a negative errno.
int interfaces_list(struct netlink *netlink, struct interface_address list[INTERFACE_ADDRESSES]);
// Opens a socket that can be read when addresses or interfaces have changed. Returns 0, or -1 with
// errno set.
int interfaces_watch(struct netlink *watch);
// Takes what waits in that socket.
void interfaces_heard(const struct netlink *watch);
// Whether an interface is a Wi-Fi. It looks into /sys, so the process must still see that.
bool interface_is_wireless(const char *name);

#endif
