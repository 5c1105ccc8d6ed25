// SPDX-License-Identifier: ISC
// The laptop's side of the keyed session: makes it, makes it again in time, and opens what comes
// under it. Pure: messages in, messages out, time as an argument; which connection carries them is
// the caller's to say.
#pragma once

#include "handshake.h"

struct initiator {
    uint8_t key[KEY_SIZE];
    struct offer self; // identity, address and flags, the same in every offer
    struct session_keys keys;
    int64_t held_again_ms; // before, a server that says it does not know the session stops nothing
    // The handshake that is under way.
    bool trying;
    struct noise noise;
    uint8_t offer[OFFER_SIZE]; // sent again as it is until it is answered
    unsigned attempts;
    int64_t began_ms;
    int64_t sent_ms;
    int64_t due_ms;
    // What the server has said in the clear. Anybody between could have; so it is shown, and
    // nothing that works is given up for it.
    bool key_was_refused;
    bool knows_server_run;
    uint8_t server_run[GREETING_NONCE]; // of the last greeting
    // Dropped messages.
    uint64_t forged;
    uint64_t replayed;
    uint64_t not_understood;
};

enum initiator_event {
    INITIATOR_NOTHING,
    INITIATOR_SESSION,   // there is a new session: say something under it at once
    INITIATOR_RECORDS,   // genuine, and newer than all before
    INITIATOR_LATE,      // genuine records that others have overtaken
    INITIATOR_WRONG_KEY, // the server says that it does not know our key
    INITIATOR_GREETING,  // a phone has connected to the server: say something to show where we are
};

// What this end takes beside plain packets, initiator->self.flags, is nothing then.
void initiator_init(struct initiator *initiator, const uint8_t key[KEY_SIZE],
                    const uint8_t identity[IDENTITY_SIZE], uint32_t address);

// Takes a message, which it may write over. Where the event is one of records, `bytes` and `length`
// are set to them.
enum initiator_event initiator_hear(struct initiator *initiator, uint8_t *message,
                                    size_t message_length, int64_t now_ms, uint8_t **bytes,
                                    size_t *length);

// A connection to the phone has opened, or something speaks for trying at once.
void initiator_hurry(struct initiator *initiator, int64_t now_ms);
// The server had no place for us: ends the session, and waits for so long before the next offer.
void initiator_give_up(struct initiator *initiator, int64_t now_ms, int64_t pause_ms);
// Writes the offer that is to be sent now, if any: returns its length or 0. `try_other_form` is set
// where the last one in the caller's form was not answered. Call several times a second while there
// is a phone.
size_t initiator_due(struct initiator *initiator, int64_t now_ms, uint8_t message[OFFER_SIZE],
                     bool *try_other_form);
