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
//
// Whether it works is seen in passing, by the answers that the machine is given, or else asked.
#include "names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "../crypto/random.h"
#include "../os/nftables.h"
#include "../os/resolvers.h"

#define FIRST_MS  2000  // after the tether came up
#define WAIT_MS   5000  // for an answer: as libc does (resolv.conf(5))
#define AGAIN_MS  35000 // where the kernel has led a socket it leads it for 30 s more
#define SELDOM_MS 60000
#define FAILURES  2 // in a row, until it is said: one packet may be lost

static uint32_t resolver_of(const struct names *names) {
    return names->plan.resolvers[names->turn % names->plan.count];
}

// ---- rules ----

// Before others that translate (NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC), and strays before the kernel
// finds a packet's connection (NF_IP_PRI_CONNTRACK).
static const struct nft_chain queries = {"queries", "nat", NF_INET_LOCAL_OUT, -110};
static const struct nft_chain sources = {"sources", "nat", NF_INET_POST_ROUTING, 90};
static const struct nft_chain strays = {"strays", "filter", NF_INET_PRE_ROUTING, -300};

#define REQUESTS_MAX (3 + 2 * (DNS_CAUGHT + 2) + 1 + 4)

// The laptop's own addresses are left alone, for what listens there was put there by somebody.
static void add_rules(struct nft_batch *batch, const struct names *names, uint8_t protocol) {
    const uint32_t loopback = 1; // the number of "lo" in each network namespace
    struct nft_part rule[] = {{NFT_OUT_NOT, loopback, 0},
                              {NFT_PROTOCOL, protocol, 0},
                              {NFT_PORT, DNS_PORT, DNS_PORT},
                              {NFT_TO, DNS_LOOPBACK, DNS_LOOPBACK},
                              {NFT_REDIRECT, resolver_of(names), 0}};
    if (names->has_loopback)
        nft_add_rule(batch, &queries, rule + 1, 4);
    for (size_t i = 0; i < DNS_CAUGHT; i++) {
        rule[3] = (struct nft_part){NFT_TO, dns_caught[i].first, dns_caught[i].last};
        nft_add_rule(batch, &queries, rule, 5);
    }
    rule[0] = (struct nft_part){NFT_OUT, (uint32_t)names->machine->tun.index, 0};
    rule[3] = (struct nft_part){NFT_MASQUERADE, 0, 0}; // no server takes any source of a Wi-Fi's
    nft_add_rule(batch, &sources, rule, 4);
}

// The TUN device may let 127.0.0.0/8 pass, so what comes from its other end for there is dropped;
// answers that the kernel will translate do not have such an address yet.
static int write_rules(struct names *names) {
    struct netlink_request requests[REQUESTS_MAX];
    struct nft_batch batch;
    const struct nft_part stray[] = {{NFT_IN, (uint32_t)names->machine->tun.index, 0},
                                     {NFT_TO, 0x7f000000, 0x7fffffff},
                                     {NFT_DROP, 0, 0}};
    nft_begin(&batch, requests, REQUESTS_MAX, names->has_rules);
    nft_add_chain(&batch, &strays);
    nft_add_chain(&batch, &queries);
    nft_add_chain(&batch, &sources);
    nft_add_rule(&batch, &strays, stray, 3);
    add_rules(&batch, names, IPPROTO_UDP);
    add_rules(&batch, names, IPPROTO_TCP);
    int error = nft_commit(&batch, &names->rules);
    names->has_rules |= error == 0;
    return error;
}

static void open_rules(struct names *names) {
    int error = netlink_open(&names->rules, NETLINK_NETFILTER) < 0 ? -errno : write_rules(names);
    if (error == 0 && names->has_loopback)
        tun_pass_loopback(&names->machine->tun);
    if (error == 0)
        return;
    netlink_close(&names->rules);
    log_warn(names->log,
             "cannot lead queries for names into the tether by nftables (%s): if names do not "
             "resolve, name a public resolver in /etc/resolv.conf",
             strerror(-error));
}

// ---- systemd-resolved ----

static void tell_resolved(const struct names *names, bool begins) {
    uint8_t out[RESOLVED_BYTES];
    size_t length = resolved_write(out, begins, names->machine->tun.index, resolver_of(names));
    (void)send(names->bus, out, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// The bus takes our user from the kernel, now: later we are nobody, whom resolved does not obey. It
// says little, which nobody reads.
static void join_bus(struct names *names) {
    const struct sockaddr_un address = {AF_UNIX, "/run/dbus/system_bus_socket"};
    names->bus = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(names->bus, (const struct sockaddr *)&address, sizeof address) == 0)
        tell_resolved(names, true);
}

// ---- the check ----

static void ask(const struct names *names, uint32_t resolver) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(DNS_PORT), .sin_addr.s_addr = htonl(resolver)};
    (void)sendto(names->socket, names->query, sizeof names->query, 0, (const struct sockaddr *)&to,
                 sizeof to);
}

