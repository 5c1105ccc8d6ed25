// SPDX-License-Identifier: ISC
// HMAC (RFC 2104 section 2): the hash of the key and the hash of the key and the message, the key
// being padded to a block and masked with another byte each time. Both hashes are begun when the
// key is known, so that the message may come in pieces.
//
// HKDF (RFC 5869 section 2): "extract" makes one good key of a secret that may be long or uneven,
// with the salt as HMAC's key; "expand" makes as many bytes of that as are wanted, a block at a
// time, each block being the HMAC of the block before, the information and a counter.
#include "hkdf.h"
#include "memory.h"
#include <string.h>

void hmac_init(struct hmac *hmac, const void *key, size_t key_length) {
    uint8_t inner[SHA256_BLOCK] = {0};
    uint8_t outer[SHA256_BLOCK];
    if (key_length > SHA256_BLOCK) {
        sha256_init(&hmac->inner);
        sha256_add(&hmac->inner, key, key_length);
        sha256_end(&hmac->inner, inner);
    } else if (key_length > 0) {
        memcpy(inner, key, key_length);
    }
    for (int i = 0; i < SHA256_BLOCK; i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    sha256_init(&hmac->inner);
    sha256_add(&hmac->inner, inner, sizeof inner);
    sha256_init(&hmac->outer);
    sha256_add(&hmac->outer, outer, sizeof outer);
    crypto_wipe(inner, sizeof inner);
    crypto_wipe(outer, sizeof outer);
}

void hmac_add(struct hmac *hmac, const void *bytes, size_t length) {
    sha256_add(&hmac->inner, bytes, length);
}

void hmac_end(struct hmac *hmac, uint8_t tag[SHA256_SIZE]) {
    uint8_t inner[SHA256_SIZE];
    sha256_end(&hmac->inner, inner);
    sha256_add(&hmac->outer, inner, sizeof inner);
    sha256_end(&hmac->outer, tag);
    crypto_wipe(inner, sizeof inner);
}

int hkdf(uint8_t *out, size_t length, const void *salt, size_t salt_length, const void *secret,
         size_t secret_length, const void *info, size_t info_length) {
    struct hmac hmac;
    uint8_t key[SHA256_SIZE];
    uint8_t block[SHA256_SIZE];
    if (length > 255 * SHA256_SIZE)
        return -1;
    // Extract. No salt is as good as one of zeros: HMAC pads with them.
    hmac_init(&hmac, salt, salt_length);
    hmac_add(&hmac, secret, secret_length);
    hmac_end(&hmac, key);
    for (uint8_t counter = 1; length > 0; counter++) { // expand
        hmac_init(&hmac, key, sizeof key);
        if (counter > 1)
            hmac_add(&hmac, block, sizeof block);
        hmac_add(&hmac, info, info_length);
        hmac_add(&hmac, &counter, 1);
        hmac_end(&hmac, block);
        size_t taken = length < sizeof block ? length : sizeof block;
        memcpy(out, block, taken);
        out += taken;
        length -= taken;
    }
    crypto_wipe(block, sizeof block);
    crypto_wipe(key, sizeof key);
    return 0;
}
