// SPDX-License-Identifier: ISC
// The calls of the programs, by the linker's --wrap: those that only Darwin answers go to the parts
// of this layer, and those that Darwin has not are refused. All others go to Linux.
//
// A program that has given its rights up on Darwin keeps what its sockets may do. Here the layer
// does such things in the program's process. So when the program changes its user, the layer keeps
// CAP_NET_ADMIN and CAP_NET_RAW for itself, and asks the user's number where Darwin would.
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "darwin.h"

#define FDS_MAX 4096

enum kind { KIND_LINUX, KIND_ROUTE, KIND_UTUN };
static unsigned char kinds[FDS_MAX];

static enum kind kind_of(int fd) { return fd >= 0 && fd < FDS_MAX ? kinds[fd] : KIND_LINUX; }

static int with_kind(int fd, enum kind kind) {
    if (fd >= 0 && fd < FDS_MAX)
        kinds[fd] = (unsigned char)kind;
    return fd;
}

int darwin_fail(int error) {
    errno = error;
    return -1;
}

// ---- what is said ----

#define HIGH_FD 900 // out of the way of the program's

static int record_fd = -1;

// Opened before the program runs: later it may see no files.
__attribute__((constructor)) static void open_record(void) {
    const char *path = getenv("DARWIN_RECORD");
    int fd = path != NULL ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    record_fd = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
    syscall(SYS_close, fd);
}

static void record(const char *what, const char *format, va_list arguments) {
    char line[512];
    int saved = errno;
    int length = snprintf(line, sizeof line, "%s: ", what);
    vsnprintf(line + length, sizeof line - (size_t)length - 1, format, arguments);
    strcat(line, "\n");
    if (record_fd >= 0)
        (void)syscall(SYS_write, record_fd, line, strlen(line));
    if (strcmp(what, "refused") == 0)
        fprintf(stderr, "darwin: %s", line);
    errno = saved;
}

void darwin_refuse(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    record("refused", format, arguments);
    va_end(arguments);
}

void darwin_note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    record("done", format, arguments);
    va_end(arguments);
}

// ---- descriptors ----

int __real_socket(int family, int type, int protocol);
int __real_close(int fd);
int __real_connect(int fd, const struct sockaddr *address, socklen_t length);
int __real_ioctl(int fd, unsigned long request, ...);
ssize_t __real_read(int fd, void *bytes, size_t length);
ssize_t __real_write(int fd, const void *bytes, size_t length);
ssize_t __real_readv(int fd, const struct iovec *pieces, int count);
ssize_t __real_writev(int fd, const struct iovec *pieces, int count);
ssize_t __real_recv(int fd, void *bytes, size_t length, int flags);
ssize_t __real_send(int fd, const void *bytes, size_t length, int flags);
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *length);
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t length);

