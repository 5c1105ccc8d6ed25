// SPDX-License-Identifier: ISC
// macOS: the list of interfaces and addresses is a row of messages as routing sockets give them,
// and sysctl() has it whole (sysctl(3), CTL_NET); a routing socket says when something changes.
// Neither takes any privilege.
//
// No address is lent: one has no lifetime here, and would stay when this process was killed.
#include "../os/xnu.h"
#include "tun.h"
#include <errno.h>
#include <string.h>

#define LIST_BYTES 32768 // 20 interfaces take about 6000

int sysctl(int *name, unsigned parts, void *old, size_t *old_size, void *new, size_t new_size);

// Takes an interface, or one of its addresses, which follow it. What is no Ethernet to its users
// (Wi-Fi, USB and Bluetooth are) is taken for a tunnel. Who gave an address is not known: mostly a
// phone. Returns how many there are then.
static int take(struct interface_address *list, int count, const struct xnu_message *message) {
    struct interface_address *last = count > 0 ? &list[count - 1] : NULL;
    bool is_link = message->type == XNU_RTM_IFINFO && message->kind == XNU_IFT_ETHER;
    bool is_alias = message->type == XNU_RTM_NEWADDR && message->address != 0 && last != NULL &&
                    last->index == message->index;
    if (is_link || (is_alias && last->address != 0)) {
        if (count == INTERFACE_ADDRESSES)
            return count;
        list[count] = is_link ? (struct interface_address){.index = message->index} : *last;
        last = &list[count++];
    }
    if (is_link) {
        memcpy(last->name, message->name, sizeof last->name);
        last->is_up = (message->flags & XNU_IFF_RUNNING) != 0;
    } else if (is_alias) {
        last->address = message->address;
        last->is_dynamic = true;
    }
    return count;
}

int interfaces_list(struct kernel_socket *kernel,
                    struct interface_address list[INTERFACE_ADDRESSES]) {
    int name[] = {XNU_CTL_NET, XNU_PF_ROUTE, 0, 0, XNU_NET_RT_IFLIST, 0};
    uint8_t bytes[LIST_BYTES];
    size_t length = sizeof bytes;
    struct xnu_message message;
    int count = 0;
    size_t step;
    (void)kernel;
    if (sysctl(name, 6, bytes, &length, NULL, 0) < 0)
        return -errno;
    for (size_t at = 0; (step = xnu_read(&message, bytes + at, length - at)) > 0; at += step)
        count = take(list, count, &message);
    return count;
}

int interfaces_watch(struct kernel_socket *watch) {
    watch->fd = socket_new(XNU_PF_ROUTE, SOCK_RAW, 0);
    return watch->fd < 0 ? -1 : 0;
}

// Most messages are of routes, and tell nothing here. Where some were lost recv() says so
// (ENOBUFS).
bool interfaces_changed(struct kernel_socket *watch) {
    uint8_t bytes[2048];
    struct xnu_message message;
    bool changed = false;
    ssize_t length;
    while ((length = recv(watch->fd, bytes, sizeof bytes, 0)) > 0 || errno == ENOBUFS)
        changed |= length <= 0 || xnu_read(&message, bytes, (size_t)length) == 0 ||
                   (message.type >= XNU_RTM_NEWADDR && message.type <= XNU_RTM_IFINFO) ||
                   message.type == XNU_RTM_IFINFO2;
    return changed;
}

// Of a portable Mac, the first one is.
bool interface_is_wireless(const char *name) { return strcmp(name, "en0") == 0; }

int lent_address_open(struct lent_address *lent, const char *interface, uint32_t address,
                      uint8_t prefix_length, const struct log *log) {
    *lent = (struct lent_address){.kernel = {.fd = -1}, .log = log};
    (void)address, (void)prefix_length;
    if (interface == NULL || if_nametoindex(interface) != 0)
        return 0;
    return log_error(
        log, "there is no network interface %s that a phone could reach (ifconfig shows them)",
        interface);
}

void lent_address_own(struct lent_address *lent) { (void)lent; }
void lent_address_follow(struct lent_address *lent) { (void)lent; }
void lent_address_renew(struct lent_address *lent) { (void)lent; }
void lent_address_remove(struct lent_address *lent) { (void)lent; }
