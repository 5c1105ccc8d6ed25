// SPDX-License-Identifier: ISC
// Handling of secrets in memory: wiping, keeping them off the disk, and comparing without telling
// how much agreed.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Overwrites with zeros, also where the compiler could tell that nobody reads them any more.
void crypto_wipe(void *bytes, size_t length);
// Keeps the pages of these bytes out of swap space. They are in memory from then on, so this is for
// little. Where the system does not let us, it does nothing.
void crypto_lock(const void *bytes, size_t length);
// Whether both are the same; takes the same time wherever they differ.
bool crypto_equal(const void *a, const void *b, size_t length);
