// SPDX-License-Identifier: ISC
// Noise_NNpsk0_25519_ChaChaPoly_SHA256 (The Noise Protocol Framework, revision 34): two parties
// that know the same 32 bytes agree on fresh keys in two messages.
//
//   -> psk, e         initiator
//   <- e, ee          responder
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOISE_KEY 32
// What each message is longer than its payload: the ephemeral public key, and the tag.
#define NOISE_OVERHEAD (32 + 16)

struct noise {
    bool is_initiator;
    uint8_t step;         // messages so far
    uint8_t hash[32];     // h: of all that was said
    uint8_t chaining[32]; // ck
    uint8_t key[32];      // k: of the cipher
    uint64_t nonce;       // n: of the cipher
    uint8_t psk[NOISE_KEY];
    uint8_t ephemeral[32]; // private
    uint8_t remote[32];    // the peer's ephemeral, public
};

// Begins a handshake of one side with the shared key, and mixes the protocol's name in.
void noise_init(struct noise *noise, bool is_initiator, const uint8_t psk[NOISE_KEY],
                const void *prologue, size_t prologue_length);
// Writes the next message, which is this party's to write: NOISE_OVERHEAD + `length` bytes.
// `ephemeral` is a fresh random private key. Returns its length, or -1 where the peer's key was of
// low order.
ptrdiff_t noise_write(struct noise *noise, const uint8_t ephemeral[32], const uint8_t *payload,
                      size_t length, uint8_t *message);
// Reads the peer's message. Writes its payload, `length` - NOISE_OVERHEAD bytes, and returns their
// number; or -1 where it was not made by someone with the same psk: then `noise` is as it was
// before.
ptrdiff_t noise_read(struct noise *noise, const uint8_t *message, size_t length, uint8_t *payload);
// After both messages: the keys of both directions. Wipes `noise` but for its hash.
void noise_split(struct noise *noise, uint8_t send_key[NOISE_KEY], uint8_t receive_key[NOISE_KEY]);
