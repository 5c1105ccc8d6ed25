// SPDX-License-Identifier: ISC
// The system's calls, as the programs' objects make them here. Each name of the C library that a
// program uses and that would leave the process is replaced at link time by world_NAME.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "calls.h"
#include "world.h"

#define PROGRAM world.current

static int failing(int error) {
    errno = error;
    return -1;
}

static struct fd *fd_of(int number) {
    static struct fd none;
    if (number < 0 || number >= FDS || PROGRAM->fds[number].kind == FREE)
        return &none;
    return &PROGRAM->fds[number];
}

// The lowest that is free, as POSIX wants it.
static int take_fd(enum kind kind) {
    for (int i = 3; i < FDS; i++)
        if (PROGRAM->fds[i].kind == FREE) {
            PROGRAM->fds[i].kind = kind;
            return i;
        }
    return failing(EMFILE);
}

// ---- sockets ----

int world_socket(int family, int type, int protocol) {
    type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (family == AF_NETLINK)
        return take_fd(protocol == NETLINK_ROUTE ? ROUTE_NETLINK : RULE_NETLINK);
    if (family == AF_PACKET)
        return take_fd(type == SOCK_RAW ? PACKET : ARP);
    if ((family == AF_INET || family == AF_INET6) && type == SOCK_STREAM)
        return take_fd(SOCKET);
    if (family == AF_INET && type == SOCK_DGRAM)
        return take_fd(QUERY);
    return failing(EAFNOSUPPORT);
}

static void read_address(const struct sockaddr *address, uint32_t *ip, uint16_t *port) {
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    *ip = 0;
    if (address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof in6);
        *port = ntohs(in6.sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
            memcpy(ip, in6.sin6_addr.s6_addr + 12, 4);
            *ip = ntohl(*ip);
        }
        return;
    }
    memcpy(&in, address, sizeof in);
    *ip = ntohl(in.sin_addr.s_addr);
    *port = ntohs(in.sin_port);
}

int world_bind(int number, const struct sockaddr *address, socklen_t length) {
    struct fd *fd = fd_of(number);
    (void)length;
    if (fd->kind == PACKET || fd->kind == ARP)
        fd->is_bound = true;
    if (fd->kind != SOCKET)
        return 0;
    read_address(address, &fd->address, &fd->port);
    for (int i = 0; i < FDS; i++) {
        const struct fd *other = &PROGRAM->fds[i];
        if (other->kind == LISTENER && other->port == fd->port && other->address == fd->address &&
            strcmp(other->device, fd->device) == 0)
            return failing(EADDRINUSE);
    }
    if (fd->address != 0 && fd->address != INADDR_LOOPBACK && !host_has(PROGRAM->host, fd->address))
        return failing(EADDRNOTAVAIL);
    return 0;
}

int world_listen(int number, int most) {
    (void)most;
    fd_of(number)->kind = LISTENER;
    return 0;
}

static uint32_t address_of(const struct host *host) {
    return host == server_host() ? SERVER_ADDRESS : 0x0a500001 + (uint32_t)host->number;
}

static void write_peer(struct sockaddr *address, socklen_t *length, uint32_t ip, uint16_t port) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    in.sin_addr.s_addr = htonl(ip);
    if (address == NULL)
        return;
    memcpy(address, &in, *length < sizeof in ? *length : sizeof in);
    *length = sizeof in;
}

int world_accept4(int number, struct sockaddr *address, socklen_t *length, int flags) {
    struct fd *fd = fd_of(number);
    (void)flags;
    if (fd->waiting_count == 0)
        return failing(EAGAIN);
    int made = take_fd(SOCKET);
    if (made < 0)
        return -1;
    struct stream *stream = fd->waiting[0];
    memmove(fd->waiting, fd->waiting + 1, --fd->waiting_count * sizeof fd->waiting[0]);
    PROGRAM->fds[made].stream = stream;
    PROGRAM->fds[made].side = 1;
    stream_accept(stream, PROGRAM, made);
    write_peer(address, length, address_of(stream->hosts[0]),
               (uint16_t)(1024 + stream->number % 60000));
    return made;
}

