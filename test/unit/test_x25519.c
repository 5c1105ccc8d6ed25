// SPDX-License-Identifier: ISC
// X25519 against RFC 7748, and what has to hold whatever the numbers are.
#include "crypto/x25519.h"

#include "test.h"

static void from_hex(uint8_t out[X25519_SIZE], const char *hex) {
    if (test_hex(out, X25519_SIZE, hex) != X25519_SIZE)
        exit(2);
}

// RFC 7748 section 5.2.
static const struct {
    const char *scalar, *point, *out;
} vectors[] = {
    {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
     "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
     "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
    {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
     "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
     "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
};

static void rfc7748_vectors(void) {
    for (size_t i = 0; i < COUNT(vectors); i++) {
        uint8_t scalar[X25519_SIZE], point[X25519_SIZE], expected[X25519_SIZE], out[X25519_SIZE];
        test_row("vector %lu", (unsigned long)i);
        from_hex(scalar, vectors[i].scalar);
        from_hex(point, vectors[i].point);
        from_hex(expected, vectors[i].out);
        CHECK(x25519(out, scalar, point));
        CHECK_BYTES(out, expected, X25519_SIZE);
    }
}

// The same section: k = u = 9, and again and again k = X25519(k, u) and u = the k before.
static void iterations(void) {
    uint8_t k[X25519_SIZE] = {9}, u[X25519_SIZE] = {9}, expected[X25519_SIZE];
    for (int i = 1; i <= 1000; i++) {
        uint8_t next[X25519_SIZE];
        CHECK(x25519(next, k, u));
        memcpy(u, k, sizeof u);
        memcpy(k, next, sizeof k);
        if (i == 1) {
            from_hex(expected, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
            CHECK_BYTES(k, expected, X25519_SIZE);
        }
    }
    from_hex(expected, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
    CHECK_BYTES(k, expected, X25519_SIZE);
}

// Section 6.1.
static void diffie_hellman(void) {
    uint8_t alice[X25519_SIZE], bob[X25519_SIZE], alice_public[X25519_SIZE];
    uint8_t bob_public[X25519_SIZE], expected[X25519_SIZE], shared[X25519_SIZE];
    from_hex(alice, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    from_hex(bob, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    x25519_public(alice_public, alice);
    x25519_public(bob_public, bob);
    from_hex(expected, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    CHECK_BYTES(alice_public, expected, X25519_SIZE);
    from_hex(expected, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    CHECK_BYTES(bob_public, expected, X25519_SIZE);
    from_hex(expected, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    CHECK(x25519(shared, alice, bob_public));
    CHECK_BYTES(shared, expected, X25519_SIZE);
    CHECK(x25519(shared, bob, alice_public));
    CHECK_BYTES(shared, expected, X25519_SIZE);
}

static void both_agree(void) {
    for (int i = 0; i < 30; i++) {
        uint8_t a[X25519_SIZE], b[X25519_SIZE], a_public[X25519_SIZE], b_public[X25519_SIZE];
        uint8_t a_shared[X25519_SIZE], b_shared[X25519_SIZE];
        test_random_bytes(a, sizeof a);
        test_random_bytes(b, sizeof b);
        x25519_public(a_public, a);
        x25519_public(b_public, b);
        CHECK(x25519(a_shared, a, b_public));
        CHECK(x25519(b_shared, b, a_public));
        CHECK_BYTES(a_shared, b_shared, X25519_SIZE);
    }
}

// Section 5: the clamped bits of a private number, and the top bit of a coordinate, do not count.
static void ignored_bits(void) {
    static const int clamped[] = {0, 1, 2, 254, 255};
    for (size_t i = 0; i < COUNT(clamped); i++) {
        uint8_t scalar[X25519_SIZE], point[X25519_SIZE], out[X25519_SIZE], again[X25519_SIZE];
        test_random_bytes(scalar, sizeof scalar);
        test_random_bytes(point, sizeof point);
        CHECK(x25519(out, scalar, point));
        scalar[clamped[i] / 8] ^= (uint8_t)(1 << clamped[i] % 8);
        point[31] ^= 0x80;
        CHECK(x25519(again, scalar, point));
        CHECK_BYTES(again, out, X25519_SIZE);
    }
}

// Numbers from p to 2^255 - 1 stand for those from 0 to 18 (p is 2^255 - 19).
static void beyond_p(void) {
    for (uint8_t small = 2; small < 19; small++) {
        uint8_t scalar[X25519_SIZE], out[X25519_SIZE], again[X25519_SIZE];
        uint8_t point[X25519_SIZE] = {small};
        test_row("%d", small);
        test_random_bytes(scalar, sizeof scalar);
        CHECK(x25519(out, scalar, point));
        memset(point, 0xff, sizeof point);
        point[0] = (uint8_t)(0xed + small);
        point[31] = 0x7f;
        CHECK(x25519(again, scalar, point));
        CHECK_BYTES(again, out, X25519_SIZE);
    }
}

// Points of low order, whose product with any private number is zero, after
// https://cr.yp.to/ecdh.html#validate: 0, 1, two of order 8, p - 1, p and p + 1.
static const char *const low_orders[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void low_order_points(void) {
    static const uint8_t zero[X25519_SIZE];
    for (size_t i = 0; i < 2 * COUNT(low_orders); i++) {
        uint8_t scalar[X25519_SIZE], point[X25519_SIZE], out[X25519_SIZE];
        test_row("%s", low_orders[i / 2]);
        from_hex(point, low_orders[i / 2]);
        point[31] |= (uint8_t)(i % 2 << 7);
        test_random_bytes(scalar, sizeof scalar);
        CHECK(!x25519(out, scalar, point));
        CHECK_BYTES(out, zero, X25519_SIZE);
    }
}

// Whatever order a caller keeps its keys in: the result may go where an argument stands.
static void in_place(void) {
    uint8_t scalar[X25519_SIZE], point[X25519_SIZE], expected[X25519_SIZE], bytes[X25519_SIZE];
    test_random_bytes(scalar, sizeof scalar);
    test_random_bytes(point, sizeof point);
    CHECK(x25519(expected, scalar, point));
    memcpy(bytes, scalar, sizeof bytes);
    CHECK(x25519(bytes, bytes, point));
    CHECK_BYTES(bytes, expected, X25519_SIZE);
    memcpy(bytes, point, sizeof bytes);
    CHECK(x25519(bytes, scalar, bytes));
    CHECK_BYTES(bytes, expected, X25519_SIZE);
}

int main(void) {
    TEST("X25519 gives the RFC's products", rfc7748_vectors);
    TEST("X25519 gives what the RFC says after 1 and after 1000 iterations", iterations);
    TEST("Alice and Bob of the RFC get their public keys and their secret", diffie_hellman);
    TEST("any two parties get the same secret", both_agree);
    TEST("bits that do not count do not count", ignored_bits);
    TEST("a coordinate that is not below p means the same as the one that is", beyond_p);
    TEST("points of low order give zero, and are refused", low_order_points);
    TEST("the secret may be written over either argument", in_place);
    return test_end();
}
