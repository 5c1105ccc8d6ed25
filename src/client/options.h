// SPDX-License-Identifier: ISC
// The command line of tether-client.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../base/address.h"
#include "../base/log.h"
#include "../dns/dns.h"
#include "../http/origin.h"
#include "../limits.h"
#include "../session/key.h"

// The longest --server, with its NUL.
#define SERVER_NAME_MAX 256

struct client_options {
    char *key_text; // on the command line, or NULL
    const char *key_file;
    const char *server;  // what the page is told, or NULL
    const char *wifi;    // interface that gets the address, or NULL
    const char *hotspot; // the same, and it is the laptop's own Wi-Fi
    const char *tun_name;
    const char *html; // folder of the page, or NULL
    struct endpoint listen;
    bool listens_there; // --listen was given
    struct cidr routes[CLIENT_ROUTES];
    size_t route_count;
    struct dns_plan dns;     // resolvers
    bool no_dns;             // names are left alone
    struct http_trust trust; // web pages that may be the relay
    bool no_routes;
    bool open;             // no key: the classic protocol
    uint8_t key[KEY_SIZE]; // otherwise
};

// Whether programs on the laptop shall resolve names through the tether.
static inline bool client_options_names(const struct client_options *options) {
    bool takes_all = options->route_count == 0 && !options->no_routes;
    return options->dns.count > 0 || (takes_all && !options->no_dns);
}

// Reads the command line, and the key that it names. A key in `argv` is overwritten there, so that
// a list of processes shows it for a moment only. Returns -1 to go on, or an exit status after
// having said why: 0 for --help and --version, 2 for wrong usage.
int client_options_parse(struct client_options *options, enum log_level *level, int argc,
                         char **argv);