static void begin_check(struct names *names) {
    uint8_t random[DNS_QUERY_RANDOM];
    if (crypto_random(random, sizeof random) < 0)
        return;
    dns_query_write(names->query, random);
    names->tether_works = false;
    names->until_ms = names->loop->now_ms + WAIT_MS;
    ask(names, names->own);
    ask(names, resolver_of(names));
}

// Says what is new, and what to do.
static void set_state(struct names *names, enum names_state state) {
    if (state == NAMES_WORK && names->state > NAMES_WORK)
        log_info(names->log, "names resolve");
    if (state == NAMES_UNANSWERED && names->state != state)
        log_warn(names->log, "names do not resolve: no answer comes through the tether (--dns "
                             "names another resolver)");
    if (state == NAMES_BYPASSED && names->state != state)
        log_warn(names->log,
                 "names do not resolve: answers come through the tether, but not to this laptop's "
                 "own resolver. Perhaps it is bound to a network interface: name another in "
                 "/etc/resolv.conf");
    names->state = state;
}

static void use_resolver(struct names *names) {
    if (names->rules.fd >= 0)
        (void)write_rules(names);
    tell_resolved(names, false);
}

static void end_check(struct names *names, bool works) {
    names->until_ms = 0;
    names->seen = names->machine->answers;
    names->failures = works ? 0 : names->failures + 1;
    if (works) {
        set_state(names, NAMES_WORK);
        names->due_ms = names->loop->now_ms + SELDOM_MS;
    } else if (names->failures >= FAILURES) {
        set_state(names, names->tether_works ? NAMES_BYPASSED : NAMES_UNANSWERED);
        names->due_ms = names->loop->now_ms + AGAIN_MS;
        names->turn += !names->tether_works;
        use_resolver(names); // another one, or the same for a resolved that was started anew
    }
}

static void on_answer(void *arg, short events) {
    struct names *names = arg;
    uint8_t bytes[512];
    struct sockaddr_in from = {.sin_port = 0};
    socklen_t size = sizeof from;
    ssize_t length =
        recvfrom(names->socket, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
    (void)events;
    if (length <= 0 || names->until_ms == 0 || from.sin_port != htons(DNS_PORT) ||
        !dns_answer_is_good(bytes, (size_t)length) || memcmp(bytes, names->query, 2) != 0)
        return;
    names->tether_works |= ntohl(from.sin_addr.s_addr) == resolver_of(names);
    if (ntohl(from.sin_addr.s_addr) == names->own)
        end_check(names, true);
}

void names_tick(struct names *names) {
    int64_t now_ms = names->loop->now_ms;
    if (names->state == NAMES_OFF)
        return;
    if (names->phones->link.conn == NULL || !names->phones->mode->show(names->phones).is_up) {
        names->state = NAMES_UNKNOWN;
        names->due_ms = names->until_ms = 0;
        names->failures = 0;
        return;
    }
    if (names->due_ms == 0)
        names->due_ms = now_ms + FIRST_MS;
    if (names->until_ms != 0 && now_ms >= names->until_ms)
        end_check(names, false);
    if (names->until_ms != 0 || now_ms < names->due_ms)
        return;
    if (names->state == NAMES_WORK && names->machine->answers != names->seen)
        end_check(names, true);
    else
        begin_check(names);
}

// ---- all of it ----

void names_open(struct names *names) {
    static const struct dns_plan nobody;
    const struct client_options *options = names->options;
    bool takes_all = options->route_count == 0 && !options->no_routes;
    names->rules.fd = names->bus = -1;
    if (options->dns.count == 0 && (!takes_all || options->no_dns))
        return;
    names->state = NAMES_UNKNOWN;
    names->plan = dns_choose(&names->options->dns, &nobody);
    if (names->options->open)
        names->plan.count = 1; // its rules cannot be changed later: there is no right left to
    names->has_loopback = resolvers_read(&names->own, 1, "/etc/resolv.conf") == 0;
    if (names->has_loopback)
        names->own = DNS_LOOPBACK;
    open_rules(names);
    join_bus(names);
    names->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)loop_add(names->loop, names->socket, POLLIN, on_answer, names);
}

void names_close(struct names *names) { netlink_close(&names->rules); }

void names_follow(struct names *names, const struct configuration *config) {
    struct dns_plan named = {.count = config->resolver_count};
    memcpy(named.resolvers, config->resolvers, sizeof named.resolvers);
    if (names->state == NAMES_OFF)
        return;
    named = dns_choose(&names->options->dns, &named);
    if (memcmp(&named, &names->plan, sizeof named) == 0)
        return;
    names->plan = named;
    names->turn = 0;
    use_resolver(names);
}
