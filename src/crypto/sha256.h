// SPDX-License-Identifier: ISC
// SHA-256 (RFC 6234).
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE  32
#define SHA256_BLOCK 64

struct sha256 {
    uint32_t state[8];
    uint64_t length; // bytes so far
    uint8_t block[SHA256_BLOCK];
};

// A hash in steps: begin, add bytes, and take the digest, which ends it.
void sha256_init(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, size_t length);
// Writes the digest, and wipes the state.
void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_SIZE]);
