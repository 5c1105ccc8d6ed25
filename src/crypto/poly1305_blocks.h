// SPDX-License-Identifier: ISC
// The inside of Poly1305 for processors that do four multiplications at a time.
#pragma once

#include "vectors.h"
#include <stddef.h>
#include <stdint.h>

#if CRYPTO_MAY_HAVE_AVX2

#define POLY1305_LANES 4
#define POLY1305_LIMBS 5 // of 26 bits each, the lowest first; the last may have a few more

// Takes in `groups` (at least one) of four whole blocks. powers[0] is r, powers[1] r^2, and so on.
void poly1305_add_groups(uint64_t sum[POLY1305_LIMBS],
                         uint64_t powers[POLY1305_LANES][POLY1305_LIMBS], const uint8_t *bytes,
                         size_t groups);

#endif
