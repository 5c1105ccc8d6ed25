// SPDX-License-Identifier: ISC
// Which ports local sockets use, from /proc/net/tcp, tcp6, udp and udp6 (proc(5)). Each line after
// the first holds "N: ADDRESS:PORT ...", in hexadecimal. Read by hand in one small buffer, since a
// busy host has a long list. And which ports they may get next: /proc/sys holds two decimal
// numbers.
#include "wire.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

// The port of one line, or 0.
static unsigned port_of(const char *line) {
    static const char digits[] = "0123456789ABCDEF";
    unsigned port = 0;
    const char *at = strchr(line, ':');
    if (at != NULL)
        at = strchr(at + 1, ':');
    if (at == NULL)
        return 0;
    for (int i = 1; i <= 4; i++) {
        const char *digit = memchr(digits, at[i], 16);
        if (digit == NULL)
            return 0;
        port = port * 16 + (unsigned)(digit - digits);
    }
    return port;
}

static int read_ports(const char *path, int protocol,
                      void (*found)(void *arg, int protocol, uint16_t port), void *arg) {
    char line[256];
    size_t length = 0;
    char chunk[4096];
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1; // a host without IPv6 has no tcp6
    while ((got = read(fd, chunk, sizeof chunk)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (chunk[i] != '\n') {
                if (length < sizeof line - 1)
                    line[length++] = chunk[i];
                continue;
            }
            line[length] = '\0';
            length = 0;
            unsigned port = port_of(line);
            if (port != 0)
                found(arg, protocol, (uint16_t)port);
        }
    }
    close(fd);
    return got < 0 ? -1 : 0;
}

int wire_local_ports(void (*found)(void *arg, int protocol, uint16_t port), void *arg) {
    if (read_ports("/proc/net/tcp", IPPROTO_TCP, found, arg) < 0 ||
        read_ports("/proc/net/tcp6", IPPROTO_TCP, found, arg) < 0 ||
        read_ports("/proc/net/udp", IPPROTO_UDP, found, arg) < 0)
        return -1;
    return read_ports("/proc/net/udp6", IPPROTO_UDP, found, arg);
}

bool wire_local_port_range(struct port_range *range) {
    char text[32];
    unsigned long low, high;
    int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length < 0)
        return false;
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    char *second = text + strcspn(text, " \t");
    size_t space = strspn(second, " \t");
    *second = '\0';
    if (number_parse(&low, text, 65535) < 0 || number_parse(&high, second + space, 65535) < 0)
        return false;
    *range = (struct port_range){(uint16_t)low, (uint16_t)high};
    return true;
}
