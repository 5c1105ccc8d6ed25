// SPDX-License-Identifier: ISC
// Poly1305 (RFC 8439 section 2.5): a message's blocks of 16 bytes, each with a 1 bit above it, are
// the coefficients of a polynomial, which is evaluated at the secret r modulo p = 2^130 - 5: for
// each block, sum = (sum + block) * r. The lower 128 bits of the sum plus the pad are the tag.
//
// Numbers are rows of words (words.h), the lowest first; the sum has one more word, for its bits
// from 128 on. What a product has from 2^130 on comes back at the bottom, 5 times as large.
// Clamping makes that easy: all words of r but the lowest are multiples of 4, so that 2^128 * r[k]
// is 2^130 * (r[k] / 4), which counts 5 / 4 * r[k], a whole number. And r has four zero bits at the
// top of each 32, which leaves room in a double word to add up a row of products.
#include "poly1305.h"
#include "memory.h"
#include "poly1305_blocks.h"
#include <string.h>

#define WORDS POLY1305_WORDS

static inline void get_words(word out[WORDS], const uint8_t bytes[POLY1305_BLOCK]) {
    for (int i = 0; i < WORDS; i++) out[i] = get_le_word(bytes + WORD_BYTES * i);
}

// sum += number + small
static inline void add(word sum[WORDS + 1], const word number[WORDS], word small) {
    double_word carry = small;
    for (int i = 0; i < WORDS; i++) {
        carry += (double_word)sum[i] + number[i];
        sum[i] = (word)carry;
        carry >>= WORD_BITS;
    }
    sum[WORDS] += (word)carry;
}

// sum *= r. Returns what has to be added for the part from 2^130 on, which is taken away. The sum's
// top word is at most 6 here (3 were left, a carry of up to 2, and the bit above a block), so that
// all fits.
static inline word multiply(word sum[WORDS + 1], const struct poly1305 *poly) {
    word product[WORDS];
    double_word row = 0;
    for (int i = 0; i < WORDS; i++) {
        for (int j = 0; j <= i; j++) row += (double_word)sum[j] * poly->r[i - j];
        for (int j = i + 1; j < WORDS + (i > 0); j++)
            row += (double_word)sum[j] * poly->r_folded[WORDS + i - j];
        product[i] = (word)row;
        row >>= WORD_BITS;
    }
    word top = sum[WORDS] * poly->r[0] + (word)row;
    for (int i = 0; i < WORDS; i++) sum[i] = product[i];
    sum[WORDS] = top & 3;
    return (top >> 2) * 5;
}

// Takes in whole blocks; `high_bit` is what stands above each, at 2^128. What a product leaves to
// be added is added with the next block.
static void add_blocks(struct poly1305 *poly, const uint8_t *bytes, size_t blocks, word high_bit) {
    static const word zero[WORDS];
    word sum[WORDS + 1]; // a copy, which the compiler can hold in registers
    word block[WORDS];
    word carry = 0;
    for (int i = 0; i <= WORDS; i++) sum[i] = poly->sum[i];
    for (; blocks > 0; blocks--, bytes += POLY1305_BLOCK) {
        get_words(block, bytes);
        add(sum, block, carry);
        sum[WORDS] += high_bit;
        carry = multiply(sum, poly);
    }
    add(sum, zero, carry);
    for (int i = 0; i <= WORDS; i++) poly->sum[i] = sum[i];
}

#if CRYPTO_MAY_HAVE_AVX2

#define GROUP        (POLY1305_LANES * (size_t)POLY1305_BLOCK)
#define GROUPS_LEAST 8 // for fewer the powers of r cost more than they save

static void to_limbs(uint64_t limbs[POLY1305_LIMBS], const word number[WORDS + 1]) {
    const uint64_t mask = (1 << 26) - 1;
    limbs[0] = number[0] & mask;
    limbs[1] = number[0] >> 26 & mask;
    limbs[2] = (number[0] >> 52 | number[1] << 12) & mask;
    limbs[3] = number[1] >> 14 & mask;
    limbs[4] = number[1] >> 40 | number[2] << 24;
}

