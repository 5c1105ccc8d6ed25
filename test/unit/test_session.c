// SPDX-License-Identifier: ISC
// Sealed messages: what opens, and above all what does not.
#include "session/session.h"

#include "base/bytes.h"
#include "session/record.h"
#include "test.h"

#define RECORDS_MAX 70000

static struct session laptop;
static struct session server;
static uint8_t buffer[SEALED_OVERHEAD + RECORDS_MAX];

static void begin(void) {
    memset(&laptop, 0, sizeof laptop);
    memset(&server, 0, sizeof server);
    test_random_bytes(laptop.send_key, AEAD_KEY);
    test_random_bytes(laptop.receive_key, AEAD_KEY);
    memcpy(server.send_key, laptop.receive_key, AEAD_KEY);
    memcpy(server.receive_key, laptop.send_key, AEAD_KEY);
    session_begin(&laptop, 0x11111111, 0x22222222, 0, 1000);
    session_begin(&server, 0x22222222, 0x11111111, 0, 1000);
}

// Bytes that depend on their number.
static void make_records(uint8_t *out, size_t length, uint32_t number) {
    for (size_t i = 0; i < length; i++) out[i] = (uint8_t)(number * 167 + i * 13 + (i >> 8));
}

// A sealed message in memory of its own, for the caller to free.
static uint8_t *seal(struct session *session, size_t length, uint32_t number) {
    make_records(buffer + SEALED_HEAD, length, number);
    session_seal(session, buffer, length);
    return test_copy(buffer, SEALED_OVERHEAD + length);
}

// Opens a copy of a message.
static enum sealed_verdict open_copy(struct session *session, const uint8_t *message,
                                     size_t length) {
    uint8_t *copy = test_copy(message, length);
    enum sealed_verdict verdict = session_open(session, copy, length);
    free(copy);
    return verdict;
}

// The bytes on the wire, computed with Python's cryptography package:
// ChaCha20Poly1305(bytes(range(32))) .encrypt(bytes(4) + counter.to_bytes(8, "little"), records,
// None).
static void known_bytes(void) {
    static const char hex[] = "03 a1b2c3d4 0102030405060708"
                              "f249adecab38e81b60ae2ccb777861b9e157b47196c8e409076b1bcf1046ab23db";
    uint8_t expected[64];
    uint8_t message[64];
    size_t length = test_hex(message + SEALED_HEAD, sizeof message - SEALED_HEAD,
                             "02000008 0001020304050607 04000001 01");
    CHECK_INT(test_hex(expected, sizeof expected, hex), SEALED_OVERHEAD + length);
    begin();
    for (uint8_t i = 0; i < AEAD_KEY; i++) laptop.send_key[i] = server.receive_key[i] = i;
    laptop.send_index = 0xa1b2c3d4;
    laptop.next_counter = UINT64_C(0x0102030405060708);
    session_seal(&laptop, message, length);
    CHECK_BYTES(message, expected, SEALED_OVERHEAD + length);
    CHECK_INT(sealed_index(message), 0xa1b2c3d4);
    CHECK(laptop.next_counter == UINT64_C(0x0102030405060709));
    CHECK_INT(session_open(&server, message, SEALED_OVERHEAD + length), SEALED_NEWEST);
    CHECK_BYTES(message + SEALED_HEAD, "\x02\0\0\x08\0\1\2\3\4\5\6\7\x04\0\0\1\1", length);
}

static void all_lengths(void) {
    static uint8_t expected[RECORDS_MAX];
    begin();
    for (size_t length = 0; length <= RECORDS_MAX; length += length < 300 ? 1 : 997) {
        for (int way = 0; way < 2; way++) {
            uint8_t *message = seal(way == 0 ? &laptop : &server, length, (uint32_t)length);
            test_row("%lu bytes, way %d", (unsigned long)length, way);
            make_records(expected, length, (uint32_t)length);
            CHECK_INT(message[0], MESSAGE_SEALED);
            CHECK_INT(sealed_index(message), way == 0 ? 0x22222222 : 0x11111111);
            if (length > 8)
                CHECK(test_difference(message + SEALED_HEAD, expected, length) < length);
            CHECK_INT(session_open(way == 0 ? &server : &laptop, message, SEALED_OVERHEAD + length),
                      SEALED_NEWEST);
            CHECK_BYTES(message + SEALED_HEAD, expected, length);
            free(message);
        }
    }
}

