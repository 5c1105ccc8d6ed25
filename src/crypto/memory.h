// Handling of secrets in memory: wiping, and comparing without telling how much agreed.
#ifndef TETHER_CRYPTO_MEMORY_H
#define TETHER_CRYPTO_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

// Overwrites with zeros, also where the compiler could tell that nobody reads them any more.
void crypto_wipe(void *bytes, size_t length);
// Whether both are the same; takes the same time wherever they differ.
bool crypto_equal(const void *a, const void *b, size_t length);

#endif
