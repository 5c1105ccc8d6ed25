// SPDX-License-Identifier: ISC
// Offers, answers, refusals. The expected bytes were computed by a second implementation of Noise,
// written in Python from the specification (revision 34) on top of the cryptography package: psk 00
// to 1f, the laptop's ephemeral private key 40 to 5f, the server's 80 to 9f, prologue "tether 1".
#include "session/handshake.h"

#include "test.h"

static const char offer_hex[] =
    "01 79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a"
    "51e8bf26a53fbc4db012c8aea584c5b267686e428aa7bc6495a1d004efccb530998ad2ad3903ed7e7a";
static const char answer_hex[] =
    "02 493e82fc74464a59268817623d2053c5eb8e2cc4a988b4fee179ec6b010d531d"
    "298839cc77076d24e2ad295ddacbf52f937f1d05cf";
static const char up_key_hex[] = "5769169cd44b1f09dd78feb33ac3731bcfa9070289becbbc0040813044e3ad14";
static const char down_key_hex[] =
    "cc9bea0cd7d26ea1ab7a45bec679d6244fff84337a492142af1ac9b08832bf12";

static uint8_t key[KEY_SIZE];
static uint8_t laptop_ephemeral[32];
static uint8_t server_ephemeral[32];
static struct offer offer;
static uint8_t offer_bytes[OFFER_SIZE];
static uint8_t answer_bytes[ANSWER_SIZE];
static struct noise laptop_noise;
static struct noise server_noise;
static struct session laptop;
static struct session server;
static const struct answer first_answer = {0, 1};

static void prepare(void) {
    for (uint8_t i = 0; i < 32; i++) {
        key[i] = i;
        laptop_ephemeral[i] = (uint8_t)(0x40 + i);
        server_ephemeral[i] = (uint8_t)(0x80 + i);
    }
    offer.flags = 0;
    offer.index = 0x01020304;
    for (uint8_t i = 0; i < IDENTITY_SIZE; i++) offer.identity[i] = (uint8_t)(0xa0 + i);
    offer.address = 0x64400102;
}

// A whole handshake, up to the answer's bytes.
static bool shake(void) {
    struct offer read;
    const struct answer answer = {0, 0x05060708};
    prepare();
    return offer_write(&laptop_noise, key, laptop_ephemeral, &offer, offer_bytes) == OFFER_SIZE &&
           offer_read(&server_noise, key, offer_bytes, OFFER_SIZE, &read) == 0 &&
           answer_write(&server_noise, server_ephemeral, &answer, &server, answer_bytes) ==
               ANSWER_SIZE;
}

static void known_bytes(void) {
    uint8_t expected[OFFER_SIZE];
    struct answer answer = {0xff, 0};
    CHECK(shake());
    CHECK_INT(test_hex(expected, sizeof expected, offer_hex), OFFER_SIZE);
    CHECK_BYTES(offer_bytes, expected, OFFER_SIZE);
    CHECK_INT(test_hex(expected, sizeof expected, answer_hex), ANSWER_SIZE);
    CHECK_BYTES(answer_bytes, expected, ANSWER_SIZE);
    CHECK_INT(answer_read(&laptop_noise, answer_bytes, ANSWER_SIZE, &answer, &laptop), 0);
    CHECK_INT(answer.flags, 0);
    CHECK_INT(answer.index, 0x05060708);
    test_hex(expected, sizeof expected, up_key_hex);
    CHECK_BYTES(laptop.send_key, expected, AEAD_KEY);
    CHECK_BYTES(server.receive_key, expected, AEAD_KEY);
    test_hex(expected, sizeof expected, down_key_hex);
    CHECK_BYTES(laptop.receive_key, expected, AEAD_KEY);
    CHECK_BYTES(server.send_key, expected, AEAD_KEY);
}

