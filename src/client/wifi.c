// SPDX-License-Identifier: ISC
// The laptop's own Wi-Fi (--wifi): an address that is lent to its interface.
#include "wifi.h"

#define WIFI_PREFIX 16 // 169.254.0.0/16, RFC 3927

int wifi_open(struct wifi *wifi, const struct client_options *options, const struct loop *loop,
              const struct log *log)
{
    uint32_t address = options->listens_there ? endpoint_ipv4(&options->listen) : LAPTOP_IPV4;
    wifi->loop = loop;
    wifi->renewed_ms = loop->now_ms;
    return lent_address_open(&wifi->lent, options->wifi, address, WIFI_PREFIX, log);
}

void wifi_tick(struct wifi *wifi)
{
    lent_address_follow(&wifi->lent);
    if (wifi->loop->now_ms - wifi->renewed_ms < LENT_RENEW_MS)
        return;
    lent_address_renew(&wifi->lent);
    wifi->renewed_ms = wifi->loop->now_ms;
}
