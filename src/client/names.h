// SPDX-License-Identifier: ISC
// The laptop's programs resolve names through the tether, whomever they ask: dns/ decides what goes
// where, and tells the system.
#pragma once

#include "../dns/told.h"
#include "machine.h"
#include "phones.h"

enum names_state {
    NAMES_OFF,        // left alone
    NAMES_UNKNOWN,    // the tether is not up, or nobody has asked yet
    NAMES_WORK,       //
    NAMES_UNANSWERED, // the tether's resolver does not answer
    NAMES_BYPASSED,   // it does, and the laptop's own does not
};

struct names {
    const struct client_options *options;
    const struct log *log;
    struct loop *loop;
    struct machine *machine;
    const struct client_phones *phones;
    struct dns_plan plan;
    size_t turn; // whose it is in the plan
    struct dns_told told;

    // The check whether names resolve.
    enum names_state state;
    int socket;
    uint8_t query[DNS_QUERY_BYTES];
    int64_t due_ms;   // when it is sent; 0: some time after the tether came up
    int64_t until_ms; // when it counts as not answered; 0: none is on its way
    bool tether_works;
    unsigned failures; // in a row
    uint64_t seen;     // answers that the machine had been given when the last ended
};

// The pointers above are set already. Call when the machine is open, with all rights; in keyed mode
// what follows needs CAP_NET_ADMIN.
void names_open(struct names *names);
void names_close(struct names *names);
// The server has said which resolvers there are.
void names_follow(struct names *names, const struct configuration *config);
// About once a second.
void names_tick(struct names *names);
