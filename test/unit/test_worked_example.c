// SPDX-License-Identifier: ISC
// The worked example of doc/protocol.md, byte by byte: the programs' own code makes and understands
// exactly what is written there. The document is read from the current directory, which is the
// project's.
//
// A block of the document is "```hex LABEL" or "```text LABEL", its content, and "```". In hex, '#'
// begins a remark.
#include "session/handshake.h"
#include "session/key.h"
#include "session/record.h"
#include "session/session.h"
#include "ws/base64.h"

#include "test.h"

#define DOCUMENT   "doc/protocol.md"
#define BLOCK_SIZE 256
#define BLOCKS_MAX 32

struct block {
    char label[40];
    bool is_text;
    uint8_t bytes[BLOCK_SIZE];
    size_t length;
    bool used;
};

static struct block blocks[BLOCKS_MAX];
static size_t block_count;

static void stop(const char *what, const char *where) {
    printf("not ok - %s: %s %s\n", DOCUMENT, what, where);
    exit(1);
}

static void add_line(struct block *block, char *line) {
    if (!block->is_text) {
        line[strcspn(line, "#")] = '\0';
        block->length += test_hex(block->bytes + block->length, BLOCK_SIZE - block->length, line);
        return;
    }
    if (strlen(line) > BLOCK_SIZE - block->length)
        stop("no room for the block", block->label);
    memcpy(block->bytes + block->length, line, strlen(line));
    block->length += strlen(line);
}

static void read_document(void) {
    char line[512];
    char kind[8];
    struct block *block = NULL;
    FILE *file = fopen(DOCUMENT, "r");
    if (file == NULL)
        stop("cannot be opened;", "start this in the project's folder");
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (block != NULL && strcmp(line, "```") == 0)
            block = NULL;
        else if (block != NULL)
            add_line(block, line);
        if (block != NULL || strncmp(line, "```", 3) != 0 || block_count == BLOCKS_MAX)
            continue;
        if (sscanf(line, "```%7s %39s", kind, blocks[block_count].label) == 2) {
            block = &blocks[block_count++];
            block->is_text = strcmp(kind, "text") == 0;
        }
    }
    fclose(file);
}

// A block by its label; of `length` bytes, or of any where that is 0.
static const uint8_t *bytes_of(const char *label, size_t length) {
    for (size_t i = 0; i < block_count; i++) {
        struct block *block = &blocks[i];
        if (strcmp(block->label, label) != 0)
            continue;
        if (length != 0 && block->length != length)
            stop("has another number of bytes in the block", label);
        block->used = true;
        return block->bytes;
    }
    stop("has no block", label);
    return NULL;
}

static size_t length_of(const char *label) {
    const uint8_t *bytes = bytes_of(label, 0);
    for (size_t i = 0; i < block_count; i++)
        if (blocks[i].bytes == bytes)
            return blocks[i].length;
    return 0;
}

