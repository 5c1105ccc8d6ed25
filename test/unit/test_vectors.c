// SPDX-License-Identifier: ISC
// Every case of the published vectors, where their files are at hand: in the folder that
// TETHER_VECTORS names, or in ../shared/vectors. They are tables, one case a line (Project
// Wycheproof's, turned into columns), or one block of named lines a case (Noise); values are
// hexadecimal, "-" is an empty one, "#" begins a comment. Without the files, only the reader of
// lines is tested: the other tests have the RFCs' vectors in themselves.
#include "crypto/aead.h"
#include "crypto/hkdf.h"
#include "crypto/noise.h"
#include "crypto/x25519.h"
#include "test.h"

#define LINE_MAX_BYTES  40000
#define FIELDS_MAX      8
#define FIELD_MAX_BYTES 16384

// Cuts a line at its spaces. Returns the number of fields, which is 0 for a comment or an empty
// line, or -1 where there are too many.
static int split_fields(char *line, char *fields[FIELDS_MAX]) {
    int count = 0;
    char *rest = line;
    line[strcspn(line, "#\r\n")] = '\0';
    for (;;) {
        char *field = strtok_r(rest, " \t", &rest);
        if (field == NULL)
            return count;
        if (count == FIELDS_MAX)
            return -1;
        fields[count++] = field;
    }
}

static int digit_value(char digit) {
    static const char digits[] = "0123456789abcdef";
    const char *found = digit != '\0' ? strchr(digits, digit) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

// Reads a field's bytes into memory of exactly their size, so that an address sanitizer sees a read
// beyond it; the caller frees it. Exits where it is no hexadecimal number.
static uint8_t *read_bytes(const char *field, size_t *length) {
    static uint8_t bytes[FIELD_MAX_BYTES];
    *length = 0;
    if (strcmp(field, "-") == 0)
        return test_copy(bytes, 0);
    for (size_t i = 0; field[i] != '\0'; i += 2) {
        int high = digit_value(field[i]), low = high < 0 ? -1 : digit_value(field[i + 1]);
        if (low < 0 || *length == sizeof bytes) {
            fprintf(stderr, "not a value: %s\n", field);
            exit(2);
        }
        bytes[(*length)++] = (uint8_t)(high << 4 | low);
    }
    return test_copy(bytes, *length);
}

struct value {
    uint8_t *bytes;
    size_t length;
};

// What is known of a case: its number, whether it is valid, and its values.
struct row {
    bool is_valid, is_acceptable;
    struct value values[FIELDS_MAX];
    char *fields[FIELDS_MAX];
};

static FILE *open_vectors(const char *name) {
    char path[4096];
    const char *folder = getenv("TETHER_VECTORS");
    snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : "../shared/vectors", name);
    return fopen(path, "r");
}

// The next line that says something, cut at its spaces. Returns the number of its fields, 0 at the
// end of the file, or -1 where a line is too long or has too many fields.
static int next_line(FILE *file, char *fields[FIELDS_MAX]) {
    static char line[LINE_MAX_BYTES];
    int count = 0;
    while (count == 0) {
        if (fgets(line, sizeof line, file) == NULL)
            return 0;
        if (strlen(line) == sizeof line - 1)
            return -1;
        count = split_fields(line, fields);
    }
    return count;
}

static void reads_lines(void) {
    static const uint8_t expected[] = {0x00, 0x9f, 0xa0, 0xff};
    char *fields[FIELDS_MAX];
    char comment[] = "# tcId result\n", empty[] = "\n", many[] = "1 2 3 4 5 6 7 8 9\n";
    char line[] = "12 valid - 009fa0ff  # said so\r\n";
    size_t length;
    CHECK_INT(split_fields(comment, fields), 0);
    CHECK_INT(split_fields(empty, fields), 0);
    CHECK_INT(split_fields(many, fields), -1);
    CHECK_INT(split_fields(line, fields), 4);
    CHECK_TEXT(fields[0], "12");
    CHECK_TEXT(fields[1], "valid");
    free(read_bytes(fields[2], &length));
    CHECK_INT(length, 0);
    uint8_t *bytes = read_bytes(fields[3], &length);
    CHECK_INT(length, sizeof expected);
    CHECK_BYTES(bytes, expected, sizeof expected);
    free(bytes);
}

// Goes through a table whose lines have a number, a result, and `values` values, but for one that
// is a plain number, at `number` (-1 for none).
static void each_row(const char *name, int values, int number, void (*check)(const struct row *)) {
    FILE *file = open_vectors(name);
    struct row row;
    int fields, rows = 0;
    CHECK(file != NULL);
    while ((fields = next_line(file, row.fields)) != 0) {
        CHECK_INT(fields, values + 2);
        test_row("%s, case %s", name, row.fields[0]);
        row.is_valid = strcmp(row.fields[1], "valid") == 0;
        row.is_acceptable = strcmp(row.fields[1], "acceptable") == 0;
        for (int i = 0; i < values; i++)
            row.values[i].bytes =
                i == number ? NULL : read_bytes(row.fields[i + 2], &row.values[i].length);
        if (!test_state.failed)
            check(&row);
        for (int i = 0; i < values; i++) free(row.values[i].bytes);
        rows++;
    }
    fclose(file);
    test_row("%s", name);
    CHECK(rows > 0);
}

