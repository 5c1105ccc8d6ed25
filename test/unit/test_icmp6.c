// SPDX-License-Identifier: ISC
// The answer to IPv6 packets that have no way (RFC 4443): which packets get one, and what it says.
#include "ip/icmp.h"

#include "packets.h"
#include "test.h"

#define TCP6  6
#define UDP6  17
#define ICMP6 58
#define MOST  2000

static const uint8_t laptop[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1, [15] = 0x57};
static const uint8_t web[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x80, [15] = 0x80};

// A packet, by RFC 8200 section 3, byte by byte.
static size_t make_packet(uint8_t *out, const uint8_t *from, const uint8_t *to, uint8_t next,
                          const char *payload) {
    memset(out, 0, MOST);
    size_t length = test_hex(out + 40, MOST - 40, payload);
    out[0] = 0x60;
    packet_put16(out + 4, (uint32_t)length);
    out[6] = next;
    out[7] = 64;
    memcpy(out + 8, from, 16);
    memcpy(out + 24, to, 16);
    return 40 + length;
}

static size_t refuse(uint8_t *answer, const uint8_t *packet, size_t length) {
    uint8_t *copy = test_copy(packet, length);
    size_t size = icmp6_refuse(answer, copy, length);
    free(copy);
    return size;
}

static const char syn[] = "c000 0050 00000001 00000000 5002 ffff 0000 0000";

static void says_it(void) {
    uint8_t packet[MOST];
    uint8_t answer[ICMP6_ERROR_MAX];
    size_t length = make_packet(packet, laptop, web, TCP6, syn);
    CHECK_INT(refuse(answer, packet, length), 48 + length);
    CHECK_INT(answer[0] >> 4, 6);
    CHECK_INT(packet_get16(answer + 4), 8 + length);
    CHECK_INT(answer[6], ICMP6);
    CHECK_BYTES(answer + 8, web, 16);
    CHECK_BYTES(answer + 24, laptop, 16);
    CHECK_INT(answer[40], 1); // destination unreachable,
    CHECK_INT(answer[41], 0); // no route (RFC 4443 section 3.1)
    CHECK_INT(packet_get32(answer + 44), 0);
    CHECK_BYTES(answer + 48, packet, length);
    // RFC 8200 section 8.1: addresses, length, protocol, message.
    uint8_t rest[4] = {0, (uint8_t)(8 + length), 0, ICMP6};
    uint16_t sum = packet_sum(packet_sum(0, answer + 8, 32), rest, 4);
    CHECK_INT(packet_sum(sum, answer + 40, 8 + length), 0xffff);
}

static void says_prohibited_to_datagrams(void) {
    uint8_t packet[MOST];
    uint8_t answer[ICMP6_ERROR_MAX];
    size_t length = make_packet(packet, laptop, web, UDP6, "c000 0035 0008 0000");
    CHECK_INT(refuse(answer, packet, length), 48 + length);
    CHECK_INT(answer[41], 1); // administratively prohibited
}

static void quotes_what_fits(void) {
    uint8_t packet[MOST];
    uint8_t answer[ICMP6_ERROR_MAX];
    (void)make_packet(packet, laptop, web, UDP6, "c000 0035 0008 0000");
    CHECK_INT(refuse(answer, packet, MOST), 1280);
    CHECK_BYTES(answer + 48, packet, 1280 - 48);
}

// What stands in a packet, and whether it gets an answer: RFC 4443 section 2.4 (e).
static const struct {
    const char *what;
    const char *from; // NULL: the laptop
    const char *to;   // NULL: the web host
    uint8_t next;
    const char *payload;
    bool is_answered;
} cases[] = {
    {"an echo request", NULL, NULL, ICMP6, "8000 0000 0001 0001", true},
    {"an echo reply", NULL, NULL, ICMP6, "8100 0000 0001 0001", true},
    {"an error (e.1)", NULL, NULL, ICMP6, "0100 0000 0000 0000", false},
    {"an error of an unknown type (e.1)", NULL, NULL, ICMP6, "7f00 0000 0000 0000", false},
    {"a redirect (e.2)", NULL, NULL, ICMP6, "8900 0000 0000 0000", false},
    {"to a group (e.3)", NULL, "ff02 0000000000000000000000000001", UDP6, "c000 0035 0008 0000",
     false},
    {"from nobody (e.6)", "00000000000000000000000000000000", NULL, UDP6, "c000 0035 0008 0000",
     false},
    {"from loopback", "00000000000000000000000000000001", NULL, UDP6, "c000 0035 0008 0000", false},
    {"from a group (e.6)", "ff05 0000000000000000000000000002", NULL, UDP6, "c000 0035 0008 0000",
     false},
    {"from a link-local address", "fe80 0000000000000000000000000002", NULL, UDP6,
     "c000 0035 0008 0000", true},
    {"behind hop-by-hop options and a routing header", NULL, NULL, 0,
     "2b00 0000 0000 0000 1100 0000 0000 0000 c000 0035 0008 0000", true},
    {"an error behind options of 16 bytes", NULL, NULL, 60,
     "3a01 0000 0000 0000 0000 0000 0000 0000 0300 0000 0000 0000", false},
    {"a first fragment", NULL, NULL, 44, "1100 0001 0000 0001 c000 0035 0008 0000", true},
    {"a first fragment of an error", NULL, NULL, 44, "3a00 0001 0000 0001 0100 0000 0000 0000",
     false},
    {"a later fragment", NULL, NULL, 44, "1100 0009 0000 0001 c000 0035 0008 0000", false},
    {"options that end beyond the packet", NULL, NULL, 60, "11ff 0000 0000 0000 c000 0035 0008",
     false},
    {"nothing behind the header", NULL, NULL, TCP6, "", false},
    {"another protocol", NULL, NULL, 132, "c000 0035 0000 0000", true},
};

static void chooses(void) {
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t packet[MOST];
        uint8_t answer[ICMP6_ERROR_MAX];
        uint8_t from[16];
        uint8_t to[16];
        test_row("%s", cases[i].what);
        memcpy(from, laptop, 16);
        memcpy(to, web, 16);
        if (cases[i].from != NULL)
            test_hex(from, 16, cases[i].from);
        if (cases[i].to != NULL)
            test_hex(to, 16, cases[i].to);
        size_t length = make_packet(packet, from, to, cases[i].next, cases[i].payload);
        CHECK_INT(refuse(answer, packet, length) > 0, cases[i].is_answered);
    }
}

static void takes_any_length(void) {
    uint8_t packet[MOST];
    uint8_t answer[ICMP6_ERROR_MAX];
    size_t length = make_packet(packet, laptop, web, TCP6, syn);
    for (size_t cut = 0; cut < length; cut++) {
        test_row("%u bytes", (unsigned)cut);
        CHECK_INT(refuse(answer, packet, cut) > 0, cut >= 48);
    }
    packet[0] = 0x45;
    CHECK_INT(refuse(answer, packet, length), 0);
}

int main(void) {
    TEST("a TCP segment's sender is told that there is no route", says_it);
    TEST("a datagram's sender is told that it is prohibited", says_prohibited_to_datagrams);
    TEST("an answer is no longer than 1280 bytes (RFC 4443 section 2.4 (c))", quotes_what_fits);
    TEST("what RFC 4443 names gets no answer, and all else gets one", chooses);
    TEST("a packet may end anywhere, and be none of IPv6", takes_any_length);
    return test_end();
}
