// SPDX-License-Identifier: ISC
// The routes that lead into the TUN device, as the kernel is asked for them, which is played by the
// other end of a socket pair.
#include "tun/tun.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "os/netlink.h"
#include "test.h"

static int kernel;
static struct tun tun;
static int warnings;
static struct log quiet;

int log_say(const struct log *log, enum log_level level, const char *format, ...) {
    (void)log, (void)format;
    warnings += level <= LOG_LEVEL_WARN;
    return -1;
}

// The kernel answers the next requests with this.
static bool start(int answers, int32_t error) {
    int fds[2];
    struct timeval limit = {.tv_sec = 5}; // all answers are there when they are asked for
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) < 0)
        return false;
    kernel = fds[0];
    setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    tun = (struct tun){.fd = -1, .kernel = {fds[1], 0}, .index = 7, .name = "none", .log = &quiet};
    warnings = 0;
    for (int i = 1; i <= answers; i++) {
        struct netlink_request answer;
        struct nlmsgerr body = {.error = error};
        netlink_begin(&answer, NLMSG_ERROR, 0, &body, sizeof body);
        answer.header.nlmsg_seq = (uint32_t)i;
        answer.header.nlmsg_len = (uint32_t)answer.length;
        if (send(kernel, answer.bytes, answer.length, 0) != (ssize_t)answer.length)
            return false;
    }
    return true;
}

static void end(void) {
    close(kernel);
    netlink_close(&tun.kernel);
}

// The next request is for a route of so many bits, to this, through the device.
static void check_route(uint8_t family, uint8_t bits, const uint8_t *network, size_t length) {
    struct netlink_request request;
    struct rtmsg head;
    uint32_t value;
    size_t size;
    ssize_t got = recv(kernel, request.bytes, sizeof request.bytes, MSG_DONTWAIT);
    CHECK(got > NLMSG_HDRLEN + (ssize_t)sizeof head);
    CHECK_INT(request.header.nlmsg_type, RTM_NEWROUTE);
    memcpy(&head, request.bytes + NLMSG_HDRLEN, sizeof head);
    CHECK_INT(head.rtm_family, family);
    CHECK_INT(head.rtm_dst_len, bits);
    const uint8_t *body = request.bytes + NLMSG_HDRLEN;
    size_t all = (size_t)got - NLMSG_HDRLEN;
    const uint8_t *found = netlink_find(body, all, sizeof head, RTA_DST, 1, &size);
    CHECK(found != NULL);
    CHECK_INT(size, length);
    CHECK_BYTES(found, network, length);
    found = netlink_find(body, all, sizeof head, RTA_OIF, 4, NULL);
    CHECK(found != NULL);
    memcpy(&value, found, 4);
    CHECK_INT(value, 7);
    found = netlink_find(body, all, sizeof head, RTA_METRICS, 4, &size);
    CHECK(found != NULL);
    found = netlink_find(found, size, 0, RTAX_ADVMSS, 4, NULL);
    CHECK(found != NULL);
    memcpy(&value, found, 4);
    CHECK_INT(value, TUN_MSS);
}

static void ipv4(void) {
    const struct cidr cidr = {0x0a010000, 16};
    CHECK(start(1, 0));
    CHECK_INT(tun_add_route(&tun, &cidr, TUN_MSS), 0);
    check_route(AF_INET, 16, (const uint8_t[]){10, 1, 0, 0}, 4);
    end();
    CHECK(start(1, -EEXIST));
    CHECK_INT(tun_add_route(&tun, &cidr, TUN_MSS), -1);
    CHECK_INT(warnings, 1);
    end();
}

static void all_of_ipv6(void) {
    static const uint8_t halves[2][16] = {{0}, {0x80}};
    CHECK(start(2, 0));
    tun_take_ipv6(&tun);
    CHECK_INT(warnings, 0);
    for (size_t i = 0; i < 2; i++) check_route(AF_INET6, 1, halves[i], 16);
    end();
}

// A kernel without IPv6 needs no warning.
static void refused(void) {
    static const struct {
        int32_t error;
        int warnings;
    } cases[] = {{-EAFNOSUPPORT, 0}, {-EOPNOTSUPP, 0}, {-EPERM, 2}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("error %d", (int)cases[i].error);
        CHECK(start(2, cases[i].error));
        tun_take_ipv6(&tun);
        CHECK_INT(warnings, cases[i].warnings);
        end();
    }
}

int main(void) {
    TEST("a route leads to its network through the device", ipv4);
    TEST("all of IPv6 is taken, in halves", all_of_ipv6);
    TEST("that IPv6 is not taken is said, but not where there is none", refused);
    return test_end();
}
