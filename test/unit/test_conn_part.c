// SPDX-License-Identifier: ISC
// A frame for which more room was asked than was used in the end: its head says the length in as
// few bytes as it takes (RFC 6455 section 5.2), and nothing of what was asked for is left over.
#include "link_lab.h"

#define ASKED_MAX 100000

static uint8_t expected[ASKED_MAX];
static const size_t lengths[] = {0, 1, 100, 125, 126, 127, 1000, 65535, 65536, ASKED_MAX};

// Makes a frame of `length` bytes where `asked` were asked for, with a whole one before and behind.
static bool make_frames(size_t asked, size_t length) {
    uint8_t *payload = ws_conn_begin(&conn, WS_TEXT, 3);
    if (payload == NULL)
        return false;
    memcpy(payload, "one", 3);
    ws_conn_commit(&conn);
    payload = ws_conn_begin(&conn, WS_BINARY, asked);
    if (payload == NULL)
        return false;
    memset(payload, 0xee, asked);
    memcpy(payload, expected, length);
    ws_conn_commit_part(&conn, length);
    payload = ws_conn_begin(&conn, WS_TEXT, 3);
    if (payload == NULL)
        return false;
    memcpy(payload, "two", 3);
    ws_conn_commit(&conn);
    return true;
}

static size_t head_of(size_t length) { return length < 126 ? 2 : length < 65536 ? 4 : 10; }

static uint8_t next_soon(void) {
    uint8_t opcode = 0;
    for (int i = 0; i < 100 && opcode == 0; i++, turn()) opcode = next_message();
    return opcode;
}

static void check_frames(bool is_client, size_t asked, size_t length) {
    const size_t mask = is_client ? 4 : 0;
    CHECK(make_frames(asked, length));
    CHECK_INT(ws_conn_unsent(&conn), 2 * (2 + mask + 3) + head_of(length) + mask + length);
    ws_conn_flush(&conn);
    CHECK_INT(next_soon(), WS_TEXT);
    CHECK_INT(receiver.length, 3);
    CHECK_BYTES(receiver.data, "one", 3);
    CHECK_INT(next_soon(), WS_BINARY);
    CHECK_INT(receiver.length, length);
    CHECK_BYTES(receiver.data, expected, length);
    CHECK_INT(next_soon(), WS_TEXT);
    CHECK_BYTES(receiver.data, "two", 3);
    CHECK_INT(ws_conn_unsent(&conn), 0);
}

static void in_role(bool is_client) {
    test_random_bytes(expected, sizeof expected);
    CHECK(open_link(true));
    conn.is_client = is_client;
    ws_receiver_init(&receiver, receiver_buffer, sizeof receiver_buffer, 200000, is_client);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        for (size_t k = 0; k <= i && !test_state.failed; k++) {
            test_row("%lu of %lu bytes", (unsigned long)lengths[k], (unsigned long)lengths[i]);
            check_frames(is_client, lengths[i], lengths[k]);
        }
    }
    close_link();
}

static void server_frames(void) { in_role(false); }

static void client_frames(void) { in_role(true); }

int main(void) {
    TEST("a server's frame may become shorter than was asked for", server_frames);
    TEST("a client's, which is masked, too", client_frames);
    return test_end();
}
