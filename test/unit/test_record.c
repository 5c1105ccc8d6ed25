// Records: what is found in a message, and what is not.
#include "tunnel/record.h"

#include "test.h"

// All records of a message, as text: "40:24 02:8 " and "!" with what was left where it ended early.
static void describe(char *out, size_t size, uint8_t *bytes, size_t length)
{
    struct record record;
    size_t at = 0;
    size_t wrote = 0;
    out[0] = '\0';
    while (at < length && wrote + 16 < size) {
        size_t used = record_read(&record, bytes + at, length - at);
        if (used == 0) {
            snprintf(out + wrote, size - wrote, "!%lu", (unsigned long)(length - at));
            return;
        }
        wrote += (size_t)snprintf(out + wrote, size - wrote, "%02x:%lu ", record.type,
                                  (unsigned long)record.length);
        if (used > length - at || record.bytes < bytes + at ||
            record.bytes + record.length != bytes + at + used) {
            snprintf(out + wrote, size - wrote, "outside");
            return;
        }
        at += used;
    }
}

static void streams(void)
{
    static const struct {
        const char *hex;
        const char *records;
    } cases[] = {
        {"", ""},
        // Records of other types.
        {"04000001 01", "04:1 "},
        {"02000008 0001020304050607", "02:8 "},
        {"00000000", "00:0 "},
        {"3f000000", "3f:0 "},
        {"3f000002 ffff", "3f:2 "},
        {"50000000 70000000 ff000001 00", "50:0 70:0 ff:1 "},
        {"02000008 0001020304050607 03000000 04000001 02", "02:8 03:0 04:1 "},
        // Cut short.
        {"02", "!1"},
        {"0200", "!2"},
        {"020000", "!3"},
        {"02000001", "!4"},
        {"02000008 00010203040506", "!11"},
        {"02ffffff 00", "!5"},
        {"04000001 01 02", "04:1 !1"},
        // IPv4: the length is at 2.
        {"45000014 00000000 00000000 00000000 00000000", "40:20 "},
        {"4f000014 00000000 00000000 00000000 00000000", "40:20 "},
        {"45000014 00000000 00000000 00000000 00000000 04000001 01", "40:20 04:1 "},
        {"04000001 01 45000014 00000000 00000000 00000000 00000000", "04:1 40:20 "},
        {"45", "!1"},
        {"450000", "!3"},
        {"45000000", "!4"},
        {"45000005", "!4"},
        {"45000015 00000000 00000000 00000000 00000000", "!20"},
        {"4500ffff 00000000 00000000 00000000 00000000", "!20"},
        // IPv6: 40 bytes and the length at 4.
        {"60000000 0000 1140 00000000000000000000000000000000 00000000000000000000000000000000",
         "40:40 "},
        {"6f000000 0001 1140 00000000000000000000000000000000 00000000000000000000000000000000 aa",
         "40:41 "},
        {"6f000000 0001 1140 00000000000000000000000000000000 00000000000000000000000000000000",
         "!40"},
        {"60", "!1"},
        {"6000000000", "!5"},
        {"600000000000", "!6"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t bytes[128];
        char found[256];
        size_t length = test_hex(bytes, sizeof bytes, cases[i].hex);
        uint8_t *copy = test_copy(bytes, length);
        describe(found, sizeof found, copy, length);
        free(copy);
        test_row("%s", cases[i].hex);
        CHECK_TEXT(found, cases[i].records);
    }
}

static void written_and_read(void)
{
    static uint8_t message[400000];
    static uint8_t body[66000];
    static const size_t lengths[] = {0, 1, 8, 255, 256, 65535, 65536};
    struct record record;
    test_random_bytes(body, sizeof body);
    for (uint8_t type = 0; type < 0x40; type++) {
        size_t wrote = 0;
        for (size_t i = 0; i < COUNT(lengths); i++) {
            size_t length = record_write(message + wrote, type, body, lengths[i]);
            CHECK_INT(length, RECORD_HEAD + lengths[i]);
            wrote += length;
        }
        size_t at = 0;
        for (size_t i = 0; i < COUNT(lengths); i++) {
            test_row("type %u, %lu bytes", type, (unsigned long)lengths[i]);
            CHECK_INT(record_read(&record, message + at, wrote - at), RECORD_HEAD + lengths[i]);
            CHECK_INT(record.type, type);
            CHECK_INT(record.length, lengths[i]);
            CHECK_BYTES(record.bytes, body, lengths[i]);
            at += RECORD_HEAD + lengths[i];
        }
        CHECK_INT(at, wrote);
    }
}

// Whatever the bytes are, a record lies inside them, and reading goes on or ends.
static void random_bytes(void)
{
    for (int i = 0; i < 50000; i++) {
        static const uint8_t starts[] = {0x45, 0x60, 0x02, 0x01, 0x00, 0x4f, 0x6e};
        uint8_t bytes[120];
        char found[2048];
        size_t length = test_below(sizeof bytes);
        test_random_bytes(bytes, length);
        for (size_t at = 0; at < length; at += 1 + test_below(30)) {
            bytes[at] = starts[test_below(COUNT(starts))];
            if (at + 2 < length)
                bytes[at + 1] = bytes[at + 2] = 0;
        }
        uint8_t *copy = test_copy(bytes, length);
        describe(found, sizeof found, copy, length);
        CHECK(strstr(found, "outside") == NULL);
        CHECK_BYTES(copy, bytes, length);
        free(copy);
    }
}

static struct configuration make_configuration(size_t resolvers)
{
    struct configuration config = {
        .address = 0x64400102, .mtu = 1500, .message_max = 1048576, .resolver_count = resolvers};
    for (size_t i = 0; i < resolvers; i++)
        config.resolvers[i] = 0xc0000201 + (uint32_t)i;
    return config;
}

// The bytes are those of the protocol, on every machine.
static void configuration_bytes(void)
{
    struct configuration config = make_configuration(2);
    uint8_t body[CONFIGURATION_MAX];
    uint8_t expected[32];
    size_t length =
        test_hex(expected, sizeof expected, "64400102 05dc 00100000 02 c0000201 c0000202");
    CHECK_INT(configuration_write(body, &config), length);
    CHECK_BYTES(body, expected, length);
}

static void configurations(void)
{
    for (size_t count = 0; count <= RESOLVERS_MAX; count++) {
        struct configuration config = make_configuration(count);
        struct configuration read;
        uint8_t body[CONFIGURATION_MAX + 10];
        memset(body, 0xaa, sizeof body);
        size_t length = configuration_write(body, &config);
        CHECK_INT(length, 11 + 4 * count);
        for (size_t have = 0; have <= length + 10; have++) {
            uint8_t *copy = test_copy(body, have);
            test_row("%lu resolvers, %lu bytes", (unsigned long)count, (unsigned long)have);
            memset(&read, 0xbb, sizeof read);
            int result = configuration_read(&read, copy, have);
            free(copy);
            CHECK_INT(result, have < length ? -1 : 0);
            if (result < 0)
                continue;
            CHECK_INT(read.address, config.address);
            CHECK_INT(read.mtu, config.mtu);
            CHECK_INT(read.message_max, config.message_max);
            CHECK_INT(read.resolver_count, count);
            for (size_t i = 0; i < count; i++)
                CHECK_INT(read.resolvers[i], config.resolvers[i]);
        }
    }
}

// A server that has more resolvers than we keep: the first ones are taken.
static void too_many_resolvers(void)
{
    uint8_t body[11 + 4 * 255];
    struct configuration config = make_configuration(1);
    configuration_write(body, &config);
    for (unsigned count = RESOLVERS_MAX + 1; count < 256; count++) {
        struct configuration read;
        body[10] = (uint8_t)count;
        for (unsigned i = 0; i < count; i++)
            memcpy(body + 11 + (size_t)4 * i, (const uint8_t[]){9, 9, 9, (uint8_t)i}, 4);
        uint8_t *copy = test_copy(body, 11 + (size_t)4 * count);
        int whole = configuration_read(&read, copy, 11 + (size_t)4 * count);
        int cut = configuration_read(&read, copy, 11 + (size_t)4 * count - 1);
        configuration_read(&read, copy, 11 + (size_t)4 * count);
        free(copy);
        test_row("%u resolvers", count);
        CHECK_INT(whole, 0);
        CHECK_INT(cut, -1);
        CHECK_INT(read.resolver_count, RESOLVERS_MAX);
        CHECK_INT(read.resolvers[RESOLVERS_MAX - 1], 0x09090900 + RESOLVERS_MAX - 1);
    }
}

static void limits(void)
{
    static const struct {
        uint16_t mtu;
        uint32_t message_max;
        int result;
    } cases[] = {
        {576, MESSAGE_LEAST, 0}, {65535, UINT32_MAX, 0},       {575, MESSAGE_LEAST, -1},
        {0, MESSAGE_LEAST, -1},  {576, MESSAGE_LEAST - 1, -1}, {1500, 0, -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct configuration config = make_configuration(0);
        struct configuration read;
        uint8_t body[CONFIGURATION_MAX];
        config.mtu = cases[i].mtu;
        config.message_max = cases[i].message_max;
        size_t length = configuration_write(body, &config);
        test_row("case %lu", (unsigned long)i);
        CHECK_INT(configuration_read(&read, body, length), cases[i].result);
    }
}

static void statuses(void)
{
    uint8_t body[STATUS_BYTES + 3] = {0};
    CHECK_INT(status_write(body, 0x01020304), STATUS_BYTES);
    CHECK_BYTES(body, "\x01\x02\x03\x04", STATUS_BYTES);
    for (size_t have = 0; have <= sizeof body; have++) {
        uint32_t mappings = 7;
        uint8_t *copy = test_copy(body, have);
        int result = status_read(&mappings, copy, have);
        free(copy);
        test_row("%lu bytes", (unsigned long)have);
        CHECK_INT(result, have < STATUS_BYTES ? -1 : 0);
        CHECK_INT(mappings, have < STATUS_BYTES ? 7 : 0x01020304);
    }
}

int main(void)
{
    TEST("records and packets are found one after another, and none that is cut short", streams);
    TEST("records of every type and length are read as they were written", written_and_read);
    TEST("in random bytes no record lies outside of them", random_bytes);
    TEST("a configuration's bytes are the same on every machine", configuration_bytes);
    TEST("configurations are read as written, with more behind them, and not when cut",
         configurations);
    TEST("of more resolvers than there is room for, the first are taken", too_many_resolvers);
    TEST("a configuration that makes no sense is refused", limits);
    TEST("a status is read as written, with more behind it, and not when cut", statuses);
    return test_end();
}
