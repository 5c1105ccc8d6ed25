// SPDX-License-Identifier: ISC
// The key's text. The expected texts are from Python: base64.b32encode(key + sha256(b"tether key" +
// key).digest()[:3]).decode().lower().
#include "session/key.h"

#include "test.h"

static const struct {
    const char *key;
    const char *text;
} vectors[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaoipb5"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypupoza"},
    {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "777777777777777777777777777777777777777777777777777ye66d"},
    {"0b30557a9fc4e90e33587da2c7ec11365b80a5caef14395e83a8cdf2173c6186",
     "bmyfk6u7ytuq4m2ypwrmp3argznybjok54kdsxudvdg7efz4mgdbpsi6"},
};

static void published_texts(void) {
    for (size_t i = 0; i < COUNT(vectors); i++) {
        uint8_t key[KEY_SIZE];
        uint8_t read[KEY_SIZE];
        char text[KEY_TEXT + 1];
        char why[KEY_WHY_SIZE];
        test_row("vector %lu", (unsigned long)i);
        CHECK_INT(test_hex(key, sizeof key, vectors[i].key), KEY_SIZE);
        memset(text, 'x', sizeof text);
        key_format(text, key);
        CHECK_TEXT(text, vectors[i].text);
        CHECK_INT(key_parse(read, text, KEY_TEXT, why), 0);
        CHECK_BYTES(read, key, KEY_SIZE);
    }
}

// Parses characters that end where their memory does.
static int parse(uint8_t key[KEY_SIZE], const char *text, size_t length, char why[KEY_WHY_SIZE]) {
    uint8_t *copy = test_copy((const uint8_t *)text, length);
    memset(why, '?', KEY_WHY_SIZE);
    int result = key_parse(key, (const char *)copy, length, why);
    free(copy);
    return result;
}

static void random_keys(void) {
    for (int i = 0; i < 5000; i++) {
        uint8_t key[KEY_SIZE];
        uint8_t read[KEY_SIZE];
        char text[KEY_TEXT + 1];
        char why[KEY_WHY_SIZE];
        test_random_bytes(key, sizeof key);
        key_format(text, key);
        CHECK_INT(strlen(text), KEY_TEXT);
        CHECK_INT(strspn(text, "abcdefghijklmnopqrstuvwxyz234567"), KEY_TEXT);
        for (char *c = text; *c != '\0'; c++)
            if (*c >= 'a' && test_below(2) == 0)
                *c = (char)(*c - 'a' + 'A');
        CHECK_INT(parse(read, text, KEY_TEXT, why), 0);
        CHECK_BYTES(read, key, KEY_SIZE);
    }
}

static void white_space(void) {
    static const char *const around[][2] = {
        {"", "\n"}, {"", "\r\n"}, {" ", " "}, {"\t \r\n", "\n\n \t"}, {"          ", ""},
    };
    for (size_t i = 0; i < COUNT(around); i++) {
        uint8_t key[KEY_SIZE];
        uint8_t read[KEY_SIZE];
        char why[KEY_WHY_SIZE];
        char text[128];
        test_row("case %lu", (unsigned long)i);
        CHECK_INT(test_hex(key, sizeof key, vectors[3].key), KEY_SIZE);
        int length =
            snprintf(text, sizeof text, "%s%s%s", around[i][0], vectors[3].text, around[i][1]);
        CHECK_INT(parse(read, text, (size_t)length, why), 0);
        CHECK_BYTES(read, key, KEY_SIZE);
    }
}

