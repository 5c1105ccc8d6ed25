// SPDX-License-Identifier: ISC
// ChaCha20 (RFC 8439 section 2.4): a block function turns key, nonce and a counter into 64 bytes of
// key stream, which are added to the text; the next 64 bytes take the next number of the counter.
// The counter has 32 bits, so a key and a nonce are good for 256 GiB.
//
// The block function alone is below. Whatever is longer than a block is done as many blocks at a
// time as the machine has room for (chacha20_lanes.h), the end of it in a buffer of so many blocks:
// eight blocks take AVX2 little longer than one.
#include "chacha20.h"
#include "../base/bytes.h"
#include "chacha20_blocks.h"
#include "memory.h"
#include <string.h>

#define TARGET
#define ROTATE_16(v) ROTATE(v, 16)
#define ROTATE_8(v)  ROTATE(v, 8)

typedef uint32_t lanes;

#include "chacha20_rounds.h"

#define STRIDE_MAX (16 * CHACHA20_BLOCK)

INLINED void xor_words(uint8_t bytes[16], const uint32_t words[4]) {
    put_le32(bytes + 0, get_le32(bytes + 0) ^ words[0]);
    put_le32(bytes + 4, get_le32(bytes + 4) ^ words[1]);
    put_le32(bytes + 8, get_le32(bytes + 8) ^ words[2]);
    put_le32(bytes + 12, get_le32(bytes + 12) ^ words[3]);
}

void chacha20_xor_1(uint8_t *bytes, uint32_t state[CHACHA20_WORDS]) {
    uint32_t x[CHACHA20_WORDS] = {0};
    add_state(x, state);
    twenty_rounds(x);
    add_state(x, state);
    xor_words(bytes + 0, x + 0);
    xor_words(bytes + 16, x + 4);
    xor_words(bytes + 32, x + 8);
    xor_words(bytes + 48, x + 12);
    state[12]++;
}

static void set_up(uint32_t state[CHACHA20_WORDS], const uint8_t key[CHACHA20_KEY],
                   const uint8_t nonce[CHACHA20_NONCE], uint32_t counter) {
    state[0] = 0x61707865; // "expand 32-byte k"
    state[1] = 0x3320646e;
    state[2] = 0x79622d32;
    state[3] = 0x6b206574;
    for (int i = 0; i < 8; i++) state[4 + i] = get_le32(key + 4 * i);
    state[12] = counter;
    for (int i = 0; i < 3; i++) state[13 + i] = get_le32(nonce + 4 * i);
}

struct stride {
    void (*xor_blocks)(uint8_t *bytes, uint32_t state[CHACHA20_WORDS]);
    size_t length; // in bytes
};

// The way to go for this length on this machine.
static struct stride choose_stride(size_t length) {
    if (length <= CHACHA20_BLOCK || !CHACHA20_HAS_VECTORS)
        return (struct stride){chacha20_xor_1, CHACHA20_BLOCK};
#if CRYPTO_MAY_HAVE_AVX2
    if (length > 8 * CHACHA20_BLOCK && __builtin_cpu_supports("avx512f"))
        return (struct stride){chacha20_xor_16, 16 * CHACHA20_BLOCK};
    if (__builtin_cpu_supports("avx2"))
        return (struct stride){chacha20_xor_8, 8 * CHACHA20_BLOCK};
#endif
    return (struct stride){chacha20_xor_4, 4 * CHACHA20_BLOCK};
}

static void xor_end(uint8_t *bytes, size_t length, const struct stride *stride,
                    uint32_t state[CHACHA20_WORDS]) {
    uint8_t whole[STRIDE_MAX] = {0};
    memcpy(whole, bytes, length);
    stride->xor_blocks(whole, state);
    memcpy(bytes, whole, length);
    crypto_wipe(whole, sizeof whole);
}

void chacha20_xor(uint8_t *bytes, size_t length, const uint8_t key[CHACHA20_KEY],
                  const uint8_t nonce[CHACHA20_NONCE], uint32_t counter) {
    uint32_t state[CHACHA20_WORDS];
    set_up(state, key, nonce, counter);
    while (length > 0) {
        struct stride stride = choose_stride(length);
        if (length < stride.length) {
            xor_end(bytes, length, &stride, state);
            break;
        }
        stride.xor_blocks(bytes, state);
        bytes += stride.length;
        length -= stride.length;
    }
    crypto_wipe(state, sizeof state);
}
