// SPDX-License-Identifier: ISC
// The messages that make a session, and those around it that need none. Numbers in network byte
// order.
//
//   offer     0x01, then the first message of Noise_NNpsk0 with the payload
//             flags (1), the laptop's index (4), its identity (16), the inside address that it has
//             (4)
//   answer    0x02, then the second message of Noise_NNpsk0 with the payload
//             flags (1), the server's index (4)
//             (flags of both: SESSION_TAKES_..., what the sender takes beside plain packets)
//   refusal   0x04, reason (1), 8 bytes that say what is refused
//   greeting  0x05, 8 bytes that the server chose when it started
//
// Payloads may grow: a reader leaves aside what it does not know.
#pragma once

#include "../crypto/noise.h"
#include "key.h"
#include "session.h"

#define IDENTITY_SIZE   16
#define OFFER_PAYLOAD   25
#define ANSWER_PAYLOAD  5
#define OFFER_SIZE      (1 + NOISE_OVERHEAD + OFFER_PAYLOAD)
#define ANSWER_SIZE     (1 + NOISE_OVERHEAD + ANSWER_PAYLOAD)
#define HANDSHAKE_MAX   256 // the longest offer or answer that is read
#define REFUSAL_SUBJECT 8
#define REFUSAL_SIZE    (2 + REFUSAL_SUBJECT)
#define GREETING_NONCE  8
#define GREETING_SIZE   (1 + GREETING_NONCE)

struct offer {
    uint8_t flags; // SESSION_TAKES_...
    uint32_t index;
    uint8_t identity[IDENTITY_SIZE];
    uint32_t address; // host byte order; 0: none yet
};

struct answer {
    uint8_t flags; // SESSION_TAKES_...
    uint32_t index;
};

enum refusal {
    REFUSAL_WRONG_KEY = 1, // of an offer; the subject is how its ephemeral key begins
    REFUSAL_UNKNOWN = 2,   // of a sealed message; the subject is its index, then zeros
    REFUSAL_KEYED = 3, // of a packet in the clear: this server wants a key; the subject is zeros
};

// The laptop: begins with a fresh ephemeral private key and writes the offer. Returns its length.
size_t offer_write(struct noise *noise, const uint8_t key[KEY_SIZE], const uint8_t ephemeral[32],
                   const struct offer *offer, uint8_t message[OFFER_SIZE]);
// The server: reads an offer. Returns 0, or -1 where it was not made with this key.
int offer_read(struct noise *noise, const uint8_t key[KEY_SIZE], const uint8_t *message,
               size_t length, struct offer *offer);
// The server: answers, and has the session's keys. Returns the answer's length, or 0 where the
// offer's ephemeral key was no good.
size_t answer_write(struct noise *noise, const uint8_t ephemeral[32], const struct answer *answer,
                    struct session *session, uint8_t message[ANSWER_SIZE]);
// The laptop: reads the answer, and has the keys. Returns 0, or -1 where it does not belong to this
// offer; `noise` can then still take another.
int answer_read(struct noise *noise, const uint8_t *message, size_t length, struct answer *answer,
                struct session *session);

// The subject of a refusal of this message.
void refusal_subject(uint8_t subject[REFUSAL_SUBJECT], enum refusal reason, const uint8_t *message,
                     size_t length);
void refusal_write(uint8_t out[REFUSAL_SIZE], enum refusal reason, const uint8_t *message,
                   size_t length);
