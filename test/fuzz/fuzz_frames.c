// SPDX-License-Identifier: ISC
// A stream of WebSocket frames. The input: one byte of settings, eight sizes of pieces, the stream.
// It is fed to three receivers, in these pieces, in large ones, and in these pieces into a buffer
// that is small at first and grows when it is full: all must tell the same story, and every message
// must keep its limits.
#include "fuzz.h"
#include "ws/receiver.h"

#define SIZES 8

struct story {
    uint64_t hash; // of all events so far
    unsigned count;
    bool failed;
};

static void tell(struct story *story, const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < length; i++)
        story->hash = (story->hash ^ at[i]) * UINT64_C(0x100000001b3);
}

static void tell_event(struct story *story, const struct ws_receiver *r, enum ws_event event) {
    uint8_t head[2] = {(uint8_t)event, r->opcode};
    uint32_t length = (uint32_t)r->length;
    story->count++;
    if (event == WS_EVENT_FAIL) {
        story->failed = true;
        EXPECT(r->status == WS_STATUS_PROTOCOL_ERROR || r->status == WS_STATUS_BAD_TEXT ||
               r->status == WS_STATUS_TOO_BIG);
        tell(story, &r->status, sizeof r->status);
        return;
    }
    EXPECT(r->data >= r->buffer && r->data + r->length <= r->buffer + r->size);
    if (event == WS_EVENT_MESSAGE) {
        EXPECT(r->opcode == WS_TEXT || r->opcode == WS_BINARY);
        EXPECT(r->length <= r->message_max);
        if (r->opcode == WS_TEXT)
            EXPECT(is_utf8(r->data, r->length));
    } else {
        EXPECT(ws_opcode_is_control(r->opcode) && r->opcode <= WS_PONG);
        EXPECT(r->length <= WS_CONTROL_MAX);
    }
    tell(story, head, sizeof head);
    tell(story, &length, sizeof length);
    tell(story, r->data, r->length);
    memset(r->data, 0xee, r->length); // the owner may write over it
}

// Moves to a larger buffer, and gives the one before back.
static uint8_t *grow(struct ws_receiver *receiver, uint8_t *buffer, size_t size) {
    uint8_t *larger = malloc(size);
    EXPECT(larger != NULL);
    ws_receiver_grow(receiver, larger, size);
    free(buffer);
    return larger;
}

static struct story feed(const uint8_t *stream, size_t length, const uint8_t *sizes,
                         size_t message_max, bool expect_mask, bool grows) {
    struct story story = {.hash = UINT64_C(0xcbf29ce484222325)};
    struct ws_receiver receiver;
    size_t enough = message_max + WS_HEAD_MAX + WS_CONTROL_MAX;
    size_t size = grows ? 32 + sizes[0] % 100U : enough;
    uint8_t *buffer = malloc(size);
    size_t fed = 0;
    EXPECT(buffer != NULL);
    ws_receiver_init(&receiver, buffer, size, message_max, expect_mask);
    for (size_t i = 0; fed < length && !story.failed; i++) {
        size_t room;
        uint8_t *to = ws_receiver_room(&receiver, &room);
        size_t piece = sizes != NULL ? sizes[i % SIZES] + 1U : SIZE_MAX;
        if (room == 0 && size < enough) {
            size += 1 + (enough - size) / 2;
            buffer = grow(&receiver, buffer, size);
            to = ws_receiver_room(&receiver, &room);
        }
        EXPECT(room > 0 && to >= buffer && to + room <= buffer + size);
        piece = piece < room ? piece : room;
        piece = piece < length - fed ? piece : length - fed;
        memcpy(to, stream + fed, piece);
        ws_receiver_added(&receiver, piece);
        fed += piece;
        enum ws_event event;
        while (!story.failed && (event = ws_receiver_next(&receiver)) != WS_EVENT_MORE)
            tell_event(&story, &receiver, event);
    }
    free(buffer);
    return story;
}

// A head that is read is written as it was: lengths are in their shortest form.
static void try_head(const uint8_t *stream, size_t length) {
    struct ws_frame frame;
    uint8_t head[WS_HEAD_MAX];
    int used = ws_parse_head(&frame, stream, length);
    EXPECT(used >= -1 && used <= WS_HEAD_MAX && (used <= 0 || (size_t)used <= length));
    if (used > 0) {
        EXPECT(ws_write_head(head, &frame) == (size_t)used);
        EXPECT(memcmp(head, stream, (size_t)used) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const size_t limits[] = {0, 10, 126, 1000, 65536, 100, 300, 200000};
    struct input input = {data, size};
    const uint8_t *sizes;
    uint8_t settings = take8(&input);
    if (take_bytes(&input, &sizes, SIZES) < SIZES)
        return 0;
    bool expect_mask = (settings & 8) != 0;
    size_t message_max = limits[settings & 7];
    try_head(input.at, input.left);
    struct story small = feed(input.at, input.left, sizes, message_max, expect_mask, false);
    struct story large = feed(input.at, input.left, NULL, message_max, expect_mask, false);
    struct story grown = feed(input.at, input.left, sizes, message_max, expect_mask, true);
    EXPECT(small.count == large.count);
    EXPECT(small.hash == large.hash);
    EXPECT(grown.count == large.count);
    EXPECT(grown.hash == large.hash);
    return 0;
}
