// SPDX-License-Identifier: ISC
// The receiver reads frames in place. A message of one frame is delivered where it lies; the frames
// of a fragmented one are moved together, each byte once. Bytes are unmasked and, in text, checked
// as soon as they are there, so that bad text fails at its first bad byte.
//
//   buffer: | free | message so far | gap (heads, control frames) | not yet read | room |
//                  ^ message_start                                ^ parse_at     ^ end
#include "receiver.h"
#include "draft76.h"
#include <string.h>

void ws_receiver_init(struct ws_receiver *receiver, uint8_t *buffer, size_t size,
                      size_t message_max, bool expect_mask) {
    memset(receiver, 0, sizeof *receiver);
    receiver->buffer = buffer;
    receiver->size = size;
    receiver->message_max = message_max;
    receiver->expect_mask = expect_mask;
}

// Closes the free space and the gap.
static void compact(struct ws_receiver *r) {
    size_t unread = r->end - r->parse_at;
    if (r->message_length > 0 && r->message_start > 0)
        memmove(r->buffer, r->buffer + r->message_start, r->message_length);
    if (unread > 0 && r->parse_at != r->message_length)
        memmove(r->buffer + r->message_length, r->buffer + r->parse_at, unread);
    r->message_start = 0;
    r->parse_at = r->message_length;
    r->end = r->message_length + unread;
}

void ws_receiver_grow(struct ws_receiver *r, uint8_t *buffer, size_t size) {
    memcpy(buffer, r->buffer, r->end);
    r->buffer = buffer;
    r->size = size;
}

void ws_receiver_skip(struct ws_receiver *r) {
    r->skipping = true;
    r->message_length = 0;
}

uint8_t *ws_receiver_room(struct ws_receiver *r, size_t *room) {
    // What little is there moves to the start, so that a stream of small messages stays in a small
    // part of the buffer; much only when it must.
    size_t kept = r->message_length + (r->end - r->parse_at);
    if (kept < r->size / 32 || r->size - r->end < r->size / 32)
        compact(r);
    *room = r->size - r->end;
    return r->buffer + r->end;
}

void ws_receiver_added(struct ws_receiver *r, size_t length) { r->end += length; }

static enum ws_event fail(struct ws_receiver *r, uint16_t status) {
    r->status = status;
    return WS_EVENT_FAIL;
}

// Takes a control frame, which may stand between the frames of a message (section 5.4).
static enum ws_event take_control(struct ws_receiver *r, const struct ws_frame *frame,
                                  size_t head) {
    if (r->end - r->parse_at < head + frame->length)
        return WS_EVENT_MORE;
    r->opcode = frame->opcode;
    r->data = r->buffer + r->parse_at + head;
    r->length = (size_t)frame->length;
    if (frame->masked)
        ws_mask(r->data, r->length, frame->mask, 0);
    r->parse_at += head + r->length;
    return WS_EVENT_CONTROL;
}

// Begins a data frame. Returns 0, or the status to fail with.
static uint16_t begin_data(struct ws_receiver *r, const struct ws_frame *frame, size_t head) {
    bool continues = frame->opcode == WS_CONTINUATION;
    if (continues != (r->message_opcode != 0))
        return WS_STATUS_PROTOCOL_ERROR;
    if (frame->length > r->message_max - r->message_length)
        return WS_STATUS_TOO_BIG;
    r->parse_at += head;
    r->skipping |= r->is_draft76 && frame->opcode == WS_BINARY;
    r->frame = *frame;
    r->frame_done = 0;
    r->in_frame = true;
    if (!continues) {
        r->message_opcode = frame->opcode;
        r->message_start = r->parse_at;
        r->utf8 = (struct utf8){0};
    }
    return 0;
}

// Draft 76: the frame reaches to where its last byte is, or beyond what is here.
static void find_end(struct ws_receiver *r) {
    size_t here = r->end - r->parse_at;
    const uint8_t *at = r->buffer + r->parse_at;
    const uint8_t *last = here > 0 ? memchr(at, 0xff, here) : NULL;
    r->frame.length = r->frame_done + (last != NULL ? (size_t)(last - at) : here) + 1;
}

// Takes what is there of the data frame's payload. Returns false on text that is not UTF-8.
static bool take_payload(struct ws_receiver *r) {
    uint64_t left = r->frame.length - r->frame_done;
    size_t here = r->end - r->parse_at;
    size_t take = left < here ? (size_t)left : here;
    uint8_t *to = r->buffer + r->message_start + r->message_length;
    if (take == 0)
        return true;
    if (r->skipping) {
        r->frame_done += take;
        r->parse_at += take;
        return true;
    }
    if (to != r->buffer + r->parse_at)
        memmove(to, r->buffer + r->parse_at, take);
    if (r->frame.masked)
        ws_mask(to, take, r->frame.mask, (size_t)(r->frame_done % 4));
    r->message_length += take;
    r->frame_done += take;
    r->parse_at += take;
    // Draft 76 lets bad text pass as U+FFFD (section 5.4).
    return r->is_draft76 || r->message_opcode != WS_TEXT || utf8_check(&r->utf8, to, take);
}

// The message is whole. Returns WS_EVENT_MORE where it was one to be skipped.
static enum ws_event end_message(struct ws_receiver *r) {
    if (r->skipping) {
        r->skipping = false;
        r->message_opcode = 0;
        return WS_EVENT_MORE;
    }
    if (r->message_opcode == WS_TEXT && !utf8_complete(&r->utf8))
        return fail(r, WS_STATUS_BAD_TEXT);
    r->opcode = r->message_opcode;
    r->data = r->buffer + r->message_start;
    r->length = r->message_length - r->frame.delimited;
    r->message_opcode = 0;
    r->message_length = 0;
    return WS_EVENT_MESSAGE;
}

enum ws_event ws_receiver_next(struct ws_receiver *r) {
    for (;;) {
        if (!r->in_frame) {
            struct ws_frame frame;
            int head = (r->is_draft76 ? draft76_parse_head : ws_parse_head)(
                &frame, r->buffer + r->parse_at, r->end - r->parse_at);
            if (head < 0)
                return fail(r, WS_STATUS_PROTOCOL_ERROR);
            if (head == 0)
                return WS_EVENT_MORE;
            if (frame.masked != r->expect_mask)
                return fail(r, WS_STATUS_PROTOCOL_ERROR);
            if (ws_opcode_is_control(frame.opcode))
                return take_control(r, &frame, (size_t)head);
            uint16_t status = begin_data(r, &frame, (size_t)head);
            if (status != 0)
                return fail(r, status);
        }
        if (r->frame.delimited)
            find_end(r);
        if (!take_payload(r))
            return fail(r, WS_STATUS_BAD_TEXT);
        if (r->frame_done > r->message_max + r->frame.delimited)
            return fail(r, WS_STATUS_TOO_BIG);
        if (r->frame_done < r->frame.length)
            return WS_EVENT_MORE;
        r->in_frame = false;
        if (!r->frame.final)
            continue;
        enum ws_event event = end_message(r);
        if (event != WS_EVENT_MORE)
            return event;
    }
}
