// SPDX-License-Identifier: ISC
// Draft 76. The input: one byte of settings, eight sizes of pieces, and a stream: a request's head
// with what is behind it, or frames. The frames are fed to receivers in these pieces, in large
// ones, and into a buffer that grows. All must say what a reader says that has the whole stream
// before it, and goes by the draft's own steps (section 5.3).
#include "fuzz.h"
#include "ws/draft76.h"
#include "ws/receiver.h"

#define SIZES 8

// ---- the handshake ----

static void check_answer(const struct http_request *request, const uint8_t *challenge) {
    char out[DRAFT76_ANSWER_MAX];
    char again[DRAFT76_ANSWER_MAX];
    int length = draft76_answer_request(out, request, challenge);
    EXPECT(length == -400 || length == -431 || length > 16);
    EXPECT(length <= DRAFT76_ANSWER_MAX);
    if (length <= 0)
        return;
    EXPECT(memcmp(out, "HTTP/1.1 101 ", 13) == 0);
    EXPECT(memcmp(out + length - 20, "\r\n\r\n", 4) == 0);
    size_t lines = 0; // no header of the request comes back as two
    for (int i = 0; i < length - 16; i++) lines += out[i] == '\n';
    EXPECT(lines == 5 || lines == 6);
    EXPECT(draft76_answer_request(again, request, challenge) == length);
    EXPECT(memcmp(out, again, (size_t)length) == 0);
}

static void try_request(const uint8_t *stream, size_t length) {
    static struct http_request request;
    int head = http_parse_request(&request, stream, length);
    if (head > 0 && draft76_rest(&request) > 0 && length - (size_t)head >= DRAFT76_CHALLENGE)
        check_answer(&request, stream + head);
}

// ---- frames ----

struct story {
    uint64_t hash;
    unsigned count;
    bool ended;
};

static void tell(struct story *story, uint8_t what, const uint8_t *bytes, size_t length) {
    story->count++;
    story->hash = (story->hash ^ what) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < length; i++)
        story->hash = (story->hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    story->ended = what != WS_EVENT_MESSAGE;
}

// What the draft says, of the stream as a whole. A frame that is too long is noticed while it
// comes.
static struct story read_whole(const uint8_t *at, size_t left, size_t message_max) {
    struct story story = {.hash = 1};
    while (left > 0 && !story.ended) {
        uint8_t type = *at++;
        uint64_t length = 0;
        left--;
        if (type < 0x80) {
            while (length < left && at[length] != 0xff) length++;
            if (length > message_max + (length == left))
                tell(&story, WS_EVENT_FAIL, NULL, 0);
            else if (length == left)
                break;
            else if (type == 0)
                tell(&story, WS_EVENT_MESSAGE, at, (size_t)length);
            if (story.ended)
                break;
            at += length + 1;
            left -= (size_t)length + 1;
            continue;
        }
        size_t used = 0;
        uint8_t byte = 0x80;
        while (used < left && used < 8 && byte >= 0x80) {
            byte = at[used++];
            length = length << 7 | (byte & 0x7f);
        }
        if (byte >= 0x80 && used < 8)
            break;
        if (byte >= 0x80 || length > message_max)
            tell(&story, WS_EVENT_FAIL, NULL, 0);
        else if (type == 0xff && length == 0)
            tell(&story, WS_EVENT_CONTROL, NULL, 0);
        else if (length > left - used)
            break;
        at += used + length;
        left -= used + (size_t)length;
    }
    return story;
}

static void take_events(struct ws_receiver *r, struct story *story) {
    enum ws_event event;
    while (!story->ended && (event = ws_receiver_next(r)) != WS_EVENT_MORE) {
        EXPECT(event == WS_EVENT_FAIL || r->opcode == WS_TEXT || r->opcode == WS_CLOSE);
        EXPECT(event == WS_EVENT_FAIL || r->length <= r->message_max);
        bool is_message = event == WS_EVENT_MESSAGE;
        tell(story, (uint8_t)event, r->data, is_message ? r->length : 0);
        if (is_message)
            memset(r->data, 0xff, r->length); // the owner may write over it
    }
}

static struct story feed(const uint8_t *stream, size_t length, const uint8_t *sizes,
                         size_t message_max, bool grows) {
    struct story story = {.hash = 1};
    struct ws_receiver receiver;
    size_t enough = message_max + WS_HEAD_MAX + WS_CONTROL_MAX;
    size_t size = grows ? 32 + sizes[0] % 100U : enough;
    uint8_t *buffer = malloc(size);
    EXPECT(buffer != NULL);
    ws_receiver_init(&receiver, buffer, size, message_max, false);
    receiver.is_draft76 = true;
    for (size_t i = 0, fed = 0; fed < length && !story.ended; i++) {
        size_t room;
        uint8_t *to = ws_receiver_room(&receiver, &room);
        if (room == 0 && size < enough) {
            size += 1 + (enough - size) / 2;
            uint8_t *larger = malloc(size);
            EXPECT(larger != NULL);
            ws_receiver_grow(&receiver, larger, size);
            free(buffer);
            buffer = larger;
            to = ws_receiver_room(&receiver, &room);
        }
        size_t piece = sizes != NULL ? sizes[i % SIZES] + 1U : SIZE_MAX;
        EXPECT(room > 0 && to >= buffer && to + room <= buffer + size);
        piece = piece < room ? piece : room;
        piece = piece < length - fed ? piece : length - fed;
        memcpy(to, stream + fed, piece);
        ws_receiver_added(&receiver, piece);
        fed += piece;
        take_events(&receiver, &story);
    }
    free(buffer);
    return story;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const size_t limits[] = {1, 10, 126, 1000, 65536, 100, 300, 20000};
    struct input input = {data, size};
    const uint8_t *sizes;
    size_t message_max = limits[take8(&input) & 7];
    if (take_bytes(&input, &sizes, SIZES) < SIZES)
        return 0;
    try_request(input.at, input.left);
    struct story whole = read_whole(input.at, input.left, message_max);
    struct story stories[] = {
        feed(input.at, input.left, sizes, message_max, false),
        feed(input.at, input.left, NULL, message_max, false),
        feed(input.at, input.left, sizes, message_max, true),
    };
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        EXPECT(stories[i].count == whole.count);
        EXPECT(stories[i].hash == whole.hash);
        EXPECT(stories[i].ended == whole.ended);
    }
    return 0;
}
