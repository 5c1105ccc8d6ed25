// SPDX-License-Identifier: ISC
// Messages of routing sockets, read strictly and written as the kernel writes them (route(4), xnu's
// bsd/net/rtsock.c). A header in the host's byte order is followed by the addresses whose bits are
// set in rtm_addrs, in the order of the bits. Each address says its own length and is padded with
// zeros to a multiple of 4 bytes; one of length 0 takes 4.
//
// The kernel forgives much that no document promises. Here nothing is forgiven.
#include <errno.h>
#include <string.h>

#include "darwin.h"

// struct rt_msghdr
enum {
    AT_LENGTH = 0,
    AT_VERSION = 2,
    AT_TYPE = 3,
    AT_INDEX = 4,
    AT_FLAGS = 8,
    AT_ADDRESSES = 12,
    AT_PID = 16,
    AT_SEQUENCE = 20,
    AT_ERRNO = 24,
    AT_USE = 28,
    AT_INITS = 32,
    AT_METRICS = 36
};
#define AT_MTU (AT_METRICS + 4) // behind the locks

static uint16_t get16(const uint8_t *bytes) {
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static uint32_t get32(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static void put16(uint8_t *bytes, uint32_t value) {
    uint16_t half = (uint16_t)value;
    memcpy(bytes, &half, sizeof half);
}

static void put32(uint8_t *bytes, uint32_t value) { memcpy(bytes, &value, sizeof value); }

static size_t padded(size_t length) { return length == 0 ? 4 : (length + 3) & ~(size_t)3; }

static bool is_zero(const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

#define REFUSE(error, ...)                                                                         \
    do {                                                                                           \
        darwin_refuse(__VA_ARGS__);                                                                \
        return error;                                                                              \
    } while (0)

// ---- addresses ----

static int read_inet(const char *what, const uint8_t *sockaddr, uint8_t out[16]) {
    if (sockaddr[0] != D_SOCKADDR_IN)
        REFUSE(EINVAL, "%s: sin_len is %u, not 16", what, sockaddr[0]);
    if (!is_zero(sockaddr + 2, 2) || !is_zero(sockaddr + 8, 8))
        REFUSE(EINVAL, "%s: port or sin_zero of an address is not zero", what);
    memcpy(out, sockaddr + 4, 4);
    return 0;
}

static int read_inet6(const char *what, const uint8_t *sockaddr, uint8_t out[16]) {
    if (sockaddr[0] != D_SOCKADDR_IN6)
        REFUSE(EINVAL, "%s: sin6_len is %u, not 28", what, sockaddr[0]);
    if (!is_zero(sockaddr + 2, 6) || !is_zero(sockaddr + 24, 4))
        REFUSE(EINVAL, "%s: port, flow or scope of an IPv6 address is not zero", what);
    memcpy(out, sockaddr + 8, 16);
    return 0;
}

static int read_address(const char *what, const uint8_t *sockaddr, int family, uint8_t out[16]) {
    if (sockaddr[1] != family)
        REFUSE(EINVAL, "%s: its family is %u, not %d", what, sockaddr[1], family);
    return family == D_AF_INET ? read_inet(what, sockaddr, out) : read_inet6(what, sockaddr, out);
}

// struct sockaddr_dl: length, family, index (2), type, lengths of name, address and selector, data.
static int read_link(const char *what, const uint8_t *sockaddr, int *index) {
    struct darwin_interface found;
    if (sockaddr[1] != D_AF_LINK)
        REFUSE(EINVAL, "%s: its family is %u, not AF_LINK", what, sockaddr[1]);
    if (sockaddr[0] < D_SOCKADDR_DL)
        REFUSE(EINVAL, "%s: sdl_len is %u, less than 20", what, sockaddr[0]);
    if (8 + sockaddr[5] + sockaddr[6] + sockaddr[7] > sockaddr[0])
        REFUSE(EINVAL, "%s: name and address do not fit into sdl_len", what);
    *index = get16(sockaddr + 2);
    if (!kernel_interface(NULL, *index, &found))
        REFUSE(ENXIO, "%s: there is no interface of index %d", what, *index);
    if (sockaddr[5] > 0 &&
        (sockaddr[5] != strlen(found.name) || memcmp(sockaddr + 8, found.name, sockaddr[5]) != 0))
        REFUSE(EINVAL, "%s: the interface of index %d is %s, not %.*s", what, *index, found.name,
               sockaddr[5], (const char *)sockaddr + 8);
    return 0;
}

// A netmask may end behind its last byte that is not zero; nobody looks at its family (the tree
// compares from byte 4 on), but only these two occur.
static int read_mask(const uint8_t *sockaddr, int family, int *prefix_length) {
    int at = family == D_AF_INET ? 4 : 8;
    int most = family == D_AF_INET ? 4 : 16;
    int bits = 0;
    bool over = false;
    if (sockaddr[0] > (family == D_AF_INET ? D_SOCKADDR_IN : D_SOCKADDR_IN6))
        REFUSE(EINVAL, "netmask: its length is %u", sockaddr[0]);
    if (sockaddr[0] > 1 && sockaddr[1] != 0 && sockaddr[1] != family)
        REFUSE(EINVAL, "netmask: its family is %u", sockaddr[1]);
    for (int i = at; i < (int)sockaddr[0]; i++) {
        for (int bit = 7; bit >= 0; bit--) {
            bool set = sockaddr[i] >> bit & 1;
            if (set && (over || i >= at + most))
                REFUSE(EINVAL, "netmask: its bits are not those of a prefix");
            over |= !set;
            bits += set;
        }
    }
    if (sockaddr[0] > 2 &&
        !is_zero(sockaddr + 2, (size_t)((sockaddr[0] < at ? sockaddr[0] : at) - 2)))
        REFUSE(EINVAL, "netmask: it has a port");
    *prefix_length = bits;
    return 0;
}

static bool has_host_bits(const struct route_request *request) {
    int bits = request->family == D_AF_INET ? 32 : 128;
    for (int i = request->prefix_length; i < bits; i++)
        if (request->destination[i / 8] >> (7 - i % 8) & 1)
            return true;
    return false;
}

// ---- requests ----

// Finds the addresses behind the header. They must end where the message ends.
static int walk(const uint8_t *bytes, size_t length, uint32_t bits,
                const uint8_t *found[D_RTAX_MAX]) {
    size_t at = D_RT_MSGHDR;
    memset(found, 0, sizeof found[0] * D_RTAX_MAX);
    if (bits >> D_RTAX_MAX != 0)
        REFUSE(EINVAL, "rtm_addrs has unknown bits: %#x", bits);
    for (int i = 0; i < D_RTAX_MAX; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        if (at >= length)
            REFUSE(EINVAL, "rtm_addrs has bit %#x, and the message ends before that address",
                   1 << i);
        size_t size = bytes[at];
        if (padded(size) > length - at)
            REFUSE(EINVAL, "address %d says %zu bytes, of %zu that are left", i, size, length - at);
        if (size == 1)
            REFUSE(EINVAL, "address %d says 1 byte", i);
        if (!is_zero(bytes + at + (size == 0 ? 1 : size), padded(size) - (size == 0 ? 1 : size)))
            REFUSE(EINVAL, "the padding of address %d is not zero", i);
        found[i] = bytes + at;
        at += padded(size);
    }
    if (at != length)
        REFUSE(EINVAL, "%zu bytes are behind the last address", length - at);
    return 0;
}

static int check_header(const uint8_t *bytes, size_t length) {
    const uint32_t flags = get32(bytes + AT_FLAGS);
    const uint32_t known = D_RTF_UP | D_RTF_GATEWAY | D_RTF_HOST | D_RTF_REJECT | D_RTF_CLONING |
                           D_RTF_STATIC | D_RTF_BLACKHOLE | D_RTF_PROTO1 | D_RTF_PROTO2 |
                           D_RTF_PRCLONING | D_RTF_PROTO3 | D_RTF_IFSCOPE;
    if (get16(bytes + AT_LENGTH) != length)
        REFUSE(EINVAL, "rtm_msglen is %u of %zu bytes", get16(bytes + AT_LENGTH), length);
    if (bytes[AT_VERSION] != D_RTM_VERSION)
        REFUSE(EPROTONOSUPPORT, "rtm_version is %u, not 5", bytes[AT_VERSION]);
    if (bytes[AT_TYPE] < D_RTM_ADD || bytes[AT_TYPE] > D_RTM_GET)
        REFUSE(EOPNOTSUPP, "rtm_type %u is none that a program may send", bytes[AT_TYPE]);
    if ((flags & ~known) != 0)
        REFUSE(EINVAL, "rtm_flags %#x: a program does not set %#x", flags, flags & ~known);
    if (bytes[AT_TYPE] == D_RTM_ADD && (flags & D_RTF_UP) == 0)
        REFUSE(EINVAL, "a route without RTF_UP cannot be used");
    if (!is_zero(bytes + 6, 2) || !is_zero(bytes + AT_ERRNO, 8))
        REFUSE(EINVAL, "rtm_errno, rtm_use or a gap of the header is not zero");
    if ((get32(bytes + AT_INITS) & ~(uint32_t)D_RTV_MTU) != 0)
        REFUSE(EINVAL, "rtm_inits %#x: only RTV_MTU is known here", get32(bytes + AT_INITS));
    if (!is_zero(bytes + AT_MTU + 4, D_RT_MSGHDR - AT_MTU - 4) ||
        (get32(bytes + AT_INITS) == 0) != (get32(bytes + AT_MTU) == 0) ||
        (get32(bytes + AT_METRICS) & ~(uint32_t)D_RTV_MTU) != 0)
        REFUSE(EINVAL, "there are metrics that rtm_inits does not name, or the reverse");
    return 0;
}

static int read_gateway(struct route_request *request, const uint8_t *sockaddr) {
    int index = 0;
    request->has_gateway = true;
    request->gateway_is_link = sockaddr[1] == D_AF_LINK;
    if (!request->gateway_is_link)
        return read_address("gateway", sockaddr, request->family, request->gateway);
    if ((request->flags & D_RTF_GATEWAY) != 0)
        REFUSE(EINVAL, "RTF_GATEWAY is set, and the gateway is an interface");
    int error = read_link("gateway", sockaddr, &index);
    if (error == 0 && request->index != 0 && request->index != index)
        REFUSE(EINVAL, "rtm_index is %d, and the gateway's %d", request->index, index);
    request->index = index;
    return error;
}

static int read_addresses(struct route_request *request, const uint8_t *found[D_RTAX_MAX]) {
    int index = 0;
    int error =
        read_address("destination", found[D_RTAX_DST], request->family, request->destination);
    if (error == 0 && found[D_RTAX_NETMASK] != NULL)
        error = read_mask(found[D_RTAX_NETMASK], request->family, &request->prefix_length);
    if (error == 0 && found[D_RTAX_GATEWAY] != NULL)
        error = read_gateway(request, found[D_RTAX_GATEWAY]);
    // RTM_GET asks for the interface by an address without content.
    if (error == 0 && found[D_RTAX_IFP] != NULL && request->type != D_RTM_GET)
        error = read_link("interface", found[D_RTAX_IFP], &index);
    if (error != 0)
        return error;
    if (index != 0 && request->index != 0 && request->index != index)
        REFUSE(EINVAL, "the message names two interfaces, %d and %d", index, request->index);
    request->index = index != 0 ? index : request->index;
    if (has_host_bits(request))
        REFUSE(EINVAL, "the destination has bits that its netmask has not");
    return 0;
}

int route_decode(struct route_request *request, const uint8_t *bytes, size_t length) {
    const uint8_t *found[D_RTAX_MAX];
    if (length < D_RT_MSGHDR)
        REFUSE(EINVAL, "%zu bytes are no message of a routing socket", length);
    int error = check_header(bytes, length);
    if (error == 0)
        error = walk(bytes, length, get32(bytes + AT_ADDRESSES), found);
    if (error != 0)
        return error;
    *request = (struct route_request){
        .type = bytes[AT_TYPE],
        .flags = get32(bytes + AT_FLAGS),
        .index = get16(bytes + AT_INDEX),
        .mtu = get32(bytes + AT_MTU),
    };
    if (found[D_RTAX_DST] == NULL ||
        (found[D_RTAX_DST][1] != D_AF_INET && found[D_RTAX_DST][1] != D_AF_INET6))
        REFUSE(EINVAL, "there is no destination of a known family");
    if (found[D_RTAX_GENMASK] != NULL || found[D_RTAX_AUTHOR] != NULL || found[D_RTAX_BRD] != NULL)
        REFUSE(EINVAL, "GENMASK, AUTHOR or BRD is nothing that a program sends");
    if (request->type != D_RTM_GET &&
        ((request->flags & D_RTF_HOST) != 0) == (found[D_RTAX_NETMASK] != NULL))
        REFUSE(EINVAL, "a route has a netmask, or else RTF_HOST");
    if (request->type == D_RTM_ADD && found[D_RTAX_GATEWAY] == NULL)
        REFUSE(EINVAL, "a route that is added has a gateway");
    if ((request->flags & D_RTF_IFSCOPE) != 0 && request->index == 0)
        REFUSE(EINVAL, "RTF_IFSCOPE is set, and rtm_index is 0");
    request->family = found[D_RTAX_DST][1];
    request->prefix_length = request->family == D_AF_INET ? 32 : 128;
    return read_addresses(request, found);
}

// ---- what the kernel writes ----

size_t sockaddr_link(uint8_t *out, const struct darwin_interface *interface) {
    size_t name = strlen(interface->name);
    size_t address = interface->type == D_IFT_ETHER ? 6 : 0;
    size_t length = 8 + name + address > D_SOCKADDR_DL ? 8 + name + address : D_SOCKADDR_DL;
    memset(out, 0, padded(length));
    out[0] = (uint8_t)length;
    out[1] = D_AF_LINK;
    put16(out + 2, (uint32_t)interface->index);
    out[4] = interface->type;
    out[5] = (uint8_t)name;
    out[6] = (uint8_t)address;
    memcpy(out + 8, interface->name, name);
    memcpy(out + 8 + name, interface->mac, address);
    return length;
}

size_t sockaddr_inet(uint8_t *out, uint32_t address_be) {
    memset(out, 0, D_SOCKADDR_IN);
    out[0] = D_SOCKADDR_IN;
    out[1] = D_AF_INET;
    put32(out + 4, address_be);
    return D_SOCKADDR_IN;
}

// Trimmed behind the last byte that is not zero, as the kernel's tree of masks keeps them.
size_t sockaddr_mask(uint8_t *out, int prefix_length) {
    memset(out, 0, D_SOCKADDR_IN);
    for (int i = 0; i < prefix_length; i++) out[4 + i / 8] |= (uint8_t)(0x80 >> i % 8);
    size_t length = prefix_length == 0 ? 0 : (size_t)(4 + (prefix_length + 7) / 8);
    out[0] = (uint8_t)length;
    out[1] = prefix_length == 0 ? 0 : 0xff; // nobody sets the family of a mask in the tree
    return length;
}

static size_t end_message(uint8_t *out, int type, size_t head, size_t length, size_t last,
                          bool in_list) {
    size_t whole = in_list ? length : length - (padded(last) - last);
    if (length == head)
        whole = head;
    put16(out, (uint32_t)whole);
    out[2] = D_RTM_VERSION;
    out[3] = (uint8_t)type;
    return whole;
}

// struct if_data of 32 bits: type in the first byte, the MTU behind eight.
size_t notice_link(uint8_t *out, const struct darwin_interface *interface, bool in_list) {
    size_t last = 0;
    memset(out, 0, NOTICE_MAX);
    if (in_list) { // a notice has no address
        last = sockaddr_link(out + D_IF_MSGHDR, interface);
        put32(out + 4, 1u << D_RTAX_IFP);
    }
    put32(out + 8, interface->flags);
    put16(out + 12, (uint32_t)interface->index);
    out[16] = interface->type;
    put32(out + 24, interface->mtu);
    return end_message(out, D_RTM_IFINFO, D_IF_MSGHDR, D_IF_MSGHDR + (in_list ? padded(last) : 0),
                       last, in_list);
}

size_t notice_address(uint8_t *out, int type, const struct darwin_interface *interface,
                      bool in_list) {
    size_t at = D_IFA_MSGHDR;
    memset(out, 0, NOTICE_MAX);
    put32(out + 4, 1u << D_RTAX_NETMASK | 1u << D_RTAX_IFA | 1u << D_RTAX_BRD |
                       (in_list ? 0 : 1u << D_RTAX_IFP));
    put16(out + 12, (uint32_t)interface->index);
    at += padded(sockaddr_mask(out + at, interface->prefix_length));
    if (!in_list)
        at += padded(sockaddr_link(out + at, interface));
    at += padded(sockaddr_inet(out + at, interface->address));
    size_t last = sockaddr_inet(out + at, interface->broadcast);
    return end_message(out, type, D_IFA_MSGHDR, at + padded(last), last, in_list);
}

size_t notice_route(uint8_t *out, int type, const struct route_request *route) {
    size_t at = D_RT_MSGHDR;
    struct darwin_interface interface = {.index = route->index, .type = D_IFT_OTHER};
    bool is_host = route->prefix_length == 32;
    uint32_t address;
    size_t last;
    memset(out, 0, NOTICE_MAX);
    memcpy(&address, route->destination, 4);
    last = sockaddr_inet(out + at, address);
    at += padded(last);
    if (route->has_gateway) {
        memcpy(&address, route->gateway, 4);
        last = sockaddr_inet(out + at, address);
    } else {
        last = sockaddr_link(out + at, &interface);
    }
    at += padded(last);
    if (!is_host) {
        last = sockaddr_mask(out + at, route->prefix_length);
        at += padded(last);
    }
    put16(out + AT_INDEX, (uint32_t)route->index);
    put32(out + AT_FLAGS, D_RTF_UP | D_RTF_DONE | (is_host ? D_RTF_HOST : 0) |
                              (route->has_gateway ? D_RTF_GATEWAY : 0));
    put32(out + AT_ADDRESSES,
          1u << D_RTAX_DST | 1u << D_RTAX_GATEWAY | (is_host ? 0 : 1u << D_RTAX_NETMASK));
    return end_message(out, type, D_RT_MSGHDR, at, last, false);
}
