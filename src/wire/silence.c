// SPDX-License-Identifier: ISC
// The kernel kept silent. It sees the replies to the packets that we injected too, knows no socket
// for them, and would answer TCP with RST and UDP with ICMP port-unreachable, which ends the
// connection. So what arrives for the NAT's ports is dropped at prerouting; our packet socket has
// its copy by then.
//
// The rules are a table of our own in nftables, spoken to by nfnetlink without any program. The
// table has the owner flag (Linux 5.12): it belongs to our netlink socket, and the kernel removes
// it when that is closed, however this process ends. Where that cannot be had, iptables.c does the
// same by another program.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/bytes.h"
#include "wire.h"

#ifndef NFT_TABLE_F_OWNER
#define NFT_TABLE_F_OWNER 0x2
#endif

#define CHAIN_NAME   "silence"
#define RAW_PRIORITY (-300) // before connection tracking, like the iptables table "raw"

// Table, chain, rules, and the batch's begin and end.
#define REQUESTS_MAX (2 * WIRE_RANGES + 4)

static void begin_nft(struct netlink_request *request, uint16_t type, uint16_t flags)
{
    struct nfgenmsg body = {.nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0};
    netlink_begin(request, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &body, sizeof body);
}

// A batch is all done or not at all (nfnetlink_batch).
static void begin_batch_mark(struct netlink_request *request, uint16_t type)
{
    struct nfgenmsg body = {
        .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
    netlink_begin(request, type, 0, &body, sizeof body);
}

static void table_name(char name[32])
{
    snprintf(name, 32, "tether-%ld", (long)getpid());
}

static void make_table(struct netlink_request *request, const char *table)
{
    begin_nft(request, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
    netlink_put_string(request, NFTA_TABLE_NAME, table);
    netlink_put_be32(request, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
}

static void make_chain(struct netlink_request *request, const char *table)
{
    begin_nft(request, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    netlink_put_string(request, NFTA_CHAIN_TABLE, table);
    netlink_put_string(request, NFTA_CHAIN_NAME, CHAIN_NAME);
    size_t hook = netlink_nest(request, NFTA_CHAIN_HOOK);
    netlink_put_be32(request, NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING);
    netlink_put_be32(request, NFTA_HOOK_PRIORITY, (uint32_t)RAW_PRIORITY);
    netlink_nest_end(request, hook);
    netlink_put_string(request, NFTA_CHAIN_TYPE, "filter");
}

// One expression of a rule is a name and nested data; these open and close both.
struct expression {
    size_t element;
    size_t data;
};

static struct expression begin_expression(struct netlink_request *request, const char *name)
{
    struct expression e;
    e.element = netlink_nest(request, NFTA_LIST_ELEM);
    netlink_put_string(request, NFTA_EXPR_NAME, name);
    e.data = netlink_nest(request, NFTA_EXPR_DATA);
    return e;
}

static void end_expression(struct netlink_request *request, struct expression e)
{
    netlink_nest_end(request, e.data);
    netlink_nest_end(request, e.element);
}

// Register 1 = the transport protocol.
static void load_protocol(struct netlink_request *request)
{
    struct expression e = begin_expression(request, "meta");
    netlink_put_be32(request, NFTA_META_KEY, NFT_META_L4PROTO);
    netlink_put_be32(request, NFTA_META_DREG, NFT_REG_1);
    end_expression(request, e);
}

// Register 1 = bytes of the packet.
static void load_payload(struct netlink_request *request, uint32_t base, uint32_t offset,
                         uint32_t length)
{
    struct expression e = begin_expression(request, "payload");
    netlink_put_be32(request, NFTA_PAYLOAD_DREG, NFT_REG_1);
    netlink_put_be32(request, NFTA_PAYLOAD_BASE, base);
    netlink_put_be32(request, NFTA_PAYLOAD_OFFSET, offset);
    netlink_put_be32(request, NFTA_PAYLOAD_LEN, length);
    end_expression(request, e);
}

// Goes on only if register 1 compares so with the bytes.
static void compare(struct netlink_request *request, uint32_t operation, const uint8_t *bytes,
                    size_t length)
{
    struct expression e = begin_expression(request, "cmp");
    netlink_put_be32(request, NFTA_CMP_SREG, NFT_REG_1);
    netlink_put_be32(request, NFTA_CMP_OP, operation);
    size_t data = netlink_nest(request, NFTA_CMP_DATA);
    netlink_put(request, NFTA_DATA_VALUE, bytes, length);
    netlink_nest_end(request, data);
    end_expression(request, e);
}

static void drop(struct netlink_request *request)
{
    struct expression e = begin_expression(request, "immediate");
    netlink_put_be32(request, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    size_t data = netlink_nest(request, NFTA_IMMEDIATE_DATA);
    size_t verdict = netlink_nest(request, NFTA_DATA_VERDICT);
    netlink_put_be32(request, NFTA_VERDICT_CODE, NF_DROP);
    netlink_nest_end(request, verdict);
    netlink_nest_end(request, data);
    end_expression(request, e);
}

// ip daddr ADDRESS PROTOCOL dport LOW-HIGH drop
static void make_rule(struct netlink_request *request, const char *table, uint32_t address,
                      uint8_t protocol, const struct port_range *range)
{
    uint8_t bytes[4];
    begin_nft(request, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    netlink_put_string(request, NFTA_RULE_TABLE, table);
    netlink_put_string(request, NFTA_RULE_CHAIN, CHAIN_NAME);
    size_t list = netlink_nest(request, NFTA_RULE_EXPRESSIONS);
    load_protocol(request);
    compare(request, NFT_CMP_EQ, &protocol, 1);
    load_payload(request, NFT_PAYLOAD_NETWORK_HEADER, 16, 4);
    put_be32(bytes, address);
    compare(request, NFT_CMP_EQ, bytes, 4);
    load_payload(request, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
    put_be16(bytes, range->low);
    compare(request, NFT_CMP_GTE, bytes, 2);
    put_be16(bytes, range->high);
    compare(request, NFT_CMP_LTE, bytes, 2);
    drop(request);
    netlink_nest_end(request, list);
}

static int silence_by_nftables(struct wire *wire, const struct port_ranges *tcp,
                               const struct port_ranges *udp)
{
    struct netlink_request requests[REQUESTS_MAX];
    char table[32];
    size_t count = 0;
    if (netlink_open(&wire->rules, NETLINK_NETFILTER) < 0)
        return -errno;
    table_name(table);
    begin_batch_mark(&requests[count++], NFNL_MSG_BATCH_BEGIN);
    make_table(&requests[count++], table);
    make_chain(&requests[count++], table);
    for (size_t i = 0; i < tcp->count; i++)
        make_rule(&requests[count++], table, wire->address, IPPROTO_TCP, &tcp->ranges[i]);
    for (size_t i = 0; i < udp->count; i++)
        make_rule(&requests[count++], table, wire->address, IPPROTO_UDP, &udp->ranges[i]);
    requests[count - 1].header.nlmsg_flags |= NLM_F_ACK; // one for all; errors come anyway
    begin_batch_mark(&requests[count++], NFNL_MSG_BATCH_END);
    int error = netlink_talk_batch(&wire->rules, requests, count);
    if (error < 0)
        netlink_close(&wire->rules);
    return error;
}

int wire_silence(struct wire *wire, const struct port_ranges *tcp, const struct port_ranges *udp)
{
    int error = silence_by_nftables(wire, tcp, udp);
    if (error == 0)
        return 0;
    log_info(wire->log, "nftables is not to be had (%s): using iptables", strerror(-error));
    if (wire_silence_by_iptables(wire, tcp, udp))
        return 0;
    log_error(wire->log,
              "cannot keep the kernel from answering for the tether: nftables says %s, "
              "and iptables did not work either (install nftables or iptables)",
              strerror(-error));
    return -1;
}

void wire_unsilence(struct wire *wire)
{
    netlink_close(&wire->rules);
    wire_unsilence_by_iptables(wire);
}
