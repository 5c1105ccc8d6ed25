// SPDX-License-Identifier: ISC
// Wiping and comparing, and random bytes.
#include "crypto/memory.h"

#include <signal.h>
#include <sys/time.h>

#include "crypto/random.h"

#include "test.h"

static void wipes(void) {
    for (size_t length = 0; length <= 300; length++) {
        uint8_t bytes[304];
        memset(bytes, 0xa5, sizeof bytes);
        crypto_wipe(bytes + 2, length);
        for (size_t i = 0; i < sizeof bytes; i++)
            CHECK_INT(bytes[i], i >= 2 && i < 2 + length ? 0 : 0xa5);
    }
}

static void equal_bytes(void) {
    for (size_t length = 0; length <= 70; length++) {
        uint8_t a[70] = {0}, b[70];
        test_random_bytes(a, length);
        memcpy(b, a, sizeof b);
        CHECK(crypto_equal(a, b, length));
        for (size_t bit = 0; bit < 8 * length; bit++) {
            b[bit / 8] ^= (uint8_t)(1 << bit % 8);
            CHECK(!crypto_equal(a, b, length));
            CHECK(!crypto_equal(b, a, length));
            b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

// The same bits differ in two places, or all of them everywhere.
static void differences_add_up(void) {
    uint8_t a[32] = {0}, b[32] = {0};
    b[0] = b[31] = 0x80;
    CHECK(!crypto_equal(a, b, sizeof a));
    memset(b, 0xff, sizeof b);
    CHECK(!crypto_equal(a, b, sizeof a));
}

// Whether every byte has been something other than zero in one of several fillings.
static bool fills(size_t length) {
    static uint8_t seen[1024 * 1024], bytes[1024 * 1024];
    memset(seen, 0, length);
    for (int round = 0; round < 8; round++) {
        memset(bytes, 0, length);
        if (crypto_random(bytes, length) < 0)
            return false;
        for (size_t i = 0; i < length; i++) seen[i] |= bytes[i];
    }
    return memchr(seen, 0, length) == NULL;
}

static void random_bytes(void) {
    uint8_t a[32], b[32];
    for (size_t length = 0; length <= 40; length++) CHECK(fills(length));
    CHECK(fills(257));
    CHECK_INT(crypto_random(a, sizeof a), 0);
    CHECK_INT(crypto_random(b, sizeof b), 0);
    CHECK(memcmp(a, b, sizeof a) != 0);
}

static void on_alarm(int signal_number) { (void)signal_number; }

// A timer that goes off all the time cuts long requests short.
static void random_with_signals(void) {
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval often = {{0, 200}, {0, 200}};
    struct itimerval never = {{0, 0}, {0, 0}};
    CHECK_INT(sigaction(SIGALRM, &action, NULL), 0);
    CHECK_INT(setitimer(ITIMER_REAL, &often, NULL), 0);
    bool filled = fills(1024 * 1024);
    CHECK_INT(setitimer(ITIMER_REAL, &never, NULL), 0);
    CHECK(filled);
}

int main(void) {
    TEST("wiping leaves zeros, and nothing else changes", wipes);
    TEST("bytes are equal unless a bit differs, wherever it stands", equal_bytes);
    TEST("two differences do not make up for one another", differences_add_up);
    TEST("the kernel fills every byte, with others each time", random_bytes);
    TEST("signals do not leave a long request half filled", random_with_signals);
    return test_end();
}
