// SPDX-License-Identifier: ISC
// What others do to a keyed session: recorded messages, forged ones, floods. Whatever they send,
// the session goes on, nothing opens that was not sealed for it, and what it costs is limited.
#include "tunnel_lab.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)

// Everything that was sent, as somebody on the way records it.
#define RECORD_MAX 3000

static struct {
    int conn;
    bool up;
    size_t length;
    uint8_t bytes[LAB_MESSAGE];
} recorded[RECORD_MAX];
static size_t recorded_count;

static void record(int c, bool up, const uint8_t *bytes, size_t length) {
    if (recorded_count == RECORD_MAX || length > LAB_MESSAGE)
        return;
    recorded[recorded_count].conn = c;
    recorded[recorded_count].up = up;
    recorded[recorded_count].length = length;
    memcpy(recorded[recorded_count++].bytes, bytes, length);
}

// The first recorded message of a type, or NULL.
static const uint8_t *recorded_message(uint8_t type, size_t length) {
    for (size_t i = 0; i < recorded_count; i++)
        if (recorded[i].bytes[0] == type && recorded[i].length == length)
            return recorded[i].bytes;
    test_fail(__FILE__, __LINE__, "no message of type %u was sent", type);
    return recorded[0].bytes;
}

// A laptop with its session, and what it and the server said on the way there; and an attacker's
// connection.
static struct lab_laptop *laptop;
static int own;
static int attacker;
static unsigned sessions_before;
static uint64_t server_sessions_before;

static void begin_recorded(int64_t delay_ms) {
    lab_begin();
    recorded_count = 0;
    lab.tap = record;
    laptop = lab_laptop(0);
    own = lab_connect(0, delay_ms);
    lab_run(10 * SECOND);
    lab.tap = NULL;
    attacker = lab_connect(LAB_LAPTOPS - 1, delay_ms); // with no laptop behind it
    sessions_before = laptop->sessions;
    server_sessions_before = lab.responder.sessions;
}

// Nothing of it was noticed.
static void check_untouched(void) {
    CHECK(laptop->up.gap_ms <= 50 + LAB_STEP_MS);
    CHECK(laptop->down.gap_ms <= 50 + LAB_STEP_MS);
    lab_settle();
    CHECK_INT(laptop->up.arrived, laptop->up.sent);
    CHECK_INT(laptop->down.arrived, laptop->down.sent);
    CHECK_INT(lab.paths[0], own);
    CHECK_INT(laptop->path, own);
}

// A recorded offer, on a connection of the attacker's or on the laptop's own, by the phone.
static void offer_again(void) {
    for (int where = 0; where < 2; where++) {
        begin_recorded(30);
        const uint8_t *offer = recorded_message(MESSAGE_OFFER, OFFER_SIZE);
        test_row(where == 0 ? "elsewhere" : "on the same connection");
        for (int i = 0; i < 300; i++) {
            unsigned replies = lab.replies;
            lab_inject(where == 0 ? attacker : own, true, i % 2 == 0, offer, OFFER_SIZE);
            CHECK(lab.replies <= replies + 1);
            lab_run(100);
        }
        CHECK_INT(laptop->sessions, sessions_before);
        CHECK_INT(lab.responder.sessions, server_sessions_before);
        check_untouched();
    }
}

// Also while the laptop agrees on new keys, as long as it is not the laptop's own connection.
static void offer_again_at_any_time(void) {
    begin_recorded(60);
    const uint8_t *offer = recorded_message(MESSAGE_OFFER, OFFER_SIZE);
    lab.packet_every_ms = 100;
    for (int64_t passed_ms = 0; passed_ms < 5 * MINUTE; passed_ms += 50) {
        lab_inject(attacker, true, false, offer, OFFER_SIZE);
        lab_run(50);
    }
    CHECK_INT(laptop->sessions, sessions_before + 2);
    CHECK_INT(lab.responder.sessions, server_sessions_before + 2);
    lab_settle();
    CHECK_INT(laptop->up.arrived, laptop->up.sent);
    CHECK_INT(laptop->down.arrived, laptop->down.sent);
}

