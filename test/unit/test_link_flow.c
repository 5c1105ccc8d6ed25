// SPDX-License-Identifier: ISC
// A keyed link and its flow control: how much goes without acknowledgements, and which
// acknowledgements go.
#include "keyed_lab.h"

#define WAITING 400 // packets of 1000 bytes, many first windows

static bool open_keyed(void) {
    if (!open_link(true))
        return false;
    listen_anew();
    begin_session();
    return true;
}

// Opens all that came. Returns the bytes of the messages.
static size_t read_all(void) {
    size_t bytes = 0;
    size_t length;
    for (int n = 0; n < 100; n++, turn())
        while (next_sealed(WS_BINARY, &length) != NULL) bytes += length + SEALED_OVERHEAD;
    return bytes;
}

// Queues a packet of a flow of its own.
static void queue_of_flow(size_t length, uint8_t flow) {
    uint8_t packet[1000];
    make_packet(packet, length, flow);
    packet[15] = flow; // of the source address
    tunnel_link_queue(&end, packet, length, clock_us);
}

// Opens a link on which as much is on its way as may be, and more waits. Returns the bytes on their
// way.
static size_t fill_window(void) {
    if (!open_keyed())
        return 0;
    for (uint32_t number = 0; number < WAITING; number++)
        queue_of_flow(1000, (uint8_t)(200 + number % 8));
    tunnel_link_pump(&end, clock_us);
    return read_all();
}

// No more than the window, and the end of a message, is on its way; the rest waits.
static void window_bounds(void) {
    struct flow before;
    flow_init(&before, clock_us);
    size_t sent = fill_window();
    CHECK(sent >= flow_room(&before, clock_us));
    CHECK(sent < flow_room(&before, clock_us) + flow_message_size(&before) + SEALED_OVERHEAD);
    CHECK_INT(flow_in_flight(&end.flow), sent);
    CHECK_INT(flow_room(&end.flow, clock_us), 0);
    CHECK_INT(end.queue.count, WAITING - end.packets_sent);
    CHECK(end.queue.count > 0);
    tunnel_link_pump(&end, clock_us);
    CHECK_INT(read_all(), 0);
    close_link();
}

// A dozen small packets, a millisecond apart: the first leave at once, the others share messages,
// and none waits longer than the link says.
static void small_packets_share_messages(void) {
    CHECK(open_keyed());
    queue_of_flow(100, 200);
    tunnel_link_pump(&end, clock_us);
    CHECK(read_all() > 0);
    clock_us += 50000;
    acknowledge_newest();
    uint64_t messages = end.messages_sent;
    for (uint8_t n = 0; n < 12; n++, clock_us += 1000) {
        queue_of_flow(100, n);
        tunnel_link_pump(&end, clock_us);
        CHECK_INT(end.messages_sent - messages, n < 5 ? n + 1 : 5 + (n - 4) / 2);
    }
    CHECK_INT(end.queue.count, 1);
    clock_us -= 500; // half a millisecond after the last
    int64_t due_us = tunnel_link_due_us(&end, clock_us);
    CHECK(due_us > clock_us && due_us <= clock_us + 2000);
    clock_us = due_us;
    tunnel_link_pump(&end, clock_us);
    CHECK_INT(end.queue.count, 0);
    for (uint8_t n = 0; n < 2; n++) queue_of_flow(1000, n); // enough for a segment
    tunnel_link_pump(&end, clock_us);
    CHECK_INT(end.queue.count, 0);
    close_link();
}

// What is acknowledged makes room for as much; all of it in the end, and then nothing is due.
static void acknowledgements_open(void) {
    size_t sent = fill_window();
    uint64_t packets = end.packets_sent;
    CHECK(sent > 0);
    clock_us += 100;
    acknowledge(2, 0); // the first message
    CHECK(end.packets_sent > packets);
    CHECK(end.packets_sent < WAITING);
    for (int n = 0; n < 100 && (read_all() > 0 || end.queue.count > 0); n++) acknowledge_newest();
    CHECK_INT(end.packets_sent, WAITING);
    CHECK_INT(flow_in_flight(&end.flow), 0);
    CHECK(tunnel_link_due_us(&end, clock_us) == INT64_MAX);
    CHECK_INT(end.bad_message, 0);
    close_link();
}

