// SPDX-License-Identifier: ISC
// An offer that opens with the shared key is answered, and the session that would follow waits
// beside the connection that it came on. It becomes the laptop's session when a message opens under
// it, which only the offer's true maker can seal: so an offer that somebody recorded and sends
// again displaces nothing. Waiting on its own connection, it is not displaced by what strangers
// send on theirs either.
//
// Before the elliptic curve costs anything, the offer must have opened with the shared key; before
// even that is tried, its source must not have sent too many. Refusals of sealed messages are
// limited apart from offers: a server that starts anew may get thousands of messages of the session
// before from the laptop whose offer it waits for.
#include "responder.h"
#include "../crypto/memory.h"
#include "../crypto/random.h"
#include <string.h>

void responder_init(struct responder *responder, const struct responder_config *config) {
    memset(responder, 0, sizeof *responder);
    responder->config = *config;
    rate_init(&responder->rate, OFFER_INTERVAL_MS, OFFER_BURST);
    rate_init(&responder->refusals, OFFER_INTERVAL_MS, OFFER_BURST);
}

void pending_init(struct pending *pending) { crypto_wipe(pending, sizeof *pending); }

void pending_expire(struct pending *pending, int64_t now_ms) {
    if (pending->session.live && session_is_over(&pending->session, now_ms))
        pending_init(pending);
}

void greeting_write(const struct responder *responder, uint8_t out[GREETING_SIZE]) {
    out[0] = MESSAGE_GREETING;
    memcpy(out + 1, responder->config.run, GREETING_NONCE);
}

static void reply(struct responder_heard *heard, size_t length) {
    heard->event = RESPONDER_REPLY;
    heard->bytes = heard->reply;
    heard->length = length;
}

static void refuse(struct responder_heard *heard, enum refusal reason, const uint8_t *message,
                   size_t length) {
    refusal_write(heard->reply, reason, message, length);
    reply(heard, REFUSAL_SIZE);
}

// An index that no session and no offer in waiting on this connection has.
static bool choose_index(const struct responder *responder, uint32_t *index) {
    if (crypto_random(index, sizeof *index) < 0)
        return false;
    for (size_t i = 0; i < SERVER_LINKS; i++)
        if (*index == responder->laptops[i].current.receive_index ||
            *index == responder->laptops[i].previous.receive_index)
            return false; // one in many millions: the laptop asks again
    return true;
}

// Answers an offer that opened with our key. Returns the answer's length, or 0.
static size_t make_answer(const struct responder *responder, struct pending *pending,
                          struct noise *noise, int64_t now_ms) {
    uint8_t ephemeral[32];
    struct answer answer = {.flags = responder->config.takes};
    session_end(&pending->session);
    if (!choose_index(responder, &answer.index) || crypto_random(ephemeral, sizeof ephemeral) < 0)
        return 0;
    size_t length = answer_write(noise, ephemeral, &answer, &pending->session, pending->answer);
    crypto_wipe(ephemeral, sizeof ephemeral);
    if (length > 0)
        session_begin(&pending->session, answer.index, pending->offer.index, pending->offer.flags,
                      now_ms);
    return length;
}

static void hear_offer(struct responder *responder, struct pending *pending, uint8_t *message,
                       size_t length, int64_t now_ms, struct responder_heard *heard) {
    struct noise noise;
    struct offer offer;
    bool is_repeated = pending->session.live && length > sizeof pending->ephemeral &&
                       memcmp(pending->ephemeral, message + 1, sizeof pending->ephemeral) == 0;
    if (offer_read(&noise, responder->config.key, message, length, &offer) < 0) {
        responder->wrong_key++;
        refuse(heard, REFUSAL_WRONG_KEY, message, length);
        return;
    }
    if (!is_repeated) {
        pending->offer = offer;
        memcpy(pending->ephemeral, message + 1, sizeof pending->ephemeral);
        is_repeated = make_answer(responder, pending, &noise, now_ms) > 0;
    }
    crypto_wipe(&noise, sizeof noise);
    if (!is_repeated)
        return;
    memcpy(heard->reply, pending->answer, ANSWER_SIZE);
    reply(heard, ANSWER_SIZE);
}

