// SPDX-License-Identifier: ISC
// Checking UTF-8 as it arrives, in pieces of any length (RFC 3629, and RFC 6455 section 8.1).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What is still to come of the character at hand. All zero: between characters.
struct utf8 {
    uint8_t left; // continuation bytes to come
    uint8_t low;  // the range of the next one
    uint8_t high;
};

// Takes the next piece. Returns false as soon as the bytes cannot become UTF-8 any more.
bool utf8_check(struct utf8 *state, const uint8_t *bytes, size_t length);

// Whether the text so far ends at a character's end.
static inline bool utf8_complete(const struct utf8 *state) { return state->left == 0; }