int world_connect(int number, const struct sockaddr *address, socklen_t length) {
    struct fd *fd = fd_of(number);
    uint32_t ip;
    uint16_t port;
    (void)length;
    if (fd->kind != SOCKET || address->sa_family == AF_UNIX)
        return failing(ECONNREFUSED);
    read_address(address, &ip, &port);
    if (PROGRAM->host->to_server == NULL)
        return failing(ENETUNREACH);
    fd->stream = stream_connect(PROGRAM->host, PROGRAM, number, NULL, ip, port);
    fd->side = 0;
    return failing(EINPROGRESS);
}

static bool is_rough(void) { return world.rough > 0 && chance_of(&world.chance, world.rough); }

ssize_t world_send(int number, const void *bytes, size_t length, int flags) {
    struct fd *fd = fd_of(number);
    (void)flags;
    if (fd->kind == ROUTE_NETLINK || fd->kind == RULE_NETLINK) {
        kernel_netlink(PROGRAM, number, bytes, length);
        return (ssize_t)length;
    }
    if (fd->kind != SOCKET || fd->stream == NULL)
        return failing(ENOTCONN);
    int error = fd->stream->error[fd->side];
    if (error != 0)
        return failing(error == ECONNRESET ? EPIPE : error);
    if (!fd->stream->is_open || is_rough())
        return failing(chance_of(&world.chance, 2) ? EAGAIN : EINTR);
    check_sent(PROGRAM, bytes, length);
    if (is_rough() && length > 1)
        length = 1 + chance_below(&world.chance, length - 1);
    size_t sent = stream_send(fd->stream, fd->side, bytes, length);
    return sent > 0 ? (ssize_t)sent : failing(EAGAIN);
}

ssize_t world_sendto(int number, const void *bytes, size_t length, int flags,
                     const struct sockaddr *to, socklen_t to_length) {
    (void)number, (void)bytes, (void)flags, (void)to, (void)to_length;
    return (ssize_t)length; // ARP: the kernel's table knows the only neighbour
}

static ssize_t take_datagram(struct fd *fd, void *bytes, size_t length) {
    struct datagram *datagram = fd->first;
    if (datagram == NULL)
        return failing(EAGAIN);
    size_t taken = datagram->length < length ? datagram->length : length;
    memcpy(bytes, datagram->bytes, taken);
    fd->first = datagram->next;
    fd->count--;
    free(datagram);
    return (ssize_t)taken;
}

ssize_t world_recvfrom(int number, void *bytes, size_t length, int flags, struct sockaddr *from,
                       socklen_t *from_length) {
    (void)flags;
    write_peer(from, from_length, 0, 0);
    return take_datagram(fd_of(number), bytes, length);
}

ssize_t world_recv(int number, void *bytes, size_t length, int flags) {
    struct fd *fd = fd_of(number);
    (void)flags;
    if (fd->kind != SOCKET)
        return take_datagram(fd, bytes, length);
    if (fd->stream == NULL)
        return failing(ENOTCONN);
    if (fd->stream->error[fd->side] != 0)
        return failing(fd->stream->error[fd->side]);
    if (stream_waits(fd->stream, fd->side) == 0)
        return fd->stream->pipes[!fd->side].end_came ? 0 : failing(EAGAIN);
    if (is_rough())
        length = 1 + chance_below(&world.chance, length);
    return (ssize_t)stream_take(fd->stream, fd->side, bytes, length);
}

int world_sendmmsg(int number, struct mmsghdr *messages, unsigned count, int flags) {
    uint8_t frame[70000];
    (void)number, (void)flags;
    for (unsigned i = 0; i < count; i++) {
        size_t length = 0;
        for (size_t j = 0; j < messages[i].msg_hdr.msg_iovlen; j++) {
            const struct iovec *piece = &messages[i].msg_hdr.msg_iov[j];
            memcpy(frame + length, piece->iov_base, piece->iov_len);
            length += piece->iov_len;
        }
        messages[i].msg_len = (unsigned)length;
        traffic_to_internet(frame, length);
    }
    return (int)count;
}

int world_recvmmsg(int number, struct mmsghdr *messages, unsigned count, int flags,
                   struct timespec *timeout) {
    struct fd *fd = fd_of(number);
    unsigned i = 0;
    (void)flags, (void)timeout;
    for (; i < count && fd->first != NULL; i++)
        messages[i].msg_len = (unsigned)take_datagram(fd, messages[i].msg_hdr.msg_iov[0].iov_base,
                                                      messages[i].msg_hdr.msg_iov[0].iov_len);
    return i > 0 ? (int)i : failing(EAGAIN);
}

