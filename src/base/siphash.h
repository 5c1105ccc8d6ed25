// SPDX-License-Identifier: ISC
// SipHash: a keyed hash of short messages (Aumasson and Bernstein, "SipHash: a fast short-input
// PRF", 2012). Without the key nobody can tell one message's hash from those of others, or choose
// messages whose hashes collide.
#pragma once

#include <stdint.h>

struct siphash_key {
    uint64_t k0;
    uint64_t k1;
};

// The hash of two 64-bit words (16 bytes, each word little-endian in the paper's terms).
// SipHash-1-3 is the quick one, for tables, whose hashes nobody sees.
uint64_t siphash_2_words(const struct siphash_key *key, uint64_t a, uint64_t b);
// SipHash-2-4 is the paper's own choice where hashes are seen by those who want to know others.
uint64_t siphash_2_4(const struct siphash_key *key, uint64_t a, uint64_t b);
