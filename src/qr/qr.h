// SPDX-License-Identifier: ISC
// QR codes (ISO/IEC 18004) of short texts: text in, dark and light modules out, and how a
// terminal shows them.
#pragma once

#include "symbol.h"

// The longest text, in bytes.
#define QR_TEXT_MAX 78

// Encodes a text, in the smallest symbol that holds it and at the better level of error correction
// that this symbol has room for. Returns 0, or -1 where the text is longer than QR_TEXT_MAX.
int qr_encode(struct qr *qr, const char *text, size_t length);

// ---- draw.c: a symbol as text, for a terminal ----

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
