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
    if (byte < 0x80)
        return true;
    if (byte < 0xc2 || byte > 0xf4)
        return false;
    state->low = 0x80;
    state->high = 0xbf;
    if (byte < 0xe0) {
        state->left = 1;
    } else if (byte < 0xf0) {
        state->left = 2;
        if (byte == 0xe0)
            state->low = 0xa0;
        if (byte == 0xed)
            state->high = 0x9f;
    } else {
        state->left = 3;
        if (byte == 0xf0)
            state->low = 0x90;
        if (byte == 0xf4)
            state->high = 0x8f;
    }
    return true;
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