static uint32_t number_of(const char *label) {
    const uint8_t *b = bytes_of(label, 4);
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

// Both ends after the handshake.
static struct {
    struct noise laptop_noise;
    struct noise server_noise;
    struct session laptop;
    struct session server;
} ends;

static void key_text(void) {
    char text[KEY_TEXT + 1];
    char why[KEY_WHY_SIZE];
    uint8_t key[KEY_SIZE];
    const uint8_t *given = bytes_of("key", KEY_SIZE);
    const uint8_t *written = bytes_of("key-text", KEY_TEXT);
    key_format(text, given);
    CHECK_BYTES(text, written, KEY_TEXT);
    CHECK_INT(key_parse(key, (const char *)written, KEY_TEXT, why), 0);
    CHECK_BYTES(key, given, KEY_SIZE);
}

static void greeting(void) {
    const uint8_t *written = bytes_of("greeting", GREETING_SIZE);
    CHECK_INT(written[0], MESSAGE_GREETING);
    CHECK_BYTES(written + 1, bytes_of("server-run", GREETING_NONCE), GREETING_NONCE);
}

static void check_offer_state(const struct noise *noise) {
    CHECK_BYTES(noise->hash, bytes_of("offer-h", 32), 32);
    CHECK_BYTES(noise->chaining, bytes_of("offer-ck", 32), 32);
    CHECK_BYTES(noise->key, bytes_of("offer-k", 32), 32);
}

static void offer_is_written(void) {
    uint8_t message[OFFER_SIZE];
    struct offer offer = {
        .index = number_of("laptop-index"),
        .address = number_of("address"),
    };
    memcpy(offer.identity, bytes_of("identity", IDENTITY_SIZE), IDENTITY_SIZE);
    CHECK_INT(offer_write(&ends.laptop_noise, bytes_of("key", KEY_SIZE),
                          bytes_of("laptop-ephemeral", 32), &offer, message),
              OFFER_SIZE);
    CHECK_BYTES(message, bytes_of("offer", OFFER_SIZE), OFFER_SIZE);
    check_offer_state(&ends.laptop_noise);
}

static void offer_is_read(void) {
    struct offer offer;
    CHECK_INT(offer_read(&ends.server_noise, bytes_of("key", KEY_SIZE),
                         bytes_of("offer", OFFER_SIZE), OFFER_SIZE, &offer),
              0);
    CHECK_INT(offer.flags, 0);
    CHECK_INT(offer.index, number_of("laptop-index"));
    CHECK_INT(offer.address, number_of("address"));
    CHECK_BYTES(offer.identity, bytes_of("identity", IDENTITY_SIZE), IDENTITY_SIZE);
    check_offer_state(&ends.server_noise);
}

static void answer_is_written(void) {
    uint8_t message[ANSWER_SIZE];
    const struct answer answer = {0, number_of("server-index")};
    CHECK_INT(answer_write(&ends.server_noise, bytes_of("server-ephemeral", 32), &answer,
                           &ends.server, message),
              ANSWER_SIZE);
    CHECK_BYTES(message, bytes_of("answer", ANSWER_SIZE), ANSWER_SIZE);
    CHECK_BYTES(ends.server_noise.hash, bytes_of("answer-h", 32), 32);
    CHECK_BYTES(ends.server.receive_key, bytes_of("key-to-server", 32), 32);
    CHECK_BYTES(ends.server.send_key, bytes_of("key-to-laptop", 32), 32);
}

static void answer_is_read(void) {
    struct answer answer;
    CHECK_INT(answer_read(&ends.laptop_noise, bytes_of("answer", ANSWER_SIZE), ANSWER_SIZE, &answer,
                          &ends.laptop),
              0);
    CHECK_INT(answer.index, number_of("server-index"));
    CHECK_BYTES(ends.laptop_noise.hash, bytes_of("answer-h", 32), 32);
    CHECK_BYTES(ends.laptop.send_key, bytes_of("key-to-server", 32), 32);
    CHECK_BYTES(ends.laptop.receive_key, bytes_of("key-to-laptop", 32), 32);
    session_begin(&ends.laptop, number_of("laptop-index"), answer.index, answer.flags, 0);
    session_begin(&ends.server, number_of("server-index"), number_of("laptop-index"), 0, 0);
}

// Seals records, and compares with a block.
static void check_sealed(struct session *session, const char *records, const char *label) {
    uint8_t message[BLOCK_SIZE];
    size_t length = length_of(records);
    memcpy(message + SEALED_HEAD, bytes_of(records, 0), length);
    session_seal(session, message, length);
    CHECK_BYTES(message, bytes_of(label, SEALED_OVERHEAD + length), SEALED_OVERHEAD + length);
}

// Opens a block; leaves the records in `opened`.
static size_t open_block(struct session *session, const char *label, uint8_t opened[BLOCK_SIZE]) {
    uint8_t message[BLOCK_SIZE];
    size_t length = length_of(label);
    memcpy(message, bytes_of(label, 0), length);
    if (sealed_index(message) != session->receive_index ||
        session_open(session, message, length) != SEALED_NEWEST)
        return 0;
    memcpy(opened, message + SEALED_HEAD, length - SEALED_OVERHEAD);
    return length - SEALED_OVERHEAD;
}

static void laptop_speaks(void) {
    uint8_t records[BLOCK_SIZE];
    struct record record;
    size_t length = record_write(records, RECORD_PING, bytes_of("clock", PING_BYTES), PING_BYTES);
    CHECK_INT(length, length_of("records-of-laptop"));
    CHECK_BYTES(records, bytes_of("records-of-laptop", 0), length);
    check_sealed(&ends.laptop, "records-of-laptop", "message-of-laptop");
    CHECK_INT(open_block(&ends.server, "message-of-laptop", records), length);
    CHECK_INT(record_read(&record, records, length), length);
    CHECK_INT(record.type, RECORD_PING);
    CHECK_INT(record.length, PING_BYTES);
    CHECK_BYTES(record.bytes, bytes_of("clock", PING_BYTES), PING_BYTES);
    CHECK_INT(open_block(&ends.server, "message-of-laptop", records), 0); // once is enough
}

static void text_form(void) {
    char text[BLOCK_SIZE];
    size_t length = length_of("message-of-laptop");
    CHECK_INT(base64_encode(text, bytes_of("message-of-laptop", 0), length),
              length_of("message-of-laptop-as-text"));
    CHECK_BYTES(text, bytes_of("message-of-laptop-as-text", 0), BASE64_LENGTH(length));
}

static void server_writes(void) {
    uint8_t records[BLOCK_SIZE];
    uint8_t body[CONFIGURATION_MAX];
    const struct configuration config = {
        .address = number_of("address"),
        .mtu = 1500,
        .message_max = WS_MESSAGE_MAX,
        .resolver_count = 1,
        .resolvers = {0xc0000235}, // 192.0.2.53
    };
    size_t packet = length_of("packet");
    size_t length =
        record_write(records, RECORD_CONFIGURATION, body, configuration_write(body, &config));
    memcpy(records + length, bytes_of("packet", 0), packet);
    length += packet;
    length +=
        record_write(records + length, RECORD_PONG, bytes_of("clock", PING_BYTES), PING_BYTES);
    CHECK_INT(length, length_of("records-of-server"));
    CHECK_BYTES(records, bytes_of("records-of-server", 0), length);
    check_sealed(&ends.server, "records-of-server", "message-of-server");
}

static void laptop_reads(void) {
    uint8_t records[BLOCK_SIZE];
    struct record record;
    struct configuration config;
    size_t length = open_block(&ends.laptop, "message-of-server", records);
    CHECK_INT(length, length_of("records-of-server"));
    size_t at = record_read(&record, records, length);
    CHECK_INT(record.type, RECORD_CONFIGURATION);
    CHECK_INT(configuration_read(&config, record.bytes, record.length), 0);
    CHECK_INT(config.address, number_of("address"));
    CHECK_INT(config.mtu, 1500);
    CHECK_INT(config.message_max, WS_MESSAGE_MAX);
    CHECK_INT(config.resolver_count, 1);
    CHECK_INT(config.resolvers[0], 0xc0000235);
    at += record_read(&record, records + at, length - at);
    CHECK_INT(record.type, RECORD_PACKET);
    CHECK_INT(record.length, length_of("packet"));
    CHECK_BYTES(record.bytes, bytes_of("packet", 0), record.length);
    at += record_read(&record, records + at, length - at);
    CHECK_INT(record.type, RECORD_PONG);
    CHECK_INT(record.length, PING_BYTES);
    CHECK_BYTES(record.bytes, bytes_of("clock", PING_BYTES), PING_BYTES);
    CHECK_INT(at, length);
}

static void refusals(void) {
    static const struct {
        enum refusal reason;
        const char *of;
        const char *label;
    } cases[] = {
        {REFUSAL_WRONG_KEY, "offer", "refusal-wrong-key"},
        {REFUSAL_UNKNOWN, "message-of-laptop", "refusal-unknown"},
        {REFUSAL_KEYED, "packet", "refusal-keyed"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t out[REFUSAL_SIZE];
        test_row("%s", cases[i].label);
        refusal_write(out, cases[i].reason, bytes_of(cases[i].of, 0), length_of(cases[i].of));
        CHECK_BYTES(out, bytes_of(cases[i].label, REFUSAL_SIZE), REFUSAL_SIZE);
    }
}

static void all_used(void) {
    for (size_t i = 0; i < block_count; i++) {
        test_row("%s", blocks[i].label);
        CHECK(blocks[i].used);
    }
}

int main(void) {
    read_document();
    TEST("the document's key is written as the document says, and read", key_text);
    TEST("the document's greeting is a greeting", greeting);
    TEST("the laptop writes the document's offer", offer_is_written);
    TEST("the server reads the document's offer", offer_is_read);
    TEST("the server writes the document's answer, and has its keys", answer_is_written);
    TEST("the laptop reads the document's answer, and has the same keys", answer_is_read);
    TEST("the laptop seals the document's ping, and the server opens it once", laptop_speaks);
    TEST("its text form is the document's", text_form);
    TEST("the server seals the document's configuration, packet and pong", server_writes);
    TEST("the laptop opens and understands them", laptop_reads);
    TEST("refusals are the document's", refusals);
    TEST("no block of the document is left unchecked", all_used);
    return test_end();
}
