// SPDX-License-Identifier: ISC
// Keyed mode: the session with the server, whatever phone carries it.
#pragma once

#include "../session/initiator.h"
#include "names.h"

struct keyed {
    const struct log *log;
    struct loop *loop;
    struct client_phones *phones;
    struct machine *machine;
    struct names *names;
    struct initiator initiator;
    struct configuration configuration; // what the server said; all zero before
    int64_t round_trip_ms;              // of the last ping that was answered; -1: none was
    int64_t mappings;                   // in the server's NAT, as it said; -1 before
    int64_t cut_pause_ms; // how long the next silence must be for the phone to be told
    int64_t said_wrong_key_ms;
    bool said_silent;
    uint8_t goodbye; // why the server has let go, see enum goodbye; 0: it has not
    uint64_t sessions;
};

// The pointers and the initiator are set already.
void keyed_init(struct keyed *keyed);
// Offers, pings, and what silence asks for; several times a second.
void keyed_tick(struct keyed *keyed);

// records.c: takes the records of a message that opened in place, SEALED_HEAD bytes behind its
// start. `is_newest`: the server has said nothing since.
void keyed_hear_records(struct keyed *keyed, bool is_newest, uint8_t *bytes, size_t length);
