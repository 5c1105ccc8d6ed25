// SPDX-License-Identifier: ISC
// A connection whose buffers are small at first, as those of strangers are: when they are full, its
// owner gives larger ones, or the message is too big. The test is the peer.
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "test.h"
#include "ws/conn.h"

#define MESSAGE_MAX 5000
#define LARGE_RX    (MESSAGE_MAX + WS_HEAD_MAX + WS_CONTROL_MAX)
#define LARGE_TX    (MESSAGE_MAX + WS_HEAD_MAX + 256)
#define SMALL_MAX   600
#define RESPONSE    "101"

// What the owner does when it hears `crowded`.
enum answer { GROW, SKIP, REFUSE, ABORT, ABORT_AND_REFUSE, CLOSE, CLOSE_AND_REFUSE };

static struct loop loop;
static struct ws_conn conn;
static int peer = -1;
static uint8_t *small_rx; // of exactly the size that it has
static uint8_t *small_tx;
static uint8_t large_rx[LARGE_RX];
static uint8_t large_tx[LARGE_TX];

static struct {
    enum answer answer;
    bool grow_in_message; // as an owner does who learns from a message that it is no stranger's
    bool quiet;           // does not echo
    unsigned crowded;
    unsigned messages;
    unsigned bad; // messages that are not what was sent
    unsigned closed;
    uint16_t status;
} owner;

// What the peer has sent as the message at hand; messages are checked against it in their order.
static uint8_t expected[MESSAGE_MAX + 1];
static size_t expected_length;
static uint8_t expected_opcode;

// All that the connection has sent since it opened.
static uint8_t heard[200000];
static size_t heard_length;

static void grow(void) {
    ws_conn_grow(&conn, large_rx, sizeof large_rx, large_tx, sizeof large_tx);
    if (conn.receiver.size != sizeof large_rx || conn.tx_size != sizeof large_tx)
        test_fail(__FILE__, __LINE__, "it did not grow");
}

static bool on_crowded(void *arg, uint8_t opcode, const uint8_t *data, size_t length) {
    (void)arg;
    owner.crowded++;
    if (opcode != expected_opcode || length >= expected_length ||
        test_difference(data, expected, length) < length)
        test_fail(__FILE__, __LINE__, "the start of %lu bytes is another", (unsigned long)length);
    if (owner.answer == ABORT || owner.answer == ABORT_AND_REFUSE)
        ws_conn_abort(&conn);
    if (owner.answer == CLOSE || owner.answer == CLOSE_AND_REFUSE)
        ws_conn_close(&conn, WS_STATUS_NOBODY, "");
    if (owner.answer == GROW || owner.answer == CLOSE)
        grow();
    if (owner.answer == SKIP)
        ws_conn_skip(&conn);
    return owner.answer == GROW || owner.answer == SKIP || owner.answer == ABORT ||
           owner.answer == CLOSE;
}

static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    (void)arg;
    owner.messages++;
    if (opcode != expected_opcode || length != expected_length ||
        test_difference(data, expected, length) < length)
        owner.bad++;
    if (owner.grow_in_message && conn.receiver.buffer != large_rx)
        grow();
    memset(data, 0xee, length); // it may be written over, also after the buffer was changed
    uint8_t *payload = owner.quiet ? NULL : ws_conn_begin(&conn, WS_BINARY, length);
    if (payload != NULL) {
        memcpy(payload, expected, length);
        ws_conn_commit(&conn);
    }
    return true;
}

static void on_closed(void *arg, uint16_t status) {
    (void)arg;
    owner.closed++;
    owner.status = status;
}

static const struct ws_conn_events events = {
    .crowded = on_crowded, .message = on_message, .closed = on_closed};
static const struct ws_conn_events events_without = {.message = on_message, .closed = on_closed};

// One round of the loop. Returns whether there was anything to do.
static bool turn(void) {
    if (poll(loop.polled, (nfds_t)loop.count, 0) <= 0)
        return false;
    for (int i = loop.count - 1; i >= 0; i--) {
        if (i >= loop.count || loop.polled[i].revents == 0)
            continue;
        loop.ready = loop.polled[i].revents;
        loop.polled[i].revents = 0;
        loop.watches[i].callback(loop.watches[i].arg);
    }
    return true;
}

