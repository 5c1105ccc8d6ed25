// SPDX-License-Identifier: ISC
// macOS: a socket gets its flags afterwards, which is no harm, as nothing is executed. One that is
// bound to an interface sends there, and still hears what comes by others; for TCP the kernel takes
// the interface that has the connection's own address, in any case (xnu: bsd/netinet/ip_output.c,
// in_selectsrcif()). CUBIC is the choice of the system. Nothing limits the pauses of TCP.
#include "address.h"
#include "loop.h"
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define XNU_IP_BOUND_IF          25    // bsd/netinet/in.h
#define XNU_TCP_KEEPALIVE        0x10  // bsd/netinet/tcp.h, as the next two: idle time, in seconds
#define XNU_TCP_KEEPINTVL        0x101 // from one question to the next
#define XNU_TCP_RXT_CONNDROPTIME 0x80  // how long repetitions go on

static int with_flags(int fd) {
    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0))
        return socket_close_failed(fd);
    return fd;
}

int socket_new(int family, int type, int protocol) {
    return with_flags(socket(family, type, protocol));
}

int socket_accept(int listener, struct endpoint *peer) {
    int on = 1;
    peer->length = sizeof peer->address;
    int fd = with_flags(accept(listener, (struct sockaddr *)&peer->address, &peer->length));
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

bool socket_hears_its_device(void) { return false; }

int socket_bind_to_device(int fd, const char *device) {
    unsigned index = if_nametoindex(device);
    return index == 0 ? -1 : setsockopt(fd, IPPROTO_IP, XNU_IP_BOUND_IF, &index, sizeof index);
}

void socket_limit_backoff(int fd, int ms) { (void)fd, (void)ms; }

void socket_limit_silence(int fd, int ask_ms, int dead_ms) {
    const int idle_s = ask_ms / 1000, again_s = 5, dead_s = dead_ms / 1000;
    (void)setsockopt(fd, IPPROTO_TCP, XNU_TCP_KEEPALIVE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, XNU_TCP_KEEPINTVL, &again_s, sizeof again_s);
    (void)setsockopt(fd, IPPROTO_TCP, XNU_TCP_RXT_CONNDROPTIME, &dead_s, sizeof dead_s);
}

int loop_signal_fd(const sigset_t *signals) {
    (void)signals;
    return -1;
}
