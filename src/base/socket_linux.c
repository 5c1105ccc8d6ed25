// SPDX-License-Identifier: ISC
// Linux: a socket is born with its flags, and SO_BINDTODEVICE binds it to a network interface.
#include "address.h"
#include "loop.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

// TCP goes on for so long with what is not acknowledged, longer than anybody here waits for it.
#define PATIENCE_MS 120000

#ifndef TCP_RTO_MAX_MS // of linux/tcp.h, since 6.15
#define TCP_RTO_MAX_MS 44
#endif

// TCP sends by CUBIC (RFC 9438) where the kernel lets us, also where BBR is the host's choice. The
// tunnel measures the link by itself, and what it sends fits on it. BBR measures too: every ten
// seconds it lets the way run empty for 200 ms, and sends what waited in a burst. What a listening
// socket accepts inherits the choice.
int socket_new(int family, int type, int protocol) {
    static const char cubic[] = "cubic";
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (type == SOCK_STREAM)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cubic, sizeof cubic - 1);
    return fd;
}

int socket_accept(int listener, struct endpoint *peer) {
    int on = 1;
    peer->length = sizeof peer->address;
    int fd = accept4(listener, (struct sockaddr *)&peer->address, &peer->length,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

bool socket_hears_its_device(void) { return true; }

int socket_bind_to_device(int fd, const char *device) {
    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device));
}

void socket_limit_backoff(int fd, int ms) {
    unsigned patience_ms = PATIENCE_MS;
    // A kernel before 6.15 doubles the pause up to two minutes. It gives a connection up after so
    // many repetitions, which with short pauses is soon, unless it is told for how long to go on
    // (RFC 5482).
    (void)setsockopt(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, &ms, sizeof ms);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
}

void socket_limit_silence(int fd, int ask_ms, int dead_ms) {
    int idle_s = ask_ms / 1000;
    int again_s = 5;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &again_s, sizeof again_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof dead_ms);
}

int loop_signal_fd(const sigset_t *signals) {
    return signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC);
}
