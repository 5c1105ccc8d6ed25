// SPDX-License-Identifier: ISC
// Reed-Solomon codes as QR codes have them (ISO/IEC 18004, section "Error correction").
#pragma once

#include <stddef.h>
#include <stdint.h>

// The most check bytes that a block has in the versions that are drawn here.
#define REED_SOLOMON_MAX 26

// Computes the `check_count` bytes (1 to REED_SOLOMON_MAX) that make `data` of `length` bytes a
// code word: up to half as many bytes of the two may then be wrong and can be told.
void reed_solomon_check(uint8_t *check, size_t check_count, const uint8_t *data, size_t length);
