// SPDX-License-Identifier: ISC
// The receiver: whole streams of bytes, and the events that they must give however they are cut
// (RFC 6455 sections 5 and 8).
#include "ws/receiver.h"

#include "test.h"

#define MESSAGE_MAX 200

// What a receiver said, as text: "text(Hello) ping() fail(1002) ".
struct log {
    char text[4096];
    size_t length;
};

static void log_event(struct log *log, const char *name, const uint8_t *data, size_t length) {
    size_t room = sizeof log->text - log->length;
    int wrote = snprintf(log->text + log->length, room, "%s(", name);
    log->length += (size_t)wrote;
    for (size_t i = 0; i < length && log->length < sizeof log->text - 8; i++) {
        bool plain = data[i] > 0x20 && data[i] < 0x7f;
        wrote = snprintf(log->text + log->length, 8, plain ? "%c" : "\\%02x", data[i]);
        log->length += (size_t)wrote;
    }
    log->length += (size_t)snprintf(log->text + log->length, 4, ") ");
}

// Takes everything that the receiver has. Returns false after a failure.
static bool take_events(struct ws_receiver *r, struct log *log) {
    char status[8];
    for (;;) {
        switch (ws_receiver_next(r)) {
        case WS_EVENT_MORE: return true;
        case WS_EVENT_MESSAGE:
            log_event(log, r->opcode == WS_TEXT ? "text" : "binary", r->data, r->length);
            break;
        case WS_EVENT_CONTROL:
            log_event(log,
                      r->opcode == WS_PING   ? "ping"
                      : r->opcode == WS_PONG ? "pong"
                                             : "close",
                      r->data, r->length);
            break;
        case WS_EVENT_FAIL:
            snprintf(status, sizeof status, "%u", (unsigned)r->status);
            log_event(log, "fail", (const uint8_t *)status, strlen(status));
            return false;
        }
    }
}

// Feeds a stream in pieces of `piece` bytes, `first` being the size of the first one, to a receiver
// whose buffer is as small as is allowed. Returns how many bytes were fed until the end or failure,
// or SIZE_MAX when there was no room.
static size_t feed(const uint8_t *bytes, size_t length, size_t first, size_t piece,
                   bool expect_mask, struct log *log) {
    struct ws_receiver receiver;
    size_t size = MESSAGE_MAX + WS_HEAD_MAX + WS_CONTROL_MAX;
    uint8_t *buffer = malloc(size);
    size_t at = 0;
    bool going = buffer != NULL;
    log->length = 0;
    log->text[0] = '\0';
    ws_receiver_init(&receiver, buffer, size, MESSAGE_MAX, expect_mask);
    while (going && at < length) {
        size_t room;
        size_t want = at == 0 && first > 0 ? first : piece;
        uint8_t *to = ws_receiver_room(&receiver, &room);
        if (room == 0) {
            at = SIZE_MAX;
            break;
        }
        if (want > length - at)
            want = length - at;
        if (want > room)
            want = room;
        memcpy(to, bytes + at, want);
        ws_receiver_added(&receiver, want);
        at += want;
        going = take_events(&receiver, log);
    }
    free(buffer);
    return at;
}

