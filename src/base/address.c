// SPDX-License-Identifier: ISC
// Parsing and printing of addresses, and TCP sockets. Everything here is plain POSIX but for the
// socket option TCP_NOTSENT_LOWAT, which Linux and macOS have.
#include "address.h"
#include "bytes.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

int number_parse(unsigned long *number, const char *text, unsigned long max) {
    unsigned long value = 0;
    if (*text == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        unsigned long digit = (unsigned long)(*text - '0');
        if (digit > max || value > (max - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    *number = value;
    return 0;
}

// Splits "host:port", "[host]:port" or "host" into host and port.
static int split_port(const char *text, char *host, size_t host_size, unsigned long *port) {
    const char *end;
    const char *start = text;
    if (*text == '[') {
        start = text + 1;
        end = strchr(start, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return -1;
        if (end[1] == ':' && number_parse(port, end + 2, 65535) < 0)
            return -1;
    } else {
        end = strchr(text, ':');
        if (end != NULL && strchr(end + 1, ':') != NULL)
            end = NULL; // several colons: a bare IPv6 address
        if (end != NULL && number_parse(port, end + 1, 65535) < 0)
            return -1;
        if (end == NULL)
            end = text + strlen(text);
    }
    size_t length = (size_t)(end - start);
    if (length == 0 || length >= host_size)
        return -1;
    memcpy(host, start, length);
    host[length] = '\0';
    return 0;
}

int endpoint_parse(struct endpoint *endpoint, const char *text, uint16_t default_port) {
    char host[INET6_ADDRSTRLEN];
    unsigned long port = default_port;
    memset(endpoint, 0, sizeof *endpoint);
    if (split_port(text, host, sizeof host, &port) < 0)
        return -1;
    struct sockaddr_in *in = (struct sockaddr_in *)&endpoint->address;
    struct in_addr ipv4; // not in place: a failing inet_pton() may write, too
    if (inet_pton(AF_INET, host, &ipv4) == 1) {
        in->sin_family = AF_INET;
        in->sin_addr = ipv4;
        in->sin_port = htons((uint16_t)port);
        endpoint->length = sizeof *in;
        return 0;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&endpoint->address;
    if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        endpoint->length = sizeof *in6;
        return 0;
    }
    return -1;
}

uint16_t endpoint_port(const struct endpoint *endpoint) {
    if (endpoint->address.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&endpoint->address)->sin6_port);
    return ntohs(((const struct sockaddr_in *)&endpoint->address)->sin_port);
}

void endpoint_set_port(struct endpoint *endpoint, uint16_t port) {
    if (endpoint->address.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&endpoint->address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&endpoint->address)->sin_port = htons(port);
}

uint32_t endpoint_ipv4(const struct endpoint *endpoint) {
    if (endpoint->address.ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)&endpoint->address)->sin_addr.s_addr);
    if (endpoint->address.ss_family == AF_INET6) {
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)&endpoint->address)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(in6))
            return get_be32(in6->s6_addr + 12);
    }
    return 0;
}

uint64_t endpoint_source(const struct endpoint *endpoint) {
    uint32_t v4 = endpoint_ipv4(endpoint);
    if (v4 != 0 || endpoint->address.ss_family != AF_INET6)
        return v4;
    return get_be64(((const struct sockaddr_in6 *)&endpoint->address)->sin6_addr.s6_addr);
}

void endpoint_format_host(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_MAX]) {
    struct in_addr v4 = {htonl(endpoint_ipv4(endpoint))};
    bool is_ipv6 = endpoint->address.ss_family == AF_INET6 && v4.s_addr == 0;
    const void *address = &v4;
    if (is_ipv6)
        address = &((const struct sockaddr_in6 *)&endpoint->address)->sin6_addr;
    if (inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, address, text, ENDPOINT_TEXT_MAX) == NULL)
        snprintf(text, ENDPOINT_TEXT_MAX, "?");
}

void endpoint_format(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_MAX]) {
    char host[ENDPOINT_TEXT_MAX];
    endpoint_format_host(endpoint, host);
    bool brackets = strchr(host, ':') != NULL;
    snprintf(text, ENDPOINT_TEXT_MAX, "%s%.45s%s:%u", brackets ? "[" : "", host,
             brackets ? "]" : "", (unsigned)endpoint_port(endpoint));
}

bool endpoint_is_loopback(const struct endpoint *endpoint) {
    uint32_t v4 = endpoint_ipv4(endpoint);
    if (v4 != 0)
        return v4 >> 24 == 127;
    return endpoint->address.ss_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&endpoint->address)->sin6_addr);
}