// Acknowledgements of what was never sent, of another session, again, and too short ones open
// nothing.
static void wrong_acknowledgements(void) {
    uint8_t body[ACKNOWLEDGEMENT_BYTES] = {0, 0, 0, 2};
    CHECK(fill_window() > 0);
    uint64_t packets = end.packets_sent;
    acknowledge(2, newest + 1);
    acknowledge(2, UINT32_MAX);
    acknowledge(1, newest);
    for (size_t length = 0; length < ACKNOWLEDGEMENT_LEAST; length++) {
        uint8_t *copy = test_copy(body, length);
        struct record record = {RECORD_ACKNOWLEDGEMENT, copy, length};
        tunnel_link_acknowledged(&end, &record, clock_us);
        free(copy);
        CHECK_INT(end.bad_message, length + 1);
    }
    tunnel_link_pump(&end, clock_us);
    CHECK_INT(end.packets_sent, packets);
    acknowledge_newest();
    packets = end.packets_sent;
    size_t in_flight = flow_in_flight(&end.flow);
    acknowledge(2, newest); // again
    CHECK_INT(end.packets_sent, packets);
    CHECK_INT(flow_in_flight(&end.flow), in_flight);
    close_link();
}

// Records of other types go although the window is full, alone, and do not count as on their way.
static void control_passes(void) {
    struct record record;
    size_t length;
    size_t sent = fill_window();
    uint64_t packets = end.packets_sent;
    CHECK(sent > 0);
    CHECK(tunnel_link_control(&end, RECORD_PING, "12345678", 8));
    tunnel_link_pump(&end, clock_us);
    uint8_t *bytes = next_sealed(WS_BINARY, &length);
    CHECK(bytes != NULL);
    CHECK_INT(length, RECORD_HEAD + 8);
    CHECK_INT(record_read(&record, bytes, length), length);
    CHECK_INT(record.type, RECORD_PING);
    CHECK_INT(end.packets_sent, packets);
    CHECK_INT(flow_in_flight(&end.flow), sent);
    close_link();
}

// A small packet goes although the window is full, in front of all that waits; many of them do not
// fill it further.
static void small_packets_pass(void) {
    size_t length;
    CHECK(fill_window() > 0);
    uint64_t packets = end.packets_sent;
    queue_of_flow(100, 1);
    tunnel_link_pump(&end, clock_us);
    CHECK_INT(end.packets_sent, packets + 1);
    CHECK(next_sealed(WS_BINARY, &length) != NULL);
    CHECK_INT(length, 100);
    for (uint8_t flow = 2; flow < 100; flow++) queue_of_flow(100, flow);
    tunnel_link_pump(&end, clock_us);
    CHECK(end.packets_sent > packets + 1);
    CHECK(flow_in_flight(&end.flow) < end.flow.window + FLOW_SHORT + 100 + SEALED_OVERHEAD);
    uint64_t then = end.packets_sent;
    queue_of_flow(FLOW_SMALL + 1, 200);
    tunnel_link_pump(&end, clock_us);
    CHECK_INT(end.packets_sent, then);
    close_link();
}

// A session is held for a moment when somebody says that the server has lost it. What waits goes as
// soon as that is over, and waits for no other event.
static void a_hold_ends(void) {
    size_t length;
    CHECK(open_link(true));
    listen_anew();
    begin_session();
    keys.held_until_ms = clock_us / 1000 + OFFER_HOLD_MS;
    queue_of_flow(100, 1);
    tunnel_link_pump(&end, clock_us);
    CHECK_INT(end.packets_sent, 0);
    CHECK_INT(tunnel_link_due_us(&end, clock_us), keys.held_until_ms * 1000);
    clock_us = keys.held_until_ms * 1000;
    tunnel_link_pump(&end, clock_us);
    CHECK(next_sealed(WS_BINARY, &length) != NULL);
    CHECK_INT(length, 100);
    keys.current.live = false;
    CHECK_INT(tunnel_link_due_us(&end, clock_us), INT64_MAX);
    close_link();
}

// After silence one message goes at a time, until something is acknowledged again.
static void silence(void) {
    size_t length;
    CHECK(fill_window() > 0);
    acknowledge_newest();
    CHECK(read_all() > 0);
    for (int n = 0; n < 5; n++) {
        uint64_t messages = end.messages_sent;
        int64_t due_us = tunnel_link_due_us(&end, clock_us);
        test_row("time %d", n);
        CHECK(due_us > clock_us);
        CHECK(due_us <= clock_us + 10000000);
        clock_us = due_us - 1;
        tunnel_link_pump(&end, clock_us);
        CHECK_INT(end.messages_sent, messages);
        clock_us = due_us;
        tunnel_link_pump(&end, clock_us);
        tunnel_link_pump(&end, clock_us);
        CHECK_INT(end.messages_sent, messages + 1);
        CHECK(next_sealed(WS_BINARY, &length) != NULL);
        CHECK_INT(length, 1000);
    }
    uint64_t packets = end.packets_sent;
    acknowledge_newest();
    CHECK(end.packets_sent > packets + 1);
    close_link();
}

