// SPDX-License-Identifier: ISC
// X25519: Diffie-Hellman on Curve25519 (RFC 7748 section 5).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define X25519_SIZE 32

// The public key of a private one: 32 random bytes, which are clamped inside.
void x25519_public(uint8_t public_key[X25519_SIZE], const uint8_t private_key[X25519_SIZE]);
// The secret that both share. False where it is all zero: the peer's key is a point of low order
// (section 6.1), and the secret is worth nothing.
bool x25519(uint8_t shared[X25519_SIZE], const uint8_t private_key[X25519_SIZE],
            const uint8_t public_key[X25519_SIZE]);
