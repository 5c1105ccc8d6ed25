// SPDX-License-Identifier: ISC
// The Noise handshake: a published run of it, and everything that must not pass for one.
#include "crypto/noise.h"

#include "crypto/aead.h"
#include "crypto/hkdf.h"
#include "crypto/sha256.h"
#include "crypto/x25519.h"
#include "test.h"

#define MESSAGE_MAX 128

// The vector of the cacophony library for this protocol, as mcginty/snow carries it
// (tests/vectors/cacophony.txt).
static const char prologue[] = "John Galt";
static const char *const psk_hex =
    "54686973206973206d7920417573747269616e20706572737065637469766521";
static const char *const ephemerals_hex[] = {
    "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
    "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
};
static const char *const handshake_hash =
    "f4d03dc34495c95729ea6de9e1b59004b59733102488b3e24bc441e0be208eaf";
static const struct {
    const char *payload, *message;
} messages[] = {
    {"Ludwig von Mises", "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
                         "79b962b8aff8485742ac32f905ba45369e2465fb59e138a93d67a0d1266b6a54"},
    {"Murray Rothbard", "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
                        "d6062704d5a9c422a8e834423f8c1feada7e8d0d910a1a2cd030fb584221e3"},
    {"F. A. Hayek", "e632c3763d7669067383433197a3baddf146e9e70ad4b4e9e59e0f"},
    {"Carl Menger", "64c6bee32ea91c8474bb4c21d7a700109ad45af77b29764ba5eb1e"},
    {"Jean-Baptiste Say", "e2fa0bed0603b62d3ccac2ecabbf3fe33f3e86514909b323361626266cb2471cc8"},
    {"Eugen B\xf6hm von Bawerk",
     "0c01dc9cec1fe4ddd692e8dd32188aa351088dc91183639a53b57aa4692b5ebdef8b8ca111"},
};

static uint8_t psk[NOISE_KEY];
static uint8_t ephemerals[2][32];

static void read_keys(void) {
    if (test_hex(psk, sizeof psk, psk_hex) != sizeof psk ||
        test_hex(ephemerals[0], 32, ephemerals_hex[0]) != 32 ||
        test_hex(ephemerals[1], 32, ephemerals_hex[1]) != 32)
        exit(2);
}

static void start(struct noise parties[2]) {
    for (int i = 0; i < 2; i++) noise_init(&parties[i], i == 0, psk, prologue, strlen(prologue));
}

static size_t write_message(struct noise parties[2], int i, uint8_t message[MESSAGE_MAX]) {
    ptrdiff_t length = noise_write(&parties[i], ephemerals[i], (const uint8_t *)messages[i].payload,
                                   strlen(messages[i].payload), message);
    return length < 0 ? 0 : (size_t)length;
}

static void check_handshake_message(struct noise parties[2], int i) {
    uint8_t message[MESSAGE_MAX], expected[MESSAGE_MAX], payload[MESSAGE_MAX];
    size_t length = write_message(parties, i, message);
    test_row("message %d", i);
    CHECK_INT(test_hex(expected, sizeof expected, messages[i].message), length);
    CHECK_BYTES(message, expected, length);
    CHECK_INT(noise_read(&parties[1 - i], message, length, payload), length - NOISE_OVERHEAD);
    CHECK_BYTES(payload, messages[i].payload, length - NOISE_OVERHEAD);
}

// The messages after the handshake are only encrypted, each direction with its own key and counter.
static void check_transport(uint8_t send_keys[2][NOISE_KEY], uint8_t receive_keys[2][NOISE_KEY]) {
    CHECK_BYTES(send_keys[0], receive_keys[1], NOISE_KEY);
    CHECK_BYTES(send_keys[1], receive_keys[0], NOISE_KEY);
    for (size_t i = 2; i < COUNT(messages); i++) {
        uint8_t bytes[MESSAGE_MAX], expected[MESSAGE_MAX];
        uint8_t nonce[AEAD_NONCE] = {0, 0, 0, 0, (uint8_t)(i / 2 - 1)};
        size_t length = strlen(messages[i].payload);
        test_row("message %lu", (unsigned long)i);
        memcpy(bytes, messages[i].payload, length);
        aead_seal(bytes, length, send_keys[i % 2], nonce, NULL, 0);
        CHECK_INT(test_hex(expected, sizeof expected, messages[i].message), length + AEAD_TAG);
        CHECK_BYTES(bytes, expected, length + AEAD_TAG);
    }
}