int world_shutdown(int number, int how) {
    struct fd *fd = fd_of(number);
    (void)how;
    if (fd->kind != SOCKET || fd->stream == NULL || fd->stream->error[fd->side] != 0)
        return failing(ENOTCONN);
    stream_end(fd->stream, fd->side);
    return 0;
}

int world_setsockopt(int number, int level, int option, const void *value, socklen_t length) {
    struct fd *fd = fd_of(number);
    if (level == SOL_NETLINK && option == NETLINK_ADD_MEMBERSHIP)
        fd->is_bound = true;
    if (level != SOL_SOCKET || option != SO_BINDTODEVICE)
        return 0;
    char name[16] = {0};
    memcpy(name, value, length < sizeof name ? length : sizeof name - 1);
    if (interface_named(PROGRAM->host, name) == NULL)
        return failing(ENODEV);
    memcpy(fd->device, name, sizeof fd->device);
    return 0;
}

int world_getsockopt(int number, int level, int option, void *value, socklen_t *length) {
    const struct fd *fd = fd_of(number);
    int error = fd->stream != NULL ? fd->stream->error[fd->side] : 0;
    (void)level, (void)option;
    memset(value, 0, *length);
    memcpy(value, &error, sizeof error);
    return 0;
}

int world_getsockname(int number, struct sockaddr *address, socklen_t *length) {
    const struct fd *fd = fd_of(number);
    bool is_server = PROGRAM == server_program();
    if (fd->stream != NULL)
        write_peer(address, length, is_server ? SERVER_ADDRESS : LAPTOPS_ADDRESS, fd->stream->port);
    else
        write_peer(address, length, fd->address, fd->port);
    return 0;
}

// ---- files, devices ----

// A host's few files.
static struct file *file_of(const char *path, bool is_new) {
    struct file *files = PROGRAM->host->files;
    for (size_t i = 0; i < FILES; i++)
        if (strcmp(files[i].path, path) == 0)
            return &files[i];
    for (size_t i = 0; i < FILES && is_new; i++)
        if (files[i].path[0] == '\0') {
            files[i] = (struct file){.length = 0};
            snprintf(files[i].path, sizeof files[i].path, "%s", path);
            return &files[i];
        }
    return NULL;
}

int world_open(const char *path, int flags, ...) {
    if (strcmp(path, "/dev/net/tun") == 0)
        return take_fd(TUN);
    struct file *file = file_of(path, (flags & O_CREAT) != 0);
    if (file == NULL)
        return failing(ENOENT);
    int fd = take_fd(DATA);
    if (fd >= 0)
        PROGRAM->fds[fd].file = file;
    return fd;
}

int world_rename(const char *from, const char *to) {
    struct file *file = file_of(from, false);
    struct file *old = file_of(to, false);
    if (file == NULL)
        return failing(ENOENT);
    if (old != NULL)
        old->path[0] = '\0';
    snprintf(file->path, sizeof file->path, "%s", to);
    return 0;
}

int world_unlink(const char *path) {
    struct file *file = file_of(path, false);
    if (file == NULL)
        return failing(ENOENT);
    file->path[0] = '\0';
    return 0;
}

int world_access(const char *path, int how) {
    (void)how;
    return strcmp(path, "/dev/net/tun") == 0 ? 0 : failing(ENOENT);
}

int world_openat(int folder, const char *path, int flags, ...) {
    (void)folder;
    return world_open(path, flags);
}

int world_close(int number) {
    if (fd_of(number)->kind == FREE)
        return failing(EBADF);
    fd_close(PROGRAM, number);
    return 0;
}

