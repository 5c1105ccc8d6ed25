// SPDX-License-Identifier: ISC
// MD5 (RFC 1321), for a handshake (ws/draft76.h) and nothing else: for secrets it is broken.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MD5_SIZE 16

// Hashes `length` bytes.
void md5(const uint8_t *bytes, size_t length, uint8_t digest[MD5_SIZE]);
