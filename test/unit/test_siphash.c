// SPDX-License-Identifier: ISC
// SipHash-1-3 and SipHash-2-4 of two words. The paper publishes a vector for SipHash-2-4 alone, and
// of another length, so this file has a second implementation, written from the paper with the
// numbers of rounds as parameters: the paper's vector proves it, and it proves the one in src.
#include "base/siphash.h"

#include "test.h"

static uint64_t rotate(uint64_t x, int b) { return x << b | x >> (64 - b); }

// Figure 2.1: one SipRound.
static void sip_round(uint64_t *v0, uint64_t *v1, uint64_t *v2, uint64_t *v3) {
    *v0 += *v1;
    *v2 += *v3;
    *v1 = rotate(*v1, 13);
    *v3 = rotate(*v3, 16);
    *v1 ^= *v0;
    *v3 ^= *v2;
    *v0 = rotate(*v0, 32);
    *v2 += *v1;
    *v0 += *v3;
    *v1 = rotate(*v1, 17);
    *v3 = rotate(*v3, 21);
    *v1 ^= *v2;
    *v3 ^= *v0;
    *v2 = rotate(*v2, 32);
}

// Section 2.4: bytes are read as little-endian words; the last word's top byte is the length.
static uint64_t sip_hash(int c, int d, const uint8_t key[16], const uint8_t *message,
                         size_t length) {
    uint64_t k[2] = {0, 0};
    for (int i = 0; i < 16; i++) k[i / 8] |= (uint64_t)key[i] << (8 * (i % 8));
    uint64_t v0 = k[0] ^ UINT64_C(0x736f6d6570736575);
    uint64_t v1 = k[1] ^ UINT64_C(0x646f72616e646f6d);
    uint64_t v2 = k[0] ^ UINT64_C(0x6c7967656e657261);
    uint64_t v3 = k[1] ^ UINT64_C(0x7465646279746573);
    for (size_t word = 0; word <= length / 8; word++) {
        uint64_t m = 0;
        for (size_t i = 8 * word; i < 8 * word + 8 && i < length; i++)
            m |= (uint64_t)message[i] << (8 * (i % 8));
        if (word == length / 8)
            m |= (uint64_t)(length & 0xff) << 56;
        v3 ^= m;
        for (int i = 0; i < c; i++) sip_round(&v0, &v1, &v2, &v3);
        v0 ^= m;
    }
    v2 ^= 0xff;
    for (int i = 0; i < d; i++) sip_round(&v0, &v1, &v2, &v3);
    return v0 ^ v1 ^ v2 ^ v3;
}

// The paper's appendix A: key 00 to 0f, message 00 to 0e.
static void paper_vector(void) {
    uint8_t key[16];
    uint8_t message[15];
    for (int i = 0; i < 16; i++) key[i] = (uint8_t)i;
    for (int i = 0; i < 15; i++) message[i] = (uint8_t)i;
    CHECK(sip_hash(2, 4, key, message, 15) == UINT64_C(0xa129ca6149be45e5));
}

static void same_as_the_second(void) {
    for (int i = 0; i < 20000; i++) {
        struct siphash_key key = {test_random(), test_random()};
        uint64_t a = test_random();
        uint64_t b = i % 3 == 0 ? 0 : test_random();
        uint8_t key_bytes[16];
        uint8_t message[16];
        for (int at = 0; at < 8; at++) {
            key_bytes[at] = (uint8_t)(key.k0 >> (8 * at));
            key_bytes[8 + at] = (uint8_t)(key.k1 >> (8 * at));
            message[at] = (uint8_t)(a >> (8 * at));
            message[8 + at] = (uint8_t)(b >> (8 * at));
        }
        CHECK(siphash_2_words(&key, a, b) == sip_hash(1, 3, key_bytes, message, 16));
        CHECK(siphash_2_4(&key, a, b) == sip_hash(2, 4, key_bytes, message, 16));
    }
}

// Each bit of key and message matters.
static void every_bit_counts(void) {
    struct siphash_key key = {1, 2};
    uint64_t hash = siphash_2_words(&key, 3, 4);
    for (int bit = 0; bit < 64; bit++) {
        struct siphash_key k0 = {1 ^ UINT64_C(1) << bit, 2};
        struct siphash_key k1 = {1, 2 ^ UINT64_C(1) << bit};
        CHECK(siphash_2_words(&k0, 3, 4) != hash);
        CHECK(siphash_2_words(&k1, 3, 4) != hash);
        CHECK(siphash_2_words(&key, 3 ^ UINT64_C(1) << bit, 4) != hash);
        CHECK(siphash_2_words(&key, 3, 4 ^ UINT64_C(1) << bit) != hash);
    }
}

int main(void) {
    TEST("the test's own SipHash gives the paper's vector for 2-4", paper_vector);
    TEST("SipHash-1-3 and 2-4 of two words are what the test's own gives", same_as_the_second);
    TEST("every bit of key and message changes the hash", every_bit_counts);
    return test_end();
}
