// SPDX-License-Identifier: ISC
// Draft 76 (draft-ietf-hybi-thewebsocketprotocol-00, which is draft-hixie-thewebsocketprotocol-76):
// its own handshakes, what is malformed in one, and its frames however they are cut.
#include "ws/draft76.h"

#include <sys/socket.h>
#include <unistd.h>

#include "test.h"
#include "tunnel/link.h"
#include "ws/conn.h"

// ---- the opening handshake ----

static const struct {
    const char *name;
    const char *key1;
    const char *key2;
    const char *challenge;
    const char *digest;
} samples[] = {
    {"section 1.2", "4 @1  46546xW%0l 1 5", "12998 5 Y3 1  .P00", "^n:ds[4U", "8jKS'y:G*Co,Wxa-"},
    {"section 1.3", "18x 6]8vM;54 *(5:  {   U1]8  z [  8", "1_ tx7X d  <  nw  334J702) 7]o}` 0",
     "Tm[K T2u", "fQJ,fN/4F4!~K~MH"},
    {"section 4.1", "P388 O503D&ul7 {K%gX( %7  15", "1 N ?|k UT0or 3o  4 I97N 5-S3O 31",
     "G0\"-Z?GX", "0st3Rl&q-2ZU^weu"},
    {"section 5.2", "3e6b263  4 17 80", "17  9 G`ZD9   2 2b 7X 3 /r90", "WjN}|M(6",
     "n`9eBk9z$R8pOtVb"},
};

// Answers a request, of which `fields` are all its header fields. Returns what the function did.
static int answer(char out[DRAFT76_ANSWER_MAX], const char *line, const char *fields,
                  const char *challenge) {
    static struct http_request request;
    static char text[HTTP_REQUEST_MAX + 1];
    int length = snprintf(text, sizeof text, "%s\r\n%s\r\n", line, fields);
    uint8_t *copy = test_copy(text, (size_t)length);
    int got = http_parse_request(&request, copy, (size_t)length);
    if (got != length || draft76_rest(&request) != DRAFT76_CHALLENGE)
        got = 0;
    else
        got = draft76_answer_request(out, &request, (const uint8_t *)challenge);
    free(copy);
    return got;
}

static void own_examples(void) {
    char fields[512];
    char out[DRAFT76_ANSWER_MAX];
    static const char wanted[] = "HTTP/1.1 101 WebSocket Protocol Handshake\r\n"
                                 "Upgrade: WebSocket\r\n"
                                 "Connection: Upgrade\r\n"
                                 "Sec-WebSocket-Location: ws://example.com/demo\r\n"
                                 "Sec-WebSocket-Origin: http://example.com\r\n\r\n";
    for (size_t i = 0; i < COUNT(samples); i++) {
        test_row("%s", samples[i].name);
        snprintf(fields, sizeof fields,
                 "Host: example.com\r\nConnection: Upgrade\r\nSec-WebSocket-Key2: %s\r\n"
                 "Sec-WebSocket-Protocol: sample\r\nUpgrade: WebSocket\r\n"
                 "Sec-WebSocket-Key1: %s\r\nOrigin: http://example.com\r\n",
                 samples[i].key2, samples[i].key1);
        int length = answer(out, "GET /demo HTTP/1.1", fields, samples[i].challenge);
        CHECK_INT(length, (int)sizeof wanted - 1 + 16);
        CHECK_BYTES(out, wanted, sizeof wanted - 1);
        CHECK_BYTES(out + sizeof wanted - 1, samples[i].digest, 16);
    }
}