// Each bit of counter, records and tag. The head's first five bytes say which session to try; a
// wrong answer finds other keys, or none.
static void every_bit(void) {
    static const size_t lengths[] = {0, 1, 17, 64, 100};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        begin();
        uint8_t *message = seal(&laptop, lengths[i], 5);
        size_t whole = SEALED_OVERHEAD + lengths[i];
        for (size_t bit = 40; bit < 8 * whole; bit++) {
            struct session before = server;
            test_row("%lu bytes, bit %lu", (unsigned long)lengths[i], (unsigned long)bit);
            message[bit / 8] ^= (uint8_t)(1 << bit % 8);
            CHECK_INT(open_copy(&server, message, whole), SEALED_FORGED);
            CHECK(memcmp(&before, &server, sizeof before) == 0);
            message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        CHECK_INT(open_copy(&server, message, whole), SEALED_NEWEST);
        free(message);
    }
}

// What was not opened was not decrypted either.
static void forged_is_left_alone(void) {
    begin();
    uint8_t *message = seal(&laptop, 500, 1);
    uint8_t *copy = test_copy(message, SEALED_OVERHEAD + 500);
    copy[SEALED_HEAD + 499] ^= 1;
    message[SEALED_HEAD + 499] ^= 1;
    CHECK_INT(session_open(&server, copy, SEALED_OVERHEAD + 500), SEALED_FORGED);
    CHECK_BYTES(copy, message, SEALED_OVERHEAD + 500);
    free(copy);
    free(message);
}

static void every_length(void) {
    begin();
    uint8_t *message = seal(&laptop, 100, 1);
    for (size_t length = 0; length < SEALED_OVERHEAD + 100; length++) {
        test_row("%lu bytes", (unsigned long)length);
        CHECK_INT(open_copy(&server, message, length), SEALED_FORGED);
    }
    memcpy(buffer, message, SEALED_OVERHEAD + 100);
    for (size_t more = 1; more < 20; more++) {
        buffer[SEALED_OVERHEAD + 100 + more - 1] = 0;
        test_row("%lu bytes more", (unsigned long)more);
        CHECK_INT(open_copy(&server, buffer, SEALED_OVERHEAD + 100 + more), SEALED_FORGED);
    }
    CHECK_INT(open_copy(&server, message, SEALED_OVERHEAD + 100), SEALED_NEWEST);
    free(message);
}

