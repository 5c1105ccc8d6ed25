// SPDX-License-Identifier: ISC
// Which interfaces a phone may be at, and their addresses, as a kernel tells them that is played by
// the other end of a socket pair.
#include "tun/tun.h"

#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "os/netlink.h"
#include "test.h"

static int kernel = -1;
static struct kernel_socket ours;

// A dump: few datagrams may wait in a socket pair (net.unix.max_dgram_qlen), so many messages are
// in each, as the kernel does it.
static struct {
    uint8_t bytes[16384];
    size_t length;
} dump;

static void say_dump(void) {
    if (send(kernel, dump.bytes, dump.length, 0) != (ssize_t)dump.length)
        exit(2);
    dump.length = 0;
}

static void say(struct netlink_request *message, uint32_t sequence) {
    size_t length = NLMSG_ALIGN(message->length);
    message->header.nlmsg_seq = sequence;
    message->header.nlmsg_len = (uint32_t)message->length;
    if (length > sizeof dump.bytes - dump.length)
        say_dump();
    memcpy(dump.bytes + dump.length, message->bytes, length);
    dump.length += length;
}

static void say_end(uint32_t sequence) {
    struct netlink_request message;
    netlink_begin(&message, NLMSG_DONE, 0, "\0\0\0\0", 4);
    say(&message, sequence);
    say_dump();
}

static void say_link(int index, uint16_t type, unsigned flags, const char *name, const char *kind) {
    struct netlink_request message;
    struct ifinfomsg head = {.ifi_type = type, .ifi_index = index, .ifi_flags = flags};
    netlink_begin(&message, RTM_NEWLINK, 0, &head, sizeof head);
    if (name != NULL)
        netlink_put_string(&message, IFLA_IFNAME, name);
    if (kind != NULL) {
        size_t info = netlink_nest(&message, IFLA_LINKINFO);
        netlink_put_string(&message, IFLA_INFO_KIND, kind);
        netlink_nest_end(&message, info);
    }
    say(&message, 1);
}

static void say_address(int index, uint32_t address, uint8_t prefix, uint8_t flags,
                        uint32_t valid_s) {
    struct netlink_request message;
    struct ifaddrmsg head = {.ifa_family = AF_INET,
                             .ifa_prefixlen = prefix,
                             .ifa_flags = flags,
                             .ifa_index = (uint32_t)index};
    struct ifa_cacheinfo times = {.ifa_valid = valid_s};
    netlink_begin(&message, RTM_NEWADDR, 0, &head, sizeof head);
    netlink_put_be32(&message, IFA_LOCAL, address);
    netlink_put(&message, IFA_CACHEINFO, &times, sizeof times);
    say(&message, 2);
}

static bool begin(void) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) < 0)
        return false;
    kernel = fds[0];
    struct timeval limit = {.tv_sec = 5}; // all answers are there when they are asked for
    setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ours = (struct kernel_socket){fds[1], 0};
    return true;
}

static int end(struct interface_address list[INTERFACE_ADDRESSES]) {
    int count = interfaces_list(&ours, list);
    close(kernel);
    close(ours.fd);
    return count;
}

// Kinds: the rtnl_link_ops of Linux's drivers; a modem's and a card's have none.
static const struct {
    const char *name;
    uint16_t type;
    unsigned flags;
    const char *kind;
    bool is_listed;
} links[] = {
    {"eth0", ARPHRD_ETHER, IFF_BROADCAST, NULL, true},
    {"a23456789012345", ARPHRD_ETHER, 0, NULL, true},
    {"a234567890123456", ARPHRD_ETHER, 0, NULL, false}, // longer than names are
    {NULL, ARPHRD_ETHER, 0, NULL, false},
    {"lo", ARPHRD_LOOPBACK, IFF_LOOPBACK, NULL, false},
    {"wwan0", ARPHRD_ETHER, IFF_POINTOPOINT, NULL, false},
    {"rmnet0", ARPHRD_NONE, 0, NULL, false},
    {"ppp0", ARPHRD_PPP, IFF_POINTOPOINT, "ppp", false},
    {"wg0", ARPHRD_NONE, 0, "wireguard", false},
    {"tun0", ARPHRD_NONE, IFF_POINTOPOINT, "tun", false},
    {"tap0", ARPHRD_ETHER, 0, "tun", false},
    {"gre1", ARPHRD_ETHER, 0, "gretap", false},
    {"gre2", ARPHRD_ETHER, 0, "ip6gretap", false},
    {"erspan1", ARPHRD_ETHER, 0, "erspan", false},
    {"vx0", ARPHRD_ETHER, 0, "vxlan", false},
    {"gnv0", ARPHRD_ETHER, 0, "geneve", false},
    {"br0", ARPHRD_ETHER, IFF_BROADCAST, "bridge", true},
    {"veth0", ARPHRD_ETHER, IFF_BROADCAST, "veth", true},
    {"vlan1", ARPHRD_ETHER, IFF_BROADCAST, "vlan", true},
};

