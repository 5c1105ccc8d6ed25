// SPDX-License-Identifier: ISC
// SHA-256 against published digests.
#include "crypto/sha256.h"

#include "test.h"

static void check_digest(const uint8_t *bytes, size_t length, const char *expected_hex) {
    struct sha256 hash;
    uint8_t digest[SHA256_SIZE];
    uint8_t expected[SHA256_SIZE];
    uint8_t *copy = test_copy(bytes, length);
    CHECK_INT(test_hex(expected, sizeof expected, expected_hex), SHA256_SIZE);
    sha256_init(&hash);
    sha256_add(&hash, copy, length);
    sha256_end(&hash, digest);
    free(copy);
    CHECK_BYTES(digest, expected, SHA256_SIZE);
}

// RFC 6234 section 8.5: TEST1 to TEST4 of SHA-256; and the empty message, by OpenSSL.
static const struct {
    const char *text;
    size_t repeat;
    const char *digest;
} vectors[] = {
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    {"0123456701234567012345670123456701234567012345670123456701234567", 10,
     "594847328451bdfa85056225462cc1d867d877fb388df0ce35f25ab5562bfbb5"},
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
};

static void rfc6234_vectors(void) {
    static uint8_t message[1000000];
    for (size_t i = 0; i < COUNT(vectors); i++) {
        size_t length = strlen(vectors[i].text);
        test_row("vector %lu", (unsigned long)i);
        for (size_t n = 0; n < vectors[i].repeat; n++)
            memcpy(message + n * length, vectors[i].text, length);
        check_digest(message, length * vectors[i].repeat, vectors[i].digest);
    }
}

// Messages of bytes 1, 8, 15, ... (7 i + 1); digests by OpenSSL through Python's hashlib.
static const struct {
    size_t length;
    const char *digest;
} boundaries[] = {
    {1, "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"},
    {3, "ce562c676ea7aba9812f54db146b0096011bf3e423edfb0a6f8fb2b02674a801"},
    {55, "16fa57a0a3423a715d594516339f36189d6b5f93754a9714fef202616a9fabfe"},
    {56, "c37b44e5f1b18554b36966f4f8e08bfbf3164c4b6c10374d12d89850892073c5"},
    {57, "12b234922502022f755ab8550a3d4e202ad39c81d961a4f59ec39d5fd83d15a7"},
    {63, "bbba992d2c85af960fb2987a1fd05e0aa82a3db3c740dd8982a9e273b75e36a3"},
    {64, "66bd4633ed6f71c4ecfa4763bf7ba1c8ec7612de9aa6c0578a7b675207c71e0b"},
    {65, "9f7dc47107b750a1f3d35db5d9547f24ef40da5b731b9540d4f43710a154f6c9"},
    {119, "a3ed307b730fa77c07531300c6e4a282330011d4d4caf6bb7b63ae05950f4b66"},
    {120, "8e3b15d9fea7472655aa069620b7f8c2e55ee1499f763200a7515fe826e99d20"},
    {121, "a8320d9736c8a5a7445c87c4d18c0da2fa8fb3b323ed8318c724a5b3e230f87b"},
    {127, "44480fb9672845177f5368a08b69ea263275f2a5ec42e06a933370fe0d2968a4"},
    {128, "e462c130fef8c97e34f7dc3ff3ad2f8b3533ab849af21c10531552a2852387a4"},
    {129, "aa7ea4e8bf89146aeb67ff195fd8182a0e504c9d580aa7af8d2c862e14b98405"},
};

static void make_message(uint8_t *message, size_t length) {
    for (size_t i = 0; i < length; i++) message[i] = (uint8_t)(7 * i + 1);
}

static void padding_boundaries(void) {
    uint8_t message[130];
    make_message(message, sizeof message);
    for (size_t i = 0; i < COUNT(boundaries); i++) {
        test_row("%lu bytes", (unsigned long)boundaries[i].length);
        check_digest(message, boundaries[i].length, boundaries[i].digest);
    }
}

// The digest of the 131 digests of lengths 0 to 130, one after the other: each message whole, and
// cut in two at every place.
static void every_length(void) {
    uint8_t message[130];
    uint8_t digests[131 * SHA256_SIZE];
    make_message(message, sizeof message);
    for (size_t length = 0; length <= sizeof message; length++) {
        for (size_t cut = 0; cut <= length; cut++) {
            struct sha256 hash;
            uint8_t digest[SHA256_SIZE];
            sha256_init(&hash);
            sha256_add(&hash, message, cut);
            sha256_add(&hash, message + cut, length - cut);
            sha256_end(&hash, digest);
            if (cut > 0)
                CHECK_BYTES(digest, digests + length * SHA256_SIZE, SHA256_SIZE);
            memcpy(digests + length * SHA256_SIZE, digest, SHA256_SIZE);
        }
    }
    check_digest(digests, sizeof digests,
                 "d959a41ac0a5596363055ecd1c08d54eb4347fbd25233db0007bae1a28756d03");
}

static void wiped(void) {
    static const uint8_t zero[sizeof(struct sha256)];
    struct sha256 hash;
    uint8_t digest[SHA256_SIZE];
    sha256_init(&hash);
    sha256_add(&hash, "secret", 6);
    sha256_end(&hash, digest);
    CHECK_BYTES(&hash, zero, sizeof hash);
}

int main(void) {
    TEST("SHA-256 of the RFC's messages, a million 'a' among them, is what the RFC says",
         rfc6234_vectors);
    TEST("SHA-256 pads messages around the ends of a block as it should", padding_boundaries);
    TEST("SHA-256 of every length from 0 to 130 bytes is right, also in two pieces", every_length);
    TEST("SHA-256 leaves nothing of the message behind", wiped);
    return test_end();
}
