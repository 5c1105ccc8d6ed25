// SPDX-License-Identifier: ISC
// What the fuzz targets have in common: taking their input apart, and failing.
#ifndef TETHER_TEST_FUZZ_FUZZ_H
#define TETHER_TEST_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// An invariant that does not hold is a finding, like a crash.
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

// What is left of the input; beyond its end there are zeros.
struct input {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t take8(struct input *input) {
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

static inline uint16_t take16(struct input *input) {
    uint16_t high = take8(input);
    return (uint16_t)(high << 8 | take8(input));
}

static inline uint32_t take32(struct input *input) {
    uint32_t high = take16(input);
    return high << 16 | take16(input);
}

// Up to `want` bytes, where they lie. Returns how many.
static inline size_t take_bytes(struct input *input, const uint8_t **bytes, size_t want) {
    size_t length = want < input->left ? want : input->left;
    *bytes = input->at;
    input->at += length;
    input->left -= length;
    return length;
}

// A copy in memory of exactly this size; the caller frees it.
static inline uint8_t *exact_copy(const void *bytes, size_t length) {
    uint8_t *copy = calloc(length + (length == 0), 1);
    EXPECT(copy != NULL);
    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

// Whether bytes are UTF-8, by decoding them (RFC 3629 section 3): the way that src does not go.
static inline bool is_utf8(const uint8_t *bytes, size_t length) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    for (size_t at = 0; at < length;) {
        uint8_t first = bytes[at];
        size_t need = first < 0x80             ? 1
                      : (first & 0xe0) == 0xc0 ? 2
                      : (first & 0xf0) == 0xe0 ? 3
                      : (first & 0xf8) == 0xf0 ? 4
                                               : SIZE_MAX;
        if (need > length - at)
            return false;
        uint32_t code = need == 1 ? first : first & (0x7fU >> need);
        for (size_t i = 1; i < need; i++) {
            if ((bytes[at + i] & 0xc0) != 0x80)
                return false;
            code = code << 6 | (bytes[at + i] & 0x3f);
        }
        if (code < least[need] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return false;
        at += need;
    }
    return true;
}

#endif
