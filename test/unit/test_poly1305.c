// SPDX-License-Identifier: ISC
// Poly1305 against RFC 8439, and against a slow one of the test's own.
#include "crypto/poly1305.h"

#include "rfc8439.h"
#include "test.h"

static void make_tag(uint8_t tag[POLY1305_TAG], const uint8_t key[POLY1305_KEY],
                     const uint8_t *bytes, size_t length) {
    struct poly1305 poly;
    poly1305_init(&poly, key);
    poly1305_add(&poly, bytes, length);
    poly1305_end(&poly, tag);
}

// RFC 8439 section 2.5.2 and appendix A.3. The key is r and s; the message is text, or in hex.
#define NONE "00000000000000000000000000000000"
#define ONES "ffffffffffffffffffffffffffffffff"
static const struct {
    const char *source, *r, *s, *text, *hex, *tag;
} vectors[] = {
    {"2.5.2", "85d6be7857556d337f4452fe42d506a8", "0103808afb0db2fd4abff6af4149f51b",
     "Cryptographic Forum Research Group", NULL, "a8061dc1305136c6c22b8baf0c0127a9"},
    {"A.3 #1", NONE, NONE, NULL, NONE NONE NONE NONE, NONE},
    {"A.3 #2", NONE, "36e5f6b5c5e06070f0efca96227a863e", SUBMISSION, NULL,
     "36e5f6b5c5e06070f0efca96227a863e"},
    {"A.3 #3", "36e5f6b5c5e06070f0efca96227a863e", NONE, SUBMISSION, NULL,
     "f3477e7cd95417af89a6b8794c310cf0"},
    {"A.3 #4", "1c9240a5eb55d38af333888604f6b5f0", "473917c1402b80099dca5cbc207075c0", JABBERWOCKY,
     NULL, "4541669a7eaaee61e708dc7cbcc5eb62"},
    // Is the final result reduced fully?
    {"A.3 #5", "02000000000000000000000000000000", NONE, NULL, ONES,
     "03000000000000000000000000000000"},
    // Does the addition of s go beyond 2^128?
    {"A.3 #6", "02000000000000000000000000000000", ONES, NULL, "02000000000000000000000000000000",
     "03000000000000000000000000000000"},
    // A carry into words that are all ones.
    {"A.3 #7", "01000000000000000000000000000000", NONE, NULL,
     ONES "f0ffffffffffffffffffffffffffffff"
          "11000000000000000000000000000000",
     "05000000000000000000000000000000"},
    // The sum is exactly p.
    {"A.3 #8", "01000000000000000000000000000000", NONE, NULL,
     ONES "fbfefefefefefefefefefefefefefefe"
          "01010101010101010101010101010101",
     NONE},
    // The sum is exactly p - 1.
    {"A.3 #9", "02000000000000000000000000000000", NONE, NULL, "fdffffffffffffffffffffffffffffff",
     "faffffffffffffffffffffffffffffff"},
    // 131 bits in between, and in the end.
    {"A.3 #10", "01000000000000000400000000000000", NONE, NULL,
     "e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000"
     "0000000000000000000000000000000001000000000000000000000000000000",
     "14000000000000005500000000000000"},
    {"A.3 #11", "01000000000000000400000000000000", NONE, NULL,
     "e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000"
     "00000000000000000000000000000000",
     "13000000000000000000000000000000"},
};

static void rfc8439_vectors(void) {
    for (size_t i = 0; i < COUNT(vectors); i++) {
        uint8_t key[POLY1305_KEY], message[512], expected[POLY1305_TAG], tag[POLY1305_TAG];
        size_t length;
        test_row("%s", vectors[i].source);
        CHECK_INT(test_hex(key, 16, vectors[i].r), 16);
        CHECK_INT(test_hex(key + 16, 16, vectors[i].s), 16);
        CHECK_INT(test_hex(expected, sizeof expected, vectors[i].tag), POLY1305_TAG);
        if (vectors[i].text != NULL) {
            length = strlen(vectors[i].text);
            memcpy(message, vectors[i].text, length);
        } else {
            length = test_hex(message, sizeof message, vectors[i].hex);
        }
        make_tag(tag, key, message, length);
        CHECK_BYTES(tag, expected, sizeof tag);
    }
}

static void any_pieces(void) {
    uint8_t key[POLY1305_KEY], message[200], expected[POLY1305_TAG], tag[POLY1305_TAG];
    test_random_bytes(key, sizeof key);
    test_random_bytes(message, sizeof message);
    for (size_t length = 0; length <= 70; length++) {
        make_tag(expected, key, message, length);
        for (size_t first = 0; first <= length; first++) {
            for (size_t second = first; second <= length; second++) {
                struct poly1305 poly;
                test_row("%lu bytes, cut at %lu and %lu", (unsigned long)length,
                         (unsigned long)first, (unsigned long)second);
                poly1305_init(&poly, key);
                poly1305_add(&poly, message, first);
                poly1305_add(&poly, message + first, second - first);
                poly1305_add(&poly, message + second, length - second);
                poly1305_end(&poly, tag);
                CHECK_BYTES(tag, expected, sizeof tag);
            }
        }
    }
}

