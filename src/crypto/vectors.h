// SPDX-License-Identifier: ISC
// What the ciphers need of vectors beyond what gcc and clang calculate with on every machine.
#pragma once

// Whether a processor may have AVX2, or AVX-512, which is known only when the program runs. A build
// with CPPFLAGS=-DCHACHA20_BASELINE goes without, and is smaller.
#if defined(__x86_64__) && !defined(CHACHA20_BASELINE)
#define CRYPTO_MAY_HAVE_AVX2 1
#else
#define CRYPTO_MAY_HAVE_AVX2 0
#endif

// The compilers have one word each for choosing lanes of two vectors.
#ifdef __clang__
#define SHUFFLE(type, a, b, ...) __builtin_shufflevector((type)(a), (type)(b), __VA_ARGS__)
#else
#define SHUFFLE(type, a, b, ...) __builtin_shuffle((type)(a), (type)(b), (type){__VA_ARGS__})
#endif
