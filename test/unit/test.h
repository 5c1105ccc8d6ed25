// SPDX-License-Identifier: ISC
// What a unit test is made of. A test program has one function for each test, and a main() that
// runs them:
//
//   static void adds_up(void) { CHECK_INT(1 + 1, 2); }
//   int main(void)
//   {
//       TEST("one and one are two", adds_up);
//       return test_end();
//   }
//
// Each test prints "ok - SENTENCE", or "not ok - SENTENCE: FILE:LINE what was wrong" with the first
// thing that was. A failed check leaves the function that it stands in, which therefore returns
// nothing. In a loop over a table, test_row() says which row is meant.
#ifndef TETHER_TEST_UNIT_TEST_H
#define TETHER_TEST_UNIT_TEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define TEST(sentence, function) test_run(sentence, function)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            test_fail(__FILE__, __LINE__, "%s", #condition);                                       \
            return;                                                                                \
        }                                                                                          \
    } while (0)

// Integers of any type up to 64 bits.
#define CHECK_INT(actual, expected)                                                                \
    do {                                                                                           \
        long long test_actual_ = (long long)(actual);                                              \
        long long test_expected_ = (long long)(expected);                                          \
        if (test_actual_ != test_expected_) {                                                      \
            test_fail(__FILE__, __LINE__, "%s is %lld, not %lld", #actual, test_actual_,           \
                      test_expected_);                                                             \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define CHECK_BYTES(actual, expected, length)                                                      \
    do {                                                                                           \
        size_t test_at_ = test_difference(actual, expected, length);                               \
        if (test_at_ < (size_t)(length)) {                                                         \
            test_fail(__FILE__, __LINE__, "%s differs from %s at byte %lu: %02x, not %02x",        \
                      #actual, #expected, (unsigned long)test_at_,                                 \
                      ((const uint8_t *)(actual))[test_at_],                                       \
                      ((const uint8_t *)(expected))[test_at_]);                                    \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define CHECK_TEXT(actual, expected)                                                               \
    do {                                                                                           \
        const char *test_actual_ = (actual);                                                       \
        const char *test_expected_ = (expected);                                                   \
        if (strcmp(test_actual_, test_expected_) != 0) {                                           \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #actual, test_actual_,       \
                      test_expected_);                                                             \
            return;                                                                                \
        }                                                                                          \
    } while (0)

static struct {
    bool failed; // the test that runs now
    int failures;
    char row[128];
    char what[768];
} test_state;

static inline void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline void test_fail(const char *file, int line, const char *format, ...) {
    char what[512];
    va_list args;
    if (test_state.failed)
        return;
    test_state.failed = true;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(test_state.what, sizeof test_state.what, "%s:%d %s%s%s%s", file, line, what,
             test_state.row[0] != '\0' ? " (" : "", test_state.row,
             test_state.row[0] != '\0' ? ")" : "");
}

// Names the row of a table that the following checks are about.
static inline void test_row(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline void test_row(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(test_state.row, sizeof test_state.row, format, args);
    va_end(args);
}

static inline void test_run(const char *sentence, void (*function)(void)) {
    test_state.failed = false;
    test_state.row[0] = '\0';
    function();
    if (test_state.failed) {
        test_state.failures++;
        printf("not ok - %s: %s\n", sentence, test_state.what);
    } else {
        printf("ok - %s\n", sentence);
    }
    fflush(stdout);
}

// The program's exit status.
static inline int test_end(void) { return test_state.failures > 0 ? 1 : 0; }

// Where two pieces of memory first differ, or `length`.
static inline size_t test_difference(const void *a, const void *b, size_t length) {
    const uint8_t *left = a;
    const uint8_t *right = b;
    size_t at = 0;
    while (at < length && left[at] == right[at]) at++;
    return at;
}

// Reads hexadecimal digits, with spaces anywhere between bytes. Returns the number of bytes.
static inline size_t test_hex(uint8_t *out, size_t size, const char *text) {
    size_t length = 0;
    unsigned byte;
    for (; *text != '\0'; text++) {
        if (*text == ' ')
            continue;
        if (length == size || sscanf(text, "%2x", &byte) != 1) {
            fprintf(stderr, "test_hex: %s\n", text);
            exit(2);
        }
        out[length++] = (uint8_t)byte;
        text++;
    }
    return length;
}

// A copy in memory of exactly this size, so that an address sanitizer sees a read beyond it.
static inline uint8_t *test_copy(const void *bytes, size_t length) {
    uint8_t *copy = calloc(length, 1);
    if (copy == NULL && length > 0)
        exit(2);
    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

// Random numbers, the same in every run (xorshift64*, Vigna 2016).
static uint64_t test_seed = UINT64_C(0x9e3779b97f4a7c15);

static inline uint64_t test_random(void) {
    test_seed ^= test_seed >> 12;
    test_seed ^= test_seed << 25;
    test_seed ^= test_seed >> 27;
    return test_seed * UINT64_C(0x2545f4914f6cdd1d);
}

// A random number below `limit`.
static inline uint32_t test_below(uint32_t limit) {
    return (uint32_t)(test_random() >> 32) % limit;
}

static inline void test_random_bytes(uint8_t *out, size_t length) {
    for (size_t i = 0; i < length; i++) out[i] = (uint8_t)(test_random() >> 56);
}

#endif