static int prepare(const struct ws_conn_events *told, size_t rx, size_t tx) {
    int fds[2];
    memset(&owner, 0, sizeof owner);
    heard_length = 0;
    small_rx = malloc(rx);
    small_tx = malloc(tx);
    if (small_rx == NULL || small_tx == NULL || loop_init(&loop) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
        exit(2);
    ws_conn_init(&conn, &loop, told, NULL, small_rx, rx, MESSAGE_MAX, small_tx, tx);
    peer = fds[1];
    return fds[0];
}

static int adopt(int fd, const uint8_t *more, size_t length) {
    struct endpoint from;
    memset(&from, 0, sizeof from);
    return ws_conn_adopt(&conn, fd, &from, RESPONSE, strlen(RESPONSE), more, length);
}

static void open_conn(const struct ws_conn_events *told, size_t rx) {
    int fd = prepare(told, rx, SMALL_MAX);
    if (adopt(fd, NULL, 0) < 0)
        test_fail(__FILE__, __LINE__, "it does not open");
}

static void finish(void) {
    ws_conn_abort(&conn);
    close(peer);
    free(small_rx);
    free(small_tx);
    CHECK_INT(loop.count, 1);
    loop_close(&loop);
}

// ---- what the peer sends ----

static uint8_t stream[200000];
static size_t stream_length;

static void put_frame(bool final, uint8_t opcode, const uint8_t *data, size_t length) {
    struct ws_frame frame = {.final = final, .masked = true, .opcode = opcode, .length = length};
    test_random_bytes(frame.mask, 4);
    stream_length += ws_write_head(stream + stream_length, &frame);
    memcpy(stream + stream_length, data, length);
    ws_mask(stream + stream_length, length, frame.mask, 0);
    stream_length += length;
}

// A message of `length` bytes in frames of `piece`, with pings between where asked for.
static void put_message(uint8_t opcode, size_t length, size_t piece, bool pings) {
    expected_opcode = opcode;
    expected_length = length;
    for (size_t i = 0; i < length; i++)
        expected[i] = (uint8_t)(opcode == WS_TEXT ? 'a' + i % 26 : i * 7 + (i >> 8));
    for (size_t at = 0; at < length; at += piece) {
        size_t part = length - at < piece ? length - at : piece;
        put_frame(at + part == length, at == 0 ? opcode : WS_CONTINUATION, expected + at, part);
        if (pings && at + part < length)
            put_frame(true, WS_PING, expected, at % (WS_CONTROL_MAX + 1));
    }
}

static void collect(void) {
    ssize_t got;
    while ((got = recv(peer, heard + heard_length, sizeof heard - heard_length, MSG_DONTWAIT)) > 0)
        heard_length += (size_t)got;
}

// Sends the stream in pieces, and lets the connection take it.
static void say(size_t piece) {
    size_t at = 0;
    for (int i = 0; i < 100000 && at < stream_length; i++) {
        size_t part = stream_length - at < piece ? stream_length - at : piece;
        ssize_t sent = send(peer, stream + at, part, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            break;
        at += sent > 0 ? (size_t)sent : 0;
        turn();
        collect();
    }
    for (int i = 0; i < 10000 && turn(); i++) collect();
    stream_length = 0;
}

// Looks at all that was sent: echoes must be what is expected.
static uint16_t close_status;
static unsigned echoes;
static unsigned pongs;

static void hear(void) {
    static uint8_t buffer[200000];
    struct ws_receiver receiver;
    size_t room;
    size_t head = strlen(RESPONSE);
    close_status = 0;
    echoes = pongs = 0;
    collect();
    CHECK(heard_length >= head);
    CHECK_BYTES(heard, RESPONSE, head);
    ws_receiver_init(&receiver, buffer, sizeof buffer, 100000, false);
    memcpy(ws_receiver_room(&receiver, &room), heard + head, heard_length - head);
    ws_receiver_added(&receiver, heard_length - head);
    for (;;) {
        enum ws_event event = ws_receiver_next(&receiver);
        if (event == WS_EVENT_MORE)
            break;
        CHECK(event != WS_EVENT_FAIL);
        CHECK_INT(close_status, 0); // nothing comes after a Close frame
        if (event == WS_EVENT_MESSAGE) {
            CHECK_INT(receiver.length, expected_length);
            CHECK_BYTES(receiver.data, expected, expected_length);
            echoes++;
        } else if (receiver.opcode == WS_PONG) {
            pongs++;
        } else if (receiver.opcode == WS_CLOSE) {
            close_status = receiver.length >= 2 ? get_be16(receiver.data) : WS_STATUS_NONE;
        }
    }
    CHECK_INT(receiver.parse_at, receiver.end);
}

// ---- tests ----

static void small_messages(void) {
    open_conn(&events, 200);
    for (int i = 0; i < 100; i++) {
        put_message(WS_BINARY, 150, 150, false);
        say(1 + test_below(200));
    }
    CHECK_INT(owner.messages, 100);
    CHECK_INT(owner.bad, 0);
    CHECK_INT(owner.crowded, 0);
    hear();
    CHECK_INT(echoes, 100);
    finish();
}

// One message that is too long for the buffer, in frames and pieces of all kinds; then another.
static void long_messages(void) {
    static const size_t lengths[] = {300, 512, 513, 1000, 4096, MESSAGE_MAX};
    static const size_t frames[] = {MESSAGE_MAX, 1000, 127, 126, 50, 7};
    static const size_t pieces[] = {1, 13, 200, 256, 511, 100000};
    for (size_t i = 0; i < COUNT(lengths) * COUNT(frames) * COUNT(pieces); i++) {
        size_t length = lengths[i % COUNT(lengths)];
        size_t frame = frames[i / COUNT(lengths) % COUNT(frames)];
        size_t piece = pieces[i / COUNT(lengths) / COUNT(frames)];
        if (piece == 1 && length > 1000)
            continue;
        for (int kind = 0; kind < 4; kind++) {
            uint8_t opcode = kind % 2 == 0 ? WS_BINARY : WS_TEXT;
            test_row("%lu bytes, frames of %lu, pieces of %lu, kind %d", (unsigned long)length,
                     (unsigned long)frame, (unsigned long)piece, kind);
            open_conn(&events, 256);
            owner.quiet = kind >= 2; // pongs to all those pings need room, too
            put_message(opcode, length, frame, kind >= 2);
            say(piece);
            CHECK_INT(owner.messages, 1);
            CHECK_INT(owner.crowded, 1);
            put_message(opcode, length, frame, false);
            say(piece);
            CHECK_INT(owner.messages, 2);
            CHECK_INT(owner.bad, 0);
            CHECK_INT(owner.crowded, 1);
            CHECK_INT(owner.closed, 0);
            hear();
            CHECK_INT(echoes, kind >= 2 ? 0 : 2);
            if (kind >= 2)
                CHECK_INT(pongs, (length - 1) / frame);
            finish();
        }
    }
}

// Text is still checked, from the byte on where it stood: a character over the place where the
// buffer was full is whole, and a bad byte behind it is found.
static void text_over_the_seam(void) {
    for (size_t rx = 100; rx < 130; rx++) {
        for (int bad = 0; bad < 2; bad++) {
            open_conn(&events, rx);
            expected_opcode = WS_TEXT;
            expected_length = 300;
            for (size_t i = 0; i < 300; i += 3) memcpy(expected + i, "\xe2\x82\xac", 3);
            if (bad != 0)
                expected[290] = 0x20;
            put_frame(true, WS_TEXT, expected, 300);
            test_row("%lu bytes of buffer, %s", (unsigned long)rx, bad != 0 ? "bad" : "good");
            say(100000);
            CHECK_INT(owner.crowded, 1);
            CHECK_INT(owner.messages, bad == 0);
            CHECK_INT(owner.status, bad == 0 ? 0 : WS_STATUS_BAD_TEXT);
            finish();
        }
    }
}

// No more room, or no owner who could give it: the peer is told, and heard no more.
static void refused(void) {
    for (int with = 0; with < 2; with++) {
        for (size_t piece = 100; piece <= 10000; piece *= 10) {
            open_conn(with != 0 ? &events : &events_without, 512);
            owner.answer = REFUSE;
            put_message(WS_BINARY, 4000, 4000, false);
            say(piece);
            test_row("pieces of %lu", (unsigned long)piece);
            CHECK_INT(owner.crowded, with);
            CHECK_INT(owner.messages, 0);
            CHECK_INT(owner.closed, 1);
            CHECK_INT(owner.status, WS_STATUS_TOO_BIG);
            hear();
            CHECK_INT(close_status, WS_STATUS_TOO_BIG);
            finish();
        }
    }
}

// A message that is thrown away costs nothing else: what comes behind it is heard.
static void skipped(void) {
    for (size_t piece = 1; piece <= 100000; piece = piece * 7 + 3) {
        open_conn(&events, 512);
        owner.answer = SKIP;
        for (unsigned i = 0; i < 5; i++) {
            test_row("pieces of %lu, message %u", (unsigned long)piece, i);
            put_message(WS_TEXT, MESSAGE_MAX, i % 2 == 0 ? MESSAGE_MAX : 100, true);
            say(piece);
            CHECK_INT(owner.crowded, i + 1);
            put_message(WS_BINARY, 200, 200, false);
            say(piece);
            CHECK_INT(owner.messages, i + 1);
            CHECK_INT(owner.crowded, i + 1);
        }
        owner.answer = GROW;
        put_message(WS_BINARY, MESSAGE_MAX, 1000, false);
        say(piece);
        CHECK_INT(owner.messages, 6);
        CHECK_INT(owner.bad, 0);
        CHECK_INT(owner.closed, 0);
        finish();
    }
}

// What is longer than any message may be says so in its head, and nobody is asked for room.
static void too_long(void) {
    open_conn(&events, 512);
    put_message(WS_BINARY, MESSAGE_MAX + 1, MESSAGE_MAX + 1, false);
    say(100000);
    CHECK_INT(owner.crowded, 0);
    CHECK_INT(owner.status, WS_STATUS_TOO_BIG);
    finish();
    open_conn(&events, 512);
    put_message(WS_BINARY, MESSAGE_MAX + 1, 1000, false);
    say(100000);
    CHECK_INT(owner.crowded, 1);
    CHECK_INT(owner.messages, 0);
    CHECK_INT(owner.status, WS_STATUS_TOO_BIG);
    finish();
}

// The owner may end the connection instead, in either way, and say either word.
static void ended_when_crowded(void) {
    static const enum answer answers[] = {ABORT, ABORT_AND_REFUSE, CLOSE, CLOSE_AND_REFUSE};
    for (size_t i = 0; i < COUNT(answers); i++) {
        open_conn(&events, 512);
        owner.answer = answers[i];
        put_message(WS_BINARY, 4000, 4000, false);
        test_row("answer %lu", (unsigned long)i);
        say(100000);
        CHECK_INT(owner.crowded, 1);
        CHECK_INT(owner.messages, 0);
        CHECK_INT(owner.closed, 1);
        bool aborted = answers[i] == ABORT || answers[i] == ABORT_AND_REFUSE;
        CHECK_INT(owner.status, aborted ? WS_STATUS_ABNORMAL : WS_STATUS_NOBODY);
        CHECK_INT(conn.state == WS_FREE, aborted);
        finish();
    }
}

// Our Close frame is on its way already when the buffer is full: nobody is asked, and the end
// comes.
static void crowded_while_closing(void) {
    open_conn(&events, 512);
    put_message(WS_BINARY, 4000, 4000, false);
    size_t whole = stream_length;
    stream_length = 300;
    say(100000);
    CHECK_INT(owner.crowded, 0);
    ws_conn_close(&conn, WS_STATUS_NORMAL, "");
    memmove(stream, stream + 300, whole - 300);
    stream_length = whole - 300;
    say(100000);
    CHECK_INT(owner.crowded, 0);
    CHECK_INT(owner.closed, 1);
    CHECK(conn.state == WS_DRAINING || conn.state == WS_FREE);
    hear();
    CHECK_INT(close_status, WS_STATUS_NORMAL);
    finish();
}

// The owner learns from one message that more will come: what was read with it comes whole.
static void growing_in_a_message(void) {
    for (size_t piece = 1; piece < 700; piece += 9) {
        open_conn(&events, 512);
        owner.grow_in_message = true;
        for (int i = 0; i < 20; i++) put_message(WS_BINARY, 90, i % 3 == 0 ? 90 : 20, false);
        test_row("pieces of %lu", (unsigned long)piece);
        say(piece);
        CHECK_INT(owner.messages, 20);
        CHECK_INT(owner.bad, 0);
        CHECK_INT(owner.crowded, 0);
        put_message(WS_TEXT, MESSAGE_MAX, MESSAGE_MAX, false);
        say(100000);
        CHECK_INT(owner.messages, 21);
        CHECK_INT(owner.bad, 0);
        CHECK_INT(owner.crowded, 0);
        finish();
    }
}

// A message with its number in each byte, as long as there is room.
static bool send_number(uint8_t number) {
    uint8_t *payload = ws_conn_begin(&conn, WS_BINARY, 100);
    if (payload == NULL)
        return false;
    memset(payload, number, 100);
    ws_conn_commit(&conn);
    return true;
}

// What waits to be sent moves along, in order, also when some of it went already; and then there is
// more room.
static void waiting_to_be_sent(void) {
    int fd = prepare(&events, 512, 4000);
    int small = 1;
    CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    CHECK_INT(adopt(fd, NULL, 0), 0);
    uint8_t number = 0;
    for (int i = 0; i < 5 && conn.tx_start == 0; i++) { // until the kernel takes a part
        while (send_number(number)) number++;
        ws_conn_flush(&conn);
    }
    size_t unsent = ws_conn_unsent(&conn);
    CHECK(conn.tx_start > 0);
    CHECK(unsent > 200);
    grow();
    CHECK_INT(ws_conn_unsent(&conn), unsent);
    for (int i = 0; i < 10; i++) CHECK(send_number(number++));
    size_t whole = strlen(RESPONSE) + (size_t)number * 102;
    for (int i = 0; i < 100000 && heard_length < whole; i++) {
        collect();
        ws_conn_flush(&conn);
    }
    CHECK_INT(heard_length, whole);
    for (uint8_t n = 0; n < number; n++) {
        const uint8_t *frame = heard + strlen(RESPONSE) + (size_t)n * 102;
        test_row("message %u", n);
        CHECK_INT(frame[0], 0x82);
        CHECK_INT(frame[1], 100);
        for (int i = 0; i < 100; i++) CHECK_INT(frame[2 + i], n);
    }
    finish();
}

static void waiting_comes_in_order(void) {
    open_conn(&events, 512);
    expected_length = 50;
    for (int i = 0; i < 5; i++) {
        uint8_t *payload = ws_conn_begin(&conn, WS_BINARY, 50);
        CHECK(payload != NULL);
        memset(expected, 'x', 50);
        memcpy(payload, expected, 50);
        ws_conn_commit(&conn);
        if (i == 2)
            grow();
    }
    ws_conn_flush(&conn);
    hear();
    CHECK_INT(echoes, 5);
    finish();
}

// What was read behind the request may fill the small buffer; more than that is refused, and the
// socket stays the caller's.
static void adopted_with_more(void) {
    for (size_t more = 180; more < 230; more++) {
        int fd = prepare(&events, 200, SMALL_MAX);
        put_message(WS_BINARY, 1000, 1000, false);
        test_row("%lu bytes", (unsigned long)more);
        CHECK_INT(adopt(fd, stream, more), more <= 200 ? 0 : -1);
        if (more > 200) {
            CHECK_INT(conn.state, WS_FREE);
            CHECK_INT(owner.closed, 0);
            CHECK_INT(loop.count, 1);
            CHECK_INT(close(fd), 0);
            stream_length = 0;
            finish();
            continue;
        }
        memmove(stream, stream + more, stream_length - more);
        stream_length -= more;
        say(100000);
        CHECK_INT(owner.crowded, 1);
        CHECK_INT(owner.messages, 1);
        CHECK_INT(owner.bad, 0);
        finish();
    }
}

int main(void) {
    TEST("what fits into the small buffer needs no other", small_messages);
    TEST("a message that does not fit is crowded once, and comes whole", long_messages);
    TEST("text is checked over the seam", text_over_the_seam);
    TEST("where no more room is given, the message is too big", refused);
    TEST("a message may be thrown away, and what comes behind it is heard", skipped);
    TEST("a message longer than any is too big, whatever room there is", too_long);
    TEST("the owner may end the connection when it is crowded", ended_when_crowded);
    TEST("a connection that is closing asks for no room", crowded_while_closing);
    TEST("buffers may grow in a message's callback", growing_in_a_message);
    TEST("what waits to be sent is not lost when buffers grow", waiting_to_be_sent);
    TEST("what waits to be sent stays in order", waiting_comes_in_order);
    TEST("what came with the request may fill the small buffer, and no more", adopted_with_more);
    return test_end();
}
