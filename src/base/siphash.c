// SPDX-License-Identifier: ISC
// SipHash for messages of exactly 16 bytes, which hold what the tables are searched by. SipHash-c-d
// has c rounds for each word and d to finish. The paper's section 2 gives the rounds and the final
// word, whose top byte is the message's length.
#include "siphash.h"

static uint64_t rotate_left(uint64_t value, int bits) {
    return (value << bits) | (value >> (64 - bits));
}

static void round_of(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[3];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[2] = rotate_left(v[2], 32);
}

static void rounds(uint64_t v[4], int count) {
    for (int i = 0; i < count; i++) round_of(v);
}

static void take_word(uint64_t v[4], uint64_t word, int count) {
    v[3] ^= word;
    rounds(v, count);
    v[0] ^= word;
}

static uint64_t hash(const struct siphash_key *key, uint64_t a, uint64_t b, int c, int d) {
    uint64_t v[4] = {
        key->k0 ^ UINT64_C(0x736f6d6570736575),
        key->k1 ^ UINT64_C(0x646f72616e646f6d),
        key->k0 ^ UINT64_C(0x6c7967656e657261),
        key->k1 ^ UINT64_C(0x7465646279746573),
    };
    take_word(v, a, c);
    take_word(v, b, c);
    take_word(v, UINT64_C(16) << 56, c);
    v[2] ^= 0xff;
    rounds(v, d);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t siphash_2_words(const struct siphash_key *key, uint64_t a, uint64_t b) {
    return hash(key, a, b, 1, 3);
}

uint64_t siphash_2_4(const struct siphash_key *key, uint64_t a, uint64_t b) {
    return hash(key, a, b, 2, 4);
}