// Text and tag in one piece.
static uint8_t *join(const struct value *text, const struct value *tag) {
    uint8_t *joined = calloc(text->length + tag->length, 1);
    if (joined == NULL)
        exit(2);
    for (size_t i = 0; i < text->length + tag->length; i++)
        joined[i] = i < text->length ? text->bytes[i] : tag->bytes[i - text->length];
    return joined;
}

// key, nonce, data, text, encrypted text, tag. Nonces of other lengths do not exist for us.
static void check_aead(const struct row *row) {
    const struct value *v = row->values;
    if (v[1].length != AEAD_NONCE)
        return;
    CHECK_INT(v[0].length, AEAD_KEY);
    CHECK_INT(v[4].length, v[3].length);
    CHECK_INT(v[5].length, AEAD_TAG);
    size_t length = v[3].length + AEAD_TAG;
    uint8_t *expected = join(&v[4], &v[5]), *bytes = join(&v[3], &v[5]);
    aead_seal(bytes, v[3].length, v[0].bytes, v[1].bytes, v[2].bytes, v[2].length);
    CHECK_INT(memcmp(bytes, expected, length) == 0, row->is_valid);
    CHECK_INT(
        aead_open_into(bytes, expected, length, v[0].bytes, v[1].bytes, v[2].bytes, v[2].length),
        row->is_valid);
    if (row->is_valid)
        CHECK_BYTES(bytes, v[3].bytes, v[3].length);
    free(expected);
    free(bytes);
}

// public key, private key, shared secret. What is acceptable may be refused where it is zero.
static void check_x25519(const struct row *row) {
    static const uint8_t zero[X25519_SIZE];
    const struct value *v = row->values;
    uint8_t shared[X25519_SIZE];
    for (int i = 0; i < 3; i++) CHECK_INT(v[i].length, X25519_SIZE);
    bool is_zero = memcmp(v[2].bytes, zero, sizeof zero) == 0;
    CHECK(row->is_valid || row->is_acceptable);
    CHECK(!row->is_valid || !is_zero);
    CHECK_INT(x25519(shared, v[1].bytes, v[0].bytes), !is_zero);
    CHECK_BYTES(shared, v[2].bytes, X25519_SIZE);
}

// secret, salt, information, size, key material
static void check_hkdf(const struct row *row) {
    const struct value *v = row->values;
    size_t size = (size_t)strtoul(row->fields[2 + 3], NULL, 10);
    uint8_t *out = calloc(size, 1);
    CHECK(out != NULL);
    CHECK_INT(
        hkdf(out, size, v[1].bytes, v[1].length, v[0].bytes, v[0].length, v[2].bytes, v[2].length),
        row->is_valid ? 0 : -1);
    if (row->is_valid) {
        CHECK_INT(v[4].length, size);
        CHECK_BYTES(out, v[4].bytes, size);
    }
    free(out);
}

// key, message, tag, which may be cut off
static void check_hmac(const struct row *row) {
    const struct value *v = row->values;
    struct hmac hmac;
    uint8_t tag[SHA256_SIZE];
    CHECK(v[2].length > 0 && v[2].length <= sizeof tag);
    hmac_init(&hmac, v[0].bytes, v[0].length);
    hmac_add(&hmac, v[1].bytes, v[1].length);
    hmac_end(&hmac, tag);
    CHECK_INT(memcmp(tag, v[2].bytes, v[2].length) == 0, row->is_valid);
}

static void aead_cases(void) { each_row("chacha20_poly1305.txt", 6, -1, check_aead); }

static void x25519_cases(void) { each_row("x25519.txt", 3, -1, check_x25519); }

static void hkdf_cases(void) { each_row("hkdf_sha256.txt", 5, 3, check_hkdf); }

static void hmac_cases(void) { each_row("hmac_sha256.txt", 3, -1, check_hmac); }

// A run of the handshake and of what follows it, initiator first.
struct run {
    struct noise parties[2];
    uint8_t prologues[2][64], ephemerals[2][32], psk[NOISE_KEY], hash[32];
    size_t prologue_lengths[2];
    uint8_t send_keys[2][NOISE_KEY], receive_keys[2][NOISE_KEY];
    size_t messages;
};

