// SPDX-License-Identifier: ISC
// The MACs of next hops, where the kernel knows none: learned by ARP, or not. What waits for one
// goes, or is counted as dropped.
#include "wire/wire.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "test.h"

#define HOP 0xc0a80101 // 192.168.1.1

static struct wire wire;
static int interface, arp; // the other ends

static bool start(void) {
    int frames[2], messages[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, frames) < 0 ||
        socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, messages) < 0)
        return false;
    memset(&wire, 0, sizeof wire);
    wire.netlink.fd = -1;
    wire.packet_fd = frames[0];
    interface = frames[1];
    wire.arp_fd = messages[0];
    arp = messages[1];
    wire_prepare_batches(&wire);
    return true;
}

static void end(void) {
    close(wire.packet_fd);
    close(wire.arp_fd);
    close(interface);
    close(arp);
}

static void hold(size_t place, uint32_t next_hop) {
    wire.held[place].next_hop = next_hop;
    wire.held[place].length = 100;
}

// RFC 826: an answer from a neighbour whose MAC ends so.
static bool answer(uint32_t from, uint8_t last) {
    uint8_t message[28] = {0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, last};
    put_be32(message + 14, from);
    return send(arp, message, sizeof message, 0) == sizeof message;
}

static void learned(void) {
    uint8_t mac[MAC_SIZE];
    uint8_t frame[200];
    CHECK(start());
    CHECK(!wire_neighbour_mac(&wire, HOP, 1000, mac));
    hold(0, HOP);
    hold(1, HOP + 1); // waits for another
    CHECK(answer(HOP + 2, 9) && answer(HOP, 7));
    wire_read_arp(&wire, 1500);
    CHECK_INT(recv(interface, frame, sizeof frame, 0), sizeof wire.heads[0] + 100);
    CHECK_INT(frame[sizeof wire.heads[0] - 14 + MAC_SIZE - 1], 7);
    CHECK(recv(interface, frame, sizeof frame, 0) < 0);
    CHECK_INT(wire.held[0].next_hop, 0);
    CHECK_INT(wire.held[1].next_hop, HOP + 1);
    CHECK(wire_neighbour_mac(&wire, HOP, 1600, mac));
    CHECK_INT(mac[MAC_SIZE - 1], 7);
    CHECK_INT(wire.no_neighbour, 0);
    end();
}

// Asked three times, a second apart, it is given up.
static void no_answer(void) {
    uint8_t mac[MAC_SIZE];
    CHECK(start());
    CHECK(!wire_neighbour_mac(&wire, HOP, 1000, mac));
    hold(0, HOP);
    for (int64_t now_ms = 1001; now_ms < 4000; now_ms += 333) wire_tick(&wire, now_ms);
    CHECK_INT(wire.no_neighbour, 0);
    for (int64_t now_ms = 4000; now_ms < 6000; now_ms += 333) wire_tick(&wire, now_ms);
    CHECK_INT(wire.no_neighbour, 1);
    CHECK_INT(wire.held[0].next_hop, 0);
    end();
}

// Where there are too many, the one that was unused longest gives way, and what waits for it.
static void too_many(void) {
    uint8_t mac[MAC_SIZE];
    CHECK(start());
    for (uint32_t i = 0; i < WIRE_NEIGHBOURS; i++)
        CHECK(!wire_neighbour_mac(&wire, HOP + i, 1000 + i, mac));
    hold(0, HOP);
    hold(1, HOP + 1);
    CHECK(!wire_neighbour_mac(&wire, HOP, 2000, mac)); // it is used again
    CHECK_INT(wire.no_neighbour, 0);
    CHECK(!wire_neighbour_mac(&wire, HOP + 1000, 2001, mac));
    CHECK_INT(wire.no_neighbour, 1);
    CHECK_INT(wire.held[0].next_hop, HOP);
    CHECK_INT(wire.held[1].next_hop, 0);
    end();
}

int main(void) {
    TEST("what waits for a neighbour goes when it has answered", learned);
    TEST("what waits for a neighbour that does not answer is dropped, and counted", no_answer);
    TEST("a new neighbour takes the place of the one unused longest", too_many);
    return test_end();
}
