// SPDX-License-Identifier: ISC
// The keyed session over networks of all kinds: it comes up, gets new keys without a gap, survives
// lost and late messages, other phones and a server that starts anew. What attackers do is in
// test_tunnel_attacks.c.
#include "tunnel_lab.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)

// Nothing was lost on a network that loses nothing.
static void check_whole(const struct lab_laptop *laptop) {
    CHECK(laptop->up.sent > 0);
    CHECK(laptop->down.sent > 0);
    CHECK_INT(laptop->up.arrived, laptop->up.sent);
    CHECK_INT(laptop->down.arrived, laptop->down.sent);
}

static void begins(void) {
    static const int64_t delays[] = {0, 10, 90, 400, 1500};
    for (size_t i = 0; i < COUNT(delays); i++) {
        test_row("%ld ms", (long)delays[i]);
        lab_begin();
        struct lab_laptop *laptop = lab_laptop(0);
        lab_connect(0, delays[i]);
        int64_t began_ms = lab.now_ms;
        while (laptop->sessions == 0 && lab.now_ms - began_ms < 10 * SECOND) lab_run(LAB_STEP_MS);
        CHECK(lab.now_ms - began_ms <= 2 * delays[i] + LAB_TICK_MS + OFFER_LEAST_MS);
        lab_run(20 * SECOND);
        lab_settle();
        CHECK_INT(lab.responder.sessions, laptop->sessions);
        CHECK(laptop->sessions <= 2); // the greeting may come when the first is up already
        CHECK_INT(laptop->initiator.forged, 0);
        CHECK_INT(lab.responder.forged, 0);
        check_whole(laptop);
    }
}

// Each end knows what the other takes, also when the laptop comes back with another program.
static void what_each_takes(void) {
    static const uint8_t takes[][2] = {{0, 0}, {1, 3}, {3, 1}, {0, 3}, {0xff, 0}};
    for (size_t i = 0; i < COUNT(takes); i++) {
        test_row("%02x and %02x", takes[i][0], takes[i][1]);
        lab_begin();
        struct lab_laptop *laptop = lab_laptop(0);
        laptop->initiator.self.flags = takes[i][0];
        lab.responder.config.takes = takes[i][1];
        lab_connect(0, 20);
        lab_run(2 * SECOND);
        const struct session *near = session_to_seal(&laptop->initiator.keys, lab.now_ms);
        const struct session *far = session_to_seal(&lab.responder.laptops[0], lab.now_ms);
        CHECK(near != NULL && far != NULL);
        CHECK_INT(near->peer_takes, takes[i][1]);
        CHECK_INT(far->peer_takes, takes[i][0]);
        laptop->initiator.self.flags = 2;
        initiator_give_up(&laptop->initiator, lab.now_ms, 0);
        lab_run(2 * SECOND);
        far = session_to_seal(&lab.responder.laptops[0], lab.now_ms);
        CHECK(far != NULL);
        CHECK_INT(far->peer_takes, 2);
    }
}

// New keys are agreed on in time, while messages under the old ones are under way in both
// directions, in order or not: every one of them arrives.
static void new_keys_by_time(void) {
    static const struct {
        int64_t delay_ms;
        int64_t jitter_ms;
    } networks[] = {{10, 0}, {300, 0}, {40, 400}, {2500, 0}, {100, 5000}};
    for (size_t i = 0; i < COUNT(networks); i++) {
        test_row("%ld ms and up to %ld more", (long)networks[i].delay_ms,
                 (long)networks[i].jitter_ms);
        lab_begin();
        struct lab_laptop *laptop = lab_laptop(0);
        int c = lab_connect(0, networks[i].delay_ms);
        lab_run(15 * SECOND);
        CHECK(laptop->sessions > 0);
        unsigned before = laptop->sessions;
        lab.conns[c].jitter_ms = networks[i].jitter_ms;
        lab_run(10 * MINUTE);
        CHECK(laptop->sessions - before >= 4);
        CHECK(laptop->sessions - before <= 6);
        CHECK(laptop->up.gap_ms <= 50 + 2 * LAB_STEP_MS + networks[i].jitter_ms);
        CHECK(laptop->down.gap_ms <= 50 + 2 * LAB_STEP_MS + networks[i].jitter_ms);
        lab_settle();
        check_whole(laptop);
    }
}

