// SPDX-License-Identifier: ISC
// Laptop and server share a key, and agree on fresh ones for each session by Noise_NNpsk0 (The
// Noise Protocol Framework, revision 34, sections 7.4 and 9). The shared key is mixed in before
// anything else, so already the first message can be told from a stranger's, at the price of some
// hashing and no elliptic curve; and the fresh Diffie-Hellman makes what is sealed later unreadable
// even for who learns the shared key one day.
#include "handshake.h"
#include "../base/bytes.h"
#include "../crypto/memory.h"
#include <string.h>

// Names this protocol and its version; who mixes in another prologue shares no keys with us.
static const char prologue[] = "tether 1";

size_t offer_write(struct noise *noise, const uint8_t key[KEY_SIZE], const uint8_t ephemeral[32],
                   const struct offer *offer, uint8_t message[OFFER_SIZE]) {
    uint8_t payload[OFFER_PAYLOAD];
    payload[0] = offer->flags;
    put_be32(payload + 1, offer->index);
    memcpy(payload + 5, offer->identity, IDENTITY_SIZE);
    put_be32(payload + 21, offer->address);
    noise_init(noise, true, key, prologue, sizeof prologue - 1);
    message[0] = MESSAGE_OFFER;
    ptrdiff_t length = noise_write(noise, ephemeral, payload, sizeof payload, message + 1);
    return length < 0 ? 0 : 1 + (size_t)length;
}

int offer_read(struct noise *noise, const uint8_t key[KEY_SIZE], const uint8_t *message,
               size_t length, struct offer *offer) {
    uint8_t payload[HANDSHAKE_MAX];
    if (length < OFFER_SIZE || length > HANDSHAKE_MAX)
        return -1;
    noise_init(noise, false, key, prologue, sizeof prologue - 1);
    if (noise_read(noise, message + 1, length - 1, payload) < OFFER_PAYLOAD)
        return -1;
    offer->flags = payload[0];
    offer->index = get_be32(payload + 1);
    memcpy(offer->identity, payload + 5, IDENTITY_SIZE);
    offer->address = get_be32(payload + 21);
    return 0;
}

size_t answer_write(struct noise *noise, const uint8_t ephemeral[32], const struct answer *answer,
                    struct session *session, uint8_t message[ANSWER_SIZE]) {
    uint8_t payload[ANSWER_PAYLOAD];
    payload[0] = answer->flags;
    put_be32(payload + 1, answer->index);
    message[0] = MESSAGE_ANSWER;
    ptrdiff_t length = noise_write(noise, ephemeral, payload, sizeof payload, message + 1);
    if (length < 0)
        return 0;
    noise_split(noise, session->send_key, session->receive_key);
    return 1 + (size_t)length;
}

int answer_read(struct noise *noise, const uint8_t *message, size_t length, struct answer *answer,
                struct session *session) {
    uint8_t payload[HANDSHAKE_MAX];
    if (length < ANSWER_SIZE || length > HANDSHAKE_MAX)
        return -1;
    if (noise_read(noise, message + 1, length - 1, payload) < ANSWER_PAYLOAD)
        return -1;
    answer->flags = payload[0];
    answer->index = get_be32(payload + 1);
    noise_split(noise, session->send_key, session->receive_key);
    return 0;
}

void refusal_subject(uint8_t subject[REFUSAL_SUBJECT], enum refusal reason, const uint8_t *message,
                     size_t length) {
    size_t take = reason == REFUSAL_WRONG_KEY ? REFUSAL_SUBJECT : reason == REFUSAL_UNKNOWN ? 4 : 0;
    memset(subject, 0, REFUSAL_SUBJECT);
    if (length > take)
        memcpy(subject, message + 1, take);
}

void refusal_write(uint8_t out[REFUSAL_SIZE], enum refusal reason, const uint8_t *message,
                   size_t length) {
    out[0] = MESSAGE_REFUSAL;
    out[1] = (uint8_t)reason;
    refusal_subject(out + 2, reason, message, length);
}
