// SPDX-License-Identifier: ISC
// WebSocket frame heads, masking and status codes (RFC 6455 sections 5 and 7.4).
#include "ws/frame.h"

#include "test.h"

// The heads of section 5.7's examples, and the edges of each length's form (section 5.2).
static const struct {
    const char *what;
    const char *hex;
    struct ws_frame frame;
} good_heads[] = {
    {"unmasked text", "81 05", {true, false, WS_TEXT, {0}, 5, false}},
    {"masked text", "81 85 37fa213d", {true, true, WS_TEXT, {0x37, 0xfa, 0x21, 0x3d}, 5, false}},
    {"first fragment", "01 03", {false, false, WS_TEXT, {0}, 3, false}},
    {"last fragment", "80 02", {true, false, WS_CONTINUATION, {0}, 2, false}},
    {"ping", "89 05", {true, false, WS_PING, {0}, 5, false}},
    {"masked pong", "8a 85 37fa213d", {true, true, WS_PONG, {0x37, 0xfa, 0x21, 0x3d}, 5, false}},
    {"256 bytes", "82 7e 0100", {true, false, WS_BINARY, {0}, 256, false}},
    {"64 KiB", "82 7f 0000000000010000", {true, false, WS_BINARY, {0}, 65536, false}},
    {"nothing", "82 00", {true, false, WS_BINARY, {0}, 0, false}},
    {"125", "82 7d", {true, false, WS_BINARY, {0}, 125, false}},
    {"126", "82 7e 007e", {true, false, WS_BINARY, {0}, 126, false}},
    {"127", "82 7e 007f", {true, false, WS_BINARY, {0}, 127, false}},
    {"65535", "82 fe ffff 01020304", {true, true, WS_BINARY, {1, 2, 3, 4}, 65535, false}},
    {"the longest", "82 7f 7fffffffffffffff", {true, false, WS_BINARY, {0}, INT64_MAX, false}},
    {"a middle fragment", "00 00", {false, false, WS_CONTINUATION, {0}, 0, false}},
    {"an empty close", "88 80 00000000", {true, true, WS_CLOSE, {0}, 0, false}},
    {"the longest ping", "89 7d", {true, false, WS_PING, {0}, 125, false}},
};

// What breaks the protocol, and how many bytes show it already.
static const struct {
    const char *what;
    const char *hex;
    size_t shown_by;
} bad_heads[] = {
    {"RSV1", "c1 05", 1},
    {"RSV2", "a1 05", 1},
    {"RSV3", "91 05", 1},
    {"reserved data opcode 3", "83 00", 1},
    {"reserved data opcode 7", "87 00", 1},
    {"reserved control opcode 11", "8b 00", 1},
    {"reserved control opcode 15", "8f 00", 1},
    {"fragmented ping", "09 00", 2},
    {"fragmented close", "08 02", 2},
    {"ping of 126 bytes", "89 7e 007e", 2},
    {"close of 64 KiB", "88 7f 0000000000010000", 2},
    {"125 in two bytes", "82 7e 007d", 4},
    {"0 in two bytes", "82 7e 0000", 4},
    {"65535 in eight bytes", "82 7f 000000000000ffff", 10},
    {"1 in eight bytes", "82 7f 0000000000000001", 10},
    {"the top bit of a length", "82 7f 8000000000000000", 10},
    {"all bits of a length", "82 7f ffffffffffffffff", 10},
};

static int parse_copy(struct ws_frame *frame, const uint8_t *bytes, size_t length) {
    uint8_t *copy = test_copy(bytes, length);
    int got = ws_parse_head(frame, copy, length);
    free(copy);
    return got;
}

static void heads_are_read(void) {
    for (size_t i = 0; i < COUNT(good_heads); i++) {
        uint8_t bytes[WS_HEAD_MAX];
        struct ws_frame frame = {0};
        const struct ws_frame *expected = &good_heads[i].frame;
        size_t length = test_hex(bytes, sizeof bytes, good_heads[i].hex);
        test_row("%s", good_heads[i].what);
        for (size_t part = 0; part < length; part++) CHECK_INT(parse_copy(&frame, bytes, part), 0);
        CHECK_INT(parse_copy(&frame, bytes, length), length);
        CHECK_INT(frame.final, expected->final);
        CHECK_INT(frame.masked, expected->masked);
        CHECK_INT(frame.opcode, expected->opcode);
        CHECK_INT(frame.length, expected->length);
        if (expected->masked)
            CHECK_BYTES(frame.mask, expected->mask, 4);
    }
}

static void heads_are_written(void) {
    for (size_t i = 0; i < COUNT(good_heads); i++) {
        uint8_t expected[WS_HEAD_MAX];
        uint8_t head[WS_HEAD_MAX];
        size_t length = test_hex(expected, sizeof expected, good_heads[i].hex);
        test_row("%s", good_heads[i].what);
        CHECK_INT(ws_write_head(head, &good_heads[i].frame), length);
        CHECK_BYTES(head, expected, length);
    }
}

static void bad_heads_are_refused(void) {
    for (size_t i = 0; i < COUNT(bad_heads); i++) {
        uint8_t bytes[WS_HEAD_MAX];
        struct ws_frame frame;
        size_t length = test_hex(bytes, sizeof bytes, bad_heads[i].hex);
        for (size_t part = 0; part <= length; part++) {
            test_row("%s, %lu bytes of it", bad_heads[i].what, (unsigned long)part);
            CHECK_INT(parse_copy(&frame, bytes, part), part < bad_heads[i].shown_by ? 0 : -1);
        }
    }
}