static void new_keys_by_count(void) {
    lab_begin();
    struct lab_laptop *laptop = lab_laptop(0);
    lab_connect(0, 200);
    lab_run(10 * SECOND);
    for (int i = 0; i < 5; i++) {
        unsigned before = laptop->sessions;
        // The laptop's next message is the last but one of this key. (The window moves on, too.)
        laptop->initiator.keys.current.next_counter = SESSION_REKEY_MESSAGES - 2;
        lab_run(SECOND);
        CHECK_INT(laptop->sessions, before + 1);
        CHECK(laptop->initiator.keys.current.next_counter < 100);
    }
    lab_settle();
    check_whole(laptop);
    CHECK(laptop->up.gap_ms <= 50 + LAB_STEP_MS);
    CHECK(laptop->down.gap_ms <= 50 + LAB_STEP_MS);
}

// What was under way for a very long time still opens under the keys before, and not for ever.
static void late_messages(void) {
    lab_begin();
    struct lab_laptop *laptop = lab_laptop(0);
    int c = lab_connect(0, 10);
    lab_run(10 * SECOND);
    lab_settle();
    check_whole(laptop);
    lab.conns[c].delay_ms = SESSION_REKEY_MS + 60 * SECOND;
    lab_say(0, c);
    lab_send_packet(&lab.responder.laptops[0].current, 0, false, c);
    lab.conns[c].delay_ms = SESSION_OVER_MS + 30 * SECOND;
    lab_say(0, c);
    lab_send_packet(&lab.responder.laptops[0].current, 0, false, c);
    lab.conns[c].delay_ms = 10;
    lab_run(SESSION_REKEY_MS + 30 * SECOND); // silent, but the keys are renewed
    lab_run(SESSION_OVER_MS);
    CHECK_INT(laptop->up.arrived, laptop->up.sent - 1);
    CHECK_INT(laptop->down.arrived, laptop->down.sent - 1);
}

// A network as bad as any: what arrives is genuine and comes once, and the session never stays
// away.
static void a_bad_network(void) {
    for (int round = 0; round < 4; round++) {
        test_row("round %d", round);
        lab_begin();
        struct lab_laptop *laptop = lab_laptop(0);
        int c = lab_connect(0, 20 + 100 * round);
        lab.conns[c].jitter_ms = 50 + 300 * round;
        lab.conns[c].loss_percent = 10 + 10 * (unsigned)round;
        lab.conns[c].double_percent = 20;
        lab_run(12 * MINUTE);
        lab_settle();
        CHECK(laptop->sessions >= 6);
        CHECK(lab.responder.sessions >= 6);
        uint32_t share = 100 - lab.conns[c].loss_percent - 2;
        CHECK(laptop->up.arrived >= laptop->up.sent / 100 * share);
        CHECK(laptop->down.arrived >= laptop->down.sent / 100 * share);
        CHECK(laptop->up.gap_ms < 5 * SECOND);
        CHECK(laptop->down.gap_ms < 5 * SECOND);
        CHECK(laptop->offer_gap_ms >= OFFER_LEAST_MS);
        CHECK(lab.responder.replayed + laptop->initiator.replayed > 100); // the doubled ones
    }
}

// The connection carries one form only: the second copy of the offer goes in the other.
static void one_form(void) {
    for (int form = 0; form < 2; form++) {
        lab_begin();
        struct lab_laptop *laptop = lab_laptop(0);
        int c = lab_connect(0, 50);
        lab.conns[c].carries_binary = form == 0;
        lab.conns[c].carries_text = form == 1;
        lab.conns[c].laptop_text = form == 0; // as the connection before may have been
        test_row("form %d", form);
        lab_run(3 * SECOND);
        CHECK(laptop->sessions >= 1);
        CHECK_INT(lab.conns[c].laptop_text, form == 1);
        CHECK_INT(lab.conns[c].server_text, form == 1);
        lab_run(10 * SECOND);
        CHECK(laptop->up.arrived >= laptop->up.sent - 100);
        CHECK(laptop->up.arrived > 180);
        CHECK(laptop->down.arrived > 180);
    }
}

// As long as there is no answer, the same offer goes again and again, with growing pauses; after
// half a minute a fresh one.
static uint8_t offers_seen[32][OFFER_SIZE];
static int64_t offers_ms[32];
static size_t offer_count;

