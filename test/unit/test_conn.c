// SPDX-License-Identifier: ISC
// A WebSocket connection on a real socket, in both roles. The test is the peer: it writes and reads
// raw bytes at the other end, turns the loop by hand, and moves its clock.
#include "ws/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "test.h"
#include "ws/door.h"

#define MESSAGE_MAX 5000
#define RX_SIZE     (MESSAGE_MAX + WS_HEAD_MAX + WS_CONTROL_MAX)
#define TX_SIZE     (MESSAGE_MAX + WS_HEAD_MAX + 256)
#define RESPONSE    "HTTP/1.1 101 Switching Protocols\r\n\r\n"

// A connection with its owner, who writes down what it hears.
struct side {
    struct ws_conn conn;
    char heard[4096]; // "opened text(Hello) closed(1000) "
    int refuse;       // messages to be answered by "not now"
    int writable_count;
    void (*on_message)(struct side *side);
    void (*on_closed)(struct side *side);
    uint8_t rx[RX_SIZE];
    uint8_t tx[TX_SIZE];
};

static struct loop loop;
static struct side side;
static int peer = -1;

static void note(char *log, size_t size, const char *name, const uint8_t *data, size_t length) {
    size_t at = strlen(log);
    at += (size_t)snprintf(log + at, size - at, "%s(", name);
    if (length > 40) {
        snprintf(log + at, size - at, "%lu bytes) ", (unsigned long)length);
        return;
    }
    for (size_t i = 0; i < length && at + 8 < size; i++) {
        bool plain = data[i] > 0x20 && data[i] < 0x7f;
        at += (size_t)snprintf(log + at, size - at, plain ? "%c" : "\\%02x", data[i]);
    }
    snprintf(log + at, size - at, ") ");
}

static void note_number(char *log, size_t size, const char *name, unsigned number) {
    size_t at = strlen(log);
    snprintf(log + at, size - at, "%s(%u) ", name, number);
}

static void on_opened(void *arg) {
    struct side *s = arg;
    note(s->heard, sizeof s->heard, "opened", NULL, 0);
}

static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    struct side *s = arg;
    if (s->refuse > 0) {
        s->refuse--;
        note(s->heard, sizeof s->heard, "refused", data, length);
        return false;
    }
    note(s->heard, sizeof s->heard, opcode == WS_TEXT ? "text" : "binary", data, length);
    memset(data, 0xee, length); // the owner may write over it
    if (s->on_message != NULL)
        s->on_message(s);
    return true;
}

static void on_writable(void *arg) {
    struct side *s = arg;
    s->writable_count++;
}

static void on_closed(void *arg, uint16_t status) {
    struct side *s = arg;
    note_number(s->heard, sizeof s->heard, "closed", status);
    if (s->on_closed != NULL)
        s->on_closed(s);
}

static const struct ws_conn_events events = {
    .opened = on_opened,
    .message = on_message,
    .writable = on_writable,
    .closed = on_closed,
};

// One round of the loop, without its clock.
static void turn(void) {
    if (poll(loop.polled, (nfds_t)loop.count, 0) <= 0)
        return;
    for (int i = loop.count - 1; i >= 0; i--) {
        if (i >= loop.count || loop.polled[i].revents == 0)
            continue;
        loop.ready = loop.polled[i].revents;
        loop.polled[i].revents = 0;
        loop.watches[i].callback(loop.watches[i].arg);
    }
}

static void turns(int count) {
    for (int i = 0; i < count; i++) turn();
}

// Turns until the connection has left a state, as loopback TCP may take its time.
static void turn_while(const struct ws_conn *conn, enum ws_state state) {
    for (int i = 0; i < 2000 && conn->state == state; i++) {
        turn();
        if (conn->state == state)
            usleep(1000);
    }
}

