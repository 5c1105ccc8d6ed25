// SPDX-License-Identifier: ISC
// Base64 (RFC 4648).
#include "ws/base64.h"

#include "test.h"

// RFC 4648 section 10.
static const struct {
    const char *bytes;
    const char *text;
} rfc_vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void check_decodes(const char *text, size_t text_length, const void *bytes, size_t length) {
    uint8_t *in = test_copy(text, text_length);
    uint8_t *out = test_copy(bytes, length);
    memset(out, 0xee, length);
    ptrdiff_t got = base64_decode(out, (const char *)in, text_length);
    bool same = got == (ptrdiff_t)length && (length == 0 || memcmp(out, bytes, length) == 0);
    free(in);
    free(out);
    CHECK_INT(got, length);
    CHECK(same);
}

static void rfc4648_vectors(void) {
    for (size_t i = 0; i < COUNT(rfc_vectors); i++) {
        const char *text = rfc_vectors[i].text;
        size_t length = strlen(rfc_vectors[i].bytes);
        char out[16];
        test_row("\"%s\"", text);
        size_t written = base64_encode(out, (const uint8_t *)rfc_vectors[i].bytes, length);
        CHECK_INT(written, strlen(text));
        CHECK_INT(BASE64_LENGTH(length), strlen(text));
        CHECK_BYTES(out, text, written);
        check_decodes(text, strlen(text), rfc_vectors[i].bytes, length);
        check_decodes(text, strcspn(text, "="), rfc_vectors[i].bytes, length);
    }
}

static void whole_alphabet(void) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t bytes[48] = {0};
    char text[64];
    for (int at = 0; at < 64 * 6; at++) { // the six bits of character i are i itself
        int bit = ((at / 6) >> (5 - at % 6)) & 1;
        bytes[at / 8] |= (uint8_t)(bit << (7 - at % 8));
    }
    CHECK_INT(base64_encode(text, bytes, sizeof bytes), 64);
    CHECK_BYTES(text, alphabet, 64);
    check_decodes(alphabet, 64, bytes, sizeof bytes);
}

static const char *const bad[] = {
    "A",    "AAAAA", "=",       "==",      "===",        "====",     "A=",       "A==",
    "A===", "AA=",   "AAA==",   "AAAA=",   "AAAA==",     "AAAA====", "AA==AAAA", "AAA=AAAA",
    "A=AA", "=AAA",  "AA=A",    "Zg\n==",  "Zm9v\n",     "Zm 9v",    " Zm9v",    "Zm9v ",
    "Zm9-", "Zm9_",  "Zm9.",    "Zm9*",    "Zm9@",       "Zm9[",     "Zm9`",     "Zm9{",
    "Zm9,", "Zm9:",  "\x80m9v", "Zm9\xff", "\xc3\xa9==", "Zm9v=Zg=",
};

static void bad_input(void) {
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint8_t out[16];
        uint8_t *in = test_copy(bad[i], strlen(bad[i]));
        ptrdiff_t got = base64_decode(out, (const char *)in, strlen(bad[i]));
        free(in);
        test_row("\"%s\"", bad[i]);
        CHECK_INT(got, -1);
    }
}

// In every place of a text, only the 64 characters (and '=' at its end) may stand.
static void every_byte_everywhere(void) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t length = 4; length <= 8; length += 4) {
        for (size_t place = 0; place < length; place++) {
            for (int c = 0; c < 256; c++) {
                char text[9] = "AAAAAAAA";
                uint8_t out[6];
                bool good = c != 0 && strchr(alphabet, c) != NULL;
                good |= c == '=' && place == length - 1;
                text[place] = (char)c;
                test_row("byte %02x at %lu of %lu", (unsigned)c, (unsigned long)place,
                         (unsigned long)length);
                CHECK_INT(base64_decode(out, text, length) >= 0, good);
            }
        }
    }
}

// Section 3.5: the bits that no byte takes must be zero. Exactly one text of 16 and one of 4 that
// differ only in these bits is good.
static void unused_bits(void) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 64; i++) {
        uint8_t out[3];
        char two[5] = "AA==";
        char three[5] = "AAA=";
        two[1] = three[2] = alphabet[i];
        test_row("'%c'", alphabet[i]);
        CHECK_INT(base64_decode(out, two, 4), i % 16 == 0 ? 1 : -1);
        CHECK_INT(base64_decode(out, two, 2), i % 16 == 0 ? 1 : -1);
        CHECK_INT(base64_decode(out, three, 4), i % 4 == 0 ? 2 : -1);
        CHECK_INT(base64_decode(out, three, 3), i % 4 == 0 ? 2 : -1);
    }
}

static void all_lengths(void) {
    for (size_t length = 0; length <= 300; length++) {
        uint8_t bytes[300];
        test_row("%lu bytes", (unsigned long)length);
        test_random_bytes(bytes, length);
        size_t size = BASE64_LENGTH(length);
        uint8_t *in = test_copy(bytes, length);
        char *text = malloc(size + 1);
        CHECK(text != NULL);
        text[size] = '!';
        size_t written = base64_encode(text, in, length);
        bool kept = text[size] == '!';
        free(in);
        CHECK_INT(written, size);
        CHECK(kept);
        check_decodes(text, size, bytes, length);
        // In place, as the classic text messages are decoded.
        ptrdiff_t got = base64_decode((uint8_t *)text, text, size);
        bool same = length == 0 || memcmp(text, bytes, length) == 0;
        free(text);
        CHECK_INT(got, length);
        CHECK(same);
    }
}

int main(void) {
    TEST("base64 of the RFC's words goes both ways, with padding and without", rfc4648_vectors);
    TEST("the 64 characters stand for the numbers 0 to 63", whole_alphabet);
    TEST("wrong lengths, padding, line breaks and other alphabets are refused", bad_input);
    TEST("no byte that is not of the alphabet is taken in any place", every_byte_everywhere);
    TEST("unused bits that are not zero are refused", unused_bits);
    TEST("every length from 0 to 300 bytes comes back, also decoded in place", all_lengths);
    return test_end();
}
