// SPDX-License-Identifier: ISC
// The kernel kept silent. It sees the replies to the packets that we injected too, knows no socket
// for them, and would answer TCP with RST and UDP with ICMP port-unreachable, which ends the
// connection. So what arrives for the NAT's ports is dropped at prerouting; our packet socket has
// its copy by then.
//
// The rules are a table of our own in nftables, which the kernel removes however this process ends
// (os/nftables.h). Where that cannot be had, iptables.c does the same by another program.
#include "../os/nftables.h"
#include "wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>

// Before connection tracking, like the iptables table "raw".
static const struct nft_chain chain = {"silence", "filter", NF_INET_PRE_ROUTING, -300};

#define REQUESTS_MAX (2 * WIRE_RANGES + 5)

// ip daddr ADDRESS PROTOCOL dport LOW-HIGH drop
static void add_rules(struct nft_batch *batch, uint32_t address, uint8_t protocol,
                      const struct port_ranges *ports) {
    for (size_t i = 0; i < ports->count; i++) {
        const struct port_range *range = &ports->ranges[i];
        const struct nft_part rule[] = {{NFT_PROTOCOL, protocol, 0},
                                        {NFT_TO, address, address},
                                        {NFT_PORT, range->low, range->high},
                                        {NFT_DROP, 0, 0}};
        nft_add_rule(batch, &chain, rule, 4);
    }
}

static int silence_by_nftables(struct wire *wire, const struct port_ranges *tcp,
                               const struct port_ranges *udp) {
    struct netlink_request requests[REQUESTS_MAX];
    struct nft_batch batch;
    if (netlink_open(&wire->rules, NETLINK_NETFILTER) < 0)
        return -errno;
    nft_begin(&batch, requests, REQUESTS_MAX, false);
    nft_add_chain(&batch, &chain);
    add_rules(&batch, wire->address, IPPROTO_TCP, tcp);
    add_rules(&batch, wire->address, IPPROTO_UDP, udp);
    int error = nft_commit(&batch, &wire->rules);
    if (error < 0)
        netlink_close(&wire->rules);
    return error;
}

int wire_silence(struct wire *wire, const struct port_ranges *tcp, const struct port_ranges *udp) {
    int error = silence_by_nftables(wire, tcp, udp);
    if (error == 0)
        return 0;
    log_info(wire->log, "nftables is not to be had (%s): using iptables", strerror(-error));
    if (wire_silence_by_iptables(wire, tcp, udp))
        return 0;
    return log_error(wire->log,
                     "cannot keep the kernel from answering for the tether: nftables says %s, "
                     "and iptables did not work either (install nftables or iptables)",
                     strerror(-error));
}

void wire_unsilence(struct wire *wire) {
    netlink_close(&wire->rules);
    wire_unsilence_by_iptables(wire);
}
