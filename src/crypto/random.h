// SPDX-License-Identifier: ISC
// Random bytes from the kernel, for keys.
#pragma once

#include <stddef.h>

// Fills `out`. Returns 0, or -1 with errno set: then there is nothing to go on
// with.
int crypto_random(void *out, size_t length);
