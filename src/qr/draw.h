// SPDX-License-Identifier: ISC
// A QR code as text, for a terminal.
#pragma once

#include "symbol.h"

// Light modules around the symbol (ISO/IEC 18004, section "Quiet zone").
#define QR_QUIET 4

// Lines of text that a symbol takes, and columns of each.
unsigned qr_lines(const struct qr *qr);
unsigned qr_columns(const struct qr *qr);

// Room for a line: three bytes a column and a change of colours before each, and NUL.
#define QR_LINE_MAX ((3 + 8) * (QR_SIZE_MAX + 2 * QR_QUIET) + 16)

// Writes one line, from 0 to qr_lines() - 1, NUL-terminated and without a newline: two rows of
// modules in half blocks (UTF-8), black and white whatever the terminal's own colours are. Returns
// its length in bytes.
size_t qr_draw_line(const struct qr *qr, unsigned line, char out[QR_LINE_MAX]);
