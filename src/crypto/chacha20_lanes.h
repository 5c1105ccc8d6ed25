// SPDX-License-Identifier: ISC
// ChaCha20 for several blocks at a time. Nothing in a block depends on another, so that word i of
// every block can stand in one vector, a lane for each block, and all blocks take the same step at
// once. In the end a vector holds one word of many blocks where the stream wants many words of one
// block: groups of four vectors are transposed, as a matrix of four rows and four columns.
//
// The vectors are those that gcc and clang calculate with on every machine. This file is included
// once for each number of lanes, by a file that says what is special about it:
//
//   LANES, TARGET, XOR_BLOCKS   how many; the attribute of functions that need a newer processor;
//                               the name of the function to make
//   COUNT_UP                    0, 1, 2, ...: how far each lane's block is from the first
//   ROTATE_16, ROTATE_8         rotation to the left of each word
//   FIRST_WORDS, LAST_WORDS     of two vectors a0 a1 a2 a3 and b0 b1 b2 b3: a0 b0 a1 b1, and a2 b2
//                               a3 b3
//   FIRST_PAIRS, LAST_PAIRS     likewise a0 a1 b0 b1, and a2 a3 b2 b3
//
// Eight or sixteen lanes are groups of four, side by side: each is transposed for itself.
#include "vectors.h"
#include <stdint.h>
#include <string.h>

typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));
typedef uint32_t four_words __attribute__((vector_size(16)));

#include "chacha20_rounds.h"

// Adds four words of each group to the block that they belong to; the blocks are four blocks apart.
INLINED void xor_words(uint8_t *bytes, lanes words) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    words = (ROTATE(words, 8) & 0x00ff00ff) | (ROTATE(words, 24) & 0xff00ff00);
#endif
    for (int group = 0; group < LANES / 4; group++) {
        four_words text, stream;
        memcpy(&stream, (const uint8_t *)&words + 16 * group, sizeof stream);
        memcpy(&text, bytes + 256 * group, sizeof text);
        text ^= stream;
        memcpy(bytes + 256 * group, &text, sizeof text);
    }
}

// Transposes four vectors, which hold neighbouring words, and adds each block's four to its 16
// bytes.
INLINED void xor_group(uint8_t *bytes, const lanes x[4]) {
    lanes first_01 = FIRST_WORDS(x[0], x[1]), first_23 = FIRST_WORDS(x[2], x[3]);
    lanes last_01 = LAST_WORDS(x[0], x[1]), last_23 = LAST_WORDS(x[2], x[3]);
    xor_words(bytes + 0, FIRST_PAIRS(first_01, first_23));
    xor_words(bytes + 64, LAST_PAIRS(first_01, first_23));
    xor_words(bytes + 128, FIRST_PAIRS(last_01, last_23));
    xor_words(bytes + 192, LAST_PAIRS(last_01, last_23));
}

TARGET void XOR_BLOCKS(uint8_t *bytes, uint32_t state[CHACHA20_WORDS]) {
    lanes x[CHACHA20_WORDS] = {{0}};
    add_state(x, state);
    x[12] += COUNT_UP;
    twenty_rounds(x);
    add_state(x, state);
    x[12] += COUNT_UP;
    xor_group(bytes + 0, x + 0);
    xor_group(bytes + 16, x + 4);
    xor_group(bytes + 32, x + 8);
    xor_group(bytes + 48, x + 12);
    state[12] += LANES;
}
