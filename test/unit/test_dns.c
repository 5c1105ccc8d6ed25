// SPDX-License-Identifier: ISC
// Whom a laptop's queries go to, the little of DNS messages that is read (RFC 1035 section 4.1),
// and what is said to systemd-resolved, as the D-Bus specification has it.
#include "dns/dns.h"

#include "base/bytes.h"
#include "ip/scope.h"
#include "packets.h"
#include "test.h"

#define A ADDRESS(192, 0, 2, 1)
#define B ADDRESS(192, 0, 2, 2)

static void plans(void) {
    static const struct dns_plan nobody;
    static const struct dns_plan chosen = {{A, B}, 2};
    static const struct dns_plan named = {{B}, 1};
    struct dns_plan plan = dns_choose(&chosen, &named);
    CHECK(plan.count == 2 && plan.resolvers[0] == A && plan.resolvers[1] == B);
    plan = dns_choose(&nobody, &named);
    CHECK(plan.count == 1 && plan.resolvers[0] == B);
    plan = dns_choose(&nobody, &nobody);
    CHECK(plan.count > 0);
    for (size_t i = 0; i < plan.count; i++) CHECK_INT(ip_scope_of(plan.resolvers[i]), SCOPE_GLOBAL);
}

static bool is_caught(uint32_t address) {
    for (size_t i = 0; i < DNS_CAUGHT; i++)
        if (address >= dns_caught[i].first && address <= dns_caught[i].last)
            return true;
    return false;
}

// What is caught is what is private or link-local, by the list that the NAT has.
static void caught(void) {
    for (int i = 0; i < 200000; i++) {
        uint32_t address = (uint32_t)test_random();
        enum ip_scope scope = ip_scope_of(address);
        bool is_benchmark = address >> 17 == ADDRESS(198, 18, 0, 0) >> 17;
        test_row("%08lx", (unsigned long)address);
        if (!is_benchmark)
            CHECK_INT(is_caught(address), scope == SCOPE_PRIVATE || address >> 16 == 0xa9fe);
    }
    CHECK(is_caught(ADDRESS(192, 168, 43, 1)) && is_caught(ADDRESS(172, 20, 10, 1)));
    CHECK(!is_caught(ADDRESS(9, 9, 9, 9)) && !is_caught(DNS_LOOPBACK));
}

static void asks(void) {
    static const uint8_t expected[] = "\1\2\1\0\0\1\0\0\0\0\0\0\10"
                                      "abpppaaa\7example\3com\0\0\1\0\1";
    uint8_t query[DNS_QUERY_BYTES];
    dns_query_write(query, (const uint8_t[]){1, 2, 0, 1, 15, 31, 255, 16, 32, 0});
    CHECK_INT(sizeof expected - 1, sizeof query);
    CHECK_BYTES(query, expected, sizeof query);
}

static const struct {
    const char *what;
    uint16_t flags;
    size_t length;
    bool is_good;
} answers[] = {
    {"as it should be", 0x8180, 60, true},
    {"no such name (NXDOMAIN)", 0x8183, 60, true},
    {"the resolver has failed (SERVFAIL)", 0x8182, 60, false},
    {"the resolver refuses (REFUSED)", 0x8185, 60, false},
    {"a query", 0x0100, 60, false},
    {"the header alone", 0x8180, 12, true},
    {"cut in the header", 0x8180, 11, false},
    {"nothing", 0, 0, false},
};

// An answer alone, and in a packet.
static void reads_answers(void) {
    uint8_t answer[60] = {0};
    uint8_t packet[128];
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct packet_spec spec = {.protocol = PACKET_UDP,
                                   .source = A,
                                   .source_port = 53,
                                   .destination = B,
                                   .payload = answer,
                                   .payload_length = answers[i].length};
        test_row("%s", answers[i].what);
        put_be16(answer + 2, answers[i].flags);
        uint8_t *copy = test_copy(answer, answers[i].length);
        CHECK_INT(dns_answer_is_good(copy, answers[i].length), answers[i].is_good);
        free(copy);
        size_t length = packet_make(packet, &spec);
        copy = test_copy(packet, length);
        CHECK_INT(dns_packet_is_good(copy, length), answers[i].is_good);
        free(copy);
    }
}

