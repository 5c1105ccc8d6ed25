// SPDX-License-Identifier: ISC
// ChaCha20 against RFC 8439, and all ways through it against a plain one of the test's own.
#include "crypto/chacha20.h"

#include "crypto/chacha20_blocks.h"
#include "rfc8439.h"
#include "test.h"

struct parameters {
    uint8_t key[CHACHA20_KEY];
    uint8_t nonce[CHACHA20_NONCE];
};

static struct parameters from_hex(const char *key, const char *nonce) {
    struct parameters parameters;
    if (test_hex(parameters.key, sizeof parameters.key, key) != CHACHA20_KEY ||
        test_hex(parameters.nonce, sizeof parameters.nonce, nonce) != CHACHA20_NONCE)
        exit(2);
    return parameters;
}

static struct parameters random_parameters(void) {
    struct parameters parameters;
    test_random_bytes(parameters.key, sizeof parameters.key);
    test_random_bytes(parameters.nonce, sizeof parameters.nonce);
    return parameters;
}

// RFC 8439 section 2.3.2 and appendix A.1: a block of key stream. (A.2 #1 is A.1 #1 again.)
static const struct {
    const char *source, *key, *nonce;
    uint32_t counter;
    const char *stream;
} blocks[] = {
    {"2.3.2", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "000000090000004a00000000", 1,
     "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
     "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"},
    {"A.1 #1", "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", 0,
     "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
     "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"},
    {"A.1 #2", "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", 1,
     "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
     "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"},
    {"A.1 #3", "0000000000000000000000000000000000000000000000000000000000000001",
     "000000000000000000000000", 1,
     "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
     "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0"},
    {"A.1 #4", "00ff000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", 2,
     "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
     "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096"},
    {"A.1 #5", "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000002", 0,
     "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7"
     "8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d"},
};

static void block_vectors(void) {
    for (size_t i = 0; i < COUNT(blocks); i++) {
        struct parameters p = from_hex(blocks[i].key, blocks[i].nonce);
        uint8_t bytes[CHACHA20_BLOCK] = {0}, expected[CHACHA20_BLOCK];
        test_row("%s", blocks[i].source);
        CHECK_INT(test_hex(expected, sizeof expected, blocks[i].stream), CHACHA20_BLOCK);
        chacha20_xor(bytes, sizeof bytes, p.key, p.nonce, blocks[i].counter);
        CHECK_BYTES(bytes, expected, sizeof bytes);
    }
}

// Section 2.4.2 and appendix A.2: texts.
static const struct {
    const char *source, *key, *nonce;
    uint32_t counter;
    const char *text, *encrypted;
} texts[] = {
    {"2.4.2", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "000000000000004a00000000", 1, SUNSCREEN,
     "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b"
     "f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
     "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
     "5af90bbf74a35be6b40b8eedf2785e42874d"},
    {"A.2 #2", "0000000000000000000000000000000000000000000000000000000000000001",
     "000000000000000000000002", 1, SUBMISSION,
     "a3fbf07df3fa2fde4f376ca23e82737041605d9f4f4f57bd8cff2c1d4b7955ec"
     "2a97948bd3722915c8f3d337f7d370050e9e96d647b7c39f56e031ca5eb6250d"
     "4042e02785ececfa4b4bb5e8ead0440e20b6e8db09d881a7c6132f420e527950"
     "42bdfa7773d8a9051447b3291ce1411c680465552aa6c405b7764d5e87bea85a"
     "d00f8449ed8f72d0d662ab052691ca66424bc86d2df80ea41f43abf937d3259d"
     "c4b2d0dfb48a6c9139ddd7f76966e928e635553ba76c5c879d7b35d49eb2e62b"
     "0871cdac638939e25e8a1e0ef9d5280fa8ca328b351c3c765989cbcf3daa8b6c"
     "cc3aaf9f3979c92b3720fc88dc95ed84a1be059c6499b9fda236e7e818b04b0b"
     "c39c1e876b193bfe5569753f88128cc08aaa9b63d1a16f80ef2554d7189c411f"
     "5869ca52c5b83fa36ff216b9c1d30062bebcfd2dc5bce0911934fda79a86f6e6"
     "98ced759c3ff9b6477338f3da4f9cd8514ea9982ccafb341b2384dd902f3d1ab"
     "7ac61dd29c6f21ba5b862f3730e37cfdc4fd806c22f221"},
    {"A.2 #3", "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
     "000000000000000000000002", 42, JABBERWOCKY,
     "62e6347f95ed87a45ffae7426f27a1df5fb69110044c0d73118effa95b01e5cf"
     "166d3df2d721caf9b21e5fb14c616871fd84c54f9d65b283196c7fe4f60553eb"
     "f39c6402c42234e32a356b3e764312a61a5532055716ead6962568f87d3f3f77"
     "04c6a8d1bcd1bf4d50d6154b6da731b187b58dfd728afa36757a797ac188d1"},
};

