// SPDX-License-Identifier: ISC
// Poly1305 for four blocks at a time, in vectors of 32 bytes: AVX2. Block by block each product
// waits for the one before. But the polynomial falls into four, of every fourth block each, which
// know nothing of each other:
//
//   ((b0 r + b1) r + ...) r  =  (b0 r^4 + b4) r^4 ...        x r^4
//                             + (b1 r^4 + b5) r^4 ...        x r^3
//                             + (b2 r^4 + b6) r^4 ...        x r^2
//                             + (b3 r^4 + b7) r^4 ...        x r
//
// A lane of a vector holds each. In the end each is multiplied by its own power, and they are added
// up.
//
// Such a processor multiplies 32 bits by 32, so numbers are five limbs of 26 bits, a vector for
// each: a product of two has room for the sum of five of them, some carries and the factor 5, by
// which what stands from 2^130 on comes back at the bottom.
#include "poly1305_blocks.h"

#if CRYPTO_MAY_HAVE_AVX2

#include <immintrin.h>
#include <string.h>

#define LIMBS     POLY1305_LIMBS
#define LANES     POLY1305_LANES
#define LIMB_BITS 26
#define LIMB_MASK ((UINT64_C(1) << LIMB_BITS) - 1)
#define TARGET    __attribute__((target("avx2")))
#define INLINED   static inline __attribute__((always_inline)) TARGET

typedef uint64_t lanes __attribute__((vector_size(8 * LANES)));

// Of the lower half of each lane.
INLINED lanes multiply_lanes(lanes a, lanes b) {
    return (lanes)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}

// Four blocks, each in its lane, with the 1 bit above it.
INLINED void get_group(lanes group[LIMBS], const uint8_t *bytes) {
    lanes first, second;
    memcpy(&first, bytes, sizeof first);
    memcpy(&second, bytes + sizeof first, sizeof second);
    lanes low = SHUFFLE(lanes, first, second, 0, 2, 4, 6),
          high = SHUFFLE(lanes, first, second, 1, 3, 5, 7);
    group[0] = low & LIMB_MASK;
    group[1] = low >> LIMB_BITS & LIMB_MASK;
    group[2] = (low >> 2 * LIMB_BITS | high << 12) & LIMB_MASK;
    group[3] = high >> 14 & LIMB_MASK;
    group[4] = high >> 40 | UINT64_C(1) << 24;
}

// One limb of a product: a's limbs, each by the limb of b, or of b * 5, that it meets there.
INLINED lanes multiply_row(const lanes a[LIMBS], lanes b0, lanes b1, lanes b2, lanes b3, lanes b4) {
    return multiply_lanes(a[0], b0) + multiply_lanes(a[1], b1) + multiply_lanes(a[2], b2) +
           multiply_lanes(a[3], b3) + multiply_lanes(a[4], b4);
}

// product = a * b, its carries not yet taken. `folded` is b * 5.
INLINED void multiply(lanes product[LIMBS], const lanes a[LIMBS], const lanes b[LIMBS],
                      const lanes folded[LIMBS]) {
    product[0] = multiply_row(a, b[0], folded[4], folded[3], folded[2], folded[1]);
    product[1] = multiply_row(a, b[1], b[0], folded[4], folded[3], folded[2]);
    product[2] = multiply_row(a, b[2], b[1], b[0], folded[4], folded[3]);
    product[3] = multiply_row(a, b[3], b[2], b[1], b[0], folded[4]);
    product[4] = multiply_row(a, b[4], b[3], b[2], b[1], b[0]);
}

// Two runs of carries at a time, so that they do not wait for each other. All limbs are below 2^27
// then.
INLINED void carry(lanes sum[LIMBS]) {
    sum[1] += sum[0] >> LIMB_BITS, sum[0] &= LIMB_MASK;
    sum[4] += sum[3] >> LIMB_BITS, sum[3] &= LIMB_MASK;
    sum[2] += sum[1] >> LIMB_BITS, sum[1] &= LIMB_MASK;
    sum[0] += (sum[4] >> LIMB_BITS) * 5, sum[4] &= LIMB_MASK;
    sum[3] += sum[2] >> LIMB_BITS, sum[2] &= LIMB_MASK;
    sum[1] += sum[0] >> LIMB_BITS, sum[0] &= LIMB_MASK;
    sum[4] += sum[3] >> LIMB_BITS, sum[3] &= LIMB_MASK;
}

// Adds the lanes up, and takes all carries.
INLINED void add_up(uint64_t sum[LIMBS], const lanes each[LIMBS]) {
    uint64_t over = 0;
    for (int i = 0; i < LIMBS; i++) {
        over += each[i][0] + each[i][1] + each[i][2] + each[i][3];
        sum[i] = over & LIMB_MASK;
        over >>= LIMB_BITS;
    }
    sum[0] += over * 5;
    for (int i = 0; i + 1 < LIMBS; i++) {
        sum[i + 1] += sum[i] >> LIMB_BITS;
        sum[i] &= LIMB_MASK;
    }
}

TARGET void poly1305_add_groups(uint64_t sum[LIMBS], uint64_t powers[LANES][LIMBS],
                                const uint8_t *bytes, size_t groups) {
    lanes each[LIMBS], product[LIMBS], group[LIMBS];
    lanes all[LIMBS], all_folded[LIMBS];   // r^4 in each lane
    lanes last[LIMBS], last_folded[LIMBS]; // r^4, r^3, r^2, r
    for (int i = 0; i < LIMBS; i++) {
        last[i] = (lanes){powers[3][i], powers[2][i], powers[1][i], powers[0][i]};
        all[i] = (lanes){powers[3][i], powers[3][i], powers[3][i], powers[3][i]};
        last_folded[i] = last[i] * 5;
        all_folded[i] = all[i] * 5;
    }
    get_group(each, bytes);
    for (int i = 0; i < LIMBS; i++) each[i][0] += sum[i];
    while (--groups > 0) {
        bytes += LANES * 16;
        multiply(product, each, all, all_folded);
        carry(product);
        get_group(group, bytes);
        each[0] = product[0] + group[0];
        each[1] = product[1] + group[1];
        each[2] = product[2] + group[2];
        each[3] = product[3] + group[3];
        each[4] = product[4] + group[4];
    }
    multiply(product, each, last, last_folded);
    carry(product);
    add_up(sum, product);
}

#endif
