// SPDX-License-Identifier: ISC
// From bytes to messages: the receiving half of a WebSocket (RFC 6455 sections 5.4 to 8.1), as pure
// code over a buffer that its owner gives.
#pragma once

#include "frame.h"
#include "utf8.h"

// What ws_receiver_next() found.
enum ws_event {
    WS_EVENT_MORE,    // nothing more without more bytes
    WS_EVENT_MESSAGE, // opcode WS_TEXT or WS_BINARY: a whole message
    WS_EVENT_CONTROL, // opcode WS_CLOSE, WS_PING or WS_PONG
    WS_EVENT_FAIL,    // the peer broke the protocol: close with `status`
};

struct ws_receiver {
    uint8_t *buffer;
    size_t size;
    size_t message_max;
    bool expect_mask; // a server's receiver: clients must mask, servers must not (section 5.1)
    bool is_draft76;  // set after ws_receiver_init(), for the server's side of draft76.h

    // The buffer holds the message at hand, contiguous and unmasked, then bytes not yet read.
    size_t message_start;
    size_t message_length;
    size_t parse_at;
    size_t end;

    struct ws_frame frame; // the data frame at hand, while in_frame
    bool in_frame;
    bool skipping;          // the message at hand is thrown away
    uint64_t frame_done;    // bytes of its payload that were taken
    uint8_t message_opcode; // 0 between messages
    struct utf8 utf8;

    // The result of the last call, valid until the next.
    uint8_t opcode;
    uint8_t *data;
    size_t length;
    uint16_t status;
};

// With a `size` of at least message_max + WS_HEAD_MAX + WS_CONTROL_MAX there is always room for
// more; with less, a long message may fill the buffer before it is whole, and ws_receiver_grow() is
// the way on.
void ws_receiver_init(struct ws_receiver *receiver, uint8_t *buffer, size_t size,
                      size_t message_max, bool expect_mask);

// Throws the message at hand away, the rest of it as it comes.
void ws_receiver_skip(struct ws_receiver *receiver);

// Moves what is there to another buffer, which is larger.
void ws_receiver_grow(struct ws_receiver *receiver, uint8_t *buffer, size_t size);

// The room for more bytes once ws_receiver_next() has said WS_EVENT_MORE; see ws_receiver_init()
// for when it may be empty.
uint8_t *ws_receiver_room(struct ws_receiver *receiver, size_t *room);
void ws_receiver_added(struct ws_receiver *receiver, size_t length);

// Finds the next event. Text is checked for UTF-8 as its bytes arrive, not only when it is whole.
enum ws_event ws_receiver_next(struct ws_receiver *receiver);
