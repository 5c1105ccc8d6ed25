// SPDX-License-Identifier: ISC
// The client in open mode: which messages are packets, which phone has the tether, and what page
// and terminal say.
#include "../../src/client/open.c"

#include "test.h"

static struct loop loop;
static struct log quiet; // errors alone
static struct client_phones phones;
static struct {
    int given; // packets, to the machine
    size_t length;
    const struct client_conn *taken;
} seen;

struct client_conn *client_phones_path(const struct client_phones *of) {
    (void)of;
    return phones.path.current == NULL ? NULL : &phones.conns[phones.path.current->serial];
}

void client_phones_take(struct client_phones *of, struct client_conn *conn) {
    of->path.current = &conn->phone;
    seen.taken = conn;
}

void machine_give(struct machine *machine, const uint8_t *packet, size_t length) {
    (void)machine, (void)packet;
    seen.given++;
    seen.length = length;
}

static void start(void) {
    memset(&phones, 0, sizeof phones);
    memset(&seen, 0, sizeof seen);
    loop.now_us = 1000000000;
    loop.now_ms = loop.now_us / 1000;
    quiet = (struct log){.program = "test"};
    phones.loop = &loop;
    phones.log = &quiet;
    path_init(&phones.path, &phones.link, 0);
    for (uint32_t i = 0; i < CLIENT_CONNS; i++) {
        phones.conns[i].phones = &phones;
        phones.conns[i].phone.serial = i;
        phones.conns[i].phone.ws.fd = -1;
        liveness_init(&phones.conns[i].liveness, loop.now_ms);
    }
}

// Gives it a message of `length` bytes that begins so.
static void hear(uint8_t first, uint8_t second, size_t length) {
    uint8_t bytes[64] = {first, second};
    client_open.message(&phones.conns[0], WS_BINARY, bytes, length);
}

static void messages(void) {
    static const struct {
        uint8_t first, second;
        size_t length;
        bool is_packet, wants_key;
    } cases[] = {
        {0x45, 0, 20, true, false},
        {0x60, 0, 40, true, false},
        {MESSAGE_REFUSAL, REFUSAL_KEYED, REFUSAL_SIZE, false, true},
        {MESSAGE_REFUSAL, REFUSAL_KEYED, REFUSAL_SIZE - 1, false, false},
        {MESSAGE_REFUSAL, REFUSAL_KEYED, REFUSAL_SIZE + 1, false, false},
        {MESSAGE_REFUSAL, REFUSAL_WRONG_KEY, REFUSAL_SIZE, false, false},
        {MESSAGE_REFUSAL, REFUSAL_UNKNOWN, REFUSAL_SIZE, false, false},
        {MESSAGE_GREETING, 0, GREETING_SIZE, false, true},
        {MESSAGE_GREETING, 0, GREETING_SIZE + 1, false, false},
        {MESSAGE_GREETING, REFUSAL_KEYED, REFUSAL_SIZE, false, false},
        {MESSAGE_REFUSAL, 0, GREETING_SIZE, false, false},
        {MESSAGE_SEALED, 0, 40, false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        start();
        phones.said_keyed = true; // or it would be said here, too
        test_row("%02x %02x, %zu bytes", cases[i].first, cases[i].second, cases[i].length);
        hear(cases[i].first, cases[i].second, cases[i].length);
        CHECK_INT(seen.given, cases[i].is_packet);
        CHECK_INT(phones.conns[0].heard, cases[i].is_packet);
        CHECK_INT(phones.wants_key, cases[i].wants_key);
        if (cases[i].is_packet)
            CHECK_INT(seen.length, cases[i].length);
    }
}

static void newest_phone(void) {
    start();
    phones.wants_key = true;
    client_open.opened(&phones, &phones.conns[0]);
    CHECK(seen.taken == &phones.conns[0]);
    CHECK(!phones.wants_key);
    CHECK(path_is_on(&phones.conns[0].phone));
    phones.conns[1].phone.path = NULL;
    client_open.opened(&phones, &phones.conns[1]);
    CHECK(path_is_on(&phones.conns[1].phone));
    CHECK(phones.conns[0].phone.path == &phones.path); // until its closing has come to an end
}

static void check_shown(const char *session, bool is_up) {
    struct shown shown = client_open.show(&phones);
    CHECK_TEXT(shown.session, session);
    CHECK_INT(shown.is_up, is_up);
    CHECK_INT(shown.round_trip_ms, -1);
    CHECK_INT(shown.mappings, -1);
}

static void shown(void) {
    start();
    check_shown("no phone", false);
    client_open.opened(&phones, &phones.conns[0]);
    check_shown("open", false);
    phones.said_keyed = true;
    hear(MESSAGE_GREETING, 0, GREETING_SIZE);
    check_shown("wants key", false);
    hear(0x45, 0, 20);
    check_shown("up", true);
    liveness_sent(&phones.conns[0].liveness, loop.now_ms);
    loop.now_ms += SHOWN_SILENT_MS - 1;
    check_shown("up", true);
    loop.now_ms++;
    check_shown("open", false);
    hear(0x45, 0, 20);
    check_shown("up", true);
}

int main(void) {
    TEST("only a packet is one, and that the server wants a key is understood", messages);
    TEST("the newest phone has the tether", newest_phone);
    TEST("the server is up while packets come back", shown);
    return test_end();
}
