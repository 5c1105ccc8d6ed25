// SPDX-License-Identifier: ISC
// Base64: three bytes are four characters of six bits each. The decoder goes by a table of 256, in
// which a character that is none of the alphabet has the two top bits set; the bits of four
// look-ups are gathered and checked once. Line breaks and spaces are refused: no sender puts them
// in a WebSocket message.
#include "base64.h"

static const char alphabet[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define NO 0xff
static const uint8_t values[256] = {
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, //
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, //
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, NO, NO, 63, //
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO, //
    NO, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, //
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, NO, //
    NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, //
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO, //
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, //
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, //
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, //
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, //
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, //
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, //
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, //
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, //
};
#undef NO

size_t base64_encode(char *text, const uint8_t *bytes, size_t length) {
    char *out = text;
    for (; length >= 3; length -= 3, bytes += 3) {
        uint32_t bits = ((uint32_t)bytes[0] << 16) | ((uint32_t)bytes[1] << 8) | bytes[2];
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[(bits >> 12) & 63];
        *out++ = alphabet[(bits >> 6) & 63];
        *out++ = alphabet[bits & 63];
    }
    if (length > 0) {
        uint32_t bits = (uint32_t)bytes[0] << 16;
        if (length == 2)
            bits |= (uint32_t)bytes[1] << 8;
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[(bits >> 12) & 63];
        *out++ = length == 2 ? alphabet[(bits >> 6) & 63] : '=';
        *out++ = '=';
    }
    return (size_t)(out - text);
}

ptrdiff_t base64_decode(uint8_t *bytes, const char *text, size_t length) {
    const uint8_t *in = (const uint8_t *)text;
    uint8_t *out = bytes;
    if (length % 4 == 0 && length > 0 && in[length - 1] == '=')
        length -= in[length - 2] == '=' ? 2 : 1;
    for (; length >= 4; length -= 4, in += 4) {
        uint8_t a = values[in[0]], b = values[in[1]], c = values[in[2]], d = values[in[3]];
        if (((a | b | c | d) & 0xc0) != 0)
            return -1;
        *out++ = (uint8_t)(a << 2 | b >> 4);
        *out++ = (uint8_t)(b << 4 | c >> 2);
        *out++ = (uint8_t)(c << 6 | d);
    }
    if (length == 0)
        return out - bytes;
    if (length == 1)
        return -1;
    uint8_t a = values[in[0]], b = values[in[1]], c = length == 3 ? values[in[2]] : 0;
    uint8_t unused = length == 3 ? c & 0x03 : b & 0x0f;
    if (((a | b | c) & 0xc0) != 0 || unused != 0)
        return -1;
    *out++ = (uint8_t)(a << 2 | b >> 4);
    if (length == 3)
        *out++ = (uint8_t)(b << 4 | c >> 2);
    return out - bytes;
}
