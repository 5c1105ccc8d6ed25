// SPDX-License-Identifier: ISC
// The laptop's own Wi-Fi (--wifi): an address that is lent to its interface.
#ifndef TETHER_CLIENT_WIFI_H
#define TETHER_CLIENT_WIFI_H

#include "../base/log.h"
#include "../base/loop.h"
#include "../tun/tun.h"
#include "options.h"

struct wifi {
    const struct loop *loop;
    struct lent_address lent;
    int64_t renewed_ms;
};

// Puts the address on the interface that the options name, if they do; lent_address_own() is to
// follow. Returns 0, or -1 after having said what is wrong.
int wifi_open(struct wifi *wifi, const struct client_options *options, const struct loop *loop,
              const struct log *log);
// Renews it, and puts it back where it is missing: the interface may go, and come back as another
// one. About once a second.
void wifi_tick(struct wifi *wifi);

#endif
