// SPDX-License-Identifier: ISC
// What an IPv4 address is for, by the registry of special-purpose addresses (RFC 6890), and by what
// clouds use it for.
#pragma once

#include <stdint.h>

enum ip_scope {
    SCOPE_GLOBAL,
    SCOPE_PRIVATE,    // 10/8, 172.16/12, 192.168/16 (RFC 1918), 100.64/10 (RFC 6598)
    SCOPE_LINK_LOCAL, // 169.254/16 (RFC 3927), and clouds' metadata services elsewhere
    SCOPE_LOOPBACK,   // 127/8
    SCOPE_MULTICAST,  // 224/4
    SCOPE_NOWHERE,    // 0/8 "this network", 240/4 reserved, 255.255.255.255 broadcast
};

// `address` in host byte order.
enum ip_scope ip_scope_of(uint32_t address);