// All that was recorded, in its order, to both ends, on any connection, before and after new keys.
static void everything_again(void) {
    begin_recorded(30);
    for (int round = 0; round < 3; round++) {
        uint64_t up = laptop->up.arrived;
        uint64_t down = laptop->down.arrived;
        uint64_t replayed = lab.responder.replayed + laptop->initiator.replayed;
        for (size_t i = 0; i < recorded_count; i++) {
            test_row("round %d, message %lu", round, (unsigned long)i);
            int c = recorded[i].up && i % 2 == 0 ? attacker : own;
            if (!recorded[i].up && recorded[i].bytes[0] == MESSAGE_GREETING)
                continue; // see below
            lab_inject(c, recorded[i].up, false, recorded[i].bytes, recorded[i].length);
        }
        CHECK_INT(laptop->up.arrived, up);
        CHECK_INT(laptop->down.arrived, down);
        if (round == 0)
            CHECK(lab.responder.replayed + laptop->initiator.replayed > replayed + 100);
        lab_run(SESSION_REKEY_MS + 20 * SECOND);
    }
    CHECK_INT(lab.responder.sessions, server_sessions_before + 3);
    check_untouched();
}

// The same against a server that starts anew and so has forgotten what it has seen.
static void everything_again_to_a_new_server(void) {
    begin_recorded(30);
    lab_disconnect(own);
    laptop->used = false;
    lab_start_server();
    for (size_t i = 0; i < recorded_count; i++)
        if (recorded[i].up)
            lab_inject(attacker, true, false, recorded[i].bytes, recorded[i].length);
    CHECK_INT(lab.responder.sessions, 0);
    CHECK(lab.responder.unknown_session > 100);
    CHECK_INT(lab.paths[0], LAB_NO_CONN);
    CHECK(!lab.responder.laptops[0].current.live);
}

// Refusals of the laptop's own messages, and greetings that are always new: at most it hurries, and
// now and then holds back what it has to say for as long as the new handshake takes.
static void forged_words(void) {
    static const int64_t delays[] = {20, 150, 700};
    for (int kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < COUNT(delays); i++) {
            begin_recorded(delays[i]);
            test_row("kind %d, %ld ms", kind, (long)delays[i]);
            laptop->offers = 0;
            int64_t began_ms = lab.now_ms;
            while (lab.now_ms - began_ms < 60 * SECOND && !test_state.failed) {
                uint8_t message[REFUSAL_SIZE] = {MESSAGE_REFUSAL};
                message[1] = kind == 1 ? REFUSAL_WRONG_KEY : REFUSAL_UNKNOWN;
                put_be32(message + 2, laptop->initiator.keys.current.send_index);
                if (kind == 1)
                    memcpy(message + 2, laptop->initiator.offer + 1, REFUSAL_SUBJECT);
                if (kind == 2) {
                    message[0] = MESSAGE_GREETING;
                    test_random_bytes(message + 1, GREETING_NONCE);
                }
                lab_inject(own, false, false, message, sizeof message);
                lab_run(LAB_STEP_MS);
            }
            CHECK(laptop->offers <= 60 * SECOND / OFFER_LEAST_MS + 1);
            CHECK(laptop->offer_gap_ms >= OFFER_LEAST_MS);
            CHECK(laptop->initiator.keys.current.live);
            CHECK(laptop->up.gap_ms <= 50 + LAB_STEP_MS + (kind == 1 ? 0 : OFFER_HOLD_MS));
            CHECK(laptop->down.gap_ms <= 50 + LAB_STEP_MS);
            lab_settle();
            CHECK_INT(laptop->up.arrived, laptop->up.sent);
            CHECK_INT(laptop->down.arrived, laptop->down.sent);
        }
    }
}