bool endpoint_is_wildcard(const struct endpoint *endpoint) {
    if (endpoint->address.ss_family != AF_INET6)
        return endpoint_ipv4(endpoint) == 0;
    const struct in6_addr *in6 = &((const struct sockaddr_in6 *)&endpoint->address)->sin6_addr;
    return IN6_IS_ADDR_UNSPECIFIED(in6) ||
           (IN6_IS_ADDR_V4MAPPED(in6) && endpoint_ipv4(endpoint) == 0);
}

bool endpoint_same_host(const struct endpoint *a, const struct endpoint *b) {
    uint32_t v4 = endpoint_ipv4(a);
    if (v4 != 0 || endpoint_ipv4(b) != 0)
        return v4 == endpoint_ipv4(b);
    if (a->address.ss_family != AF_INET6 || b->address.ss_family != AF_INET6)
        return a->address.ss_family == b->address.ss_family;
    return memcmp(&((const struct sockaddr_in6 *)&a->address)->sin6_addr,
                  &((const struct sockaddr_in6 *)&b->address)->sin6_addr,
                  sizeof(struct in6_addr)) == 0;
}

int cidr_parse(struct cidr *cidr, const char *text) {
    char host[INET_ADDRSTRLEN];
    struct in_addr address;
    unsigned long prefix_length = 32;
    const char *slash = strchr(text, '/');
    size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
    if (length >= sizeof host)
        return -1;
    memcpy(host, text, length);
    host[length] = '\0';
    if (inet_pton(AF_INET, host, &address) != 1)
        return -1;
    if (slash != NULL && number_parse(&prefix_length, slash + 1, 32) < 0)
        return -1;
    uint32_t network = ntohl(address.s_addr);
    uint32_t host_bits = prefix_length == 32 ? 0 : UINT32_MAX >> prefix_length;
    if ((network & host_bits) != 0)
        return -1;
    *cidr = (struct cidr){network, (uint8_t)prefix_length};
    return 0;
}

// A host whose last label is a number is an IPv4 address or nothing, to browsers as well.
static bool ends_in_number(const char *host, size_t length) {
    size_t digits = 0;
    while (digits < length && host[length - 1 - digits] >= '0' && host[length - 1 - digits] <= '9')
        digits++;
    return digits > 0 && (digits == length || host[length - 1 - digits] == '.');
}

const char *host_wants(const char *text) {
    char host[INET_ADDRSTRLEN];
    struct in_addr address;
    size_t length = strcspn(text, ":/?#");
    size_t rest = strcspn(text + length, "/?#");
    if (*text == '[')
        return NULL;
    if (rest > 1 && memchr(text + length + 1, ':', rest - 1) != NULL)
        return "an IPv6 address in brackets, such as [2001:db8::1]:8080";
    if (length == sizeof HOST_PLACEHOLDER - 1 && strncasecmp(text, HOST_PLACEHOLDER, length) == 0)
        return "the name or the public address of tether-server's host";
    if (!ends_in_number(text, length))
        return NULL;
    if (length < sizeof host) {
        memcpy(host, text, length);
        host[length] = '\0';
        if (inet_pton(AF_INET, host, &address) == 1)
            return NULL;
    }
    return "an IPv4 address of four numbers up to 255, such as 203.0.113.10";
}

int socket_close_failed(int fd) {
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int socket_bind(const struct endpoint *endpoint, const char *device) {
    int on = 1;
    int off = 0;
    int family = endpoint->address.ss_family;
    int fd = socket_new(family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on); // accepted sockets inherit it
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (device != NULL && socket_bind_to_device(fd, device) < 0)
        return socket_close_failed(fd);
    if (bind(fd, (const struct sockaddr *)&endpoint->address, endpoint->length) < 0)
        return socket_close_failed(fd);
    return fd;
}

int socket_listen(const struct endpoint *endpoint, const char *device) {
    int fd = socket_bind(endpoint, device);
    return fd >= 0 && listen(fd, SOMAXCONN) < 0 ? socket_close_failed(fd) : fd;
}

int socket_connect(const struct endpoint *endpoint) {
    int on = 1;
    int fd = socket_new(endpoint->address.ss_family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)&endpoint->address, endpoint->length) < 0 &&
        errno != EINPROGRESS)
        return socket_close_failed(fd);
    return fd;
}

void socket_limit_unsent(int fd, int bytes) {
    // An old kernel without the option queues a little more; nothing else changes.
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}
