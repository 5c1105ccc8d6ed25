// SPDX-License-Identifier: ISC
// Ports of local sockets, as the kernel tells them in /proc/net (proc(5)).
#include "wire/wire.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

static unsigned counts[2][65536]; // TCP, UDP

static void count(void *arg, int protocol, uint16_t port) {
    unsigned *calls = arg;
    ++*calls;
    if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
        counts[protocol == IPPROTO_UDP][port]++;
}

// A socket of this kind with a port that the kernel picks. Returns -1 where there is no such
// family.
static int bind_any(int family, int type, uint16_t *port) {
    struct sockaddr_in6 address = {.sin6_family =
                                       (sa_family_t)family}; // the port's place is the same
    socklen_t length = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof address;
    int fd = socket(family, type, 0);
    if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, length) < 0 ||
                    getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
                    (type == SOCK_STREAM && listen(fd, 1) < 0))) {
        close(fd);
        return -1;
    }
    *port = ntohs(address.sin6_port);
    return fd;
}

static const struct {
    const char *name;
    int family, type;
} kinds[] = {
    {"TCP over IPv4", AF_INET, SOCK_STREAM},
    {"TCP over IPv6", AF_INET6, SOCK_STREAM},
    {"UDP over IPv4", AF_INET, SOCK_DGRAM},
    {"UDP over IPv6", AF_INET6, SOCK_DGRAM},
};

static void each_kind(void) {
    for (size_t i = 0; i < COUNT(kinds); i++) {
        bool is_udp = kinds[i].type == SOCK_DGRAM;
        uint16_t port = 0;
        unsigned calls = 0;
        test_row("%s", kinds[i].name);
        int fd = bind_any(kinds[i].family, kinds[i].type, &port);
        if (fd < 0 && kinds[i].family == AF_INET6)
            continue; // a host without IPv6
        CHECK(fd >= 0);
        memset(counts, 0, sizeof counts);
        CHECK_INT(wire_local_ports(count, &calls), 0);
        CHECK(calls > 0);
        CHECK(counts[is_udp][port] > 0);
        close(fd);
    }
}

// Many sockets fill more than one of the buffers that are read at a time; none is missed.
static void long_lists(void) {
    int fds[200];
    uint16_t ports[200];
    unsigned calls = 0;
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = bind_any(AF_INET, SOCK_DGRAM, &ports[i]);
        CHECK(fds[i] >= 0);
    }
    memset(counts, 0, sizeof counts);
    CHECK_INT(wire_local_ports(count, &calls), 0);
    for (size_t i = 0; i < COUNT(fds); i++) {
        test_row("port %u", ports[i]);
        CHECK(counts[1][ports[i]] > 0);
        CHECK_INT(close(fds[i]), 0);
    }
}

// Leaves a text of ports that nobody has where the next function has its variables.
static void soil_stack(void) {
    volatile char soil[16384];
    for (size_t i = 0; i < sizeof soil; i++) soil[i] = ":0001"[i % 5];
}

static void ends_of_lines(void) {
    unsigned calls = 0;
    memset(counts, 0, sizeof counts);
    soil_stack();
    CHECK_INT(wire_local_ports(count, &calls), 0);
    CHECK_INT(counts[0][1] + counts[1][1], 0);
}

// The next descriptor that is free: the same again, when all that was opened is closed.
static int next_fd(void) {
    int fd = dup(STDOUT_FILENO);
    close(fd);
    return fd;
}

static void closes(void) {
    struct port_range ports;
    unsigned calls = 0;
    int before = next_fd();
    CHECK_INT(wire_local_ports(count, &calls), 0);
    CHECK(wire_local_port_range(&ports));
    CHECK_INT(next_fd(), before);
}

static void range(void) {
    struct port_range range = {0, 0};
    unsigned low, high;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
    CHECK(file != NULL);
    int fields = fscanf(file, "%u %u", &low, &high);
    fclose(file);
    CHECK_INT(fields, 2);
    CHECK(wire_local_port_range(&range));
    CHECK_INT(range.low, low);
    CHECK_INT(range.high, high);
}

int main(void) {
    TEST("a socket's port is told, with its protocol, for each kind of socket", each_kind);
    TEST("a list that is longer than what is read at a time is told whole", long_lists);
    TEST("nothing is read behind the end of a line", ends_of_lines);
    TEST("what was opened to read is closed", closes);
    TEST("the range that the kernel picks ports from is what it says", range);
    return test_end();
}
