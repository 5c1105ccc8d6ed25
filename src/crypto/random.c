// SPDX-License-Identifier: ISC
// Random bytes. getentropy() (POSIX 2024) waits until the kernel's generator has been seeded, needs
// no file, and gives up to 256 bytes whole.
#include "random.h"
#include <stdint.h>
#include <unistd.h>

#include <sys/random.h> // wants on macOS what unistd.h has

int crypto_random(void *out, size_t length) {
    uint8_t *at = out;
    while (length > 0) {
        size_t part = length < 256 ? length : 256;
        if (getentropy(at, part) < 0)
            return -1;
        at += part;
        length -= part;
    }
    return 0;
}