int __wrap_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol) {
    if ((type & (SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0) {
        darwin_refuse("socket(): Darwin's types have no flags (%#x)", type);
        return darwin_fail(EPROTOTYPE);
    }
    switch (family) {
    case D_AF_ROUTE: return with_kind(route_socket(type, protocol), KIND_ROUTE);
    case D_AF_SYSTEM:
        if (protocol == D_SYSPROTO_CONTROL)
            return with_kind(utun_socket(type), KIND_UTUN);
        darwin_refuse("socket(PF_SYSTEM): protocol %d", protocol);
        return darwin_fail(EPROTONOSUPPORT);
    case AF_INET:
    case AF_INET6:
    case AF_UNIX: return with_kind(__real_socket(family, type, protocol), KIND_LINUX);
    }
    darwin_refuse("socket(): Darwin has no family %d", family);
    return darwin_fail(EAFNOSUPPORT);
}

static void forget_port(int fd);

int __wrap_close(int fd);
int __wrap_close(int fd) {
    if (kind_of(fd) == KIND_ROUTE)
        route_close(fd);
    if (kind_of(fd) == KIND_UTUN)
        utun_close(fd);
    (void)with_kind(fd, KIND_LINUX);
    forget_port(fd);
    return __real_close(fd);
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length) {
    if (kind_of(fd) == KIND_UTUN)
        return utun_connect(fd, (const uint8_t *)address, length);
    return __real_connect(fd, address, length);
}

static ssize_t write_to(int fd, const uint8_t *bytes, size_t length) {
    return kind_of(fd) == KIND_ROUTE ? route_write(fd, bytes, length)
                                     : utun_write(fd, bytes, length);
}

ssize_t __wrap_read(int fd, void *bytes, size_t length);
ssize_t __wrap_read(int fd, void *bytes, size_t length) {
    return kind_of(fd) == KIND_UTUN ? utun_read(fd, bytes, length) : __real_read(fd, bytes, length);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length) {
    return kind_of(fd) != KIND_LINUX ? write_to(fd, bytes, length)
                                     : __real_write(fd, bytes, length);
}

ssize_t __wrap_recv(int fd, void *bytes, size_t length, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t length, int flags) {
    if (kind_of(fd) != KIND_UTUN)
        return __real_recv(fd, bytes, length, flags);
    return utun_read(fd, bytes, length);
}

ssize_t __wrap_send(int fd, const void *bytes, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t length, int flags) {
    if (kind_of(fd) != KIND_LINUX)
        return write_to(fd, bytes, length);
    return __real_send(fd, bytes, length, flags);
}

static size_t size_of(const struct iovec *pieces, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++) size += pieces[i].iov_len;
    return size;
}

ssize_t __wrap_writev(int fd, const struct iovec *pieces, int count);
ssize_t __wrap_writev(int fd, const struct iovec *pieces, int count) {
    uint8_t whole[65536 + 64];
    size_t at = 0;
    if (kind_of(fd) == KIND_LINUX)
        return __real_writev(fd, pieces, count);
    if (size_of(pieces, count) > sizeof whole)
        return darwin_fail(EMSGSIZE);
    for (int i = 0; i < count; i++) {
        memcpy(whole + at, pieces[i].iov_base, pieces[i].iov_len);
        at += pieces[i].iov_len;
    }
    return write_to(fd, whole, at);
}

ssize_t __wrap_readv(int fd, const struct iovec *pieces, int count);
ssize_t __wrap_readv(int fd, const struct iovec *pieces, int count) {
    uint8_t whole[65536 + 64];
    size_t at = 0;
    if (kind_of(fd) != KIND_UTUN)
        return __real_readv(fd, pieces, count);
    size_t room = size_of(pieces, count);
    ssize_t size = utun_read(fd, whole, room < sizeof whole ? room : sizeof whole);
    for (int i = 0; i < count && size > 0 && at < (size_t)size; i++) {
        size_t part = (size_t)size - at < pieces[i].iov_len ? (size_t)size - at : pieces[i].iov_len;
        memcpy(pieces[i].iov_base, whole + at, part);
        at += part;
    }
    return size;
}

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    uint32_t code = (uint32_t)request; // an int that was extended has its sign in front
    if (code == D_CTLIOCGINFO && kind_of(fd) == KIND_UTUN)
        return utun_info(fd, argument);
    if ((code & 0xff00) == 'i' << 8 && (code & (D_IN | D_OUT)) != 0 && kind_of(fd) == KIND_LINUX)
        return interface_ioctl(code, argument);
    if (request == TIOCGWINSZ || request == TIOCGPGRP || request == FIONREAD)
        return __real_ioctl(fd, request, argument);
    darwin_refuse("ioctl %#lx on descriptor %d", request, fd);
    return darwin_fail(ENOTTY);
}

// ---- ports ----

// On BSD two sockets have the same address and port only if both have SO_REUSEPORT; SO_REUSEADDR is
// not enough. Which of several that listen takes a connection, nobody promises.
static struct {
    struct sockaddr_storage address;
    socklen_t length; // 0: not bound
    int type;
    bool listens;
} bound[FDS_MAX];

int __real_bind(int fd, const struct sockaddr *address, socklen_t length);
int __real_listen(int fd, int backlog);

static int option_of(int fd, int name) {
    int value = 0;
    socklen_t length = sizeof value;
    (void)__real_getsockopt(fd, SOL_SOCKET, name, &value, &length);
    return value;
}

static bool is_same(int a, int b) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)&bound[a].address;
    return a != b && in->sin_port != 0 && // at the same place for IPv6
           bound[b].length != 0 && bound[b].length == bound[a].length &&
           bound[a].type == bound[b].type &&
           memcmp(&bound[a].address, &bound[b].address, bound[a].length) == 0;
}

