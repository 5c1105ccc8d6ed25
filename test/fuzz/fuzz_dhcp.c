// SPDX-License-Identifier: ISC
// DHCP: the input is a row of messages and of probes that end. Each message: a byte for the time
// that has passed, two for its length, and its bytes; its head is made good where the highest bit
// of the length is set.
#include "dhcp/dhcp.h"

#include "../unit/packets.h"
#include "fuzz.h"

#define OWN   ADDRESS(192, 168, 134, 89)
#define FIRST ADDRESS(192, 168, 134, 100)

static bool is_lent(uint32_t address) { return address - FIRST < DHCP_LEASES; }

// Whatever was asked for, a reply has what a lease needs and nothing else.
static void expect_bare(const struct dhcp_reply *reply) {
    const uint8_t *m = reply->message;
    size_t at = 240;
    EXPECT(m[0] == 2 && packet_get32(m + 236) == 0x63825363);
    EXPECT(packet_get32(m + 16) == 0 || is_lent(packet_get32(m + 16)));
    EXPECT(packet_get32(m + 20) == 0 && packet_get32(m + 24) == 0);
    for (size_t i = 44; i < 236; i++) EXPECT(m[i] == 0);
    for (; m[at] != 255; at += 2 + (size_t)m[at + 1])
        EXPECT(memchr("\x35\x36\x01\x33\x3a\x3b", m[at], 6) != NULL);
    for (at++; at < DHCP_MESSAGE; at++) EXPECT(m[at] == 0);
    EXPECT(reply->to == 0xffffffff || reply->to >> 8 == OWN >> 8);
}

static void expect_result(enum dhcp_result result, const struct dhcp_reply *reply) {
    if (result == DHCP_REPLY)
        expect_bare(reply);
    else if (result == DHCP_PROBE)
        EXPECT(is_lent(reply->to));
}

// No two addresses are one client's, and none is lent for longer than it may.
static void expect_order(const struct dhcp_server *server, int64_t now_ms) {
    for (size_t i = 0; i < DHCP_LEASES; i++) {
        const struct dhcp_lease *lease = &server->leases[i];
        EXPECT(lease->until_ms <= now_ms + (int64_t)DHCP_LEASE_S * 1000);
        EXPECT(lease->probe_ms == 0 || lease->holder.client != 0);
        for (size_t j = 0; j < i && lease->holder.client != 0; j++)
            EXPECT(server->leases[j].holder.client != lease->holder.client);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct dhcp_server server;
    struct input input = {data, size};
    struct dhcp_reply reply;
    int64_t now_ms = 1;
    uint32_t address;
    memset(&server, 0, sizeof server);
    server.address = OWN;
    server.first = FIRST;
    while (input.left > 0) {
        const uint8_t *bytes;
        uint8_t passed = take8(&input);
        now_ms += (int64_t)passed * passed * 100;
        uint16_t want = take16(&input);
        size_t length = take_bytes(&input, &bytes, want & 0x3ff);
        uint8_t *copy = exact_copy(bytes, length);
        if ((want & 0x8000) != 0 && length >= 240) {
            memcpy(copy, "\1\1\6", 3);
            packet_put32(copy + 24, 0);
            packet_put32(copy + 236, 0x63825363);
        }
        expect_result(dhcp_take(&server, &reply, copy, length, now_ms), &reply);
        (void)dhcp_is_offer(copy, length, 0);
        free(copy);
        while (dhcp_due_ms(&server, &address) <= now_ms)
            expect_result(dhcp_probed(&server, &reply, address, (passed & 1) != 0, now_ms), &reply);
        expect_order(&server, now_ms);
    }
    return 0;
}
