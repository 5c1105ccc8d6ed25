// SPDX-License-Identifier: ISC
// Where phones find this laptop: its addresses that a phone may reach, and the sockets there.
#pragma once

#include "../http/host.h"
#include "../tun/tun.h"
#include "options.h"

// What a phone has to do with an address; the better one first.
enum place_kind {
    PLACE_JOINED, // another host gave it, such as a phone with a hotspot
    PLACE_FIXED,  // it was set by hand
    PLACE_OWN,    // it is lent, or a link-local one: nobody was there to give it
    PLACE_NAMED,  // --listen names it, and nothing else is known
};

struct place {
    struct interface_address on;
    enum place_kind kind;
    uint64_t rank;                 // the lower, the rather does a phone find it
    char where[ENDPOINT_TEXT_MAX]; // ADDRESS:PORT
};

struct display;

struct places {
    const struct client_options *options;
    struct loop *loop;
    struct http_host *host;           // which serves what comes
    struct display *display;          // which says when the list has changed
    struct place list[CLIENT_PLACES]; // the best first
    size_t count;
    struct lent_address lent;   // by --wifi
    struct kernel_socket watch; // says when something changes
    struct loop_timer *alarm;   // some time after that; NULL: not opened yet
    struct place_door {         // a socket, for the interface that it is bound to
        int fd;
        int index; // 0: it does not listen yet
    } doors[CLIENT_DOORS];
    int door_count;
};

// Lends an address if the options say so, and listens wherever they say. Returns 0, or -1 after
// having said what is wrong.
int places_open(struct places *places, const struct client_options *options, struct http_host *host,
                struct loop *loop, struct display *display);
void places_close(struct places *places);
// Whether a phone, or the laptop itself, may call this laptop by an address (host byte order); for
// struct http_trust, too.
bool places_have(const void *arg, uint32_t address);
// The same of a connection, whose answers leave by the interface that has its address.
bool places_welcome(const void *arg, int fd, const struct endpoint *peer);
