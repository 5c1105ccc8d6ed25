// SPDX-License-Identifier: ISC
// Coalescing: which segments are put together, and which are not. Whatever comes out and is cut
// again is what came in, but for the identification, which says nothing where a packet may not be
// fragmented (RFC 6864 section 4.1).
#include "ip/coalesce.h"

#include "super_lab.h"

#define PORT   40000
#define OURS   ADDRESS(10, 0, 0, 1)
#define THEIRS ADDRESS(198, 51, 100, 9)
#define FED    4200

static struct ip_coalescer coalescer;
static struct given_list given;
static struct given_list segments;
static uint8_t payload[2 * IP_PACKET_MAX];

// What was fed, in memory of exactly its size until the end.
static struct given fed[FED];
static size_t fed_count;

static void begin(void) {
    ip_coalescer_init(&coalescer);
    given_clear(&given);
    fed_count = 0;
}

static void feed_bytes(const uint8_t *bytes, size_t length) {
    uint8_t *copy = test_copy(bytes, length);
    fed[fed_count++] = (struct given){copy, length, 0};
    ip_coalesce(&coalescer, copy, length, given_add, &given);
}

static void feed(const struct packet_spec *spec) {
    static uint8_t bytes[IP_PACKET_MAX];
    feed_bytes(bytes, packet_make(bytes, spec));
}

// The next segment of a stream.
static struct packet_spec next_of(struct packet_spec *stream, size_t length) {
    struct packet_spec spec = *stream;
    spec.payload_length = length;
    stream->sequence += (uint32_t)length;
    stream->id++;
    stream->payload += length;
    return spec;
}

static void feed_next(struct packet_spec *stream, size_t length) {
    struct packet_spec spec = next_of(stream, length);
    feed(&spec);
}

static struct packet_spec stream_of(uint16_t port) {
    return (struct packet_spec){
        .protocol = PACKET_TCP,
        .source = THEIRS,
        .destination = OURS,
        .source_port = 443,
        .destination_port = port,
        .id = 0xfffe, // wraps
        .fragment = 0x4000,
        .sequence = 0xfffff000, // wraps
        .tcp_flags = TCP_ACK,
        .tcp_options = 12,
        .payload = payload,
    };
}

// The packets that were given out, by their payloads: "3000/1000" for a super-packet, "1000" for a
// segment, "other" for what is no TCP.
static const char *shape(void) {
    static char text[512];
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < given.count && at + 24 < sizeof text; i++) {
        const struct given *item = &given.items[i];
        size_t header = packet_header_length(item->bytes);
        size_t headers = header + (size_t)(item->bytes[header + 12] >> 4) * 4;
        if (item->bytes[9] != PACKET_TCP || (packet_get16(item->bytes + 6) & 0x3fff) != 0)
            at += (size_t)snprintf(text + at, sizeof text - at, "other ");
        else if (item->segment_size > 0)
            at += (size_t)snprintf(text + at, sizeof text - at, "%lu/%u ",
                                   (unsigned long)(item->length - headers), item->segment_size);
        else
            at += (size_t)snprintf(text + at, sizeof text - at, "%lu ",
                                   (unsigned long)(item->length - headers));
    }
    return text;
}

// Ends, and sees what came out: its shape, and that cut again it is what was fed, in that order.
#define FINISH(expected)                                                                           \
    do {                                                                                           \
        finish();                                                                                  \
        CHECK_TEXT(shape(), expected);                                                             \
        CHECK(is_as_fed);                                                                          \
    } while (0)

static bool is_as_fed;

static void finish(void) {
    ip_coalesce_end(&coalescer, given_add, &given);
    given_cut(&given, 0, &segments);
    is_as_fed = segments.count == fed_count;
    for (size_t i = 0; i < fed_count; i++) {
        is_as_fed = is_as_fed && segments.items[i].length == fed[i].length &&
                    memcmp(segments.items[i].bytes, fed[i].bytes, fed[i].length) == 0;
        free(fed[i].bytes);
    }
}

