// SPDX-License-Identifier: ISC
// The server's side of keyed sessions: answers offers, and opens what comes under the session of
// any laptop. Pure: messages in, messages out, time as an argument.
#pragma once

#include "../base/rate.h"
#include "handshake.h"
#include "record.h"

// What a connection may hold before anybody has shown on it that he is there now and knows the key:
// an offer that was answered. A recorded offer gets this far too, and no farther.
struct pending {
    struct session session;
    struct offer offer;
    uint8_t ephemeral[32]; // the offer's, to know it again
    uint8_t answer[ANSWER_SIZE];
};

struct responder_config {
    uint8_t key[KEY_SIZE];
    uint8_t run[GREETING_NONCE]; // random, another at each start
    uint8_t takes;               // SESSION_TAKES_..., what this end takes beside plain packets
    // Finds the place of the laptop with this identity, or makes one. Returns its number, or -1
    // where all are taken.
    int (*admit)(void *arg, const struct offer *offer);
    void *arg;
};

struct responder {
    struct responder_config config;
    struct session_keys laptops[SERVER_LINKS];
    struct rate rate;     // of offers and packets in the clear, by source
    struct rate refusals; // of sealed messages of unknown sessions
    // Counters for status.json.
    uint64_t sessions;
    uint64_t wrong_key;
    uint64_t rate_limited;
    uint64_t unknown_session;
    uint64_t forged;
    uint64_t replayed;
    uint64_t not_understood;
};

enum responder_event {
    RESPONDER_NOTHING,
    RESPONDER_REPLY,   // bytes: to be sent on the same connection
    RESPONDER_RECORDS, // bytes: genuine records of a laptop
};

struct responder_heard {
    enum responder_event event;
    uint8_t *bytes;
    size_t length;
    uint16_t laptop;
    bool is_newest;  // newer than all before: where it came from is where the laptop is
    bool is_session; // the first under a new session: the laptop wants its configuration
    // Room for a reply.
    uint8_t reply[SEALED_OVERHEAD + RECORD_HEAD + ANSWER_SIZE];
};

// Both must be done before anything else; the second for each new connection.
void responder_init(struct responder *responder, const struct responder_config *config);
void pending_init(struct pending *pending);
// Wipes the keys of a handshake that nobody finished; call about once a second for each connection.
void pending_expire(struct pending *pending, int64_t now_ms);

// Writes what each new connection is told: which run of the server this is.
void greeting_write(const struct responder *responder, uint8_t out[GREETING_SIZE]);

// Takes a message, which it may write over, from the connection that `pending` belongs to. `source`
// is whom the limit of offers counts it to.
void responder_hear(struct responder *responder, struct pending *pending, uint64_t source,
                    uint8_t *message, size_t length, int64_t now_ms, struct responder_heard *heard);

// Whether a message that begins with these bytes, at least SEALED_HEAD, may be genuine, as far as
// can be told before it is whole.
bool responder_may_be_genuine(struct responder *responder, struct pending *pending,
                              const uint8_t *message, size_t length);

// Wipes keys that are over; call about once a second.
void responder_tick(struct responder *responder, int64_t now_ms);
// The laptop gave its place up: its keys are wiped.
void responder_forget(struct responder *responder, uint16_t laptop);
