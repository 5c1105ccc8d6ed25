// SPDX-License-Identifier: ISC
// A utun device: what xnu's kernel control "com.apple.net.utun_control" gives, on a Linux TUN
// device of the same name. Before each packet is its family in four bytes, in network order;
// Linux's device has none, so it is demanded and taken off, or put on, here. The descriptor is the
// TUN device's own, so that poll() waits for it, and all goes when the process ends, however that
// is.
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "darwin.h"

int __real_ioctl(int fd, unsigned long request, ...);
ssize_t __real_readv(int fd, const struct iovec *pieces, int count);
ssize_t __real_write(int fd, const void *bytes, size_t length);

#define UTUNS      8
#define CONTROL_ID 5 // any number but 0; the kernel chooses it when it starts
#define UNITS      256

static struct utun {
    int fd; // 0: unused
    bool connected;
    int index;
    char name[IFNAMSIZ];
    unsigned long writes;
} utuns[UTUNS];

static struct utun *find(int fd) {
    for (struct utun *utun = utuns; utun < utuns + UTUNS; utun++)
        if (utun->fd == fd)
            return utun;
    return NULL;
}

int utun_socket(int type) {
    struct utun *utun = find(0);
    if (type != SOCK_DGRAM) {
        darwin_refuse("socket(PF_SYSTEM): its type is %d, not SOCK_DGRAM", type);
        return darwin_fail(EPROTONOSUPPORT);
    }
    int fd = open("/dev/net/tun", O_RDWR);
    if (fd < 0 || utun == NULL)
        return darwin_fail(ENOBUFS);
    *utun = (struct utun){.fd = fd};
    return fd;
}

// struct ctl_info: the id (4), the name (96).
int utun_info(int fd, uint8_t *argument) {
    const uint32_t id = CONTROL_ID;
    (void)fd;
    if (memchr(argument + 4, '\0', D_CTL_NAME_MAX) == NULL ||
        strcmp((const char *)argument + 4, D_UTUN_NAME) != 0) {
        darwin_refuse("CTLIOCGINFO: no control has the name %.96s", (const char *)argument + 4);
        return darwin_fail(ENOENT);
    }
    memcpy(argument, &id, sizeof id);
    return 0;
}

static int make_device(struct utun *utun, uint32_t unit) {
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    struct darwin_interface found;
    for (uint32_t i = unit > 0 ? unit - 1 : 0; i < UNITS; i++) {
        snprintf(request.ifr_name, sizeof request.ifr_name, "utun%u", i);
        if (!kernel_interface(request.ifr_name, 0, &found) &&
            __real_ioctl(utun->fd, TUNSETIFF, &request) == 0 &&
            kernel_interface(request.ifr_name, 0, &found)) {
            memcpy(utun->name, request.ifr_name, sizeof utun->name);
            utun->index = found.index;
            utun->connected = true;
            darwin_note("utun %s opened", utun->name);
            return 0;
        }
        if (unit > 0)
            break;
    }
    return darwin_fail(EBUSY);
}

// struct sockaddr_ctl: length, family, kind (2), id (4), unit (4), reserved (20).
int utun_connect(int fd, const uint8_t *address, size_t length) {
    struct utun *utun = find(fd);
    static const uint8_t zeros[20];
    uint16_t kind;
    uint32_t id, unit;
    if (length != D_SOCKADDR_CTL || address[0] != D_SOCKADDR_CTL || address[1] != D_AF_SYSTEM) {
        darwin_refuse("connect(PF_SYSTEM): length %zu, sc_len %u, sc_family %u", length, address[0],
                      address[1]);
        return darwin_fail(EINVAL);
    }
    memcpy(&kind, address + 2, sizeof kind);
    memcpy(&id, address + 4, sizeof id);
    memcpy(&unit, address + 8, sizeof unit);
    if (kind != D_AF_SYS_CONTROL || id != CONTROL_ID || memcmp(address + 12, zeros, 20) != 0) {
        darwin_refuse("connect(PF_SYSTEM): ss_sysaddr %u, sc_id %u, or the reserve is not zero",
                      kind, id);
        return darwin_fail(ENOENT);
    }
    if (geteuid() != 0)
        return darwin_fail(EPERM);
    return utun->connected ? darwin_fail(EISCONN) : make_device(utun, unit);
}

int utun_name(int fd, int option, void *value, uint32_t *length) {
    struct utun *utun = find(fd);
    size_t size = strlen(utun->name) + 1;
    if (option != D_UTUN_OPT_IFNAME || !utun->connected || *length < size) {
        darwin_refuse("getsockopt(SYSPROTO_CONTROL, %d): for %u bytes%s", option, *length,
                      utun->connected ? "" : ", not connected");
        return darwin_fail(option != D_UTUN_OPT_IFNAME ? ENOPROTOOPT : EINVAL);
    }
    memcpy(value, utun->name, size);
    *length = (uint32_t)size;
    return 0;
}

static uint8_t family_of(const uint8_t *packet) {
    return packet[0] >> 4 == 4 ? D_AF_INET : packet[0] >> 4 == 6 ? D_AF_INET6 : 0;
}

// A datagram that does not fit is cut.
ssize_t utun_read(int fd, uint8_t *bytes, size_t length) {
    uint8_t packet[65536];
    const struct iovec piece = {packet, sizeof packet};
    if (!find(fd)->connected)
        return darwin_fail(ENOTCONN);
    ssize_t size = __real_readv(fd, &piece, 1);
    if (size <= 0)
        return size;
    uint8_t head[4] = {0, 0, 0, family_of(packet)};
    size_t whole = (size_t)size + 4 < length ? (size_t)size + 4 : length;
    memcpy(bytes, head, whole < 4 ? whole : 4);
    memcpy(bytes + 4, packet, whole < 4 ? 0 : whole - 4);
    return (ssize_t)whole;
}

// DARWIN_FULL=N: each N-th packet finds no buffer, by turns ENOBUFS and ENOSPC.
static int is_full(struct utun *utun) {
    const char *every = getenv("DARWIN_FULL");
    unsigned long n = every != NULL ? strtoul(every, NULL, 10) : 0;
    utun->writes++;
    if (n == 0 || utun->writes % n != 0)
        return 0;
    return utun->writes / n % 2 == 0 ? ENOBUFS : ENOSPC;
}

ssize_t utun_write(int fd, const uint8_t *bytes, size_t length) {
    struct utun *utun = find(fd);
    if (!utun->connected)
        return darwin_fail(ENOTCONN);
    if (length <= 4 || bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 0 ||
        bytes[3] != family_of(bytes + 4) || bytes[3] == 0) {
        darwin_refuse("a packet of %zu bytes for %s begins with %02x%02x%02x%02x, not its family",
                      length, utun->name, length > 0 ? bytes[0] : 0, length > 1 ? bytes[1] : 0,
                      length > 2 ? bytes[2] : 0, length > 3 ? bytes[3] : 0);
        return darwin_fail(EAFNOSUPPORT);
    }
    int full = is_full(utun);
    if (full != 0)
        return darwin_fail(full);
    ssize_t written = __real_write(fd, bytes + 4, length - 4);
    return written < 0 ? written : written + 4;
}

void utun_close(int fd) { find(fd)->fd = 0; }