static void published_run(void) {
    struct noise parties[2];
    uint8_t send_keys[2][NOISE_KEY], receive_keys[2][NOISE_KEY], hash[32];
    start(parties);
    check_handshake_message(parties, 0);
    check_handshake_message(parties, 1);
    CHECK_INT(test_hex(hash, sizeof hash, handshake_hash), sizeof hash);
    for (int i = 0; i < 2; i++) {
        struct noise only_hash = {0};
        memcpy(only_hash.hash, hash, sizeof hash);
        noise_split(&parties[i], send_keys[i], receive_keys[i]);
        CHECK_BYTES(parties[i].hash, hash, sizeof hash);
        CHECK_BYTES(parties[i].chaining, only_hash.chaining, sizeof only_hash.chaining);
        CHECK_BYTES(parties[i].key, only_hash.key, sizeof only_hash.key);
        CHECK_BYTES(parties[i].psk, only_hash.psk, sizeof only_hash.psk);
        CHECK_BYTES(parties[i].ephemeral, only_hash.ephemeral, sizeof only_hash.ephemeral);
    }
    check_transport(send_keys, receive_keys);
}

// Expects a refusal that leaves the state as it was and writes no payload.
static void check_refused(struct noise *noise, const uint8_t *message, size_t length) {
    struct noise before = *noise;
    uint8_t payload[MESSAGE_MAX];
    uint8_t *copy = test_copy(message, length);
    memset(payload, 0xa5, sizeof payload);
    ptrdiff_t got = noise_read(noise, copy, length, payload);
    free(copy);
    CHECK_INT(got, -1);
    CHECK_BYTES(noise, &before, sizeof before);
    for (size_t i = 0; i < sizeof payload; i++) CHECK_INT(payload[i], 0xa5);
}

static void check_forgeries(struct noise *reader, uint8_t *message, size_t length) {
    for (size_t bit = 0; bit < 8 * length; bit++) {
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        // X25519 does not look at bit 255; the hash does.
        check_refused(reader, message, length);
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t shorter = 0; shorter < length; shorter++) check_refused(reader, message, shorter);
    message[length] = 0;
    check_refused(reader, message, length + 1);
}

static void forged_messages(void) {
    struct noise parties[2];
    start(parties);
    for (int i = 0; i < 2; i++) {
        uint8_t message[MESSAGE_MAX], payload[MESSAGE_MAX];
        size_t length = write_message(parties, i, message);
        check_forgeries(&parties[1 - i], message, length);
        CHECK_INT(noise_read(&parties[1 - i], message, length, payload), length - NOISE_OVERHEAD);
    }
}

static void other_secrets(void) {
    struct noise parties[2];
    uint8_t message[MESSAGE_MAX];
    for (size_t bit = 0; bit < 8 * sizeof psk; bit++) {
        uint8_t other[NOISE_KEY];
        start(parties);
        memcpy(other, psk, sizeof other);
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        noise_init(&parties[1], false, other, prologue, strlen(prologue));
        check_refused(&parties[1], message, write_message(parties, 0, message));
    }
    start(parties);
    noise_init(&parties[1], false, psk, "tether 2", 8);
    check_refused(&parties[1], message, write_message(parties, 0, message));
    noise_init(&parties[1], false, psk, NULL, 0);
    check_refused(&parties[1], message, MESSAGE_MAX);
}

// A message of one run means nothing in another, nor to who wrote it.
static void other_runs(void) {
    struct noise parties[2], others[2];
    uint8_t message[MESSAGE_MAX], other[MESSAGE_MAX], payload[MESSAGE_MAX];
    start(parties);
    start(others);
    size_t length = write_message(parties, 0, message);
    check_refused(&parties[0], message, length);
    CHECK_INT(noise_read(&parties[1], message, length, payload), length - NOISE_OVERHEAD);
    check_refused(&parties[1], message, length);
    ephemerals[0][5] ^= 1;
    size_t other_length = write_message(others, 0, other);
    ephemerals[0][5] ^= 1;
    CHECK_INT(noise_read(&others[1], other, other_length, payload), other_length - NOISE_OVERHEAD);
    other_length = write_message(others, 1, other);
    check_refused(&parties[0], other, other_length);
    length = write_message(parties, 1, message);
    check_refused(&parties[1], message, length);
    CHECK_INT(noise_read(&parties[0], message, length, payload), length - NOISE_OVERHEAD);
    check_refused(&parties[0], message, length);
}

// Who may write: the initiator, then the responder, then nobody.
static void out_of_turn(void) {
    struct noise parties[2];
    uint8_t message[MESSAGE_MAX], other[MESSAGE_MAX], payload[MESSAGE_MAX];
    start(parties);
    CHECK_INT(write_message(parties, 1, other), 0);
    size_t length = write_message(parties, 0, message);
    CHECK_INT(write_message(parties, 0, other), 0);
    CHECK_INT(noise_read(&parties[1], message, length, payload), length - NOISE_OVERHEAD);
    length = write_message(parties, 1, message);
    CHECK_INT(write_message(parties, 1, other), 0);
    CHECK_INT(noise_read(&parties[0], message, length, payload), length - NOISE_OVERHEAD);
    CHECK_INT(write_message(parties, 0, other), 0);
    CHECK_BYTES(parties[0].hash, parties[1].hash, sizeof parties[0].hash);
}

