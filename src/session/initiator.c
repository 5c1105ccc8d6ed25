// SPDX-License-Identifier: ISC
// An offer is sent again as it is, with growing pauses, until its answer comes: whichever copy the
// server answers, the answer is good. Every second copy goes in the other form (text instead of
// binary or the reverse), for phones that carry only one. After half a minute a fresh offer is
// made.
//
// When keys grow old, a new handshake runs beside the session that is in use, which ends only when
// the new one is there. What the server sealed with the old keys before it learnt of the new ones
// is still opened for a while.
//
// Greetings and refusals are not authenticated. At most they make this end send an offer earlier
// than it would have, a few times a second.
#include "initiator.h"
#include "../base/bytes.h"
#include "../crypto/memory.h"
#include "../crypto/random.h"
#include <string.h>

void initiator_init(struct initiator *initiator, const uint8_t key[KEY_SIZE],
                    const uint8_t identity[IDENTITY_SIZE], uint32_t address) {
    memset(initiator, 0, sizeof *initiator);
    memcpy(initiator->key, key, KEY_SIZE);
    memcpy(initiator->self.identity, identity, IDENTITY_SIZE);
    initiator->self.address = address;
    initiator->sent_ms = -OFFER_LEAST_MS;
}

// Makes a fresh offer. Returns whether there is one.
static bool begin(struct initiator *initiator, int64_t now_ms) {
    uint8_t ephemeral[32];
    uint32_t index;
    if (crypto_random(ephemeral, sizeof ephemeral) < 0 || crypto_random(&index, sizeof index) < 0)
        return false;
    while (index == initiator->keys.current.receive_index ||
           index == initiator->keys.previous.receive_index)
        index++;
    initiator->self.index = index;
    initiator->trying = offer_write(&initiator->noise, initiator->key, ephemeral, &initiator->self,
                                    initiator->offer) > 0;
    crypto_wipe(ephemeral, sizeof ephemeral);
    initiator->attempts = 0;
    initiator->began_ms = now_ms;
    return initiator->trying;
}

void initiator_hurry(struct initiator *initiator, int64_t now_ms) {
    int64_t least_ms = initiator->sent_ms + OFFER_LEAST_MS;
    initiator->attempts = 0;
    initiator->due_ms = now_ms > least_ms ? now_ms : least_ms;
}

void initiator_give_up(struct initiator *initiator, int64_t now_ms, int64_t pause_ms) {
    session_end(&initiator->keys.current);
    initiator->trying = false;
    initiator->due_ms = now_ms + pause_ms;
}

// The server seems to have lost the session: makes another, and meanwhile seals nothing for a
// moment, for what it cannot open only keeps the offer waiting. Since anybody on the way can say
// such a thing, that is done once in a while only.
static void begin_anew(struct initiator *initiator, int64_t now_ms) {
    if (!begin(initiator, now_ms))
        return;
    if (now_ms >= initiator->held_again_ms) {
        initiator->keys.held_until_ms = now_ms + OFFER_HOLD_MS;
        initiator->held_again_ms = now_ms + OFFER_HOLD_MS + OFFER_HOLD_AGAIN_MS;
    }
    initiator_hurry(initiator, now_ms);
}

size_t initiator_due(struct initiator *initiator, int64_t now_ms, uint8_t message[OFFER_SIZE],
                     bool *try_other_form) {
    const struct session *session = session_to_seal(&initiator->keys, now_ms);
    bool has_session = session != NULL && !session_is_old(session, now_ms);
    if ((has_session && !initiator->trying) || now_ms < initiator->due_ms)
        return 0;
    if ((!initiator->trying || now_ms - initiator->began_ms >= OFFER_LIFETIME_MS) &&
        !begin(initiator, now_ms))
        return 0;
    unsigned doublings = initiator->attempts < 3 ? initiator->attempts : 3;
    *try_other_form = initiator->attempts % 2 == 1;
    initiator->attempts++;
    initiator->sent_ms = now_ms;
    initiator->due_ms = now_ms + ((int64_t)OFFER_RETRY_MS << doublings);
    memcpy(message, initiator->offer, OFFER_SIZE);
    return OFFER_SIZE;
}

static enum initiator_event hear_answer(struct initiator *initiator, const uint8_t *message,
                                        size_t length, int64_t now_ms) {
    struct session fresh;
    struct answer answer;
    if (!initiator->trying)
        return INITIATOR_NOTHING; // to another copy of an offer that was answered
    if (answer_read(&initiator->noise, message, length, &answer, &fresh) < 0) {
        initiator->forged++;
        return INITIATOR_NOTHING;
    }
    session_begin(&fresh, initiator->self.index, answer.index, answer.flags, now_ms);
    session_renew(&initiator->keys, &fresh);
    initiator->trying = false;
    initiator->key_was_refused = false;
    initiator->due_ms = now_ms + OFFER_LEAST_MS;
    return INITIATOR_SESSION;
}