static void sizes_of_segments(void) {
    static const struct {
        size_t sizes[6]; // up to the first 0
        const char *shape;
    } cases[] = {
        {{1000}, "1000 "},
        {{1}, "1 "},
        {{1000, 1000}, "2000/1000 "},
        {{1000, 1000, 1000, 1000, 1000}, "5000/1000 "},
        {{1000, 1000, 1}, "2001/1000 "},
        {{1000, 1}, "1001/1000 "},
        {{1000, 500, 1000}, "1500/1000 1000 "}, // a short one is the last,
        {{1000, 500, 500}, "1500/1000 500 "},
        {{500, 1000, 1000}, "500 2000/1000 "}, // and a longer one the first
        {{1000, 1000, 1001, 1001}, "2000/1000 2002/1001 "},
        {{1, 1, 1, 1}, "4/1 "},
        {{30000, 30000, 5000}, "65000/30000 "},
        // The longest packet has 65 535 bytes, 52 of them headers here.
        {{30000, 30000, 5483}, "65483/30000 "},
        {{30000, 30000, 5484}, "60000/30000 5484 "},
        {{30000, 30000, 30000, 30000}, "60000/30000 60000/30000 "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct packet_spec stream = stream_of(PORT);
        begin();
        for (size_t k = 0; k < COUNT(cases[i].sizes) && cases[i].sizes[k] > 0; k++)
            feed_next(&stream, cases[i].sizes[k]);
        test_row("%s", cases[i].shape);
        FINISH(cases[i].shape);
    }
}

// No more of them than are cut again.
static void many_tiny_segments(void) {
    struct packet_spec stream = stream_of(PORT);
    begin();
    for (int i = 0; i < 2 * SEGMENTS_MAX + 1; i++) feed_next(&stream, 1);
    FINISH("2048/1 2048/1 1 ");
}

// The second of two segments, changed at one place; its checksums are right again, or not.
static void differences(void) {
    enum { GOOD, BAD };
    static const struct {
        const char *what;
        size_t at;
        uint8_t bits;
        int checksums;
        const char *shape;
    } cases[] = {
        // IP (RFC 791 section 3.1).
        {"traffic class", 1, 0x10, GOOD, "1000 1000 "},
        {"ECN mark", 1, 0x03, GOOD, "1000 1000 "},
        {"may be fragmented", 6, 0x40, GOOD, "1000 1000 "},
        {"reserved bit", 6, 0x80, GOOD, "1000 1000 "},
        {"TTL", 8, 0x01, GOOD, "1000 1000 "},
        {"source", 15, 0x01, GOOD, "1000 1000 "},
        {"destination", 19, 0x01, GOOD, "1000 1000 "},
        // TCP (RFC 9293 section 3.1).
        {"source port", 21, 0x01, GOOD, "1000 1000 "},
        {"destination port", 23, 0x01, GOOD, "1000 1000 "},
        {"sequence", 27, 0x01, GOOD, "1000 1000 "},
        {"acknowledgment", 28, 0x80, GOOD, "1000 1000 "},
        {"acknowledgment, its end", 31, 0x01, GOOD, "1000 1000 "},
        {"reserved bit next to the flags", 32, 0x01, GOOD, "1000 1000 "},
        {"FIN", 33, TCP_FIN, GOOD, "1000 1000 "},
        {"SYN", 33, TCP_SYN, GOOD, "1000 1000 "},
        {"RST", 33, TCP_RST, GOOD, "1000 1000 "},
        {"no ACK", 33, TCP_ACK, GOOD, "1000 1000 "},
        {"URG", 33, 0x20, GOOD, "1000 1000 "},
        {"ECE", 33, 0x40, GOOD, "1000 1000 "},
        {"CWR", 33, 0x80, GOOD, "1000 1000 "},
        {"window", 35, 0x01, GOOD, "1000 1000 "},
        {"urgent pointer", 39, 0x01, GOOD, "1000 1000 "},
        {"first option", 40, 0x02, GOOD, "1000 1000 "},
        {"last option", 51, 0x01, GOOD, "1000 1000 "},
        {"checksum", 36, 0x01, BAD, "1000 1000 "},
        {"payload", 1051, 0x01, BAD, "1000 1000 "},
        // And what is no difference.
        {"nothing", 8, 0, GOOD, "2000/1000 "},
        {"PSH, which stays with the last", 33, TCP_PSH_FLAG, GOOD, "2000/1000 "},
        {"payload, with its checksum", 1051, 0x01, GOOD, "2000/1000 "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t bytes[1052];
        struct packet_spec stream = stream_of(PORT);
        test_row("%s", cases[i].what);
        begin();
        feed_next(&stream, 1000);
        struct packet_spec spec = next_of(&stream, 1000);
        CHECK_INT(packet_make(bytes, &spec), sizeof bytes);
        bytes[cases[i].at] ^= cases[i].bits;
        if (cases[i].checksums == GOOD) {
            packet_fill_header_checksum(bytes);
            packet_fill_checksum(bytes, sizeof bytes);
        }
        feed_bytes(bytes, sizeof bytes);
        FINISH(cases[i].shape);
    }
}

// What the first segment must be for others to follow it.
static void first_segments(void) {
    static const struct {
        const char *what;
        uint8_t flags;
        uint8_t ip_options;
        bool bad_checksum;
        const char *shape;
    } cases[] = {
        {"plain data", TCP_ACK, 0, false, "2000/1000 "},
        {"pushed", TCP_ACK | TCP_PSH_FLAG, 0, false, "1000 1000 "},
        {"SYN", TCP_SYN, 0, false, "1000 1000 "},
        {"SYN and ACK", TCP_SYN | TCP_ACK, 0, false, "1000 1000 "},
        {"FIN", TCP_ACK | TCP_FIN, 0, false, "1000 1000 "},
        {"RST", TCP_ACK | TCP_RST, 0, false, "1000 1000 "},
        {"urgent", TCP_ACK | 0x20, 0, false, "1000 1000 "},
        {"ECE", TCP_ACK | 0x40, 0, false, "1000 1000 "},
        {"CWR", TCP_ACK | 0x80, 0, false, "1000 1000 "},
        {"IP options", TCP_ACK, 4, false, "1000 1000 "},
        {"wrong checksum", TCP_ACK, 0, true, "1000 1000 "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t bytes[1100];
        struct packet_spec stream = stream_of(PORT);
        test_row("%s", cases[i].what);
        begin();
        struct packet_spec first = next_of(&stream, 1000);
        first.tcp_flags = cases[i].flags;
        first.ip_options = cases[i].ip_options;
        size_t length = packet_make(bytes, &first);
        bytes[length - 1] ^= cases[i].bad_checksum;
        feed_bytes(bytes, length);
        feed_next(&stream, 1000);
        FINISH(cases[i].shape);
    }
}

// Where a packet may be fragmented, its identification counts up as those of a cut super-packet do;
// where not, it says nothing.
static void identifications(void) {
    for (int step = 0; step < 4; step++) {
        struct packet_spec stream = stream_of(PORT);
        stream.fragment = 0;
        test_row("step %d", step);
        begin();
        for (int i = 0; i < 3; i++) {
            struct packet_spec spec = next_of(&stream, 1000);
            spec.id = (uint16_t)(0xfffe + i * step);
            feed(&spec);
        }
        FINISH(step == 1 ? "3000/1000 " : "1000 1000 1000 ");
        stream = stream_of(PORT);
        begin();
        for (int i = 0; i < 3; i++) {
            struct packet_spec spec = next_of(&stream, 1000);
            spec.id = (uint16_t)(i * step);
            feed(&spec);
        }
        finish();
        CHECK_TEXT(shape(), "3000/1000 ");
    }
}

// An acknowledgment without data, and what is no data, come after the data before them.
static void order(void) {
    struct packet_spec stream = stream_of(PORT);
    begin();
    feed_next(&stream, 1000);
    feed_next(&stream, 1000);
    feed_next(&stream, 0);
    feed_next(&stream, 1000);
    struct packet_spec end = next_of(&stream, 500);
    end.tcp_flags |= TCP_FIN | TCP_PSH_FLAG;
    feed(&end);
    FINISH("2000/1000 0 1000 500 ");
    CHECK_INT(given.count, 4);

    // A segment that was lost on the way, and comes again.
    stream = stream_of(PORT);
    struct packet_spec first = next_of(&stream, 1000);
    struct packet_spec lost = next_of(&stream, 1000);
    begin();
    feed(&first);
    feed_next(&stream, 1000);
    feed_next(&stream, 1000);
    feed(&lost);
    feed(&lost);
    FINISH("1000 2000/1000 1000 1000 ");
}

// What is no TCP waits for nothing.
static void others_pass(void) {
    struct packet_spec stream = stream_of(PORT);
    struct packet_spec other = stream_of(PORT);
    uint8_t ipv6[60] = {0x60};
    uint8_t damaged[52];
    begin();
    feed_next(&stream, 1000);
    CHECK_INT(given.count, 0);
    other.protocol = PACKET_UDP;
    other.payload_length = 300;
    feed(&other);
    CHECK_INT(given.count, 1);
    other.protocol = PACKET_ICMP;
    feed(&other);
    CHECK_INT(given.count, 2);
    other = stream_of(PORT);
    other.fragment = 0x2000;
    feed(&other);
    CHECK_INT(given.count, 3);
    feed_bytes(ipv6, sizeof ipv6);
    feed_bytes(ipv6, 1);
    CHECK_INT(given.count, 5);
    other = stream_of(PORT); // nothing of a packet whose header is damaged can be relied on
    packet_make(damaged, &other);
    damaged[10] ^= 1;
    feed_bytes(damaged, sizeof damaged);
    CHECK_INT(given.count, 6);
    feed_next(&stream, 1000);
    ip_coalesce_end(&coalescer, given_add, &given);
    CHECK_TEXT(shape(), "other other other other other 0 2000/1000 ");
    finish();
}

// So many connections at a time; one more makes the one that was first give way.
static void connections(void) {
    struct packet_spec streams[COALESCE_RUNS + 1];
    for (size_t i = 0; i < COUNT(streams); i++) streams[i] = stream_of((uint16_t)(PORT + i));
    begin();
    for (int round = 0; round < 5; round++)
        for (size_t i = 0; i < COALESCE_RUNS; i++) feed_next(&streams[i], 1000);
    CHECK_INT(given.count, 0);
    feed_next(&streams[COALESCE_RUNS], 1000);
    CHECK_INT(given.count, 1);
    CHECK_INT(packet_get16(given.items[0].bytes + 22), PORT);
    finish();
    CHECK_TEXT(shape(), "5000/1000 1000 5000/1000 5000/1000 5000/1000 5000/1000 5000/1000 "
                        "5000/1000 5000/1000 ");
    // Nothing is held any more, and what was does not come back.
    begin();
    finish();
    CHECK_INT(given.count, 0);
}

// A single segment goes out from where it lies, untouched.
static void in_place(void) {
    uint8_t bytes[200];
    struct packet_spec spec = stream_of(PORT);
    spec.payload_length = 100;
    size_t length = packet_make(bytes, &spec);
    uint8_t *copy = test_copy(bytes, length);
    begin();
    ip_coalesce(&coalescer, copy, length, given_add, &given);
    CHECK(coalescer.runs[0].first.bytes == copy);
    ip_coalesce_end(&coalescer, given_add, &given);
    free(copy);
    CHECK_INT(given.count, 1);
    CHECK_BYTES(given.items[0].bytes, bytes, length);
}

int main(void) {
    test_random_bytes(payload, sizeof payload);
    TEST("segments of one size are put together, a shorter one last, up to the longest packet",
         sizes_of_segments);
    TEST("no more segments are put together than are cut again", many_tiny_segments);
    TEST("a segment that differs in more than its data is not added", differences);
    TEST("only plain data is followed by more", first_segments);
    TEST("identifications count where a packet may be fragmented", identifications);
    TEST("packets of a connection stay in their order", order);
    TEST("what is no TCP, and fragments, pass at once", others_pass);
    TEST("eight connections are put together at a time", connections);
    TEST("a single segment is given out as it lies", in_place);
    return test_end();
}
