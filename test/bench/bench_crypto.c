// SPDX-License-Identifier: ISC
// What encryption costs: ChaCha20, Poly1305 and both together, for messages from a keystroke's to a
// full batch, and X25519. Each figure is the best of many short runs, as a machine is never alone
// for long. The ciphers take what the processor has; built with CPPFLAGS=-DCHACHA20_BASELINE, what
// every one has.
#include "crypto/aead.h"
#include "crypto/chacha20.h"
#include "crypto/chacha20_blocks.h"
#include "crypto/poly1305.h"
#include "crypto/x25519.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define RUNS       3000
#define RUN_BYTES  65536 // of a run, in as many messages as make them
#define LENGTH_MAX 65536

static const size_t lengths[] = {64, 1400, 16384, 65536};

static const uint8_t key[32] = {1, 2, 3};
static const uint8_t nonce[12] = {4, 5, 6};
static uint8_t bytes[LENGTH_MAX + AEAD_TAG];
static uint8_t sealed[LENGTH_MAX + AEAD_TAG];
static volatile uint8_t sink;

static double now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_chacha20(size_t length) { chacha20_xor(bytes, length, key, nonce, 1); }

static void run_poly1305(size_t length) {
    struct poly1305 poly;
    uint8_t tag[POLY1305_TAG];
    poly1305_init(&poly, key);
    poly1305_add(&poly, bytes, length);
    poly1305_end(&poly, tag);
    sink ^= tag[0];
}

static void run_seal(size_t length) { aead_seal(bytes, length, key, nonce, NULL, 0); }

// The copy that is opened is made anew each time, which costs little beside it.
static void run_open(size_t length) {
    memcpy(bytes, sealed, length + AEAD_TAG);
    if (!aead_open(bytes, length + AEAD_TAG, key, nonce, NULL, 0))
        printf("(a message that does not open)\n");
}

static double megabytes_a_second(void (*run)(size_t length), size_t length) {
    double best = 0;
    size_t messages = length < RUN_BYTES ? RUN_BYTES / length : 1;
    memset(sealed, 0, length);
    aead_seal(sealed, length, key, nonce, NULL, 0);
    for (int i = 0; i < RUNS; i++) {
        double began = now_seconds();
        for (size_t n = 0; n < messages; n++) run(length);
        double rate = (double)(messages * length) / (now_seconds() - began) / 1e6;
        if (rate > best)
            best = rate;
    }
    return best;
}

static double x25519_a_second(void) {
    double best = 0;
    uint8_t point[X25519_SIZE] = {9};
    for (int i = 0; i < 1000; i++) {
        double began = now_seconds();
        x25519(point, key, point);
        double rate = 1 / (now_seconds() - began);
        if (rate > best)
            best = rate;
    }
    sink ^= point[0];
    return best;
}

static const char *widest(void) {
#if CRYPTO_MAY_HAVE_AVX2
    if (__builtin_cpu_supports("avx512f"))
        return "sixteen blocks at a time (AVX-512)";
    if (__builtin_cpu_supports("avx2"))
        return "eight blocks at a time (AVX2)";
#endif
    return CHACHA20_HAS_VECTORS ? "four blocks at a time" : "one block at a time";
}

int main(void) {
    static const struct {
        const char *name;
        void (*run)(size_t length);
    } rows[] = {
        {"chacha20", run_chacha20},
        {"poly1305", run_poly1305},
        {"aead_seal", run_seal},
        {"aead_open", run_open},
    };
    printf("ChaCha20 %s\nMB/s for messages of", widest());
    for (size_t n = 0; n < sizeof lengths / sizeof lengths[0]; n++)
        printf("%8lu", (unsigned long)lengths[n]);
    printf(" bytes\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        printf("  %-19s", rows[i].name);
        for (size_t n = 0; n < sizeof lengths / sizeof lengths[0]; n++)
            printf("%8.0f", megabytes_a_second(rows[i].run, lengths[n]));
        printf("\n");
    }
    printf("x25519: %.0f a second\n\n", x25519_a_second());
    return 0;
}