// Unmasked streams, as a client receives them.
static const struct {
    const char *what;
    const char *hex;
    const char *events;
} streams[] = {
    // Section 5.7.
    {"unmasked text", "81 05 48656c6c6f", "text(Hello) "},
    {"fragmented text", "01 03 48656c 80 02 6c6f", "text(Hello) "},
    {"ping and pong", "89 05 48656c6c6f 8a 05 48656c6c6f", "ping(Hello) pong(Hello) "},
    // Section 5.4.
    {"two messages", "81 01 61 82 01 62", "text(a) binary(b) "},
    {"empty messages", "81 00 82 00 81 00", "text() binary() text() "},
    {"control frames between fragments", "01 01 61 89 02 7031 00 01 62 8a 00 00 00 89 00 80 01 63",
     "ping(p1) pong() ping() text(abc) "},
    {"a close between fragments", "02 01 61 88 02 03e8", "close(\\03\\e8) "},
    {"fragments of nothing", "02 00 00 00 00 00 80 00", "binary() "},
    {"a long one in pieces",
     "02 05 3132333435 00 05 3637383930 00 05 3132333435 00 05 3637383930 80 01 2e",
     "binary(12345678901234567890.) "},
    {"binary need not be UTF-8", "82 03 ff00c0", "binary(\\ff\\00\\c0) "},
    {"a ping need not be UTF-8", "89 02 ffc0", "ping(\\ff\\c0) "},
    {"two-byte length",
     "82 7e 0080"
     "61616161616161616161616161616161 61616161616161616161616161616161"
     "61616161616161616161616161616161 61616161616161616161616161616161"
     "61616161616161616161616161616161 61616161616161616161616161616161"
     "61616161616161616161616161616161 61616161616161616161616161616161 89 01 2e",
     "binary(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) ping(.) "},
    {"no more than a part", "81 05 48656c", ""},
    {"no more than a fragment", "81 01 61 01 05 48656c6c6f", "text(a) "},
    // Fragmentation broken.
    {"a continuation of nothing", "80 01 61", "fail(1002) "},
    {"a continuation after the end", "01 01 61 80 01 62 80 01 63", "text(ab) fail(1002) "},
    {"a message inside a message", "01 01 61 81 01 62", "fail(1002) "},
    {"a binary inside a text", "01 01 61 02 01 62", "fail(1002) "},
    // Heads broken.
    {"reserved bit", "81 01 61 c1 01 62", "text(a) fail(1002) "},
    {"reserved opcode", "83 00", "fail(1002) "},
    {"fragmented ping", "09 00", "fail(1002) "},
    {"ping of 126", "89 7e 007e", "fail(1002) "},
    {"length not minimal", "82 7e 0001 61", "fail(1002) "},
    {"masked by a server", "81 81 00000000 61", "fail(1002) "},
    // Limits: 200 bytes.
    {"one byte too many", "82 7e 00c9", "fail(1009) "},
    {"far too many", "82 7f 7fffffffffffffff", "fail(1009) "},
    // Section 8.1: text that is not UTF-8.
    {"bad text", "81 02 61ff", "fail(1007) "},
    {"text that ends inside a character", "81 02 61c3", "fail(1007) "},
    {"a character over two frames", "01 02 61c3 80 01 a9", "text(a\\c3\\a9) "},
    {"a character over a ping", "01 01 e2 89 00 00 01 82 89 00 80 01 ac",
     "ping() ping() text(\\e2\\82\\ac) "},
    {"a bad second half", "01 02 61c3 80 01 28", "fail(1007) "},
    {"a message's bad end does not spoil the next", "82 01 c3 81 01 61", "binary(\\c3) text(a) "},
    {"the next text starts anew", "81 02 c3a9 81 01 a9", "text(\\c3\\a9) fail(1007) "},
};

// Masks every frame of a stream of good heads, each with another mask.
static size_t mask_stream(uint8_t *out, const uint8_t *in, size_t length) {
    size_t at = 0;
    size_t to = 0;
    while (at < length) {
        struct ws_frame frame;
        int head = ws_parse_head(&frame, in + at, length - at);
        if (head <= 0) { // broken: masked in form only
            memcpy(out + to, in + at, length - at);
            if (length - at > 1)
                out[to + 1] |= 0x80;
            return to + length - at;
        }
        uint64_t there = length - at - (size_t)head;
        size_t payload = frame.length < there ? (size_t)frame.length : (size_t)there;
        frame.masked = true;
        test_random_bytes(frame.mask, 4);
        to += ws_write_head(out + to, &frame);
        for (size_t i = 0; i < payload; i++)
            out[to + i] = in[at + (size_t)head + i] ^ frame.mask[i % 4];
        to += payload;
        at += (size_t)head + payload;
    }
    return to;
}

static void check_all_cuts(const char *what, const uint8_t *bytes, size_t length, bool expect_mask,
                           const char *events) {
    struct log log;
    for (size_t piece = 1; piece <= length; piece++) {
        test_row("%s, in pieces of %lu", what, (unsigned long)piece);
        CHECK(feed(bytes, length, 0, piece, expect_mask, &log) != SIZE_MAX);
        CHECK_TEXT(log.text, events);
    }
    for (size_t first = 1; first < length; first++) {
        test_row("%s, cut at %lu", what, (unsigned long)first);
        CHECK(feed(bytes, length, first, length, expect_mask, &log) != SIZE_MAX);
        CHECK_TEXT(log.text, events);
    }
}