// Where the phone stays and the other end is silent, nobody waits any more for what is too old: it
// would only hold up what is new.
static void long_silence(void) {
    CHECK(fill_window() > 0);
    acknowledge_newest();
    CHECK(read_all() > 0);
    clock_us = tunnel_link_due_us(&end, clock_us);
    tunnel_link_pump(&end, clock_us);
    CHECK(read_all() > 0);
    size_t waited = end.queue.count;
    uint64_t packets = end.packets_sent;
    CHECK(waited > 1);
    clock_us += LINK_HELD_MOST_MS * 1000;
    queue_of_flow(1000, 1);
    CHECK_INT(end.queue.count, waited + 1);
    CHECK_INT(end.no_phone, 0);
    tunnel_link_pump(&end, clock_us);
    CHECK_INT(end.no_phone, waited);
    CHECK_INT(end.queue.count + end.packets_sent, packets + 1);
    acknowledge_newest();
    CHECK_INT(end.queue.count, 0);
    close_link();
}

// An end that never acknowledges anything does not know how: it is sent everything, and nothing is
// due.
static void never_acknowledged(void) {
    CHECK(fill_window() > 0);
    clock_us = tunnel_link_due_us(&end, clock_us);
    tunnel_link_pump(&end, clock_us);
    CHECK(read_all() > 0);
    CHECK_INT(end.queue.count, 0);
    CHECK_INT(end.packets_sent + end.queue.dropped_late, WAITING);
    CHECK(tunnel_link_due_us(&end, clock_us) == INT64_MAX);
    close_link();
}

// What was on its way is not waited for when another phone is there.
static void another_path(void) {
    CHECK(fill_window() > 0);
    uint64_t packets = end.packets_sent;
    tunnel_link_set_conn(&end, &conn, clock_us);
    CHECK_INT(flow_in_flight(&end.flow), 0);
    tunnel_link_pump(&end, clock_us);
    CHECK(end.packets_sent > packets);
    close_link();
}

// A message came, of `length` bytes, of a session with index 7.
static void receive(uint32_t counter, size_t length) {
    uint8_t head[SEALED_HEAD] = {MESSAGE_SEALED};
    put_be32(head + 1, 7);
    put_be32(head + 9, counter);
    tunnel_link_received(&end, head, length, clock_us);
}

// The first record of a message is an acknowledgement of this. Returns how long it is.
static size_t expect_acknowledgement(uint8_t *bytes, size_t length, uint32_t counter,
                                     uint32_t delay_us) {
    struct record record;
    size_t used = bytes == NULL ? 0 : record_read(&record, bytes, length);
    if (used == 0 || record.type != RECORD_ACKNOWLEDGEMENT ||
        record.length != ACKNOWLEDGEMENT_BYTES || get_be32(record.bytes) != 7 ||
        get_be32(record.bytes + 4) != counter || get_be32(record.bytes + 8) != delay_us)
        test_fail(__FILE__, __LINE__, "no acknowledgement of %lu, %lu us later",
                  (unsigned long)counter, (unsigned long)delay_us);
    return used;
}

// A packet takes the acknowledgement along, of the newest message, and says how long it waited.
static void goes_along(void) {
    size_t length;
    CHECK(open_keyed());
    receive(10, 500);
    receive(11, 500);
    clock_us += 3;
    CHECK(tunnel_link_due_us(&end, clock_us) > clock_us);
    queue_packet(100, 1);
    tunnel_link_pump(&end, clock_us);
    uint8_t *bytes = next_sealed(WS_BINARY, &length);
    size_t used = expect_acknowledgement(bytes, length, 11, 3);
    CHECK_INT(used, RECORD_HEAD + ACKNOWLEDGEMENT_BYTES);
    CHECK_INT(length, used + 100);
    queue_packet(100, 2);
    tunnel_link_pump(&end, clock_us);
    CHECK(next_sealed(WS_BINARY, &length) != NULL);
    CHECK_INT(length, 100); // once is enough
    close_link();
}

