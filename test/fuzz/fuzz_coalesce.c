// SPDX-License-Identifier: ISC
// Coalescing. The input is a script of packets, each a byte that says what it is and a few more:
//
//   bits 0-2   the connection
//   0x08       not a segment of a connection, but bytes: their number, and they
//   0x10       the segment is changed: a place, and bits; with 0x20 its checksums are made right
//              again
//   0x40       all that is held is given out first
//   0x80       the segment pushes
//
// A segment's length comes behind the first byte. Each packet lies in memory of exactly its size.
// What comes out, cut into segments, is what went in, each connection's in its order, but for the
// identification of what may not be fragmented. A checksum that was wrong stays wrong.
#include "../unit/packets.h"
#include "fuzz.h"
#include "ip/coalesce.h"

#define STREAM        0x07
#define IS_BYTES      0x08
#define IS_CHANGED    0x10
#define MAKE_GOOD     0x20
#define END           0x40
#define PUSHES        0x80
#define PACKETS       100
#define HEADERS       52
#define DONT_FRAGMENT 0x40

struct one {
    uint8_t *bytes;
    size_t length;
    struct ip_packet packet;
    bool is_tcp; // a whole packet of a connection
    bool came_out;
};

static struct ip_coalescer coalescer;
static struct one in[PACKETS];
static size_t in_count;
static size_t out_count;

static bool read_tcp(struct ip_packet *packet, uint8_t *bytes, size_t length) {
    return ip_parse(packet, bytes, length) == IP_GOOD && packet->protocol == PACKET_TCP &&
           !packet->is_fragment;
}

// Which packets must keep their order: those of a connection; and each other packet is only like
// itself.
static bool is_alike(const struct one *one, const struct ip_packet *packet, const uint8_t *bytes,
                     size_t length) {
    if (one->is_tcp && packet != NULL)
        return one->packet.source == packet->source &&
               one->packet.destination == packet->destination &&
               one->packet.source_port == packet->source_port &&
               one->packet.destination_port == packet->destination_port;
    return !one->is_tcp && packet == NULL && one->length == length &&
           memcmp(one->bytes, bytes, length) == 0;
}

// Whether a packet that came out is this one that went in.
static bool is_same(const struct one *one, const uint8_t *bytes, size_t length) {
    if (one->length != length)
        return false;
    if (memcmp(one->bytes, bytes, length) == 0)
        return true;
    // All but identification and header checksum.
    return length >= 20 && (one->bytes[6] & DONT_FRAGMENT) != 0 &&
           memcmp(one->bytes, bytes, 4) == 0 && memcmp(one->bytes + 6, bytes + 6, 4) == 0 &&
           memcmp(one->bytes + 12, bytes + 12, length - 12) == 0;
}

static void on_segment(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size) {
    struct ip_packet packet;
    bool is_tcp = read_tcp(&packet, bytes, length);
    (void)arg;
    EXPECT(segment_size == 0);
    for (size_t i = 0; i < in_count; i++) {
        if (in[i].came_out || !is_alike(&in[i], is_tcp ? &packet : NULL, bytes, length))
            continue;
        EXPECT(is_same(&in[i], bytes, length));
        in[i].came_out = true;
        out_count++;
        return;
    }
    EXPECT(!"a packet that did not go in");
}

static void on_out(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size) {
    static uint8_t scratch[IP_PACKET_MAX];
    struct ip_packet packet;
    struct ip_offload offload;
    (void)arg;
    if (segment_size == 0) {
        on_segment(NULL, bytes, length, 0);
        return;
    }
    uint8_t *copy = exact_copy(bytes, length);
    EXPECT(ip_parse(&packet, copy, length) == IP_GOOD && packet.length == length);
    EXPECT(ip_offload_of_super(&offload, &packet, segment_size) == 0);
    EXPECT(packet_get16(copy + 36) == packet_pseudo_sum(copy, length - 20));
    EXPECT(ip_segment(&packet, &offload, 0, scratch, sizeof scratch, on_segment, NULL) > 1);
    free(copy);
}

static void feed(const uint8_t *bytes, size_t length) {
    // A packet is as long as it says, where it comes in a message.
    if (length >= 4 && bytes[0] >> 4 == 4 && packet_get16(bytes + 2) > 0 &&
        packet_get16(bytes + 2) < length)
        length = packet_get16(bytes + 2);
    struct one *one = &in[in_count++];
    uint8_t *packet = exact_copy(bytes, length);
    *one = (struct one){.bytes = packet, .length = length};
    one->is_tcp = read_tcp(&one->packet, packet, length);
    ip_coalesce(&coalescer, packet, length, on_out, NULL);
}

static struct packet_spec connections[STREAM + 1];

static void begin(void) {
    for (unsigned i = 0; i <= STREAM; i++)
        connections[i] = (struct packet_spec){
            .protocol = PACKET_TCP,
            .source = ADDRESS(10, 0, 0, 1),
            .destination = ADDRESS(198, 51, 100, 9),
            .source_port = (uint16_t)(5000 + i),
            .destination_port = 443,
            .id = (uint16_t)(0xfffc + i),
            .fragment = i % 2 != 0 ? 0x4000 : 0,
            .sequence = 0xfffff000 + 100 * i,
            .tcp_options = 12,
        };
    ip_coalescer_init(&coalescer);
    in_count = out_count = 0;
}

static void feed_segment(struct input *input, uint8_t what) {
    static const uint8_t payload[2048];
    uint8_t bytes[HEADERS + sizeof payload];
    struct packet_spec *connection = &connections[what & STREAM];
    connection->tcp_flags = (uint8_t)(TCP_ACK | ((what & PUSHES) != 0 ? 0x08 : 0));
    connection->payload = payload;
    connection->payload_length = take16(input) % sizeof payload;
    size_t length = packet_make(bytes, connection);
    connection->sequence += (uint32_t)connection->payload_length;
    connection->id++;
    if ((what & IS_CHANGED) != 0) {
        size_t at = take16(input) % length;
        bytes[at] ^= take8(input);
        if ((what & MAKE_GOOD) != 0 && packet_header_length(bytes) == 20 &&
            packet_get16(bytes + 2) == length) {
            packet_fill_header_checksum(bytes);
            packet_fill_checksum(bytes, length);
        }
    }
    feed(bytes, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    begin();
    while (input.left > 0 && in_count < PACKETS) {
        uint8_t what = take8(&input);
        const uint8_t *bytes;
        if ((what & END) != 0)
            ip_coalesce_end(&coalescer, on_out, NULL);
        if ((what & IS_BYTES) == 0) {
            feed_segment(&input, what);
            continue;
        }
        size_t length = take_bytes(&input, &bytes, take16(&input));
        if (length > 0)
            feed(bytes, length);
    }
    ip_coalesce_end(&coalescer, on_out, NULL);
    EXPECT(out_count == in_count);
    for (size_t i = 0; i < in_count; i++) free(in[i].bytes);
    return 0;
}
