// SPDX-License-Identifier: ISC
// X25519: the x coordinate of a private number times a point of the curve (RFC 7748 section 5).
//
// Coordinates are numbers modulo p = 2^255 - 19. An element is cut into limbs, lowest first: five
// of 51 bits where words have 64, fifteen of 17 bits where they have 32. A limb leaves room at the
// top of its word, so that sums need no carries; only a product brings its limbs down again. 51 * 5
// and 17 * 15 are both 255, and 2^255 is 19 modulo p: what goes over the top comes back at the
// bottom, 19 times as large.
//
// How large limbs get, in units of 2^LIMB_BITS: those of a product are below 1, but for the second,
// which is below 1.7. So the sum of two products is below 4, and their difference too, to which 2 p
// is added to stay positive. Only products, sums and differences are multiplied: a row of theirs is
// below 15 * 19 * 4 * 4 * 2^34 or 5 * 19 * 4 * 4 * 2^102, which a double word holds with ease.
//
// The private number decides neither where the processor jumps nor which memory it reads: the
// ladder makes the same step for each bit, and exchanges its two points by masks.
#include "x25519.h"
#include "memory.h"
#include "words.h"
#include <string.h>

#if WORD_BITS == 64
#define LIMBS     5
#define LIMB_BITS 51
#else
#define LIMBS     15
#define LIMB_BITS 17
#endif

#define LIMB_MAX (((word)1 << LIMB_BITS) - 1)

typedef word element[LIMBS];

static void add(element out, const element a, const element b) {
    for (int i = 0; i < LIMBS; i++) out[i] = a[i] + b[i];
}

// a + 2 p - b. The limbs of p are all ones, but for the lowest, which is 18 less.
static void subtract(element out, const element a, const element b) {
    for (int i = 0; i < LIMBS; i++) out[i] = a[i] + 2 * (i == 0 ? LIMB_MAX - 18 : LIMB_MAX) - b[i];
}

// `out` must be neither `a` nor `b`: there is no copy in between that would have to be wiped.
static void multiply(word out[restrict LIMBS], const element a, const element b) {
    double_word row = 0;
    for (int i = 0; i < LIMBS; i++) {
        for (int j = 0; j <= i; j++) row += (double_word)a[j] * b[i - j];
        for (int j = i + 1; j < LIMBS; j++) row += (double_word)a[j] * (19 * b[LIMBS + i - j]);
        out[i] = (word)row & LIMB_MAX;
        row >>= LIMB_BITS;
    }
    row = out[0] + 19 * row;
    out[0] = (word)row & LIMB_MAX;
    out[1] += (word)(row >> LIMB_BITS);
}

static void square(element out, const element a) { multiply(out, a, a); }

// Exchanges both where `bit` is 1, and does the same work where it is 0.
static void swap_if(word bit, element a, element b) {
    word mask = (word)0 - bit;
    for (int i = 0; i < LIMBS; i++) {
        word difference = mask & (a[i] ^ b[i]);
        a[i] ^= difference;
        b[i] ^= difference;
    }
}

// Little-endian. The top bit of a coordinate is not looked at (section 5).
static void from_bytes(element out, const uint8_t bytes[X25519_SIZE]) {
    memset(out, 0, sizeof(element));
    for (int bit = 0; bit < 255; bit++)
        out[bit / LIMB_BITS] |= (word)((bytes[bit / 8] >> (bit % 8)) & 1) << (bit % LIMB_BITS);
}

// Adds a number of one word, and brings each limb down to LIMB_BITS. Returns what goes over the
// top.
static word carry_up(element a, word number) {
    word carry = number;
    for (int i = 0; i < LIMBS; i++) {
        carry += a[i];
        a[i] = carry & LIMB_MAX;
        carry >>= LIMB_BITS;
    }
    return carry;
}