#define H                  "Host: h\r\n"
#define C                  "Connection: Upgrade\r\n"
#define U                  "Upgrade: WebSocket\r\n"
#define KEY(number, value) "Sec-WebSocket-Key" #number ": " value "\r\n"
#define KEYS               KEY(1, "3e6b263  4 17 80") KEY(2, "17  9 G`ZD9   2 2b 7X 3 /r90")
#define TEN                "0123456789"
#define LONG               TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
    const char *name;
    const char *line;
    const char *fields;
    int wanted; // 1: it is answered
} requests[] = {
    {"as it should be", "GET / HTTP/1.1", H C U KEYS, 1},
    {"header names in other letter cases", "GET / HTTP/1.1",
     "hOST: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
     "sec-websocket-key1: 1 2\r\nSEC-WEBSOCKET-KEY2: 1 3\r\n",
     1},
    {"a number of 0", "GET / HTTP/1.1", H C U KEY(1, "a 0") KEY(2, "1 2"), 1},
    {"the largest number", "GET / HTTP/1.1", H C U KEY(1, "42949 67295") KEY(2, "1 2"), 1},
    {"a number of more than 32 bits", "GET / HTTP/1.1", H C U KEY(1, "42949 67296") KEY(2, "1 2"),
     -400},
    {"a number of 2^64 and two", "GET / HTTP/1.1",
     H C U KEY(1, "18446744073 709551618") KEY(2, "1 2"), -400},
    {"a number of very many digits", "GET / HTTP/1.1", H C U KEY(1, "1 " LONG LONG) KEY(2, "1 2"),
     -400},
    {"no spaces in the first key (5.2)", "GET / HTTP/1.1", H C U KEY(1, "3e6b2634") KEY(2, "1 2"),
     -400},
    {"no spaces in the second key (5.2)", "GET / HTTP/1.1", H C U KEY(1, "1 2") KEY(2, "12"), -400},
    {"a number that is no multiple of the spaces (5.2)", "GET / HTTP/1.1",
     H C U KEY(1, "1  3") KEY(2, "1 2"), -400},
    {"no second key", "GET / HTTP/1.1", H C U KEY(1, "1 2"), -400},
    {"an empty key", "GET / HTTP/1.1", H C U KEY(1, "1 2") KEY(2, ""), -400},
    {"a key twice", "GET / HTTP/1.1", H C U KEYS KEY(1, "1 2"), -400},
    {"two origins", "GET / HTTP/1.1", H C U KEYS "Origin: http://a\r\nOrigin: http://b\r\n", -400},
    {"no Connection", "GET / HTTP/1.1", H U KEYS, -400},
    {"a method that is not GET (5.1)", "POST / HTTP/1.1", H C U KEYS, -400},
    {"a body", "GET / HTTP/1.1", H C U KEYS "Content-Length: 8\r\n", -400},
    {"HTTP/1.0", "GET / HTTP/1.0", H C U KEYS, -400},
    {"a key of RFC 6455 beside them", "GET / HTTP/1.1",
     H C U KEYS "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", -400},
    {"a version of RFC 6455 beside them", "GET / HTTP/1.1",
     H C U KEYS "Sec-WebSocket-Version: 13\r\n", -400},
    {"an origin that makes the answer too long", "GET / HTTP/1.1",
     H C U KEYS "Origin: http://" LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG "\r\n",
     -431},
};

static void requests_of_all_kinds(void) {
    char out[DRAFT76_ANSWER_MAX];
    for (size_t i = 0; i < COUNT(requests); i++) {
        test_row("%s", requests[i].name);
        int got = answer(out, requests[i].line, requests[i].fields, "12345678");
        CHECK_INT(got > 0 ? 1 : got, requests[i].wanted);
    }
}

// The address that the browser asked for, and its page's; it compares them (section 4.1).
static const struct {
    const char *line;
    const char *fields;
    const char *wanted;
} locations[] = {
    {"GET /websocket?id=1a HTTP/1.1", "Host: 192.0.2.1:8080\r\n",
     "Sec-WebSocket-Location: ws://192.0.2.1:8080/websocket?id=1a\r\n\r\n"},
    {"GET /websocket/? HTTP/1.1", "Host: [2001:db8::1]\r\n",
     "Sec-WebSocket-Location: ws://[2001:db8::1]/websocket/?\r\n\r\n"},
    {"GET http://h/a HTTP/1.1", H, "Sec-WebSocket-Location: ws://h/a\r\n\r\n"},
    {"GET / HTTP/1.1", H "Origin: null\r\n",
     "Sec-WebSocket-Location: ws://h/\r\nSec-WebSocket-Origin: null\r\n\r\n"},
};

static void addresses_come_back(void) {
    char fields[512];
    char out[DRAFT76_ANSWER_MAX];
    for (size_t i = 0; i < COUNT(locations); i++) {
        test_row("%s", locations[i].wanted);
        snprintf(fields, sizeof fields, C U KEYS "%s", locations[i].fields);
        int length = answer(out, locations[i].line, fields, "12345678");
        CHECK(length > 16);
        out[length - 16] = '\0';
        const char *found = strstr(out, "Sec-WebSocket-Location");
        CHECK(found != NULL);
        CHECK_TEXT(found, locations[i].wanted);
    }
}

// ---- frames ----

#define MESSAGE_MAX 300

// What a receiver said: "text(hello) close fail(1002) ".
struct log {
    char text[4096];
    size_t length;
};

static void say(struct log *log, const char *name, const uint8_t *data, size_t length) {
    log->length += (size_t)sprintf(log->text + log->length, "%s(", name);
    for (size_t i = 0; i < length && log->length < sizeof log->text - 100; i++)
        log->length += (size_t)sprintf(log->text + log->length,
                                       data[i] > ' ' && data[i] < 0x7f ? "%c" : "\\%02x", data[i]);
    log->length += (size_t)sprintf(log->text + log->length, ") ");
}