// Whether a refusal is about something that we sent and that still matters.
static bool refusal_is_ours(const struct initiator *initiator, uint8_t reason,
                            const uint8_t subject[REFUSAL_SUBJECT]) {
    uint8_t expected[REFUSAL_SUBJECT];
    uint8_t sealed[SEALED_HEAD] = {MESSAGE_SEALED};
    if (reason == REFUSAL_WRONG_KEY && initiator->trying) {
        refusal_subject(expected, REFUSAL_WRONG_KEY, initiator->offer, OFFER_SIZE);
        return memcmp(expected, subject, sizeof expected) == 0;
    }
    if (reason == REFUSAL_UNKNOWN && initiator->keys.current.live) {
        put_be32(sealed + 1, initiator->keys.current.send_index);
        refusal_subject(expected, REFUSAL_UNKNOWN, sealed, sizeof sealed);
        return memcmp(expected, subject, sizeof expected) == 0;
    }
    return false;
}

static enum initiator_event hear_refusal(struct initiator *initiator, const uint8_t *message,
                                         size_t length, int64_t now_ms) {
    if (length < REFUSAL_SIZE || !refusal_is_ours(initiator, message[1], message + 2)) {
        initiator->not_understood++;
        return INITIATOR_NOTHING;
    }
    if (message[1] == REFUSAL_WRONG_KEY) {
        initiator->key_was_refused = true;
        return INITIATOR_WRONG_KEY;
    }
    if (!initiator->trying)
        begin_anew(initiator, now_ms);
    return INITIATOR_NOTHING;
}

// A phone has reached the server. Where the server is another than before, or started anew, it does
// not know our session.
static enum initiator_event hear_greeting(struct initiator *initiator, const uint8_t *message,
                                          size_t length, int64_t now_ms) {
    if (length < GREETING_SIZE) {
        initiator->not_understood++;
        return INITIATOR_NOTHING;
    }
    bool is_other = initiator->knows_server_run &&
                    memcmp(initiator->server_run, message + 1, GREETING_NONCE) != 0;
    memcpy(initiator->server_run, message + 1, GREETING_NONCE);
    initiator->knows_server_run = true;
    if (is_other && !initiator->trying)
        begin_anew(initiator, now_ms);
    initiator_hurry(initiator, now_ms);
    return INITIATOR_GREETING;
}

static enum initiator_event hear_sealed(struct initiator *initiator, uint8_t *message,
                                        size_t message_length, int64_t now_ms, uint8_t **bytes,
                                        size_t *length) {
    struct session *session = NULL;
    if (message_length >= SEALED_OVERHEAD)
        session = session_to_open(&initiator->keys, sealed_index(message));
    enum sealed_verdict verdict = SEALED_FORGED;
    if (session != NULL && !session_is_over(session, now_ms))
        verdict = session_open(session, message, message_length);
    initiator->forged += verdict == SEALED_FORGED;
    initiator->replayed += verdict == SEALED_REPLAYED;
    if (verdict == SEALED_FORGED || verdict == SEALED_REPLAYED)
        return INITIATOR_NOTHING;
    *bytes = message + SEALED_HEAD;
    *length = message_length - SEALED_OVERHEAD;
    bool is_newest = verdict == SEALED_NEWEST && session == &initiator->keys.current;
    if (is_newest)
        initiator->key_was_refused =
            false; // somebody else said so: the server does have the session
    return is_newest ? INITIATOR_RECORDS : INITIATOR_LATE;
}

enum initiator_event initiator_hear(struct initiator *initiator, uint8_t *message,
                                    size_t message_length, int64_t now_ms, uint8_t **bytes,
                                    size_t *length) {
    switch (message_length > 0 ? message[0] : 0) {
    case MESSAGE_ANSWER: return hear_answer(initiator, message, message_length, now_ms);
    case MESSAGE_SEALED:
        return hear_sealed(initiator, message, message_length, now_ms, bytes, length);
    case MESSAGE_REFUSAL: return hear_refusal(initiator, message, message_length, now_ms);
    case MESSAGE_GREETING: return hear_greeting(initiator, message, message_length, now_ms);
    default: initiator->not_understood++; return INITIATOR_NOTHING;
    }
}
