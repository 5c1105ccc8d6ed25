// SPDX-License-Identifier: ISC
// The Poly1305 authenticator (RFC 8439 section 2.5).
#pragma once

#include "words.h"
#include <stddef.h>

#define POLY1305_KEY   32
#define POLY1305_TAG   16
#define POLY1305_BLOCK 16
#define POLY1305_WORDS (128 / WORD_BITS)

struct poly1305 {
    word r[POLY1305_WORDS];        // the key's first half, clamped
    word r_folded[POLY1305_WORDS]; // r * 5 / 4, but for the lowest word, which is not used
    word pad[POLY1305_WORDS];      // the key's second half
    word sum[POLY1305_WORDS + 1];  // below 2^130, or a little more
    uint8_t buffer[POLY1305_BLOCK];
    size_t buffered;
};

// `key` is for one message only.
void poly1305_init(struct poly1305 *poly, const uint8_t key[POLY1305_KEY]);
void poly1305_add(struct poly1305 *poly, const uint8_t *bytes, size_t length);
// Writes the tag, and wipes the state.
void poly1305_end(struct poly1305 *poly, uint8_t tag[POLY1305_TAG]);