// Takes all that the receiver has. Returns false after a failure or a Close.
static bool take(struct ws_receiver *r, struct log *log) {
    char status[8];
    for (;;) {
        switch (ws_receiver_next(r)) {
        case WS_EVENT_MORE: return true;
        case WS_EVENT_MESSAGE:
            say(log, r->opcode == WS_TEXT ? "text" : "binary", r->data, r->length);
            break;
        case WS_EVENT_CONTROL:
            say(log, r->opcode == WS_CLOSE ? "close" : "other", r->data, r->length);
            return false;
        case WS_EVENT_FAIL:
            say(log, "fail", (const uint8_t *)status,
                (size_t)snprintf(status, sizeof status, "%u", (unsigned)r->status));
            return false;
        }
    }
}

static void feed(const uint8_t *bytes, size_t length, size_t piece, struct log *log) {
    struct ws_receiver receiver;
    size_t size = MESSAGE_MAX + WS_HEAD_MAX + WS_CONTROL_MAX;
    uint8_t *buffer = malloc(size);
    bool going = buffer != NULL;
    log->length = 0;
    log->text[0] = '\0';
    ws_receiver_init(&receiver, buffer, size, MESSAGE_MAX, false);
    receiver.is_draft76 = true;
    for (size_t at = 0, room; going && at < length; at += piece) {
        uint8_t *to = ws_receiver_room(&receiver, &room);
        piece = piece < length - at ? piece : length - at;
        if (room < piece)
            break;
        memcpy(to, bytes + at, piece);
        ws_receiver_added(&receiver, piece);
        going = take(&receiver, log);
    }
    free(buffer);
}

static const struct {
    const char *name;
    const char *hex; // "*": 300 letters 'a'
    const char *wanted;
} streams[] = {
    {"text (1.2)", "00 48 65 6c 6c 6f ff", "text(Hello) "},
    {"an empty message", "00 ff", "text() "},
    {"two messages", "00 61 ff 00 62 ff", "text(a) text(b) "},
    {"a message that is not whole", "00 61 62", ""},
    {"a zero inside a message", "00 61 00 62 ff", "text(a\\00b) "},
    {"bytes that are not UTF-8 (5.4)", "00 c3 28 ed a0 80 ff", "text(\\c3(\\ed\\a0\\80) "},
    {"the closing handshake (1.4)", "ff 00", "close() "},
    {"a length of no bytes in two (5.3)", "ff 80 00", "close() "},
    {"a message before the closing handshake, and none after it", "00 61 ff ff 00 00 62 ff",
     "text(a) close() "},
    {"a delimited frame of another type is thrown away (5.3)", "01 61 62 ff 00 63 ff", "text(c) "},
    {"also of the last such type", "7f 00 80 ff 00 63 ff", "text(c) "},
    {"a frame with a length is thrown away (5.3)", "80 03 00 ff 00 00 63 ff", "text(c) "},
    {"also one of no bytes", "80 00 00 63 ff", "text(c) "},
    {"also one of type 0xff", "ff 02 ff 00 00 63 ff", "text(c) "},
    {"a length of two bytes (5.3)", "81 82 2c * 00 63 ff", "text(c) "},
    {"a length with zeros before it", "81 80 80 80 82 2c * 00 63 ff", "text(c) "},
    {"a length of eight bytes", "81 80 80 80 80 80 80 80 01 61 00 63 ff", "text(c) "},
    {"a length of nine", "81 80 80 80 80 80 80 80 80 01 61", "fail(1002) "},
    {"a length that goes on", "00 63 ff ff 80 80 80 80 80 80 80 80 80 80", "text(c) fail(1002) "},
    {"a length that is one too large", "81 82 2d", "fail(1009) "},
    {"a length of 56 bits", "81 ff ff ff ff ff ff ff 7f", "fail(1009) "},
    {"a message of the longest length, thrown away", "01 * ff 00 63 ff", "text(c) "},
    {"one byte longer", "01 * 61 ff 00 63 ff", "fail(1009) "},
    {"a message that goes on", "00 * 61 61", "fail(1009) "},
};

static size_t read_stream(uint8_t out[1024], const char *hex) {
    const char *star = strchr(hex, '*');
    char before[64];
    if (star == NULL)
        return test_hex(out, 1024, hex);
    snprintf(before, sizeof before, "%.*s", (int)(star - hex), hex);
    size_t length = test_hex(out, 100, before);
    memset(out + length, 'a', 300);
    return length + 300 + test_hex(out + length + 300, 100, star + 1);
}

static void frames_of_all_kinds(void) {
    static const size_t pieces[] = {1, 2, 3, 7, 400};
    uint8_t bytes[1024];
    struct log log;
    for (size_t i = 0; i < COUNT(streams); i++) {
        size_t length = read_stream(bytes, streams[i].hex);
        for (size_t p = 0; p < COUNT(pieces); p++) {
            test_row("%s, in pieces of %lu", streams[i].name, (unsigned long)pieces[p]);
            feed(bytes, length, pieces[p], &log);
            CHECK_TEXT(log.text, streams[i].wanted);
        }
    }
}