static void from_limbs(word number[WORDS + 1], const uint64_t limbs[POLY1305_LIMBS]) {
    number[0] = limbs[0] | limbs[1] << 26 | limbs[2] << 52;
    number[1] = limbs[2] >> 12 | limbs[3] << 14 | limbs[4] << 40;
    number[2] = limbs[4] >> 24;
}

// Takes in as many blocks as are best taken four at a time. Returns their bytes.
static size_t add_groups(struct poly1305 *poly, const uint8_t *bytes, size_t length) {
    static const word zero[WORDS];
    uint64_t powers[POLY1305_LANES][POLY1305_LIMBS], limbs[POLY1305_LIMBS];
    word power[WORDS + 1] = {0};
    size_t groups = length / GROUP;
    if (groups < GROUPS_LEAST || !__builtin_cpu_supports("avx2"))
        return 0;
    memcpy(power, poly->r, sizeof poly->r);
    for (int i = 0; i < POLY1305_LANES; i++) {
        to_limbs(powers[i], power);
        add(power, zero, multiply(power, poly));
    }
    to_limbs(limbs, poly->sum);
    poly1305_add_groups(limbs, powers, bytes, groups);
    from_limbs(poly->sum, limbs);
    crypto_wipe(power, sizeof power);
    crypto_wipe(powers, sizeof powers);
    return groups * GROUP;
}

#else

static size_t add_groups(struct poly1305 *poly, const uint8_t *bytes, size_t length) {
    (void)poly, (void)bytes, (void)length;
    return 0;
}

#endif

void poly1305_init(struct poly1305 *poly, const uint8_t key[POLY1305_KEY]) {
    uint8_t r[POLY1305_BLOCK];
    memcpy(r, key, sizeof r);
    for (int i = 0; i < POLY1305_BLOCK; i++)
        r[i] &= i % 4 == 3 ? 0x0f : i % 4 == 0 && i > 0 ? 0xfc : 0xff; // clamp(r) of section 2.5
    *poly = (struct poly1305){.buffered = 0};
    get_words(poly->r, r);
    for (int i = 0; i < WORDS; i++) poly->r_folded[i] = poly->r[i] + (poly->r[i] >> 2);
    get_words(poly->pad, key + sizeof r);
    crypto_wipe(r, sizeof r);
}

void poly1305_add(struct poly1305 *poly, const uint8_t *bytes, size_t length) {
    if (poly->buffered > 0) {
        size_t taken = POLY1305_BLOCK - poly->buffered;
        if (taken > length)
            taken = length;
        if (taken > 0)
            memcpy(poly->buffer + poly->buffered, bytes, taken);
        poly->buffered += taken;
        bytes += taken;
        length -= taken;
        if (poly->buffered < POLY1305_BLOCK)
            return;
        add_blocks(poly, poly->buffer, 1, 1);
        poly->buffered = 0;
    }
    size_t done = add_groups(poly, bytes, length);
    bytes += done;
    length -= done;
    add_blocks(poly, bytes, length / POLY1305_BLOCK, 1);
    poly->buffered = length % POLY1305_BLOCK;
    if (poly->buffered > 0)
        memcpy(poly->buffer, bytes + length - poly->buffered, poly->buffered);
}

void poly1305_end(struct poly1305 *poly, uint8_t tag[POLY1305_TAG]) {
    static const word zero[WORDS];
    if (poly->buffered > 0) { // the last block's 1 bit stands right behind its bytes
        poly->buffer[poly->buffered] = 1;
        memset(poly->buffer + poly->buffered + 1, 0, POLY1305_BLOCK - poly->buffered - 1);
        add_blocks(poly, poly->buffer, 1, 0);
    }
    // The sum is p or more just where 5 more reach 2^130; without its bits from there on, which do
    // not reach the tag, that is the sum minus p.
    word reduced[WORDS + 1];
    memcpy(reduced, poly->sum, sizeof reduced);
    add(reduced, zero, 5);
    word mask = (word)0 - (reduced[WORDS] >> 2);
    for (int i = 0; i < WORDS; i++) poly->sum[i] ^= mask & (poly->sum[i] ^ reduced[i]);
    add(poly->sum, poly->pad, 0);
    for (int i = 0; i < WORDS; i++) put_le_word(tag + WORD_BYTES * i, poly->sum[i]);
    crypto_wipe(reduced, sizeof reduced);
    crypto_wipe(poly, sizeof *poly);
}
