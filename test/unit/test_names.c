// SPDX-License-Identifier: ISC
// Whether names resolve, as the laptop's program finds out: whom it asks, when, and what it makes
// of the answers.
#include <sys/socket.h>
#include <sys/types.h>

// The socket is played.
#define sendto   play_sendto
#define recvfrom play_recvfrom
static ssize_t play_sendto(int fd, const void *bytes, size_t length, int flags,
                           const struct sockaddr *to, socklen_t size);
static ssize_t play_recvfrom(int fd, void *bytes, size_t size, int flags, struct sockaddr *from,
                             socklen_t *from_size);

#include "../../src/client/names.c"

#include "test.h"

#define SOCKET   77
#define OWN      0xc0a80101 // the laptop's own resolver
#define RESOLVER 0x01010101 // the tether's,
#define ANOTHER  0x08080808 // and another

static struct {
    uint32_t asked[8];
    int asked_count;
    int told, told_again, untold;
    uint32_t told_resolver;
    int watched; // descriptor
    loop_callback *callback;
    uint8_t answer[512];
    ssize_t answer_length;
    struct sockaddr_in from;
    int said;
} seen;
static struct loop loop;
static struct log quiet;
static struct machine machine;
static struct client_phones phones;
static struct client_options options;
static struct ws_conn phone;
static bool is_up;
static struct names names;

static ssize_t play_sendto(int fd, const void *bytes, size_t length, int flags,
                           const struct sockaddr *to, socklen_t size) {
    struct sockaddr_in address;
    (void)bytes, (void)flags;
    memcpy(&address, to, sizeof address);
    if (fd == SOCKET && size == sizeof address && ntohs(address.sin_port) == DNS_PORT &&
        seen.asked_count < 8)
        seen.asked[seen.asked_count++] = ntohl(address.sin_addr.s_addr);
    return (ssize_t)length;
}

static ssize_t play_recvfrom(int fd, void *bytes, size_t size, int flags, struct sockaddr *from,
                             socklen_t *from_size) {
    (void)fd, (void)flags;
    if (seen.answer_length <= 0 || (size_t)seen.answer_length > size)
        return seen.answer_length;
    memcpy(bytes, seen.answer, (size_t)seen.answer_length);
    memcpy(from, &seen.from, *from_size);
    return seen.answer_length;
}

int log_say(const struct log *log, enum log_level level, const char *format, ...) {
    (void)log, (void)level, (void)format;
    seen.said++;
    return -1;
}

void dns_tell(struct dns_told *told) {
    seen.told++;
    seen.told_resolver = told->resolver;
    told->own = OWN;
}

void dns_tell_again(struct dns_told *told) {
    seen.told_again++;
    seen.told_resolver = told->resolver;
}

void dns_untell(struct dns_told *told) {
    (void)told;
    seen.untold++;
}

int socket_new(int family, int type, int protocol) {
    return family == AF_INET && type == SOCK_DGRAM && protocol == 0 ? SOCKET : -1;
}

int loop_add(struct loop *of, int fd, short events, loop_callback *callback, void *arg) {
    (void)of, (void)arg;
    seen.watched = events == POLLIN ? fd : -1;
    seen.callback = callback;
    return 0;
}

static struct shown show(const struct client_phones *of) {
    (void)of;
    return (struct shown){.is_up = is_up};
}

static void start(void) {
    static const struct client_mode mode = {.show = show};
    memset(&seen, 0, sizeof seen);
    memset(&names, 0, sizeof names);
    memset(&options, 0, sizeof options);
    memset(&machine, 0, sizeof machine);
    options.dns = (struct dns_plan){{RESOLVER, ANOTHER}, 2};
    loop.now_ms = 1000000;
    phones.link.conn = &phone;
    phones.mode = &mode;
    is_up = true;
    names.options = &options;
    names.log = &quiet;
    names.loop = &loop;
    names.machine = &machine;
    names.phones = &phones;
}

static void tick(int64_t ms) {
    loop.now_ms += ms;
    names_tick(&names);
}

// An answer to the question that was asked last, from a port of this host.
static void write_answer(uint32_t from, uint16_t port) {
    memset(seen.answer, 0, sizeof seen.answer);
    memcpy(seen.answer, names.query, sizeof names.query);
    seen.answer[2] = 0x81; // a response, RFC 1035 section 4.1.1
    seen.answer[3] = 0x83; // there is no such name
    seen.answer_length = sizeof names.query;
    seen.from = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(from)};
}

static void answer(uint32_t from, uint16_t port) {
    write_answer(from, port);
    seen.callback(&names);
}

