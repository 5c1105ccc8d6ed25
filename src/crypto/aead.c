// SPDX-License-Identifier: ISC
// ChaCha20-Poly1305 (RFC 8439 section 2.8). The key stream's first block (counter 0) gives the key
// of Poly1305, which is good for this one nonce; the text takes the blocks from 1 on. The tag
// covers the data that is not sent and the encrypted text, each filled up with zeros to 16 bytes,
// and both lengths. What is opened is checked first, and decrypted only then.
#include "aead.h"
#include "chacha20.h"
#include "memory.h"
#include "poly1305.h"
#include <string.h>

void aead_nonce(uint8_t nonce[AEAD_NONCE], uint64_t counter) {
    put_le32(nonce, 0);
    put_le64(nonce + 4, counter);
}

static void add_padded(struct poly1305 *poly, const uint8_t *bytes, size_t length) {
    static const uint8_t zeros[15];
    poly1305_add(poly, bytes, length);
    poly1305_add(poly, zeros, (16 - length % 16) % 16);
}

static void make_tag(uint8_t tag[AEAD_TAG], const uint8_t *sealed, size_t length,
                     const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], const void *data,
                     size_t data_length) {
    struct poly1305 poly;
    uint8_t poly_key[POLY1305_KEY] = {0};
    uint8_t lengths[16];
    chacha20_xor(poly_key, sizeof poly_key, key, nonce, 0);
    poly1305_init(&poly, poly_key);
    crypto_wipe(poly_key, sizeof poly_key);
    add_padded(&poly, data, data_length);
    add_padded(&poly, sealed, length);
    put_le64(lengths, data_length);
    put_le64(lengths + 8, length);
    poly1305_add(&poly, lengths, sizeof lengths);
    poly1305_end(&poly, tag);
}

void aead_seal(uint8_t *bytes, size_t length, const uint8_t key[AEAD_KEY],
               const uint8_t nonce[AEAD_NONCE], const void *data, size_t data_length) {
    chacha20_xor(bytes, length, key, nonce, 1);
    make_tag(bytes + length, bytes, length, key, nonce, data, data_length);
}

bool aead_open(uint8_t *bytes, size_t length, const uint8_t key[AEAD_KEY],
               const uint8_t nonce[AEAD_NONCE], const void *data, size_t data_length) {
    return aead_open_into(bytes, bytes, length, key, nonce, data, data_length);
}

bool aead_open_into(uint8_t *out, const uint8_t *sealed, size_t length, const uint8_t key[AEAD_KEY],
                    const uint8_t nonce[AEAD_NONCE], const void *data, size_t data_length) {
    uint8_t tag[AEAD_TAG];
    if (length < AEAD_TAG)
        return false;
    length -= AEAD_TAG;
    make_tag(tag, sealed, length, key, nonce, data, data_length);
    bool is_right = crypto_equal(tag, sealed + length, AEAD_TAG);
    crypto_wipe(tag, sizeof tag); // of a forgery it is what the attacker would have needed
    if (!is_right)
        return false;
    if (length > 0 && out != sealed)
        memmove(out, sealed, length);
    chacha20_xor(out, length, key, nonce, 1);
    return true;
}
