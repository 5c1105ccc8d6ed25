// SPDX-License-Identifier: ISC
// A keyed link: packets and other records become sealed messages.
#include "keyed_lab.h"

// Takes the message's packets, which must be those with the numbers from `*number` on.
static void check_packets(uint8_t *bytes, size_t length, const size_t *sizes, uint32_t *number) {
    static uint8_t expected[IP_PACKET_MAX];
    struct record record;
    CHECK(length > 0);
    while (length > 0) {
        size_t used = record_read(&record, bytes, length);
        CHECK(used > 0);
        CHECK_INT(record.type, RECORD_PACKET);
        CHECK_INT(record.length, sizes[*number]);
        make_packet(expected, record.length, *number);
        CHECK_BYTES(record.bytes, expected, record.length);
        (*number)++;
        bytes += used;
        length -= used;
    }
}

// Whatever waits goes in one message, as far as it fits; the first that does not fit begins the
// next; and one that is longer than a message should be goes alone.
static void batches(void) {
    static const size_t sizes[] = {
        20,
        1500,
        40, // as long as they fit
        65535,
        20,
        LINK_RECORDS,
        20,
        LINK_RECORDS + 1,
        LINK_RECORDS - 20,
        20, // just full
        20,
        40000,
        LINK_RECORDS - 40020, // full, too
        20,
        40000, // one byte too much
        LINK_RECORDS - 40019,
        65535,
    };
    static const size_t first_of_message[] = {0, 3, 4, 5, 6, 7, 8, 10, 13, 15, 16, COUNT(sizes)};
    for (int form = 0; form < 2; form++) {
        uint8_t opcode = form == 0 ? WS_BINARY : WS_TEXT;
        uint32_t number = 0;
        CHECK(open_link(true));
        CHECK(!end.text);
        listen_anew();
        end.text = form != 0;
        end.queue.limit = 4 * QUEUE_BYTES;
        for (uint32_t i = 0; i < COUNT(sizes); i++) queue_packet(sizes[i], i);
        tunnel_link_pump(&end, clock_us);
        turn();
        CHECK_INT(next_message(), 0); // there are no keys yet
        CHECK_INT(end.queue.count, COUNT(sizes));
        begin_session();
        make_fast();
        tunnel_link_pump(&end, clock_us);
        for (size_t i = 0; i + 1 < COUNT(first_of_message); i++) {
            size_t length;
            uint8_t *records = NULL;
            for (int n = 0; n < 50 && records == NULL; n++, turn())
                records = next_sealed(opcode, &length);
            test_row("form %d, message %lu", form, (unsigned long)i);
            CHECK(records != NULL);
            CHECK_INT(number, first_of_message[i]);
            check_packets(records, length, sizes, &number);
            CHECK_INT(number, first_of_message[i + 1]);
        }
        CHECK_INT(end.packets_sent, COUNT(sizes));
        CHECK_INT(end.messages_sent, COUNT(first_of_message) - 1);
        CHECK_INT(end.queue.dropped_full, 0);
        CHECK_INT(end.no_phone, 0);
        close_link();
    }
}