// The handshake by hand, by which somebody who has the psk sends any point as his public key.
static void mix_hash(struct noise *noise, const void *bytes, size_t length) {
    struct sha256 hash;
    sha256_init(&hash);
    sha256_add(&hash, noise->hash, 32);
    sha256_add(&hash, bytes, length);
    sha256_end(&hash, noise->hash);
}

static void mix_key(struct noise *noise, const uint8_t input[32]) {
    uint8_t outputs[64];
    if (hkdf(outputs, sizeof outputs, noise->chaining, 32, input, 32, NULL, 0) < 0)
        exit(2);
    memcpy(noise->chaining, outputs, 32);
    memcpy(noise->key, outputs + 32, 32);
}

static void forge(struct noise *noise, const uint8_t point[32], uint8_t message[NOISE_OVERHEAD]) {
    static const uint8_t nonce[AEAD_NONCE];
    static const uint8_t zero[32];
    uint8_t outputs[96];
    if (noise->step == 0) {
        if (hkdf(outputs, sizeof outputs, noise->chaining, 32, noise->psk, 32, NULL, 0) < 0)
            exit(2);
        memcpy(noise->chaining, outputs, 32);
        mix_hash(noise, outputs + 32, 32);
    }
    mix_hash(noise, point, 32);
    mix_key(noise, point);
    if (noise->step == 1)
        mix_key(noise, zero); // what any private key and such a point have in common
    memcpy(message, point, 32);
    aead_seal(message + 32, 0, noise->key, nonce, noise->hash, 32);
}

static void low_order_points(void) {
    uint8_t point[32] = {1}, message[MESSAGE_MAX], payload[1];
    struct noise parties[2], forger, before;
    start(parties);
    forger = parties[0];
    forge(&forger, point, message);
    CHECK_INT(noise_read(&parties[1], message, NOISE_OVERHEAD, payload), 0);
    before = parties[1];
    CHECK_INT(noise_write(&parties[1], ephemerals[1], NULL, 0, message), -1);
    CHECK_BYTES(&parties[1], &before, sizeof before);

    start(parties);
    size_t length = write_message(parties, 0, message);
    CHECK_INT(noise_read(&parties[1], message, length, message), length - NOISE_OVERHEAD);
    forge(&parties[1], point, message);
    check_refused(&parties[0], message, NOISE_OVERHEAD);
}

// The same forger with a point that is none of those, so that it is the point that was refused
// above.
static void forger_is_right(void) {
    uint8_t point[32], message[MESSAGE_MAX], expected[MESSAGE_MAX];
    struct noise parties[2];
    start(parties);
    CHECK_INT(noise_write(&parties[0], ephemerals[0], NULL, 0, expected), NOISE_OVERHEAD);
    x25519_public(point, ephemerals[0]);
    start(parties);
    forge(&parties[0], point, message);
    CHECK_BYTES(message, expected, NOISE_OVERHEAD);
}

// A payload may stand where the message goes, and be read back to where the message stands.
static void in_place(void) {
    struct noise parties[2];
    uint8_t bytes[700];
    for (size_t length = 0; length + NOISE_OVERHEAD <= sizeof bytes; length += 31) {
        uint8_t text[700];
        test_random_bytes(text, sizeof text);
        for (size_t at = 0; at <= NOISE_OVERHEAD; at += 16) {
            start(parties);
            memcpy(bytes + at, text, length);
            CHECK_INT(noise_write(&parties[0], ephemerals[0], bytes + at, length, bytes),
                      length + NOISE_OVERHEAD);
            CHECK_INT(noise_read(&parties[1], bytes, length + NOISE_OVERHEAD, bytes + at), length);
            CHECK_BYTES(bytes + at, text, length);
        }
    }
}

int main(void) {
    read_keys();
    TEST("both parties write and read the messages of a published run", published_run);
    TEST("a forged bit, or a message too short or too long, changes nothing", forged_messages);
    TEST("another psk or prologue is refused", other_secrets);
    TEST("messages of another run, and those said before, are refused", other_runs);
    TEST("nobody writes out of turn", out_of_turn);
    TEST("a public key of low order is refused, even from someone with the psk", low_order_points);
    TEST("the forger of that test makes right messages of good public keys", forger_is_right);
    TEST("payloads and messages may share their place", in_place);
    return test_end();
}
