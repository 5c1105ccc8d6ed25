// SPDX-License-Identifier: ISC
// Records: what is found in a message, and what is not.
#include "session/record.h"

#include "packets.h"
#include "test.h"

// All records of a message, as text: "40:24 02:8 " and "!" with what was left where it ended early.
static void describe(char *out, size_t size, uint8_t *bytes, size_t length) {
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

static void streams(void) {
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
        // A super-packet's record; that it holds none is not seen here.
        {"06000002 05a8", "06:2 "},
        {"06000002 05", "!5"},
        {"06010002 05a8", "!6"},
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

static void written_and_read(void) {
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
static void random_bytes(void) {
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

static struct configuration make_configuration(size_t resolvers) {
    struct configuration config = {
        .address = 0x64400102, .mtu = 1500, .message_max = 1048576, .resolver_count = resolvers};
    for (size_t i = 0; i < resolvers; i++) config.resolvers[i] = 0xc0000201 + (uint32_t)i;
    return config;
}

// The bytes are those of the protocol, on every machine.
static void configuration_bytes(void) {
    struct configuration config = make_configuration(2);
    uint8_t body[CONFIGURATION_MAX];
    uint8_t expected[32];
    size_t length =
        test_hex(expected, sizeof expected, "64400102 05dc 00100000 02 c0000201 c0000202");
    CHECK_INT(configuration_write(body, &config), length);
    CHECK_BYTES(body, expected, length);
}

static void configurations(void) {
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
            for (size_t i = 0; i < count; i++) CHECK_INT(read.resolvers[i], config.resolvers[i]);
        }
    }
}

// A server that has more resolvers than we keep: the first ones are taken.
static void too_many_resolvers(void) {
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

// Only what is inside 100.64.0.0/10 is an address that a laptop takes, and no end of that network.
static void addresses(void) {
    static const struct {
        uint32_t address;
        int result;
    } cases[] = {
        {0x64400001, 0},  // 100.64.0.1
        {0x647ffffe, 0},  // 100.127.255.254
        {0x64500000, 0},  // 100.80.0.0
        {0x64400000, -1}, // 100.64.0.0
        {0x647fffff, -1}, // 100.127.255.255
        {0x643fffff, -1}, // 100.63.255.255
        {0x64800000, -1}, // 100.128.0.0
        {0x08080808, -1}, // 8.8.8.8
        {0xc0a80101, -1}, // 192.168.1.1
        {0xa9fe0101, -1}, // 169.254.1.1
        {0x7f000001, -1}, // 127.0.0.1
        {0x0a000001, -1}, // 10.0.0.1
        {0xe4400001, -1}, // 228.64.0.1
        {0, -1},          {0xffffffff, -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct configuration config = make_configuration(0);
        struct configuration read;
        uint8_t body[CONFIGURATION_MAX];
        config.address = cases[i].address;
        size_t length = configuration_write(body, &config);
        test_row("address %08lx", (unsigned long)cases[i].address);
        CHECK_INT(configuration_read(&read, body, length), cases[i].result);
    }
}

static void limits(void) {
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

// ---- super-packets ----

static uint8_t super_bytes[IP_PACKET_MAX + SUPER_PACKET_HEAD];

// Writes a super-packet's record. Returns its length.
static size_t make_super(const struct packet_spec *spec, uint16_t segment_size) {
    size_t length = packet_make(super_bytes + SUPER_PACKET_HEAD, spec);
    packet_fill_partial_checksum(super_bytes + SUPER_PACKET_HEAD, length);
    super_packet_head_write(super_bytes, length, segment_size);
    return SUPER_PACKET_HEAD + length;
}

static int read_super(const uint8_t *bytes, size_t length, size_t body, uint8_t *flags) {
    struct ip_packet packet;
    struct ip_offload offload;
    struct record record = {.type = 0};
    uint8_t *copy = test_copy(bytes, length);
    int result = -2;
    if (record_read(&record, copy, length) == length && record.type == RECORD_SUPER_PACKET &&
        record.length == body)
        result = super_packet_read(&packet, &offload, &record);
    if (result == 0 && (packet.bytes != copy + SUPER_PACKET_HEAD || packet.length != body - 2 ||
                        !offload.partial_checksum || offload.checksum_start != 20))
        result = -3;
    *flags = result == 0 && packet.protocol == PACKET_TCP ? packet.tcp_flags : 0;
    free(copy);
    return result;
}

static struct packet_spec super_spec(uint8_t protocol, size_t payload_length) {
    static uint8_t payload[IP_PACKET_MAX];
    return (struct packet_spec){
        .protocol = protocol,
        .source = ADDRESS(10, 0, 0, 1),
        .destination = ADDRESS(198, 51, 100, 9),
        .source_port = 40000,
        .destination_port = 443,
        .tcp_flags = 0x10,
        .payload = payload,
        .payload_length = payload_length,
    };
}

// The bytes are those of the protocol, on every machine.
static void super_packet_bytes(void) {
    struct packet_spec spec = super_spec(PACKET_TCP, 3000);
    uint8_t expected[SUPER_PACKET_HEAD];
    uint8_t flags;
    test_hex(expected, sizeof expected, "06 000be2 05a8"); // 2 + 40 + 3000 = 0xbe2, 1448 = 0x5a8
    CHECK_INT(make_super(&spec, 1448), 3046);
    CHECK_BYTES(super_bytes, expected, sizeof expected);
    CHECK_INT(read_super(super_bytes, 3046, 3042, &flags), 0);
    CHECK_INT(flags, 0x10);
    spec = super_spec(PACKET_UDP, IP_PACKET_MAX - 28);
    test_hex(expected, sizeof expected, "06 010001 04b0");
    CHECK_INT(make_super(&spec, 1200), IP_PACKET_MAX + SUPER_PACKET_HEAD);
    CHECK_BYTES(super_bytes, expected, sizeof expected);
    CHECK_INT(read_super(super_bytes, IP_PACKET_MAX + SUPER_PACKET_HEAD, IP_PACKET_MAX + 2, &flags),
              0);
}

// A record whose packet is another than its length says, or is none that could be cut.
static void no_super_packets(void) {
    static const struct {
        const char *what;
        size_t at;
        uint8_t bits; // changed in the packet, whose header's checksum is right again
        int result;
    } cases[] = {
        {"a super-packet", 0, 0, 0},
        {"another version", 0, 0x20, -1},
        {"a header that is too short", 0, 0x01, -1},
        {"a byte less than the record", 3, 0x01, -1},
        {"much less than the record", 2, 0x04, -1},
        {"more than the record", 2, 0x10, -1},
        {"a fragment", 6, 0x20, -1},
        {"a later fragment", 7, 0x01, -1},
        {"ICMP", 9, 0x07, -1},
        {"another protocol", 9, 0x80, -1},
        {"SYN", 33, TCP_SYN, -1},
        {"RST", 33, TCP_RST, -1},
        {"FIN", 33, TCP_FIN, 0},
        {"a TCP header that is too short", 32, 0x10, -1},
        {"TCP options", 32, 0x20, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct packet_spec spec = super_spec(PACKET_TCP, 2961); // 3001 bytes in all
        uint8_t flags;
        size_t length = make_super(&spec, 1000);
        super_bytes[SUPER_PACKET_HEAD + cases[i].at] ^= cases[i].bits;
        packet_fill_header_checksum(super_bytes + SUPER_PACKET_HEAD);
        test_row("%s", cases[i].what);
        CHECK_INT(read_super(super_bytes, length, length - RECORD_HEAD, &flags), cases[i].result);
    }
    struct packet_spec spec = super_spec(PACKET_TCP, 3000);
    uint8_t flags;
    size_t length = make_super(&spec, 1000);
    super_bytes[SUPER_PACKET_HEAD + 10] ^= 1;
    CHECK_INT(read_super(super_bytes, length, length - RECORD_HEAD, &flags), -1); // header checksum
}

static void sizes_of_super_packets(void) {
    static const struct {
        size_t payload;
        uint16_t segment_size;
        int result;
    } cases[] = {
        {3000, 0, -1},   {3000, 1, -1}, {2048, 1, 0},     {2049, 1, -1},
        {3000, 2999, 0}, {3000, 2, 0},  {3000, 3000, -1}, {3000, 65535, -1},
        {0, 1000, -1},   {1, 1, -1},    {2, 1, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct packet_spec spec = super_spec(PACKET_UDP, cases[i].payload);
        uint8_t flags;
        size_t length = make_super(&spec, cases[i].segment_size);
        test_row("%lu bytes in datagrams of %u", (unsigned long)cases[i].payload,
                 cases[i].segment_size);
        CHECK_INT(read_super(super_bytes, length, length - RECORD_HEAD, &flags), cases[i].result);
    }
}

static void short_super_packets(void) {
    struct packet_spec spec = super_spec(PACKET_TCP, 100);
    size_t whole = make_super(&spec, 50);
    for (size_t body = 0; body <= whole - RECORD_HEAD; body++) {
        uint8_t flags;
        super_packet_head_write(super_bytes, body - 2, 50); // below 2 the body ends in its size
        super_bytes[3] = (uint8_t)body;
        super_bytes[1] = super_bytes[2] = 0;
        test_row("%lu bytes", (unsigned long)body);
        CHECK_INT(read_super(super_bytes, RECORD_HEAD + body, body, &flags),
                  body == whole - RECORD_HEAD ? 0 : -1);
    }
}

static void statuses(void) {
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

int main(void) {
    TEST("records and packets are found one after another, and none that is cut short", streams);
    TEST("records of every type and length are read as they were written", written_and_read);
    TEST("in random bytes no record lies outside of them", random_bytes);
    TEST("a super-packet's bytes are the same on every machine", super_packet_bytes);
    TEST("a super-packet's record holds a packet of its length that can be cut", no_super_packets);
    TEST("a super-packet has more than one segment, and not too many", sizes_of_super_packets);
    TEST("a super-packet's record that is cut short is none", short_super_packets);
    TEST("a configuration's bytes are the same on every machine", configuration_bytes);
    TEST("configurations are read as written, with more behind them, and not when cut",
         configurations);
    TEST("of more resolvers than there is room for, the first are taken", too_many_resolvers);
    TEST("a configuration that makes no sense is refused", limits);
    TEST("so is one with an address that is not inside", addresses);
    TEST("a status is read as written, with more behind it, and not when cut", statuses);
    return test_end();
}
