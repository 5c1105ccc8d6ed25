// SPDX-License-Identifier: ISC
// Addresses as people write them, and the sockets made from them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

// "[" + an IPv6 address + "]:" + a port + NUL.
#define ENDPOINT_TEXT_MAX 64

// Where the laptop waits for its phone: an address of its own choice among the link-local ones (RFC
// 3927), and a port, as the first Tether had them.
#define LAPTOP_PORT    6354
#define LAPTOP_ADDRESS "169.254.134.89:6354"
#define LAPTOP_IPV4    0xa9fe8659

// What tether-server prints for its address where it does not know that.
#define HOST_PLACEHOLDER "THIS-HOST"

// An IPv4 or IPv6 address with a port.
struct endpoint {
    struct sockaddr_storage address;
    socklen_t length;
};

// An IPv4 network such as 10.0.0.0/8; host byte order.
struct cidr {
    uint32_t network;
    uint8_t prefix_length;
};

// Reads "1.2.3.4:80", "[::]:80", or either without a port (then `default_port`). Returns 0 or -1.
int endpoint_parse(struct endpoint *endpoint, const char *text, uint16_t default_port);
// Writes the same form; IPv4-mapped IPv6 addresses are written as IPv4. Always NUL-terminated.
void endpoint_format(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_MAX]);
// Writes the address without its port.
void endpoint_format_host(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_MAX]);
// Fits 127.0.0.0/8, ::1, and the former mapped into IPv6.
bool endpoint_is_loopback(const struct endpoint *endpoint);
// 0.0.0.0 and ::, which stand for all addresses of this host.
bool endpoint_is_wildcard(const struct endpoint *endpoint);
// The same address, whatever the ports.
bool endpoint_same_host(const struct endpoint *a, const struct endpoint *b);
uint16_t endpoint_port(const struct endpoint *endpoint);
void endpoint_set_port(struct endpoint *endpoint, uint16_t port);
// The IPv4 address in host byte order, or 0 where the endpoint has none.
uint32_t endpoint_ipv4(const struct endpoint *endpoint);
// One number for whoever is behind an address, to count by: the IPv4 address (also where it is
// mapped into IPv6), or the upper 64 bits of an IPv6 address, since a subscriber has at least a /64
// and can use all of it. (Addresses fe80:: of one link are one source.) The two kinds do not meet:
// what begins with 32 zero bits is not given out as IPv6.
uint64_t endpoint_source(const struct endpoint *endpoint);

// Reads "10.0.0.0/8" or "10.1.2.3" (a /32). Bits beyond the prefix must be zero. Returns 0 or -1.
int cidr_parse(struct cidr *cidr, const char *text);

// What HOST, HOST:PORT or HOST:PORT/PATH should have instead of its HOST, for people ("it wants
// %s"); NULL where nothing is wrong that can be seen without asking a resolver.
const char *host_wants(const char *text);

// A socket to the kernel itself: netlink on Linux (os/netlink.h), a routing socket on macOS.
struct kernel_socket {
    int fd;
    uint32_t sequence; // of netlink
};

// A whole decimal number of at most `max`, nothing before or after it. Returns 0 or -1.
int number_parse(unsigned long *number, const char *text, unsigned long max);

// What follows is in socket_linux.c and socket_darwin.c as far as systems differ.

// A socket that blocks nobody, and that no executed program gets. Returns the
// descriptor, or -1 with errno set.
int socket_new(int family, int type, int protocol);
// Closes a socket, with errno as it was. Returns -1.
int socket_close_failed(int fd);
// Whether a socket that is bound to a network interface hears only what comes there, so that
// several may listen at one port.
bool socket_hears_its_device(void);
// A non-blocking TCP socket to listen with; with `device`, it will answer through that
// network interface whatever the routes say. Returns the descriptor, or -1 with errno set. IPv6
// wildcard sockets take IPv4 connections too.
int socket_bind(const struct endpoint *endpoint, const char *device);
// The same, and listens.
int socket_listen(const struct endpoint *endpoint, const char *device);
// Binds a socket to a network interface by its name, also one that listens and was bound to
// another: an interface that was made anew is another one. On Linux that takes CAP_NET_RAW. Returns
// 0, or -1 with errno set.
int socket_bind_to_device(int fd, const char *device);
// Accepts a non-blocking connection with TCP_NODELAY. Returns the descriptor or -1 with errno.
int socket_accept(int listener, struct endpoint *peer);
// Begins a non-blocking connection with TCP_NODELAY. Returns the descriptor or -1 with errno.
int socket_connect(const struct endpoint *endpoint);
// The pause after which TCP repeats what is not acknowledged grows up to this (1000 to 120000 ms).
void socket_limit_backoff(int fd, int ms);
// Has the kernel ask a silent peer, and give it up when it stays silent; for an accepted socket.
void socket_limit_silence(int fd, int ask_ms, int dead_ms);
// Keeps what the kernel holds unsent to about `bytes`, so that what waits, waits in our own queue.
void socket_limit_unsent(int fd, int bytes);
