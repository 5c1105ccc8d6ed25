// SPDX-License-Identifier: ISC
// ChaCha20 for sixteen blocks at a time, in vectors of 64 bytes: AVX-512, which rotates words by
// itself, and has as many registers as it takes to keep all sixteen words and more.
#include "chacha20_blocks.h"

#if CRYPTO_MAY_HAVE_AVX2

#define LANES      16
#define TARGET     __attribute__((target("avx512f")))
#define XOR_BLOCKS chacha20_xor_16

#define COUNT_UP ((lanes){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
#define FIRST_WORDS(a, b)                                                                          \
    SHUFFLE(lanes, a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define LAST_WORDS(a, b)                                                                           \
    SHUFFLE(lanes, a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define FIRST_PAIRS(a, b)                                                                          \
    SHUFFLE(lanes, a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define LAST_PAIRS(a, b)                                                                           \
    SHUFFLE(lanes, a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)

#define ROTATE_16(v) ROTATE(v, 16)
#define ROTATE_8(v)  ROTATE(v, 8)

#include "chacha20_lanes.h"

#endif
