// SPDX-License-Identifier: ISC
// UTF-8 (RFC 3629), checked in pieces.
#include "ws/utf8.h"

#include "test.h"

// Good and bad texts. `good_until` is how many bytes may come before the check has to fail; the
// number of all bytes where the text is good, or only not finished.
static const struct {
    const char *what;
    const char *hex;
    size_t good_until;
    bool complete;
} cases[] = {
    // RFC 3629 section 7, and Markus Kuhn's "UTF-8 decoder capability and stress test".
    {"A, not identical to, alpha, full stop", "41 e289a2 ce91 2e", 7, true},
    {"hangugeo", "ed959c eab5ad ec96b4", 9, true},
    {"nihongo", "e697a5 e69cac e8aa9e", 9, true},
    {"byte order mark and a stump of tree", "efbbbf f0a38eb4", 7, true},
    {"kosme", "ceba e1bdb9 cf83 cebc ceb5", 11, true},
    // First and last of each length (Kuhn 2.1, 2.2).
    {"U+0000", "00", 1, true},
    {"U+007F", "7f", 1, true},
    {"U+0080", "c280", 2, true},
    {"U+07FF", "dfbf", 2, true},
    {"U+0800", "e0a080", 3, true},
    {"U+FFFF", "efbfbf", 3, true},
    {"U+10000", "f0908080", 4, true},
    {"U+10FFFF", "f48fbfbf", 4, true},
    {"U+D7FF, before the surrogates", "ed9fbf", 3, true},
    {"U+E000, after them", "ee8080", 3, true},
    {"U+FFFD", "efbfbd", 3, true},
    {"beyond U+10FFFF", "f4908080", 1, false},
    {"five bytes", "f888808080", 0, false},
    {"six bytes", "fc8480808080", 0, false},
    // Lone continuation bytes, lone starts, bytes that never occur (Kuhn 3.1 to 3.5).
    {"80 alone", "80", 0, false},
    {"bf alone", "bf", 0, false},
    {"after a character", "c3a980", 2, false},
    {"a start and a space", "c320", 1, false},
    {"three-byte start and a space", "e3 8320", 2, false},
    {"four-byte start and another start", "f0 9f c3", 2, false},
    {"fe", "fe", 0, false},
    {"ff", "ff", 0, false},
    {"f5", "f5808080", 0, false},
    // Not finished: good so far, but no end of a character.
    {"one of two", "c3", 1, false},
    {"one of three", "e2", 1, false},
    {"two of three", "e282", 2, false},
    {"three of four", "f09f9a", 3, false},
    // Overlong (Kuhn 4.1 to 4.3).
    {"slash in two bytes", "c0af", 0, false},
    {"slash in three", "e080af", 1, false},
    {"slash in four", "f08080af", 1, false},
    {"U+007F in two", "c1bf", 0, false},
    {"U+07FF in three", "e09fbf", 1, false},
    {"U+FFFF in four", "f08fbfbf", 1, false},
    {"U+0000 in two", "c080", 0, false},
    // Surrogates (Kuhn 5.1, 5.2).
    {"U+D800", "eda080", 1, false},
    {"U+DBFF", "edafbf", 1, false},
    {"U+DC00", "edb080", 1, false},
    {"U+DFFF", "edbfbf", 1, false},
    {"a pair", "eda080 edb080", 1, false},
    // Long runs of ASCII, which go by words, around everything else.
    {"after 15 letters", "616161616161616161616161616161 c3a9", 17, true},
    {"bad after 8 letters", "6161616161616161 80", 8, false},
    {"bad after 9 letters", "616161616161616161 80", 9, false},
    {"bad inside a word", "61616180616161616161", 3, false},
    {"bad at a word's end", "61616161616161ff6161", 7, false},
    {"letters after a character", "c3a9 6162636465666768696a6b", 13, true},
};

static bool check_piece(struct utf8 *state, const uint8_t *bytes, size_t length) {
    uint8_t *copy = test_copy(bytes, length);
    bool good = utf8_check(state, copy, length);
    free(copy);
    return good;
}

