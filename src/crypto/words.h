// SPDX-License-Identifier: ISC
// The words that large numbers are made of. Poly1305 calculates with numbers of 130 bits and X25519
// with numbers of 255; both keep them as a row of words, the lowest first, and multiply word by
// word. A word is therefore the widest integer whose product with another still fits into an
// integer that the compiler knows: 64 bits where there is a 128-bit type, else 32. One algorithm
// serves both.
#pragma once

#include "../base/bytes.h"

#ifdef __SIZEOF_INT128__
typedef uint64_t word;
__extension__ typedef unsigned __int128 double_word;
#define WORD_BITS   64
#define get_le_word get_le64
#define put_le_word put_le64
#else
typedef uint32_t word;
typedef uint64_t double_word;
#define WORD_BITS   32
#define get_le_word get_le32
#define put_le_word put_le32
#endif

#define WORD_BYTES (WORD_BITS / 8)