ssize_t world_read(int number, void *bytes, size_t length) {
    struct fd *fd = fd_of(number);
    struct signalfd_siginfo info = {.ssi_signo = SIGTERM};
    if (fd->kind == SIGNALS) {
        if (!PROGRAM->is_asked_to_end)
            return failing(EAGAIN);
        PROGRAM->is_asked_to_end = false;
        memcpy(bytes, &info, sizeof info);
        return sizeof info;
    }
    if (fd->kind == DATA) {
        size_t left = fd->file->length - fd->read_at;
        size_t taken = left < length ? left : length;
        memcpy(bytes, fd->file->data + fd->read_at, taken);
        fd->read_at += taken;
        return (ssize_t)taken;
    }
    if (fd->kind == TUN && interface_numbered(PROGRAM->host, fd->interface) == NULL)
        return failing(EBADFD);
    return take_datagram(fd, bytes, length);
}

ssize_t world_write(int number, const void *bytes, size_t length) {
    struct fd *fd = fd_of(number);
    if (number == 2 || number == 1) {
        say("  %.*s", (int)(length > 0 ? length - 1 : 0), (const char *)bytes);
        return (ssize_t)length;
    }
    if (fd->kind == DATA && fd->file->length + length <= sizeof fd->file->data) {
        memcpy(fd->file->data + fd->file->length, bytes, length);
        fd->file->length += length;
        return (ssize_t)length;
    }
    if (fd->kind != TUN)
        return failing(EBADF);
    traffic_to_laptop(PROGRAM, bytes, length);
    return (ssize_t)length;
}

ssize_t world_writev(int number, const struct iovec *pieces, int count) {
    uint8_t bytes[70000];
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        memcpy(bytes + length, pieces[i].iov_base, pieces[i].iov_len);
        length += pieces[i].iov_len;
    }
    return world_write(number, bytes, length);
}

int world_ioctl(int number, unsigned long what, ...) {
    va_list args;
    va_start(args, what);
    void *arg = va_arg(args, void *);
    va_end(args);
    return kernel_ioctl(PROGRAM, number, what, arg);
}

int world_fstat(int number, struct stat *info) {
    (void)number;
    memset(info, 0, sizeof *info);
    info->st_mode = S_IFREG | 0600;
    return 0;
}

// ---- the rest ----

int world_clock_gettime(clockid_t clock, struct timespec *now) {
    int64_t us = world.now_us + BOOTED;
    (void)clock;
    now->tv_sec = us / SECOND;
    now->tv_nsec = us % SECOND * 1000;
    return 0;
}

int world_getentropy(void *out, size_t length) {
    uint8_t *bytes = out;
    for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)chance_next(&world.entropy);
    return 0;
}

int world_signalfd(int number, const void *mask, int flags) {
    (void)number, (void)mask, (void)flags;
    return take_fd(SIGNALS);
}

unsigned world_if_nametoindex(const char *name) {
    const struct interface *interface = interface_named(PROGRAM->host, name);
    return interface != NULL ? (unsigned)interface->index : 0;
}

char *world_if_indextoname(unsigned index, char *name) {
    const struct interface *interface = interface_numbered(PROGRAM->host, (int)index);
    return interface != NULL ? strcpy(name, interface->name) : NULL;
}

int world_getaddrinfo(const char *host, const char *port, const void *hints,
                      struct addrinfo **found) {
    static struct addrinfo info;
    static struct sockaddr_in address;
    struct in_addr in;
    (void)hints;
    if (inet_pton(AF_INET, host, &in) != 1)
        return EAI_NONAME;
    address = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_addr = in,
                                   .sin_port = htons((uint16_t)(port != NULL ? atoi(port) : 0))};
    info = (struct addrinfo){
        .ai_family = AF_INET, .ai_addr = (struct sockaddr *)&address, .ai_addrlen = sizeof address};
    *found = &info;
    return 0;
}

void world_freeaddrinfo(void *info) { (void)info; }

long world_syscall(long number, ...) {
    (void)number;
    return 0;
}

int world_prctl(int what, ...) { return what == PR_CAPBSET_READ ? failing(EINVAL) : 0; }

int world_nothing(void) { return 0; }

int world_refuse(void) { return failing(ENOENT); }

int world_sigaction(int number, const struct sigaction *action, struct sigaction *old) {
    (void)number, (void)action;
    if (old != NULL)
        memset(old, 0, sizeof *old);
    return 0;
}

int world_getpid(void) { return PROGRAM->host->number + 1; }

char *world_getenv(const char *name) {
    (void)name;
    return NULL;
}

int world_printf(const void *first, ...) {
    (void)first;
    return 0;
}