static void unmasked_streams(void) {
    for (size_t i = 0; i < COUNT(streams); i++) {
        uint8_t bytes[512];
        size_t length = test_hex(bytes, sizeof bytes, streams[i].hex);
        check_all_cuts(streams[i].what, bytes, length, false, streams[i].events);
    }
}

static void masked_streams(void) {
    for (size_t i = 0; i < COUNT(streams); i++) {
        uint8_t bytes[512];
        uint8_t masked[1024];
        size_t length = test_hex(bytes, sizeof bytes, streams[i].hex);
        if (strstr(streams[i].what, "masked by") != NULL)
            continue;
        length = mask_stream(masked, bytes, length);
        check_all_cuts(streams[i].what, masked, length, true, streams[i].events);
    }
}

// Section 5.1: a server fails on an unmasked frame, by its head alone, whatever it is.
static void unmasked_to_a_server(void) {
    static const char *const heads[] = {"81 05", "82 00", "89 00", "88 02", "01 7e 0100"};
    for (size_t i = 0; i < COUNT(heads); i++) {
        uint8_t bytes[16];
        struct log log;
        size_t length = test_hex(bytes, sizeof bytes, heads[i]);
        check_all_cuts(heads[i], bytes, length, true, "fail(1002) ");
        CHECK_INT(feed(bytes, length, 0, 1, true, &log), length);
    }
}

// Bad text fails at its first bad byte, and a message that is too long by its head: nobody has to
// wait for the rest.
static void fails_early(void) {
    static const struct {
        const char *hex;
        size_t fails_after;
    } cases[] = {
        {"81 0a 6162ff6162636465", 5}, {"81 0a 61c320", 5},  {"81 0a eda080", 4},
        {"01 03 616263 80 0a f5", 8},  {"81 7e 00c9 61", 4}, {"02 02 6161 80 7e 00c7 61", 8},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t bytes[32];
        struct log log;
        size_t length = test_hex(bytes, sizeof bytes, cases[i].hex);
        test_row("%s", cases[i].hex);
        CHECK_INT(feed(bytes, length, 0, 1, false, &log), cases[i].fails_after);
        CHECK(strstr(log.text, "fail(") != NULL);
    }
}

static size_t put_frame(uint8_t *out, bool final, uint8_t opcode, const uint8_t *data,
                        size_t length, bool masked) {
    struct ws_frame frame = {.final = final, .masked = masked, .opcode = opcode, .length = length};
    test_random_bytes(frame.mask, 4);
    size_t head = ws_write_head(out, &frame);
    for (size_t i = 0; i < length; i++)
        out[head + i] = masked ? data[i] ^ frame.mask[i % 4] : data[i];
    return head + length;
}

// Writes a message in frames of `piece` bytes.
static size_t put_fragments(uint8_t *out, const uint8_t *data, size_t length, size_t piece) {
    size_t wrote = 0;
    for (size_t at = 0; at < length; at += piece) {
        size_t part = length - at < piece ? length - at : piece;
        wrote += put_frame(out + wrote, at + part == length, at == 0 ? WS_BINARY : WS_CONTINUATION,
                           data + at, part, true);
    }
    return wrote;
}

// A message of exactly the limit passes, in one frame or many, also when the buffer has not a byte
// more than it must; one byte more does not pass.
static void exactly_the_limit(void) {
    uint8_t data[MESSAGE_MAX + 1];
    uint8_t stream[4096];
    struct log log;
    struct log expected = {.length = 0};
    memset(data, 'x', sizeof data);
    log_event(&expected, "binary", data, MESSAGE_MAX);
    for (size_t piece = 1; piece <= MESSAGE_MAX + 1; piece++) {
        size_t length = put_fragments(stream, data, MESSAGE_MAX, piece);
        test_row("frames of %lu", (unsigned long)piece);
        CHECK(feed(stream, length, 0, sizeof stream, true, &log) != SIZE_MAX);
        CHECK_TEXT(log.text, expected.text);
        CHECK(feed(stream, length, 0, 7, true, &log) != SIZE_MAX);
        CHECK_TEXT(log.text, expected.text);
        length = put_fragments(stream, data, MESSAGE_MAX + 1, piece);
        CHECK(feed(stream, length, 0, 7, true, &log) != SIZE_MAX);
        CHECK_TEXT(log.text, "fail(1009) ");
    }
}