static void when_it_is_told(void) {
    static const struct {
        size_t resolvers, routes;
        bool no_routes, no_dns, is_told;
    } cases[] = {
        {1, 0, false, false, true}, {1, 1, false, false, true},  {0, 0, false, false, true},
        {0, 0, false, true, false}, {0, 1, false, false, false}, {0, 0, true, false, false},
        {1, 0, true, false, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        start();
        options.dns.count = cases[i].resolvers;
        options.route_count = cases[i].routes;
        options.no_routes = cases[i].no_routes;
        options.no_dns = cases[i].no_dns;
        test_row("case %zu", i);
        names_open(&names);
        CHECK_INT(seen.told, cases[i].is_told);
        CHECK_INT(names.state, cases[i].is_told ? NAMES_UNKNOWN : NAMES_OFF);
        CHECK_INT(seen.watched, cases[i].is_told ? SOCKET : 0);
        tick(FIRST_MS);
        tick(FIRST_MS);
        CHECK_INT(seen.asked_count, cases[i].is_told ? 2 : 0);
    }
}

static void asks_and_hears(void) {
    start();
    names_open(&names);
    CHECK_INT(seen.told_resolver, RESOLVER);
    is_up = false;
    tick(10 * FIRST_MS);
    CHECK_INT(seen.asked_count, 0); // there is no way yet
    is_up = true;
    tick(1000);
    tick(FIRST_MS - 1);
    CHECK_INT(seen.asked_count, 0);
    tick(1);
    CHECK_INT(seen.asked_count, 2);
    CHECK_INT(seen.asked[0], OWN);
    CHECK_INT(seen.asked[1], RESOLVER);
    answer(RESOLVER, DNS_PORT);
    CHECK_INT(names.state, NAMES_UNKNOWN); // the own one must answer, too
    answer(OWN, DNS_PORT + 1);
    CHECK_INT(names.state, NAMES_UNKNOWN);
    answer(OWN, DNS_PORT);
    CHECK_INT(names.state, NAMES_WORK);
    tick(SELDOM_MS - 1);
    CHECK_INT(seen.asked_count, 2);
    tick(1);
    CHECK_INT(seen.asked_count, 4);
    tick(WAIT_MS - 1);
    answer(OWN, DNS_PORT);
    CHECK_INT(names.failures, 0);
    machine.answers++; // an answer was seen in passing: no need to ask
    tick(SELDOM_MS);
    CHECK_INT(seen.asked_count, 4);
    CHECK_INT(names.state, NAMES_WORK);
    answer(OWN, DNS_PORT); // nobody has asked
    CHECK_INT(names.due_ms, loop.now_ms + SELDOM_MS);
    CHECK_INT(seen.said, 0);
}

static void wrong_answers(void) {
    start();
    names_open(&names);
    tick(1);
    tick(FIRST_MS);
    for (size_t i = 0; i < 4; i++) {
        write_answer(OWN, DNS_PORT);
        if (i == 2) // a question
            seen.answer[2] = 0x01;
        else if (i < 2) // of another number
            seen.answer[i] ^= 1;
        else // it failed, RFC 1035 section 4.1.1
            seen.answer[3] = 0x82;
        test_row("case %zu", i);
        seen.callback(&names);
        CHECK_INT(names.state, NAMES_UNKNOWN);
    }
    seen.answer_length = -1;
    seen.callback(&names);
    CHECK_INT(names.state, NAMES_UNKNOWN);
}

// Two checks in a row fail: then another resolver is taken, unless only the own one is silent.
static void silence(bool tether_works) {
    start();
    names_open(&names);
    tick(1);
    tick(FIRST_MS);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(names.state, NAMES_UNKNOWN);
        CHECK_INT(seen.asked_count, 2 + 2 * i);
        if (tether_works)
            answer(RESOLVER, DNS_PORT);
        tick(WAIT_MS - 1);
        CHECK_INT(names.failures, i);
        tick(1);
        CHECK_INT(names.failures, i + 1);
    }
    CHECK_INT(names.state, tether_works ? NAMES_BYPASSED : NAMES_UNANSWERED);
    CHECK_INT(seen.said, 1);
    CHECK_INT(seen.told_again, 1);
    CHECK_INT(seen.told_resolver, tether_works ? RESOLVER : ANOTHER);
    tick(AGAIN_MS - 1);
    CHECK_INT(seen.asked_count, 4);
    tick(1);
    CHECK_INT(seen.asked_count, 6);
    answer(OWN, DNS_PORT);
    CHECK_INT(names.state, NAMES_WORK);
    CHECK_INT(seen.said, 2);
    is_up = false;
    tick(1);
    CHECK_INT(names.state, NAMES_UNKNOWN);
}

static void nobody_answers(void) { silence(false); }

static void tether_answers(void) { silence(true); }

static void server_names_others(void) {
    const struct configuration config = {.resolvers = {0x09090909}, .resolver_count = 1};
    start();
    names_follow(&names, &config); // it is off
    CHECK_INT(seen.told_again, 0);
    options.dns.count = 0;
    names_open(&names);
    names_follow(&names, &config);
    CHECK_INT(seen.told_again, 1);
    CHECK_INT(seen.told_resolver, 0x09090909);
    names_follow(&names, &config); // nothing is new
    CHECK_INT(seen.told_again, 1);
    names_close(&names);
    CHECK_INT(seen.untold, 1);
}

int main(void) {
    TEST("the system is told of a resolver where the tether takes everything, or one is named",
         when_it_is_told);
    TEST("names resolve when the laptop's own resolver answers, which is seldom asked",
         asks_and_hears);
    TEST("answers to other questions, and what is none, count for nothing", wrong_answers);
    TEST("where nobody answers, another resolver is taken", nobody_answers);
    TEST("where only the laptop's own is silent, that is said", tether_answers);
    TEST("resolvers that the server names are taken over", server_names_others);
    return test_end();
}
