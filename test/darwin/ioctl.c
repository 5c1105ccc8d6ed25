// SPDX-License-Identifier: ISC
// Requests about interfaces, by ioctl(2) on a socket of AF_INET (xnu's bsd/netinet/in.c,
// bsd/net/if.c). Each begins with the interface's name in 16 bytes. What changes something wants
// the caller to be root at that moment, whoever opened the socket (proc_suser()).
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "darwin.h"

static bool is_inet(const char *what, const uint8_t *sockaddr) {
    static const uint8_t zeros[8];
    if (sockaddr[0] == D_SOCKADDR_IN && sockaddr[1] == D_AF_INET &&
        memcmp(sockaddr + 2, zeros, 2) == 0 && memcmp(sockaddr + 8, zeros, 8) == 0)
        return true;
    darwin_refuse("%s: no sockaddr_in: length %u, family %u, or something behind that is not zero",
                  what, sockaddr[0], sockaddr[1]);
    return false;
}

static int prefix_of(const uint8_t *bytes) {
    uint32_t mask =
        (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    int length = 0;
    while (length < 32 && (mask >> (31 - length) & 1) == 1) length++;
    return length == 32 || mask << length == 0 ? length : -1;
}

static uint32_t address_of(const uint8_t *sockaddr) {
    uint32_t address;
    memcpy(&address, sockaddr + 4, sizeof address);
    return address;
}

// struct ifaliasreq: name, address, broadcast address or peer, mask.
static int add_address(const struct darwin_interface *interface, const uint8_t *argument) {
    const uint8_t *address = argument + 16;
    const uint8_t *peer = argument + 32;
    const uint8_t *mask = argument + 48;
    bool point_to_point = (interface->flags & D_IFF_POINTOPOINT) != 0;
    if (!is_inet("SIOCAIFADDR, address", address) || !is_inet("SIOCAIFADDR, mask", mask))
        return EINVAL;
    if (point_to_point && (peer[1] != D_AF_INET || address_of(peer) == 0)) {
        darwin_refuse("SIOCAIFADDR: a point-to-point interface wants the peer's address");
        return EDESTADDRREQ;
    }
    if ((peer[0] != 0 || peer[1] != 0) && !is_inet("SIOCAIFADDR, peer or broadcast", peer))
        return EINVAL;
    int prefix_length = prefix_of(mask + 4);
    if (prefix_length < 0) {
        darwin_refuse("SIOCAIFADDR: the mask is none of a prefix");
        return EINVAL;
    }
    darwin_note("address add %s %u.%u.%u.%u/%d", interface->name, address[4], address[5],
                address[6], address[7], prefix_length);
    return kernel_address(interface->index, address_of(address),
                          point_to_point ? address_of(peer) : 0,
                          point_to_point ? 32 : prefix_length, true);
}

// struct in6_aliasreq: name, address, peer, mask (28 bytes each), flags, when it ends and is not
// preferred any more (8 each, set by the kernel), and for how long it is valid and preferred.
static int add_address6(const struct darwin_interface *interface, const uint8_t *argument) {
    static const uint8_t head[8] = {D_SOCKADDR_IN6, D_AF_INET6};
    static const uint8_t zeros[28];
    const uint8_t *mask = argument + 72;
    uint32_t valid, preferred;
    int bits = 0;
    memcpy(&valid, argument + 120, 4);
    memcpy(&preferred, argument + 124, 4);
    if (memcmp(argument + 16, head, 8) != 0 || memcmp(mask, head, 8) != 0 ||
        memcmp(argument + 40, zeros, 4) != 0 || memcmp(mask + 24, zeros, 4) != 0) {
        darwin_refuse("SIOCAIFADDR_IN6: address or mask is no sockaddr_in6");
        return EINVAL;
    }
    if (memcmp(argument + 44, zeros, 28) != 0 || memcmp(argument + 100, zeros, 20) != 0 ||
        valid < preferred || preferred == 0) {
        darwin_refuse("SIOCAIFADDR_IN6: a peer, flags, times, or no lifetime");
        return EINVAL;
    }
    while (bits < 128 && (mask[8 + bits / 8] >> (7 - bits % 8) & 1) == 1) bits++;
    for (int i = bits; i < 128; i++)
        if ((mask[8 + i / 8] >> (7 - i % 8) & 1) == 1) {
            darwin_refuse("SIOCAIFADDR_IN6: the mask is none of a prefix");
            return EINVAL;
        }
    darwin_note("IPv6 address add %s /%d", interface->name, bits);
    return kernel_address6(interface->index, argument + 24, bits);
}

static int delete_address(const struct darwin_interface *interface, const uint8_t *argument) {
    static struct darwin_interface list[INTERFACES_MAX];
    const uint8_t *address = argument + 16;
    int count = kernel_interfaces(list);
    if (!is_inet("SIOCDIFADDR", address))
        return EINVAL;
    for (int i = 0; i < count; i++) {
        if (list[i].index != interface->index || !list[i].has_address ||
            list[i].address != address_of(address))
            continue;
        darwin_note("address delete %s %u.%u.%u.%u", interface->name, address[4], address[5],
                    address[6], address[7]);
        return kernel_address(interface->index, list[i].address, 0, list[i].prefix_length, false);
    }
    return EADDRNOTAVAIL;
}

static int set_flags(const struct darwin_interface *interface, const uint8_t *argument) {
    uint16_t flags;
    memcpy(&flags, argument + 16, sizeof flags);
    if (((flags ^ interface->flags) & 0xffff & ~(uint32_t)D_IFF_UP) != 0) {
        darwin_refuse("SIOCSIFFLAGS: %#x would change more than IFF_UP of %#x", flags,
                      interface->flags);
        return EINVAL;
    }
    return kernel_link(interface->index, true, (flags & D_IFF_UP) != 0, 0);
}

static int set_mtu(const struct darwin_interface *interface, const uint8_t *argument) {
    int32_t mtu;
    memcpy(&mtu, argument + 16, sizeof mtu);
    if (mtu < 68 || mtu > 65535) {
        darwin_refuse("SIOCSIFMTU: %d", mtu);
        return EINVAL;
    }
    darwin_note("mtu %s %d", interface->name, mtu);
    return kernel_link(interface->index, false, false, (uint32_t)mtu);
}

// The lab's interface that stands for a Wi-Fi has that in its name.
static uint32_t functional_type(const struct darwin_interface *interface) {
    if (interface->type == D_IFT_LOOP)
        return 1;
    if (interface->type != D_IFT_ETHER)
        return 0;
    return strncmp(interface->name, "wifi", 4) == 0 ? D_FUNCTIONAL_WIFI : D_FUNCTIONAL_WIRED;
}

static int answer(uint8_t *argument, uint32_t value, size_t size) {
    memcpy(argument + 16, &value, size); // little endian, as every Mac
    return 0;
}

static int carry_out(uint32_t request, uint8_t *argument,
                     const struct darwin_interface *interface) {
    switch (request) {
    case D_SIOCGIFFLAGS: return answer(argument, interface->flags, 2);
    case D_SIOCGIFMTU: return answer(argument, interface->mtu, 4);
    case D_SIOCGIFTYPE: memset(argument + 16, 0, 16); return answer(argument, interface->type, 1);
    case D_SIOCGIFFUNCTIONALTYPE: return answer(argument, functional_type(interface), 4);
    }
    if (geteuid() != 0) {
        darwin_note("an ioctl is refused: the process is not root's any more");
        return EPERM;
    }
    switch (request) {
    case D_SIOCAIFADDR: return add_address(interface, argument);
    case D_SIOCAIFADDR_IN6: return add_address6(interface, argument);
    case D_SIOCDIFADDR: return delete_address(interface, argument);
    case D_SIOCSIFFLAGS: return set_flags(interface, argument);
    case D_SIOCSIFMTU: return set_mtu(interface, argument);
    }
    darwin_refuse("ioctl %#x is not known here", request);
    return EOPNOTSUPP;
}

int interface_ioctl(uint32_t request, uint8_t *argument) {
    struct darwin_interface interface;
    if (memchr(argument, '\0', 16) == NULL || argument[0] == '\0') {
        darwin_refuse("ioctl %#x: the interface's name does not end, or is empty", request);
        return darwin_fail(EINVAL);
    }
    if (!kernel_interface((const char *)argument, 0, &interface))
        return darwin_fail(ENXIO);
    int error = carry_out(request, argument, &interface);
    return error == 0 ? 0 : darwin_fail(error);
}