// What is wrong is said, and the right thing of it.
static void refused_texts(void) {
    static const struct {
        const char *text; // a "*" stands for the good key
        const char *why;  // how it begins
    } cases[] = {
        {"", "it has 0 characters"},
        {" \n\t ", "it has 0 characters"},
        {"a", "it has 1 characters"},
        {"*a", "it has 57 characters"},
        {"**", "it has 112 characters"},
        {"* *", "it has 113 characters"},
        {"*\v", "it has 57 characters"},
        {"tether key", "its character 7 is"},
        {"1", "its character 1 is"},
        {"abc8", "its character 4 is"},
        {"abc 234", "its character 4 is"},
        {"\xc3\xa4", "its character 1 is"},
        {"=", "its character 1 is"},
        {"-*", "its character 1 is"},
        {"\"*\"", "its character 1 is"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "its check sum is wrong"},
        {"77777777777777777777777777777777777777777777777777777777", "its check sum is wrong"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t key[KEY_SIZE];
        char why[KEY_WHY_SIZE];
        char text[256] = "";
        for (const char *c = cases[i].text; *c != '\0'; c++) {
            size_t at = strlen(text);
            snprintf(text + at, sizeof text - at, *c == '*' ? "%s" : "%.1s",
                     *c == '*' ? vectors[1].text : c);
        }
        test_row("\"%s\"", cases[i].text);
        CHECK_INT(parse(key, text, strlen(text), why), -1);
        CHECK(memchr(why, '\0', KEY_WHY_SIZE) != NULL);
        CHECK(strncmp(why, cases[i].why, strlen(cases[i].why)) == 0);
    }
}

static void every_character(void) {
    for (int c = 0; c < 256; c++) {
        uint8_t key[KEY_SIZE];
        char why[KEY_WHY_SIZE];
        char text[KEY_TEXT];
        bool belongs = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7');
        memcpy(text, vectors[1].text, KEY_TEXT);
        text[30] = (char)c;
        test_row("character %d", c);
        bool is_same = belongs && (c | 0x20) == (vectors[1].text[30] | 0x20);
        CHECK_INT(parse(key, text, KEY_TEXT, why), is_same ? 0 : -1);
        if (!is_same)
            CHECK_INT(strncmp(why, "its character 31 ", 17) == 0, !belongs);
    }
}

// Mistakes of people: one character wrong, two exchanged, one left out and another doubled. The
// check sum has 24 bits, so none of these few thousand should pass.
static void mistakes(void) {
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t key[KEY_SIZE];
    char why[KEY_WHY_SIZE];
    char text[KEY_TEXT];
    for (size_t at = 0; at < KEY_TEXT; at++) {
        for (size_t other = 0; other < 32; other++) {
            memcpy(text, vectors[3].text, KEY_TEXT);
            if (text[at] == alphabet[other])
                continue;
            text[at] = alphabet[other];
            CHECK_INT(parse(key, text, KEY_TEXT, why), -1);
        }
        for (size_t with = at + 1; with < KEY_TEXT; with++) {
            memcpy(text, vectors[3].text, KEY_TEXT);
            if (text[at] == text[with])
                continue;
            text[at] = vectors[3].text[with];
            text[with] = vectors[3].text[at];
            CHECK_INT(parse(key, text, KEY_TEXT, why), -1);
            memcpy(text, vectors[3].text, KEY_TEXT);
            memmove(text + at, text + at + 1, with - at);
            if (memcmp(text, vectors[3].text, KEY_TEXT) != 0)
                CHECK_INT(parse(key, text, KEY_TEXT, why), -1);
        }
    }
}

static void noise(void) {
    for (int i = 0; i < 20000; i++) {
        static const char likely[] = "abcxyz234567ABZ \n\t=+18\0\xff";
        uint8_t key[KEY_SIZE];
        char why[KEY_WHY_SIZE];
        char text[80];
        size_t length = test_below(3) == 0 ? KEY_TEXT : test_below(sizeof text);
        for (size_t at = 0; at < length; at++)
            text[at] = likely[test_below(test_below(4) == 0 ? sizeof likely : 15)];
        CHECK_INT(parse(key, text, length, why), -1);
        CHECK(memchr(why, '\0', KEY_WHY_SIZE) != NULL);
    }
}

int main(void) {
    TEST("keys are written and read as another program computed them", published_texts);
    TEST("what is written is read again, in either case of letters", random_keys);
    TEST("white space around a key is no part of it", white_space);
    TEST("what is no key is refused, and why is said", refused_texts);
    TEST("of all bytes only letters and 2-7 belong into a key", every_character);
    TEST("a character that is wrong, exchanged or left out is noticed", mistakes);
    TEST("random characters are no key", noise);
    return test_end();
}
