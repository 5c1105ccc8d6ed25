// SPDX-License-Identifier: ISC
// What sockets are told of time: how long TCP goes on with what nobody acknowledges, and when it
// asks.
#include "base/address.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

static int option(int fd, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(fd, IPPROTO_TCP, name, &value, &size) == 0 ? value : -1;
}

static void backoff(void) {
    int fd = socket_new(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    CHECK_INT(option(fd, TCP_USER_TIMEOUT), 0);
    socket_limit_backoff(fd, 1000);
    CHECK_INT(option(fd, TCP_USER_TIMEOUT), 120000);
    close(fd);
}

static void silence(void) {
    int fd = socket_new(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    socket_limit_silence(fd, 20000, 45000);
    CHECK_INT(option(fd, TCP_KEEPIDLE), 20);
    CHECK_INT(option(fd, TCP_KEEPINTVL), 5);
    CHECK_INT(option(fd, TCP_USER_TIMEOUT), 45000);
    close(fd);
}

int main(void) {
    TEST("with short pauses TCP goes on for two minutes all the same", backoff);
    TEST("a silent peer is asked, and given up", silence);
    return test_end();
}
