// SPDX-License-Identifier: ISC
// nftables, spoken to by nfnetlink without any program: an IPv4 table of our own, written as one
// batch, which is done whole or not at all. The table has the owner flag (Linux 5.12): it belongs
// to our netlink socket, and the kernel removes it when that is closed, however this process ends.
#pragma once

#include "netlink.h"
#include <linux/netfilter/nf_tables.h>

struct nft_batch {
    struct netlink_request *requests;
    size_t most;
    size_t count;
    char table[32];
};

// A name, a type ("filter" or "nat"), and its hook's number and place there (enum nf_inet_hooks,
// nf_ip_hook_priorities).
struct nft_chain {
    const char *name;
    const char *type;
    uint32_t hook;
    int32_t priority;
};

// A rule is a row of these. It goes on where
enum nft_kind {
    NFT_PROTOCOL,   // the transport protocol is `low`,
    NFT_IN,         // the packet comes in by the interface with this number,
    NFT_OUT,        // goes out by it,
    NFT_OUT_NOT,    // or by another,
    NFT_TO,         // its destination is from `low` to `high` (IPv4, host byte order),
    NFT_PORT,       // or its destination port. In the end
    NFT_DROP,       // it is dropped,
    NFT_REDIRECT,   // its connection goes to the address `low` instead,
    NFT_MASQUERADE, // or comes from the address of the interface, and a port that nobody can guess
};
struct nft_part {
    enum nft_kind kind;
    uint32_t low;
    uint32_t high;
};

// Begins a batch that makes this process's table, with room for so many requests: one for each
// chain and rule, and four. With `again` the table is there already, and is made anew.
void nft_begin(struct nft_batch *batch, struct netlink_request *requests, size_t most, bool again);
void nft_add_chain(struct nft_batch *batch, const struct nft_chain *chain);
void nft_add_rule(struct nft_batch *batch, const struct nft_chain *chain,
                  const struct nft_part *parts, size_t count);
// Sends the batch by a socket of NETLINK_NETFILTER, to which the table belongs from then on.
// Returns 0, or a negative errno.
int nft_commit(struct nft_batch *batch, struct kernel_socket *netlink);
