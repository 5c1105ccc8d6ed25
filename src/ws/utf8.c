// SPDX-License-Identifier: ISC
// UTF-8 is checked byte by byte against the table of RFC 3629 section 4: the first byte says how
// many continuation bytes follow, and narrows the range of the first of them; that excludes
// overlong forms, surrogates (U+D800..DFFF) and all above U+10FFFF. ASCII, the common case (base64
// is nothing else), goes by eight bytes at a time.
#include "utf8.h"
#include <string.h>

static size_t ascii_run(const uint8_t *bytes, size_t length) {
    size_t at = 0;
    uint64_t word;
    for (; length - at >= sizeof word; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    return at;
}

static bool begin_character(struct utf8 *state, uint8_t byte) {
    static const struct {
        uint8_t first, last; // of first bytes
        struct utf8 then;
    } table[] = {
        {0x00, 0x7f, {0, 0x80, 0xbf}}, {0xc2, 0xdf, {1, 0x80, 0xbf}}, {0xe0, 0xe0, {2, 0xa0, 0xbf}},
        {0xe1, 0xec, {2, 0x80, 0xbf}}, {0xed, 0xed, {2, 0x80, 0x9f}}, {0xee, 0xef, {2, 0x80, 0xbf}},
        {0xf0, 0xf0, {3, 0x90, 0xbf}}, {0xf1, 0xf3, {3, 0x80, 0xbf}}, {0xf4, 0xf4, {3, 0x80, 0x8f}},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (byte < table[i].first || byte > table[i].last)
            continue;
        *state = table[i].then;
        return true;
    }
    return false;
}

bool utf8_check(struct utf8 *state, const uint8_t *bytes, size_t length) {
    for (size_t at = 0; at < length; at++) {
        if (state->left == 0) {
            at += ascii_run(bytes + at, length - at);
            if (at == length)
                break;
            if (!begin_character(state, bytes[at]))
                return false;
            continue;
        }
        if (bytes[at] < state->low || bytes[at] > state->high)
            return false;
        state->left--;
        state->low = 0x80;
        state->high = 0xbf;
    }
    return true;
}
