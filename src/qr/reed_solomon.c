// SPDX-License-Identifier: ISC
// The data is read as a polynomial with coefficients in the field of 256 elements, the first byte
// as the highest; the check bytes are the remainder of its division by the generator polynomial (x
// - 1)(x - a)(x - a^2)..., where a is the element 2. So the whole, data and then check bytes, is a
// multiple of the generator: it is zero at 1, a, a^2, ..., and what a reader finds there instead
// tells the errors.
//
// Elements are bytes, the polynomials over one bit modulo x^8 + x^4 + x^3 + x^2 + 1. A handful of
// products is needed, once, so they are computed without tables.
#include "reed_solomon.h"
#include <string.h>

#define FIELD_POLYNOMIAL 0x11d // ISO/IEC 18004, as above

static uint8_t product(uint8_t a, uint8_t b) {
    unsigned result = 0;
    for (int bit = 7; bit >= 0; bit--) {
        result = result << 1 ^ (result >> 7) * FIELD_POLYNOMIAL;
        result ^= (b >> bit & 1U) * a;
    }
    return (uint8_t)result;
}

// The coefficients of the generator polynomial, without the highest, which is 1.
static void write_generator(uint8_t *generator, size_t count) {
    uint8_t root = 1;
    memset(generator, 0, count);
    generator[count - 1] = 1;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            generator[j] = product(generator[j], root) ^ (j + 1 < count ? generator[j + 1] : 0);
        root = product(root, 2);
    }
}

void reed_solomon_check(uint8_t *check, size_t check_count, const uint8_t *data, size_t length) {
    uint8_t generator[REED_SOLOMON_MAX];
    write_generator(generator, check_count);
    memset(check, 0, check_count);
    for (size_t i = 0; i < length; i++) {
        uint8_t factor = data[i] ^ check[0];
        memmove(check, check + 1, check_count - 1);
        check[check_count - 1] = 0;
        for (size_t j = 0; j < check_count; j++) check[j] ^= product(generator[j], factor);
    }
}
