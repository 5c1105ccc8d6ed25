// SPDX-License-Identifier: ISC
// HMAC (RFC 2104) and HKDF (RFC 5869) over SHA-256.
#pragma once

#include "sha256.h"

// HMAC while its message comes in pieces.
struct hmac {
    struct sha256 inner;
    struct sha256 outer;
};

// HMAC-SHA-256 in steps: begin with a key of any length, add bytes, and take the tag, which ends
// it.
void hmac_init(struct hmac *hmac, const void *key, size_t key_length);
void hmac_add(struct hmac *hmac, const void *bytes, size_t length);
void hmac_end(struct hmac *hmac, uint8_t tag[SHA256_SIZE]);

// HKDF, extract and expand: `length` at most 255 * 32 bytes of key material. `salt` and `info` may
// be NULL with length 0. Returns 0, or -1 where `length` is too long.
int hkdf(uint8_t *out, size_t length, const void *salt, size_t salt_length, const void *secret,
         size_t secret_length, const void *info, size_t info_length);