static void say(const uint8_t *bytes, size_t length) {
    if (send(peer, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
        test_fail(__FILE__, __LINE__, "the peer cannot send: %s", strerror(errno));
}

static void say_hex(const char *hex) {
    static uint8_t bytes[4096];
    say(bytes, test_hex(bytes, sizeof bytes, hex));
}

// A frame with a mask of zeros, which changes nothing.
static void say_frame(bool final, uint8_t opcode, const void *data, size_t length) {
    static uint8_t bytes[WS_HEAD_MAX + 70000];
    struct ws_frame frame = {.final = final, .masked = true, .opcode = opcode, .length = length};
    size_t head = ws_write_head(bytes, &frame);
    if (length > 0)
        memcpy(bytes + head, data, length);
    say(bytes, head + length);
}

static void say_text(const char *text) { say_frame(true, WS_TEXT, text, strlen(text)); }

// Everything that the connection has sent, as events: "text(Hello) close(\03\e8) end() ".
static struct ws_receiver listener;
static uint8_t listener_buffer[200000];
static char said[4096];

static const char *hear(void) {
    said[0] = '\0';
    for (;;) {
        size_t room;
        uint8_t *to = ws_receiver_room(&listener, &room);
        ssize_t got = recv(peer, to, room, MSG_DONTWAIT);
        if (got <= 0) {
            if (got == 0)
                note(said, sizeof said, "end", NULL, 0);
            else if (errno != EAGAIN && errno != EWOULDBLOCK)
                note(said, sizeof said, strerror(errno), NULL, 0);
            return said;
        }
        ws_receiver_added(&listener, (size_t)got);
        enum ws_event event;
        while ((event = ws_receiver_next(&listener)) != WS_EVENT_MORE) {
            static const char *const names[16] = {[WS_TEXT] = "text",
                                                  [WS_BINARY] = "binary",
                                                  [WS_CLOSE] = "close",
                                                  [WS_PING] = "ping",
                                                  [WS_PONG] = "pong"};
            if (event == WS_EVENT_FAIL) {
                note_number(said, sizeof said, "bad", listener.status);
                return said;
            }
            note(said, sizeof said, names[listener.opcode], listener.data, listener.length);
        }
    }
}

static void init_side(struct side *s) {
    memset(s, 0, offsetof(struct side, rx));
    ws_conn_init(&s->conn, &loop, &events, s, s->rx, sizeof s->rx, MESSAGE_MAX, s->tx,
                 sizeof s->tx);
}

// A server's connection that is open, with the peer's end in `peer`.
static bool open_server(void) {
    int fds[2];
    char response[sizeof RESPONSE];
    struct endpoint from;
    memset(&from, 0, sizeof from);
    if (loop_init(&loop) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
        return false;
    init_side(&side);
    peer = fds[1];
    ws_receiver_init(&listener, listener_buffer, sizeof listener_buffer, 100000, false);
    if (ws_conn_adopt(&side.conn, fds[0], &from, RESPONSE, strlen(RESPONSE), NULL, 0) < 0)
        return false;
    if (recv(peer, response, strlen(RESPONSE), 0) != (ssize_t)strlen(RESPONSE))
        return false;
    return memcmp(response, RESPONSE, strlen(RESPONSE)) == 0;
}

static void close_peer(void) {
    if (peer >= 0)
        close(peer);
    peer = -1;
}

// Ends a test: nothing may be left in the loop but its signals.
static void finish(void) {
    side.on_closed = NULL;
    ws_conn_abort(&side.conn);
    close_peer();
    CHECK_INT(loop.count, 1);
    loop_close(&loop);
}

static short watched_events(void) { return loop.polled[loop.place[side.conn.fd]].events; }

static void server_opens(void) {
    int fds[2];
    struct endpoint from;
    char response[sizeof RESPONSE];
    uint8_t early[] = {0x81, 0x82, 0, 0, 0, 0, 'h', 'i', 0x81};
    memset(&from, 0, sizeof from);
    CHECK(loop_init(&loop) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    init_side(&side);
    peer = fds[1];
    CHECK_INT(
        ws_conn_adopt(&side.conn, fds[0], &from, RESPONSE, strlen(RESPONSE), early, sizeof early),
        0);
    CHECK_TEXT(side.heard, "opened() text(hi) "); // what came with the request is not lost
    CHECK_INT(recv(peer, response, sizeof response, 0), strlen(RESPONSE));
    CHECK_BYTES(response, RESPONSE, strlen(RESPONSE));
    say_hex("81 00000000 79");
    turns(2);
    CHECK_TEXT(side.heard, "opened() text(hi) text(y) ");
    finish();
}

static void send_message(uint8_t opcode, const char *text) {
    uint8_t *payload = ws_conn_begin(&side.conn, opcode, strlen(text));
    CHECK(payload != NULL);
    memcpy(payload, text, strlen(text));
    ws_conn_commit(&side.conn);
}

static void messages_both_ways(void) {
    CHECK(open_server());
    say_text("one");
    say_frame(false, WS_BINARY, "two ", 4);
    say_frame(true, WS_CONTINUATION, "three", 5);
    say_frame(true, WS_TEXT, "", 0);
    turns(3);
    CHECK_TEXT(side.heard, "opened() text(one) binary(two\\20three) text() ");
    send_message(WS_TEXT, "four");
    CHECK(ws_conn_begin(&side.conn, WS_BINARY, 1000) != NULL); // begun, and thought better of
    send_message(WS_BINARY, "five");
    CHECK_TEXT(hear(), ""); // not before it is flushed
    ws_conn_flush(&side.conn);
    CHECK_TEXT(hear(), "text(four) binary(five) ");
    CHECK_INT(ws_conn_unsent(&side.conn), 0);
    finish();
}

// RFC 6455 sections 5.5.2 and 5.5.3: a pong carries the ping's data; a pong that nobody asked for
// is taken without an answer.
static void pings(void) {
    uint8_t longest[WS_CONTROL_MAX];
    memset(longest, 'x', sizeof longest);
    CHECK(open_server());
    say_frame(true, WS_PING, "data", 4);
    say_frame(true, WS_PING, "", 0);
    say_frame(true, WS_PONG, "unasked", 7);
    say_frame(true, WS_PING, longest, sizeof longest);
    turns(4);
    CHECK_TEXT(hear(), "pong(data) pong() pong(125 bytes) ");
    CHECK_TEXT(side.heard, "opened() ");
    finish();
}

// Section 5.5.1 and 7: what a peer's Close frame says, what is answered, what the owner hears.
static void closed_by_the_peer(void) {
    static const struct {
        const char *what;
        const char *body;
        const char *answer;
        const char *heard;
    } cases[] = {
        {"normal", "03e8", "close(\\03\\e8) end() ", "opened() closed(1000) "},
        {"going away, with a reason", "03e9 627965", "close(\\03\\e9) end() ",
         "opened() closed(1001) "},
        {"empty", "", "close() end() ", "opened() closed(1005) "},
        {"of our own", "0fa1", "close(\\0f\\a1) end() ", "opened() closed(4001) "},
        {"3000", "0bb8", "close(\\0b\\b8) end() ", "opened() closed(3000) "},
        {"4999", "1387", "close(\\13\\87) end() ", "opened() closed(4999) "},
        {"one byte", "03", "close(\\03\\ea) end() ", "opened() closed(1002) "},
        {"999", "03e7", "close(\\03\\ea) end() ", "opened() closed(1002) "},
        {"1004", "03ec", "close(\\03\\ea) end() ", "opened() closed(1002) "},
        {"1005", "03ed", "close(\\03\\ea) end() ", "opened() closed(1002) "},
        {"1006", "03ee", "close(\\03\\ea) end() ", "opened() closed(1002) "},
        {"1015", "03f7", "close(\\03\\ea) end() ", "opened() closed(1002) "},
        {"2999", "0bb7", "close(\\03\\ea) end() ", "opened() closed(1002) "},
        {"5000", "1388", "close(\\03\\ea) end() ", "opened() closed(1002) "},
        {"0", "0000", "close(\\03\\ea) end() ", "opened() closed(1002) "},
        {"65535", "ffff", "close(\\03\\ea) end() ", "opened() closed(1002) "},
        {"a reason that is not UTF-8", "03e8 ff", "close(\\03\\ef) end() ",
         "opened() closed(1007) "},
        {"a reason cut inside a character", "03e8 61c3", "close(\\03\\ef) end() ",
         "opened() closed(1007) "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t body[16];
        size_t length = test_hex(body, sizeof body, cases[i].body);
        test_row("%s", cases[i].what);
        CHECK(open_server());
        say_frame(true, WS_CLOSE, body, length);
        say_text("too late");
        turns(3);
        CHECK_TEXT(hear(), cases[i].answer);
        CHECK_TEXT(side.heard, cases[i].heard);
        CHECK_INT(side.conn.state, WS_DRAINING);
        CHECK(ws_conn_begin(&side.conn, WS_TEXT, 1) == NULL);
        close_peer();
        turns(3);
        CHECK_INT(side.conn.state, WS_FREE);
        CHECK_TEXT(side.heard, cases[i].heard); // once
        finish();
    }
}

static void closed_by_us(void) {
    CHECK(open_server());
    ws_conn_close(&side.conn, WS_STATUS_GOING_AWAY, "bye");
    CHECK_TEXT(side.heard, "opened() closed(1001) ");
    CHECK_TEXT(hear(), "close(\\03\\e9bye) ");
    CHECK(ws_conn_begin(&side.conn, WS_TEXT, 1) == NULL);
    ws_conn_close(&side.conn, WS_STATUS_NORMAL, ""); // a second time changes nothing
    say_text("still on its way");
    say_frame(true, WS_PING, "x", 1);
    turns(2);
    CHECK_INT(side.conn.state, WS_CLOSING);
    say_frame(true, WS_CLOSE, "\x03\xe9", 2);
    turns(2);
    CHECK_TEXT(hear(), "end() ");
    CHECK_INT(side.conn.state, WS_DRAINING);
    close_peer();
    turns(2);
    CHECK_INT(side.conn.state, WS_FREE);
    CHECK_TEXT(side.heard, "opened() closed(1001) ");
    finish();
}

static void long_reasons(void) {
    char reason[300];
    memset(reason, 'r', sizeof reason);
    reason[sizeof reason - 1] = '\0';
    CHECK(open_server());
    ws_conn_close(&side.conn, WS_STATUS_NORMAL, reason);
    CHECK_TEXT(hear(), "close(125 bytes) ");
    finish();
}

// A peer that stops half-way in closing costs a slot for some seconds.
static void closing_has_a_time_limit(void) {
    CHECK(open_server());
    ws_conn_close(&side.conn, WS_STATUS_NORMAL, "");
    loop.now_ms += WS_CLOSE_TIMEOUT_MS - 1;
    ws_conn_tick(&side.conn);
    CHECK_INT(side.conn.state, WS_CLOSING);
    loop.now_ms += 1;
    ws_conn_tick(&side.conn);
    CHECK_INT(side.conn.state, WS_FREE);
    CHECK_TEXT(side.heard, "opened() closed(1000) ");
    finish();
    CHECK(open_server());
    say_frame(true, WS_CLOSE, "", 0);
    turns(2);
    CHECK_INT(side.conn.state, WS_DRAINING);
    loop.now_ms += WS_CLOSE_TIMEOUT_MS;
    ws_conn_tick(&side.conn);
    CHECK_INT(side.conn.state, WS_FREE);
    CHECK_TEXT(side.heard, "opened() closed(1005) ");
    finish();
}

// Section 7.1.7: a peer that breaks the protocol is told, and what it sends after that is thrown
// away until its end.
static void broken_protocol(void) {
    static const struct {
        const char *what;
        const char *hex;
        const char *answer;
        const char *heard;
    } cases[] = {
        {"not masked", "81 02 6869", "close(\\03\\ea) end() ", "opened() closed(1002) "},
        {"reserved bit", "c1 80 00000000", "close(\\03\\ea) end() ", "opened() closed(1002) "},
        {"bad text", "81 82 00000000 61ff", "close(\\03\\ef) end() ", "opened() closed(1007) "},
        {"too long", "82 fe 1389 00000000", "close(\\03\\f1) end() ", "opened() closed(1009) "},
        {"after a good one", "81 81 00000000 61 83 80 00000000", "close(\\03\\ea) end() ",
         "opened() text(a) closed(1002) "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("%s", cases[i].what);
        CHECK(open_server());
        say_hex(cases[i].hex);
        turns(2);
        for (int k = 0; k < 20; k++) {
            say_text("ignored");
            turn();
        }
        CHECK_TEXT(hear(), cases[i].answer);
        CHECK_TEXT(side.heard, cases[i].heard);
        CHECK_INT(side.conn.state, WS_DRAINING);
        close_peer();
        turns(2);
        CHECK_INT(side.conn.state, WS_FREE);
        finish();
    }
}

// The same when one read() has filled the receive buffer with the broken frame and what follows it:
// there must still be a place to throw the rest away to.
static void broken_protocol_in_a_full_buffer(void) {
    uint8_t bytes[3 * RX_SIZE];
    memset(bytes, 0x11, sizeof bytes);
    CHECK(open_server());
    say(bytes, sizeof bytes); // reserved bits in the very first byte
    turns(10);
    CHECK_INT(side.conn.state, WS_DRAINING);
    CHECK_TEXT(hear(), "close(\\03\\ea) end() ");
    CHECK_TEXT(side.heard, "opened() closed(1002) ");
    close_peer();
    turns(2);
    CHECK_INT(side.conn.state, WS_FREE);
    finish();
}

static void lost_peer(void) {
    CHECK(open_server());
    say_hex("81 85 0000"); // half a head
    close_peer();
    turns(3);
    CHECK_INT(side.conn.state, WS_FREE);
    CHECK_TEXT(side.heard, "opened() closed(1006) ");
    finish();
}

// A silent peer is asked once, and given up when it stays silent; anything it sends is an answer.
static void silence(void) {
    CHECK(open_server());
    loop.now_ms += WS_PING_AFTER_MS - 1;
    ws_conn_tick(&side.conn);
    CHECK_TEXT(hear(), "");
    loop.now_ms += 1;
    ws_conn_tick(&side.conn);
    CHECK_TEXT(hear(), "ping() ");
    loop.now_ms += 1000;
    ws_conn_tick(&side.conn);
    CHECK_TEXT(hear(), "");
    say_frame(true, WS_PONG, "", 0);
    turns(2);
    loop.now_ms += WS_PING_AFTER_MS - 1;
    ws_conn_tick(&side.conn);
    CHECK_TEXT(hear(), "");
    loop.now_ms += 1;
    ws_conn_tick(&side.conn);
    CHECK_TEXT(hear(), "ping() ");
    loop.now_ms += WS_DEAD_AFTER_MS - WS_PING_AFTER_MS - 1;
    ws_conn_tick(&side.conn);
    CHECK_INT(side.conn.state, WS_OPEN);
    loop.now_ms += 1;
    ws_conn_tick(&side.conn);
    CHECK_INT(side.conn.state, WS_FREE);
    CHECK_TEXT(side.heard, "opened() closed(1006) ");
    CHECK_INT(side.conn.error, ETIMEDOUT);
    finish();
}

// Sends until there is no room.
static void fill_up(void) {
    uint8_t *payload;
    while ((payload = ws_conn_begin(&side.conn, WS_BINARY, 1000)) != NULL) {
        memset(payload, 'f', 1000);
        ws_conn_commit(&side.conn);
        ws_conn_flush(&side.conn);
    }
}

// A peer that goes on talking but takes nothing is given up too.
static void stuck_peer(void) {
    CHECK(open_server());
    fill_up();
    for (int second = 0; second < WS_DEAD_AFTER_MS / 1000 - 1; second++) {
        loop.now_ms += 1000;
        say_text("x");
        turns(2);
        ws_conn_tick(&side.conn);
        CHECK_INT(side.conn.state, WS_OPEN);
    }
    loop.now_ms += 1000;
    say_text("x");
    turns(2);
    ws_conn_tick(&side.conn);
    CHECK_INT(side.conn.state, WS_FREE);
    CHECK_INT(side.conn.error, ETIMEDOUT);
    CHECK(strstr(side.heard, "closed(1006) ") != NULL);
    finish();
}

// "Not now": the same message comes again, whole, and before those after it; nothing is read, and
// the loop is not woken, in between.
static void not_now(void) {
    CHECK(open_server());
    side.refuse = 1;
    say_text("one");
    say_text("two");
    turns(2);
    CHECK_TEXT(side.heard, "opened() refused(one) ");
    CHECK_INT(watched_events() & POLLIN, 0);
    say_text("three");
    turns(3);
    CHECK_TEXT(side.heard, "opened() refused(one) ");
    ws_conn_resume(&side.conn);
    turns(2);
    CHECK_TEXT(side.heard, "opened() refused(one) text(one) text(two) text(three) ");
    CHECK((watched_events() & POLLIN) != 0);
    ws_conn_resume(&side.conn); // with nothing held back, nothing happens
    CHECK_TEXT(side.heard, "opened() refused(one) text(one) text(two) text(three) ");
    finish();
}

// Refused again after a resume: the loop must not be woken by what waits in the socket, or it
// spins.
static void not_now_again(void) {
    CHECK(open_server());
    side.refuse = 3;
    say_text("one");
    turns(2);
    say_text("two");
    for (int i = 0; i < 2; i++) {
        fill_up(); // asks for room, as an owner that cannot send does
        ws_conn_resume(&side.conn);
        test_row("resume %d", i);
        CHECK_INT(watched_events() & POLLIN, 0);
    }
    CHECK_TEXT(side.heard, "opened() refused(one) refused(one) refused(one) ");
    hear();
    turns(20);
    ws_conn_resume(&side.conn);
    turns(2);
    CHECK_TEXT(side.heard, "opened() refused(one) refused(one) refused(one) text(one) text(two) ");
    finish();
}

// The same as it happens in a program: the owner's attempt to send in its message callback says
// that there is no room, which sets what the loop waits for while the refusal is not known yet.
static bool refuse_after_trying(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    struct side *s = arg;
    (void)opcode;
    if (s->refuse > 0) {
        s->refuse--;
        fill_up();
        note(s->heard, sizeof s->heard, "refused", data, length);
        return false;
    }
    note(s->heard, sizeof s->heard, "text", data, length);
    return true;
}

static void no_room_for_an_echo(void) {
    static const struct ws_conn_events trying = {.message = refuse_after_trying,
                                                 .closed = on_closed};
    CHECK(open_server());
    side.conn.events = &trying;
    side.refuse = 2;
    say_text("one");
    turns(2);
    say_text("two");
    test_row("refused once");
    CHECK_INT(watched_events() & POLLIN, 0);
    ws_conn_resume(&side.conn);
    test_row("refused again");
    CHECK_INT(watched_events() & POLLIN, 0);
    ws_conn_resume(&side.conn);
    turns(2);
    CHECK_TEXT(side.heard, "opened() refused(one) refused(one) text(one) text(two) ");
    finish();
}

// A send buffer that is full says so, promises to tell when it has room, and keeps a place for
// control frames.
static void full_send_buffer(void) {
    CHECK(open_server());
    fill_up();
    CHECK_INT(side.writable_count, 0);
    CHECK(ws_conn_unsent(&side.conn) + 1000 + WS_HEAD_MAX + 256 > TX_SIZE);
    CHECK((watched_events() & POLLOUT) != 0);
    say_frame(true, WS_PING, "p", 1);
    turns(2);
    for (int i = 0; i < 50; i++) {
        hear();
        turn();
    }
    CHECK(side.writable_count > 0);
    CHECK_INT(ws_conn_unsent(&side.conn), 0);
    CHECK_INT(watched_events(), POLLIN);
    uint8_t *payload = ws_conn_begin(&side.conn, WS_BINARY, MESSAGE_MAX - 256);
    CHECK(payload != NULL);
    memset(payload, 0, MESSAGE_MAX - 256);
    ws_conn_commit(&side.conn);
    finish();
}

// What is sent in full buffers arrives whole: frames of all sizes while the peer reads little by
// little.
static void slow_reader(void) {
    static uint8_t expected[1 << 20];
    static uint8_t got_bytes[1 << 20];
    size_t expected_length = 0;
    size_t got_length = 0;
    int smallest = 1; // so that the kernel takes a part of what it is given
    CHECK(open_server());
    setsockopt(side.conn.fd, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest);
    for (int i = 0; i < 3000 && got_length + 10000 < sizeof got_bytes; i++) {
        size_t length = test_below(4) == 0 ? test_below(4000) : test_below(200);
        uint8_t *payload = expected_length + length + WS_HEAD_MAX < sizeof expected
                               ? ws_conn_begin(&side.conn, WS_BINARY, length)
                               : NULL;
        if (payload != NULL) {
            struct ws_frame frame = {.final = true, .opcode = WS_BINARY, .length = length};
            test_random_bytes(payload, length);
            expected_length += ws_write_head(expected + expected_length, &frame);
            memcpy(expected + expected_length, payload, length);
            expected_length += length;
            ws_conn_commit(&side.conn);
        }
        if (test_below(3) == 0)
            ws_conn_flush(&side.conn);
        turn();
        if (i > 500) {
            ssize_t got = recv(peer, got_bytes + got_length, test_below(3000), MSG_DONTWAIT);
            got_length += got > 0 ? (size_t)got : 0;
        }
    }
    ws_conn_flush(&side.conn);
    for (;;) {
        turn();
        ssize_t got =
            recv(peer, got_bytes + got_length, sizeof got_bytes - got_length, MSG_DONTWAIT);
        if (got <= 0)
            break;
        got_length += (size_t)got;
    }
    CHECK_INT(got_length, expected_length);
    CHECK_BYTES(got_bytes, expected, got_length);
    finish();
}

// The peer's Close comes while the owner waits for room: the loop must come to rest.
static void closed_while_full(void) {
    CHECK(open_server());
    fill_up();
    say_frame(true, WS_CLOSE, "\x03\xe8", 2);
    turns(2);
    CHECK_INT(side.conn.state, WS_DRAINING);
    for (int i = 0; i < 100; i++) {
        hear();
        turn();
    }
    CHECK_INT(ws_conn_unsent(&side.conn), 0);
    CHECK_INT(side.conn.state, WS_DRAINING);
    CHECK_INT(watched_events() & POLLOUT, 0);
    finish();
}

static void abort_in_message(struct side *s) { ws_conn_abort(&s->conn); }

static void close_in_message(struct side *s) { ws_conn_close(&s->conn, WS_STATUS_NORMAL, ""); }

static void ended_in_a_callback(void) {
    CHECK(open_server());
    side.on_message = abort_in_message;
    say_text("one");
    say_text("two");
    turns(2);
    CHECK_TEXT(side.heard, "opened() text(one) closed(1006) ");
    CHECK_INT(side.conn.state, WS_FREE);
    finish();
    CHECK(open_server());
    side.on_message = close_in_message;
    say_text("one");
    say_text("two");
    turns(2);
    CHECK_TEXT(side.heard, "opened() text(one) closed(1000) ");
    CHECK_INT(side.conn.state, WS_CLOSING);
    CHECK_TEXT(hear(), "close(\\03\\e8) ");
    finish();
}

static bool close_and_refuse(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    struct side *s = arg;
    (void)opcode;
    (void)data;
    (void)length;
    ws_conn_close(&s->conn, WS_STATUS_NORMAL, "");
    return false;
}

// Closing and saying "not now" in one: the peer's Close frame has to be read all the same.
static void closed_and_refused(void) {
    static const struct ws_conn_events closing = {.message = close_and_refuse, .closed = on_closed};
    CHECK(open_server());
    side.conn.events = &closing;
    say_text("one");
    turns(2);
    CHECK_TEXT(hear(), "close(\\03\\e8) ");
    say_frame(true, WS_CLOSE, "\x03\xe8", 2);
    turns(3);
    CHECK_INT(side.conn.state, WS_DRAINING);
    CHECK_TEXT(hear(), "end() ");
    finish();
}

// The client's role, over loopback TCP; the test is the server.
static int tcp_listener = -1;

static bool open_client(void) {
    struct endpoint where;
    struct endpoint from;
    if (loop_init(&loop) < 0 || endpoint_parse(&where, "127.0.0.1:0", 0) < 0)
        return false;
    init_side(&side);
    ws_receiver_init(&listener, listener_buffer, sizeof listener_buffer, 100000, true);
    tcp_listener = socket_listen(&where, NULL);
    if (tcp_listener < 0 ||
        getsockname(tcp_listener, (struct sockaddr *)&where.address, &where.length) < 0)
        return false;
    if (ws_conn_connect(&side.conn, &where, "server.example", "/websocket") < 0)
        return false;
    peer = -1;
    for (int i = 0; i < 1000 && peer < 0; i++) {
        peer = socket_accept(tcp_listener, &from);
        if (peer < 0)
            usleep(1000);
    }
    close(tcp_listener);
    turn_while(&side.conn, WS_CONNECTING);
    return peer >= 0 && side.conn.state == WS_HANDSHAKE;
}

// Reads the client's request and writes an answer to it into `answer`.
static int answer_request(char *answer, size_t size) {
    static struct http_request request;
    uint8_t bytes[1024];
    size_t length = 0;
    int used = 0;
    for (int i = 0; i < 1000 && used == 0; i++) {
        ssize_t got = recv(peer, bytes + length, sizeof bytes - length, 0);
        if (got > 0)
            length += (size_t)got;
        else
            usleep(1000);
        turn();
        used = http_parse_request(&request, bytes, length);
    }
    if (used <= 0 || !http_text_is(&request.path, "/websocket"))
        return -1;
    return ws_answer_request(answer, size, &request);
}

static void client_opens(void) {
    char answer[1024];
    CHECK(open_client());
    int length = answer_request(answer, sizeof answer);
    CHECK(length > 0);
    CHECK_TEXT(side.heard, "");
    // The answer and two messages, byte by byte.
    memcpy(answer + length, "\x81\x02hi\x82\x01!", 7);
    for (int i = 0; i < length + 7; i++) {
        say((const uint8_t *)answer + i, 1);
        turns(2);
    }
    for (int i = 0; i < 1000 && strstr(side.heard, "binary") == NULL; i++) {
        turn();
        usleep(1000);
    }
    CHECK_TEXT(side.heard, "opened() text(hi) binary(!) ");
    CHECK_INT(side.conn.state, WS_OPEN);
    finish();
}

static bool open_client_whole(void) {
    char answer[1024];
    if (!open_client())
        return false;
    int length = answer_request(answer, sizeof answer);
    if (length <= 0)
        return false;
    say((const uint8_t *)answer, (size_t)length);
    turn_while(&side.conn, WS_HANDSHAKE);
    return side.conn.state == WS_OPEN;
}

static const char *hear_soon(void) {
    for (int i = 0; i < 1000; i++) {
        if (*hear() != '\0')
            return said;
        turn();
        usleep(1000);
    }
    return said;
}

// Section 5.1 and 5.3: a client masks everything, each frame with a new mask.
static void client_masks(void) {
    uint8_t masks[20][4];
    CHECK(open_client_whole());
    send_message(WS_TEXT, "Hello");
    ws_conn_flush(&side.conn);
    CHECK_TEXT(hear_soon(), "text(Hello) ");
    for (int i = 0; i < 20; i++) {
        uint8_t bytes[WS_HEAD_MAX + 4];
        struct ws_frame frame;
        send_message(WS_BINARY, "same");
        ws_conn_flush(&side.conn);
        ssize_t got = -1;
        for (int n = 0; n < 1000 && got < 0; n++) {
            got = recv(peer, bytes, sizeof bytes, MSG_DONTWAIT);
            if (got < 0)
                usleep(1000);
        }
        CHECK_INT(got, 10);
        CHECK_INT(ws_parse_head(&frame, bytes, 10), 6);
        CHECK(frame.masked);
        memcpy(masks[i], frame.mask, 4);
        for (int k = 0; k < i; k++) CHECK(memcmp(masks[i], masks[k], 4) != 0);
    }
    finish();
}

// Section 4.1: the key is chosen at random for each connection.
static void client_keys(void) {
    char keys[4][sizeof side.conn.key];
    for (int i = 0; i < 4; i++) {
        CHECK(open_client_whole());
        memcpy(keys[i], side.conn.key, sizeof keys[i]);
        for (int k = 0; k < i; k++) CHECK(memcmp(keys[i], keys[k], sizeof keys[i]) != 0);
        finish();
    }
}

static void client_refuses_masks(void) {
    CHECK(open_client_whole());
    say_hex("81 82 00000000 6869");
    turn_while(&side.conn, WS_OPEN);
    CHECK_TEXT(side.heard, "opened() closed(1002) ");
    CHECK_TEXT(hear_soon(), "close(\\03\\ea) end() ");
    finish();
}

static void client_is_refused(void) {
    static const struct {
        const char *answer;
        int refused_status;
    } cases[] = {
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
         101},
        {"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char answer[1024];
        test_row("answer %lu", (unsigned long)i);
        CHECK(open_client());
        CHECK(answer_request(answer, sizeof answer) > 0);
        say((const uint8_t *)cases[i].answer, strlen(cases[i].answer));
        turn_while(&side.conn, WS_HANDSHAKE);
        CHECK_TEXT(side.heard, "closed(1006) ");
        CHECK_INT(side.conn.state, WS_FREE);
        CHECK_INT(side.conn.refused_status, cases[i].refused_status);
        finish();
    }
}

static void nobody_listens(void) {
    struct endpoint where;
    CHECK(loop_init(&loop) == 0);
    init_side(&side);
    CHECK(endpoint_parse(&where, "127.0.0.1:0", 0) == 0);
    int fd = socket_listen(&where, NULL);
    CHECK(fd >= 0);
    CHECK(getsockname(fd, (struct sockaddr *)&where.address, &where.length) == 0);
    close(fd);
    if (ws_conn_connect(&side.conn, &where, "a", "/") == 0) {
        turn_while(&side.conn, WS_CONNECTING);
        CHECK_TEXT(side.heard, "closed(1006) ");
        CHECK(side.conn.error != 0); // ECONNREFUSED; qemu-user gives its host's number for it
    }
    CHECK_INT(side.conn.state, WS_FREE);
    finish();
}

// A server that accepts and then says nothing, or half an answer.
static void handshake_has_a_time_limit(void) {
    for (int half = 0; half < 2; half++) {
        CHECK(open_client());
        if (half != 0)
            say((const uint8_t *)"HTTP/1.1 101 Sw", 15);
        turns(2);
        loop.now_ms += WS_OPEN_TIMEOUT_MS - 1;
        ws_conn_tick(&side.conn);
        CHECK_INT(side.conn.state, WS_HANDSHAKE);
        loop.now_ms += 1;
        ws_conn_tick(&side.conn);
        CHECK_INT(side.conn.state, WS_FREE);
        CHECK_TEXT(side.heard, "closed(1006) ");
        CHECK_INT(side.conn.error, ETIMEDOUT);
        finish();
    }
}

static void given_up_before_it_opened(void) {
    CHECK(open_client());
    ws_conn_close(&side.conn, WS_STATUS_NORMAL, "");
    CHECK_INT(side.conn.state, WS_FREE);
    CHECK_TEXT(side.heard, "closed(1006) ");
    finish();
}

// A connection that closed may be used again, also from within its owner's callback.
static int reconnects;
static struct endpoint reconnect_to;

static void reconnect(struct side *s) {
    if (reconnects++ < 3 && s->conn.state == WS_FREE &&
        ws_conn_connect(&s->conn, &reconnect_to, "a", "/") < 0)
        exit(2);
}

static void connecting_again(void) {
    struct endpoint from;
    CHECK(loop_init(&loop) == 0);
    init_side(&side);
    side.on_closed = reconnect;
    reconnects = 0;
    CHECK(endpoint_parse(&reconnect_to, "127.0.0.1:0", 0) == 0);
    int fd = socket_listen(&reconnect_to, NULL);
    CHECK(fd >= 0);
    CHECK(getsockname(fd, (struct sockaddr *)&reconnect_to.address, &reconnect_to.length) == 0);
    CHECK_INT(ws_conn_connect(&side.conn, &reconnect_to, "a", "/"), 0);
    for (int i = 0; i < 3000 && reconnects < 4; i++) {
        int accepted = socket_accept(fd, &from);
        if (accepted >= 0)
            close(accepted);
        turn();
        usleep(500);
    }
    CHECK_INT(reconnects, 4);
    CHECK_TEXT(side.heard, "closed(1006) closed(1006) closed(1006) closed(1006) ");
    CHECK_INT(side.conn.state, WS_FREE);
    close(fd);
    finish();
}

// Both roles against each other, through the host that accepts connections.
static struct side server_side;
static struct http_host host;
static size_t echoed;
static uint8_t echo_expected[MESSAGE_MAX];
static size_t echo_length;

static bool echo_message(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    struct side *s = arg;
    uint8_t *payload = ws_conn_begin(&s->conn, opcode, length);
    if (payload == NULL)
        return false;
    memcpy(payload, data, length);
    ws_conn_commit(&s->conn);
    return true;
}

static bool check_echo(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    (void)arg;
    (void)opcode;
    echoed++;
    if (length != echo_length || test_difference(data, echo_expected, length) != length)
        echoed += 1000;
    return true;
}

static const struct ws_conn_events echo_events = {.message = echo_message, .closed = on_closed};
static const struct ws_conn_events check_events = {
    .opened = on_opened, .message = check_echo, .closed = on_closed};

static char asked_query[64];

static struct ws_conn *give_server_side(void *arg, const struct endpoint *from,
                                        const struct http_text *query) {
    (void)arg;
    (void)from;
    snprintf(asked_query, sizeof asked_query, "%.*s", (int)query->length, query->start);
    return server_side.conn.state == WS_FREE ? &server_side.conn : NULL;
}

static bool open_both(void) {
    static struct ws_door door = {give_server_side, NULL};
    struct http_host_config config = {
        .path = "/websocket", .protocol = &ws_protocol, .protocol_arg = &door};
    struct endpoint where;
    if (loop_init(&loop) < 0 || endpoint_parse(&where, "127.0.0.1:0", 0) < 0)
        return false;
    init_side(&side);
    init_side(&server_side);
    side.conn.events = &check_events;
    server_side.conn.events = &echo_events;
    http_host_init(&host, &loop, &config);
    int fd = socket_listen(&where, NULL);
    if (fd < 0 || http_host_listen(&host, fd) < 0 ||
        getsockname(fd, (struct sockaddr *)&where.address, &where.length) < 0 ||
        ws_conn_connect(&side.conn, &where, "a", "/websocket/?from=test") < 0)
        return false;
    turn_while(&side.conn, WS_CONNECTING);
    turn_while(&side.conn, WS_HANDSHAKE);
    return side.conn.state == WS_OPEN && server_side.conn.state == WS_OPEN;
}

static void both_roles(void) {
    static const size_t lengths[] = {0, 1, 124, 125, 126, 127, 128, 1000, 4096, MESSAGE_MAX - 300};
    CHECK(open_both());
    for (size_t i = 0; i < COUNT(lengths); i++) {
        uint8_t *payload = ws_conn_begin(&side.conn, WS_BINARY, lengths[i]);
        test_row("%lu bytes", (unsigned long)lengths[i]);
        CHECK(payload != NULL);
        echo_length = lengths[i];
        echoed = 0;
        test_random_bytes(echo_expected, echo_length);
        memcpy(payload, echo_expected, echo_length);
        ws_conn_commit(&side.conn);
        ws_conn_flush(&side.conn);
        for (int n = 0; n < 2000 && echoed == 0; n++) {
            turn();
            if (echoed == 0)
                usleep(500);
        }
        CHECK_INT(echoed, 1);
    }
    ws_conn_close(&side.conn, WS_STATUS_NORMAL, "done");
    turn_while(&side.conn, WS_CLOSING);
    turn_while(&side.conn, WS_DRAINING);
    turn_while(&server_side.conn, WS_OPEN);
    turn_while(&server_side.conn, WS_DRAINING);
    CHECK_TEXT(side.heard, "opened() closed(1000) ");
    CHECK_TEXT(server_side.heard, "closed(1000) ");
    CHECK_INT(side.conn.state, WS_FREE);
    CHECK_INT(server_side.conn.state, WS_FREE);
    CHECK_INT(host.accepted, 1);
    CHECK_TEXT(asked_query, "from=test");
    http_host_close(&host);
    finish();
}

int main(void) {
    TEST("a server's connection opens with its response, and loses nothing that came early",
         server_opens);
    TEST("messages go both ways, and out when they are flushed", messages_both_ways);
    TEST("a ping is answered with its own data", pings);
    TEST("a peer's Close is checked, answered, and heard once", closed_by_the_peer);
    TEST("our own Close waits for the peer's, and what comes between is nobody's", closed_by_us);
    TEST("a reason that is too long is cut", long_reasons);
    TEST("closing has a time limit", closing_has_a_time_limit);
    TEST("a peer that breaks the protocol is told how, and then ignored", broken_protocol);
    TEST("also when what it broke fills the receive buffer", broken_protocol_in_a_full_buffer);
    TEST("a peer that is lost is heard as 1006", lost_peer);
    TEST("a silent peer gets a ping, and is then given up", silence);
    TEST("a peer that talks but reads nothing is given up", stuck_peer);
    TEST("a message that is not taken now comes again, in its order", not_now);
    TEST("a message may be refused again and again without waking the loop", not_now_again);
    TEST("an owner without room for an answer does not make the loop spin", no_room_for_an_echo);
    TEST("a full send buffer says so, and later that it has room", full_send_buffer);
    TEST("a slow reader gets every byte", slow_reader);
    TEST("a Close that comes while the send buffer is full lets the loop rest", closed_while_full);
    TEST("a connection may be ended in its own callback", ended_in_a_callback);
    TEST("an owner that closes and refuses at once still hears the peer's end", closed_and_refused);
    TEST("a client asks, and opens by the right answer", client_opens);
    TEST("a client masks every frame with another mask", client_masks);
    TEST("a client begins each connection with another key", client_keys);
    TEST("a client refuses masked frames", client_refuses_masks);
    TEST("a client that is refused says how", client_is_refused);
    TEST("where nobody listens, the connection is not made", nobody_listens);
    TEST("a handshake has a time limit", handshake_has_a_time_limit);
    TEST("a client may give up before it is open", given_up_before_it_opened);
    TEST("a connection may be made again from its own callback", connecting_again);
    TEST("our client and our server understand each other", both_roles);
    return test_end();
}