// Records of other types go first, once, also alone, and before the longest packet in its longest
// form.
static void control_records(void) {
    static const size_t sizes[] = {65535};
    uint8_t body[LINK_CONTROL];
    struct record record;
    test_random_bytes(body, sizeof body);
    for (int form = 0; form < 2; form++) {
        uint8_t opcode = form == 0 ? WS_BINARY : WS_TEXT;
        size_t length;
        uint32_t number = 0;
        CHECK(open_link(true));
        listen_anew();
        end.text = form != 0;
        CHECK(tunnel_link_control(&end, RECORD_PING, body, 8));
        tunnel_link_pump(&end, clock_us);
        CHECK_INT(next_message(), 0);
        begin_session();
        tunnel_link_pump(&end, clock_us);
        uint8_t *records = next_sealed(opcode, &length);
        CHECK(records != NULL);
        CHECK_INT(length, RECORD_HEAD + 8);
        tunnel_link_pump(&end, clock_us);
        CHECK_INT(next_message(), 0); // not twice
        CHECK(!tunnel_link_control(&end, RECORD_PONG, body, LINK_CONTROL - RECORD_HEAD + 1));
        CHECK(!tunnel_link_control(&end, RECORD_PONG, body, SIZE_MAX));
        CHECK(tunnel_link_control(&end, RECORD_PONG, body, LINK_CONTROL - RECORD_HEAD - 4));
        CHECK(!tunnel_link_control(&end, RECORD_PONG, body, 1));
        CHECK(tunnel_link_control(&end, RECORD_PONG, body, 0));
        CHECK(!tunnel_link_control(&end, RECORD_PONG, body, 0));
        queue_packet(sizes[0], 0);
        tunnel_link_pump(&end, clock_us);
        records = NULL;
        for (int n = 0; n < 50 && records == NULL; n++, turn())
            records = next_sealed(opcode, &length);
        CHECK(records != NULL);
        CHECK_INT(length, LINK_CONTROL + 65535);
        CHECK_INT(record_read(&record, records, length), LINK_CONTROL - 4);
        CHECK_INT(record.type, RECORD_PONG);
        CHECK_BYTES(record.bytes, body, LINK_CONTROL - RECORD_HEAD - 4);
        CHECK_INT(record_read(&record, records + LINK_CONTROL - 4, 4), 4);
        check_packets(records + LINK_CONTROL, length - LINK_CONTROL, sizes, &number);
        CHECK(tunnel_link_control(&end, RECORD_PONG, body, LINK_CONTROL - RECORD_HEAD));
        close_link();
    }
}

// A peer that reads nothing: what waits is the queue's to drop, and what was sealed comes whole and
// in order once it reads, the control record among it.
static void slow_keyed_peer(void) {
    uint32_t received = 0;
    uint32_t last = 0;
    bool pinged = false;
    CHECK(open_link(true));
    listen_anew();
    begin_session();
    for (uint32_t number = 1; number <= 3000; number++) {
        queue_packet(1000 + number % 500, number);
        if (number == 2000)
            CHECK(tunnel_link_control(&end, RECORD_PING, "12345678", 8));
        tunnel_link_pump(&end, clock_us);
        CHECK(ws_conn_unsent(&conn) <=
              LINK_BATCH_MOST + SEALED_OVERHEAD + LINK_RECORDS + WS_HEAD_MAX);
    }
    CHECK(end.queue.dropped_late > 0);
    for (int n = 0; n < 3000 && last < 3000; n++, turn()) {
        size_t length;
        uint8_t *bytes = next_sealed(WS_BINARY, &length);
        if (bytes != NULL)
            acknowledge_newest();
        while (bytes != NULL && length > 0) {
            struct record record;
            size_t used = record_read(&record, bytes, length);
            uint32_t number;
            CHECK(used > 0);
            bytes += used;
            length -= used;
            pinged |= record.type == RECORD_PING;
            if (record.type != RECORD_PACKET)
                continue;
            memcpy(&number, record.bytes + 4, 4);
            CHECK(number > last);
            CHECK_INT(record.length, 1000 + number % 500);
            last = number;
            received++;
        }
    }
    CHECK_INT(last, 3000);
    CHECK(pinged);
    CHECK_INT(received, end.packets_sent);
    CHECK_INT(received + end.queue.dropped_late, 3000);
    close_link();
}

