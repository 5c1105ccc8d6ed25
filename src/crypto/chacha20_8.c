// SPDX-License-Identifier: ISC
// ChaCha20 for eight blocks at a time, in vectors of 32 bytes: AVX2.
#include "chacha20_blocks.h"

#if CRYPTO_MAY_HAVE_AVX2

#define LANES      8
#define TARGET     __attribute__((target("avx2")))
#define XOR_BLOCKS chacha20_xor_8

#define COUNT_UP          ((lanes){0, 1, 2, 3, 4, 5, 6, 7})
#define FIRST_WORDS(a, b) SHUFFLE(lanes, a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define LAST_WORDS(a, b)  SHUFFLE(lanes, a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define FIRST_PAIRS(a, b) SHUFFLE(lanes, a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define LAST_PAIRS(a, b)  SHUFFLE(lanes, a, b, 2, 3, 10, 11, 6, 7, 14, 15)

// Rotating a little-endian word by whole bytes moves its bytes: one shuffle, for two shifts and an
// or.
#define ROTATE_16(v)                                                                               \
    ((lanes)SHUFFLE(single_bytes, v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 18,  \
                    19, 16, 17, 22, 23, 20, 21, 26, 27, 24, 25, 30, 31, 28, 29))
#define ROTATE_8(v)                                                                                \
    ((lanes)SHUFFLE(single_bytes, v, v, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14, 19,  \
                    16, 17, 18, 23, 20, 21, 22, 27, 24, 25, 26, 31, 28, 29, 30))

typedef uint8_t single_bytes __attribute__((vector_size(32)));

#include "chacha20_lanes.h"

#endif