// The number below p that `a` is modulo p. After three times all limbs are down; what is left is p
// or more just where 19 more would go over the top.
static void to_bytes(uint8_t bytes[X25519_SIZE], element a, element scratch) {
    word top = carry_up(a, 0);
    top = carry_up(a, 19 * top);
    carry_up(a, 19 * top);
    memcpy(scratch, a, sizeof(element));
    top = carry_up(scratch, 19);
    carry_up(a, 19 * top);
    memset(bytes, 0, X25519_SIZE);
    for (int bit = 0; bit < 255; bit++)
        bytes[bit / 8] |= (uint8_t)(((a[bit / LIMB_BITS] >> (bit % LIMB_BITS)) & 1) << (bit % 8));
}

// Two points, as fractions x / z, whose difference is the point at x1; and room to calculate. All
// that is secret stands here, and goes with it.
struct ladder {
    uint8_t scalar[X25519_SIZE];
    element x1, x2, z2, x3, z3;
    element a, b, c, d, e;
    element aa, bb, da, cb;
};

// One step: doubles point 2, and adds it to point 3. The names are those of section 5.
static void step(struct ladder *l) {
    static const element a24 = {121665};
    add(l->a, l->x2, l->z2);
    subtract(l->b, l->x2, l->z2);
    add(l->c, l->x3, l->z3);
    subtract(l->d, l->x3, l->z3);
    multiply(l->da, l->d, l->a);
    multiply(l->cb, l->c, l->b);
    square(l->aa, l->a);
    square(l->bb, l->b);
    subtract(l->e, l->aa, l->bb);

    add(l->a, l->da, l->cb);
    square(l->x3, l->a);
    subtract(l->b, l->da, l->cb);
    square(l->c, l->b);
    multiply(l->z3, l->x1, l->c);
    multiply(l->x2, l->aa, l->bb);
    multiply(l->c, l->e, a24);
    add(l->d, l->aa, l->c);
    multiply(l->z2, l->e, l->d);
}

// z2^(p - 2), which is 1 / z2 (Fermat), into `a`. The bits of the exponent are ones but for 2
// and 4.
static void invert(struct ladder *l) {
    memcpy(l->a, l->z2, sizeof l->a);
    for (int bit = 253; bit >= 0; bit--) {
        square(l->b, l->a);
        if (bit == 2 || bit == 4)
            memcpy(l->a, l->b, sizeof l->a);
        else
            multiply(l->a, l->b, l->z2);
    }
}

static void multiply_point(uint8_t out[X25519_SIZE], const uint8_t private_key[X25519_SIZE],
                           const uint8_t point[X25519_SIZE]) {
    struct ladder l = {.x2 = {1}, .z3 = {1}};
    word swapped = 0;
    memcpy(l.scalar, private_key, sizeof l.scalar);
    l.scalar[0] &= 0xf8; // decodeScalar25519 of section 5
    l.scalar[31] = (l.scalar[31] & 0x7f) | 0x40;
    from_bytes(l.x1, point);
    memcpy(l.x3, l.x1, sizeof l.x3);
    for (int at = 254; at >= 0; at--) {
        word bit = (l.scalar[at / 8] >> (at % 8)) & 1;
        swap_if(swapped ^ bit, l.x2, l.x3);
        swap_if(swapped ^ bit, l.z2, l.z3);
        swapped = bit;
        step(&l);
    }
    // The last bit is 0 in every scalar: the points are not exchanged.
    invert(&l);
    multiply(l.b, l.x2, l.a);
    to_bytes(out, l.b, l.c);
    crypto_wipe(&l, sizeof l);
}

void x25519_public(uint8_t public_key[X25519_SIZE], const uint8_t private_key[X25519_SIZE]) {
    static const uint8_t base_point[X25519_SIZE] = {9};
    multiply_point(public_key, private_key, base_point);
}

bool x25519(uint8_t shared[X25519_SIZE], const uint8_t private_key[X25519_SIZE],
            const uint8_t public_key[X25519_SIZE]) {
    static const uint8_t zero[X25519_SIZE];
    multiply_point(shared, private_key, public_key);
    return !crypto_equal(shared, zero, sizeof zero);
}
