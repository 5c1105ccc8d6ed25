// SPDX-License-Identifier: ISC
// Whether names resolve is seen in passing, by the answers that the machine is given, or else
// asked: both the tether's resolver and the laptop's own. Where only that one is silent, something
// leads past what the system was told.
#include "names.h"
#include "../crypto/random.h"
#include <arpa/inet.h>
#include <string.h>

#define FIRST_MS  2000  // after the tether came up
#define WAIT_MS   5000  // for an answer: as libc does (resolv.conf(5))
#define AGAIN_MS  35000 // where the kernel has led a socket it leads it for 30 s more
#define SELDOM_MS 60000
#define FAILURES  2 // in a row, until it is said: one packet may be lost

static uint32_t resolver_of(const struct names *names) {
    return names->plan.resolvers[names->turn % names->plan.count];
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
    ask(names, names->told.own);
    ask(names, names->told.resolver);
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
    names->told.resolver = resolver_of(names);
    dns_tell_again(&names->told);
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

static void on_answer(void *arg) {
    struct names *names = arg;
    uint8_t bytes[512];
    struct sockaddr_in from = {.sin_port = 0};
    socklen_t size = sizeof from;
    ssize_t length =
        recvfrom(names->socket, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
    if (length <= 0 || names->until_ms == 0 || from.sin_port != htons(DNS_PORT) ||
        !dns_answer_is_good(bytes, (size_t)length) || memcmp(bytes, names->query, 2) != 0)
        return;
    names->tether_works |= ntohl(from.sin_addr.s_addr) == names->told.resolver;
    if (ntohl(from.sin_addr.s_addr) == names->told.own)
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
    names->told.rules.fd = -1;
    if (options->dns.count == 0 && (!takes_all || options->no_dns))
        return;
    names->state = NAMES_UNKNOWN;
    names->plan = dns_choose(&names->options->dns, &nobody);
    if (names->options->open)
        names->plan.count = 1; // its rules cannot be changed later: there is no right left to
    names->told.resolver = resolver_of(names);
    names->told.tun = &names->machine->tun;
    names->told.log = names->log;
    dns_tell(&names->told);
    names->socket = socket_new(AF_INET, SOCK_DGRAM, 0);
    (void)loop_add(names->loop, names->socket, POLLIN, on_answer, names);
}

void names_close(struct names *names) { dns_untell(&names->told); }

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