static void note_offers(int c, bool up, const uint8_t *bytes, size_t length) {
    (void)c;
    if (up && length == OFFER_SIZE && bytes[0] == MESSAGE_OFFER &&
        offer_count < COUNT(offers_seen)) {
        offers_ms[offer_count] = lab.now_ms;
        memcpy(offers_seen[offer_count++], bytes, OFFER_SIZE);
    }
}

static void pauses(void) {
    static const int64_t expected_s[] = {0, 1, 3, 7, 15, 23, 31};
    lab_begin();
    lab_laptop(0);
    int c = lab_connect(0, 10);
    lab.flying = 0;
    lab.conns[c].loss_percent = 100;
    lab.tap = note_offers;
    offer_count = 0;
    int64_t began_ms = lab.now_ms;
    lab_run(32 * SECOND);
    CHECK_INT(offer_count, COUNT(expected_s));
    for (size_t i = 0; i < offer_count; i++) {
        test_row("offer %lu", (unsigned long)i);
        CHECK_INT(offers_ms[i] - began_ms, expected_s[i] * SECOND);
        CHECK_INT(memcmp(offers_seen[i], offers_seen[0], OFFER_SIZE) == 0, i < 6);
    }
}

// The answer to any copy is good, however late: here each takes longer than the pause between
// copies.
static void slow_answers(void) {
    lab_begin();
    struct lab_laptop *laptop = lab_laptop(0);
    lab_connect(0, 8 * SECOND);
    lab_run(18 * SECOND);
    CHECK_INT(laptop->sessions, 1);
    lab_run(60 * SECOND);
    lab_settle();
    CHECK(laptop->sessions <= 2);
    check_whole(laptop);
}

// The server starts anew and knows no session; its refusals, or its greeting, lead to a new one.
static void server_restarts(void) {
    for (int greets = 0; greets < 2; greets++) {
        test_row(greets == 0 ? "refusals" : "greeting");
        lab_begin();
        struct lab_laptop *laptop = lab_laptop(0);
        int c = lab_connect(0, 50);
        lab_run(10 * SECOND);
        CHECK(laptop->sessions >= 1);
        for (int i = 0; i < 5; i++) {
            unsigned before = laptop->sessions;
            lab_start_server();
            laptop->talks = greets == 0;
            if (greets == 1) {
                lab_disconnect(c);
                c = lab_connect(0, 50);
            }
            lab_run(500);
            CHECK_INT(laptop->sessions, before + 1);
            CHECK_INT(lab.responder.sessions, 1);
            laptop->talks = true;
            lab_run(5 * SECOND);
            CHECK_INT(laptop->sessions, before + 1);
        }
        CHECK(laptop->up.gap_ms < SECOND);
        CHECK_INT(laptop->initiator.forged, 0);
    }
}

// A greeting of another server than before is enough: the offer goes at once, no refusal is waited
// for, and nothing else is sealed for a moment. One of the same server changes nothing.
static void greetings(void) {
    lab_begin();
    struct lab_laptop *laptop = lab_laptop(0);
    int c = lab_connect(0, 50);
    lab_run(10 * SECOND);
    laptop->talks = false;
    uint8_t greeting[GREETING_SIZE];
    uint8_t offer[OFFER_SIZE];
    uint8_t *bytes;
    size_t length;
    bool other_form;
    for (int other = 0; other < 2; other++) {
        greeting_write(&lab.responder, greeting);
        greeting[GREETING_SIZE - 1] ^= (uint8_t)other;
        CHECK_INT(initiator_hear(&laptop->initiator, greeting, sizeof greeting, lab.now_ms, &bytes,
                                 &length),
                  INITIATOR_GREETING);
        CHECK_INT(initiator_due(&laptop->initiator, lab.now_ms, offer, &other_form),
                  other == 0 ? 0 : OFFER_SIZE);
        CHECK_INT(session_to_seal(&laptop->initiator.keys, lab.now_ms) != NULL, other == 0);
        CHECK(laptop->initiator.keys.current.live);
    }
    CHECK(session_to_seal(&laptop->initiator.keys, lab.now_ms + OFFER_HOLD_MS - 1) == NULL);
    CHECK(session_to_seal(&laptop->initiator.keys, lab.now_ms + OFFER_HOLD_MS) != NULL);
    for (size_t short_of = 1; short_of < GREETING_SIZE; short_of++) {
        uint8_t *copy = test_copy(greeting, short_of);
        int event = initiator_hear(&laptop->initiator, copy, short_of, lab.now_ms, &bytes, &length);
        free(copy);
        CHECK_INT(event, INITIATOR_NOTHING);
    }
    lab_disconnect(c);
}

