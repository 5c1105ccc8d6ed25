// SPDX-License-Identifier: ISC
// From text to codewords: ISO/IEC 18004, sections "Data encodation", "Error correction coding" and
// "Constructing the final message codeword sequence".
//
// Texts are encoded in byte mode: 4 bits that say so, 8 bits of length, the bytes, 4 bits that end
// it. So every byte lies across two codewords. What is left of the data is filled with two
// codewords in turn. The data is cut into blocks of one length, each block gets error correction
// codewords, and a symbol holds the first codeword of every block, then the second of every block,
// and so on.
//
// The versions are those that addresses of web pages on this laptop need; more of them would need
// more than one alignment pattern, and from version 7 on, the version written in the symbol.
#include "qr.h"
#include "reed_solomon.h"

#define CODEWORDS_MAX 100
#define BYTE_MODE     4
#define MODE_SIZE     2 // codewords that mode, length and end take up
#define FILL_ODD      0xec
#define FILL_EVEN     0x11

// What a version holds at a level: table "Error correction characteristics".
struct capacity {
    uint8_t version;
    uint8_t level;
    uint8_t blocks;
    uint8_t data;  // codewords of a block
    uint8_t check; // error correction codewords of a block
};

// The smallest first, and of one version the better level first.
static const struct capacity capacities[] = {
    {1, QR_LEVEL_M, 1, 16, 10}, {1, QR_LEVEL_L, 1, 19, 7},  {2, QR_LEVEL_M, 1, 28, 16},
    {2, QR_LEVEL_L, 1, 34, 10}, {3, QR_LEVEL_M, 1, 44, 26}, {3, QR_LEVEL_L, 1, 55, 15},
    {4, QR_LEVEL_M, 2, 32, 18}, {4, QR_LEVEL_L, 1, 80, 20},
};
#define CAPACITIES (sizeof capacities / sizeof capacities[0])

static const struct capacity *capacity_for(size_t length) {
    for (size_t i = 0; i < CAPACITIES; i++)
        if (length + MODE_SIZE <= (size_t)capacities[i].blocks * capacities[i].data)
            return &capacities[i];
    return NULL;
}

static void write_data(uint8_t *data, size_t size, const char *text, size_t length) {
    uint8_t half = BYTE_MODE << 4; // the upper half of the next codeword
    size_t at = 0;
    for (size_t i = 0; i <= length; i++) {
        uint8_t byte = i == 0 ? (uint8_t)length : (uint8_t)text[i - 1];
        data[at++] = half | byte >> 4;
        half = (uint8_t)(byte << 4);
    }
    data[at++] = half;
    for (uint8_t fill = FILL_ODD; at < size; fill ^= FILL_ODD ^ FILL_EVEN) data[at++] = fill;
}

static void write_codewords(uint8_t *codewords, const uint8_t *data,
                            const struct capacity *capacity) {
    uint8_t check[REED_SOLOMON_MAX];
    size_t blocks = capacity->blocks;
    for (size_t block = 0; block < blocks; block++) {
        const uint8_t *bytes = data + block * capacity->data;
        reed_solomon_check(check, capacity->check, bytes, capacity->data);
        for (size_t i = 0; i < capacity->data; i++) codewords[i * blocks + block] = bytes[i];
        for (size_t i = 0; i < capacity->check; i++)
            codewords[(capacity->data + i) * blocks + block] = check[i];
    }
}

int qr_encode(struct qr *qr, const char *text, size_t length) {
    uint8_t data[CODEWORDS_MAX];
    uint8_t codewords[CODEWORDS_MAX];
    const struct capacity *capacity = capacity_for(length);
    if (capacity == NULL)
        return -1;
    size_t data_count = (size_t)capacity->blocks * capacity->data;
    size_t count = data_count + (size_t)capacity->blocks * capacity->check;
    write_data(data, data_count, text, length);
    write_codewords(codewords, data, capacity);
    unsigned best_mask = 0;
    unsigned fewest = UINT32_MAX;
    for (unsigned mask = 0; mask < QR_MASKS; mask++) {
        qr_symbol_draw(qr, capacity->version, capacity->level, mask, codewords, count);
        unsigned points = qr_symbol_penalty(qr);
        if (points < fewest) {
            fewest = points;
            best_mask = mask;
        }
    }
    qr_symbol_draw(qr, capacity->version, capacity->level, best_mask, codewords, count);
    return 0;
}