// The same while the server cannot answer: what works goes on, until its time.
static void forged_words_to_the_deaf(void) {
    begin_recorded(20);
    lab.conns[own].loss_percent = 100;
    uint8_t message[REFUSAL_SIZE] = {MESSAGE_REFUSAL, REFUSAL_UNKNOWN};
    put_be32(message + 2, laptop->initiator.keys.current.send_index);
    laptop->offers = 0;
    int64_t born_ms = laptop->initiator.keys.current.born_ms;
    int64_t held_ms = 0;
    while (lab.now_ms - born_ms < SESSION_OVER_MS - SECOND && !test_state.failed) {
        lab_inject(own, false, false, message, sizeof message);
        message[0] ^= MESSAGE_REFUSAL ^ MESSAGE_GREETING;
        CHECK(laptop->initiator.keys.current.live);
        held_ms += session_to_seal(&laptop->initiator.keys, lab.now_ms) == NULL ? 50 : 0;
        lab_run(50);
    }
    CHECK(held_ms <= SESSION_OVER_MS / OFFER_HOLD_AGAIN_MS * OFFER_HOLD_MS);
    CHECK(laptop->offers <= SESSION_OVER_MS / OFFER_LEAST_MS);
    CHECK_INT(laptop->sessions, sessions_before);
}

// Held back once in a while only, however often it is said; and no longer than until there are new
// keys.
static void held_back(void) {
    begin_recorded(20);
    struct initiator *initiator = &laptop->initiator;
    uint8_t message[REFUSAL_SIZE] = {MESSAGE_REFUSAL, REFUSAL_UNKNOWN};
    int64_t held_ms = 0;
    lab.conns[own].loss_percent = 100;
    for (int64_t passed_ms = 0; passed_ms < 90 * SECOND; passed_ms += 50) {
        put_be32(message + 2, initiator->keys.current.send_index);
        if (passed_ms % SECOND == 0)
            initiator->trying = false; // as if it had been answered
        lab_inject(own, false, false, message, sizeof message);
        held_ms += session_to_seal(&initiator->keys, lab.now_ms) == NULL ? 50 : 0;
        lab_run(50);
    }
    CHECK(held_ms >= 3 * OFFER_HOLD_MS);
    CHECK(held_ms <= (90 * SECOND / OFFER_HOLD_AGAIN_MS + 1) * OFFER_HOLD_MS);
    lab.conns[own].loss_percent = 0;
    lab_run(OFFER_HOLD_AGAIN_MS + 10 * SECOND);
    initiator->trying = false;
    put_be32(message + 2, initiator->keys.current.send_index);
    lab_inject(own, false, false, message, sizeof message);
    CHECK(session_to_seal(&initiator->keys, lab.now_ms) == NULL);
    int64_t held_until_ms = initiator->keys.held_until_ms;
    lab_run(OFFER_LEAST_MS + LAB_TICK_MS + 60);
    CHECK(session_to_seal(&initiator->keys, lab.now_ms) != NULL); // under new keys
    CHECK(lab.now_ms < held_until_ms);
}

// Keys that are over are wiped also where nothing comes and nothing is asked for.
static void wiped_in_time(void) {
    begin_recorded(20);
    lab_run(SESSION_REKEY_MS);
    struct session_keys *i = &laptop->initiator.keys;
    CHECK(i->current.live && i->previous.live);
    CHECK(lab.responder.laptops[0].current.live && lab.responder.laptops[0].previous.live);
    int64_t previous_over_ms = i->previous.born_ms + SESSION_OVER_MS;
    int64_t current_over_ms = i->current.born_ms + SESSION_OVER_MS;
    session_expire(i, previous_over_ms - 1);
    CHECK(i->previous.live);
    session_expire(i, previous_over_ms);
    CHECK(!i->previous.live && i->current.live);
    session_expire(i, current_over_ms);
    CHECK(!i->current.live);
    responder_tick(&lab.responder, lab.responder.laptops[0].previous.born_ms + SESSION_OVER_MS);
    CHECK(!lab.responder.laptops[0].previous.live && lab.responder.laptops[0].current.live);
    responder_tick(&lab.responder, lab.responder.laptops[0].current.born_ms + SESSION_OVER_MS);
    CHECK(!lab.responder.laptops[0].current.live);
}

