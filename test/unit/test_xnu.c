// SPDX-License-Identifier: ISC
// What is written to the kernel of macOS and read from it, against bytes that were laid out by hand
// from xnu's public headers (each table names them) and route(4). They are the same on every
// system.
#include "os/xnu.h"

#include "test.h"

#define NAME_UTUN7 'u', 't', 'u', 'n', '7', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

// bsd/sys/kern_control.h: ctl_info has a number (4), a name (96); sockaddr_ctl a length, a family,
// a kind (2), the number (4), a unit (4), a reserve (20).
static void a_utun_is_asked_for(void) {
    uint8_t info[XNU_CTL_INFO] = XNU_CTL_UTUN;
    uint8_t address[XNU_CTL_ADDRESS];
    static const uint8_t wanted[XNU_CTL_ADDRESS] = {32, 32, 2, 0, 0x44, 0x33, 0x22, 0x11, 9};
    CHECK_BYTES(info, "\0\0\0\0com.apple.net.utun_control\0\0\0", 4 + 26 + 3);
    memcpy(info, "\x44\x33\x22\x11", 4); // as the kernel has answered
    xnu_control_address(address, info, 9);
    CHECK_BYTES(address, wanted, sizeof wanted);
    CHECK_INT(XNU_CTL_INFO, 4 + 96);
}

// bsd/sys/ioccom.h: the way (1: out, 2: in; 2 bits more), the size of the argument (13 bits), a
// group, a number; bsd/sys/sockio.h, kern_control.h: which.
static void requests_have_their_numbers(void) {
    const uint32_t in = 0x80000000;
    const uint32_t in_out = 0xc0000000;
    CHECK_INT(XNU_CTLIOCGINFO, in_out | XNU_CTL_INFO << 16 | 'N' << 8 | 3);
    CHECK_INT(XNU_SIOCAIFADDR, in | XNU_ALIAS << 16 | 'i' << 8 | 26);
    CHECK_INT(XNU_SIOCAIFADDR_IN6, in | XNU_ALIAS_IN6 << 16 | 'i' << 8 | 26);
    CHECK_INT(XNU_SIOCSIFFLAGS, in | XNU_IFREQ << 16 | 'i' << 8 | 16);
    CHECK_INT(XNU_SIOCGIFFLAGS, in_out | XNU_IFREQ << 16 | 'i' << 8 | 17);
    CHECK_INT(XNU_SIOCSIFMTU, in | XNU_IFREQ << 16 | 'i' << 8 | 52);
}

// bsd/net/if.h: ifreq has a name (16) and a union (16).
static void a_number_is_set(void) {
    uint8_t request[XNU_IFREQ];
    static const uint8_t wanted[XNU_IFREQ] = {NAME_UTUN7, 0xdc, 5};
    xnu_request(request, "utun7", 1500);
    CHECK_BYTES(request, wanted, sizeof wanted);
    xnu_request(request, "a name that is far too long", 0);
    CHECK_BYTES(request, (const uint8_t *)"a name that is \0\0\0\0", 20);
}

// bsd/netinet/in_var.h: ifaliasreq has a name (16), address, other end, mask (16 each);
// bsd/netinet/in.h: sockaddr_in a length, a family, a port (2), the address (4), zeros (8).
static void an_address_is_given(void) {
    uint8_t alias[XNU_ALIAS_IN6];
    static const uint8_t wanted[XNU_ALIAS] = {
        NAME_UTUN7,                                                      //
        16,         2, 0, 0, 100, 64,  1,   2,   0, 0, 0, 0, 0, 0, 0, 0, //
        16,         2, 0, 0, 100, 64,  1,   2,   0, 0, 0, 0, 0, 0, 0, 0, //
        16,         2, 0, 0, 255, 255, 255, 128,
    };
    xnu_alias(alias, "utun7", XNU_AF_INET, (const uint8_t *)"\x64\x40\1\2", 25);
    CHECK_BYTES(alias, wanted, sizeof wanted);
}

