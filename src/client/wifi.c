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

#include "client.h"

#define WIFI_PREFIX 16 // 169.254.0.0/16, RFC 3927

// Listens on one interface, or with NULL on all of them. Returns the socket, which is the host's,
// or -1 after having said what is wrong.
static int listen_on(struct client *client, const char *interface)
{
    char where[ENDPOINT_TEXT_MAX];
    int fd = socket_listen(&client->options.listen, interface);
    if (fd >= 0 && http_host_listen(&client->host, fd, true) == 0)
        return fd;
    endpoint_format(&client->options.listen, where);
    const char *help = errno == EADDRINUSE ? " (is another tether-client running?)"
                       : errno == EADDRNOTAVAIL
                           ? " (no interface has this address: give --wifi IF and I add it)"
                           : "";
    log_error(&client->log, "cannot listen on %s: %s%s", where, strerror(errno), help);
    return -1;
}

int client_wifi_open(struct client *client)
{
    struct client_wifi *wifi = &client->wifi;
    if (lent_address_open(&wifi->lent, client->options.wifi, endpoint_ipv4(&client->options.listen),
                          WIFI_PREFIX, &client->log) < 0)
        return -1;
    wifi->index = wifi->lent.index;
    wifi->renewed_ms = client->loop.now_ms;
    if (wifi->index == 0)
        return listen_on(client, NULL) < 0 ? -1 : 0;
    wifi->listener = listen_on(client, wifi->lent.name);
    if (wifi->listener < 0 || listen_on(client, "lo") < 0)
        return -1;
    lent_address_own(&wifi->lent);
    return 0;
}

// The address is on another interface than before, or on none.
static void follow(struct client *client, int index)
{
    struct client_wifi *wifi = &client->wifi;
    const char *name = wifi->lent.name;
    wifi->index = index;
    if (index == 0) {
        log_warn(&client->log, "%s is gone, or its address: no phone can come until it is back",
                 name);
    } else if (socket_bind_to_device(wifi->listener, name) == 0) {
        log_info(&client->log, "%s is back: phones find this laptop there again", name);
    } else if (errno == ENODEV) {
        wifi->index = 0; // gone again
    } else {
        log_error(&client->log, "cannot listen on %s again: %s (start me again, as root)", name,
                  strerror(errno));
        loop_fail(&client->loop);
    }
}

void client_wifi_tick(struct client *client)
{
    struct client_wifi *wifi = &client->wifi;
    if (wifi->listener < 0)
        return;
    int index = lent_address_follow(&wifi->lent);
    if (index != wifi->index)
        follow(client, index);
    if (client->loop.now_ms - wifi->renewed_ms < LENT_RENEW_MS)
        return;
    lent_address_renew(&wifi->lent);
    wifi->renewed_ms = client->loop.now_ms;
}
