// SPDX-License-Identifier: ISC
// Which acknowledgements make those before them needless (RFC 3449 section 5.2.1), and what the
// fair queue does then.
#include "queue/ack_thinning.h"

#include "fair_queue_lab.h"

#define PLAIN  40 // bytes: IP and TCP headers,
#define TIMED  52 // and with timestamps
#define NUMBER 28 // the place of what is acknowledged

static size_t make_ack(uint8_t *ack, uint32_t number, bool timed) {
    struct packet_spec spec = {.protocol = PACKET_TCP,
                               .source = ADDRESS(10, 0, 0, 1),
                               .destination = ADDRESS(198, 51, 100, 9),
                               .source_port = 40000,
                               .destination_port = 443,
                               .tcp_flags = 0x10,
                               .tcp_options = timed ? 12 : 0,
                               .sequence = 77};
    size_t length = packet_make(ack, &spec);
    packet_put32(ack + NUMBER, number);
    if (timed)
        memcpy(ack + 40, (const uint8_t[]){1, 1, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4}, 12);
    return length;
}

static bool replaces(const uint8_t *newer, const uint8_t *older, size_t length) {
    uint8_t *a = test_copy(newer, length);
    uint8_t *b = test_copy(older, length);
    bool result = ack_thinning_replaces(a, b, length);
    free(a);
    free(b);
    return result;
}

static void what_acknowledges_more(void) {
    static const struct {
        uint32_t older;
        uint32_t newer;
        bool replaces;
    } cases[] = {
        {1000, 1001, true}, {1000, 4000000, true}, {1000, 1000, false}, // RFC 5681: a duplicate
        {1000, 999, false}, {4294967295, 0, true}, {0, 4294967295, false}, {4294960000, 5000, true},
    };
    uint8_t older[TIMED], newer[TIMED];
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int timed = 0; timed < 2; timed++) {
            test_row("%lu after %lu", (unsigned long)cases[i].newer, (unsigned long)cases[i].older);
            size_t length = make_ack(older, cases[i].older, timed);
            CHECK_INT(make_ack(newer, cases[i].newer, timed), length);
            CHECK_INT(length, timed ? TIMED : PLAIN);
            CHECK(replaces(newer, older, length) == cases[i].replaces);
        }
}

// Each row is one bit that differs from a pure acknowledgement, in both packets or in the newer
// one.
static void what_says_more(void) {
    static const struct {
        const char *what;
        size_t at;
        uint8_t bit;
        bool in_both;
    } cases[] = {
        {"another version", 0, 0x10, true},
        {"IP options", 0, 0x02, true},
        {"a fragment", 6, 0x20, true},
        {"a later fragment", 7, 0x08, true},
        {"another protocol", 9, 0x10, true},
        {"another source", 13, 0x01, false},
        {"another destination", 19, 1, false},
        {"another source port", 21, 1, false},
        {"another destination port", 23, 1, false},
        {"another sequence number", 27, 1, false},
        {"a longer header", 32, 0x10, true},
        {"a reserved bit", 32, 0x01, true},
        {"FIN", 33, 0x01, true},
        {"SYN", 33, 0x02, true},
        {"RST", 33, 0x04, true},
        {"PSH", 33, 0x08, true},
        {"no ACK", 33, 0x10, true},
        {"URG", 33, 0x20, true},
        {"ECE", 33, 0x40, true},
        {"CWR", 33, 0x80, true},
        {"SACK", 42, 0x0d, true}, // 8 becomes 5 (RFC 2018)
    };
    uint8_t older[TIMED], newer[TIMED];
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("%s", cases[i].what);
        size_t length = make_ack(older, 1000, true);
        (void)make_ack(newer, 2000, true);
        newer[cases[i].at] ^= cases[i].bit;
        if (cases[i].in_both)
            older[cases[i].at] ^= cases[i].bit;
        CHECK(!replaces(newer, older, length));
    }
}

static void other_lengths(void) {
    uint8_t older[100] = {0}, newer[100] = {0};
    (void)make_ack(older, 1000, true);
    (void)make_ack(newer, 2000, true);
    for (size_t length = 0; length < sizeof older; length++) {
        test_row("%lu bytes", (unsigned long)length);
        older[32] = newer[32] = (uint8_t)((length - 20) / 4 << 4); // as if all were header
        CHECK(replaces(newer, older, length) == (length == PLAIN || length == TIMED));
    }
}

