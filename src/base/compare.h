// SPDX-License-Identifier: ISC
// The smaller and the greater of two times or sizes, and half of one.
#pragma once

#include <stdint.h>

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static inline int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

static inline int64_t half(int64_t a) { return a / 2; }
