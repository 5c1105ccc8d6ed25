// SPDX-License-Identifier: ISC
// The square of dark and light modules that a QR code is: where the bits of its codewords go.
#pragma once

#include <stddef.h>
#include <stdint.h>

// The largest version that is drawn here, and the modules of its side.
#define QR_VERSION_MAX 4
#define QR_SIZE_MAX    (17 + 4 * QR_VERSION_MAX)

#define QR_MASKS 8

// The level of error correction, as it is written in the symbol: about 7 and 15 % of the codewords
// may be wrong.
enum qr_level { QR_LEVEL_L = 1, QR_LEVEL_M = 0 };

struct qr {
    unsigned size;                          // modules a side; none around them
    uint8_t dark[QR_SIZE_MAX][QR_SIZE_MAX]; // [row][column], 1 or 0
};

// Draws the symbol of a version (1 to QR_VERSION_MAX) with one of the QR_MASKS masks. `codewords`
// has `count` of them, as many as the version holds, data and then error correction.
void qr_symbol_draw(struct qr *qr, unsigned version, enum qr_level level, unsigned mask,
                    const uint8_t *codewords, size_t count);

// How hard the symbol is to read, in points: of the masks the one with the fewest is to be taken.
unsigned qr_symbol_penalty(const struct qr *qr);
