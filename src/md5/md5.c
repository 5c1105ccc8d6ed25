// SPDX-License-Identifier: ISC
// MD5, as RFC 1321 section 3 describes it: the message is padded as for SHA-1 (see sha1.c), but all
// words have their least significant byte first; each block is mixed into four words by 64 steps.
#include "md5.h"
#include "../base/bytes.h"
#include <string.h>

#define BLOCK 64

// The whole part of 2^32 * |sin(i + 1)| (section 3.4).
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static void process_block(uint32_t state[4], const uint8_t block[BLOCK]) {
    static const uint8_t bits[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (int t = 0; t < 64; t++) {
        uint32_t mixed = t < 16   ? (b & c) | (~b & d)
                         : t < 32 ? (b & d) | (c & ~d)
                         : t < 48 ? b ^ c ^ d
                                  : c ^ (b | ~d);
        int word = t < 16 ? t : t < 32 ? 5 * t + 1 : t < 48 ? 3 * t + 5 : 7 * t;
        int turn = bits[t / 16][t % 4];
        uint32_t sum = a + mixed + sines[t] + get_le32(block + 4 * (word % 16));
        a = d, d = c, c = b;
        b += sum << turn | sum >> (32 - turn);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}

void md5(const uint8_t *bytes, size_t length, uint8_t digest[MD5_SIZE]) {
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    uint8_t tail[2 * BLOCK] = {0};
    size_t rest = length % BLOCK;
    size_t padded = rest < BLOCK - 8 ? BLOCK : 2 * BLOCK;
    for (size_t at = 0; at < length - rest; at += BLOCK) process_block(state, bytes + at);
    memcpy(tail, bytes + length - rest, rest);
    tail[rest] = 0x80;
    put_le64(tail + padded - 8, (uint64_t)length * 8);
    for (size_t at = 0; at < padded; at += BLOCK) process_block(state, tail + at);
    for (int i = 0; i < 4; i++) put_le32(digest + 4 * i, state[i]);
}
