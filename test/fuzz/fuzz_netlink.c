// SPDX-License-Identifier: ISC
// Netlink: the input is a body with attributes, and what a kernel answers to a request, datagram by
// datagram (each begins with a byte that says how long it is).
#include <fcntl.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "os/netlink.h"

static void try_find(const uint8_t *body, size_t length) {
    for (size_t offset = 0; offset <= length + 4 && offset < 64; offset += 4) {
        for (uint16_t type = 0; type < 8; type++) {
            size_t size = SIZE_MAX;
            const uint8_t *found = netlink_find(body, length, offset, type, type, &size);
            if (found == NULL)
                continue;
            EXPECT(found >= body + offset + 4 && found <= body + length);
            EXPECT(size >= type && size <= (size_t)(body + length - found));
            EXPECT(netlink_find(body, length, offset, type, size, NULL) == found);
            EXPECT(netlink_find(body, length, offset, type, size + 1, NULL) == NULL);
        }
    }
}

static void on_answer(void *arg, uint16_t type, const uint8_t *body, size_t length) {
    unsigned *answers = arg;
    (*answers)++;
    EXPECT(type != NLMSG_DONE && type != NLMSG_ERROR);
    (void)netlink_find(body, length, 12, 1, 4, NULL);
}

// The first request's number is 1, as small as the inputs' numbers are.
static void try_talk(struct input *input) {
    static int ends[2] = {-1, -1};
    static uint8_t asked[2048];
    struct netlink_request request;
    unsigned answers = 0;
    if (ends[0] < 0)
        EXPECT(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) == 0);
    for (int i = 0; i < 8 && input->left > 0; i++) {
        const uint8_t *bytes;
        size_t length = take_bytes(input, &bytes, take8(input));
        if (length > 0) // an empty one is an end that a netlink socket never has
            (void)!send(ends[1], bytes, length, 0);
    }
    struct kernel_socket netlink = {ends[0], 0};
    netlink_begin(&request, 1, 0, "body", 4);
    int result = netlink_talk(&netlink, &request, on_answer, &answers);
    EXPECT(result <= 0 || result > -4096);
    while (recv(ends[0], asked, sizeof asked, 0) >= 0) continue;
    EXPECT(recv(ends[1], asked, sizeof asked, 0) == 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    uint8_t *body = exact_copy(data, size);
    try_find(body, size);
    free(body);
    try_talk(&input);
    return 0;
}