// Numbers in bytes, lowest first: sum = sum * r modulo 2^130 - 5, bit by bit of r from the top.
#define SIZE 18

static void add(uint8_t sum[SIZE], const uint8_t number[SIZE]) {
    unsigned carry = 0;
    for (int i = 0; i < SIZE; i++) {
        carry += (unsigned)sum[i] + number[i];
        sum[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

// Takes what is above bit 130 down; and the modulus itself, where that is still below `number`.
static void reduce(uint8_t number[SIZE]) {
    for (int round = 0; round < 3; round++) {
        uint8_t high[SIZE] = {0};
        high[0] = (uint8_t)(5 * (number[16] >> 2 | number[17] << 6));
        number[16] &= 3;
        number[17] = 0;
        add(number, high);
    }
    uint8_t probe[SIZE] = {5};
    add(probe, number);
    if (probe[16] >= 4) {
        memcpy(number, probe, SIZE);
        number[16] &= 3;
    }
}

static void slow_tag(uint8_t tag[POLY1305_TAG], const uint8_t key[POLY1305_KEY],
                     const uint8_t *bytes, size_t length) {
    static const uint8_t clamp[16] = {0xff, 0xff, 0xff, 0x0f, 0xfc, 0xff, 0xff, 0x0f,
                                      0xfc, 0xff, 0xff, 0x0f, 0xfc, 0xff, 0xff, 0x0f};
    uint8_t sum[SIZE] = {0}, pad[SIZE] = {0};
    for (size_t at = 0; at < length; at += 16) {
        uint8_t block[SIZE] = {0}, product[SIZE] = {0};
        size_t taken = length - at < 16 ? length - at : 16;
        memcpy(block, bytes + at, taken);
        block[taken] = 1;
        add(sum, block);
        reduce(sum);
        for (int bit = 127; bit >= 0; bit--) {
            uint8_t twice[SIZE];
            memcpy(twice, product, SIZE);
            add(product, twice);
            if ((key[bit / 8] & clamp[bit / 8]) >> bit % 8 & 1)
                add(product, sum);
            reduce(product);
        }
        memcpy(sum, product, SIZE);
    }
    memcpy(pad, key + 16, 16);
    add(sum, pad);
    memcpy(tag, sum, POLY1305_TAG);
}

// Random bytes, of which many are all ones or zeros: carries go far.
static void random_edges(uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        uint32_t kind = test_below(4);
        bytes[i] = kind == 0 ? 0 : kind == 1 ? (uint8_t)test_random() : 0xff;
    }
}

static void same_as_slow(void) {
    for (int i = 0; i < 3000; i++) {
        uint8_t key[POLY1305_KEY], message[100], expected[POLY1305_TAG], tag[POLY1305_TAG];
        size_t length = test_below(sizeof message + 1);
        random_edges(key, sizeof key);
        random_edges(message, length);
        slow_tag(expected, key, message, length);
        make_tag(tag, key, message, length);
        CHECK_BYTES(tag, expected, sizeof tag);
    }
}

// Long messages, of which much is done four blocks at a time, in two pieces; of the first all bits
// are ones.
static void long_messages(void) {
    for (int i = 0; i < 400; i++) {
        uint8_t key[POLY1305_KEY], message[1600], expected[POLY1305_TAG], tag[POLY1305_TAG];
        size_t length = i == 0 ? sizeof message : 400 + test_below(sizeof message - 399);
        size_t first = test_below((uint32_t)length + 1);
        struct poly1305 poly;
        test_row("message %d", i);
        memset(key, 0xff, sizeof key);
        memset(message, 0xff, sizeof message);
        if (i > 0) {
            random_edges(key, sizeof key);
            random_edges(message, length);
        }
        slow_tag(expected, key, message, length);
        uint8_t *copy = test_copy(message, first),
                *rest = test_copy(message + first, length - first);
        poly1305_init(&poly, key);
        poly1305_add(&poly, copy, first);
        poly1305_add(&poly, rest, length - first);
        poly1305_end(&poly, tag);
        free(copy);
        free(rest);
        CHECK_BYTES(tag, expected, sizeof tag);
    }
}

static void wiped(void) {
    static const uint8_t zero[sizeof(struct poly1305)];
    struct poly1305 poly;
    uint8_t key[POLY1305_KEY], tag[POLY1305_TAG];
    test_random_bytes(key, sizeof key);
    poly1305_init(&poly, key);
    poly1305_add(&poly, key, 20);
    poly1305_end(&poly, tag);
    CHECK_BYTES(&poly, zero, sizeof poly);
}

int main(void) {
    TEST("Poly1305 gives the RFC's tags, those of its edge cases too", rfc8439_vectors);
    TEST("a message in any three pieces has the tag of the whole", any_pieces);
    TEST("Poly1305 gives what the test's own slow one gives, with many carries", same_as_slow);
    TEST("and so it does for long messages, in two pieces", long_messages);
    TEST("Poly1305 leaves nothing of the key behind", wiped);
    return test_end();
}