// Refusals about other things are not ours.
static void refusals_of_other_things(void) {
    begin_recorded(20);
    laptop->offers = 0;
    uint64_t ignored = laptop->initiator.not_understood;
    for (uint32_t i = 0; i < 2000; i++) {
        uint8_t message[REFUSAL_SIZE] = {MESSAGE_REFUSAL, (uint8_t)(i % 7)};
        size_t length = i % 3 == 0 ? test_below(REFUSAL_SIZE) : REFUSAL_SIZE;
        test_random_bytes(message + 2, REFUSAL_SUBJECT);
        if (i % 5 == 0)
            memset(message + 2, 0, REFUSAL_SUBJECT);
        if (i % 5 == 1) // our own index, where the server's should be
            put_be32(message + 2, laptop->initiator.keys.current.receive_index);
        if (i % 5 == 2) { // the right one, and more
            put_be32(message + 2, laptop->initiator.keys.current.send_index);
            message[9] = 1;
        }
        lab_inject(own, false, false, message, length);
    }
    CHECK(laptop->initiator.not_understood >= ignored + 1700);
    lab_run(10 * SECOND);
    CHECK_INT(laptop->offers, 0);
    CHECK(!laptop->initiator.key_was_refused);
    check_untouched();
}

static uint64_t up_count(void) {
    const struct responder *r = &lab.responder;
    return r->forged + r->replayed + r->unknown_session + r->not_understood + r->wrong_key;
}

static uint64_t down_count(void) {
    const struct initiator *i = &laptop->initiator;
    return i->forged + i->replayed + i->not_understood;
}

