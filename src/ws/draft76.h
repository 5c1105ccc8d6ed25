// SPDX-License-Identifier: ISC
// Draft 76 of the WebSocket protocol (draft-hixie-thewebsocketprotocol-76, which is also
// draft-ietf-hybi-thewebsocketprotocol-00), the server's side: all that the browsers of iOS 4.2 to
// 5 speak. A connection speaks it, or RFC 6455, from its first byte to its last.
#pragma once

#include "../http/request.h"
#include "frame.h"

// The bytes behind the request's head that belong to it (section 1.3).
#define DRAFT76_CHALLENGE 8
// The longest answer: a stranger's send buffer holds it.
#define DRAFT76_ANSWER_MAX 1024

// Whether a request that asks for a WebSocket asks for one of this draft.
bool draft76_is_asked(const struct http_request *request);

// Checks a request, and writes the answer (section 5.2). Returns its length in bytes, or the status
// to refuse with, negated: -400, -431 (the answer would be too long).
int draft76_answer_request(char out[DRAFT76_ANSWER_MAX], const struct http_request *request,
                           const uint8_t challenge[DRAFT76_CHALLENGE]);

// Reads a frame's head as ws_parse_head() does. A frame is WS_TEXT, WS_CLOSE, or WS_BINARY, which
// here is any that is to be thrown away. Returns its length in bytes, 0 when more is needed, or -1
// where it says a length that no message has.
int draft76_parse_head(struct ws_frame *frame, const uint8_t *bytes, size_t length);
