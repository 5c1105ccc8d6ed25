// SPDX-License-Identifier: ISC
// ChaCha20-Poly1305: encryption that notices every change (RFC 8439 section 2.8).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AEAD_KEY   32
#define AEAD_NONCE 12
#define AEAD_TAG   16

// The nonce that a counter makes: four zero bytes, then the counter in little-endian order (The
// Noise Protocol Framework, revision 34, section 12.3).
void aead_nonce(uint8_t nonce[AEAD_NONCE], uint64_t counter);

// Encrypts `length` bytes in place and writes the tag behind them, for which there must be room.
// `data` is authenticated with them and not sent; may be NULL with length 0.
void aead_seal(uint8_t *bytes, size_t length, const uint8_t key[AEAD_KEY],
               const uint8_t nonce[AEAD_NONCE], const void *data, size_t data_length);
// Opens `length` bytes, the last AEAD_TAG of which are the tag, in place. False where they are not
// what was sealed (or shorter than a tag); then nothing was decrypted.
bool aead_open(uint8_t *bytes, size_t length, const uint8_t key[AEAD_KEY],
               const uint8_t nonce[AEAD_NONCE], const void *data, size_t data_length);
// The same to another place, which may overlap: writes `length` - AEAD_TAG bytes to `out`, or
// nothing.
bool aead_open_into(uint8_t *out, const uint8_t *sealed, size_t length, const uint8_t key[AEAD_KEY],
                    const uint8_t nonce[AEAD_NONCE], const void *data, size_t data_length);