static void forget_port(int fd) {
    if (fd >= 0 && fd < FDS_MAX)
        memset(&bound[fd], 0, sizeof bound[fd]);
}

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length) {
    if (kind_of(fd) != KIND_LINUX || fd >= FDS_MAX || length > sizeof bound[0].address) {
        darwin_refuse("bind(): of no socket that can be bound");
        return darwin_fail(EINVAL);
    }
    memcpy(&bound[fd].address, address, length);
    bound[fd].length = length;
    bound[fd].type = option_of(fd, SO_TYPE);
    for (int other = 0; other < FDS_MAX; other++) {
        if (!is_same(fd, other) || (option_of(fd, SO_REUSEPORT) && option_of(other, SO_REUSEPORT)))
            continue;
        bound[fd].length = 0;
        darwin_refuse("bind(): another socket of this process has that address and port");
        return darwin_fail(EADDRINUSE);
    }
    int result = __real_bind(fd, address, length);
    bound[fd].length = result == 0 ? length : 0;
    return result;
}

int __wrap_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog) {
    for (int other = 0; other < FDS_MAX; other++)
        if (is_same(fd, other) && bound[other].listens) {
            darwin_refuse("listen(): twice at one port: which takes a connection is not promised");
            return darwin_fail(EADDRINUSE);
        }
    bound[fd].listens = true;
    return __real_listen(fd, backlog);
}

// ---- options ----

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *length);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *length) {
    if (kind_of(fd) != KIND_UTUN)
        return __real_getsockopt(fd, level, name, value, length);
    if (level != D_SYSPROTO_CONTROL) {
        darwin_refuse("getsockopt() of a utun: level %d, not SYSPROTO_CONTROL", level);
        return darwin_fail(EINVAL);
    }
    return utun_name(fd, name, value, length);
}

static int family_of(int fd) {
    int family = 0;
    socklen_t length = sizeof family;
    (void)__real_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
    return family;
}

// Of a socket that is bound to an interface, what is sent leaves there. That nothing comes from
// elsewhere, as on Linux, Darwin does not promise.
static int bind_to_interface(int fd, int level, const void *value, socklen_t length) {
    struct darwin_interface interface;
    uint32_t index;
    if (length != sizeof index || family_of(fd) != (level == IPPROTO_IP ? AF_INET : AF_INET6)) {
        darwin_refuse("IP_BOUND_IF: %u bytes at level %d for family %d", length, level,
                      family_of(fd));
        return darwin_fail(EINVAL);
    }
    memcpy(&index, value, sizeof index);
    if (index == 0)
        return __real_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0);
    if (!kernel_interface(NULL, (int)index, &interface))
        return darwin_fail(ENXIO);
    darwin_note("socket bound to %s", interface.name);
    const char *name = interface.type == D_IFT_LOOP ? "lo" : interface.name;
    return __real_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name));
}