static void kinds(void) {
    for (size_t i = 0; i < COUNT(links); i++) {
        struct interface_address list[INTERFACE_ADDRESSES];
        test_row("%s", links[i].name != NULL ? links[i].name : "without a name");
        CHECK(begin());
        say_link(7, links[i].type, links[i].flags, links[i].name, links[i].kind);
        say_end(1);
        say_end(2);
        CHECK_INT(end(list), links[i].is_listed);
        if (links[i].is_listed)
            CHECK_TEXT(list[0].name, links[i].name);
    }
}

// A kind that does not end where its attribute does is none.
static void kind_without_end(void) {
    struct interface_address list[INTERFACE_ADDRESSES];
    struct netlink_request message;
    struct ifinfomsg head = {.ifi_type = ARPHRD_ETHER, .ifi_index = 7};
    CHECK(begin());
    netlink_begin(&message, RTM_NEWLINK, 0, &head, sizeof head);
    netlink_put_string(&message, IFLA_IFNAME, "eth0");
    size_t info = netlink_nest(&message, IFLA_LINKINFO);
    netlink_put(&message, IFLA_INFO_KIND, "tun", 3);
    netlink_nest_end(&message, info);
    say(&message, 1);
    say_end(1);
    say_end(2);
    CHECK_INT(end(list), 1);
}

static void addresses(void) {
    static const struct {
        int index;
        uint32_t address;
        uint8_t flags;
        uint32_t valid_s;
        bool is_lent, is_dynamic;
    } rows[] = {
        {3, 0xc0a80001, IFA_F_PERMANENT, UINT32_MAX, false, false},
        {3, 0xc0a80002, 0, 61, false, true},
        {5, 0xa9fe8659, 0, 60, true, true},
        {5, 0xa9fe865a, 0, 3600, false, true},
        {5, 0xa9fe865b, 0, 1, true, true},
    };
    struct interface_address list[INTERFACE_ADDRESSES];
    CHECK(begin());
    say_link(3, ARPHRD_ETHER, IFF_UP | IFF_RUNNING, "eth0", NULL);
    say_link(4, ARPHRD_ETHER, IFF_UP, "eth1", NULL);
    say_link(5, ARPHRD_ETHER, IFF_UP | IFF_RUNNING, "wlan0", NULL);
    say_link(6, ARPHRD_NONE, IFF_UP | IFF_RUNNING, "tun0", "tun");
    say_end(1);
    say_address(6, 0x0a000001, 24, IFA_F_PERMANENT, UINT32_MAX); // a tunnel's
    for (size_t i = 0; i < COUNT(rows); i++)
        say_address(rows[i].index, rows[i].address, (uint8_t)(16 + i), rows[i].flags,
                    rows[i].valid_s);
    say_end(2);
    int count = end(list);
    CHECK_INT(count, COUNT(rows) + 1);
    CHECK_TEXT(list[1].name, "eth1");
    CHECK_INT(list[1].address, 0);
    CHECK(!list[1].is_up);
    for (size_t i = 0; i < COUNT(rows); i++) {
        int at = 0;
        test_row("address %08x", rows[i].address);
        while (at < count && list[at].address != rows[i].address) at++;
        CHECK(at < count);
        CHECK_INT(list[at].index, rows[i].index);
        CHECK_TEXT(list[at].name, rows[i].index == 3 ? "eth0" : "wlan0");
        CHECK_INT(list[at].prefix_length, 16 + i);
        CHECK_INT(list[at].is_lent, rows[i].is_lent);
        CHECK_INT(list[at].is_dynamic, rows[i].is_dynamic);
        CHECK(list[at].is_up);
    }
}

// More than there is place for: what stands behind the list is not touched.
static void more_than_fit(void) {
    static struct {
        struct interface_address list[INTERFACE_ADDRESSES];
        uint8_t behind[sizeof(struct interface_address)];
    } all;
    char name[16];
    for (int second = 0; second < 2; second++) { // second addresses, or links, are too many
        int number = second > 0 ? INTERFACE_ADDRESSES - 1 : INTERFACE_ADDRESSES + 1;
        memset(&all, 0x5a, sizeof all);
        test_row("%d interfaces", number);
        CHECK(begin());
        for (int i = 1; i <= number; i++) {
            snprintf(name, sizeof name, "eth%d", i);
            say_link(i, ARPHRD_ETHER, 0, name, NULL);
        }
        say_end(1);
        for (uint32_t i = 0; i < 3; i++)
            say_address(1, 0x0a000001 + i, 24, IFA_F_PERMANENT, UINT32_MAX);
        say_end(2);
        CHECK_INT(end(all.list), INTERFACE_ADDRESSES);
        CHECK_INT(all.list[0].address, 0x0a000001);
        CHECK_INT(all.list[INTERFACE_ADDRESSES - 1].address, second > 0 ? 0x0a000002 : 0);
        for (size_t i = 0; i < sizeof all.behind; i++) CHECK_INT(all.behind[i], 0x5a);
    }
}

int main(void) {
    TEST("tunnels are not listed, whatever they say to be, and other interfaces are", kinds);
    TEST("an interface's kind that does not end is none", kind_without_end);
    TEST("addresses have the name of their interface, and a lent one shows", addresses);
    TEST("more interfaces or addresses than fit are left out", more_than_fit);
    return test_end();
}
