// SPDX-License-Identifier: ISC
// HMAC-SHA-256 and HKDF against the vectors of their RFCs.
#include "crypto/hkdf.h"

#include "test.h"

// RFC 4231 sections 4.2 to 4.8. A key or message of one repeated byte is given by that byte; the
// fifth tag is cut off.
static const struct {
    const char *key; // hex
    size_t key_repeat;
    const char *text;
    size_t text_repeat;
    const char *tag;
} macs[] = {
    {"0b", 20, "Hi There", 1, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"4a656665", 1, "what do ya want for nothing?", 1,
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"aa", 20, "\xdd", 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {"0102030405060708090a0b0c0d0e0f10111213141516171819", 1, "\xcd", 50,
     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {"0c", 20, "Test With Truncation", 1, "a3b6167473100ee06e0c796c2955552b"},
    {"aa", 131, "Test Using Larger Than Block-Size Key - Hash Key First", 1,
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {"aa", 131,
     "This is a test using a larger than block-size key and a larger than block-size data. "
     "The key needs to be hashed before being used by the HMAC algorithm.",
     1, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
};

static size_t repeat(uint8_t *bytes, size_t length, size_t times) {
    for (size_t i = 1; i < times; i++) memcpy(bytes + i * length, bytes, length);
    return length * times;
}

static void rfc4231_vectors(void) {
    for (size_t i = 0; i < COUNT(macs); i++) {
        uint8_t key[256], text[256], expected[SHA256_SIZE], tag[SHA256_SIZE];
        struct hmac hmac;
        test_row("test case %lu", (unsigned long)i + 1);
        size_t key_length = repeat(key, test_hex(key, sizeof key, macs[i].key), macs[i].key_repeat);
        memcpy(text, macs[i].text, strlen(macs[i].text));
        size_t length = repeat(text, strlen(macs[i].text), macs[i].text_repeat);
        size_t tag_length = test_hex(expected, sizeof expected, macs[i].tag);
        for (size_t cut = 0; cut <= length; cut++) {
            hmac_init(&hmac, key, key_length);
            hmac_add(&hmac, text, cut);
            hmac_add(&hmac, text + cut, length - cut);
            hmac_end(&hmac, tag);
            CHECK_BYTES(tag, expected, tag_length);
        }
    }
}

static void wiped(void) {
    static const uint8_t zero[sizeof(struct hmac)];
    struct hmac hmac;
    uint8_t tag[SHA256_SIZE];
    hmac_init(&hmac, "key", 3);
    hmac_end(&hmac, tag);
    CHECK_BYTES(&hmac, zero, sizeof hmac);
}

// RFC 5869 appendix A.1 to A.3. Secret, salt and information are so many bytes that count up from a
// first one, or, for the secret of A.1 and A.3, that are all the same.
struct counted {
    uint8_t first;
    uint8_t step;
    size_t length;
};

static const struct {
    struct counted secret, salt, info;
    const char *out;
} keys[] = {
    {{0x0b, 0, 22},
     {0x00, 1, 13},
     {0xf0, 1, 10},
     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
    {{0x00, 1, 80},
     {0x60, 1, 80},
     {0xb0, 1, 80},
     "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
     "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
     "cc30c58179ec3e87c14c01d5c1f3434f1d87"},
    {{0x0b, 0, 22},
     {0, 0, 0},
     {0, 0, 0},
     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
};

static const uint8_t *count_up(uint8_t bytes[80], const struct counted *counted) {
    for (size_t i = 0; i < counted->length; i++)
        bytes[i] = (uint8_t)(counted->first + i * counted->step);
    return counted->length > 0 ? bytes : NULL;
}

static void rfc5869_vectors(void) {
    for (size_t i = 0; i < COUNT(keys); i++) {
        uint8_t secret[80], salt[80], info[80], expected[82];
        test_row("A.%lu", (unsigned long)i + 1);
        size_t length = test_hex(expected, sizeof expected, keys[i].out);
        // A shorter output is the beginning of a longer one.
        for (size_t wanted = 0; wanted <= length; wanted++) {
            uint8_t *out = test_copy(expected, wanted);
            memset(out, 0, wanted);
            CHECK_INT(hkdf(out, wanted, count_up(salt, &keys[i].salt), keys[i].salt.length,
                           count_up(secret, &keys[i].secret), keys[i].secret.length,
                           count_up(info, &keys[i].info), keys[i].info.length),
                      0);
            CHECK_BYTES(out, expected, wanted);
            free(out);
        }
    }
}

// RFC 5869 section 2.3: at most 255 times the hash's length.
static void longest(void) {
    static uint8_t out[255 * SHA256_SIZE + 1];
    out[sizeof out - 1] = 0xa5;
    CHECK_INT(hkdf(out, sizeof out - 1, NULL, 0, "secret", 6, NULL, 0), 0);
    CHECK_INT(out[sizeof out - 1], 0xa5);
    memset(out, 0xa5, sizeof out);
    CHECK_INT(hkdf(out, sizeof out, NULL, 0, "secret", 6, NULL, 0), -1);
    for (size_t i = 0; i < sizeof out; i++) CHECK_INT(out[i], 0xa5);
}

int main(void) {
    TEST("HMAC gives the RFC's tags, wherever the message is cut in two", rfc4231_vectors);
    TEST("HMAC leaves nothing of the key behind", wiped);
    TEST("HKDF gives the RFC's keys, and the beginning of them where less is wanted",
         rfc5869_vectors);
    TEST("HKDF gives 8160 bytes, and refuses one more", longest);
    return test_end();
}