// What waits goes by the next phone, be it there already or come a little later; what came too long
// before it is dropped. Without a session nothing waits for a phone.
static void another_keyed_phone(void) {
    CHECK(open_link(true));
    begin_session();
    for (uint32_t number = 0; number < 10; number++) queue_packet(100, number);
    tunnel_link_set_conn(&end, &conn, clock_us);
    CHECK_INT(end.queue.count, 10);
    tunnel_link_set_conn(&end, NULL, clock_us);
    CHECK_INT(end.queue.count, 10);
    clock_us += LINK_HELD_MS * 1000 + 1;
    queue_packet(100, 10);
    tunnel_link_set_conn(&end, &conn, clock_us);
    CHECK_INT(end.queue.count, 11); // little enough to be spared
    tunnel_link_set_conn(&end, NULL, clock_us);
    for (uint32_t number = 0; number < 10; number++) queue_packet(1400, number);
    clock_us += LINK_HELD_MS * 1000 + 1;
    CHECK_INT(end.no_phone, 0);
    tunnel_link_set_conn(&end, &conn, clock_us);
    CHECK(end.queue.bytes <= LINK_HELD_BYTES);
    CHECK(end.queue.bytes > LINK_HELD_BYTES - 1500);
    tunnel_link_set_conn(&end, NULL, clock_us);
    clock_us += LINK_HELD_MOST_MS * 1000 + 1;
    queue_packet(100, 10);
    clock_us += 1000000;
    tunnel_link_set_conn(&end, &conn, clock_us);
    CHECK_INT(end.queue.count, 1);
    CHECK_INT(end.no_phone, 20 + 1);
    tunnel_link_set_conn(&end, NULL, clock_us);
    near->live = false;
    queue_packet(100, 11);
    tunnel_link_pump(&end, clock_us);
    CHECK_INT(end.queue.count, 1);
    CHECK_INT(end.no_phone, 20 + 2);
    CHECK_INT(near->next_counter, 0);
    close_link();
}

static void keyed_phone_lost_while_sending(void) {
    CHECK(open_link(true));
    begin_session();
    close(peer);
    peer = -1;
    for (uint32_t number = 0; number < 100; number++) {
        queue_packet(1400, number);
        tunnel_link_pump(&end, clock_us);
    }
    CHECK(gone);
    CHECK(end.conn == NULL);
    CHECK(end.queue.count > 0); // for the next phone
    close_link();
}

// A message by itself, in the form asked for, as long as there is room and the connection is open.
static void single_messages(void) {
    uint8_t message[100];
    CHECK(open_link(true));
    listen_anew();
    make_packet(message, sizeof message, 1);
    for (size_t length = 1; length <= sizeof message; length++) {
        CHECK(tunnel_send(&conn, length % 2 == 0, message, length));
        check_next(length % 2 == 0 ? WS_TEXT : WS_BINARY, message, length);
    }
    int sent = 0;
    while (sent < 100000 && tunnel_send(&conn, false, message, sizeof message)) sent++;
    CHECK(sent < 100000);
    ws_conn_close(&conn, WS_STATUS_NORMAL, "");
    CHECK(!tunnel_send(&conn, true, message, sizeof message));
    close_link();
    CHECK(!tunnel_send(&conn, false, message, sizeof message));
}

static void decoding(void) {
    static const struct {
        uint8_t opcode;
        const char *data;
        int length; // -1: no message
    } cases[] = {
        {WS_BINARY, "", -1},   {WS_TEXT, "", -1},       {WS_TEXT, "A", -1},
        {WS_TEXT, "Aw==", 1},  {WS_TEXT, "AwAB", 3},    {WS_TEXT, "Aw", 1},
        {WS_TEXT, "A*==", -1}, {WS_TEXT, "Aw==\n", -1}, {WS_BINARY, "Aw==", 4},
        {WS_TEXT, "====", -1}, {WS_TEXT, "AwA=", 2},    {WS_TEXT, "Ax==", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length = strlen(cases[i].data);
        uint8_t *copy = test_copy(cases[i].data, length);
        bool good = tunnel_decode(cases[i].opcode, copy, &length);
        free(copy);
        test_row("\"%s\"", cases[i].data);
        CHECK_INT(good, cases[i].length >= 0);
        if (good)
            CHECK_INT(length, cases[i].length);
    }
}

int main(void) {
    TEST("a keyed link sends nothing without a session, then all that waits in few messages",
         batches);
    TEST("records of other types go first, and fit before the longest packet", control_records);
    TEST("a slow phone gets sealed messages whole and in order", slow_keyed_peer);
    TEST("what waits of a keyed link goes by the next phone, if it comes soon",
         another_keyed_phone);
    TEST("a phone that is lost while a keyed link sends is gone", keyed_phone_lost_while_sending);
    TEST("single messages go in either form while there is room", single_messages);
    TEST("a message is bytes or their base64, and not empty", decoding);
    return test_end();
}
