// SPDX-License-Identifier: ISC
// The calls of calls.c: each NAME of the C library becomes world_NAME in the programs' objects.
// link.sh reads the names here.
#ifndef TETHER_WORLD_CALLS_H
#define TETHER_WORLD_CALLS_H

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

int world_poll(struct pollfd *polled, nfds_t count, int timeout_ms);
int world_socket(int family, int type, int protocol);
int world_bind(int number, const struct sockaddr *address, socklen_t length);
int world_listen(int number, int most);
int world_accept4(int number, struct sockaddr *address, socklen_t *length, int flags);
int world_connect(int number, const struct sockaddr *address, socklen_t length);
ssize_t world_send(int number, const void *bytes, size_t length, int flags);
ssize_t world_sendto(int number, const void *bytes, size_t length, int flags,
                     const struct sockaddr *to, socklen_t to_length);
ssize_t world_recvfrom(int number, void *bytes, size_t length, int flags, struct sockaddr *from,
                       socklen_t *from_length);
ssize_t world_recv(int number, void *bytes, size_t length, int flags);
int world_sendmmsg(int number, struct mmsghdr *messages, unsigned count, int flags);
int world_recvmmsg(int number, struct mmsghdr *messages, unsigned count, int flags,
                   struct timespec *timeout);
int world_shutdown(int number, int how);
int world_setsockopt(int number, int level, int option, const void *value, socklen_t length);
int world_getsockopt(int number, int level, int option, void *value, socklen_t *length);
int world_getsockname(int number, struct sockaddr *address, socklen_t *length);
int world_open(const char *path, int flags, ...);
int world_openat(int folder, const char *path, int flags, ...);
int world_rename(const char *from, const char *to);
int world_unlink(const char *path);
int world_access(const char *path, int how);
int world_close(int number);
ssize_t world_read(int number, void *bytes, size_t length);
ssize_t world_write(int number, const void *bytes, size_t length);
ssize_t world_writev(int number, const struct iovec *pieces, int count);
int world_ioctl(int number, unsigned long what, ...);
int world_fstat(int number, struct stat *info);
int world_clock_gettime(clockid_t clock, struct timespec *now);
int world_getentropy(void *out, size_t length);
int world_signalfd(int number, const void *mask, int flags);
unsigned world_if_nametoindex(const char *name);
char *world_if_indextoname(unsigned index, char *name);
int world_getaddrinfo(const char *host, const char *port, const void *hints,
                      struct addrinfo **found);
void world_freeaddrinfo(void *info);
long world_syscall(long number, ...);
int world_prctl(int what, ...);
int world_sigaction(int number, const struct sigaction *action, struct sigaction *old);
int world_getpid(void);
char *world_getenv(const char *name);
int world_printf(const void *first, ...);
// What succeeds and does nothing, and what is not there.
int world_nothing(void);
int world_refuse(void);

#endif