// bsd/netinet6/in6_var.h: in6_aliasreq has a name (16), address, other end, mask (28 each), flags
// (4), and of lifetimes two times of day (8 each) and two lengths (4 each); bsd/netinet6/in6.h:
// sockaddr_in6 a length, a family, a port (2), a flow (4), the address (16), a scope (4).
static void an_ipv6_address_is_given(void) {
    uint8_t alias[XNU_ALIAS_IN6];
    static const uint8_t own[16] = {0xfe, 0x80, [15] = 2};
    uint8_t wanted[XNU_ALIAS_IN6] = {NAME_UTUN7, [16] = 28, 30, [24] = 0xfe, 0x80, [39] = 2};
    memcpy(wanted + 72, "\x1c\x1e\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16);
    memset(wanted + 120, 0xff, 8);
    xnu_alias(alias, "utun7", XNU_AF_INET6, own, 64);
    CHECK_BYTES(alias, wanted, sizeof wanted);
}

// bsd/net/route.h: rt_msghdr has a length (2), version, type, index (2), two bytes of padding,
// flags, bits of addresses, pid, sequence, errno, use, bits of metrics (4 each), and metrics, of
// which the MTU is the second (14 of 4); bsd/net/if_dl.h: sockaddr_dl a length, a family, an index
// (2), a kind, three lengths, data (12).
static void a_route_is_added(void) {
    uint8_t message[XNU_ROUTE_MAX];
    static const uint8_t half[4] = {128};
    uint8_t wanted[92 + 16 + 20 + 16] = {
        144, 0, 5, 1, 0x0b, 0, 0, 0, 0x01, 0x08, 0, 0, 7, 0, 0, 0,
    };
    wanted[32] = 1; // RTV_MTU
    wanted[40] = 0x6c, wanted[41] = 5;
    memcpy(wanted + 92, "\x10\x02\0\0\x80", 5);
    memcpy(wanted + 92 + 16, "\x14\x12\x0b\0", 4);
    memcpy(wanted + 92 + 16 + 20, "\x10\x02\0\0\x80", 5);
    CHECK_INT(xnu_route(message, XNU_AF_INET, half, 1, 11, 1388), sizeof wanted);
    CHECK_BYTES(message, wanted, sizeof wanted);
}

static void an_ipv6_route_is_added(void) {
    uint8_t message[XNU_ROUTE_MAX];
    static const uint8_t half[16] = {0x80};
    uint8_t wanted[92 + 28 + 20 + 28] = {
        168, 0, 5, 1, 0x2c, 1, 0, 0, 0x01, 0x08, 0, 0, 7, 0, 0, 0,
    };
    wanted[32] = 1;
    wanted[40] = 0x80, wanted[41] = 5;
    memcpy(wanted + 92, "\x1c\x1e\0\0\0\0\0\0\x80", 9);
    memcpy(wanted + 92 + 28, "\x14\x12\x2c\1", 4);
    memcpy(wanted + 92 + 28 + 20, "\x1c\x1e\0\0\0\0\0\0\x80", 9);
    CHECK_INT(xnu_route(message, XNU_AF_INET6, half, 1, 300, 1408), sizeof wanted);
    CHECK_BYTES(message, wanted, sizeof wanted);
}

// bsd/net/if_utun.h: before each packet is its family, in network order.
static void a_packet_has_its_family_before_it(void) {
    uint8_t head[XNU_UTUN_HEAD];
    xnu_utun_head(head, (const uint8_t *)"\x45");
    CHECK_BYTES(head, (const uint8_t *)"\0\0\0\2", 4);
    xnu_utun_head(head, (const uint8_t *)"\x60");
    CHECK_BYTES(head, (const uint8_t *)"\0\0\0\36", 4);
}

// ---- what is read ----

// Reads a copy of exactly `length` bytes.
static size_t read_copy(struct xnu_message *message, const uint8_t *bytes, size_t length) {
    uint8_t *copy = test_copy(bytes, length);
    size_t whole = xnu_read(message, copy, length);
    free(copy);
    return whole;
}

// bsd/net/if.h: if_msghdr has a length (2), version, type, bits of addresses (4), flags (4), index
// (2), two bytes of padding, and if_data, which begins with the kind; 112 in all. Its sockaddr_dl
// has the name, and behind that the address of the link.
static size_t make_link(uint8_t out[132]) {
    memset(out, 0, 132);
    memcpy(out, "\x84\0\x05\x0e\x10\0\0\0\x63\x88\0\0\4\0", 14);
    out[16] = 6;
    memcpy(out + 112, "\x14\x12\4\0\6\3\6\0en0\1\2\3\4\5\6", 17);
    return 132;
}

static void an_interface_is_read(void) {
    uint8_t bytes[132];
    struct xnu_message message;
    size_t length = make_link(bytes);
    CHECK_INT(read_copy(&message, bytes, length), length);
    CHECK_INT(message.type, XNU_RTM_IFINFO);
    CHECK_INT(message.index, 4);
    CHECK_INT(message.kind, XNU_IFT_ETHER);
    CHECK_INT(message.flags, 0x8863);
    CHECK(strcmp(message.name, "en0") == 0);
    CHECK_INT(message.address, 0);
    bytes[112 + 5] = 13; // a name that is longer than its address
    CHECK_INT(read_copy(&message, bytes, length), length);
    CHECK(message.name[0] == '\0');
    make_link(bytes);
    bytes[112 + 1] = 2; // another family
    CHECK_INT(read_copy(&message, bytes, length), length);
    CHECK(message.name[0] == '\0');
    for (size_t cut = 0; cut < length; cut++) { // a row of messages that ends in one
        make_link(bytes);
        CHECK_INT(read_copy(&message, bytes, cut), 0);
    }
    for (uint8_t cut = 4; cut < length; cut++) { // a message that says it is shorter
        make_link(bytes);
        bytes[0] = cut;
        CHECK_INT(read_copy(&message, bytes, cut), cut);
        CHECK(message.name[0] == '\0' || cut >= 112 + 20);
    }
}

// bsd/net/if.h: ifa_msghdr has a length (2), version, type, bits of addresses (4), flags (4), index
// (2), two bytes of padding, a metric (4). Addresses: mask (4), interface (0x10), address (0x20),
// broadcast (0x80).
struct alias {
    const char *name;
    uint8_t length;
    uint8_t type;
    uint8_t bits;
    const char *addresses;
    uint32_t address;
};
#define LAPTOP "\x10\2\0\0\xc0\xa8\x2b\x39\0\0\0\0\0\0\0\0"

static const struct alias aliases[] = {
    {"a short mask, as the kernel's tree has it (sa_len 7, padded to 8)", 20 + 8 + 16, 0xc, 0x24,
     "\7\0\0\0\xff\xff\xff\0" LAPTOP, 0xc0a82b39},
    {"a whole mask, link, address and broadcast", 20 + 16 + 20 + 16 + 16, 0xc, 0xb4,
     "\x10\2\0\0\xff\xff\xff\xf0\0\0\0\0\0\0\0\0"
     "\x14\x12\4\0\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" LAPTOP LAPTOP,
     0xc0a82b39},
    {"an empty mask takes 4 bytes", 20 + 4 + 16, 0xd, 0x24, "\0\0\0\0" LAPTOP, 0xc0a82b39},
    {"padding of the last one is left out", 20 + 4 + 9, 0xc, 0x24, "\0\0\0\0\x9\2\0\0\xa\1\2\3",
     0x0a010203},
    {"an address of IPv6", 20 + 28, 0xc, 0x20,
     "\x1c\x1e\0\0\0\0\0\0\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 0},
    {"an address that is cut", 20 + 10, 0xc, 0x20, "\x10\2\0\0\xa\1\2\3\0", 0},
    {"no address", 20, 0xc, 0, "", 0},
    {"an address that is announced and is not there", 20, 0xc, 0x20, "", 0},
};

static void addresses_are_read(void) {
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        const struct alias *alias = &aliases[i];
        uint8_t bytes[128] = {alias->length, 0, 5, alias->type, alias->bits};
        struct xnu_message message;
        test_row("%s", alias->name);
        bytes[12] = 4;
        memcpy(bytes + 20, alias->addresses, alias->length - 20u);
        CHECK_INT(read_copy(&message, bytes, alias->length), alias->length);
        CHECK_INT(message.type, alias->type);
        CHECK_INT(message.index, 4);
        CHECK_INT(message.address, alias->address);
    }
}

static void other_messages_have_their_type_alone(void) {
    struct xnu_message message;
    static const uint8_t bytes[20] = {20, 0, 5, 1, 0xff, 0xff, 0xff, 0xff, 1, 1, 1, 1, 9};
    static const uint8_t old[20] = {20, 0, 4, 0xc, [12] = 9}; // another version
    CHECK_INT(read_copy(&message, bytes, sizeof bytes), 20);
    CHECK_INT(message.type, 1);
    CHECK_INT(message.index, 0);
    CHECK_INT(read_copy(&message, old, sizeof old), 20);
    CHECK_INT(message.index, 0);
    CHECK_INT(read_copy(&message, (const uint8_t *)"\3\0\5\xc", 4), 0);
    CHECK_INT(read_copy(&message, (const uint8_t *)"\4\0\5\xc", 4), 4);
}

int main(void) {
    TEST("a utun is asked for as kern_control.h has it", a_utun_is_asked_for);
    TEST("requests have the numbers that ioccom.h makes of them", requests_have_their_numbers);
    TEST("an ifreq has a name, cut to 15 characters, and a number", a_number_is_set);
    TEST("an ifaliasreq has address, other end and mask", an_address_is_given);
    TEST("an in6_aliasreq has address, mask and lifetimes", an_ipv6_address_is_given);
    TEST("a route is RTM_ADD with three addresses and an MTU", a_route_is_added);
    TEST("a route of IPv6 is the same with longer addresses", an_ipv6_route_is_added);
    TEST("a packet has its family before it, in network order", a_packet_has_its_family_before_it);
    TEST("an interface is read, whole and cut", an_interface_is_read);
    TEST("addresses are read, with masks that are short, empty or cut", addresses_are_read);
    TEST("of other messages only the type is read", other_messages_have_their_type_alone);
    return test_end();
}