static void wrong_keys(void) {
    begin();
    uint8_t *message = seal(&laptop, 50, 1);
    struct session other = server;
    for (size_t bit = 0; bit < 8 * (size_t)AEAD_KEY; bit++) {
        other.receive_key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK_INT(open_copy(&other, message, SEALED_OVERHEAD + 50), SEALED_FORGED);
        other.receive_key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    // Sent back to where it came from.
    CHECK_INT(open_copy(&laptop, message, SEALED_OVERHEAD + 50), SEALED_FORGED);
    CHECK_INT(open_copy(&other, message, SEALED_OVERHEAD + 50), SEALED_NEWEST);
    free(message);
}

// A message's counter is its own: the records of one do not open as another's.
static void counters_exchanged(void) {
    begin();
    uint8_t *first = seal(&laptop, 50, 1);
    uint8_t *second = seal(&laptop, 50, 2);
    uint8_t counter[8];
    memcpy(counter, first + 5, 8);
    memcpy(first + 5, second + 5, 8);
    memcpy(second + 5, counter, 8);
    CHECK_INT(open_copy(&server, first, SEALED_OVERHEAD + 50), SEALED_FORGED);
    CHECK_INT(open_copy(&server, second, SEALED_OVERHEAD + 50), SEALED_FORGED);
    put_be64(first + 5, UINT64_MAX);
    CHECK(open_copy(&server, first, SEALED_OVERHEAD + 50) == SEALED_REPLAYED);
    free(first);
    free(second);
}

// No two messages have one counter, so no nonce is used twice.
static void counters_ascend(void) {
    begin();
    for (uint64_t i = 0; i < 1000; i++) {
        uint8_t *message = seal(&laptop, 4, 1);
        CHECK(get_be64(message + 5) == i);
        free(message);
    }
}

#define FLIGHT 4000

// In any order, each opens once.
static void disorder(void) {
    static uint8_t *flight[FLIGHT];
    static bool opened[FLIGHT];
    begin();
    memset(opened, 0, sizeof opened);
    for (uint32_t i = 0; i < FLIGHT; i++) flight[i] = seal(&laptop, 30, i);
    uint64_t newest = 0;
    bool any = false;
    for (uint32_t step = 0; step < 6 * FLIGHT; step++) {
        uint32_t around = step / 6;
        uint32_t pick = around + test_below(1000);
        pick = pick < 500 ? 0 : pick - 500;
        pick = pick < FLIGHT ? pick : FLIGHT - 1;
        enum sealed_verdict expected = opened[pick]            ? SEALED_REPLAYED
                                       : !any || pick > newest ? SEALED_NEWEST
                                                               : SEALED_LATE;
        test_row("step %u, message %u", (unsigned)step, (unsigned)pick);
        CHECK_INT(open_copy(&server, flight[pick], SEALED_OVERHEAD + 30), expected);
        opened[pick] = true;
        newest = !any || pick > newest ? pick : newest;
        any = true;
    }
    CHECK_INT(open_copy(&server, flight[0], SEALED_OVERHEAD + 30), SEALED_REPLAYED);
    for (uint32_t i = 0; i < FLIGHT; i++) free(flight[i]);
}

// A forger cannot push the window on: genuine messages open after forged ones with far counters.
static void forged_counters(void) {
    begin();
    for (uint64_t counter = 1; counter != 0; counter <<= 1) {
        uint8_t *message = seal(&laptop, 10, 1);
        uint8_t *forged = test_copy(message, SEALED_OVERHEAD + 10);
        put_be64(forged + 5, counter + 1000);
        CHECK_INT(open_copy(&server, forged, SEALED_OVERHEAD + 10), SEALED_FORGED);
        CHECK_INT(open_copy(&server, message, SEALED_OVERHEAD + 10), SEALED_NEWEST);
        CHECK_INT(open_copy(&server, message, SEALED_OVERHEAD + 10), SEALED_REPLAYED);
        free(forged);
        free(message);
    }
}

// By time and by what was sent; the second limit lies behind the first.
static void growing_old(void) {
    begin();
    CHECK(!session_is_old(&laptop, 1000));
    CHECK(!session_is_old(&laptop, 1000 + SESSION_REKEY_MS - 1));
    CHECK(session_is_old(&laptop, 1000 + SESSION_REKEY_MS));
    CHECK(!session_is_over(&laptop, 1000 + SESSION_OVER_MS - 1));
    CHECK(session_is_over(&laptop, 1000 + SESSION_OVER_MS));
    laptop.next_counter = SESSION_REKEY_MESSAGES - 1;
    CHECK(!session_is_old(&laptop, 1000));
    free(seal(&laptop, 10, 1));
    CHECK(session_is_old(&laptop, 1000));
    CHECK(!session_is_over(&laptop, 1000));
    laptop.next_counter = 2 * SESSION_REKEY_MESSAGES - 1;
    CHECK(!session_is_over(&laptop, 1000));
    free(seal(&laptop, 10, 1));
    CHECK(session_is_over(&laptop, 1000));
}

static void ended(void) {
    static const struct session nothing;
    begin();
    session_end(&laptop);
    CHECK(!laptop.live);
    CHECK_BYTES(laptop.send_key, nothing.send_key, AEAD_KEY);
    CHECK_BYTES(laptop.receive_key, nothing.receive_key, AEAD_KEY);
}

// All keys of a session that ended are zeros, which everybody has. Nothing is sealed or opened with
// them. (Builds with SESSION_STRICT stop at such a thing.)
static void nothing_under_a_dead_session(void) {
    uint8_t records[SEALED_OVERHEAD + 20] = {0};
    uint8_t before[sizeof records];
    begin();
    session_end(&laptop);
    memcpy(before, records, sizeof records);
#ifndef SESSION_STRICT
    CHECK(!session_seal(&laptop, records, 20));
    CHECK_INT(laptop.next_counter, 0);
#endif
    CHECK_BYTES(records, before, sizeof records);
    struct session zeros = {.live = true};
    CHECK(session_seal(&zeros, records, 20));
    CHECK_INT(open_copy(&laptop, records, sizeof records), SEALED_FORGED);
}

// Who asks for the session to seal with never gets one that is over, or held back, or has ended.
static void asked_for_each_time(void) {
    struct session_keys keys = {0};
    struct session fresh;
    CHECK(session_to_seal(&keys, 1000) == NULL);
    begin();
    fresh = laptop;
    session_renew(&keys, &fresh);
    CHECK(!fresh.live);
    CHECK(session_to_seal(&keys, 1000) == &keys.current);
    CHECK(session_to_seal(&keys, 1000 + SESSION_OVER_MS - 1) == &keys.current);
    CHECK(session_to_seal(&keys, 1000 + SESSION_OVER_MS) == NULL);
    keys.held_until_ms = 5000;
    CHECK(session_to_seal(&keys, 4999) == NULL);
    CHECK(session_to_seal(&keys, 5000) == &keys.current);
    keys.current.next_counter = 2 * SESSION_REKEY_MESSAGES;
    CHECK(session_to_seal(&keys, 5000) == NULL);
    session_expire(&keys, 5000);
    CHECK(!keys.current.live);
    CHECK(session_to_seal(&keys, 5000) == NULL);
    CHECK(session_to_open(&keys, 0) == NULL);
}

static void begun_anew(void) {
    begin();
    uint8_t *message = seal(&laptop, 10, 1);
    CHECK_INT(open_copy(&server, message, SEALED_OVERHEAD + 10), SEALED_NEWEST);
    session_begin(&server, 5, 6, 0, 2000); // with other keys, as the caller promises
    CHECK(server.live);
    CHECK_INT(server.next_counter, 0);
    CHECK_INT(server.born_ms, 2000);
    CHECK_INT(server.receive_index, 5);
    CHECK_INT(server.send_index, 6);
    CHECK_INT(open_copy(&server, message, SEALED_OVERHEAD + 10), SEALED_NEWEST);
    free(message);
}

static void random_messages(void) {
    begin();
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[200];
        size_t length = test_below(sizeof bytes);
        test_random_bytes(bytes, length);
        if (length > SEALED_HEAD)
            put_be64(bytes + 5, test_below(10));
        CHECK_INT(open_copy(&server, bytes, length), SEALED_FORGED);
    }
}

int main(void) {
    TEST("a sealed message is what another program computed", known_bytes);
    TEST("messages of all lengths open, both ways", all_lengths);
    TEST("a message in which any bit was changed is forged, and changes nothing", every_bit);
    TEST("what is forged is not decrypted", forged_is_left_alone);
    TEST("a message that was cut or has something behind it is forged", every_length);
    TEST("under another key, or in the other direction, nothing opens", wrong_keys);
    TEST("a message does not open with the counter of another", counters_exchanged);
    TEST("each message has the next counter", counters_ascend);
    TEST("in whatever order they come, messages open once each", disorder);
    TEST("forged counters push nothing out of the window", forged_counters);
    TEST("a session is old, then over, by time and by messages", growing_old);
    TEST("a session that ended has no keys", ended);
    TEST("nothing is sealed or opened under a session that has ended",
         nothing_under_a_dead_session);
    TEST("the session to seal with is never one that may not be used", asked_for_each_time);
    TEST("a session that begins has seen nothing", begun_anew);
    TEST("random messages do not open", random_messages);
    return test_end();
}
