// SPDX-License-Identifier: ISC
// Batches for nf_tables: a rule is made of its own parts, and of nothing that stands behind them.
#include "os/nftables.h"

#include "test.h"

#define MOST 8

static const struct nft_chain chain = {"drop", "filter", 0, -300};
static struct netlink_request requests[2][MOST];

// Three parts, and behind them this kind.
static void make(struct netlink_request *to, enum nft_kind behind, struct nft_batch *batch) {
    const struct nft_part parts[] = {
        {NFT_PROTOCOL, 17, 0}, {NFT_PORT, 1000, 2000}, {NFT_DROP, 0, 0}, {behind, 5, 5}};
    nft_begin(batch, to, MOST, false);
    nft_add_chain(batch, &chain);
    nft_add_rule(batch, &chain, parts, 3);
}

static void own_parts(void) {
    struct nft_batch batches[2];
    memset(requests, 0, sizeof requests);
    make(requests[0], NFT_TO, &batches[0]);
    make(requests[1], NFT_IN, &batches[1]);
    CHECK_INT(batches[0].count, 4); // the beginning, the table, the chain and the rule
    for (size_t i = 0; i < batches[0].count; i++) {
        test_row("request %zu", i);
        CHECK_INT(requests[0][i].overflow, 0);
        CHECK_INT(requests[0][i].length, requests[1][i].length);
        CHECK_BYTES(requests[0][i].bytes, requests[1][i].bytes, requests[0][i].length);
    }
    make(requests[0], NFT_DROP, &batches[0]);
    CHECK_INT(requests[0][3].length, requests[1][3].length);
}

static void too_many(void) {
    struct nft_batch batch;
    struct kernel_socket nowhere = {-1, 0};
    make(requests[0], NFT_DROP, &batch);
    for (int i = 0; i < MOST; i++) nft_add_chain(&batch, &chain);
    CHECK_INT(batch.count, MOST);
    CHECK(nft_commit(&batch, &nowhere) < 0);
}

int main(void) {
    TEST("a rule is made of its own parts", own_parts);
    TEST("a batch that has no room for all is not sent", too_many);
    return test_end();
}