// All 65 536 values of the first two bytes: what is accepted is what section 5.2 allows.
static void all_first_bytes(void) {
    for (uint32_t pair = 0; pair < 65536; pair++) {
        uint8_t bytes[WS_HEAD_MAX] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        struct ws_frame frame;
        unsigned opcode = bytes[0] & 0x0f;
        unsigned length = bytes[1] & 0x7f;
        bool known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
        bool control = opcode >= 8;
        bool good = known && (bytes[0] & 0x70) == 0 &&
                    (!control || ((bytes[0] & 0x80) != 0 && length <= 125));
        if (length == 126)
            bytes[2] = 1;
        if (length == 127)
            bytes[7] = 1;
        int head = 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + ((pair & 0x80) != 0 ? 4 : 0);
        test_row("%02x %02x", bytes[0], bytes[1]);
        CHECK_INT(ws_parse_head(&frame, bytes, sizeof bytes), good ? head : -1);
    }
}

static void heads_come_back(void) {
    static const uint8_t opcodes[] = {WS_CONTINUATION, WS_TEXT, WS_BINARY,
                                      WS_CLOSE,        WS_PING, WS_PONG};
    for (int i = 0; i < 20000; i++) {
        uint8_t head[WS_HEAD_MAX];
        struct ws_frame frame = {.opcode = opcodes[test_below(COUNT(opcodes))]};
        struct ws_frame back = {0};
        frame.final = ws_opcode_is_control(frame.opcode) || test_below(2) != 0;
        frame.masked = test_below(2) != 0;
        frame.length = test_random() >> (1 + test_below(63));
        if (ws_opcode_is_control(frame.opcode))
            frame.length %= WS_CONTROL_MAX + 1;
        test_random_bytes(frame.mask, 4);
        size_t length = ws_write_head(head, &frame);
        CHECK(length <= WS_HEAD_MAX);
        CHECK_INT(parse_copy(&back, head, length), length);
        CHECK_INT(back.final, frame.final);
        CHECK_INT(back.masked, frame.masked);
        CHECK_INT(back.opcode, frame.opcode);
        CHECK_INT(back.length, frame.length);
        if (frame.masked)
            CHECK_BYTES(back.mask, frame.mask, 4);
    }
}

// Section 5.7: "Hello" under the mask 37 fa 21 3d.
static void masked_hello(void) {
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t bytes[5] = {0x7f, 0x9f, 0x4d, 0x51, 0x58};
    ws_mask(bytes, sizeof bytes, mask, 0);
    CHECK_BYTES(bytes, "Hello", 5);
}

// Against section 5.3's own words: octet i of the result is octet i XOR mask octet i modulo 4.
static void masks_like_byte_by_byte(void) {
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    for (size_t length = 0; length <= 40; length++) {
        for (size_t phase = 0; phase < 8; phase++) {
            for (size_t alignment = 0; alignment < 8; alignment++) {
                uint8_t bytes[64];
                uint8_t expected[64];
                test_random_bytes(bytes, sizeof bytes);
                memcpy(expected, bytes, sizeof bytes);
                for (size_t i = 0; i < length; i++)
                    expected[alignment + i] ^= mask[(phase + i) % 4];
                ws_mask(bytes + alignment, length, mask, phase);
                test_row("%lu bytes, phase %lu, alignment %lu", (unsigned long)length,
                         (unsigned long)phase, (unsigned long)alignment);
                CHECK_BYTES(bytes, expected, sizeof bytes);
            }
        }
    }
}

static void masks_stay_in_bounds(void) {
    static const uint8_t mask[4] = {1, 2, 3, 4};
    for (size_t length = 0; length <= 40; length++) {
        uint8_t *bytes = malloc(length);
        ws_mask(bytes, 0, mask, 0);
        if (bytes != NULL && length > 0) {
            memset(bytes, 0, length);
            ws_mask(bytes, length, mask, 0);
        }
        bool good = length == 0 || bytes[length - 1] == mask[(length - 1) % 4];
        free(bytes);
        CHECK(good);
    }
}

// Section 7.4.1, 7.4.2, and the IANA registry's 1012, 1013 and 1014.
static void status_codes(void) {
    for (uint32_t status = 0; status < 65536; status++) {
        bool good = (status >= 3000 && status <= 4999) || (status >= 1000 && status <= 1003) ||
                    (status >= 1007 && status <= 1014);
        test_row("%lu", (unsigned long)status);
        CHECK_INT(ws_status_is_valid((uint16_t)status), good);
    }
}

int main(void) {
    TEST("heads, the RFC's examples among them, are read, and wait for their last byte",
         heads_are_read);
    TEST("heads are written as the RFC's examples show them", heads_are_written);
    TEST("reserved bits, reserved opcodes, long forms and bad control frames are refused",
         bad_heads_are_refused);
    TEST("of all first two bytes, those that the RFC allows are taken", all_first_bytes);
    TEST("random heads come back as they were written", heads_come_back);
    TEST("the RFC's masked Hello is Hello", masked_hello);
    TEST("masking by words is masking by bytes, at any length, phase and alignment",
         masks_like_byte_by_byte);
    TEST("masking touches nothing beyond the bytes given", masks_stay_in_bounds);
    TEST("the status codes that a peer may send are those of the RFC and its registry",
         status_codes);
    return test_end();
}
