// SPDX-License-Identifier: ISC
// MD5 against published digests.
#include "md5/md5.h"

#include "test.h"

static void check_digest(const uint8_t *bytes, size_t length, const char *expected_hex) {
    uint8_t digest[MD5_SIZE];
    uint8_t expected[MD5_SIZE];
    uint8_t *copy = test_copy(bytes, length);
    CHECK_INT(test_hex(expected, sizeof expected, expected_hex), MD5_SIZE);
    md5(copy, length, digest);
    free(copy);
    CHECK_BYTES(digest, expected, MD5_SIZE);
}

// RFC 1321 appendix A.5, all of it.
static const struct {
    const char *text;
    const char *digest;
} vectors[] = {
    {"", "d41d8cd98f00b204e9800998ecf8427e"},
    {"a", "0cc175b9c0f1b6a831c399e269772661"},
    {"abc", "900150983cd24fb0d6963f7d28e17f72"},
    {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
    {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
     "d174ab98d277d9f5a5611c2c9f419d9f"},
    {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
     "57edf4a22be3c955ac49da2e2107b67a"},
};

static void rfc1321_vectors(void) {
    for (size_t i = 0; i < COUNT(vectors); i++) {
        test_row("\"%s\"", vectors[i].text);
        check_digest((const uint8_t *)vectors[i].text, strlen(vectors[i].text), vectors[i].digest);
    }
}

// The digest of the 131 digests of the first 0 to 130 of the bytes 1, 8, 15, ... (7 i + 1); by
// OpenSSL through Python's hashlib.
static void every_length(void) {
    uint8_t message[130];
    uint8_t digests[131 * MD5_SIZE];
    for (size_t i = 0; i < sizeof message; i++) message[i] = (uint8_t)(7 * i + 1);
    for (size_t length = 0; length <= sizeof message; length++) {
        uint8_t *copy = test_copy(message, length);
        md5(copy, length, digests + length * MD5_SIZE);
        free(copy);
    }
    check_digest(digests, sizeof digests, "0fdce061b612dd70208ba50a6a28de8d");
}

int main(void) {
    TEST("MD5 of the RFC's messages is what the RFC says", rfc1321_vectors);
    TEST("MD5 of every length from 0 to 130 bytes is right", every_length);
    return test_end();
}
