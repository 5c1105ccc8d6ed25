// SPDX-License-Identifier: ISC
// Sealed messages between two ends that have the same keys. The input: the keys' seed, then
// commands that seal records, deliver what was sealed, in any order and number and changed in any
// way, or bytes of the input themselves. What opens was sealed by the other end, is what was
// sealed, and opens once.
#include "base/bytes.h"
#include "fuzz.h"
#include "session/session.h"

#define FLIGHT  24
#define RECORDS 64

struct message {
    bool used;
    bool opened;
    uint64_t counter;
    size_t length; // of the records
    uint8_t records[RECORDS];
    uint8_t bytes[SEALED_OVERHEAD + RECORDS];
};

struct way {
    struct session *from;
    struct session *to;
    struct message flight[FLIGHT];
    unsigned next;
    bool any;
    uint64_t newest;
};

static void begin(struct session *left, struct session *right, uint8_t seed) {
    memset(left, 0, sizeof *left);
    memset(right, 0, sizeof *right);
    for (size_t i = 0; i < AEAD_KEY; i++) {
        left->send_key[i] = right->receive_key[i] = (uint8_t)(seed + i);
        left->receive_key[i] = right->send_key[i] = (uint8_t)(seed ^ (i * 7));
    }
    session_begin(left, 1, 2, 0, 0);
    session_begin(right, 2, 1, 0, 0);
}

static void seal(struct way *way, struct input *input, uint8_t how) {
    const uint8_t *bytes;
    struct message *message = &way->flight[way->next++ % FLIGHT];
    memset(message, 0, sizeof *message);
    if ((how & 1) != 0) { // some are skipped, as if they were lost
        uint64_t skipped = take16(input);
        way->from->next_counter += skipped << take8(input) % 48;
    }
    if (way->from->next_counter >= UINT64_MAX - 1)
        way->from->next_counter = UINT64_MAX - 1 - (how >> 1);
    message->counter = way->from->next_counter;
    message->length = take_bytes(input, &bytes, take8(input) % (RECORDS + 1));
    memcpy(message->records, bytes, message->length);
    memcpy(message->bytes + SEALED_HEAD, bytes, message->length);
    session_seal(way->from, message->bytes, message->length);
    message->used = true;
    EXPECT(message->bytes[0] == MESSAGE_SEALED);
    EXPECT(sealed_index(message->bytes) == way->from->send_index);
    EXPECT(get_be64(message->bytes + 5) == message->counter); // the wire's own number
}

// Whether any message with this counter was opened; that of one which has left the table is not
// known.
static bool was_opened(const struct way *way, uint64_t counter) {
    for (size_t i = 0; i < FLIGHT; i++)
        if (way->flight[i].used && way->flight[i].counter == counter && way->flight[i].opened)
            return true;
    return false;
}

static void deliver(struct way *way, struct message *message) {
    size_t length = SEALED_OVERHEAD + message->length;
    uint8_t *copy = exact_copy(message->bytes, length);
    bool old = way->any && message->counter <= way->newest;
    bool too_old = old && way->newest - message->counter >= REPLAY_WINDOW - 64;
    bool seen = was_opened(way, message->counter);
    enum sealed_verdict verdict = session_open(way->to, copy, length);
    if (seen || too_old)
        EXPECT(verdict == SEALED_REPLAYED);
    else if (old) // one with the same counter may have been opened and have left the table
        EXPECT(verdict == SEALED_LATE || verdict == SEALED_REPLAYED);
    else
        EXPECT(verdict == SEALED_NEWEST);
    if (verdict == SEALED_LATE || verdict == SEALED_NEWEST) {
        EXPECT(memcmp(copy + SEALED_HEAD, message->records, message->length) == 0);
        message->opened = true;
        way->newest = old ? way->newest : message->counter;
        way->any = true;
    }
    free(copy);
}

// libFuzzer sees what a tag is compared with, so it may find the right one. Then this is what the
// other end would have sealed, to the byte, behind the type and the index, which no tag covers.
static bool is_found(const struct session *from, const uint8_t *opened, const uint8_t *bytes,
                     size_t length) {
    struct session sender = *from;
    uint8_t *again = exact_copy(opened, length);
    sender.next_counter = get_be64(bytes + SEALED_AT_COUNTER);
    bool is_same = session_seal(&sender, again, length - SEALED_OVERHEAD) &&
                   memcmp(again + SEALED_AT_COUNTER, bytes + SEALED_AT_COUNTER,
                          length - SEALED_AT_COUNTER) == 0;
    free(again);
    return is_same;
}

// Opens what nobody sealed for this end.
static void deliver_forged(const struct session *from, struct session *to, const uint8_t *bytes,
                           size_t length) {
    struct session before = *to;
    uint8_t *copy = exact_copy(bytes, length);
    enum sealed_verdict verdict = session_open(to, copy, length);
    if ((verdict == SEALED_LATE || verdict == SEALED_NEWEST) &&
        is_found(from, copy, bytes, length)) {
        *to = before; // as if it had not come
        free(copy);
        return;
    }
    EXPECT(verdict == SEALED_FORGED || verdict == SEALED_REPLAYED);
    EXPECT(memcmp(&before.replay, &to->replay, sizeof before.replay) == 0);
    EXPECT(memcmp(copy, bytes, length) == 0 || length == 0); // and nothing was decrypted
    free(copy);
}

// A message with some of its bytes changed behind the index, or with another end.
static void deliver_changed(struct way *way, const struct message *message, struct input *input) {
    uint8_t bytes[SEALED_OVERHEAD + 2 * RECORDS] = {0};
    size_t whole = SEALED_OVERHEAD + message->length;
    size_t length = whole;
    memcpy(bytes, message->bytes, whole);
    uint8_t changes = take8(input);
    for (int i = 0; i < (changes & 3); i++) {
        size_t at = 5 + take8(input) % (whole - 5);
        bytes[at] ^= take8(input);
    }
    if ((changes & 4) != 0)
        length = take8(input) % sizeof bytes;
    if (length == whole && memcmp(bytes, message->bytes, whole) == 0)
        return;
    deliver_forged(way->from, way->to, bytes, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct way ways[2];
    struct session left;
    struct session right;
    struct input input = {data, size};
    memset(ways, 0, sizeof ways);
    begin(&left, &right, take8(&input));
    ways[0].from = ways[1].to = &left;
    ways[0].to = ways[1].from = &right;
    for (int steps = 0; input.left > 0 && steps < 200; steps++) {
        const uint8_t *bytes;
        uint8_t command = take8(&input);
        struct way *way = &ways[command & 1];
        struct message *message = &way->flight[(command >> 3) % FLIGHT];
        size_t length;
        switch (command >> 1 & 3) {
        case 0: seal(way, &input, command >> 3); break;
        case 1:
            if (message->used)
                deliver(way, message);
            break;
        case 2:
            if (message->used)
                deliver_changed(way, message, &input);
            break;
        default:
            length = take_bytes(&input, &bytes, command >> 2);
            deliver_forged(way->from, way->to, bytes, length);
            if (message->used) // back to where it came from
                deliver_forged(way->to, way->from, message->bytes,
                               SEALED_OVERHEAD + message->length);
            break;
        }
    }
    return 0;
}
