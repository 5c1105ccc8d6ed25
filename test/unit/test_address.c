// SPDX-License-Identifier: ISC
// Addresses, networks and numbers as people write them.
#include "base/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "test.h"

static const struct {
    const char *text;
    uint16_t default_port;
    const char *formatted; // NULL: refused
    const char *host;
} endpoints[] = {
    {"1.2.3.4:80", 9, "1.2.3.4:80", "1.2.3.4"},
    {"1.2.3.4", 9, "1.2.3.4:9", "1.2.3.4"},
    {"0.0.0.0:0", 9, "0.0.0.0:0", "0.0.0.0"},
    {"255.255.255.255:65535", 9, "255.255.255.255:65535", "255.255.255.255"},
    {"169.254.134.89:6354", 9, "169.254.134.89:6354", "169.254.134.89"},
    {"[::]:8080", 9, "[::]:8080", "::"},
    {"[::1]", 9, "[::1]:9", "::1"},
    {"::1", 9, "[::1]:9", "::1"},
    {"::", 9, "[::]:9", "::"},
    {"2001:db8::1", 9, "[2001:db8::1]:9", "2001:db8::1"},
    {"[2001:db8:1:2:3:4:5:6]:1", 9, "[2001:db8:1:2:3:4:5:6]:1", "2001:db8:1:2:3:4:5:6"},
    {"[::ffff:1.2.3.4]:80", 9, "1.2.3.4:80", "1.2.3.4"},
    {"::ffff:102:304", 9, "1.2.3.4:9", "1.2.3.4"},
    {"[1:2:3:4:5:6:255.255.255.255]:65535", 9, "[1:2:3:4:5:6:ffff:ffff]:65535",
     "1:2:3:4:5:6:ffff:ffff"},
    {"", 9, NULL, NULL},
    {":80", 9, NULL, NULL},
    {":", 9, NULL, NULL},
    {"[]:80", 9, NULL, NULL},
    {"[", 9, NULL, NULL},
    {"[::1", 9, NULL, NULL},
    {"[::1]x", 9, NULL, NULL},
    {"[::1]:", 9, NULL, NULL},
    {"[::1]:x", 9, NULL, NULL},
    {"[::1]:65536", 9, NULL, NULL},
    {"[::1]:-1", 9, NULL, NULL},
    {"::1]:80", 9, NULL, NULL},
    {"1.2.3.4:", 9, NULL, NULL},
    {"1.2.3.4:65536", 9, NULL, NULL},
    {"1.2.3.4:99999999999999999999", 9, NULL, NULL},
    {"1.2.3.4:+80", 9, NULL, NULL},
    {"1.2.3.4: 80", 9, NULL, NULL},
    {"1.2.3.4:80 ", 9, NULL, NULL},
    {" 1.2.3.4:80", 9, NULL, NULL},
    {"1.2.3", 9, NULL, NULL},
    {"1.2.3.4.5", 9, NULL, NULL},
    {"1.2.3.256", 9, NULL, NULL},
    {"1.2.3.-4", 9, NULL, NULL},
    {"0x7f.1", 9, NULL, NULL},
    {"localhost:80", 9, NULL, NULL},
    {"::1::2", 9, NULL, NULL},
    {"1:2:3:4:5:6:7:8:9", 9, NULL, NULL},
    {"[1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21:22:23]:80", 9, NULL, NULL},
    {"123456789012345678901234567890123456789012345678901234567890", 9, NULL, NULL},
};

static void endpoints_both_ways(void) {
    for (size_t i = 0; i < COUNT(endpoints); i++) {
        struct endpoint endpoint;
        char text[ENDPOINT_TEXT_MAX];
        test_row("\"%s\"", endpoints[i].text);
        int result = endpoint_parse(&endpoint, endpoints[i].text, endpoints[i].default_port);
        CHECK_INT(result, endpoints[i].formatted != NULL ? 0 : -1);
        if (result < 0)
            continue;
        endpoint_format(&endpoint, text);
        CHECK_TEXT(text, endpoints[i].formatted);
        endpoint_format_host(&endpoint, text);
        CHECK_TEXT(text, endpoints[i].host);
    }
}