// What the random test sends, and expects back.
struct expectation {
    uint8_t opcode;
    size_t length;
    uint8_t data[MESSAGE_MAX];
};

#define BUSY_EVENTS 40

struct busy {
    uint8_t stream[65536];
    size_t length;
    struct expectation expected[BUSY_EVENTS * 8];
    size_t count;
};

static void expect(struct busy *busy, uint8_t opcode, const uint8_t *data, size_t length) {
    struct expectation *e = &busy->expected[busy->count++];
    e->opcode = opcode;
    e->length = length;
    memcpy(e->data, data, length);
}

static void add_control(struct busy *busy, bool masked) {
    uint8_t data[WS_CONTROL_MAX];
    size_t length = test_below(4) == 0 ? WS_CONTROL_MAX : test_below(20);
    uint8_t opcode = test_below(2) == 0 ? WS_PING : WS_PONG;
    test_random_bytes(data, length);
    busy->length += put_frame(busy->stream + busy->length, true, opcode, data, length, masked);
    expect(busy, opcode, data, length);
}

static void add_message(struct busy *busy, bool masked) {
    uint8_t data[MESSAGE_MAX];
    size_t length = test_below(3) == 0 ? MESSAGE_MAX : test_below(MESSAGE_MAX + 1);
    size_t fragments = 1 + (test_below(2) == 0 ? 0 : test_below(6));
    size_t at = 0;
    test_random_bytes(data, length);
    for (size_t i = 0; i < fragments; i++) {
        size_t left = length - at;
        size_t part = i + 1 == fragments ? left : test_below((uint32_t)left + 1);
        busy->length += put_frame(busy->stream + busy->length, i + 1 == fragments,
                                  i == 0 ? WS_BINARY : WS_CONTINUATION, data + at, part, masked);
        at += part;
        if (i + 1 < fragments && test_below(2) == 0)
            add_control(busy, masked);
    }
    expect(busy, WS_BINARY, data, length);
}

static void check_event(const struct ws_receiver *r, const struct busy *busy, size_t *seen) {
    CHECK(*seen < busy->count);
    const struct expectation *e = &busy->expected[(*seen)++];
    CHECK_INT(r->opcode, e->opcode);
    CHECK_INT(r->length, e->length);
    CHECK_BYTES(r->data, e->data, e->length);
}

// Feeds a busy stream as a socket would: as much as there is room for, or less.
static void check_busy(const struct busy *busy, bool masked) {
    struct ws_receiver receiver;
    size_t size = MESSAGE_MAX + WS_HEAD_MAX + WS_CONTROL_MAX + test_below(2) * test_below(1000);
    uint8_t *buffer = malloc(size);
    size_t at = 0;
    size_t seen = 0;
    ws_receiver_init(&receiver, buffer, size, MESSAGE_MAX, masked);
    while (at < busy->length && !test_state.failed) {
        size_t room;
        uint8_t *to = ws_receiver_room(&receiver, &room);
        size_t piece = test_below(3) == 0 ? 1 + test_below(300) : room;
        if (room == 0)
            test_fail(__FILE__, __LINE__, "no room for more, and nothing to take");
        if (piece > room)
            piece = room;
        if (piece > busy->length - at)
            piece = busy->length - at;
        memcpy(to, busy->stream + at, piece);
        ws_receiver_added(&receiver, piece);
        at += piece;
        enum ws_event event = WS_EVENT_MESSAGE;
        while (!test_state.failed && (event = ws_receiver_next(&receiver)) != WS_EVENT_MORE) {
            if (event == WS_EVENT_FAIL)
                test_fail(__FILE__, __LINE__, "failed with %u", (unsigned)receiver.status);
            else
                check_event(&receiver, busy, &seen);
        }
    }
    free(buffer);
    CHECK_INT(seen, busy->count);
}

static void busy_streams(void) {
    static struct busy busy;
    for (int round = 0; round < 400; round++) {
        bool masked = test_below(2) != 0;
        busy.length = busy.count = 0;
        for (int i = 0; i < BUSY_EVENTS; i++) {
            if (test_below(4) == 0)
                add_control(&busy, masked);
            else
                add_message(&busy, masked);
        }
        test_row("round %d", round);
        check_busy(&busy, masked);
    }
}

