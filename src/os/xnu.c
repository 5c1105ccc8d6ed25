// SPDX-License-Identifier: ISC
// A routing socket's messages (route(4)) are a head, which begins with a length (2 bytes), a
// version and a type, and has a set of bits that says which addresses follow; then these, in the
// order of the bits. Each begins with its length and family, and takes a multiple of 4 bytes, at
// least 4.
#include "xnu.h"
#include "../base/bytes.h"
#include <string.h>

#define ADDRESS      16  // struct sockaddr_in, bsd/netinet/in.h
#define ADDRESS_IN6  28  // struct sockaddr_in6, bsd/netinet6/in6.h
#define ADDRESS_LINK 20  // struct sockaddr_dl, bsd/net/if_dl.h
#define LINK_HEAD    112 // struct if_msghdr, bsd/net/if.h
#define ALIAS_HEAD   20  // struct ifa_msghdr
#define ROUTE_HEAD   92  // struct rt_msghdr, bsd/net/route.h; what follows is from there
#define RTM_VERSION  5
#define RTM_ADD      1
#define RTF_UP       0x1
#define RTF_STATIC   0x800
#define RTV_MTU      0x1
#define RTA_DST      0x1
#define RTA_GATEWAY  0x2
#define RTA_NETMASK  0x4
#define RTA_IFP      0x10
#define RTA_IFA      0x20

// Begins a struct that has an interface's name at its head.
static void begin(uint8_t *out, size_t size, const char *name) {
    size_t length = strlen(name);
    memset(out, 0, size);
    memcpy(out, name, length < XNU_NAME ? length : XNU_NAME - 1);
}

// Writes an address of 4 or 16 bytes. Returns how many it takes with its head.
static size_t put_address(uint8_t *out, int family, const uint8_t *address) {
    bool is_ipv6 = family == XNU_AF_INET6;
    out[0] = is_ipv6 ? ADDRESS_IN6 : ADDRESS;
    out[1] = (uint8_t)family;
    memcpy(out + (is_ipv6 ? 8 : 4), address, is_ipv6 ? 16 : 4);
    return out[0];
}

static size_t put_mask(uint8_t *out, int family, uint8_t prefix) {
    uint8_t mask[16] = {0};
    for (int i = 0; i < prefix; i++) mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
    return put_address(out, family, mask);
}

void xnu_control_address(uint8_t out[XNU_CTL_ADDRESS], const uint8_t *info, uint32_t unit) {
    memset(out, 0, XNU_CTL_ADDRESS);
    out[0] = XNU_CTL_ADDRESS;
    out[1] = XNU_PF_SYSTEM;
    out[2] = 2; // AF_SYS_CONTROL
    memcpy(out + 4, info, 4);
    put_le32(out + 8, unit);
}

void xnu_request(uint8_t out[XNU_IFREQ], const char *interface, uint32_t number) {
    begin(out, XNU_IFREQ, interface);
    put_le32(out + XNU_NAME, number);
}

// An interface of two ends wants the other's IPv4 address, too: it is the same. That of IPv6 ends
// with lifetimes, which have no end (bsd/netinet/in_var.h, netinet6/in6_var.h).
void xnu_alias(uint8_t out[XNU_ALIAS_IN6], const char *interface, int family,
               const uint8_t *address, uint8_t prefix) {
    begin(out, XNU_ALIAS_IN6, interface);
    size_t size = put_address(out + XNU_NAME, family, address);
    if (family == XNU_AF_INET)
        put_address(out + XNU_NAME + size, family, address);
    else
        memset(out + XNU_ALIAS_IN6 - 8, 0xff, 8);
    put_mask(out + XNU_NAME + 2 * size, family, prefix);
}

size_t xnu_route(uint8_t out[XNU_ROUTE_MAX], int family, const uint8_t *network, uint8_t prefix,
                 int index, uint32_t mtu) {
    size_t length = ROUTE_HEAD;
    memset(out, 0, XNU_ROUTE_MAX);
    length += put_address(out + length, family, network);
    out[length] = ADDRESS_LINK;
    out[length + 1] = XNU_AF_LINK;
    put_le16(out + length + 2, (uint16_t)index);
    length += ADDRESS_LINK;
    length += put_mask(out + length, family, prefix);
    put_le16(out, (uint16_t)length);
    out[2] = RTM_VERSION;
    out[3] = RTM_ADD;
    put_le16(out + 4, (uint16_t)index);
    put_le32(out + 8, RTF_UP | RTF_STATIC);
    put_le32(out + 12, RTA_DST | RTA_GATEWAY | RTA_NETMASK);
    put_le32(out + 32, RTV_MTU);
    put_le32(out + 40, mtu);
    return length;
}

void xnu_utun_head(uint8_t out[XNU_UTUN_HEAD], const uint8_t *packet) {
    put_be32(out, packet[0] >> 4 == 6 ? XNU_AF_INET6 : XNU_AF_INET);
}

// ---- what is read ----

// Finds the address of a bit behind a message's head. Returns it, whose length is within the
// message, or NULL.
static const uint8_t *find(const uint8_t *bytes, size_t length, size_t head, uint32_t wanted) {
    uint32_t has = get_le32(bytes + 4);
    for (uint32_t bit = 1; bit <= wanted && head < length; bit <<= 1) {
        const uint8_t *at = bytes + head;
        if ((has & bit) == 0)
            continue;
        if (at[0] > length - head)
            return NULL;
        if (bit == wanted)
            return at;
        head += at[0] > 0 ? (at[0] + (size_t)3) / 4 * 4 : 4;
    }
    return NULL;
}

static void read_name(struct xnu_message *message, const uint8_t *link) {
    if (link != NULL && link[0] >= 8 && link[1] == XNU_AF_LINK && link[5] < XNU_NAME &&
        link[5] <= link[0] - 8)
        memcpy(message->name, link + 8, link[5]);
}

size_t xnu_read(struct xnu_message *message, const uint8_t *bytes, size_t length) {
    memset(message, 0, sizeof *message);
    size_t whole = length >= 4 ? get_le16(bytes) : 0;
    if (whole < 4 || whole > length)
        return 0;
    message->type = bytes[3];
    bool is_link = message->type == XNU_RTM_IFINFO;
    bool is_alias = message->type == XNU_RTM_NEWADDR || message->type == XNU_RTM_DELADDR;
    size_t head = is_link ? LINK_HEAD : ALIAS_HEAD;
    if (bytes[2] != RTM_VERSION || !(is_link || is_alias) || whole < head)
        return whole;
    const uint8_t *found = find(bytes, whole, head, is_link ? RTA_IFP : RTA_IFA);
    message->flags = get_le32(bytes + 8);
    message->index = get_le16(bytes + 12);
    message->kind = is_link ? bytes[16] : 0;
    if (is_link)
        read_name(message, found);
    else if (found != NULL && found[0] >= 8 && found[1] == XNU_AF_INET)
        message->address = get_be32(found + 4);
    return whole;
}
