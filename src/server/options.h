// SPDX-License-Identifier: ISC
// The command line of tether-server.
#pragma once

#include "../base/address.h"
#include "../base/log.h"
#include "../limits.h"

struct server_options {
    struct endpoint listen[HTTP_LISTENERS];
    size_t listen_count;
    size_t must_count;     // the first of them; others are a convenience
    const char *page;      // --page, or NULL
    struct endpoint front; // whose word on its clients is taken; length 0: nobody's
    const char *interface; // or NULL: that of the default route
    const char *html;      // folder of the page, or NULL
    const char *key_file;
    uint16_t port_low;
    uint16_t port_high;
    bool open;    // no key: the classic protocol
    bool new_key; // make a new key and end
    bool allow_private;
    bool filter_by_address;
};

// Reads the command line. Returns -1 to go on, or an exit status after having said why: 0 for
// --help and --version, 2 for wrong usage.
int server_options_parse(struct server_options *options, enum log_level *level, int argc,
                         char **argv);
