// SPDX-License-Identifier: ISC
// MD5 (RFC 1321), for the opening handshake of WebSocket's draft 76 (ws/draft76.h) and nothing
// else. It is broken as a hash for secrets or signatures; the handshake only shows with it that the
// server has read the request.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MD5_SIZE 16

// Hashes `length` bytes.
void md5(const uint8_t *bytes, size_t length, uint8_t digest[MD5_SIZE]);
