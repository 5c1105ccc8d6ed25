// SPDX-License-Identifier: ISC
// Secrets in memory. A compiler may leave out a memset() of bytes that nobody reads afterwards, and
// it may make memcmp() stop at the first difference, by which an attacker who measures time learns
// how much of a forged tag was right. The empty instruction below is told where the bytes are, so
// they have to be there; the comparison looks at every byte and only gathers whether there was any
// difference.
//
// What a compiler moves from a register to the stack by itself, no C program can wipe: so code that
// wants to be fast keeps secrets in registers, and code that has them in arrays wipes these.
#include "memory.h"
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

void crypto_wipe(void *bytes, size_t length) {
    memset(bytes, 0, length);
    __asm__ volatile("" : : "r"(bytes) : "memory");
}

void crypto_lock(const void *bytes, size_t length) { (void)mlock(bytes, length); }

bool crypto_equal(const void *a, const void *b, size_t length) {
    // volatile: every byte has to be read, so the loop cannot end early.
    const volatile uint8_t *left = a;
    const volatile uint8_t *right = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < length; i++) difference |= left[i] ^ right[i];
    return difference == 0;
}
