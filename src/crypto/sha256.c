// SPDX-License-Identifier: ISC
// SHA-256, as RFC 6234 sections 4 to 6.2 describe it: the message is padded with a 1 bit, zeros and
// its length in bits to a multiple of 64 bytes; each block is mixed into eight 32-bit words by 64
// steps. The 64 words of a block's schedule may come from a key, so they are wiped after each
// block.
#include "sha256.h"
#include "../base/bytes.h"
#include "memory.h"
#include <string.h>

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (section 5.1).
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate_right(uint32_t value, int bits) {
    return (value >> bits) | (value << (32 - bits));
}

// SSIG0 and SSIG1 of section 5.1, which make the schedule.
static uint32_t small_sigma_0(uint32_t x) {
    return rotate_right(x, 7) ^ rotate_right(x, 18) ^ (x >> 3);
}

static uint32_t small_sigma_1(uint32_t x) {
    return rotate_right(x, 17) ^ rotate_right(x, 19) ^ (x >> 10);
}

// One step (section 6.2, step 3). v is a to h; they move up by one, and a and e get new values.
static void step(uint32_t v[8], uint32_t input) {
    uint32_t a = v[0], b = v[1], c = v[2], e = v[4], f = v[5], g = v[6];
    uint32_t choice = (e & f) ^ (~e & g);
    uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
    uint32_t sigma_0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
    uint32_t sigma_1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
    uint32_t mixed = v[7] + sigma_1 + choice + input;
    v[7] = g;
    v[6] = f;
    v[5] = e;
    v[4] = v[3] + mixed;
    v[3] = c;
    v[2] = b;
    v[1] = a;
    v[0] = mixed + sigma_0 + majority;
}

static void process_block(uint32_t state[8], const uint8_t block[SHA256_BLOCK]) {
    uint32_t w[64];
    uint32_t v[8];
    for (int t = 0; t < 16; t++) w[t] = get_be32(block + 4 * t);
    for (int t = 16; t < 64; t++)
        w[t] = small_sigma_1(w[t - 2]) + w[t - 7] + small_sigma_0(w[t - 15]) + w[t - 16];
    memcpy(v, state, sizeof v);
    for (int t = 0; t < 64; t++) step(v, constants[t] + w[t]);
    for (int i = 0; i < 8; i++) state[i] += v[i];
    crypto_wipe(w, sizeof w);
    crypto_wipe(v, sizeof v);
}

void sha256_init(struct sha256 *hash) {
    *hash = (struct sha256){
        .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                  0x1f83d9ab, 0x5be0cd19},
    };
}

void sha256_add(struct sha256 *hash, const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    while (length > 0) {
        size_t filled = (size_t)(hash->length % SHA256_BLOCK);
        size_t taken = SHA256_BLOCK - filled;
        if (taken > length)
            taken = length;
        memcpy(hash->block + filled, at, taken);
        if (filled + taken == SHA256_BLOCK)
            process_block(hash->state, hash->block);
        hash->length += taken;
        at += taken;
        length -= taken;
    }
}

void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_SIZE]) {
    static const uint8_t padding[SHA256_BLOCK] = {0x80};
    uint8_t length_in_bits[8];
    size_t filled = (size_t)(hash->length % SHA256_BLOCK);
    size_t room = filled < SHA256_BLOCK - 8 ? SHA256_BLOCK - 8 : 2 * SHA256_BLOCK - 8;
    put_be64(length_in_bits, hash->length * 8);
    sha256_add(hash, padding, room - filled);
    sha256_add(hash, length_in_bits, sizeof length_in_bits);
    for (int i = 0; i < 8; i++) put_be32(digest + 4 * i, hash->state[i]);
    crypto_wipe(hash, sizeof *hash);
}