// Reading an IPv6 address must not leave traces of the attempt to read an IPv4 one.
static void ipv6_fields(void) {
    static const char *const texts[] = {"[2001:db8::1]:80", "200::1", "[1.2.3.4::]:1", "[25::]:80"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct endpoint endpoint;
        test_row("%s", texts[i]);
        if (endpoint_parse(&endpoint, texts[i], 80) < 0)
            continue;
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&endpoint.address;
        CHECK_INT(in6->sin6_family, AF_INET6);
        CHECK_INT(in6->sin6_flowinfo, 0);
        CHECK_INT(in6->sin6_scope_id, 0);
        CHECK_INT(endpoint.length, sizeof *in6);
    }
}

static struct endpoint parsed(const char *text) {
    struct endpoint endpoint;
    if (endpoint_parse(&endpoint, text, 1) < 0)
        exit(2);
    return endpoint;
}

static void loopback(void) {
    static const struct {
        const char *text;
        bool is_loopback;
    } cases[] = {
        {"127.0.0.1", true},
        {"127.255.255.255", true},
        {"128.0.0.0", false},
        {"126.255.255.255", false},
        {"0.0.0.0", false},
        {"10.0.0.1", false},
        {"::1", true},
        {"::", false},
        {"::2", false},
        {"::ffff:127.0.0.1", true},
        {"::ffff:1.2.3.4", false},
        {"::127.0.0.1", false},
        {"fe80::1", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint endpoint = parsed(cases[i].text);
        test_row("%s", cases[i].text);
        CHECK_INT(endpoint_is_loopback(&endpoint), cases[i].is_loopback);
    }
}

static void wildcards(void) {
    static const struct {
        const char *text;
        bool is_wildcard;
    } cases[] = {
        {"0.0.0.0", true}, {"::", true},         {"::ffff:0.0.0.0", true},  {"0.0.0.1", false},
        {"::1", false},    {"127.0.0.1", false}, {"::ffff:1.2.3.4", false}, {"fe80::", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint endpoint = parsed(cases[i].text);
        test_row("%s", cases[i].text);
        CHECK_INT(endpoint_is_wildcard(&endpoint), cases[i].is_wildcard);
    }
}

static void same_host(void) {
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } cases[] = {
        {"1.2.3.4:1", "1.2.3.4:2", true},
        {"1.2.3.4:1", "1.2.3.5:1", false},
        {"1.2.3.4:1", "[::ffff:1.2.3.4]:9", true},
        {"[::1]:1", "[::1]:2", true},
        {"[::1]:1", "[::2]:1", false},
        {"[::1]:1", "127.0.0.1:1", false},
        {"[2001:db8::1]:1", "1.2.3.4:1", false},
        {"0.0.0.0:1", "[::]:1", false},
        {"0.0.0.0:1", "0.0.0.0:2", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint a = parsed(cases[i].a);
        struct endpoint b = parsed(cases[i].b);
        test_row("%s and %s", cases[i].a, cases[i].b);
        CHECK_INT(endpoint_same_host(&a, &b), cases[i].same);
        CHECK_INT(endpoint_same_host(&b, &a), cases[i].same);
    }
}

// Whoever is behind an address: one IPv4 address, or one IPv6 /64.
static void sources(void) {
    static const struct {
        const char *text;
        uint64_t source;
    } cases[] = {
        {"1.2.3.4:80", 0x01020304},
        {"1.2.3.4:81", 0x01020304},
        {"[::ffff:1.2.3.4]:80", 0x01020304},
        {"255.255.255.255", 0xffffffff},
        {"127.0.0.1", 0x7f000001},
        {"0.0.0.0", 0},
        {"[2001:db8:1:2:3:4:5:6]:80", UINT64_C(0x20010db800010002)},
        {"[2001:db8:1:2:ffff:ffff:ffff:ffff]:1", UINT64_C(0x20010db800010002)},
        {"[2001:db8:1:3::]:80", UINT64_C(0x20010db800010003)},
        {"[fe80::1]:80", UINT64_C(0xfe80000000000000)},
        {"[::1]:80", 0},
        {"[::]:80", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint endpoint = parsed(cases[i].text);
        test_row("%s", cases[i].text);
        CHECK(endpoint_source(&endpoint) == cases[i].source);
    }
}

static void parts(void) {
    struct endpoint v4 = parsed("1.2.3.4:8080");
    struct endpoint mapped = parsed("[::ffff:1.2.3.4]:8080");
    struct endpoint v6 = parsed("[2001:db8::1]:443");
    CHECK_INT(endpoint_port(&v4), 8080);
    CHECK_INT(endpoint_port(&v6), 443);
    CHECK_INT(endpoint_ipv4(&v4), 0x01020304);
    CHECK_INT(endpoint_ipv4(&mapped), 0x01020304);
    CHECK_INT(endpoint_ipv4(&v6), 0);
}

static void networks(void) {
    static const struct {
        const char *text;
        bool good;
        uint32_t network;
        uint8_t prefix_length;
    } cases[] = {
        {"10.0.0.0/8", true, 0x0a000000, 8},
        {"0.0.0.0/0", true, 0, 0},
        {"0.0.0.0/1", true, 0, 1},
        {"128.0.0.0/1", true, 0x80000000, 1},
        {"10.1.2.3", true, 0x0a010203, 32},
        {"10.1.2.3/32", true, 0x0a010203, 32},
        {"10.1.2.2/31", true, 0x0a010202, 31},
        {"255.255.255.255/32", true, 0xffffffff, 32},
        {"172.16.0.0/12", true, 0xac100000, 12},
        {"10.0.0.1/8", false, 0, 0},
        {"10.1.2.3/31", false, 0, 0},
        {"128.0.0.0/0", false, 0, 0},
        {"10.0.0.0/33", false, 0, 0},
        {"10.0.0.0/-1", false, 0, 0},
        {"10.0.0.0/", false, 0, 0},
        {"10.0.0.0/8/8", false, 0, 0},
        {"10.0.0.0/08x", false, 0, 0},
        {"10.0.0.0/4294967296", false, 0, 0},
        {"10.0.0/8", false, 0, 0},
        {"/8", false, 0, 0},
        {"", false, 0, 0},
        {"::/0", false, 0, 0},
        {"everything", false, 0, 0},
        {"1234567890.1234567890.1234567890.1234567890/8", false, 0, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cidr cidr;
        test_row("\"%s\"", cases[i].text);
        CHECK_INT(cidr_parse(&cidr, cases[i].text), cases[i].good ? 0 : -1);
        if (!cases[i].good)
            continue;
        CHECK_INT(cidr.network, cases[i].network);
        CHECK_INT(cidr.prefix_length, cases[i].prefix_length);
    }
}

static void numbers(void) {
    static const struct {
        const char *text;
        unsigned long max;
        long expected; // -1: refused
    } cases[] = {
        {"0", 65535, 0},
        {"1", 65535, 1},
        {"65535", 65535, 65535},
        {"65536", 65535, -1},
        {"99999", 65535, -1},
        {"00080", 65535, 80},
        {"", 65535, -1},
        {" 1", 65535, -1},
        {"1 ", 65535, -1},
        {"-1", 65535, -1},
        {"+1", 65535, -1},
        {"0x10", 65535, -1},
        {"1.0", 65535, -1},
        {"1e3", 65535, -1},
        {"18446744073709551616", 65535, -1},
        {"4294967296", 65535, -1},
        {"4294967297", 65535, -1},
        {"32", 32, 32},
        {"33", 32, -1},
        {"40", 32, -1},
        {"5", 5, 5},
        {"6", 5, -1},
        {"9", 5, -1},
        {"0", 0, 0},
        {"1", 0, -1},
        {"10", 9, -1},
        {"15", 12, -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned long number = 77;
        int result = number_parse(&number, cases[i].text, cases[i].max);
        test_row("\"%s\" of at most %lu", cases[i].text, cases[i].max);
        CHECK_INT(result, cases[i].expected < 0 ? -1 : 0);
        if (result == 0)
            CHECK_INT(number, cases[i].expected);
    }
}

static void number_limits(void) {
    unsigned long number;
    char text[32];
    snprintf(text, sizeof text, "%lu", (unsigned long)-1);
    CHECK_INT(number_parse(&number, text, (unsigned long)-1), 0);
    CHECK(number == (unsigned long)-1);
    text[strlen(text) - 1]++; // ...5 becomes ...6
    CHECK_INT(number_parse(&number, text, (unsigned long)-1), -1);
    for (unsigned long max = 0; max < 300; max++) {
        for (unsigned long value = 0; value < 1100; value++) {
            snprintf(text, sizeof text, "%lu", value);
            test_row("%lu of at most %lu", value, max);
            CHECK_INT(number_parse(&number, text, max), value <= max ? 0 : -1);
        }
    }
}

// Over the loopback interface, which everybody has.
static void sockets(void) {
    struct endpoint any = parsed("127.0.0.1:0");
    struct endpoint where;
    struct endpoint peer;
    char byte = 'x';
    int listener = socket_listen(&any, NULL);
    CHECK(listener >= 0);
    where.length = sizeof where.address;
    CHECK_INT(getsockname(listener, (struct sockaddr *)&where.address, &where.length), 0);
    CHECK_INT(socket_accept(listener, &peer), -1);
    CHECK(errno == EAGAIN || errno == EWOULDBLOCK);
    int out = socket_connect(&where);
    CHECK(out >= 0);
    int in = -1;
    for (int i = 0; in < 0 && i < 1000; i++) {
        in = socket_accept(listener, &peer);
        if (in < 0)
            usleep(1000);
    }
    CHECK(in >= 0);
    CHECK(endpoint_is_loopback(&peer));
    CHECK_INT(recv(in, &byte, 1, 0), -1);
    CHECK(errno == EAGAIN || errno == EWOULDBLOCK);
    errno = 0;
    CHECK_INT(socket_listen(&where, NULL), -1);
    CHECK_INT(errno, EADDRINUSE);
    close(in);
    close(out);
    close(listener);
}

static void wanted_hosts(void) {
    static const struct {
        const char *text;
        const char *wants; // a part of what is said, or NULL
    } rows[] = {
        {"203.0.113.10", NULL},
        {"203.0.113.10:8080", NULL},
        {"203.0.113.10:8080/websocket", NULL},
        {"server.example:8080", NULL},
        {"a1", NULL},
        {"10.example", NULL},
        {"v4.203.0.113.10a", NULL},
        {"this-hosts", NULL},
        {"[2001:db8::1]", NULL},
        {"[2001:db8::1]:8080", NULL},
        {"host:80/a:b", NULL},
        {"203.0.113.300", "IPv4"},
        {"203.0.113.300:8080", "IPv4"},
        {"203.0.113", "IPv4"},
        {"203.0.113.10.1", "IPv4"},
        {"203.0.113.010", "IPv4"},
        {"1203.1203.1203.1203", "IPv4"},
        {"2130706433", "IPv4"},
        {"a.example.1", "IPv4"},
        {"THIS-HOST", "tether-server's host"},
        {"this-host:8080/websocket", "tether-server's host"},
        {"2001:db8::1", "brackets"},
        {"2001:db8::1/websocket", "brackets"},
        {"::1", "brackets"},
        {"fe80::1:8080", "brackets"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *wants = host_wants(rows[i].text);
        test_row("%s", rows[i].text);
        CHECK((wants == NULL) == (rows[i].wants == NULL));
        CHECK(wants == NULL || strstr(wants, rows[i].wants) != NULL);
    }
}

int main(void) {
    TEST("endpoints are read, refused and written as they should be", endpoints_both_ways);
    TEST("an IPv6 endpoint has nothing but its address and port set", ipv6_fields);
    TEST("loopback addresses are known in every form", loopback);
    TEST("addresses that stand for all of a host's are known", wildcards);
    TEST("two endpoints are the same host whatever their ports and form", same_host);
    TEST("an endpoint's source is its IPv4 address or its IPv6 network", sources);
    TEST("an endpoint's port and IPv4 address can be had", parts);
    TEST("networks are read, and refused where bits are set beyond the prefix", networks);
    TEST("numbers are read whole, or refused", numbers);
    TEST("no number above its limit is taken, whatever the limit", number_limits);
    TEST("sockets connect over loopback and never block", sockets);
    TEST("what a host should have been is said", wanted_hosts);
    return test_end();
}