// With nothing to take it along it goes alone, when it is due, though the window be full.
static void goes_alone(void) {
    size_t length;
    CHECK(fill_window() > 0);
    for (uint32_t counter = 0; counter < 3; counter++) {
        uint64_t messages = end.messages_sent;
        receive(counter, 1000);
        int64_t from_us = clock_us;
        clock_us = tunnel_link_due_us(&end, clock_us);
        CHECK(clock_us > from_us);
        CHECK(clock_us <= from_us + 200000);
        tunnel_link_pump(&end, clock_us - 1);
        CHECK_INT(end.messages_sent, messages);
        tunnel_link_pump(&end, clock_us);
        uint8_t *bytes = next_sealed(WS_BINARY, &length);
        CHECK_INT(expect_acknowledgement(bytes, length, counter, (uint32_t)(clock_us - from_us)),
                  length);
        CHECK_INT(end.messages_sent, messages + 1);
    }
    close_link();
}

// Of many bytes it goes at once; and nothing is owed then.
static void goes_at_once(void) {
    size_t length;
    CHECK(open_keyed());
    CHECK(tunnel_link_due_us(&end, clock_us) == INT64_MAX);
    for (uint32_t counter = 0; counter < 20; counter++) receive(counter, 65535);
    CHECK(tunnel_link_due_us(&end, clock_us) <= clock_us);
    tunnel_link_pump(&end, clock_us);
    uint8_t *bytes = next_sealed(WS_BINARY, &length);
    CHECK_INT(expect_acknowledgement(bytes, length, 19, 0), length);
    CHECK(tunnel_link_due_us(&end, clock_us) == INT64_MAX);
    CHECK_INT(flow_in_flight(&end.flow), 0); // it is not to be acknowledged itself
    close_link();
}

// Without a phone, or without a session, nothing is due.
static void nobody_waits(void) {
    CHECK(open_keyed());
    receive(1, 65535);
    CHECK(tunnel_link_due_us(&end, clock_us) < INT64_MAX);
    near->live = false;
    CHECK(tunnel_link_due_us(&end, clock_us) == INT64_MAX);
    tunnel_link_pump(&end, clock_us + 1000000);
    near->live = true;
    tunnel_link_set_conn(&end, NULL, clock_us);
    CHECK(tunnel_link_due_us(&end, clock_us) == INT64_MAX);
    tunnel_link_pump(&end, clock_us + 1000000);
    CHECK_INT(end.messages_sent, 0);
    close_link();
}

// How much the kernel is told to keep follows the rate, but only where that is worth a system call.
static void what_the_kernel_keeps(void) {
    static const struct {
        int64_t bytes_per_ms; // half of the rate that comes of it
        int64_t kept;
    } cases[] = {
        {LINK_UNSENT * 3 / 4, LINK_UNSENT},       {LINK_UNSENT / 2, LINK_UNSENT},
        {LINK_UNSENT_MOST * 4, LINK_UNSENT_MOST}, {LINK_UNSENT_MOST * 3 / 8, LINK_UNSENT_MOST},
        {LINK_UNSENT / 2, LINK_UNSENT},
    };
    CHECK(open_keyed());
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("case %zu", i);
        make_rate((size_t)cases[i].bytes_per_ms, 1000);
        acknowledge(2, 0);
        CHECK_INT(end.unsent, cases[i].kept);
    }
    close_link();
}

int main(void) {
    TEST("what waits for the end of a hold goes then", a_hold_ends);
    TEST("no more than the window is sent without acknowledgements", window_bounds);
    TEST("an acknowledgement makes room for more", acknowledgements_open);
    TEST("wrong acknowledgements open nothing", wrong_acknowledgements);
    TEST("records of other types go although the window is full", control_passes);
    TEST("a small packet goes although the window is full", small_packets_pass);
    TEST("small packets share messages when some are under way", small_packets_share_messages);
    TEST("after silence one message goes at a time", silence);
    TEST("after a long silence nothing is sent that is too old", long_silence);
    TEST("an end that never acknowledges is sent everything", never_acknowledged);
    TEST("what was on its way by another phone is not waited for", another_path);
    TEST("an acknowledgement goes along with a packet", goes_along);
    TEST("an acknowledgement goes alone when it is due", goes_alone);
    TEST("an acknowledgement of many bytes goes at once", goes_at_once);
    TEST("how much the kernel keeps follows the rate, but not each change", what_the_kernel_keeps);
    TEST("without a phone or a session nothing is due", nobody_waits);
    return test_end();
}
