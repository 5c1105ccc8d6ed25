// SPDX-License-Identifier: ISC
// Frame heads and masking. The head's layout (RFC 6455 section 5.2):
//
//   byte 0: FIN, RSV1-3 (zero: no extension is ever agreed), opcode
//   byte 1: MASK, and the payload's length if below 126
//   126: two bytes of length follow; 127: eight bytes; then the mask, if MASK is set
#include "frame.h"
#include "../base/bytes.h"
#include <string.h>

static bool opcode_is_known(uint8_t opcode) {
    return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

int ws_parse_head(struct ws_frame *frame, const uint8_t *bytes, size_t length) {
    if (length < 1)
        return 0;
    frame->delimited = false;
    frame->final = (bytes[0] & 0x80) != 0;
    frame->opcode = bytes[0] & 0x0f;
    if ((bytes[0] & 0x70) != 0 || !opcode_is_known(frame->opcode))
        return -1;
    if (length < 2)
        return 0;
    frame->masked = (bytes[1] & 0x80) != 0;
    frame->length = bytes[1] & 0x7f;
    if (ws_opcode_is_control(frame->opcode) && (!frame->final || frame->length > WS_CONTROL_MAX))
        return -1;
    size_t head = 2;
    size_t length_bytes = frame->length == 126 ? 2 : frame->length == 127 ? 8 : 0;
    if (length < head + length_bytes)
        return 0;
    if (length_bytes == 2)
        frame->length = get_be16(bytes + head);
    else if (length_bytes == 8)
        frame->length = get_be64(bytes + head);
    if ((length_bytes == 2 && frame->length < 126) ||
        (length_bytes == 8 && (frame->length < 65536 || frame->length >> 63 != 0)))
        return -1;
    head += length_bytes;
    if (frame->masked) {
        if (length < head + 4)
            return 0;
        memcpy(frame->mask, bytes + head, 4);
        head += 4;
    }
    return (int)head;
}

size_t ws_write_head(uint8_t head[WS_HEAD_MAX], const struct ws_frame *frame) {
    size_t at = 2;
    uint8_t mask_bit = frame->masked ? 0x80 : 0;
    if (frame->delimited) {
        head[0] =
            frame->opcode == WS_CLOSE ? 0xff : 0x00; // a Close is 0xff 0x00, text 0x00 ... 0xff
        return 1;
    }
    head[0] = (uint8_t)((frame->final ? 0x80 : 0) | frame->opcode);
    if (frame->length < 126) {
        head[1] = (uint8_t)(mask_bit | frame->length);
    } else if (frame->length < 65536) {
        head[1] = mask_bit | 126;
        put_be16(head + 2, (uint16_t)frame->length);
        at = 4;
    } else {
        head[1] = mask_bit | 127;
        put_be64(head + 2, frame->length);
        at = 10;
    }
    if (frame->masked) {
        memcpy(head + at, frame->mask, 4);
        at += 4;
    }
    return at;
}

void ws_mask(uint8_t *bytes, size_t length, const uint8_t mask[4], size_t phase) {
    uint8_t turned[8];
    uint64_t key;
    uint64_t word;
    for (size_t i = 0; i < sizeof turned; i++) turned[i] = mask[(phase + i) % 4];
    memcpy(&key, turned, sizeof key);
    // memcpy() of eight bytes is one load or store, at any alignment, in any byte order.
    for (; length >= sizeof word; length -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        word ^= key;
        memcpy(bytes, &word, sizeof word);
    }
    for (size_t i = 0; i < length; i++) bytes[i] ^= turned[i];
}

bool ws_status_is_valid(uint16_t status) {
    if (status >= 3000 && status <= 4999) // section 7.4.2: for libraries and applications
        return true;
    // 1004 is reserved, 1005, 1006 and 1015 never travel; 1012-1014 were registered later.
    return (status >= 1000 && status <= 1003) || (status >= 1007 && status <= 1014);
}
