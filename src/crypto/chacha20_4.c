// SPDX-License-Identifier: ISC
// ChaCha20 for four blocks at a time, in vectors of 16 bytes: SSE2, NEON, AltiVec.
#define LANES 4
#define TARGET
#define XOR_BLOCKS chacha20_xor_4

#define COUNT_UP          ((lanes){0, 1, 2, 3})
#define FIRST_WORDS(a, b) SHUFFLE(lanes, a, b, 0, 4, 1, 5)
#define LAST_WORDS(a, b)  SHUFFLE(lanes, a, b, 2, 6, 3, 7)
#define FIRST_PAIRS(a, b) SHUFFLE(lanes, a, b, 0, 1, 4, 5)
#define LAST_PAIRS(a, b)  SHUFFLE(lanes, a, b, 2, 3, 6, 7)

// Rotating by 16 exchanges the halves of a word, in either byte order; SSE2 can shuffle no less.
#define ROTATE_16(v) ((lanes)SHUFFLE(half_words, v, v, 1, 0, 3, 2, 5, 4, 7, 6))
#define ROTATE_8(v)  ROTATE(v, 8)

#include <stdint.h>

typedef uint16_t half_words __attribute__((vector_size(16)));

#include "chacha20_lanes.h"
