// SPDX-License-Identifier: ISC
// What the kernel and systemd-resolved are told of names: rules that lead queries into the tether.
#include "../../src/dns/told_linux.c"

#include <unistd.h>

#include "test.h"

static struct {
    int commits, to_loopback, rules;
    bool again;
    uint32_t redirected; // to this resolver
    int error;           // of the next commit
} seen;
static struct tun tun = {.index = 7};
static struct dns_told told;

void nft_begin(struct nft_batch *batch, struct netlink_request *requests, size_t most, bool again) {
    (void)batch, (void)requests, (void)most;
    seen.again = again;
    seen.rules = seen.to_loopback = 0;
    seen.redirected = 0;
}

void nft_add_chain(struct nft_batch *batch, const struct nft_chain *chain) {
    (void)batch, (void)chain;
}

void nft_add_rule(struct nft_batch *batch, const struct nft_chain *chain,
                  const struct nft_part *parts, size_t count) {
    (void)batch, (void)chain;
    const struct nft_part *last = &parts[count - 1];
    seen.rules++;
    if (last->kind != NFT_REDIRECT)
        return;
    seen.redirected = last->low;
    seen.to_loopback += parts[0].kind == NFT_PROTOCOL && parts[2].low == DNS_LOOPBACK;
}

int nft_commit(struct nft_batch *batch, struct kernel_socket *netlink) {
    (void)batch, (void)netlink;
    seen.commits++;
    return seen.error;
}

static int bus; // the other end of what resolved is told on

static bool start(bool has_loopback) {
    int fds[2];
    memset(&seen, 0, sizeof seen);
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) < 0)
        return false;
    bus = fds[1];
    told = (struct dns_told){
        .tun = &tun, .resolver = 0x01010101, .has_loopback = has_loopback, .bus = fds[0]};
    told.rules.fd = dup(bus); // any
    return true;
}

static void end(void) {
    close(bus);
    close(told.bus);
    dns_untell(&told);
}

static void rules(void) {
    for (int has_loopback = 0; has_loopback < 2; has_loopback++) {
        test_row("loopback: %d", has_loopback);
        CHECK(start(has_loopback));
        CHECK_INT(write_rules(&told), 0);
        CHECK_INT(seen.commits, 1);
        CHECK(!seen.again);
        CHECK_INT(seen.redirected, 0x01010101);
        CHECK_INT(seen.to_loopback, 2 * has_loopback); // UDP and TCP
        CHECK_INT(seen.rules, 1 + 2 * (DNS_CAUGHT + 1 + has_loopback));
        end();
        CHECK_INT(told.rules.fd, -1);
    }
}

static void told_again(void) {
    uint8_t message[RESOLVED_BYTES];
    CHECK(start(false));
    CHECK_INT(write_rules(&told), 0);
    told.resolver = 0x08080808;
    dns_tell_again(&told);
    CHECK_INT(seen.commits, 2);
    CHECK(seen.again);
    CHECK_INT(seen.redirected, 0x08080808);
    CHECK(recv(bus, message, sizeof message, MSG_DONTWAIT) > 0);
    end();
}

// Where there is no nf_tables, resolved is told all the same.
static void no_rules(void) {
    uint8_t message[RESOLVED_BYTES];
    CHECK(start(false));
    netlink_close(&told.rules);
    dns_tell_again(&told);
    CHECK_INT(seen.commits, 0);
    CHECK(recv(bus, message, sizeof message, MSG_DONTWAIT) > 0);
    end();
}

static void refused(void) {
    CHECK(start(false));
    seen.error = -EPERM;
    CHECK_INT(write_rules(&told), -EPERM);
    CHECK(!told.has_rules);
    seen.error = 0;
    CHECK_INT(write_rules(&told), 0);
    CHECK(!seen.again); // there was nothing to be replaced
    end();
}

int main(void) {
    TEST("queries are led to the tether's resolver, and to loopback where libc asks there", rules);
    TEST("another resolver takes the place of the one before", told_again);
    TEST("without rules, resolved is told all the same", no_rules);
    TEST("rules that the kernel refused are not replaced", refused);
    return test_end();
}
