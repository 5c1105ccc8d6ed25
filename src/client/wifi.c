// SPDX-License-Identifier: ISC
// Where phones find this laptop: an address on its Wi-Fi, and the sockets that listen there.
//
// A socket bound to an interface answers through it whatever the routes say, so the phone stays
// reachable when all else goes into the tether; a second socket serves the laptop itself.
//
// The interface may go and come back as another one of the same name. A socket that is bound to
// the old one hears nothing any more. So once a second the program looks where the address is, and
// binds the socket anew.
#include <errno.h>
#include <string.h>

#include "wifi.h"

#define WIFI_PREFIX 16 // 169.254.0.0/16, RFC 3927

// Listens on one interface, or with NULL on all of them. Returns the socket, which is the host's,
// or -1 after having said what is wrong.
static int listen_on(struct wifi *wifi, const char *interface)
{
    char where[ENDPOINT_TEXT_MAX];
    int fd = socket_listen(&wifi->options->listen, interface);
    if (fd >= 0 && http_host_listen(wifi->host, fd, true) == 0)
        return fd;
    endpoint_format(&wifi->options->listen, where);
    const char *help = errno == EADDRINUSE ? " (is another tether-client running?)"
                       : errno == EADDRNOTAVAIL
                           ? " (no interface has this address: give --wifi IF and I add it)"
                           : "";
    log_error(wifi->log, "cannot listen on %s: %s%s", where, strerror(errno), help);
    return -1;
}

void wifi_init(struct wifi *wifi, const struct client_options *options, struct http_host *host,
               struct loop *loop, const struct log *log)
{
    *wifi = (struct wifi){.options = options, .host = host, .loop = loop, .log = log};
    wifi->lent.netlink.fd = wifi->listener = -1;
}

int wifi_open(struct wifi *wifi)
{
    if (lent_address_open(&wifi->lent, wifi->options->wifi, endpoint_ipv4(&wifi->options->listen),
                          WIFI_PREFIX, wifi->log) < 0)
        return -1;
    wifi->index = wifi->lent.index;
    wifi->renewed_ms = wifi->loop->now_ms;
    if (wifi->index == 0)
        return listen_on(wifi, NULL) < 0 ? -1 : 0;
    wifi->listener = listen_on(wifi, wifi->lent.name);
    if (wifi->listener < 0 || listen_on(wifi, "lo") < 0)
        return -1;
    lent_address_own(&wifi->lent);
    return 0;
}

// The address is on another interface than before, or on none.
static void follow(struct wifi *wifi, int index)
{
    const char *name = wifi->lent.name;
    wifi->index = index;
    if (index == 0) {
        log_warn(wifi->log, "%s is gone, or its address: no phone can come until it is back", name);
    } else if (socket_bind_to_device(wifi->listener, name) == 0) {
        log_info(wifi->log, "%s is back: phones find this laptop there again", name);
    } else if (errno == ENODEV) {
        wifi->index = 0; // gone again
    } else {
        log_error(wifi->log, "cannot listen on %s again: %s (start me again, as root)", name,
                  strerror(errno));
        loop_fail(wifi->loop);
    }
}

void wifi_tick(struct wifi *wifi)
{
    if (wifi->listener < 0)
        return;
    int index = lent_address_follow(&wifi->lent);
    if (index != wifi->index)
        follow(wifi, index);
    if (wifi->loop->now_ms - wifi->renewed_ms < LENT_RENEW_MS)
        return;
    lent_address_renew(&wifi->lent);
    wifi->renewed_ms = wifi->loop->now_ms;
}
