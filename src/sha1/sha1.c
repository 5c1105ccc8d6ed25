// SPDX-License-Identifier: ISC
// SHA-1, as RFC 3174 sections 4 to 6.1 describe it: the message is padded with a 1 bit, zeros and
// its length in bits to a multiple of 64 bytes; each block is mixed into five 32-bit words by 80
// steps.
#include "sha1.h"
#include "../base/bytes.h"
#include <string.h>

#define BLOCK 64

static uint32_t rotate_left(uint32_t value, int bits) {
    return (value << bits) | (value >> (32 - bits));
}

// The round function and constant of step t (section 5).
static uint32_t mix(int t, uint32_t b, uint32_t c, uint32_t d) {
    if (t < 20)
        return ((b & c) | (~b & d)) + 0x5a827999;
    if (t < 40)
        return (b ^ c ^ d) + 0x6ed9eba1;
    if (t < 60)
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    return (b ^ c ^ d) + 0xca62c1d6;
}

static void process_block(uint32_t h[5], const uint8_t block[BLOCK]) {
    uint32_t w[80];
    for (int t = 0; t < 16; t++) w[t] = get_be32(block + 4 * t);
    for (int t = 16; t < 80; t++)
        w[t] = rotate_left(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);

    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int t = 0; t < 80; t++) {
        uint32_t next = rotate_left(a, 5) + mix(t, b, c, d) + e + w[t];
        e = d;
        d = c;
        c = rotate_left(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

void sha1(const uint8_t *bytes, size_t length, uint8_t digest[SHA1_SIZE]) {
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t tail[2 * BLOCK] = {0};
    size_t whole = length - length % BLOCK;
    size_t rest = length - whole;
    size_t padded = rest < BLOCK - 8 ? BLOCK : 2 * BLOCK;

    for (size_t at = 0; at < whole; at += BLOCK) process_block(h, bytes + at);
    if (rest > 0)
        memcpy(tail, bytes + whole, rest);
    tail[rest] = 0x80;
    put_be64(tail + padded - 8, (uint64_t)length * 8);
    for (size_t at = 0; at < padded; at += BLOCK) process_block(h, tail + at);
    for (int i = 0; i < 5; i++) put_be32(digest + 4 * i, h[i]);
}
