// SPDX-License-Identifier: ISC
// Base64: the input as text to decode, and as bytes to encode.
#include "fuzz.h"
#include "ws/base64.h"

static void try_decode(const uint8_t *text, size_t length) {
    uint8_t *out = malloc(length / 4 * 3 + 3);
    uint8_t *in_place = exact_copy(text, length);
    EXPECT(out != NULL);
    ptrdiff_t size = base64_decode(out, (const char *)text, length);
    EXPECT(size >= -1 && size <= (ptrdiff_t)(length / 4 * 3 + 2));
    EXPECT(base64_decode(in_place, (const char *)in_place, length) == size);
    if (size >= 0) {
        // Only one text stands for these bytes, but for its padding.
        char *again = malloc(BASE64_LENGTH((size_t)size) + 1);
        EXPECT(again != NULL);
        EXPECT(memcmp(in_place, out, (size_t)size) == 0);
        size_t encoded = base64_encode(again, out, (size_t)size);
        while (encoded > length && again[encoded - 1] == '=') encoded--;
        EXPECT(encoded == length && memcmp(again, text, length) == 0);
        free(again);
    }
    free(in_place);
    free(out);
}

static void try_encode(const uint8_t *bytes, size_t length) {
    char *text = malloc(BASE64_LENGTH(length) + 1);
    uint8_t *back = malloc(length + 1);
    EXPECT(text != NULL && back != NULL);
    size_t size = base64_encode(text, bytes, length);
    EXPECT(size == BASE64_LENGTH(length));
    EXPECT(base64_decode(back, text, size) == (ptrdiff_t)length);
    EXPECT(memcmp(back, bytes, length) == 0);
    while (size > 0 && text[size - 1] == '=') size--;
    EXPECT(base64_decode(back, text, size) == (ptrdiff_t)length);
    EXPECT(memcmp(back, bytes, length) == 0);
    free(text);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    try_decode(data, size);
    try_encode(data, size);
    return 0;
}