// Every bit of a message that is under way, at the level that counts: nothing comes of it, once for
// each.
static void every_bit(void) {
    begin_recorded(20);
    lab_settle();
    uint8_t up[SEALED_OVERHEAD + 8] = {0};
    uint8_t down[SEALED_OVERHEAD + 8] = {0};
    session_seal(&laptop->initiator.keys.current, up, 8);
    session_seal(&lab.responder.laptops[0].current, down, 8);
    for (size_t bit = 0; bit < 8 * sizeof up; bit++) {
        uint64_t up_before = up_count();
        uint64_t down_before = down_count();
        test_row("bit %lu", (unsigned long)bit);
        lab.now_ms += SECOND; // for its limits on sources
        up[bit / 8] ^= (uint8_t)(1 << bit % 8);
        down[bit / 8] ^= (uint8_t)(1 << bit % 8);
        lab_inject(attacker, true, false, up, sizeof up);
        lab_inject(own, false, false, down, sizeof down);
        up[bit / 8] ^= (uint8_t)(1 << bit % 8);
        down[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK_INT(up_count(), up_before + 1);
        // An answer that nobody waits for counts as a copy of the one before.
        CHECK_INT(down_count(), down_before + (bit != 0));
    }
    CHECK_INT(lab.paths[0], own);
    CHECK_INT(laptop->path, own);
}

// An attacker who answers every offer, badly and sooner than the server.
static void forged_answers(void) {
    lab_begin();
    laptop = lab_laptop(0);
    own = lab_connect(0, 100);
    for (int i = 0; i < 200; i++) {
        uint8_t answer[ANSWER_SIZE] = {MESSAGE_ANSWER};
        test_random_bytes(answer + 1, sizeof answer - 1);
        lab_inject(own, false, i % 2 == 0, answer, sizeof answer);
        lab_run(LAB_STEP_MS);
    }
    CHECK(laptop->sessions >= 1);
    CHECK(laptop->initiator.forged > 10);
    lab_run(SECOND);
    lab_settle();
    CHECK_INT(laptop->up.arrived, laptop->up.sent);
}

// Offers of strangers cost their source its tokens, and nobody else's.
static void a_flood_of_offers(void) {
    begin_recorded(20);
    lab.conns[attacker].loss_percent = 100; // he does not listen
    unsigned replies = lab.replies;
    int64_t began_ms = lab.now_ms;
    while (lab.now_ms - began_ms < 20 * SECOND && !test_state.failed) {
        for (int i = 0; i < 20; i++) {
            uint8_t offer[OFFER_SIZE] = {MESSAGE_OFFER};
            test_random_bytes(offer + 1, sizeof offer - 1);
            lab_inject(attacker, true, false, offer,
                       i == 0 ? test_below(OFFER_SIZE) + 1 : OFFER_SIZE);
        }
        lab_run(LAB_STEP_MS);
    }
    uint64_t most = OFFER_BURST + 20 * SECOND / OFFER_INTERVAL_MS + 1;
    CHECK(lab.responder.wrong_key <= most);
    CHECK(lab.responder.wrong_key + 2 >= most);
    CHECK_INT(lab.replies - replies, lab.responder.wrong_key);
    CHECK_INT(lab.responder.wrong_key + lab.responder.rate_limited, 20 * 2000);
    int other = lab_connect(0, 20);
    initiator_give_up(&laptop->initiator, lab.now_ms, 0);
    lab_run(SECOND);
    CHECK_INT(laptop->sessions, sessions_before + 1);
    lab_disconnect(other);
}

// Packets in the clear, and sealed messages of nobody's session: refused, and not too often.
static void other_floods(void) {
    static const uint8_t starts[] = {0x45, 0x60, MESSAGE_SEALED};
    for (size_t kind = 0; kind < COUNT(starts); kind++) {
        begin_recorded(20);
        lab.conns[attacker].loss_percent = 100;
        unsigned replies = lab.replies;
        int64_t began_ms = lab.now_ms;
        while (lab.now_ms - began_ms < 10 * SECOND && !test_state.failed) {
            uint8_t message[60] = {starts[kind]};
            test_random_bytes(message + 1, sizeof message - 1);
            lab_inject(attacker, true, true, message, sizeof message);
            lab_run(LAB_STEP_MS);
        }
        test_row("%02x", starts[kind]);
        unsigned most = OFFER_BURST + 10 * SECOND / OFFER_INTERVAL_MS + 1;
        CHECK(lab.replies - replies <= most);
        CHECK(lab.replies - replies + 2 >= most);
        check_untouched();
    }
}

// Any bytes, of any length, to both ends.
static void random_messages(void) {
    begin_recorded(20);
    for (int i = 0; i < 20000; i++) {
        static const uint8_t starts[] = {0, 1, 2, 3, 4, 5, 6, 0x45, 0x60, 0xff};
        uint8_t message[300];
        size_t length = test_below(sizeof message);
        test_random_bytes(message, sizeof message);
        message[0] = starts[test_below(COUNT(starts))];
        if (i % 4 == 0) {
            put_be32(message + 1, laptop->initiator.keys.current.receive_index);
            put_be64(message + 5, test_below(1000));
        } else if (i % 4 == 1) {
            put_be32(message + 1, laptop->initiator.keys.current.send_index);
            put_be64(message + 5, test_below(1000));
        }
        if (message[0] == MESSAGE_GREETING || message[0] == MESSAGE_REFUSAL)
            length = test_below(GREETING_SIZE); // longer ones are dealt with above
        lab_inject(i % 2 == 0 ? attacker : own, true, false, message, length);
        lab_inject(own, false, false, message, length);
        if (i % 100 == 0)
            lab_run(LAB_STEP_MS);
    }
    CHECK_INT(laptop->sessions, sessions_before);
    lab_run(SECOND);
    check_untouched();
}

// What makes room for a long message: only what begins as one of a live session, on any connection,
// or of the one in waiting on its own.
static void may_be_genuine(void) {
    struct pending none;
    uint8_t message[SEALED_HEAD];
    struct responder_heard heard;
    struct responder *r = &lab.responder;
    begin_recorded(20);
    pending_init(&none);
    message[0] = MESSAGE_SEALED;
    put_be32(message + 1, laptop->initiator.keys.current.send_index);
    CHECK(responder_may_be_genuine(r, &none, message, sizeof message));
    CHECK(!responder_may_be_genuine(r, &none, message, sizeof message - 1));
    CHECK(!responder_may_be_genuine(r, &none, message, 0));
    message[0] = MESSAGE_OFFER;
    CHECK(!responder_may_be_genuine(r, &none, message, sizeof message));
    message[0] = MESSAGE_SEALED;
    message[4] ^= 1;
    CHECK(!responder_may_be_genuine(r, &none, message, sizeof message));
    put_be32(message + 1, 0); // places that are free have this index, and are not live
    CHECK(!responder_may_be_genuine(r, &none, message, sizeof message));
    uint8_t *offer = test_copy(recorded_message(MESSAGE_OFFER, OFFER_SIZE), OFFER_SIZE);
    responder_hear(r, &lab.conns[attacker].pending, 1, offer, OFFER_SIZE, lab.now_ms, &heard);
    free(offer);
    CHECK_INT(heard.event, RESPONDER_REPLY);
    put_be32(message + 1, lab.conns[attacker].pending.session.receive_index);
    CHECK(responder_may_be_genuine(r, &lab.conns[attacker].pending, message, sizeof message));
    CHECK(!responder_may_be_genuine(r, &none, message, sizeof message));
}

// Places that are free hold an index of zero and keys of zeros, which everybody can seal with.
static void sealed_with_zeros(void) {
    struct session zeros = {.live = true};
    lab_begin();
    laptop = lab_laptop(0);
    own = lab_connect(0, 20);
    lab.now_ms = 1000; // soon after the machine has started: nothing is over yet
    for (int i = 0; i < 50; i++) {
        uint8_t message[SEALED_OVERHEAD + LAB_PACKET] = {0};
        uint8_t copy[sizeof message];
        uint8_t *bytes;
        size_t length;
        struct responder_heard heard;
        session_seal(&zeros, message, LAB_PACKET);
        memcpy(copy, message, sizeof message);
        responder_hear(&lab.responder, &lab.conns[own].pending, 1, message, sizeof message,
                       lab.now_ms, &heard);
        CHECK(heard.event != RESPONDER_RECORDS);
        CHECK_INT(
            initiator_hear(&laptop->initiator, copy, sizeof copy, lab.now_ms, &bytes, &length),
            INITIATOR_NOTHING);
    }
    CHECK_INT(lab.responder.sessions, 0);
    CHECK_INT(laptop->initiator.forged, 50);
}

// A laptop without a session has sent nothing that could be refused: the pause after a full server
// lasts.
static void refusal_of_nothing(void) {
    lab_begin();
    laptop = lab_laptop(0);
    own = lab_connect(0, 20);
    lab_run(SECOND);
    initiator_give_up(&laptop->initiator, lab.now_ms, 10 * SECOND);
    laptop->offers = 0;
    uint8_t message[REFUSAL_SIZE] = {MESSAGE_REFUSAL, REFUSAL_UNKNOWN};
    lab_inject(own, false, false, message, sizeof message);
    lab_run(9 * SECOND);
    CHECK_INT(laptop->offers, 0);
    lab_run(2 * SECOND);
    CHECK_INT(laptop->offers, 1);
}

int main(void) {
    TEST("a recorded offer displaces nothing, wherever it is sent again", offer_again);
    TEST("nor while new keys are agreed on", offer_again_at_any_time);
    TEST("nothing that was recorded has any effect when it comes again", everything_again);
    TEST("nor at a server that was started anew", everything_again_to_a_new_server);
    TEST("forged refusals and greetings end no session and lose nothing", forged_words);
    TEST("nor where the server is out of reach", forged_words_to_the_deaf);
    TEST("what the laptop says is held back for a moment, and seldom", held_back);
    TEST("keys that are over are wiped in time", wiped_in_time);
    TEST("refusals of what the laptop has not sent are left aside", refusals_of_other_things);
    TEST("a message with any bit changed is counted and has no effect", every_bit);
    TEST("forged answers do not keep the right one out", forged_answers);
    TEST("a flood of offers costs its source its tokens only", a_flood_of_offers);
    TEST("other floods are answered no more often", other_floods);
    TEST("random messages have no effect", random_messages);
    TEST("room for long messages is for those of sessions", may_be_genuine);
    TEST("what is sealed with zeros opens nowhere", sealed_with_zeros);
    TEST("without a session no refusal matters", refusal_of_nothing);
    return test_end();
}