// Moves a receiver to another buffer, and gives the one before back, so that no look into it goes
// unnoticed.
static uint8_t *grow(struct ws_receiver *receiver, uint8_t *buffer, size_t size) {
    uint8_t *larger = malloc(size);
    if (larger == NULL)
        exit(2);
    ws_receiver_grow(receiver, larger, size);
    free(buffer);
    return larger;
}

// Feeds a stream to a receiver whose buffer is small at first and grows by `step` bytes whenever it
// is full.
static void feed_growing(const uint8_t *bytes, size_t length, size_t piece, size_t size,
                         size_t step, struct log *log) {
    struct ws_receiver receiver;
    uint8_t *buffer = malloc(size);
    bool going = buffer != NULL;
    log->length = 0;
    log->text[0] = '\0';
    ws_receiver_init(&receiver, buffer, size, MESSAGE_MAX, true);
    for (size_t at = 0; going && at < length;) {
        size_t room;
        uint8_t *to = ws_receiver_room(&receiver, &room);
        if (room == 0) {
            size += step;
            buffer = grow(&receiver, buffer, size);
            to = ws_receiver_room(&receiver, &room);
        }
        size_t want = piece < length - at ? piece : length - at;
        want = want < room ? want : room;
        memcpy(to, bytes + at, want);
        ws_receiver_added(&receiver, want);
        at += want;
        going = take_events(&receiver, log);
    }
    free(buffer);
    if (size > MESSAGE_MAX + WS_HEAD_MAX + WS_CONTROL_MAX + step)
        test_fail(__FILE__, __LINE__, "it grew beyond need: %lu", (unsigned long)size);
}

// The same events come of every stream, wherever in it the buffer is full.
static void growing_buffers(void) {
    static const size_t sizes[] = {32, 33, 50, 64, 100, 150, 200};
    static const size_t steps[] = {1, 13, 400};
    for (size_t i = 0; i < COUNT(streams); i++) {
        uint8_t bytes[512];
        uint8_t masked[1024];
        struct log log;
        size_t length = test_hex(bytes, sizeof bytes, streams[i].hex);
        if (strstr(streams[i].what, "masked by") != NULL)
            continue;
        length = mask_stream(masked, bytes, length);
        for (size_t k = 0; k < COUNT(sizes) * COUNT(steps); k++) {
            for (size_t piece = 1; piece <= length; piece += piece < 20 ? 1 : 17) {
                size_t size = sizes[k % COUNT(sizes)];
                test_row("%s, %lu bytes of buffer", streams[i].what, (unsigned long)size);
                feed_growing(masked, length, piece, size, steps[k / COUNT(sizes)], &log);
                CHECK_TEXT(log.text, streams[i].events);
            }
        }
    }
}

// Long messages, in one frame or many, binary and text, with control frames between: the buffer is
// full in mid-message, in mid-frame, in a control frame, in a head.
static void growing_in_mid_message(void) {
    for (int round = 0; round < 3000; round++) {
        uint8_t data[MESSAGE_MAX];
        uint8_t stream[8192];
        struct log log;
        struct log expected = {.length = 0};
        size_t length = 0;
        for (int message = 0; message < 3; message++) {
            bool text = test_below(2) == 0;
            size_t whole = 50 + test_below(MESSAGE_MAX - 49);
            size_t piece = test_below(3) == 0 ? whole : 1 + test_below(90);
            for (size_t i = 0; i < whole; i++)
                data[i] = text ? (uint8_t)('a' + test_below(26)) : (uint8_t)test_random();
            for (size_t at = 0; at < whole; at += piece) {
                size_t part = whole - at < piece ? whole - at : piece;
                uint8_t opcode = at > 0 ? WS_CONTINUATION : text ? WS_TEXT : WS_BINARY;
                length +=
                    put_frame(stream + length, at + part == whole, opcode, data + at, part, true);
                if (at + part == whole || test_below(6) > 0 || expected.length > 1500)
                    continue;
                uint8_t ping[WS_CONTROL_MAX];
                size_t size = test_below(sizeof ping + 1);
                test_random_bytes(ping, size);
                length += put_frame(stream + length, true, WS_PING, ping, size, true);
                log_event(&expected, "ping", ping, size);
            }
            log_event(&expected, text ? "text" : "binary", data, whole);
        }
        test_row("round %d", round);
        feed_growing(stream, length, 1 + test_below(300), 32 + test_below(100), 1 + test_below(300),
                     &log);
        CHECK_TEXT(log.text, expected.text);
    }
}

