// SPDX-License-Identifier: ISC
// 32 bytes of key and 3 bytes of check sum are 280 bits: 56 characters of base32 (RFC 4648 section
// 6) without padding, in lower case. The check sum, the first bytes of SHA-256("tether key" + key),
// tells a mistyped key from a wrong one before anything is sent.
#include "key.h"
#include "../crypto/memory.h"
#include "../crypto/sha256.h"
#include <stdio.h>
#include <string.h>

#define CHECK_SIZE 3
#define ALL_SIZE   (KEY_SIZE + CHECK_SIZE)

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

static void check_sum(uint8_t sum[CHECK_SIZE], const uint8_t key[KEY_SIZE]) {
    static const char label[] = "tether key";
    uint8_t digest[SHA256_SIZE];
    struct sha256 hash;
    sha256_init(&hash);
    sha256_add(&hash, label, sizeof label - 1);
    sha256_add(&hash, key, KEY_SIZE);
    sha256_end(&hash, digest);
    memcpy(sum, digest, CHECK_SIZE);
    crypto_wipe(digest, sizeof digest);
}

// The 5 bits at place `i` of a row of bytes, counted from its first bit.
static unsigned bits_at(const uint8_t *bytes, size_t i) {
    size_t bit = 5 * i;
    unsigned pair = (unsigned)bytes[bit / 8] << 8;
    if (bit / 8 + 1 < ALL_SIZE)
        pair |= bytes[bit / 8 + 1];
    return pair >> (11 - bit % 8) & 31;
}

void key_format(char text[KEY_TEXT + 1], const uint8_t key[KEY_SIZE]) {
    uint8_t all[ALL_SIZE];
    memcpy(all, key, KEY_SIZE);
    check_sum(all + KEY_SIZE, key);
    for (size_t i = 0; i < KEY_TEXT; i++) text[i] = alphabet[bits_at(all, i)];
    text[KEY_TEXT] = '\0';
    crypto_wipe(all, sizeof all);
}

// The value of a character in either case, or -1.
static int value_of(char c) {
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= '2' && c <= '7')
        return c - '2' + 26;
    return -1;
}

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

int key_parse(uint8_t key[KEY_SIZE], const char *text, size_t length, char why[KEY_WHY_SIZE]) {
    uint8_t all[ALL_SIZE] = {0};
    uint8_t sum[CHECK_SIZE];
    for (; length > 0 && is_space(*text); length--) text++;
    while (length > 0 && is_space(text[length - 1])) length--;
    for (size_t i = 0; i < length && i < KEY_TEXT; i++) {
        int value = value_of(text[i]);
        if (value < 0) {
            snprintf(why, KEY_WHY_SIZE, "its character %u is none of a-z and 2-7", (unsigned)i + 1);
            return -1;
        }
        for (size_t bit = 0; bit < 5; bit++)
            if (value >> (4 - bit) & 1)
                all[(5 * i + bit) / 8] |= (uint8_t)(0x80 >> (5 * i + bit) % 8);
    }
    if (length != KEY_TEXT) {
        snprintf(why, KEY_WHY_SIZE, "it has %lu characters where a key has %d",
                 (unsigned long)length, KEY_TEXT);
        return -1;
    }
    memcpy(key, all, KEY_SIZE);
    check_sum(sum, key);
    int wrong = !crypto_equal(sum, all + KEY_SIZE, CHECK_SIZE);
    crypto_wipe(all, sizeof all);
    if (wrong)
        snprintf(why, KEY_WHY_SIZE, "its check sum is wrong: a character was left out or mistyped");
    return wrong ? -1 : 0;
}
