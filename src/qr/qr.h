// SPDX-License-Identifier: ISC
// QR codes (ISO/IEC 18004) of short texts: text in, dark and light modules out.
#pragma once

#include "symbol.h"

// The longest text, in bytes.
#define QR_TEXT_MAX 78

// Encodes a text, in the smallest symbol that holds it and at the better level of error correction
// that this symbol has room for. Returns 0, or -1 where the text is longer than QR_TEXT_MAX.
int qr_encode(struct qr *qr, const char *text, size_t length);
