// SPDX-License-Identifier: ISC
// Frames that go out many at a time: each is its heads and its packet, and what the interface does
// not take is counted.
#include "wire/wire.h"

#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

static struct wire wire;
static int interface; // the other end

static bool start(void) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds) < 0)
        return false;
    memset(&wire, 0, sizeof wire);
    wire.packet_fd = fds[0];
    interface = fds[1];
    wire_prepare_batches(&wire);
    return true;
}

static void end(void) {
    close(wire.packet_fd);
    close(interface);
}

static void frames(void) {
    static const uint8_t mac[MAC_SIZE] = {2, 0, 0, 0, 0, 7};
    static uint8_t packets[3][200];
    const size_t heads = sizeof wire.heads[0];
    for (unsigned count = 1; count <= 3; count++) {
        uint8_t frame[400];
        test_row("%u frames", count);
        CHECK(start());
        for (unsigned i = 0; i < count; i++) {
            memset(packets[i], (int)(0x40 + i), sizeof packets[i]);
            (void)wire_put_frame(&wire, packets[i], 100 + i, mac);
        }
        wire_flush(&wire);
        CHECK_INT(wire.send_failed, 0);
        CHECK_INT(wire.out_count, 0);
        for (unsigned i = 0; i < count; i++) {
            CHECK_INT(recv(interface, frame, sizeof frame, 0), heads + 100 + i);
            CHECK_BYTES(frame + heads, packets[i], 100 + i);
            CHECK_BYTES(frame + heads - 14, mac, MAC_SIZE); // Ethernet's header is the last
            CHECK(frame[heads - 2] == 0x08 && frame[heads - 1] == 0x00);
        }
        end();
    }
}

static void not_taken(void) {
    static const uint8_t mac[MAC_SIZE] = {2, 0, 0, 0, 0, 7};
    static uint8_t packet[100];
    CHECK(start());
    close(interface);
    for (int i = 0; i < 3; i++) (void)wire_put_frame(&wire, packet, sizeof packet, mac);
    wire_flush(&wire);
    CHECK_INT(wire.send_failed, 3);
    CHECK_INT(wire.out_count, 0);
    close(wire.packet_fd);
}

int main(void) {
    TEST("each frame goes with its heads, and nothing behind it", frames);
    TEST("frames that are not taken are counted, and the others go on", not_taken);
    return test_end();
}