static void text_vectors(void) {
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct parameters p = from_hex(texts[i].key, texts[i].nonce);
        uint8_t expected[512];
        size_t length = strlen(texts[i].text);
        uint8_t *bytes = test_copy(texts[i].text, length);
        test_row("%s", texts[i].source);
        CHECK_INT(test_hex(expected, sizeof expected, texts[i].encrypted), length);
        chacha20_xor(bytes, length, p.key, p.nonce, texts[i].counter);
        CHECK_BYTES(bytes, expected, length);
        chacha20_xor(bytes, length, p.key, p.nonce, texts[i].counter);
        CHECK_BYTES(bytes, texts[i].text, length);
        free(bytes);
    }
}

// Section 2.3 once more, in the plainest way.
static void quarter_round(uint32_t s[16], int a, int b, int c, int d) {
    s[a] += s[b], s[d] ^= s[a], s[d] = s[d] << 16 | s[d] >> 16;
    s[c] += s[d], s[b] ^= s[c], s[b] = s[b] << 12 | s[b] >> 20;
    s[a] += s[b], s[d] ^= s[a], s[d] = s[d] << 8 | s[d] >> 24;
    s[c] += s[d], s[b] ^= s[c], s[b] = s[b] << 7 | s[b] >> 25;
}

static void make_state(uint32_t state[16], const struct parameters *p, uint32_t counter) {
    uint8_t bytes[64];
    memcpy(bytes, "expand 32-byte k", 16);
    memcpy(bytes + 16, p->key, sizeof p->key);
    memcpy(bytes + 52, p->nonce, sizeof p->nonce);
    for (int i = 0; i < 16; i++)
        state[i] = (uint32_t)bytes[4 * i + 3] << 24 | (uint32_t)bytes[4 * i + 2] << 16 |
                   (uint32_t)bytes[4 * i + 1] << 8 | bytes[4 * i];
    state[12] = counter;
}

static void plain_xor(uint8_t *bytes, size_t length, const struct parameters *p, uint32_t counter) {
    uint32_t first[16], s[16];
    for (size_t at = 0; at < length; at++) {
        if (at % 64 == 0) {
            make_state(first, p, counter++);
            memcpy(s, first, sizeof s);
            for (int i = 0; i < 80; i++) {
                int diagonal = i / 4 % 2, column = i % 4;
                quarter_round(s, column, 4 + (column + diagonal) % 4,
                              8 + (column + 2 * diagonal) % 4, 12 + (column + 3 * diagonal) % 4);
            }
        }
        size_t word = at % 64 / 4;
        bytes[at] ^= (uint8_t)((s[word] + first[word]) >> (8 * (at % 4)));
    }
}

