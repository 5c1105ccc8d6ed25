// SPDX-License-Identifier: ISC
// WebSocket frames (RFC 6455 section 5): their heads, and the masking of their payload.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Opcodes (section 5.2).
enum ws_opcode {
    WS_CONTINUATION = 0x0,
    WS_TEXT = 0x1,
    WS_BINARY = 0x2,
    WS_CLOSE = 0x8,
    WS_PING = 0x9,
    WS_PONG = 0xa,
};

// Status codes of a Close frame (section 7.4.1).
enum ws_status {
    WS_STATUS_NORMAL = 1000,
    WS_STATUS_GOING_AWAY = 1001,
    WS_STATUS_PROTOCOL_ERROR = 1002,
    WS_STATUS_NONE = 1005,     // never sent: the Close frame was empty
    WS_STATUS_ABNORMAL = 1006, // never sent: the connection ended without a Close frame
    WS_STATUS_BAD_TEXT = 1007,
    WS_STATUS_TOO_BIG = 1009,
    // Ours (4000-4999 are for applications):
    WS_STATUS_REPLACED = 4001, // a newer phone, or a newer tab, took this one's place
    WS_STATUS_NOBODY = 4002,   // from the server: no laptop spoke on this connection
    WS_STATUS_SILENT = 4003,   // from the laptop: no server answers on this connection
};

// A head is at most 2 bytes + 8 of length + 4 of mask; a control frame's payload at most 125.
#define WS_HEAD_MAX    14
#define WS_CONTROL_MAX 125

struct ws_frame {
    bool final; // FIN: the message's last frame
    bool masked;
    uint8_t opcode;
    uint8_t mask[4];
    uint64_t length; // of the payload, in bytes
    bool delimited;  // draft 76: a byte 0xff ends it, which is its last
};

static inline bool ws_opcode_is_control(uint8_t opcode) { return (opcode & 0x8) != 0; }

// Reads a frame's head. Returns its length in bytes, 0 when more is needed, or -1 where it breaks
// the protocol: reserved bits or opcodes, a long or fragmented control frame, a length with its top
// bit set or not in its shortest form.
int ws_parse_head(struct ws_frame *frame, const uint8_t *bytes, size_t length);

// Writes a frame's head. Returns its length.
size_t ws_write_head(uint8_t head[WS_HEAD_MAX], const struct ws_frame *frame);

// Masks or unmasks in place (section 5.3). `phase` is how many bytes of this payload went before.
void ws_mask(uint8_t *bytes, size_t length, const uint8_t mask[4], size_t phase);

// Whether a peer may send this status code in a Close frame (section 7.4, and the registry it
// names).
bool ws_status_is_valid(uint16_t status);
