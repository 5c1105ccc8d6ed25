// SPDX-License-Identifier: ISC
// The inside of ChaCha20: the key stream of one, four, eight or sixteen blocks, added to bytes.
#pragma once

#include "vectors.h"
#include <stdint.h>

#define CHACHA20_WORDS 16

// Four blocks at a time pay where a register holds four words. Elsewhere the compiler makes single
// words of them again, which is right, but slower than a block at a time.
#if defined(__SSE2__) || defined(__ARM_NEON) || defined(__ALTIVEC__)
#define CHACHA20_HAS_VECTORS 1
#else
#define CHACHA20_HAS_VECTORS 0
#endif

// Eight at a time are for processors with AVX2, sixteen for those with AVX-512 (vectors.h).

// Each adds the key stream to so many times 64 bytes in place, at any alignment, and counts the
// blocks in word 12 of the state, which is that of RFC 8439 section 2.3 in the host's byte order.
void chacha20_xor_1(uint8_t *bytes, uint32_t state[CHACHA20_WORDS]);
void chacha20_xor_4(uint8_t *bytes, uint32_t state[CHACHA20_WORDS]);
#if CRYPTO_MAY_HAVE_AVX2
void chacha20_xor_8(uint8_t *bytes, uint32_t state[CHACHA20_WORDS]);
void chacha20_xor_16(uint8_t *bytes, uint32_t state[CHACHA20_WORDS]);
#endif
