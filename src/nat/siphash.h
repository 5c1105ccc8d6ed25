// SipHash-1-3: a keyed hash for tables (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
// 2012). Without the key nobody can choose packets whose table places collide.
#ifndef TETHER_NAT_SIPHASH_H
#define TETHER_NAT_SIPHASH_H

#include <stdint.h>

struct siphash_key {
    uint64_t k0;
    uint64_t k1;
};

// The hash of two 64-bit words (16 bytes, each word little-endian in the paper's terms).
uint64_t siphash_2_words(const struct siphash_key *key, uint64_t a, uint64_t b);

#endif
