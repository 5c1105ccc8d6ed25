// Which ports local sockets use, from /proc/net/tcp, tcp6, udp and udp6 (proc(5)). Each line after
// the first holds "N: ADDRESS:PORT ...", in hexadecimal. Read by hand in one small buffer, since a
// busy host has a long list.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

// The port of one line, or 0.
static unsigned port_of(const char *line)
{
    unsigned port = 0;
    char address[40];
    return sscanf(line, " %*u: %39[0-9A-Fa-f]:%4x", address, &port) == 2 ? port : 0;
}

static int read_ports(const char *path, int protocol,
                      void (*found)(void *arg, int protocol, uint16_t port), void *arg)
{
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

int wire_local_ports(void (*found)(void *arg, int protocol, uint16_t port), void *arg)
{
    if (read_ports("/proc/net/tcp", IPPROTO_TCP, found, arg) < 0 ||
        read_ports("/proc/net/tcp6", IPPROTO_TCP, found, arg) < 0 ||
        read_ports("/proc/net/udp", IPPROTO_UDP, found, arg) < 0)
        return -1;
    return read_ports("/proc/net/udp6", IPPROTO_UDP, found, arg);
}