// What comes under the keys before is never the newest, though it may be the newest of those: by it
// no path is chosen.
static void old_keys_choose_no_path(void) {
    lab_begin();
    struct lab_laptop *laptop = lab_laptop(0);
    int c = lab_connect(0, 20);
    lab_run(10 * SECOND);
    lab_run(SESSION_REKEY_MS);
    lab_settle();
    struct session *up = &laptop->initiator.keys.previous;
    struct session *down = &lab.responder.laptops[0].previous;
    CHECK(up->live);
    CHECK(down->live);
    uint8_t message[SEALED_OVERHEAD + 4] = {0};
    uint8_t *bytes;
    size_t length;
    struct responder_heard heard;
    session_seal(down, message, 4);
    CHECK_INT(
        initiator_hear(&laptop->initiator, message, sizeof message, lab.now_ms, &bytes, &length),
        INITIATOR_LATE);
    CHECK_INT(length, 4);
    session_seal(up, message, 4);
    responder_hear(&lab.responder, &lab.conns[c].pending, 1, message, sizeof message, lab.now_ms,
                   &heard);
    CHECK_INT(heard.event, RESPONDER_RECORDS);
    CHECK(!heard.is_newest);
    CHECK(!heard.is_session);
    session_seal(&laptop->initiator.keys.current, message, 4);
    responder_hear(&lab.responder, &lab.conns[c].pending, 1, message, sizeof message, lab.now_ms,
                   &heard);
    CHECK(heard.is_newest);
    CHECK(!heard.is_session);
}

// The same while the laptop sends a thousand messages a second: what it seals for the server before
// must not keep its own offer from being heard.
static void server_restarts_under_load(void) {
    lab_begin();
    struct lab_laptop *laptop = lab_laptop(0);
    int c = lab_connect(0, 100);
    lab_run(5 * SECOND);
    lab_start_server();
    int64_t began_ms = lab.now_ms;
    while (lab.responder.sessions == 0 && lab.now_ms - began_ms < 20 * SECOND) {
        for (int i = 0; i < 10; i++) lab_say(0, c);
        lab_run(LAB_STEP_MS);
    }
    CHECK(lab.now_ms - began_ms < 2 * SECOND);
    CHECK(laptop->sessions >= 2);
}

// Phones come and go, and each message may go by another: one session.
static void many_phones(void) {
    lab_begin();
    struct lab_laptop *laptop = lab_laptop(0);
    int first = lab_connect(0, 20);
    lab_run(5 * SECOND);
    unsigned sessions = laptop->sessions;
    for (int i = 0; i < 40; i++) {
        int second = lab_connect(0, 20);
        lab_run(300);
        lab_say(0, second);
        lab_run(2 * SECOND);
        CHECK_INT(laptop->path, second);
        CHECK_INT(lab.paths[0], second);
        lab_say(0, first);
        lab_disconnect(first);
        first = second;
    }
    CHECK_INT(laptop->sessions, sessions);
    CHECK_INT(lab.responder.sessions, sessions);
    lab_settle();
    CHECK(laptop->up.arrived + 400 > laptop->up.sent);
    CHECK(laptop->down.arrived + 400 > laptop->down.sent);
    CHECK(laptop->up.gap_ms < 500);
}

// Each laptop's packets are its own, also when two have exchanged their phones.
static void two_laptops(void) {
    lab_begin();
    struct lab_laptop *one = lab_laptop(3);
    struct lab_laptop *two = lab_laptop(4);
    int first = lab_connect(3, 30);
    int second = lab_connect(4, 70);
    lab_run(5 * SECOND);
    lab.conns[first].laptop = 4;
    lab.conns[second].laptop = 3;
    one->path = second;
    two->path = first;
    lab.conns[first].serial = lab.conns[second].serial = ++lab.serial;
    lab.flying = 0;
    uint32_t up = one->up.arrived;
    uint32_t down = two->down.arrived;
    lab_run(5 * MINUTE);
    CHECK(one->up.arrived - up > 5900);
    CHECK(two->down.arrived - down > 5900);
    CHECK(lab.responder.sessions >= 6);
    CHECK_INT(lab.places[0] + lab.places[1], 7);
    CHECK_INT(lab.responder.forged, 0);
}

