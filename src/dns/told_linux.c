// SPDX-License-Identifier: ISC
// Linux is told in two ways:
//
// - An nftables table of our own sends connections to port 53 of private addresses to the tether's
//   resolver instead. In the output hook the kernel looks for the way anew, whatever way the
//   program's socket had chosen, unless it is bound to a network interface. The kernel remembers
//   the connection, so the answer comes from the address that was asked. Where resolv.conf names
//   nobody, libc asks 127.0.0.1, and what is sent there goes the same way.
// - systemd-resolved, whom programs ask by other ways than DNS, too, is told over D-Bus.
//
// The kernel removes the table when our socket is closed, and resolved forgets a device that is
// gone. No file is changed, and nothing listens.
#include "../os/nftables.h"
#include "../os/resolvers.h"
#include "told.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

// ---- rules ----

// Before others that translate (NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC), and strays before the kernel
// finds a packet's connection (NF_IP_PRI_CONNTRACK).
static const struct nft_chain queries = {"queries", "nat", NF_INET_LOCAL_OUT, -110};
static const struct nft_chain sources = {"sources", "nat", NF_INET_POST_ROUTING, 90};
static const struct nft_chain strays = {"strays", "filter", NF_INET_PRE_ROUTING, -300};

#define REQUESTS_MAX (3 + 2 * (DNS_CAUGHT + 2) + 1 + 4)

// The laptop's own addresses are left alone, for what listens there was put there by somebody.
static void add_rules(struct nft_batch *batch, const struct dns_told *told, uint8_t protocol) {
    const uint32_t loopback = 1; // the number of "lo" in each network namespace
    struct nft_part rule[] = {{NFT_OUT_NOT, loopback, 0},
                              {NFT_PROTOCOL, protocol, 0},
                              {NFT_PORT, DNS_PORT, DNS_PORT},
                              {NFT_TO, DNS_LOOPBACK, DNS_LOOPBACK},
                              {NFT_REDIRECT, told->resolver, 0}};
    if (told->has_loopback)
        nft_add_rule(batch, &queries, rule + 1, 4);
    for (size_t i = 0; i < DNS_CAUGHT; i++) {
        rule[3] = (struct nft_part){NFT_TO, dns_caught[i].first, dns_caught[i].last};
        nft_add_rule(batch, &queries, rule, 5);
    }
    rule[0] = (struct nft_part){NFT_OUT, (uint32_t)told->tun->index, 0};
    rule[3] = (struct nft_part){NFT_MASQUERADE, 0, 0}; // no server takes any source of a Wi-Fi's
    nft_add_rule(batch, &sources, rule, 4);
}

// The TUN device may let 127.0.0.0/8 pass, so what comes from its other end for there is dropped;
// answers that the kernel will translate do not have such an address yet.
static int write_rules(struct dns_told *told) {
    struct netlink_request requests[REQUESTS_MAX];
    struct nft_batch batch;
    const struct nft_part stray[] = {{NFT_IN, (uint32_t)told->tun->index, 0},
                                     {NFT_TO, 0x7f000000, 0x7fffffff},
                                     {NFT_DROP, 0, 0}};
    nft_begin(&batch, requests, REQUESTS_MAX, told->has_rules);
    nft_add_chain(&batch, &strays);
    nft_add_chain(&batch, &queries);
    nft_add_chain(&batch, &sources);
    nft_add_rule(&batch, &strays, stray, 3);
    add_rules(&batch, told, IPPROTO_UDP);
    add_rules(&batch, told, IPPROTO_TCP);
    int error = nft_commit(&batch, &told->rules);
    told->has_rules |= error == 0;
    return error;
}

static void open_rules(struct dns_told *told) {
    int error = netlink_open(&told->rules, NETLINK_NETFILTER) < 0 ? -errno : write_rules(told);
    if (error == 0 && told->has_loopback)
        tun_pass_loopback(told->tun);
    if (error == 0)
        return;
    netlink_close(&told->rules);
    log_warn(told->log,
             "cannot lead queries for names into the tether by nftables (%s): if names do not "
             "resolve, name a public resolver in /etc/resolv.conf",
             strerror(-error));
}

// ---- systemd-resolved ----

static void tell_resolved(const struct dns_told *told, bool begins) {
    uint8_t out[RESOLVED_BYTES];
    size_t length = resolved_write(out, begins, told->tun->index, told->resolver);
    (void)send(told->bus, out, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// The bus takes our user from the kernel, now: later we are nobody, whom resolved does not obey. It
// says little, which nobody reads.
static void join_bus(struct dns_told *told) {
    const struct sockaddr_un address = {AF_UNIX, "/run/dbus/system_bus_socket"};
    told->bus = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(told->bus, (const struct sockaddr *)&address, sizeof address) == 0)
        tell_resolved(told, true);
}

// ---- both ----

void dns_tell(struct dns_told *told) {
    told->rules.fd = -1;
    told->has_loopback = resolvers_read(&told->own, 1, "/etc/resolv.conf") == 0;
    if (told->has_loopback)
        told->own = DNS_LOOPBACK;
    open_rules(told);
    join_bus(told);
}

void dns_tell_again(struct dns_told *told) {
    if (told->rules.fd >= 0)
        (void)write_rules(told);
    tell_resolved(told, false);
}

void dns_untell(struct dns_told *told) { netlink_close(&told->rules); }