// A message that is thrown away when the buffer is full of it: what is before it and behind it
// comes, and so do the control frames in it; bad text in it is not looked at.
static void skipped_messages(void) {
    for (int round = 0; round < 2000; round++) {
        uint8_t data[MESSAGE_MAX];
        uint8_t stream[4096];
        struct log log = {.length = 0};
        struct log expected = {.length = 0};
        struct ws_receiver receiver;
        uint8_t buffer[150];
        size_t length = 0;
        unsigned skipped = 0;
        unsigned long_ones = 0;
        for (int message = 0; message < 6; message++) {
            bool is_long = test_below(2) == 0;
            size_t whole = is_long ? 170 + test_below(31) : 1 + test_below(60);
            size_t piece = 1 + test_below((uint32_t)whole);
            memset(data, is_long ? 0xff : 'a', whole);
            for (size_t at = 0; at < whole; at += piece) {
                size_t part = whole - at < piece ? whole - at : piece;
                length += put_frame(stream + length, at + part == whole,
                                    at > 0    ? WS_CONTINUATION
                                    : is_long ? WS_BINARY
                                              : WS_TEXT,
                                    data + at, part, true);
                if (at + part < whole && test_below(8) == 0) {
                    length += put_frame(stream + length, true, WS_PING, data, 1, true);
                    log_event(&expected, "ping", data, 1);
                }
            }
            long_ones += is_long;
            if (!is_long)
                log_event(&expected, "text", data, whole);
        }
        ws_receiver_init(&receiver, buffer, sizeof buffer, MESSAGE_MAX, true);
        test_row("round %d", round);
        for (size_t at = 0; at < length;) {
            size_t room;
            uint8_t *to = ws_receiver_room(&receiver, &room);
            if (room == 0) {
                CHECK_INT(receiver.message_opcode, WS_BINARY);
                ws_receiver_skip(&receiver);
                skipped++;
                to = ws_receiver_room(&receiver, &room);
                CHECK(room > 0);
            }
            size_t want = 1 + test_below(200);
            want = want < length - at ? want : length - at;
            want = want < room ? want : room;
            memcpy(to, stream + at, want);
            ws_receiver_added(&receiver, want);
            at += want;
            CHECK(take_events(&receiver, &log));
        }
        CHECK_INT(skipped, long_ones);
        CHECK_TEXT(log.text, expected.text);
    }
}

// A message is delivered where it lies, and stays valid and writable until the next call.
static void messages_lie_in_the_buffer(void) {
    static const uint8_t stream[] = {0x82, 3, 'a', 'b', 'c', 0x82, 3, 'd', 'e', 'f'};
    uint8_t buffer[MESSAGE_MAX + WS_HEAD_MAX + WS_CONTROL_MAX];
    struct ws_receiver receiver;
    size_t room;
    ws_receiver_init(&receiver, buffer, sizeof buffer, MESSAGE_MAX, false);
    memcpy(ws_receiver_room(&receiver, &room), stream, sizeof stream);
    ws_receiver_added(&receiver, sizeof stream);
    CHECK_INT(ws_receiver_next(&receiver), WS_EVENT_MESSAGE);
    CHECK(receiver.data == buffer + 2);
    memset(receiver.data, 0xff, receiver.length);
    CHECK_INT(ws_receiver_next(&receiver), WS_EVENT_MESSAGE);
    CHECK_BYTES(receiver.data, "def", 3);
    CHECK_INT(ws_receiver_next(&receiver), WS_EVENT_MORE);
}

int main(void) {
    TEST("a server's streams give the same events however they are cut", unmasked_streams);
    TEST("a client's masked streams give the same events however they are cut", masked_streams);
    TEST("a server fails on any frame that is not masked", unmasked_to_a_server);
    TEST("bad text and long messages fail at the first byte that shows it", fails_early);
    TEST(
        "a message of exactly the limit passes in any number of frames, and one byte more does not",
        exactly_the_limit);
    TEST("busy random streams come through a tight buffer whole and in order", busy_streams);
    TEST("streams give the same events while the buffer grows", growing_buffers);
    TEST("also where it is full in the middle of a message, a frame or a head",
         growing_in_mid_message);
    TEST("a message that is skipped takes nothing else with it", skipped_messages);
    TEST("a message may be written over without harm to the next", messages_lie_in_the_buffer);
    return test_end();
}