// Byte by byte, the check fails at the first byte that cannot be, and not before.
static void fails_at_the_first_bad_byte(void) {
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t bytes[64];
        struct utf8 state = {0};
        size_t length = test_hex(bytes, sizeof bytes, cases[i].hex);
        size_t at = 0;
        test_row("%s", cases[i].what);
        while (at < length && check_piece(&state, bytes + at, 1)) at++;
        CHECK_INT(at, cases[i].good_until);
        if (at == length)
            CHECK_INT(utf8_complete(&state), cases[i].complete);
    }
}

static void split_anywhere(void) {
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t bytes[64];
        size_t length = test_hex(bytes, sizeof bytes, cases[i].hex);
        for (size_t first = 0; first <= length; first++) {
            for (size_t second = first; second <= length; second++) {
                struct utf8 state = {0};
                bool good = check_piece(&state, bytes, first) &&
                            check_piece(&state, bytes + first, second - first) &&
                            check_piece(&state, bytes + second, length - second);
                test_row("%s, split at %lu and %lu", cases[i].what, (unsigned long)first,
                         (unsigned long)second);
                CHECK_INT(good, cases[i].good_until == length);
                if (good)
                    CHECK_INT(utf8_complete(&state), cases[i].complete);
            }
        }
    }
}

// Encodes a number by RFC 3629 section 3 without looking at what it stands for.
static size_t encode(uint8_t out[4], uint32_t code) {
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xc0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xe0 | code >> 12);
        out[1] = (uint8_t)(0x80 | ((code >> 6) & 0x3f));
        out[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | code >> 18);
    out[1] = (uint8_t)(0x80 | ((code >> 12) & 0x3f));
    out[2] = (uint8_t)(0x80 | ((code >> 6) & 0x3f));
    out[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

static void every_code_point(void) {
    for (uint32_t code = 0; code < 0x120000; code++) {
        uint8_t bytes[4];
        struct utf8 state = {0};
        size_t length = encode(bytes, code);
        bool exists = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        test_row("U+%04lX", (unsigned long)code);
        bool good = utf8_check(&state, bytes, length) && utf8_complete(&state);
        CHECK_INT(good, exists);
    }
}

// Whether three bytes are UTF-8, by decoding: a start says how many, the number must need them.
static bool reference(const uint8_t *bytes, size_t length) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    while (length > 0) {
        size_t need = bytes[0] < 0x80             ? 1
                      : (bytes[0] & 0xe0) == 0xc0 ? 2
                      : (bytes[0] & 0xf0) == 0xe0 ? 3
                      : (bytes[0] & 0xf8) == 0xf0 ? 4
                                                  : 9;
        if (need > length)
            return false;
        uint32_t code = need == 1 ? bytes[0] : bytes[0] & (0x7fU >> need);
        for (size_t i = 1; i < need; i++) {
            if ((bytes[i] & 0xc0) != 0x80)
                return false;
            code = code << 6 | (bytes[i] & 0x3f);
        }
        if (code < least[need] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return false;
        bytes += need;
        length -= need;
    }
    return true;
}

static void all_short_texts(void) {
    static const uint8_t third[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    for (uint32_t pair = 0; pair < 65536; pair++) {
        for (size_t i = 0; i < COUNT(third); i++) {
            uint8_t bytes[3] = {(uint8_t)(pair >> 8), (uint8_t)pair, third[i]};
            for (size_t length = 2; length <= 3; length++) {
                struct utf8 state = {0};
                bool good = utf8_check(&state, bytes, length) && utf8_complete(&state);
                if (good != reference(bytes, length)) {
                    test_row("%02x %02x %02x", bytes[0], bytes[1], bytes[2]);
                    CHECK_INT(good, !good);
                }
            }
        }
    }
}

int main(void) {
    TEST("a text fails at its first byte that cannot be UTF-8, and not before",
         fails_at_the_first_bad_byte);
    TEST("where a text is split makes no difference", split_anywhere);
    TEST("all code points but the surrogates are taken, and none above U+10FFFF", every_code_point);
    TEST("all texts of two bytes, and many of three, are judged as by decoding", all_short_texts);
    return test_end();
}
