// SPDX-License-Identifier: ISC
// ChaCha20-Poly1305 against RFC 8439, and what must be refused.
#include "crypto/aead.h"

#include "rfc8439.h"
#include "test.h"

// RFC 8439 section 2.8.2 and appendix A.5.
static const struct {
    const char *source, *key, *nonce, *data, *text, *sealed;
} vectors[] = {
    {"2.8.2", "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7", SUNSCREEN,
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b6116"
     "1ae10b594f09e26a7e902ecbd0600691"},
    {"A.5", "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
     "000000000102030405060708", "f33388860000000000004e91",
     "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "
     "replaced, or obsoleted by other documents at any time. It is inappropriate to use Internet"
     "-Drafts as reference material or to cite them other than as "
     "/\xe2\x80\x9cwork in progress./\xe2\x80\x9d",
     "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
     "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
     "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
     "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
     "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
     "af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
     "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
     "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
     "a6ad5cb4022b02709b"
     "eead9d67890cbb22392336fea1851f38"},
};

#define DATA 12

struct sample {
    uint8_t key[AEAD_KEY], nonce[AEAD_NONCE], data[DATA];
    uint8_t text[512], sealed[512];
    size_t length; // of what is sealed
};

static void read_vector(struct sample *sample, size_t i) {
    test_row("%s", vectors[i].source);
    sample->length = test_hex(sample->sealed, sizeof sample->sealed, vectors[i].sealed);
    memcpy(sample->text, vectors[i].text, strlen(vectors[i].text));
    if (test_hex(sample->key, AEAD_KEY, vectors[i].key) != AEAD_KEY ||
        test_hex(sample->nonce, AEAD_NONCE, vectors[i].nonce) != AEAD_NONCE ||
        test_hex(sample->data, DATA, vectors[i].data) != DATA ||
        strlen(vectors[i].text) + AEAD_TAG != sample->length)
        exit(2);
}

static void rfc8439_vectors(void) {
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct sample s;
        read_vector(&s, i);
        uint8_t *bytes = test_copy(s.text, s.length);
        aead_seal(bytes, s.length - AEAD_TAG, s.key, s.nonce, s.data, DATA);
        CHECK_BYTES(bytes, s.sealed, s.length);
        CHECK(aead_open(bytes, s.length, s.key, s.nonce, s.data, DATA));
        CHECK_BYTES(bytes, s.text, s.length - AEAD_TAG);
        free(bytes);
    }
}

// Turns one bit at a time, expects a refusal that leaves the bytes as they were, and turns it back.
static void check_bits(struct sample *s, uint8_t *turned, size_t length) {
    uint8_t before[512];
    for (size_t bit = 0; bit < 8 * length; bit++) {
        turned[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memcpy(before, s->sealed, s->length);
        CHECK(!aead_open(s->sealed, s->length, s->key, s->nonce, s->data, DATA));
        CHECK_BYTES(s->sealed, before, s->length);
        turned[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void turned_bits(void) {
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct sample s;
        read_vector(&s, i);
        check_bits(&s, s.sealed, s.length);
        check_bits(&s, s.key, sizeof s.key);
        check_bits(&s, s.nonce, sizeof s.nonce);
        check_bits(&s, s.data, sizeof s.data);
        CHECK(aead_open(s.sealed, s.length, s.key, s.nonce, s.data, DATA));
    }
}

// What is cut off at either end, or what was data and becomes text, does not fit the tag.
static void other_lengths(void) {
    struct sample s;
    uint8_t before[512];
    read_vector(&s, 0);
    memcpy(before, s.sealed, s.length);
    for (size_t length = 0; length < s.length; length++) {
        uint8_t *bytes = test_copy(s.sealed, length);
        CHECK(!aead_open(bytes, length, s.key, s.nonce, s.data, DATA));
        CHECK_BYTES(bytes, before, length);
        free(bytes);
        bytes = test_copy(s.sealed + s.length - length, length);
        CHECK(!aead_open(bytes, length, s.key, s.nonce, s.data, DATA));
        free(bytes);
    }
    for (size_t length = 0; length < DATA; length++)
        CHECK(!aead_open(s.sealed, s.length, s.key, s.nonce, s.data, length));
    CHECK_BYTES(s.sealed, before, s.length);
}

static void every_length(void) {
    uint8_t key[AEAD_KEY], nonce[AEAD_NONCE], text[700], data[40];
    test_random_bytes(key, sizeof key);
    test_random_bytes(nonce, sizeof nonce);
    test_random_bytes(text, sizeof text);
    test_random_bytes(data, sizeof data);
    for (size_t length = 0; length + AEAD_TAG <= sizeof text; length++) {
        size_t data_length = length % (sizeof data + 1);
        const uint8_t *some = data_length > 0 ? data : NULL;
        uint8_t *bytes = test_copy(text, length + AEAD_TAG);
        test_row("%lu bytes and %lu of data", (unsigned long)length, (unsigned long)data_length);
        aead_seal(bytes, length, key, nonce, some, data_length);
        uint8_t *out = test_copy(bytes, length);
        memset(out, 0xa5, length); // what is opened is not there yet
        CHECK(aead_open_into(out, bytes, length + AEAD_TAG, key, nonce, some, data_length));
        CHECK_BYTES(out, text, length);
        CHECK(aead_open(bytes, length + AEAD_TAG, key, nonce, some, data_length));
        CHECK_BYTES(bytes, text, length);
        free(bytes);
        free(out);
    }
}

// Opened to another place, which may overlap on either side; what is refused writes nothing there.
static void to_another_place(void) {
    struct sample s;
    read_vector(&s, 1);
    for (size_t shift = 0; shift <= 64; shift++) {
        uint8_t bytes[640];
        memcpy(bytes + 32, s.sealed, s.length);
        CHECK(aead_open_into(bytes + shift, bytes + 32, s.length, s.key, s.nonce, s.data, DATA));
        CHECK_BYTES(bytes + shift, s.text, s.length - AEAD_TAG);
    }
    uint8_t *out = test_copy(s.text, s.length - AEAD_TAG);
    memset(out, 0xa5, s.length - AEAD_TAG);
    s.sealed[3] ^= 1;
    CHECK(!aead_open_into(out, s.sealed, s.length, s.key, s.nonce, s.data, DATA));
    for (size_t i = 0; i < s.length - AEAD_TAG; i++) CHECK_INT(out[i], 0xa5);
    free(out);
}

int main(void) {
    TEST("sealing and opening the RFC's messages gives what the RFC says", rfc8439_vectors);
    TEST("one bit turned, in message, tag, key, nonce or data, is refused and nothing decrypted",
         turned_bits);
    TEST("a message cut off, or less data, is refused", other_lengths);
    TEST("what was sealed opens again, for every length of message and data", every_length);
    TEST("a message opens to another place, also an overlapping one", to_another_place);
    return test_end();
}
