// SPDX-License-Identifier: ISC
// Draft 76 of the WebSocket protocol (draft-ietf-hybi-thewebsocketprotocol-00), a server's side:
// all that the browsers of iOS 4.2 to 5 speak. A connection speaks either it or RFC 6455.
#pragma once

#include "../http/request.h"
#include "frame.h"

#define DRAFT76_CHALLENGE  8    // bytes behind the request's head (section 1.3)
#define DRAFT76_ANSWER_MAX 1024 // a stranger's send buffer holds it

// How many bytes a request has behind its head: DRAFT76_CHALLENGE where it asks for this draft.
size_t draft76_rest(const struct http_request *request);

// Checks a request, and writes the answer (section 5.2). Returns its length in bytes, or the status
// to refuse with, negated: -400, -431 (the answer would be too long).
int draft76_answer_request(char out[DRAFT76_ANSWER_MAX], const struct http_request *request,
                           const uint8_t challenge[DRAFT76_CHALLENGE]);

// Reads a frame's head as ws_parse_head() does. A frame is WS_TEXT, WS_CLOSE, or WS_BINARY, which
// here is any that is to be thrown away. Returns its length in bytes, 0 when more is needed, or -1
// where it says a length that no message has.
int draft76_parse_head(struct ws_frame *frame, const uint8_t *bytes, size_t length);
