// SPDX-License-Identifier: ISC
// Port allocation.
#include "nat/ports.h"

#include "test.h"

static const struct {
    uint16_t low;
    uint16_t high;
} ranges[] = {
    {20000, 32767}, {1, 65535},     {65535, 65535}, {1, 1},     {65472, 65535},
    {65471, 65535}, {64, 127},      {63, 64},       {100, 300}, {1, 64},
    {20000, 20001}, {65500, 65535}, {128, 191},     {127, 192},
};

// Takes all ports of a range: each comes once, from the range, and then there are none.
static void check_exhaustion(struct nat_ports *ports, uint16_t low, uint16_t high) {
    static bool seen[65536];
    uint32_t size = (uint32_t)(high - low) + 1;
    memset(seen, 0, sizeof seen);
    CHECK_INT(ports->free_count, size);
    for (uint32_t i = 0; i < size; i++) {
        uint16_t port = nat_ports_take(ports, (uint32_t)test_random());
        CHECK(port >= low && port <= high);
        CHECK(!seen[port]);
        CHECK(nat_ports_is_taken(ports, port));
        seen[port] = true;
        CHECK_INT(ports->free_count, size - i - 1);
    }
    CHECK_INT(nat_ports_take(ports, 0), 0);
    CHECK_INT(nat_ports_take(ports, UINT32_MAX), 0);
    CHECK_INT(ports->free_count, 0);
}

static void exhaustion(void) {
    for (size_t i = 0; i < COUNT(ranges); i++) {
        static struct nat_ports ports;
        test_row("%u to %u", ranges[i].low, ranges[i].high);
        memset(&ports, 0x5a, sizeof ports);
        nat_ports_init(&ports, ranges[i].low, ranges[i].high);
        check_exhaustion(&ports, ranges[i].low, ranges[i].high);
    }
}

static void given_back(void) {
    for (size_t i = 0; i < COUNT(ranges); i++) {
        static struct nat_ports ports;
        uint32_t size = (uint32_t)(ranges[i].high - ranges[i].low) + 1;
        test_row("%u to %u", ranges[i].low, ranges[i].high);
        nat_ports_init(&ports, ranges[i].low, ranges[i].high);
        while (nat_ports_take(&ports, 0) != 0) continue;
        for (int n = 0; n < 200; n++) {
            uint16_t port = (uint16_t)(ranges[i].low + test_below(size));
            nat_ports_give(&ports, port);
            CHECK_INT(ports.free_count, 1);
            CHECK(!nat_ports_is_taken(&ports, port));
            CHECK_INT(nat_ports_take(&ports, (uint32_t)test_random()), port);
        }
        for (uint32_t port = ranges[i].low; port <= ranges[i].high; port++)
            nat_ports_give(&ports, (uint16_t)port);
        check_exhaustion(&ports, ranges[i].low, ranges[i].high);
    }
}

// Reserved ports never come; reserving twice, or outside the range, changes nothing.
static void reserved(void) {
    static struct nat_ports ports;
    nat_ports_init(&ports, 100, 300);
    for (uint16_t port = 150; port < 290; port++) nat_ports_reserve(&ports, port);
    nat_ports_reserve(&ports, 150);
    nat_ports_reserve(&ports, 99);
    nat_ports_reserve(&ports, 301);
    nat_ports_reserve(&ports, 0);
    nat_ports_reserve(&ports, 65535);
    CHECK_INT(ports.free_count, 201 - 140);
    for (int i = 0; i < 201 - 140; i++) {
        uint16_t port = nat_ports_take(&ports, (uint32_t)test_random());
        CHECK(port >= 100 && port <= 300);
        CHECK(port < 150 || port >= 290);
    }
    CHECK_INT(nat_ports_take(&ports, 1), 0);
}

static void all_reserved(void) {
    static struct nat_ports ports;
    nat_ports_init(&ports, 65530, 65535);
    for (uint32_t port = 65530; port <= 65535; port++) nat_ports_reserve(&ports, (uint16_t)port);
    CHECK_INT(ports.free_count, 0);
    CHECK_INT(nat_ports_take(&ports, 3), 0);
}

// Random places are spread over the whole range; each number is a place.
static void places(void) {
    static struct nat_ports ports;
    uint32_t low_half = 0;
    for (int i = 0; i < 1000; i++) {
        nat_ports_init(&ports, 20000, 32767);
        uint16_t port = nat_ports_take(&ports, (uint32_t)test_random());
        low_half += port < 26384;
    }
    CHECK(low_half > 400 && low_half < 600);
    nat_ports_init(&ports, 20000, 32767);
    CHECK_INT(nat_ports_take(&ports, 5), 20005);
    CHECK_INT(nat_ports_take(&ports, 5), 20006);
    CHECK_INT(nat_ports_take(&ports, 12767), 32767);
    CHECK_INT(nat_ports_take(&ports, 12767), 20000);
    CHECK_INT(nat_ports_take(&ports, 12768), 20001);
}

int main(void) {
    TEST("every port of a range is given out once, and then none", exhaustion);
    TEST("a port given back is the one to be had", given_back);
    TEST("a reserved port is never given out", reserved);
    TEST("where all ports are reserved, there is none", all_reserved);
    TEST("the search begins at the place that is given, and goes around the range's end", places);
    return test_end();
}
