// SPDX-License-Identifier: ISC
// Random bytes. getrandom() waits until the kernel's generator has been seeded, needs no file, and
// gives up to 256 bytes whole; a longer request can be cut short by a signal, so it is asked again
// for what is missing (getrandom(2), "Interruption by a signal handler").
#include "random.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/types.h>

int crypto_random(void *out, size_t length) {
    uint8_t *at = out;
    while (length > 0) {
        ssize_t got = getrandom(at, length, 0);
        if (got < 0 && errno != EINTR)
            return -1;
        if (got > 0) {
            at += got;
            length -= (size_t)got;
        }
    }
    return 0;
}
