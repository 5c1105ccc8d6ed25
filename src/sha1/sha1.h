// SPDX-License-Identifier: ISC
// SHA-1 (RFC 3174), for the WebSocket opening handshake (RFC 6455 section 4.2.2) and nothing else.
// It is no longer a safe hash for secrets or signatures; the handshake uses it as a plain proof
// that the peer speaks WebSocket, which it still is.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA1_SIZE 20

// Hashes `length` bytes into 20 bytes, most significant first.
void sha1(const uint8_t *bytes, size_t length, uint8_t digest[SHA1_SIZE]);
