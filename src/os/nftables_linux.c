// SPDX-License-Identifier: ISC
// A batch is a row of netlink requests between two marks. A rule is a row of expressions, each a
// name and nested data. Most load a register or look at one, of which we need one.
#include "../base/bytes.h"
#include "nftables.h"
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <unistd.h>

#ifndef NFT_TABLE_F_OWNER
#define NFT_TABLE_F_OWNER 0x2
#endif

static struct netlink_request *current(const struct nft_batch *batch) {
    return &batch->requests[batch->count - 1];
}

static struct netlink_request *begin_request(struct nft_batch *batch, uint16_t type, uint16_t flags,
                                             uint8_t family) {
    struct nfgenmsg body = {.nfgen_family = family, .version = NFNETLINK_V0};
    if (family == AF_UNSPEC)
        body.res_id = htons(NFNL_SUBSYS_NFTABLES); // the batch's marks say whose it is
    else
        type |= NFNL_SUBSYS_NFTABLES << 8;
    bool is_full = batch->count == batch->most;
    batch->count += !is_full;
    netlink_begin(current(batch), type, flags, &body, sizeof body);
    current(batch)->overflow = is_full;
    return current(batch);
}

void nft_begin(struct nft_batch *batch, struct netlink_request *requests, size_t most, bool again) {
    *batch = (struct nft_batch){.requests = requests, .most = most};
    snprintf(batch->table, sizeof batch->table, "tether-%ld", (long)getpid());
    begin_request(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC);
    if (again)
        netlink_put_string(begin_request(batch, NFT_MSG_DELTABLE, 0, NFPROTO_IPV4), NFTA_TABLE_NAME,
                           batch->table);
    begin_request(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, NFPROTO_IPV4);
    netlink_put_string(current(batch), NFTA_TABLE_NAME, batch->table);
    netlink_put_be32(current(batch), NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
}

void nft_add_chain(struct nft_batch *batch, const struct nft_chain *chain) {
    struct netlink_request *request =
        begin_request(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_IPV4);
    netlink_put_string(request, NFTA_CHAIN_TABLE, batch->table);
    netlink_put_string(request, NFTA_CHAIN_NAME, chain->name);
    size_t hook = netlink_nest(request, NFTA_CHAIN_HOOK);
    netlink_put_be32(request, NFTA_HOOK_HOOKNUM, chain->hook);
    netlink_put_be32(request, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
    netlink_nest_end(request, hook);
    netlink_put_string(request, NFTA_CHAIN_TYPE, chain->type);
}

// Bytes that lie in an attribute of an expression, in one of their own.
struct data {
    uint16_t type;
    uint16_t inner;
    const void *bytes;
    size_t size;
};

// Appends an expression: numbers with their types, and data, if there are any.
static void put(struct netlink_request *request, const char *name, const uint32_t (*numbers)[2],
                size_t count, const struct data *data) {
    size_t element = netlink_nest(request, NFTA_LIST_ELEM);
    netlink_put_string(request, NFTA_EXPR_NAME, name);
    size_t nest = netlink_nest(request, NFTA_EXPR_DATA);
    for (size_t i = 0; i < count; i++)
        netlink_put_be32(request, (uint16_t)numbers[i][0], numbers[i][1]);
    if (data != NULL) {
        size_t place = netlink_nest(request, data->type);
        netlink_put(request, data->inner, data->bytes, data->size);
        netlink_nest_end(request, place);
    }
    netlink_nest_end(request, nest);
    netlink_nest_end(request, element);
}

// Goes on only if the register compares so with the bytes.
static void compare(struct netlink_request *request, uint32_t operation, const void *bytes,
                    size_t size) {
    const uint32_t how[][2] = {{NFTA_CMP_SREG, NFT_REG_1}, {NFTA_CMP_OP, operation}};
    put(request, "cmp", how, 2, &(struct data){NFTA_CMP_DATA, NFTA_DATA_VALUE, bytes, size});
}

// Something about a packet that is none of its bytes: a protocol has one, an interface four.
static void match_meta(struct netlink_request *request, const struct nft_part *part) {
    const uint8_t protocol = (uint8_t)part->low;
    bool is_protocol = part->kind == NFT_PROTOCOL;
    uint32_t interface = part->kind == NFT_IN ? NFT_META_IIF : NFT_META_OIF;
    const uint32_t load[][2] = {{NFTA_META_KEY, is_protocol ? NFT_META_L4PROTO : interface},
                                {NFTA_META_DREG, NFT_REG_1}};
    put(request, "meta", load, 2, NULL);
    compare(request, part->kind == NFT_OUT_NOT ? NFT_CMP_NEQ : NFT_CMP_EQ,
            is_protocol ? (const void *)&protocol : &part->low, is_protocol ? 1 : 4);
}

// The destination in the IPv4 header, or its port in that of TCP or UDP.
static void match_bytes(struct netlink_request *request, const struct nft_part *part) {
    bool is_port = part->kind == NFT_PORT;
    const uint32_t base = is_port ? NFT_PAYLOAD_TRANSPORT_HEADER : NFT_PAYLOAD_NETWORK_HEADER;
    const uint32_t size = is_port ? 2 : 4;
    const uint32_t load[][2] = {{NFTA_PAYLOAD_DREG, NFT_REG_1},
                                {NFTA_PAYLOAD_BASE, base},
                                {NFTA_PAYLOAD_OFFSET, is_port ? 2 : 16},
                                {NFTA_PAYLOAD_LEN, size}};
    uint8_t bytes[4];
    put(request, "payload", load, 4, NULL);
    put_be32(bytes, part->low);
    compare(request, NFT_CMP_GTE, bytes + 4 - size, size);
    put_be32(bytes, part->high);
    compare(request, NFT_CMP_LTE, bytes + 4 - size, size);
}

// What becomes of a packet whose rule has gone so far.
static void end_rule(struct netlink_request *request, const struct nft_part *part) {
    static const uint32_t masquerade[][2] = {{NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY}};
    static const uint32_t nat[][2] = {{NFTA_NAT_TYPE, NFT_NAT_DNAT},
                                      {NFTA_NAT_FAMILY, NFPROTO_IPV4},
                                      {NFTA_NAT_REG_ADDR_MIN, NFT_REG_1}};
    static const uint32_t verdict[][2] = {{NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT}};
    static const uint32_t value[][2] = {{NFTA_IMMEDIATE_DREG, NFT_REG_1}};
    const uint32_t address = htonl(part->low);
    const struct data to = {NFTA_IMMEDIATE_DATA, NFTA_DATA_VALUE, &address, sizeof address};
    if (part->kind == NFT_MASQUERADE) {
        put(request, "masq", masquerade, 1, NULL); // RFC 5452 section 9.2
    } else if (part->kind == NFT_REDIRECT) {
        put(request, "immediate", value, 1, &to);
        put(request, "nat", nat, 3, NULL);
    } else {
        const struct {
            struct nlattr head;
            uint32_t code;
        } drop = {{sizeof drop, NFTA_VERDICT_CODE}, htonl(NF_DROP)};
        const struct data code = {NFTA_IMMEDIATE_DATA, NFTA_DATA_VERDICT | NLA_F_NESTED, &drop,
                                  sizeof drop};
        put(request, "immediate", verdict, 1, &code);
    }
}

void nft_add_rule(struct nft_batch *batch, const struct nft_chain *chain,
                  const struct nft_part *parts, size_t count) {
    struct netlink_request *request =
        begin_request(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, NFPROTO_IPV4);
    netlink_put_string(request, NFTA_RULE_TABLE, batch->table);
    netlink_put_string(request, NFTA_RULE_CHAIN, chain->name);
    size_t list = netlink_nest(request, NFTA_RULE_EXPRESSIONS);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].kind >= NFT_DROP)
            end_rule(request, &parts[i]);
        else if (parts[i].kind >= NFT_TO)
            match_bytes(request, &parts[i]);
        else
            match_meta(request, &parts[i]);
    }
    netlink_nest_end(request, list);
}

int nft_commit(struct nft_batch *batch, struct kernel_socket *netlink) {
    current(batch)->header.nlmsg_flags |= NLM_F_ACK; // one for all; errors come anyway
    begin_request(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC);
    return netlink_talk_batch(netlink, batch->requests, batch->count);
}