// The session in waiting has shown that its laptop is there: gives it the laptop's place. Returns
// the laptop's number, or -1.
static int establish(struct responder *responder, struct pending *pending) {
    int laptop = responder->config.admit(responder->config.arg, &pending->offer);
    if (laptop < 0)
        return -1;
    session_renew(&responder->laptops[laptop], &pending->session);
    pending_init(pending);
    responder->sessions++;
    return laptop;
}

// There is no place for one more laptop, and it is told so under the session that it will not have.
static void say_full(struct pending *pending, struct responder_heard *heard) {
    static const uint8_t full = GOODBYE_FULL;
    size_t length = record_write(heard->reply + SEALED_HEAD, RECORD_GOODBYE, &full, sizeof full);
    if (session_seal(&pending->session, heard->reply, length))
        reply(heard, SEALED_OVERHEAD + length);
}

// Finds the session that an index names. `laptop` is set to its number, or to SERVER_LINKS for the
// one in waiting.
static struct session *find_session(struct responder *responder, struct pending *pending,
                                    uint32_t index, uint16_t *laptop) {
    for (uint16_t i = 0; i < SERVER_LINKS; i++) {
        struct session *session = session_to_open(&responder->laptops[i], index);
        *laptop = i;
        if (session != NULL)
            return session;
    }
    *laptop = SERVER_LINKS;
    if (pending->session.live && pending->session.receive_index == index)
        return &pending->session;
    return NULL;
}

static void hear_sealed(struct responder *responder, struct pending *pending, uint64_t source,
                        uint8_t *message, size_t length, int64_t now_ms,
                        struct responder_heard *heard) {
    uint16_t laptop;
    if (length < SEALED_OVERHEAD) {
        responder->forged++;
        return;
    }
    struct session *session = find_session(responder, pending, sealed_index(message), &laptop);
    if (session == NULL || session_is_over(session, now_ms)) {
        responder->unknown_session++;
        if (rate_take(&responder->refusals, source, now_ms))
            refuse(heard, REFUSAL_UNKNOWN, message, length);
        return;
    }
    enum sealed_verdict verdict = session_open(session, message, length);
    responder->forged += verdict == SEALED_FORGED;
    responder->replayed += verdict == SEALED_REPLAYED;
    if (verdict == SEALED_FORGED || verdict == SEALED_REPLAYED)
        return;
    heard->is_newest = verdict == SEALED_NEWEST;
    if (laptop == SERVER_LINKS) {
        int place = establish(responder, pending);
        if (place < 0) {
            say_full(pending, heard);
            return;
        }
        laptop = (uint16_t)place;
        heard->is_session = true;
    } else if (session != &responder->laptops[laptop].current) {
        heard->is_newest = false;
    }
    heard->event = RESPONDER_RECORDS;
    heard->laptop = laptop;
    heard->bytes = message + SEALED_HEAD;
    heard->length = length - SEALED_OVERHEAD;
}

void responder_hear(struct responder *responder, struct pending *pending, uint64_t source,
                    uint8_t *message, size_t length, int64_t now_ms,
                    struct responder_heard *heard) {
    heard->event = RESPONDER_NOTHING;
    heard->is_newest = heard->is_session = false;
    uint8_t type = length > 0 ? message[0] : 0;
    if (type == MESSAGE_SEALED) {
        hear_sealed(responder, pending, source, message, length, now_ms, heard);
        return;
    }
    if (type != MESSAGE_OFFER && type >> 4 != 4 && type >> 4 != 6) {
        responder->not_understood++;
        return;
    }
    if (!rate_take(&responder->rate, source, now_ms)) {
        responder->rate_limited++;
        return;
    }
    if (type == MESSAGE_OFFER) {
        hear_offer(responder, pending, message, length, now_ms, heard);
        return;
    }
    responder->not_understood++;
    refuse(heard, REFUSAL_KEYED, message, length);
}

bool responder_may_be_genuine(struct responder *responder, struct pending *pending,
                              const uint8_t *message, size_t length) {
    uint16_t laptop;
    return length >= SEALED_HEAD && message[0] == MESSAGE_SEALED &&
           find_session(responder, pending, sealed_index(message), &laptop) != NULL;
}

void responder_tick(struct responder *responder, int64_t now_ms) {
    for (size_t i = 0; i < SERVER_LINKS; i++) session_expire(&responder->laptops[i], now_ms);
}

void responder_forget(struct responder *responder, uint16_t laptop) {
    session_end(&responder->laptops[laptop].current);
    session_end(&responder->laptops[laptop].previous);
}