// A window, a timestamp and the IP header's number may differ: the newer ones are what is sent.
static void queue_keeps_the_newest(void) {
    uint8_t ack[TIMED];
    start();
    for (uint32_t i = 1; i <= 100; i++) {
        size_t length = make_ack(ack, 1000 * i, true);
        packet_put16(ack + 34, 500 + i);
        fair_queue_push(&queue, ack, length, 0);
        CHECK_WHOLE(&queue);
    }
    CHECK_INT(queue.count, 1);
    CHECK_INT(queue.thinned, 99);
    CHECK_INT(take(), TIMED);
    CHECK_INT(test_difference(out, ack, TIMED), TIMED);
    CHECK_INT(take(), 0);
}

// Takes what waits, all of it timed, and compares what it acknowledges.
static void check_numbers(const uint32_t *wanted, size_t count) {
    for (size_t i = 0; i < count; i++) {
        CHECK_INT(take(), TIMED);
        CHECK_INT(packet_get32(out + NUMBER), wanted[i]);
    }
    CHECK_INT(take(), 0);
}

// Of what says that there is a hole the last goes with what fills it.
static void duplicates(void) {
    uint8_t ack[TIMED];
    start();
    for (int i = 0; i < 4; i++) fair_queue_push(&queue, ack, make_ack(ack, 1000, true), 0);
    fair_queue_push(&queue, ack, make_ack(ack, 9000, true), 0);
    check_numbers((const uint32_t[]){1000, 1000, 1000, 9000}, 4);
}

static void what_is_chosen_is_replaced(void) {
    uint8_t ack[TIMED];
    start();
    fair_queue_push(&queue, ack, make_ack(ack, 1000, true), 0);
    CHECK_INT(fair_queue_next(&queue), TIMED);
    fair_queue_push(&queue, ack, make_ack(ack, 2000, true), 2);
    CHECK_INT(fair_queue_take(&queue, out), TIMED);
    CHECK_INT(packet_get32(out + NUMBER), 2000);
    CHECK_WHOLE(&queue);
}

static void what_has_a_head_stays(void) {
    uint8_t ack[TIMED];
    start();
    size_t length = make_ack(ack, 1000, true);
    fair_queue_push_headed(&queue, (const uint8_t *)"head", 4, ack, length, 0);
    fair_queue_push(&queue, ack, make_ack(ack, 2000, true), 0);
    fair_queue_push_headed(&queue, (const uint8_t *)"head", 4, ack, make_ack(ack, 3000, true), 0);
    CHECK_INT(queue.count, 3);
    CHECK_WHOLE(&queue);
}

static void queue_keeps_the_order(void) {
    uint8_t ack[TIMED];
    start();
    fair_queue_push(&queue, ack, make_ack(ack, 1000, true), 0);
    fair_queue_push(&queue, ack, make_ack(ack, 1000, true), 0); // a duplicate
    size_t length = make_ack(ack, 2000, true);
    ack[33] |= 0x08; // PSH, as with data
    fair_queue_push(&queue, ack, length, 0);
    fair_queue_push(&queue, ack, make_ack(ack, 3000, true), 0);
    fair_queue_push(&queue, ack, make_ack(ack, 4000, true), 0);
    check_numbers((const uint32_t[]){1000, 1000, 2000, 4000}, 4);
    CHECK_INT(queue.thinned, 1);
    CHECK_WHOLE(&queue);
}

int main(void) {
    TEST("an acknowledgement replaces one that acknowledges less", what_acknowledges_more);
    TEST("but none that says anything else", what_says_more);
    TEST("nor is anything of another length one", other_lengths);
    TEST("of those that wait in a queue the newest is left", queue_keeps_the_newest);
    TEST("of duplicates only the last is replaced", duplicates);
    TEST("what is chosen to be next may be replaced", what_is_chosen_is_replaced);
    TEST("what has a head stays", what_has_a_head_stays);
    TEST("and nothing is overtaken", queue_keeps_the_order);
    return test_end();
}
