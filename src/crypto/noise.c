// SPDX-License-Identifier: ISC
// Noise_NNpsk0_25519_ChaChaPoly_SHA256, after The Noise Protocol Framework, revision 34. Most
// functions bear the names of its section 5.2, which describes them.
//
// Both parties mix all that they know and say into two values: the hash h, of every byte that both
// have seen, and the chaining key ck, of every secret that both have. Each message begins with a
// fresh public key. The cipher's key of the first message comes of the psk alone, which shows that
// the initiator has it; that of the second comes also of the Diffie-Hellman of both fresh keys, so
// that what was recorded stays closed even to somebody who learns the psk later. Each tag covers h:
// it is right only where both have seen the same.
#include "noise.h"
#include "aead.h"
#include "hkdf.h"
#include "memory.h"
#include "x25519.h"
#include <string.h>

#define MESSAGES 2 // of a handshake

static void mix_hash(struct noise *noise, const void *bytes, size_t length) {
    struct sha256 hash;
    sha256_init(&hash);
    sha256_add(&hash, noise->hash, sizeof noise->hash);
    sha256_add(&hash, bytes, length);
    sha256_end(&hash, noise->hash);
}

// MixKey(), and with `hashes` MixKeyAndHash(), which has one more output. HKDF of section 4.3 is
// that of RFC 5869, with the chaining key as its salt, the outputs one behind the other, and
// nothing to expand with.
static void mix_key(struct noise *noise, const uint8_t input[32], bool hashes) {
    uint8_t outputs[3 * 32];
    const uint8_t *key = outputs + (hashes ? 64 : 32);
    hkdf(outputs, sizeof outputs, noise->chaining, sizeof noise->chaining, input, 32, NULL, 0);
    memcpy(noise->chaining, outputs, sizeof noise->chaining);
    if (hashes)
        mix_hash(noise, outputs + 32, 32);
    memcpy(noise->key, key, sizeof noise->key);
    noise->nonce = 0;
    crypto_wipe(outputs, sizeof outputs);
}

// In place; the tag goes behind.
static void encrypt_and_hash(struct noise *noise, uint8_t *bytes, size_t length) {
    uint8_t nonce[AEAD_NONCE];
    aead_nonce(nonce, noise->nonce++); // section 12.3
    aead_seal(bytes, length, noise->key, nonce, noise->hash, sizeof noise->hash);
    mix_hash(noise, bytes, length + AEAD_TAG);
}

// What is sealed is hashed first, as the payload may be written over it.
static bool decrypt_and_hash(struct noise *noise, uint8_t *payload, const uint8_t *sealed,
                             size_t length) {
    uint8_t nonce[AEAD_NONCE];
    uint8_t hash[32];
    memcpy(hash, noise->hash, sizeof hash);
    aead_nonce(nonce, noise->nonce++); // section 12.3
    mix_hash(noise, sealed, length);
    return aead_open_into(payload, sealed, length, noise->key, nonce, hash, sizeof hash);
}

// What both do for a message, once its public key is known: "psk" where it is the first, "e", and
// "ee" where it is the second. Section 9.2: in a handshake with a psk, "e" is mixed into the key
// too.
static bool mix_message(struct noise *noise, const uint8_t public_key[32]) {
    uint8_t shared[32];
    bool is_good = true;
    if (noise->step == 0)
        mix_key(noise, noise->psk, true);
    mix_hash(noise, public_key, 32);
    mix_key(noise, public_key, false);
    if (noise->step == 1) {
        is_good = x25519(shared, noise->ephemeral, noise->remote);
        mix_key(noise, shared, false);
        crypto_wipe(shared, sizeof shared);
        crypto_wipe(noise->ephemeral, sizeof noise->ephemeral);
    }
    noise->step++;
    return is_good;
}

// Messages take turns, and the first is the initiator's.
static bool is_next(const struct noise *noise, bool writes) {
    return noise->step < MESSAGES && noise->is_initiator == (writes == (noise->step == 0));
}

void noise_init(struct noise *noise, bool is_initiator, const uint8_t psk[NOISE_KEY],
                const void *prologue, size_t prologue_length) {
    static const char name[] = "Noise_NNpsk0_25519_ChaChaPoly_SHA256";
    struct sha256 hash;
    *noise = (struct noise){.is_initiator = is_initiator};
    sha256_init(&hash);
    sha256_add(&hash, name, sizeof name - 1); // longer than a hash: it is hashed (section 5.2)
    sha256_end(&hash, noise->hash);
    memcpy(noise->chaining, noise->hash, sizeof noise->chaining);
    memcpy(noise->psk, psk, sizeof noise->psk);
    mix_hash(noise, prologue, prologue_length);
}

// Both work on a copy, which takes the place of the original only where all went well.
ptrdiff_t noise_write(struct noise *noise, const uint8_t ephemeral[32], const uint8_t *payload,
                      size_t length, uint8_t *message) {
    struct noise next;
    uint8_t public_key[32];
    ptrdiff_t written = -1;
    if (!is_next(noise, true))
        return -1;
    next = *noise;
    memcpy(next.ephemeral, ephemeral, sizeof next.ephemeral);
    x25519_public(public_key, ephemeral);
    if (mix_message(&next, public_key)) {
        if (length > 0)
            memmove(message + sizeof public_key, payload, length);
        memcpy(message, public_key, sizeof public_key);
        encrypt_and_hash(&next, message + sizeof public_key, length);
        written = (ptrdiff_t)(length + NOISE_OVERHEAD);
        *noise = next;
    }
    crypto_wipe(&next, sizeof next);
    return written;
}

ptrdiff_t noise_read(struct noise *noise, const uint8_t *message, size_t length, uint8_t *payload) {
    struct noise next;
    ptrdiff_t got = -1;
    if (!is_next(noise, false) || length < NOISE_OVERHEAD)
        return -1;
    next = *noise;
    memcpy(next.remote, message, sizeof next.remote);
    if (mix_message(&next, next.remote) &&
        decrypt_and_hash(&next, payload, message + 32, length - 32)) {
        got = (ptrdiff_t)(length - NOISE_OVERHEAD);
        *noise = next;
    }
    crypto_wipe(&next, sizeof next);
    return got;
}

// Section 5.2, Split(): the first key is for what the initiator sends.
void noise_split(struct noise *noise, uint8_t send_key[NOISE_KEY], uint8_t receive_key[NOISE_KEY]) {
    uint8_t keys[2 * NOISE_KEY];
    uint8_t hash[32];
    size_t own = noise->is_initiator ? 0 : NOISE_KEY;
    hkdf(keys, sizeof keys, noise->chaining, sizeof noise->chaining, NULL, 0, NULL, 0);
    memcpy(send_key, keys + own, NOISE_KEY);
    memcpy(receive_key, keys + NOISE_KEY - own, NOISE_KEY);
    memcpy(hash, noise->hash, sizeof hash);
    crypto_wipe(keys, sizeof keys);
    crypto_wipe(noise, sizeof *noise);
    memcpy(noise->hash, hash, sizeof hash);
}
