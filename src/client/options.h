// SPDX-License-Identifier: ISC
// The command line of tether-client.
#pragma once

#include "../base/log.h"
#include "../dns/dns.h"
#include "../http/origin.h"
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

// Reads the command line, and the key that it names. A key in `argv` is overwritten there, so that
// a list of processes shows it for a moment only. Returns -1 to go on, or an exit status after
// having said why: 0 for --help and --version, 2 for wrong usage.
int client_options_parse(struct client_options *options, enum log_level *level, int argc,
                         char **argv);