static void longest_message(void) {
    uint8_t bytes[MESSAGE_MAX + 2];
    char wanted[MESSAGE_MAX + 16];
    struct log log;
    memset(bytes, 'b', sizeof bytes);
    bytes[0] = 0x00;
    bytes[sizeof bytes - 1] = 0xff;
    sprintf(wanted, "text(%.*s) ", MESSAGE_MAX, (const char *)bytes + 1);
    for (size_t piece = 1; piece < 20; piece++) {
        feed(bytes, sizeof bytes, piece, &log);
        CHECK_TEXT(log.text, wanted);
    }
}

// ---- a connection ----

static uint16_t closed_with;

static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    (void)arg, (void)opcode, (void)data, (void)length;
    return true;
}

static void on_closed(void *arg, uint16_t status) {
    (void)arg;
    closed_with = status;
}

static const struct ws_conn_events events = {.message = on_message, .closed = on_closed};

struct pair {
    struct loop loop;
    struct ws_conn conn;
    int peer;
    uint8_t rx[2000];
    uint8_t tx[2000];
};

static void begin(struct pair *pair) {
    static const struct endpoint from;
    int fds[2];
    if (loop_init(&pair->loop) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
        exit(2);
    pair->peer = fds[1];
    ws_conn_init(&pair->conn, &pair->loop, &events, NULL, pair->rx, sizeof pair->rx, 1000, pair->tx,
                 sizeof pair->tx);
    pair->conn.is_draft76 = true;
    if (ws_conn_adopt(&pair->conn, fds[0], &from, "101", 3, NULL, 0) < 0)
        exit(2);
}

// All that has been sent, against what is wanted, behind the response.
static void check_sent(struct pair *pair, const char *wanted, size_t length) {
    uint8_t got[1000];
    CHECK_INT(recv(pair->peer, got, sizeof got, 0), (long)length + 3);
    CHECK_BYTES(got + 3, wanted, length);
}

static void end(struct pair *pair) {
    ws_conn_abort(&pair->conn);
    close(pair->peer);
    loop_close(&pair->loop);
}

static void sends_text_alone(void) {
    static struct pair pair;
    begin(&pair);
    CHECK(tunnel_send(&pair.conn, false, (const uint8_t *)"\xff\xfe", 2)); // asked for as binary
    CHECK(tunnel_send(&pair.conn, true, (const uint8_t *)"abc", 3));
    pair.loop.now_ms += WS_PING_AFTER_MS; // a ping would be due
    ws_conn_tick(&pair.conn);
    pair.loop.now_ms += WS_DEAD_AFTER_MS; // TCP finds out whether the peer is there
    ws_conn_tick(&pair.conn);
    CHECK_INT(pair.conn.state, WS_OPEN);
    check_sent(&pair, "\0//4=\xff\0YWJj\xff", 12);
    end(&pair);
}

// The draft has no close codes (section 6.2): those from 4000 on are said before.
static const struct {
    uint16_t status;
    const char *reason;
    const char *sent;
} closes[] = {
    {WS_STATUS_GOING_AWAY, "the laptop stopped", ""},
    {WS_STATUS_TOO_BIG, "", ""},
    {WS_STATUS_REPLACED, "another phone", "4001 another phone"},
    {WS_STATUS_SILENT, "", "4003 "},
};

static void says_why_it_closes(void) {
    static struct pair pair;
    char wanted[64];
    for (size_t i = 0; i < COUNT(closes); i++) {
        test_row("%u", closes[i].status);
        size_t length = strlen(closes[i].sent);
        begin(&pair);
        ws_conn_close(&pair.conn, closes[i].status, closes[i].reason);
        CHECK_INT(closed_with, closes[i].status);
        memcpy(wanted + 1, closes[i].sent, length);
        wanted[0] = '\0';
        memcpy(wanted + 1 + length, "\xff\xff", 3);
        if (length > 0)
            check_sent(&pair, wanted, length + 4);
        else
            check_sent(&pair, "\xff", 2);
        end(&pair);
    }
}

int main(void) {
    TEST("draft 76: the draft's own four handshakes are answered as it says", own_examples);
    TEST("draft 76: a request that is malformed, or RFC 6455's too, is refused",
         requests_of_all_kinds);
    TEST("draft 76: the answer names the address and the origin that were asked from",
         addresses_come_back);
    TEST("draft 76: frames of all kinds, however they are cut, give what section 5.3 says",
         frames_of_all_kinds);
    TEST("draft 76: a message of the longest length comes whole", longest_message);
    TEST("draft 76: a connection sends text alone, and no pings", sends_text_alone);
    TEST("draft 76: a close code of our own is said before the close", says_why_it_closes);
    return test_end();
}
