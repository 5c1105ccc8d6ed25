// SPDX-License-Identifier: ISC
// SHA-1 against published digests.
#include "sha1/sha1.h"

#include "test.h"

static void check_digest(const uint8_t *bytes, size_t length, const char *expected_hex) {
    uint8_t digest[SHA1_SIZE];
    uint8_t expected[SHA1_SIZE];
    uint8_t *copy = test_copy(bytes, length);
    CHECK_INT(test_hex(expected, sizeof expected, expected_hex), SHA1_SIZE);
    sha1(copy, length, digest);
    free(copy);
    CHECK_BYTES(digest, expected, SHA1_SIZE);
}

// RFC 3174 section 7.3, TEST1 to TEST4 (TEST3 is FIPS 180's long message), and the empty message.
static const struct {
    const char *text;
    size_t repeat;
    const char *digest;
} vectors[] = {
    {"abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    {"a", 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
    {"0123456701234567012345670123456701234567012345670123456701234567", 10,
     "dea356a2cddd90c7a7ecedc5ebb563934f460452"},
    {"", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
};

static void rfc3174_vectors(void) {
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
    {1, "bf8b4530d8d246dd74ac53a13471bba17941dff7"},
    {3, "29c4bb974bf7a401e2e225f0f9d7ab5e498cc742"},
    {55, "04bb34aef4880b625e6b1564a014abd25fc02bfe"},
    {56, "83b9fcb6d3e3b20f376ab989a1b6353bcc6c0f44"},
    {57, "2a1102af8a806e1fe19c618ee2b4721b38d5c797"},
    {63, "ab15090e8dbe512f3733350f9623ab11f9b5165b"},
    {64, "54305ee7e4c7bc5a96afc6d1994fc52d9bcb665f"},
    {65, "5985422a25357371ebd2a7f6ecd7eebed43db42c"},
    {119, "6839d6c27f22ed884ac43ae6bd3bfcee9e04b938"},
    {120, "8c40517a14ab8b78fd4b8958f4e31254a34c3fb0"},
    {121, "9772f571d640f7d64ed87e985f848709375ad0b4"},
    {127, "776f9728c5649329e5db4bb60a25ea903925a112"},
    {128, "22485dc0d1e1d6e9e93e4a2a4667b8e979456379"},
    {129, "ee30885ff6af88e805c4b2f54fe0a205a09bf2cc"},
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

// The digest of the 131 digests of lengths 0 to 130, one after the other.
static void every_length(void) {
    uint8_t message[130];
    uint8_t digests[131 * SHA1_SIZE];
    make_message(message, sizeof message);
    for (size_t length = 0; length <= sizeof message; length++) {
        uint8_t *copy = test_copy(message, length);
        sha1(copy, length, digests + length * SHA1_SIZE);
        free(copy);
    }
    check_digest(digests, sizeof digests, "93b7e7fa254bfb06a3b306e7d1fdb97785e6151e");
}

int main(void) {
    TEST("SHA-1 of the RFC's messages, a million 'a' among them, is what the RFC says",
         rfc3174_vectors);
    TEST("SHA-1 pads messages around the ends of a block as it should", padding_boundaries);
    TEST("SHA-1 of every length from 0 to 130 bytes is right", every_length);
    return test_end();
}
