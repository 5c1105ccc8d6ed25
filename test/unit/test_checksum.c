// SPDX-License-Identifier: ISC
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
#include "ip/checksum.h"

#include "packets.h"
#include "test.h"

// RFC 1071 section 3: the sum of 00 01 f2 03 f4 f5 f6 f7 is ddf2 (with its carry added back).
static void rfc1071_example(void) {
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    CHECK_INT(checksum_fold(checksum_add(0, bytes, sizeof bytes)), 0xddf2);
    uint64_t sum = 0; // in pieces of a word, as the example adds them up
    for (size_t i = 0; i < sizeof bytes; i += 2) sum = checksum_add(sum, bytes + i, 2);
    CHECK_INT(checksum_fold(sum), 0xddf2);
}

// RFC 1624 section 4: a checksum of dd2f, a field that goes from 5555 to 3285, and the result 0000,
// where equation 2 of RFC 1141 gives the wrong ffff.
static void rfc1624_example(void) {
    static const uint8_t from[] = {0x55, 0x55};
    static const uint8_t to[] = {0x32, 0x85};
    CHECK_INT(checksum_update(0xdd2f, from, to, 2), 0x0000);
}

static void folding(void) {
    CHECK_INT(checksum_fold(0), 0);
    CHECK_INT(checksum_fold(0xffff), 0xffff);
    CHECK_INT(checksum_fold(0x10000), 1);
    CHECK_INT(checksum_fold(0x1fffe), 0xffff);
    CHECK_INT(checksum_fold(UINT64_MAX), 0xffff);
    CHECK_INT(checksum_fold(UINT64_C(0x0001000100010001)), 4);
}

static void odd_lengths(void) {
    static const uint8_t bytes[] = {0x12, 0x34, 0x56};
    CHECK_INT(checksum_fold(checksum_add(0, bytes, 1)), 0x1200);
    CHECK_INT(checksum_fold(checksum_add(0, bytes, 2)), 0x1234);
    CHECK_INT(checksum_fold(checksum_add(0, bytes, 3)), 0x1234 + 0x5600);
    CHECK_INT(checksum_fold(checksum_add(0x10, bytes, 0)), 0x10);
}

// Against the sum carry by carry, at every alignment, also where all bytes are ff or 00.
static void sums_like_the_simple_way(void) {
    static uint8_t bytes[70000];
    for (int round = 0; round < 3; round++) {
        if (round == 0)
            test_random_bytes(bytes, sizeof bytes);
        else
            memset(bytes, round == 1 ? 0xff : 0x00, sizeof bytes);
        for (size_t alignment = 0; alignment < 8; alignment++) {
            for (size_t length = 0; length <= 100; length++) {
                test_row("%lu bytes at %lu", (unsigned long)length, (unsigned long)alignment);
                CHECK_INT(checksum_fold(checksum_add(0, bytes + alignment, length)),
                          packet_sum(0, bytes + alignment, length));
            }
        }
        test_row("all bytes");
        CHECK_INT(checksum_fold(checksum_add(0, bytes, sizeof bytes)),
                  packet_sum(0, bytes, sizeof bytes));
    }
}

static void pieces_of_even_length(void) {
    uint8_t bytes[64];
    test_random_bytes(bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut += 2) {
        uint64_t sum = checksum_add(0, bytes, cut);
        sum = checksum_add(sum, bytes + cut, sizeof bytes - cut);
        CHECK_INT(checksum_fold(sum), packet_sum(0, bytes, sizeof bytes));
    }
}

static void stays_in_bounds(void) {
    for (size_t length = 0; length < 20; length++) {
        uint8_t zero[20] = {0};
        uint8_t *copy = test_copy(zero, length);
        uint64_t sum = checksum_add(0, copy, length);
        free(copy);
        CHECK_INT(sum, 0);
    }
}

static void pseudo_header(void) {
    for (int i = 0; i < 1000; i++) {
        uint8_t packet[20] = {0};
        test_random_bytes(packet + 9, 11);
        uint16_t length = (uint16_t)test_random();
        uint64_t sum = checksum_add_pseudo_header(0, packet_get32(packet + 12),
                                                  packet_get32(packet + 16), packet[9], length);
        CHECK_INT(checksum_fold(sum), packet_pseudo_sum(packet, length));
    }
}

// An update agrees with making the checksum anew, for every kind of change.
static void updates_like_making_anew(void) {
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[24];
        uint8_t to[8];
        size_t length = 2 + 2 * test_below(4);
        size_t place = 2 * test_below((uint32_t)(sizeof bytes - length) / 2 + 1);
        test_random_bytes(bytes, sizeof bytes);
        test_random_bytes(to, sizeof to);
        if (test_below(4) == 0)
            memset(to, test_below(2) == 0 ? 0x00 : 0xff, sizeof to);
        if (test_below(4) == 0)
            memset(bytes + place, test_below(2) == 0 ? 0x00 : 0xff, length);
        uint16_t before = (uint16_t)~packet_sum(0, bytes, sizeof bytes);
        uint16_t updated = checksum_update(before, bytes + place, to, length);
        memcpy(bytes + place, to, length);
        uint16_t anew = (uint16_t)~packet_sum(0, bytes, sizeof bytes);
        CHECK_INT(updated, anew);
    }
}

// Without a change the checksum stays as it is, and a change undone leaves no trace. (All but
// ffff, which no header that has a bit set can carry.)
static void updates_and_back(void) {
    for (uint32_t checksum = 0; checksum < 0xffff; checksum++) {
        uint8_t a[4];
        uint8_t b[4];
        test_random_bytes(a, sizeof a);
        test_random_bytes(b, sizeof b);
        test_row("%04lx", (unsigned long)checksum);
        CHECK_INT(checksum_update((uint16_t)checksum, a, a, 4), checksum);
        uint16_t there = checksum_update((uint16_t)checksum, a, b, 4);
        CHECK_INT(checksum_update(there, b, a, 4), checksum);
    }
}

int main(void) {
    TEST("RFC 1071's example sums up to what it says", rfc1071_example);
    TEST("RFC 1624's example, where the older equation failed, gives 0000", rfc1624_example);
    TEST("sums of any size fold into 16 bits", folding);
    TEST("an odd last byte counts as the first of a pair", odd_lengths);
    TEST("sums by words are sums by bytes, at any length and alignment", sums_like_the_simple_way);
    TEST("pieces of even length may be added one by one", pieces_of_even_length);
    TEST("nothing beyond the bytes given is read", stays_in_bounds);
    TEST("the pseudo-header is summed as RFC 9293 lays it out", pseudo_header);
    TEST("an updated checksum is the one made anew", updates_like_making_anew);
    TEST("a change undone leaves the checksum as it was", updates_and_back);
    return test_end();
}
