// SPDX-License-Identifier: ISC
// A routing socket: a pair of Unix sockets of datagrams, one of which the program has. What it
// writes is read strictly, carried out and comes back to it with RTF_DONE or rtm_errno, as
// SO_USELOOPBACK has it. A thread turns what Linux says of changes into Darwin's messages.
//
// Who opened the socket decides what it may do (SS_PRIV), not who writes (xnu's route_output()).
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "darwin.h"

ssize_t __real_read(int fd, void *bytes, size_t length);
int __real_close(int fd);

#define ROUTE_SOCKETS 8

static struct routing {
    int fd;     // the program's; 0: unused
    int kernel; // the other end
    int watch;
    int family; // that it wants to hear of; 0: all
    bool privileged;
    pthread_t thread;
} sockets[ROUTE_SOCKETS];

static void give(void *arg, const uint8_t *message, size_t length, int family) {
    struct routing *routing = arg;
    if (routing->family == 0 || routing->family == family)
        (void)send(routing->kernel, message, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void *listen_to_kernel(void *arg) {
    struct routing *routing = arg;
    static _Thread_local union {
        long aligned;
        uint8_t bytes[65536];
    } heard;
    for (;;) {
        ssize_t length = __real_read(routing->watch, &heard, sizeof heard);
        if (length > 0)
            kernel_translate(heard.bytes, (size_t)length, give, routing);
        else if (length == 0 || (errno != EINTR && errno != ENOBUFS))
            return NULL;
    }
}

int route_socket(int type, int protocol) {
    struct routing *routing = sockets;
    sigset_t all, before;
    int pair[2];
    while (routing < sockets + ROUTE_SOCKETS && routing->fd != 0) routing++;
    if (type != SOCK_RAW) {
        darwin_refuse("socket(PF_ROUTE): its type is %d, not SOCK_RAW", type);
        return darwin_fail(EPROTONOSUPPORT);
    }
    if (protocol != 0 && protocol != D_AF_INET && protocol != D_AF_INET6) {
        darwin_refuse("socket(PF_ROUTE): its protocol is %d, no family", protocol);
        return darwin_fail(EPROTONOSUPPORT);
    }
    if (routing == sockets + ROUTE_SOCKETS || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
        return darwin_fail(ENOBUFS);
    *routing = (struct routing){.fd = pair[0],
                                .kernel = pair[1],
                                .watch = kernel_watch(),
                                .family = protocol,
                                .privileged = geteuid() == 0};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_create(&routing->thread, NULL, listen_to_kernel, routing);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    darwin_note("PF_ROUTE opened for family %d", protocol);
    return routing->fd;
}

static struct routing *find(int fd) {
    for (struct routing *routing = sockets; routing < sockets + ROUTE_SOCKETS; routing++)
        if (routing->fd == fd)
            return routing;
    return NULL;
}

static int interface_of(const struct route_request *request) {
    static struct darwin_interface list[INTERFACES_MAX];
    int count = kernel_interfaces(list);
    for (int i = 0; i < count && request->family == D_AF_INET; i++)
        if (list[i].has_address && memcmp(&list[i].address, request->gateway, 4) == 0)
            return list[i].index;
    return 0;
}

// Interface-scoped routes serve sockets that are bound to the interface, and nobody else. Linux
// finds an on-link way for these anyhow.
static int carry_out(const struct routing *routing, struct route_request *request) {
    if (request->type == D_RTM_GET || request->type == D_RTM_CHANGE) {
        darwin_refuse("rtm_type %d is not carried out here", request->type);
        return EOPNOTSUPP;
    }
    if (!routing->privileged) {
        darwin_note("a route is refused: the socket was not opened by root");
        return EPERM;
    }
    if (request->has_gateway && !request->gateway_is_link && (request->flags & D_RTF_GATEWAY) == 0)
        request->index = interface_of(request);
    if (request->type == D_RTM_ADD && request->index == 0 &&
        (request->flags & D_RTF_GATEWAY) == 0) {
        darwin_refuse("without RTF_GATEWAY the gateway is an interface, or an address of one");
        return ENETUNREACH;
    }
    darwin_note("route %s %u.%u.%u.%u/%d family %d index %d flags %#x mtu %u",
                request->type == D_RTM_ADD ? "add" : "delete", request->destination[0],
                request->destination[1], request->destination[2], request->destination[3],
                request->prefix_length, request->family, request->index, request->flags,
                request->mtu);
    return (request->flags & D_RTF_IFSCOPE) != 0 ? 0 : kernel_route(request);
}

ssize_t route_write(int fd, const uint8_t *bytes, size_t length) {
    struct routing *routing = find(fd);
    struct route_request request;
    uint8_t answer[2048] = {0};
    uint32_t flags;
    int error = route_decode(&request, bytes, length);
    if (error == 0)
        error = carry_out(routing, &request);
    if (length >= D_RT_MSGHDR && length <= sizeof answer) {
        const int32_t pid = (int32_t)getpid();
        memcpy(answer, bytes, length);
        memcpy(&flags, answer + 8, 4);
        flags |= error == 0 ? D_RTF_DONE : 0;
        memcpy(answer + 8, &flags, 4);
        memcpy(answer + 16, &pid, 4);
        memcpy(answer + 24, &error, 4);
        give(routing, answer, length, routing->family);
    }
    return error == 0 ? (ssize_t)length : darwin_fail(error);
}

void route_close(int fd) {
    struct routing *routing = find(fd);
    pthread_cancel(routing->thread);
    pthread_join(routing->thread, NULL);
    __real_close(routing->watch);
    __real_close(routing->kernel);
    routing->fd = 0;
}
