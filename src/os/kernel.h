// SPDX-License-Identifier: ISC
// A socket by which a kernel is asked for interfaces, addresses and routes, and tells of changes:
// netlink on Linux (netlink.h), a routing socket on macOS (xnu.h).
#pragma once

#include <stdint.h>

struct kernel_socket {
    int fd;
    uint32_t sequence; // of netlink
};
