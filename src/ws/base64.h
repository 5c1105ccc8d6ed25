// SPDX-License-Identifier: ISC
// Base64 (RFC 4648 section 4): the handshake's keys, and the classic text form of a message.
#pragma once

#include <stddef.h>
#include <stdint.h>

// The encoded length of n bytes, padding included, without a NUL.
#define BASE64_LENGTH(n) (((n) + 2) / 3 * 4)

// Writes BASE64_LENGTH(length) characters, no NUL. Returns that number.
size_t base64_encode(char *text, const uint8_t *bytes, size_t length);

// Reads base64 with its padding, or without it. Bytes and text may be the same memory: output never
// overtakes input. Returns the number of bytes, or -1 where a character does not belong, the length
// is impossible, or unused bits are not zero (RFC 4648 section 3.5).
ptrdiff_t base64_decode(uint8_t *bytes, const char *text, size_t length);
