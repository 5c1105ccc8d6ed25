// SPDX-License-Identifier: ISC
// The rounds of ChaCha20, written once for one block and for several. `lanes` is a type that the
// including file has defined: a 32-bit word, or a vector of them with a word of each block; C's
// operators do the same to both. That file also defines ROTATE_16 and ROTATE_8, for which some
// machines have more than shifts, and TARGET, the attribute of functions that need a newer
// processor.
#include "chacha20_blocks.h"
#include <stdint.h>

// Inlined at any level of optimization: what is passed by its address has to be in memory, and here
// it shall stay in registers. For the same reason nothing below is a loop over lanes.
#define INLINED static inline __attribute__((always_inline)) TARGET

#define ROTATE(value, bits) (((value) << (bits)) | ((value) >> (32 - (bits))))

// Section 2.1 of RFC 8439.
INLINED void quarter_round(lanes *a, lanes *b, lanes *c, lanes *d) {
    *a += *b;
    *d = ROTATE_16(*d ^ *a);
    *c += *d;
    *b = ROTATE(*b ^ *c, 12);
    *a += *b;
    *d = ROTATE_8(*d ^ *a);
    *c += *d;
    *b = ROTATE(*b ^ *c, 7);
}

// Section 2.3: ten times a round of columns and one of diagonals.
INLINED void twenty_rounds(lanes x[CHACHA20_WORDS]) {
    for (int i = 0; i < 10; i++) {
        quarter_round(x + 0, x + 4, x + 8, x + 12);
        quarter_round(x + 1, x + 5, x + 9, x + 13);
        quarter_round(x + 2, x + 6, x + 10, x + 14);
        quarter_round(x + 3, x + 7, x + 11, x + 15);
        quarter_round(x + 0, x + 5, x + 10, x + 15);
        quarter_round(x + 1, x + 6, x + 11, x + 12);
        quarter_round(x + 2, x + 7, x + 8, x + 13);
        quarter_round(x + 3, x + 4, x + 9, x + 14);
    }
}

INLINED void add_words(lanes x[4], const uint32_t words[4]) {
    x[0] += words[0];
    x[1] += words[1];
    x[2] += words[2];
    x[3] += words[3];
}

// Adds each word of the state to all its lanes.
INLINED void add_state(lanes x[CHACHA20_WORDS], const uint32_t state[CHACHA20_WORDS]) {
    add_words(x + 0, state + 0);
    add_words(x + 4, state + 4);
    add_words(x + 8, state + 8);
    add_words(x + 12, state + 12);
}
