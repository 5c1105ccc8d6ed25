// SPDX-License-Identifier: ISC
// The laptop's own Wi-Fi (--hotspot): an address for the phone, and one more where it finds the
// laptop.
#pragma once

#include "../base/loop.h"
#include "../dhcp/dhcp.h"
#include "../tun/tun.h"

struct hotspot {
    struct loop *loop;
    const struct log *log;
    struct lent_address lent;
    int fd;    // of DHCP; -1: there is no such Wi-Fi
    int index; // of the interface that it is bound to; 0: that is gone
    struct loop_timer *due;
    struct dhcp_server dhcp;
};

// Must be done before anything else.
void hotspot_init(struct hotspot *hotspot, struct loop *loop, const struct log *log);
// Gives addresses on an interface; with NULL it does nothing. Returns 0, or -1 after having said
// what is wrong.
int hotspot_open(struct hotspot *hotspot, const char *interface);
// Follows the interface; about once a second.
void hotspot_tick(struct hotspot *hotspot);
void hotspot_close(struct hotspot *hotspot);