// All places are taken: the next laptop is told, waits, asks again, and gets the first place that
// is free.
static void a_full_server(void) {
    lab_begin();
    lab.packet_every_ms = 500;
    for (int i = 0; i <= SERVER_LINKS; i++) {
        lab_laptop(i);
        lab_connect(i, 20);
        lab_run(500);
    }
    struct lab_laptop *last = &lab.laptops[SERVER_LINKS];
    lab_run(30 * SECOND);
    CHECK_INT(lab.responder.sessions, SERVER_LINKS);
    CHECK(last->told_full >= 5);
    CHECK(last->told_full <= 8);
    CHECK_INT(last->up.arrived, 0);
    CHECK_INT(last->down.sent, 0);
    CHECK(last->offers <= 10);
    responder_forget(&lab.responder, 5);
    lab.laptops[lab.places[5]].used = false;
    lab.places[5] = -1;
    lab_run(6 * SECOND);
    CHECK_INT(lab.places[5], SERVER_LINKS);
    CHECK(last->up.arrived > 0);
    CHECK(last->down.arrived > 0);
}

static void forgotten(void) {
    lab_begin();
    struct lab_laptop *laptop = lab_laptop(0);
    lab_connect(0, 20);
    lab_run(5 * SECOND);
    lab_run(SESSION_REKEY_MS);
    unsigned before = laptop->sessions;
    CHECK(lab.responder.laptops[0].previous.live);
    responder_forget(&lab.responder, 0);
    CHECK(session_to_seal(&lab.responder.laptops[0], lab.now_ms) == NULL);
    CHECK(!lab.responder.laptops[0].previous.live);
    lab.places[0] = -1;
    lab_run(SECOND);
    CHECK_INT(laptop->sessions, before + 1);
    CHECK(laptop->up.gap_ms < 500);
}

static void the_wrong_key(void) {
    lab_begin();
    struct lab_laptop *laptop = lab_laptop(0);
    laptop->initiator.key[31] ^= 1;
    lab_connect(0, 20);
    lab_run(10 * MINUTE);
    CHECK_INT(laptop->sessions, 0);
    CHECK_INT(lab.responder.sessions, 0);
    CHECK(laptop->initiator.key_was_refused);
    CHECK_INT(laptop->refused_key, laptop->offers);
    CHECK_INT(lab.responder.wrong_key, laptop->offers);
    CHECK(laptop->offers <= 7 * (10 * 60 / 30));
    CHECK(session_to_seal(&laptop->initiator.keys, lab.now_ms) == NULL);
    // The server's owner has put the right one in.
    memcpy(laptop->initiator.key, lab.key, KEY_SIZE);
    lab_run(OFFER_LIFETIME_MS + 10 * SECOND);
    CHECK(laptop->sessions >= 1);
    CHECK(!laptop->initiator.key_was_refused);
}

// Keys that could not be renewed end in time, at both ends, also when nobody has asked meanwhile.
static void over(void) {
    lab_begin();
    struct lab_laptop *laptop = lab_laptop(0);
    int c = lab_connect(0, 20);
    lab_run(5 * SECOND);
    lab_settle();
    check_whole(laptop);
    lab.conns[c].loss_percent = 100;
    uint8_t up[SEALED_OVERHEAD + 4] = {0};
    uint8_t down[SEALED_OVERHEAD + 4] = {0};
    uint8_t *bytes;
    size_t length;
    struct responder_heard heard;
    session_seal(&laptop->initiator.keys.current, up, 4);
    session_seal(&lab.responder.laptops[0].current, down, 4);
    lab.now_ms += SESSION_OVER_MS;
    CHECK_INT(initiator_hear(&laptop->initiator, down, sizeof down, lab.now_ms, &bytes, &length),
              INITIATOR_NOTHING);
    responder_hear(&lab.responder, &lab.conns[c].pending, 1, up, sizeof up, lab.now_ms, &heard);
    CHECK_INT(heard.event, RESPONDER_REPLY);
    CHECK_INT(heard.bytes[0], MESSAGE_REFUSAL);
    CHECK(session_to_seal(&laptop->initiator.keys, lab.now_ms) == NULL);
    CHECK(session_to_seal(&lab.responder.laptops[0], lab.now_ms) == NULL);
    lab.conns[c].loss_percent = 0;
    laptop->talks = true;
    lab_run(20 * SECOND);
    CHECK(laptop->up.arrived + 2 >= laptop->up.sent);
}

