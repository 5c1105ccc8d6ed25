// SPDX-License-Identifier: ISC
// Where phones find this laptop: an address on its Wi-Fi, and the sockets that listen there.
#ifndef TETHER_CLIENT_WIFI_H
#define TETHER_CLIENT_WIFI_H

#include "../base/log.h"
#include "../base/loop.h"
#include "../http/host.h"
#include "../tun/tun.h"
#include "options.h"

struct wifi {
    const struct client_options *options;
    struct http_host *host; // which serves what comes
    struct loop *loop;
    const struct log *log;
    struct lent_address lent;
    int64_t renewed_ms;
    int listener; // bound to the interface that has the address; -1: one that is bound to none does
    int index;    // of the interface; 0: it is gone, or its address
};

// Must be done before anything else.
void wifi_init(struct wifi *wifi, const struct client_options *options, struct http_host *host,
               struct loop *loop, const struct log *log);
// Puts the address on the Wi-Fi interface if it is to, and listens there. Returns 0, or -1 after
// having said what is wrong.
int wifi_open(struct wifi *wifi);
// Follows the interface; about once a second.
void wifi_tick(struct wifi *wifi);

#endif
