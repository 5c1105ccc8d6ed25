// SPDX-License-Identifier: ISC
// The handshake (section 1.3): two headers of the request hide a number each, as digits strewn
// among other characters, times the number of spaces. The server answers with the MD5 of both
// numbers and of the eight bytes behind the head.
//
// A frame (section 5.3) begins with its type. Up to 0x7f it goes on to a byte 0xff, which UTF-8
// does not have; 0x00 is text, and no other is in use. From 0x80 on its length follows, in 7 bits a
// byte, of which all but the last have the top bit; it is skipped. 0xff 0x00 ends the connection.
#include "draft76.h"
#include "../base/bytes.h"
#include "../md5/md5.h"
#include <stdio.h>
#include <string.h>

#define LENGTH_BYTES_MAX 8 // of 7 bits: these hold any length that a message may have
static const char *const key_names[2] = {"Sec-WebSocket-Key1", "Sec-WebSocket-Key2"};

size_t draft76_rest(const struct http_request *request) {
    size_t keys = http_count_headers(request->headers, request->header_count, key_names[0]);
    return keys > 0 ? DRAFT76_CHALLENGE : 0;
}

// The number in a key, which is of 32 bits before it is divided, too (section 4.1).
static bool read_key(uint8_t number_be32[4], const struct http_text *key) {
    uint64_t number = 0;
    uint32_t spaces = 0;
    for (size_t i = 0; i < key->length && number <= UINT32_MAX; i++) {
        spaces += key->start[i] == ' ';
        if (key->start[i] >= '0' && key->start[i] <= '9')
            number = number * 10 + (uint64_t)(key->start[i] - '0');
    }
    if (spaces == 0 || number > UINT32_MAX || number % spaces != 0)
        return false;
    put_be32(number_be32, (uint32_t)number / spaces);
    return true;
}

// Whether section 5.1 is kept, and RFC 6455 not meant as well. Sets the keys' two numbers.
static bool is_good(const struct http_request *request, uint8_t hashed[8]) {
    const struct http_header *headers = request->headers;
    size_t count = request->header_count;
    for (size_t i = 0; i < 2; i++)
        if (http_count_headers(headers, count, key_names[i]) != 1 ||
            !read_key(hashed + 4 * i, http_find_header(headers, count, key_names[i])))
            return false;
    return http_text_is(&request->method, "GET") && request->minor_version == 1 &&
           !request->has_body && http_has_token(headers, count, "Connection", "Upgrade") &&
           http_count_headers(headers, count, "Origin") <= 1 &&
           http_count_headers(headers, count, "Sec-WebSocket-Key") == 0 &&
           http_count_headers(headers, count, "Sec-WebSocket-Version") == 0;
}

int draft76_answer_request(char out[DRAFT76_ANSWER_MAX], const struct http_request *request,
                           const uint8_t challenge[DRAFT76_CHALLENGE]) {
    uint8_t hashed[8 + DRAFT76_CHALLENGE];
    const struct http_header *headers = request->headers;
    size_t count = request->header_count;
    if (!is_good(request, hashed))
        return -400;
    memcpy(hashed + 8, challenge, DRAFT76_CHALLENGE);
    const struct http_text *origin = http_find_header(headers, count, "Origin");
    const struct http_text *host = http_find_header(headers, count, "Host");
    const char *path = request->path.start;
    int length = snprintf(
        out, DRAFT76_ANSWER_MAX,
        "HTTP/1.1 101 WebSocket Protocol Handshake\r\n"
        "Upgrade: WebSocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Location: ws://%.*s%.*s%s%.*s\r\n\r\n",
        (int)host->length, host->start, (int)(request->query.start + request->query.length - path),
        path, origin != NULL ? "\r\nSec-WebSocket-Origin: " : "",
        origin != NULL ? (int)origin->length : 0, origin != NULL ? origin->start : "");
    if (length > DRAFT76_ANSWER_MAX - MD5_SIZE)
        return -431;
    md5(hashed, sizeof hashed, (uint8_t *)out + length);
    return length + MD5_SIZE;
}

int draft76_parse_head(struct ws_frame *frame, const uint8_t *bytes, size_t length) {
    if (length == 0)
        return 0;
    *frame = (struct ws_frame){.final = true, .delimited = bytes[0] < 0x80};
    frame->opcode = bytes[0] == 0x00 ? WS_TEXT : WS_BINARY;
    if (frame->delimited)
        return 1;
    for (size_t i = 1; i < length && i <= LENGTH_BYTES_MAX; i++) {
        frame->length = frame->length << 7 | (bytes[i] & 0x7f);
        if (bytes[i] < 0x80) {
            if (bytes[0] == 0xff && frame->length == 0)
                frame->opcode = WS_CLOSE;
            return (int)i + 1;
        }
    }
    return length > LENGTH_BYTES_MAX ? -1 : 0;
}