// Indexes that are in use are not given out again: neither end can be led to the wrong keys.
static void colliding_indexes(void) {
    lab_begin();
    struct lab_laptop *laptop = lab_laptop(0);
    lab_connect(0, 20);
    lab_run(5 * SECOND);
    for (int round = 0; round < 4; round++) {
        struct session *current = &laptop->initiator.keys.current;
        struct session *previous = &laptop->initiator.keys.previous;
        test_row("round %d", round);
        if (round % 2 == 1) // neighbours
            current->receive_index = previous->receive_index + 1;
        lab.responder.laptops[0].current.send_index = current->receive_index;
        lab.indexes[0] = round < 2 ? previous->receive_index : current->receive_index;
        lab.indexes[1] = lab.responder.laptops[0].current.receive_index;
        lab.indexes[2] = lab.responder.laptops[0].previous.receive_index;
        lab.index_count = 3;
        lab.flying = 0;
        uint32_t old_current = current->receive_index;
        uint32_t old_previous = previous->receive_index;
        unsigned before = laptop->sessions;
        current->born_ms -= SESSION_REKEY_MS;
        lab_run(5 * SECOND);
        CHECK_INT(lab.index_count, 0);
        CHECK_INT(laptop->sessions, before + 1);
        CHECK(current->receive_index != old_current);
        CHECK(current->receive_index != old_previous);
        CHECK(lab.responder.laptops[0].current.receive_index !=
              lab.responder.laptops[0].previous.receive_index);
        CHECK(laptop->up.gap_ms < 200);
        CHECK(laptop->down.gap_ms < 200);
    }
}

// Without random numbers there are no new keys, and the old ones go on.
static void no_random_numbers(void) {
    lab_begin();
    struct lab_laptop *laptop = lab_laptop(0);
    lab_connect(0, 20);
    lab.random_fails = true;
    lab_run(20 * SECOND);
    CHECK_INT(laptop->offers, 0);
    CHECK_INT(laptop->sessions, 0);
    lab.random_fails = false;
    lab_run(5 * SECOND);
    CHECK(laptop->sessions >= 1);
    unsigned before = laptop->sessions;
    lab.random_fails = true;
    lab_run(200 * SECOND);
    CHECK_INT(laptop->sessions, before);
    CHECK(laptop->up.gap_ms <= 100);
    lab.random_fails = false;
    lab_run(10 * SECOND);
    CHECK_INT(laptop->sessions, before + 1);
    lab_settle();
    check_whole(laptop);
}

int main(void) {
    TEST("a session is there after one round trip, and loses nothing", begins);
    TEST("each end knows what the other takes beside packets", what_each_takes);
    TEST("new keys come in time, without a gap, however late messages are", new_keys_by_time);
    TEST("new keys come after so many messages, without a gap", new_keys_by_count);
    TEST("messages under old keys open for some minutes", late_messages);
    TEST("over a network that loses, doubles and disorders, the session stays", a_bad_network);
    TEST("a connection that carries one form only is found out", one_form);
    TEST("an offer is repeated as it is with growing pauses, then made anew", pauses);
    TEST("an answer that takes longer than the pauses is good", slow_answers);
    TEST("a server that starts anew gets a new session at once", server_restarts);
    TEST("a greeting of another server has the offer sent at once, one of the same not", greetings);
    TEST("what comes under old keys is never the newest", old_keys_choose_no_path);
    TEST("a server that starts anew gets a session also while the laptop sends as much as it can",
         server_restarts_under_load);
    TEST("one session lives on over many phones", many_phones);
    TEST("two laptops keep apart, also with their phones exchanged", two_laptops);
    TEST("a full server says so, and takes the laptop when there is a place", a_full_server);
    TEST("a laptop that was forgotten comes back by itself", forgotten);
    TEST("with the wrong key there is no session, and few offers", the_wrong_key);
    TEST("keys end in time at both ends", over);
    TEST("an index that is in use is not chosen again", colliding_indexes);
    TEST("without random numbers there are no new keys, and the old ones go on", no_random_numbers);
    return test_end();
}