static void every_length(void) {
    for (size_t length = 0; length <= 2200; length++) {
        struct parameters p = random_parameters();
        uint32_t counter = (uint32_t)test_random();
        uint8_t expected[2200], text[2200] = {0};
        test_row("%lu bytes", (unsigned long)length);
        test_random_bytes(text, length);
        memcpy(expected, text, sizeof expected);
        plain_xor(expected, length, &p, counter);
        uint8_t *bytes = test_copy(text, length);
        chacha20_xor(bytes, length, p.key, p.nonce, counter);
        CHECK_BYTES(bytes, expected, length);
        free(bytes);
    }
}

// Each of the block functions, at every alignment, for two strides: with the counter going on in
// the state, and over the end of its 32 bits.
static void check_stride(void (*xor_blocks)(uint8_t *, uint32_t *), uint32_t count) {
    static const uint32_t counters[] = {0, 1, 0x7fffffff, 0xfffffff0, 0xfffffffe, 0xffffffff};
    size_t length = 2 * count * CHACHA20_BLOCK;
    for (uint32_t i = 0; i < 64 * COUNT(counters); i++) {
        static uint8_t bytes[2048 + 128], expected[2048 + 128];
        struct parameters p = random_parameters();
        uint32_t counter = counters[i / 64], state[16], after[16];
        uint8_t *at = bytes + i % 64;
        test_row("%lu blocks from %lu on, alignment %lu", (unsigned long)count,
                 (unsigned long)counter, (unsigned long)i % 64);
        test_random_bytes(bytes, sizeof bytes);
        memcpy(expected, bytes, sizeof bytes);
        plain_xor(expected + i % 64, length, &p, counter);
        make_state(state, &p, counter);
        make_state(after, &p, counter + 2 * count);
        xor_blocks(at, state);
        xor_blocks(at + length / 2, state);
        CHECK_BYTES(bytes, expected, sizeof bytes);
        CHECK_BYTES(state, after, sizeof state);
    }
}

static void one_block(void) { check_stride(chacha20_xor_1, 1); }

static void four_blocks(void) { check_stride(chacha20_xor_4, 4); }

#if CRYPTO_MAY_HAVE_AVX2
static void eight_blocks(void) { check_stride(chacha20_xor_8, 8); }

static void sixteen_blocks(void) { check_stride(chacha20_xor_16, 16); }
#endif

// A text in pieces of whole blocks, the counter going on from piece to piece, is the text in one
// piece.
static void in_pieces(void) {
    static uint8_t whole[16384], pieces[16384];
    for (size_t blocks_each = 1; blocks_each <= 20; blocks_each++) {
        struct parameters p = random_parameters();
        size_t piece = blocks_each * CHACHA20_BLOCK;
        test_row("%lu blocks each", (unsigned long)blocks_each);
        test_random_bytes(whole, sizeof whole);
        memcpy(pieces, whole, sizeof pieces);
        chacha20_xor(whole, sizeof whole, p.key, p.nonce, 7);
        for (size_t at = 0; at < sizeof pieces; at += piece) {
            size_t left = sizeof pieces - at;
            chacha20_xor(pieces + at, left < piece ? left : piece, p.key, p.nonce,
                         (uint32_t)(7 + at / CHACHA20_BLOCK));
        }
        CHECK_BYTES(pieces, whole, sizeof whole);
    }
}

int main(void) {
    TEST("ChaCha20 gives the RFC's blocks of key stream", block_vectors);
    TEST("ChaCha20 encrypts and decrypts the RFC's texts", text_vectors);
    TEST("ChaCha20 of every length up to 2200 bytes is what the test's own gives", every_length);
    TEST("one block at a time is right at every alignment, and counts", one_block);
    TEST("four blocks at a time are right at every alignment, and count", four_blocks);
#if CRYPTO_MAY_HAVE_AVX2
    if (__builtin_cpu_supports("avx2"))
        TEST("eight blocks at a time are right at every alignment, and count", eight_blocks);
    if (__builtin_cpu_supports("avx512f"))
        TEST("sixteen blocks at a time are right at every alignment, and count", sixteen_blocks);
#endif
    TEST("a text in pieces is the text in one piece", in_pieces);
    return test_end();
}