static void check_handshake_message(struct run *run, const struct value *payload,
                                    const struct value *message) {
    struct noise *writer = &run->parties[run->messages], *reader = &run->parties[1 - run->messages];
    uint8_t *written = test_copy(message->bytes, message->length);
    uint8_t *read = test_copy(payload->bytes, payload->length);
    memset(written, 0, message->length);
    memset(read, 0, payload->length);
    CHECK_INT(message->length, payload->length + NOISE_OVERHEAD);
    CHECK_INT(noise_write(writer, run->ephemerals[run->messages], payload->bytes, payload->length,
                          written),
              message->length);
    CHECK_BYTES(written, message->bytes, message->length);
    CHECK_INT(noise_read(reader, written, message->length, read), payload->length);
    CHECK_BYTES(read, payload->bytes, payload->length);
    free(written);
    free(read);
}

static void check_later_message(const struct run *run, const struct value *payload,
                                const struct value *message) {
    size_t writer = run->messages % 2;
    uint8_t nonce[AEAD_NONCE] = {0, 0, 0, 0, (uint8_t)(run->messages / 2 - 1)};
    uint8_t *bytes = join(message, &(struct value){NULL, 0});
    CHECK_INT(message->length, payload->length + AEAD_TAG);
    CHECK(aead_open(bytes, message->length, run->receive_keys[1 - writer], nonce, NULL, 0));
    CHECK_BYTES(bytes, payload->bytes, payload->length);
    aead_seal(bytes, payload->length, run->send_keys[writer], nonce, NULL, 0);
    CHECK_BYTES(bytes, message->bytes, message->length);
    free(bytes);
}

static void check_message(struct run *run, const struct value *payload,
                          const struct value *message) {
    if (run->messages == 0) {
        for (int i = 0; i < 2; i++)
            noise_init(&run->parties[i], i == 0, run->psk, run->prologues[i],
                       run->prologue_lengths[i]);
    }
    if (run->messages >= 2) {
        check_later_message(run, payload, message);
    } else {
        check_handshake_message(run, payload, message);
    }
    run->messages++;
    if (run->messages == 2) {
        for (int i = 0; i < 2; i++) {
            noise_split(&run->parties[i], run->send_keys[i], run->receive_keys[i]);
            CHECK_BYTES(run->parties[i].hash, run->hash, sizeof run->hash);
        }
    }
}

static void set_value(struct run *run, const char *name, const struct value *value) {
    const struct {
        const char *name;
        uint8_t *at;
        size_t size;
        size_t *length; // where it may be shorter
    } places[] = {
        {"init_prologue", run->prologues[0], 64, &run->prologue_lengths[0]},
        {"resp_prologue", run->prologues[1], 64, &run->prologue_lengths[1]},
        {"init_ephemeral", run->ephemerals[0], 32, NULL},
        {"resp_ephemeral", run->ephemerals[1], 32, NULL},
        {"psk", run->psk, NOISE_KEY, NULL},
        {"handshake_hash", run->hash, 32, NULL},
    };
    for (size_t i = 0; i < COUNT(places); i++) {
        if (strcmp(name, places[i].name) != 0)
            continue;
        CHECK(value->length <= places[i].size);
        memcpy(places[i].at, value->bytes, value->length);
        if (places[i].length != NULL)
            *places[i].length = value->length;
        else
            CHECK_INT(value->length, places[i].size);
        return;
    }
    CHECK_TEXT(name, "the name of a value");
}

// vector NAME, then its values, then one line a message: msg PAYLOAD MESSAGE
static void noise_cases(void) {
    FILE *file = open_vectors("noise_nnpsk0.txt");
    static struct run run;
    char *fields[FIELDS_MAX];
    int count, messages = 0;
    CHECK(file != NULL);
    while ((count = next_line(file, fields)) != 0 && !test_state.failed) {
        struct value values[2] = {{NULL, 0}};
        if (strcmp(fields[0], "vector") == 0) {
            memset(&run, 0, sizeof run);
            test_row("vector %s", fields[1]);
            continue;
        }
        CHECK_INT(count, strcmp(fields[0], "msg") == 0 ? 3 : 2);
        for (int i = 0; i < count - 1; i++)
            values[i].bytes = read_bytes(fields[i + 1], &values[i].length);
        if (count == 3)
            check_message(&run, &values[0], &values[1]);
        else
            set_value(&run, fields[0], &values[0]);
        free(values[0].bytes);
        free(values[1].bytes);
        messages += count == 3;
    }
    fclose(file);
    CHECK(messages > 2);
}

// Whoever names a folder wants it read; the other one need not be there.
static bool are_at_hand(void) {
    FILE *file = open_vectors("x25519.txt");
    if (file != NULL)
        fclose(file);
    return file != NULL || getenv("TETHER_VECTORS") != NULL;
}

int main(void) {
    TEST("lines of vectors are read", reads_lines);
    if (are_at_hand()) {
        TEST("ChaCha20-Poly1305: each published case is as published", aead_cases);
        TEST("X25519: each published case is as published, or refused where it is zero",
             x25519_cases);
        TEST("HKDF-SHA-256: each published case is as published", hkdf_cases);
        TEST("HMAC-SHA-256: each published case is as published", hmac_cases);
        TEST("Noise: each published run is as published", noise_cases);
    }
    return test_end();
}
