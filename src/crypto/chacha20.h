// SPDX-License-Identifier: ISC
// The ChaCha20 stream cipher (RFC 8439 section 2.4).
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CHACHA20_KEY   32
#define CHACHA20_NONCE 12
#define CHACHA20_BLOCK 64

// Adds the key stream, from block `counter` on, to the bytes in place.
void chacha20_xor(uint8_t *bytes, size_t length, const uint8_t key[CHACHA20_KEY],
                  const uint8_t nonce[CHACHA20_NONCE], uint32_t counter);
