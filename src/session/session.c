// SPDX-License-Identifier: ISC
// Sealing and opening. The counter is the nonce of the cipher, so that no nonce is used twice under
// a key. It travels in the clear, because messages may be lost or overtake each other when one
// phone takes over from another. Index and counter need no authentication of their own: the tag is
// right only under the key that the index names and the nonce that the counter makes.
//
// A key is used for a limited time and a limited number of messages, so that who steals the memory
// of a laptop or server can read a few minutes of what was recorded and no more.
//
// A key that was wiped is all zeros, and so everybody's. Who sealed under it would have encrypted
// nothing. That is why a session is asked for at each use, and why sealing refuses a dead one.
// In builds for tests (-DSESSION_STRICT) it stops the program, as the caller has a fault.
#include "session.h"
#include "../base/bytes.h"
#include "../crypto/memory.h"
#include <stdlib.h>

void session_begin(struct session *session, uint32_t receive_index, uint32_t send_index,
                   uint8_t peer_takes, int64_t now_ms) {
    session->receive_index = receive_index;
    session->send_index = send_index;
    session->peer_takes = peer_takes;
    session->next_counter = 0;
    session->born_ms = now_ms;
    replay_init(&session->replay);
    session->live = true;
}

void session_end(struct session *session) { crypto_wipe(session, sizeof *session); }

bool session_seal(struct session *session, uint8_t *message, size_t length) {
    uint8_t nonce[AEAD_NONCE];
    if (!session->live || session->next_counter == UINT64_MAX) {
#ifdef SESSION_STRICT
        abort();
#endif
        return false;
    }
    uint64_t counter = session->next_counter++;
    message[0] = MESSAGE_SEALED;
    put_be32(message + 1, session->send_index);
    put_be64(message + SEALED_AT_COUNTER, counter);
    aead_nonce(nonce, counter);
    aead_seal(message + SEALED_HEAD, length, session->send_key, nonce, NULL, 0);
    return true;
}

uint32_t sealed_index(const uint8_t *message) { return get_be32(message + 1); }

enum sealed_verdict session_open(struct session *session, uint8_t *message, size_t length) {
    uint8_t nonce[AEAD_NONCE];
    if (!session->live || length < SEALED_OVERHEAD)
        return SEALED_FORGED;
    uint64_t counter = get_be64(message + SEALED_AT_COUNTER);
    if (!replay_may_be_new(&session->replay, counter))
        return SEALED_REPLAYED;
    aead_nonce(nonce, counter);
    if (!aead_open(message + SEALED_HEAD, length - SEALED_HEAD, session->receive_key, nonce, NULL,
                   0))
        return SEALED_FORGED;
    return replay_mark(&session->replay, counter) ? SEALED_NEWEST : SEALED_LATE;
}

bool session_is_old(const struct session *session, int64_t now_ms) {
    return now_ms - session->born_ms >= SESSION_REKEY_MS ||
           session->next_counter >= SESSION_REKEY_MESSAGES;
}

bool session_is_over(const struct session *session, int64_t now_ms) {
    return now_ms - session->born_ms >= SESSION_OVER_MS ||
           session->next_counter >= 2 * SESSION_REKEY_MESSAGES;
}

struct session *session_to_seal(struct session_keys *keys, int64_t now_ms) {
    struct session *current = &keys->current;
    if (!current->live || session_is_over(current, now_ms) || now_ms < keys->held_until_ms)
        return NULL;
    return current;
}

struct session *session_to_open(struct session_keys *keys, uint32_t index) {
    if (keys->current.live && keys->current.receive_index == index)
        return &keys->current;
    if (keys->previous.live && keys->previous.receive_index == index)
        return &keys->previous;
    return NULL;
}

void session_renew(struct session_keys *keys, struct session *fresh) {
    if (keys->current.live)
        keys->previous = keys->current;
    keys->current = *fresh;
    keys->held_until_ms = 0;
    crypto_wipe(fresh, sizeof *fresh);
}

void session_expire(struct session_keys *keys, int64_t now_ms) {
    if (keys->current.live && session_is_over(&keys->current, now_ms))
        session_end(&keys->current);
    if (keys->previous.live && session_is_over(&keys->previous, now_ms))
        session_end(&keys->previous);
}