static bool is_known(int level, int name) {
    static const int options[][2] = {
        {SOL_SOCKET, SO_REUSEADDR}, {SOL_SOCKET, SO_REUSEPORT}, {SOL_SOCKET, SO_BROADCAST},
        {SOL_SOCKET, SO_KEEPALIVE}, {SOL_SOCKET, SO_RCVBUF},    {SOL_SOCKET, SO_SNDBUF},
        {SOL_SOCKET, SO_RCVTIMEO},  {SOL_SOCKET, SO_SNDTIMEO},  {SOL_SOCKET, SO_LINGER},
        {IPPROTO_TCP, TCP_NODELAY}, {IPPROTO_TCP, TCP_MAXSEG},  {IPPROTO_IPV6, IPV6_V6ONLY},
        {IPPROTO_IP, IP_TTL},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (options[i][0] == level && options[i][1] == name)
            return true;
    return false;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
    if (kind_of(fd) == KIND_ROUTE && level == SOL_SOCKET && name == SO_RCVTIMEO)
        return __real_setsockopt(fd, level, name, value, length);
    if (kind_of(fd) == KIND_LINUX) {
        if (level == IPPROTO_IP && name == D_IP_BOUND_IF)
            return bind_to_interface(fd, level, value, length);
        if (level == IPPROTO_IPV6 && name == D_IPV6_BOUND_IF)
            return bind_to_interface(fd, level, value, length);
        if (level == SOL_SOCKET && name == D_SO_NOSIGPIPE && length == sizeof(int))
            return 0; // the programs ignore SIGPIPE besides
        if (level == IPPROTO_TCP && (name == D_TCP_NOTSENT_LOWAT || name == TCP_NOTSENT_LOWAT))
            return __real_setsockopt(fd, level, TCP_NOTSENT_LOWAT, value, length);
        if (level == IPPROTO_TCP && length == sizeof(int) && name == D_TCP_KEEPALIVE)
            return __real_setsockopt(fd, level, TCP_KEEPIDLE, value, length);
        if (level == IPPROTO_TCP && length == sizeof(int) && name == D_TCP_KEEPINTVL)
            return __real_setsockopt(fd, level, TCP_KEEPINTVL, value, length);
        if (level == IPPROTO_TCP && length == sizeof(int) && name == D_TCP_RXT_CONNDROPTIME)
            return 0; // how long repetitions go on: the lab never waits for that
        if (is_known(level, name))
            return __real_setsockopt(fd, level, name, value, length);
    }
    darwin_refuse("setsockopt(%d, level %d, option %d)", fd, level, name);
    return darwin_fail(ENOPROTOOPT);
}

// ---- lists ----

// net.route: CTL_NET, PF_ROUTE, 0, family, NET_RT_IFLIST, index.
int __wrap_sysctl(const int *name, unsigned count, void *old, size_t *old_length, const void *new,
                  size_t new_length);
int __wrap_sysctl(const int *name, unsigned count, void *old, size_t *old_length, const void *new,
                  size_t new_length) {
    static struct darwin_interface list[INTERFACES_MAX];
    static uint8_t whole[INTERFACES_MAX * NOTICE_MAX];
    size_t at = 0;
    if (count != 6 || name[0] != D_CTL_NET || name[1] != D_AF_ROUTE || name[2] != 0 ||
        name[4] != D_NET_RT_IFLIST || new != NULL || new_length != 0) {
        darwin_refuse("sysctl(): only the list of interfaces is known here");
        return darwin_fail(ENOENT);
    }
    int entries = kernel_interfaces(list);
    for (int i = 0; i < entries; i++) {
        if (name[5] != 0 && list[i].index != name[5])
            continue;
        if (!list[i].has_address)
            at += notice_link(whole + at, &list[i], true);
        else if (name[3] == 0 || name[3] == D_AF_INET)
            at += notice_address(whole + at, D_RTM_NEWADDR, &list[i], true);
    }
    if (old != NULL && *old_length < at)
        return darwin_fail(ENOMEM);
    if (old != NULL)
        memcpy(old, whole, at);
    // Without a buffer the kernel says more than it needs, as the list may grow meanwhile.
    *old_length = old != NULL ? at : at + at / 8 + 1024;
    return 0;
}

// ---- users ----

int __real_setuid(uid_t user);
int __real_seteuid(uid_t user);

static void keep_power(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];
    const uint32_t wanted = 1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW;
    if (syscall(SYS_capget, &head, sets) < 0)
        return;
    sets[0].permitted &= wanted | (geteuid() == 0 ? ~0u : 0);
    sets[0].effective = sets[0].permitted;
    if (syscall(SYS_capset, &head, sets) < 0)
        darwin_refuse("the layer could not keep its capabilities: %s", strerror(errno));
}

// Linux has no /var/empty (hier(7)): DARWIN_EMPTY names a folder that stands for it.
int __real_chdir(const char *path);
int __wrap_chdir(const char *path);
int __wrap_chdir(const char *path) {
    const char *empty = getenv("DARWIN_EMPTY");
    return __real_chdir(strcmp(path, "/var/empty") == 0 && empty != NULL ? empty : path);
}

int __wrap_setuid(uid_t user);
int __wrap_setuid(uid_t user) {
    (void)prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L);
    int result = __real_setuid(user);
    keep_power();
    darwin_note("the user is %u now", geteuid());
    return result;
}