// What an end takes beside plain packets, and what later versions may say with the other bits.
static void flags_of_both(void) {
    for (unsigned flags = 0; flags < 256; flags++) {
        struct offer read;
        struct answer answer = {(uint8_t)(flags ^ 0x5a), 0x05060708};
        struct answer heard;
        test_row("flags %02x", flags);
        prepare();
        offer.flags = (uint8_t)flags;
        CHECK_INT(offer_write(&laptop_noise, key, laptop_ephemeral, &offer, offer_bytes),
                  OFFER_SIZE);
        CHECK_INT(offer_read(&server_noise, key, offer_bytes, OFFER_SIZE, &read), 0);
        CHECK_INT(read.flags, flags);
        CHECK_INT(answer_write(&server_noise, server_ephemeral, &answer, &server, answer_bytes),
                  ANSWER_SIZE);
        CHECK_INT(answer_read(&laptop_noise, answer_bytes, ANSWER_SIZE, &heard, &laptop), 0);
        CHECK_INT(heard.flags, flags ^ 0x5a);
        CHECK_INT(heard.index, 0x05060708);
    }
}

static void what_an_offer_says(void) {
    struct offer read;
    memset(&read, 0, sizeof read);
    prepare();
    offer.flags = 0x81;
    offer.index = UINT32_MAX;
    offer.address = 0;
    CHECK_INT(offer_write(&laptop_noise, key, laptop_ephemeral, &offer, offer_bytes), OFFER_SIZE);
    CHECK_INT(offer_read(&server_noise, key, offer_bytes, OFFER_SIZE, &read), 0);
    CHECK_INT(read.flags, 0x81);
    CHECK_INT(read.index, UINT32_MAX);
    CHECK_INT(read.address, 0);
    CHECK_BYTES(read.identity, offer.identity, IDENTITY_SIZE);
}

static int read_offer_copy(const uint8_t *message, size_t length) {
    struct offer read;
    uint8_t *copy = test_copy(message, length);
    int result = offer_read(&server_noise, key, copy, length, &read);
    free(copy);
    return result;
}

