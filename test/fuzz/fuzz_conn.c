// SPDX-License-Identifier: ISC
// A whole connection: the input is what a peer does. Two bytes of settings, then commands: send
// bytes, read, let time pass. Whatever it does, the owner is told the end once, what the connection
// sends are good frames, and it comes to rest.
#include "fuzz_conn.h"

// What the connection has sent must be a response, then frames as a server sends them: not masked,
// and nothing behind a Close.
struct ear {
    struct ws_receiver receiver;
    uint8_t buffer[200000];
    size_t response_left;
    bool closed;
};

static void hear(struct play *play, struct ear *ear) {
    for (;;) {
        size_t room;
        uint8_t *to = ws_receiver_room(&ear->receiver, &room);
        if (ear->response_left > 0)
            room = ear->response_left;
        ssize_t got = recv(play->peer, to, room, MSG_DONTWAIT);
        if (got <= 0)
            return;
        if (ear->response_left > 0) {
            ear->response_left -= (size_t)got;
            continue;
        }
        ws_receiver_added(&ear->receiver, (size_t)got);
        enum ws_event event;
        while ((event = ws_receiver_next(&ear->receiver)) != WS_EVENT_MORE) {
            EXPECT(event != WS_EVENT_FAIL);
            EXPECT(!ear->closed);
            ear->closed = event == WS_EVENT_CONTROL && ear->receiver.opcode == WS_CLOSE;
        }
    }
}

// After some rounds in which the peer does nothing, nothing may be ready: else the loop spins.
static void expect_rest(struct play *play) {
    for (int i = 0; i < 20; i++) play_turn(play);
    EXPECT(poll(play->loop.polled, (nfds_t)play->loop.count, 0) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct play play;
    static struct ear ear;
    struct input input = {data, size};
    play_begin(&play);
    ws_receiver_init(&ear.receiver, ear.buffer, sizeof ear.buffer, 100000, false);
    ear.response_left = strlen(PLAY_RESPONSE);
    ear.closed = false;
    play.refusals = take8(&input);
    play.end_in_message = (take8(&input) & 7) == 1;
    for (int steps = 0; input.left > 0 && steps < 200; steps++) {
        const uint8_t *bytes;
        uint8_t command = take8(&input);
        size_t length = take_bytes(&input, &bytes, command & 0x3f);
        switch (command >> 6) {
        case 0:
        case 1: play_say(&play, bytes, length); break;
        case 2:
            play.loop.now_ms += 1000 * (int64_t)length;
            ws_conn_tick(&play.conn);
            break;
        default: ws_conn_resume(&play.conn); break;
        }
        play_turn(&play);
        play_turn(&play);
        hear(&play, &ear);
    }
    expect_rest(&play);
    hear(&play, &ear);
    if (play.closed == 1 && play.status == WS_STATUS_NORMAL)
        EXPECT(play.conn.state == WS_FREE || ear.closed);
    play_end(&play);
    return 0;
}