static void other_packets(void) {
    static const uint8_t good[12] = {0, 0, 0x81, 0x80};
    uint8_t packet[128];
    const struct packet_spec dns = {
        .protocol = PACKET_UDP, .source_port = 53, .payload = good, .payload_length = 12};
    struct packet_spec others[] = {dns, dns, dns};
    others[0].source_port = 5353;
    others[1].protocol = PACKET_TCP;
    others[2].fragment = 1; // not the first
    size_t length = packet_make(packet, &dns);
    CHECK(dns_packet_is_good(packet, length));
    for (size_t i = 0; i < COUNT(others); i++) {
        length = packet_make(packet, &others[i]);
        CHECK(!dns_packet_is_good(packet, length));
    }
}

// ---- systemd-resolved ----

// Takes the message at the start of `bytes` apart: `name` becomes the method's, `body` where its
// arguments begin. Returns its length, 0 where it is none.
static size_t read_message(const uint8_t *bytes, size_t length, const char **name,
                           const uint8_t **body) {
    size_t at = 16;
    size_t fields = length < 16 ? SIZE_MAX : 16 + (size_t)get_le32(bytes + 12);
    if (fields > length || bytes[0] != 'l' || bytes[1] != 1 || bytes[3] != 1)
        return 0;
    while (at < fields) { // a number, the type's signature, the value
        bool is_signature = bytes[at + 2] == 'g';
        size_t size = is_signature ? bytes[at + 4] : get_le32(bytes + at + 4);
        const char *text = (const char *)bytes + at + (is_signature ? 5 : 8);
        if (bytes[at + 1] != 1 || bytes[at + 3] != 0 || strlen(text) != size)
            return 0;
        if (bytes[at] == 3)
            *name = text;
        at += (is_signature ? 5 : 8) + size + 1;
        if (at < fields)
            at = (at + 7) & ~(size_t)7;
    }
    if (at != fields)
        return 0;
    at = (at + 7) & ~(size_t)7;
    *body = bytes + at;
    return at + get_le32(bytes + 4);
}

static void tells_resolved(void) {
    static const char *const names[] = {"SetLinkDNS", "SetLinkDomains", "SetLinkDefaultRoute"};
    static const uint8_t bodies[3][21] = {
        "\7\1\0\0\14\0\0\0\2\0\0\0\4\0\0\0\11\10\7\6",
        "\7\1\0\0\14\0\0\0\1\0\0\0.\0\0\0\1\0\0\0",
        "\7\1\0\0\1\0\0\0",
    };
    uint8_t out[RESOLVED_BYTES];
    const char *name = "";
    const uint8_t *body = NULL;
    size_t length = resolved_write(out, false, 0x107, ADDRESS(9, 8, 7, 6));
    size_t at = 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        size_t used = read_message(out + at, length - at, &name, &body);
        test_row("%s", names[i]);
        CHECK(used > 0 && used <= length - at);
        CHECK_TEXT(name, names[i]);
        CHECK_BYTES(body, bodies[i], out + at + used - body);
        at += used;
    }
    CHECK_INT(at, length);
}

static void greets(void) {
    static const char sasl[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
    uint8_t out[RESOLVED_BYTES];
    uint8_t again[RESOLVED_BYTES];
    const char *name = "";
    const uint8_t *body = NULL;
    size_t length = resolved_write(out, true, 7, A);
    size_t rest = resolved_write(again, false, 7, A);
    CHECK_BYTES(out, sasl, sizeof sasl - 1);
    size_t at = sizeof sasl - 1;
    at += read_message(out + at, length - at, &name, &body);
    CHECK_TEXT(name, "Hello");
    CHECK_INT(length - at, rest);
    CHECK_BYTES(out + at, again, rest);
}

int main(void) {
    TEST("the owner's resolvers come first, then the server's, then public ones", plans);
    TEST("resolvers at private and link-local addresses are replaced, and no others", caught);
    TEST("a query asks for the address of a new name", asks);
    TEST("an answer shows that names resolve, or not, alone and in a packet", reads_answers);
    TEST("other packets show nothing", other_packets);
    TEST("resolved is told by three calls, as D-Bus writes them", tells_resolved);
    TEST("before them the bus is greeted", greets);
    return test_end();
}
