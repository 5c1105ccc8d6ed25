// SPDX-License-Identifier: ISC
// The system is told whom the laptop's programs shall ask for names, so that all of it goes when
// this process ends. One file for each system.
#pragma once

#include "../tun/tun.h"
#include "dns.h"

struct dns_told {
    struct tun *tun;
    const struct log *log;
    uint32_t resolver; // whom they shall ask, host byte order
    uint32_t own;      // whom they ask as far as they know

    // Linux.
    bool has_loopback;          // what is sent to 127.0.0.1 is caught, too
    struct kernel_socket rules; // our nftables table lives as long as this; fd -1: there is none
    bool has_rules;
    int bus; // D-Bus

    // macOS.
    void *frameworks[2]; // Core Foundation, System Configuration
    const void *store;   // the session with configd; NULL: there is none
};

// Tells it, with all rights, and sets `own`; where that fails it has warned.
void dns_tell(struct dns_told *told);
// Tells it another resolver. On Linux that takes CAP_NET_ADMIN.
void dns_tell_again(struct dns_told *told);
void dns_untell(struct dns_told *told);
