// SPDX-License-Identifier: ISC
// UTF-8 in pieces, and as the reason of a Close frame. The first byte is the size of the pieces.
#include "fuzz_conn.h"
#include "ws/utf8.h"

// In pieces of `piece` bytes. Returns whether all of it is UTF-8.
static bool check(const uint8_t *bytes, size_t length, size_t piece) {
    struct utf8 state = {0};
    for (size_t at = 0; at < length; at += piece) {
        size_t part = length - at < piece ? length - at : piece;
        if (!utf8_check(&state, bytes + at, part))
            return false;
    }
    return utf8_complete(&state);
}

// A text fails at its first byte that no text could have: with another end instead of that byte it
// could still become good.
static void expect_early_failure(const uint8_t *bytes, size_t length) {
    struct utf8 state = {0};
    size_t at = 0;
    while (at < length && utf8_check(&state, bytes + at, 1)) at++;
    size_t whole = at;
    while (whole > 0 && !is_utf8(bytes, whole)) whole--;
    EXPECT(at - whole <= 3); // at most one character is not finished
    if (at < length)
        EXPECT(!is_utf8(bytes, length));
}

// What RFC 6455 sections 5.5.1 and 7.4 say about a Close frame's body.
static uint16_t expected_status(const uint8_t *body, size_t length) {
    if (length == 0)
        return WS_STATUS_NONE;
    if (length == 1)
        return WS_STATUS_PROTOCOL_ERROR;
    unsigned status = (unsigned)body[0] << 8 | body[1];
    bool known = (status >= 1000 && status <= 1014 && (status < 1004 || status > 1006)) ||
                 (status >= 3000 && status <= 4999);
    if (!known)
        return WS_STATUS_PROTOCOL_ERROR;
    return is_utf8(body + 2, length - 2) ? (uint16_t)status : WS_STATUS_BAD_TEXT;
}

static void try_close(const uint8_t *body, size_t length) {
    static struct play play;
    uint8_t frame[6 + WS_CONTROL_MAX] = {0x88, (uint8_t)(0x80 | length)};
    uint8_t answer[64];
    uint16_t expected = expected_status(body, length);
    memcpy(frame + 6, body, length);
    play_begin(&play);
    EXPECT(play_say(&play, frame, 6 + length) == 6 + length);
    play_turn(&play);
    play_turn(&play);
    EXPECT(play.closed == 1 && play.status == expected);
    EXPECT(play.conn.state == WS_DRAINING);
    ssize_t got = recv(play.peer, answer, sizeof answer, MSG_DONTWAIT);
    const uint8_t *close_frame = answer + strlen(PLAY_RESPONSE);
    if (expected == WS_STATUS_NONE) {
        EXPECT(got == 3 + 2 && close_frame[0] == 0x88 && close_frame[1] == 0);
    } else {
        EXPECT(got == 3 + 4 && close_frame[0] == 0x88 && close_frame[1] == 2);
        EXPECT(close_frame[2] << 8 == (expected & 0xff00) && close_frame[3] == (expected & 0xff));
    }
    play_end(&play);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    size_t piece = data[0] + 1U;
    const uint8_t *text = data + 1;
    size_t length = size - 1;
    bool good = is_utf8(text, length);
    EXPECT(check(text, length, piece) == good);
    EXPECT(check(text, length, length + 1) == good);
    EXPECT(check(text, length, 1) == good);
    expect_early_failure(text, length);
    if (length <= WS_CONTROL_MAX)
        try_close(text, length);
    return 0;
}