// The first byte says that it is an offer, and is looked at by who hands it on.
static void offers_changed(void) {
    CHECK(shake());
    for (size_t bit = 8; bit < 8 * (size_t)OFFER_SIZE; bit++) {
        test_row("bit %lu", (unsigned long)bit);
        offer_bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK_INT(read_offer_copy(offer_bytes, OFFER_SIZE), -1);
        offer_bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * (size_t)KEY_SIZE; bit++) {
        test_row("bit %lu of the key", (unsigned long)bit);
        key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK_INT(read_offer_copy(offer_bytes, OFFER_SIZE), -1);
        key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CHECK_INT(read_offer_copy(offer_bytes, OFFER_SIZE), 0);
}

static void offers_cut(void) {
    uint8_t longer[HANDSHAKE_MAX + 50] = {0};
    CHECK(shake());
    memcpy(longer, offer_bytes, OFFER_SIZE);
    for (size_t length = 0; length <= sizeof longer; length++) {
        test_row("%lu bytes", (unsigned long)length);
        CHECK_INT(read_offer_copy(longer, length), length == OFFER_SIZE ? 0 : -1);
    }
}

// An offer of a later version, with more in its payload; or with less than there has to be.
static void offers_grown(void) {
    uint8_t payload[HANDSHAKE_MAX] = {7, 1, 2, 3, 4};
    for (size_t length = 0; length < HANDSHAKE_MAX; length++) {
        uint8_t message[1 + NOISE_OVERHEAD + HANDSHAKE_MAX];
        prepare();
        noise_init(&laptop_noise, true, key, "tether 1", 8);
        ptrdiff_t wrote =
            noise_write(&laptop_noise, laptop_ephemeral, payload, length, message + 1);
        CHECK_INT(wrote, NOISE_OVERHEAD + length);
        bool good = length >= OFFER_PAYLOAD && 1 + NOISE_OVERHEAD + length <= HANDSHAKE_MAX;
        test_row("%lu bytes of payload", (unsigned long)length);
        CHECK_INT(read_offer_copy(message, 1 + NOISE_OVERHEAD + length), good ? 0 : -1);
    }
}

static void another_prologue(void) {
    static const char *const prologues[] = {"tether 2", "tether", "", "tether 1\n"};
    uint8_t payload[OFFER_PAYLOAD] = {0};
    for (size_t i = 0; i < COUNT(prologues); i++) {
        uint8_t message[OFFER_SIZE];
        prepare();
        noise_init(&laptop_noise, true, key, prologues[i], strlen(prologues[i]));
        noise_write(&laptop_noise, laptop_ephemeral, payload, sizeof payload, message + 1);
        test_row("\"%s\"", prologues[i]);
        CHECK_INT(read_offer_copy(message, OFFER_SIZE), -1);
    }
}

// RFC 7748 section 6.1: with such a key of the peer's everybody knows the secret. Even who has the
// pre-shared key gets no answer for it.
static void low_order_keys(void) {
    static const char *const offers[] = {
        "01 0000000000000000000000000000000000000000000000000000000000000000"
        "31b29e933f2a8190dad8c9a131fd73a66d1c34c63b32beedce64a4645e4287c19fcfe8ffa976892f86",
        "01 0100000000000000000000000000000000000000000000000000000000000000"
        "fe08eeac7184b8072a2e00115a28131f052ba110492b62b688a381b0e669eedea66dbf4d72f078ebb1",
    };
    for (size_t i = 0; i < COUNT(offers); i++) {
        prepare();
        CHECK_INT(test_hex(offer_bytes, OFFER_SIZE, offers[i]), OFFER_SIZE);
        CHECK_INT(read_offer_copy(offer_bytes, OFFER_SIZE), 0);
        CHECK_INT(
            answer_write(&server_noise, server_ephemeral, &first_answer, &server, answer_bytes), 0);
    }
}

static int read_answer_copy(const uint8_t *message, size_t length) {
    struct answer answer;
    uint8_t *copy = test_copy(message, length);
    int result = answer_read(&laptop_noise, copy, length, &answer, &laptop);
    free(copy);
    return result;
}

// After all that was wrong, the right answer is taken still.
static void answers_changed(void) {
    CHECK(shake());
    for (size_t bit = 8; bit < 8 * (size_t)ANSWER_SIZE; bit++) {
        test_row("bit %lu", (unsigned long)bit);
        answer_bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK_INT(read_answer_copy(answer_bytes, ANSWER_SIZE), -1);
        answer_bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    uint8_t longer[HANDSHAKE_MAX + 50] = {0};
    memcpy(longer, answer_bytes, ANSWER_SIZE);
    for (size_t length = 0; length <= sizeof longer; length++) {
        test_row("%lu bytes", (unsigned long)length);
        if (length != ANSWER_SIZE)
            CHECK_INT(read_answer_copy(longer, length), -1);
    }
    CHECK_INT(read_answer_copy(answer_bytes, ANSWER_SIZE), 0);
    CHECK_BYTES(laptop.send_key, server.receive_key, AEAD_KEY);
    CHECK_BYTES(laptop.receive_key, server.send_key, AEAD_KEY);
    CHECK_INT(read_answer_copy(answer_bytes, ANSWER_SIZE), -1); // once
}

// The answer to another offer, the server's with another key, and our own offer sent back.
static void answers_of_others(void) {
    struct noise other;
    struct session session;
    struct offer read;
    uint8_t other_offer[OFFER_SIZE];
    uint8_t other_answer[OFFER_SIZE];
    CHECK(shake());
    laptop_ephemeral[0] ^= 8;
    offer_write(&other, key, laptop_ephemeral, &offer, other_offer);
    CHECK_INT(offer_read(&other, key, other_offer, OFFER_SIZE, &read), 0);
    CHECK_INT(answer_write(&other, server_ephemeral, &first_answer, &session, other_answer),
              ANSWER_SIZE);
    CHECK_INT(read_answer_copy(other_answer, ANSWER_SIZE), -1);
    uint8_t good[OFFER_SIZE];
    memcpy(good, offer_bytes, OFFER_SIZE);
    key[5] ^= 1;
    noise_init(&other, true, key, "tether 1", 8);
    offer_write(&other, key, laptop_ephemeral, &offer, other_offer);
    CHECK_INT(offer_read(&other, key, other_offer, OFFER_SIZE, &read), 0);
    CHECK_INT(answer_write(&other, server_ephemeral, &first_answer, &session, other_answer),
              ANSWER_SIZE);
    CHECK_INT(read_answer_copy(other_answer, ANSWER_SIZE), -1);
    CHECK_INT(read_answer_copy(good, OFFER_SIZE), -1);
    CHECK_INT(read_answer_copy(answer_bytes, ANSWER_SIZE), 0);
}

static void keys_of_each_handshake(void) {
    struct session first;
    CHECK(shake());
    first = server;
    struct offer read;
    server_ephemeral[3] ^= 1;
    CHECK_INT(offer_read(&server_noise, key, offer_bytes, OFFER_SIZE, &read), 0);
    CHECK_INT(answer_write(&server_noise, server_ephemeral, &first_answer, &server, answer_bytes),
              ANSWER_SIZE);
    CHECK(test_difference(first.send_key, server.send_key, AEAD_KEY) < AEAD_KEY);
    CHECK(test_difference(first.receive_key, server.receive_key, AEAD_KEY) < AEAD_KEY);
    CHECK(test_difference(server.receive_key, server.send_key, AEAD_KEY) < AEAD_KEY);
}

static void refusals(void) {
    static const struct {
        enum refusal reason;
        const char *message;
        const char *refusal;
    } cases[] = {
        {REFUSAL_WRONG_KEY, "01 a0a1a2a3a4a5a6a7a8a9", "04 01 a0a1a2a3a4a5a6a7"},
        {REFUSAL_WRONG_KEY, "01 a0a1a2a3a4a5a6a7", "04 01 a0a1a2a3a4a5a6a7"},
        {REFUSAL_WRONG_KEY, "01 a0a1a2a3a4a5a6", "04 01 0000000000000000"},
        {REFUSAL_WRONG_KEY, "01", "04 01 0000000000000000"},
        {REFUSAL_UNKNOWN, "03 11223344 0000000000000001 ff", "04 02 1122334400000000"},
        {REFUSAL_UNKNOWN, "03 11223344", "04 02 1122334400000000"},
        {REFUSAL_UNKNOWN, "03 112233", "04 02 0000000000000000"},
        {REFUSAL_KEYED, "45 0000140000000000000000", "04 03 0000000000000000"},
        {REFUSAL_KEYED, "45", "04 03 0000000000000000"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t message[32];
        uint8_t expected[REFUSAL_SIZE];
        uint8_t out[REFUSAL_SIZE];
        size_t length = test_hex(message, sizeof message, cases[i].message);
        CHECK_INT(test_hex(expected, sizeof expected, cases[i].refusal), REFUSAL_SIZE);
        uint8_t *copy = test_copy(message, length);
        refusal_write(out, cases[i].reason, copy, length);
        free(copy);
        test_row("%s", cases[i].message);
        CHECK_BYTES(out, expected, REFUSAL_SIZE);
    }
}

int main(void) {
    TEST("offer, answer and keys are what another program computed", known_bytes);
    TEST("an offer's payload comes through", what_an_offer_says);
    TEST("flags of offer and answer come through", flags_of_both);
    TEST("an offer in which any bit is wrong, or the key's, is not read", offers_changed);
    TEST("an offer that was cut, or has something behind it, is not read", offers_cut);
    TEST("an offer may say more than we know, and not less", offers_grown);
    TEST("who has another prologue is a stranger", another_prologue);
    TEST("an offer with a key of low order is not answered", low_order_keys);
    TEST("an answer in which any bit is wrong is not read, and the right one still is",
         answers_changed);
    TEST("another's answer is not read, and the right one still is", answers_of_others);
    TEST("each handshake has keys of its own", keys_of_each_handshake);
    TEST("a refusal says what is refused, as far as there is anything to say", refusals);
    return test_end();
}
