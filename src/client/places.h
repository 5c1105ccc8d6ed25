// SPDX-License-Identifier: ISC
// Where phones find this laptop: its addresses that a phone may reach, and the sockets there.
#ifndef TETHER_CLIENT_PLACES_H
#define TETHER_CLIENT_PLACES_H

#include "../http/host.h"
#include "../os/interfaces.h"
#include "wifi.h"

// What a phone has to do with an address; the better one first.
enum place_kind {
    PLACE_JOINED, // another host gave it, such as a phone with a hotspot
    PLACE_FIXED,  // it was set by hand
    PLACE_OWN,    // --wifi lends it, or it is a link-local one: nobody was there to give it
    PLACE_NAMED,  // --listen names it, and nothing else is known
};

struct place {
    struct interface_address on;
    enum place_kind kind;
    bool is_wireless;
    char where[ENDPOINT_TEXT_MAX]; // ADDRESS:PORT
};

struct places {
    const struct client_options *options;
    struct loop *loop;
    struct http_host *host; // which serves what comes
    struct wifi *wifi;
    const struct log *log;
    void (*changed)(void *arg); // called when the list has changed
    void *arg;
    struct place list[CLIENT_PLACES]; // the best first
    size_t count;
    struct netlink watch;     // says when something changes; fd -1: nothing is followed
    struct loop_timer *alarm; // some time after that
    struct place_door {       // a socket, for the interface that it is bound to
        int fd;
        int index; // 0: it does not listen yet
    } doors[CLIENT_DOORS];
    size_t door_count;
};

// Listens wherever the options say; the members up to `arg` are set already, and watch.fd is -1.
// Returns 0, or -1 after having said what is wrong.
int places_open(struct places *places);
void places_close(struct places *places);
// For struct http_host_config and struct http_trust, without --listen: whether a phone, or the
// laptop itself, may call this laptop by an address (host byte order; 0: none of IPv4).
bool places_welcome(const void *arg, uint32_t address);
// Whether it is one of the laptop's addresses that phones are told.
bool places_have(const struct places *places, uint32_t address);

#endif
