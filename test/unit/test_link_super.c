// SPDX-License-Identifier: ISC
// Super-packets on a link: they go whole to who takes them, in smaller ones over a slow link, and
// in segments else.
#include "keyed_lab.h"
#include "super_lab.h"
#include "tunnel/mode.h"

#define BOTH (SESSION_TAKES_TCP_SUPER | SESSION_TAKES_UDP_SUPER)
#define SIZE 1400

static uint8_t payload[IP_PACKET_MAX];
static struct given_list direct;  // the segments that it must become
static struct given_list arrived; // what came, and
static struct given_list cut;     // its segments
static uint16_t
    next_port; // each packet from a connection of its own, so that none is joined to another

// Queues a super-packet; what it must become is added to `direct`.
static void queue_super(uint8_t protocol, size_t payload_length) {
    static uint8_t bytes[IP_PACKET_MAX];
    static uint8_t scratch[IP_PACKET_MAX];
    struct packet_spec spec = {
        .protocol = protocol,
        .source = ADDRESS(10, 0, 0, 1),
        .destination = ADDRESS(198, 51, 100, 9),
        .source_port = next_port++,
        .destination_port = 443,
        .tcp_flags = TCP_ACK | TCP_PSH_FLAG,
        .payload = payload,
        .payload_length = payload_length,
    };
    struct ip_packet packet;
    struct ip_offload offload;
    size_t length = packet_make(bytes, &spec);
    packet_fill_partial_checksum(bytes, length);
    uint8_t *copy = test_copy(bytes, length);
    CHECK_INT(ip_parse(&packet, copy, length), IP_GOOD);
    CHECK_INT(ip_offload_of_super(&offload, &packet, SIZE), 0);
    packet.partial_checksum = true;
    CHECK(ip_segment(&packet, &offload, 0, scratch, sizeof scratch, given_add, &direct) > 1);
    tunnel_link_queue_offloaded(&end, &packet, &offload, clock_us);
    free(copy);
}

static void take_records(uint8_t *bytes, size_t length) {
    struct record record;
    while (length > 0) {
        struct ip_packet packet;
        struct ip_offload offload;
        size_t used = record_read(&record, bytes, length);
        CHECK(used > 0);
        if (record.type == RECORD_PACKET) {
            given_add(&arrived, record.bytes, record.length, 0);
        } else if (record.type == RECORD_SUPER_PACKET) {
            CHECK_INT(super_packet_read(&packet, &offload, &record), 0);
            given_add(&arrived, packet.bytes, packet.length, offload.segment_size);
        }
        bytes += used;
        length -= used;
    }
}

// All that was queued arrives, is acknowledged, and cut again.
static void take_all(void) {
    tunnel_link_pump(&end, clock_us);
    for (int n = 0; n < 500 && end.queue.count + ws_conn_unsent(&conn) > 0; n++, turn()) {
        size_t length;
        uint8_t *records;
        while ((records = next_sealed(end.text ? WS_TEXT : WS_BINARY, &length)) != NULL) {
            take_records(records, length);
            acknowledge_newest();
        }
    }
    size_t length;
    uint8_t *records;
    while ((records = next_sealed(end.text ? WS_TEXT : WS_BINARY, &length)) != NULL)
        take_records(records, length);
    given_cut(&arrived, 0, &cut);
}

static bool begin(uint8_t peer_takes) {
    given_clear(&direct);
    given_clear(&arrived);
    next_port = 40000;
    if (!open_link(true))
        return false;
    listen_anew();
    begin_session();
    near->peer_takes = peer_takes;
    make_fast();
    return true;
}

static void what_the_peer_takes(void) {
    static const struct {
        uint8_t takes, protocol;
        size_t arrive;
    } cases[] = {
        {0, PACKET_TCP, 8},
        {SESSION_TAKES_TCP_SUPER, PACKET_TCP, 1},
        {SESSION_TAKES_UDP_SUPER, PACKET_TCP, 8},
        {BOTH, PACKET_TCP, 1},
        {0, PACKET_UDP, 8},
        {SESSION_TAKES_TCP_SUPER, PACKET_UDP, 8},
        {SESSION_TAKES_UDP_SUPER, PACKET_UDP, 1},
        {BOTH, PACKET_UDP, 1},
        {(uint8_t)~BOTH, PACKET_TCP, 8}, // of a later version
        {(uint8_t)~BOTH, PACKET_UDP, 8},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int form = 0; form < 2; form++) {
            test_row("flags %02x, protocol %u, form %d", cases[i].takes, cases[i].protocol, form);
            CHECK(begin(cases[i].takes));
            end.text = form != 0;
            queue_super(cases[i].protocol, 10000);
            take_all();
            CHECK_INT(arrived.count, cases[i].arrive);
            CHECK(given_same(&cut, &direct));
            CHECK_INT(end.packets_sent, cases[i].arrive);
            CHECK_INT(end.super_packets_sent, cases[i].arrive == 1);
            CHECK_INT(end.bad_offload, 0);
            close_link();
        }
    }
}

// The longest there are, some at once: each is a message of its own, in either form.
static void longest(void) {
    for (int form = 0; form < 2; form++) {
        test_row("form %d", form);
        CHECK(begin(BOTH));
        end.text = form != 0;
        for (int i = 0; i < 3; i++) {
            queue_super(PACKET_TCP, IP_PACKET_MAX - 40);
            queue_super(PACKET_UDP, IP_PACKET_MAX - 28);
        }
        take_all();
        CHECK_INT(arrived.count, 6);
        CHECK_INT(end.super_packets_sent, 6);
        CHECK_INT(end.messages_sent, 6);
        given_cut(&arrived, 0, &cut);
        CHECK_INT(cut.count, direct.count);
        close_link();
    }
}

// A slow link gets smaller ones, that pass in 10 ms each, or of two segments that pass in 20; the
// slowest, segments. Before anything is known of it they are segments too.
static void slow_links(void) {
    static const int64_t rates[] = {0,       10000,   500000,   1200000,
                                    2000000, 5000000, 20000000, 100000000};
    size_t fewest = SIZE_MAX;
    for (size_t i = 0; i < COUNT(rates); i++) {
        test_row("%ld bytes a second", (long)rates[i]);
        CHECK(begin(BOTH));
        if (rates[i] > 0)
            make_rate((size_t)(rates[i] / 100), 10000);
        else
            flow_init(&end.flow, clock_us);
        size_t most = (size_t)(flow_rate(&end.flow) / 100);
        for (int segments = 2; segments <= 6; segments += 2) // nobody has hurried for a second
            if (flow_rate(&end.flow) * segments / 100 >= segments * TUN_MTU)
                most = most < (size_t)segments * TUN_MTU ? (size_t)segments * TUN_MTU : most;
        queue_super(PACKET_TCP, 60000);
        make_fast();
        near->peer_takes = 0; // so that they stay as they were queued
        take_all();
        CHECK(given_same(&cut, &direct));
        for (size_t k = 0; k < arrived.count; k++) {
            CHECK(arrived.items[k].length <= most || arrived.items[k].segment_size == 0);
            if (k + 1 < arrived.count && most > SIZE) // as many segments as fit
                CHECK(arrived.items[k].length + SIZE > most);
        }
        CHECK(arrived.count <= fewest);
        fewest = arrived.count;
        if (i < 2)
            CHECK_INT(arrived.count, direct.count);
        close_link();
    }
    CHECK_INT(fewest, 1);
}

// In open mode, and before there are keys, nobody has said what he takes.
static void without_a_session(void) {
    static uint8_t decoded[IP_PACKET_MAX];
    given_clear(&direct);
    given_clear(&arrived);
    CHECK(open_link(false));
    listen_anew();
    queue_super(PACKET_TCP, 10000);
    queue_super(PACKET_UDP, 10000);
    tunnel_link_pump(&end, clock_us);
    for (int n = 0; n < 100; n++, turn()) {
        while (next_message() == WS_TEXT) {
            ptrdiff_t length = base64_decode(decoded, (const char *)receiver.data, receiver.length);
            CHECK(length > 0);
            given_add(&arrived, decoded, (size_t)length, 0);
        }
    }
    CHECK_INT(arrived.count, direct.count);
    CHECK_INT(end.packets_sent, 16);
    CHECK_INT(end.super_packets_sent, 0);
    close_link();

    CHECK(begin(BOTH));
    near->live = false;
    queue_super(PACKET_TCP, 10000);
    CHECK_INT(end.queue.count, 8);
    near->live = true;
    take_all();
    CHECK_INT(arrived.count, 8); // a fast link does not join them
    CHECK(given_same(&cut, &direct));
    close_link();
}

static void without_a_phone(void) {
    CHECK(begin(BOTH));
    tunnel_link_set_conn(&end, NULL, clock_us);
    queue_super(PACKET_TCP, 10000);
    CHECK_INT(end.no_phone, 0); // it waits for the next one
    size_t waiting = end.queue.count;
    CHECK(waiting > 0);
    near->live = false;
    queue_super(PACKET_TCP, 10000);
    CHECK_INT(end.no_phone, 1);
    CHECK_INT(end.queue.count, waiting);
    close_link();
}

static void what_does_not_fit(void) {
    uint8_t bytes[100];
    struct packet_spec spec = {.protocol = PACKET_TCP, .payload = payload, .payload_length = 60};
    const struct ip_offload beyond = {true, 20, 99, 0};
    struct ip_packet packet;
    CHECK(begin(BOTH));
    size_t length = packet_make(bytes, &spec);
    CHECK_INT(ip_parse(&packet, bytes, length), IP_GOOD);
    tunnel_link_queue_offloaded(&end, &packet, &beyond, clock_us);
    CHECK_INT(end.bad_offload, 1);
    CHECK_INT(end.queue.count, 0);
    close_link();
}

// ---- Segments that wait side by side.

enum change {
    NONE,
    PUSHES,
    ACKNOWLEDGES,
    IS_WRONG,
    IS_LATER,
    IS_SHORT,
    IS_SUPER,
    COMES_AGAIN,
    HAS_OPTION
};

// Segments of a laptop's connection from this port, which come one behind the other.
static struct packet_spec stream_from(uint16_t port) {
    return (struct packet_spec){
        .protocol = PACKET_TCP,
        .source = ADDRESS(10, 0, 0, 1),
        .destination = ADDRESS(198, 51, 100, 9),
        .source_port = port,
        .destination_port = 443,
        .fragment = 0x4000,
        .payload = payload,
    };
}

// Queues the next segment of a connection, which differs from those before in something.
static void queue_next(struct packet_spec *stream, enum change change) {
    static uint8_t bytes[IP_PACKET_MAX];
    static uint8_t scratch[IP_PACKET_MAX];
    static uint32_t now;
    struct ip_packet packet;
    struct ip_offload offload = {.segment_size = 0};
    stream->payload_length = change == IS_SUPER ? 3 * SIZE : change == IS_SHORT ? SIZE / 2 : SIZE;
    stream->sequence += change == IS_LATER ? SIZE : 0;
    stream->tcp_flags = change == PUSHES ? TCP_ACK | TCP_PSH_FLAG : TCP_ACK;
    size_t length = packet_make(bytes, stream);
    bytes[31] ^= change == ACKNOWLEDGES; // of the acknowledgment
    if (stream->tcp_options == 12) {     // timestamps (RFC 7323 appendix A), each a new one
        packet_put32(bytes + 40, 0x0101080a);
        packet_put32(bytes + 44, ++now);
    }
    if (change == HAS_OPTION) // another one in their place
        bytes[42] = 19;
    if (change == IS_SUPER)
        packet_fill_partial_checksum(bytes, length);
    else
        packet_fill_checksum(bytes, length);
    bytes[length - 1] ^= change == IS_WRONG;
    CHECK_INT(ip_parse(&packet, bytes, length), IP_GOOD);
    if (change == IS_SUPER) {
        packet.partial_checksum = true;
        CHECK_INT(ip_offload_of_super(&offload, &packet, SIZE), 0);
    }
    tunnel_link_queue_offloaded(&end, &packet, &offload, clock_us);
    CHECK(ip_segment(&packet, &offload, 0, scratch, sizeof scratch, given_add, &direct) > 0);
    stream->sequence += (uint32_t)stream->payload_length;
}

// The same segments but for their PSH and time, and so for their checksums, which are right or
// wrong as they were.
static bool same_but_push(const struct given_list *a, const struct given_list *b) {
    for (size_t i = 0; i < a->count && a->count == b->count; i++) {
        struct given *x = &((struct given_list *)(uintptr_t)a)->items[i];
        struct given *y = &((struct given_list *)(uintptr_t)b)->items[i];
        bool good = packet_checksum_is_good(x->bytes);
        if (x->length != y->length || good != packet_checksum_is_good(y->bytes))
            return false;
        x->bytes[33] &= (uint8_t)~TCP_PSH_FLAG;
        y->bytes[33] &= (uint8_t)~TCP_PSH_FLAG;
        x->bytes[36] = x->bytes[37] = y->bytes[36] = y->bytes[37] = 0;
        x->bytes[10] = x->bytes[11] = y->bytes[10] = y->bytes[11] = 0;
        if (x->bytes[32] == 0x80) // a TCP header of 32 bytes
            memcpy(x->bytes + 44, y->bytes + 44, 4);
        x->bytes[4] = x->bytes[5] = y->bytes[4] = y->bytes[5] = 0; // may not be fragmented
        if (memcmp(x->bytes, y->bytes, x->length) != 0)
            return false;
    }
    return a->count == b->count;
}

static const struct {
    enum change changes[4];
    uint8_t takes;
    size_t records;
    uint8_t options; // bytes
} joins[] = {
    {{NONE, NONE, NONE, NONE}, BOTH, 1, 0},
    {{NONE, NONE, NONE, NONE}, SESSION_TAKES_UDP_SUPER, 4, 0},
    {{PUSHES, PUSHES, NONE, PUSHES}, BOTH, 1, 0}, // no boundary (RFC 9293 section 3.9.1.2)
    {{IS_SUPER, NONE, IS_SUPER, NONE}, BOTH, 1, 0},
    {{NONE, IS_SUPER, NONE, IS_SHORT}, BOTH, 1, 0},
    {{NONE, IS_SHORT, NONE, NONE}, BOTH, 2, 0},
    {{NONE, NONE, ACKNOWLEDGES, NONE}, BOTH, 3, 0},
    {{NONE, IS_WRONG, NONE, NONE}, BOTH, 3, 0}, // it stays wrong
    {{IS_WRONG, NONE, NONE, NONE}, BOTH, 2, 0},
    {{NONE, NONE, IS_LATER, NONE}, BOTH, 2, 0},
    {{ACKNOWLEDGES, IS_WRONG, IS_SUPER, IS_LATER}, BOTH, 4, 0},
    {{NONE, NONE, IS_SUPER, NONE}, BOTH, 1, 12}, // RFC 7323 section 4.3
    {{NONE, NONE, HAS_OPTION, NONE}, BOTH, 3, 12},
};

// Of a connection's segments that wait, those leave as one that one header does for.
static void side_by_side(void) {
    for (size_t i = 0; i < COUNT(joins); i++) {
        test_row("case %lu", (unsigned long)i);
        CHECK(begin(joins[i].takes));
        make_rate(15000, 10000);
        struct packet_spec stream = stream_from(1);
        stream.sequence = 0xfffff000;
        stream.tcp_options = joins[i].options;
        for (int n = 0; n < 4; n++) queue_next(&stream, joins[i].changes[n]);
        take_all();
        CHECK(joins[i].options == 0 ||
              memcmp(arrived.items[0].bytes + 44, direct.items[0].bytes + 44, 4) == 0);
        CHECK_INT(arrived.count, joins[i].records);
        CHECK_INT(end.packets_sent, joins[i].records);
        CHECK(same_but_push(&cut, &direct));
        close_link();
    }
}

// A small packet that pushes; or of one that does not, such as an acknowledgement.
static void queue_small(bool pushes) {
    struct packet_spec spec = stream_from(2);
    spec.tcp_flags = pushes ? TCP_ACK | TCP_PSH_FLAG : TCP_ACK;
    spec.payload_length = 20;
    static uint8_t bytes[100];
    tunnel_link_queue(&end, bytes, packet_make(bytes, &spec), clock_us);
    tunnel_link_pump(&end, clock_us);
}

// On a slow link messages are of six segments while nobody hurries, and of two for a second after
// a keystroke.
static void calm_and_hurry(void) {
    struct packet_spec stream = stream_from(1);
    static const struct {
        bool pushes;
        int64_t after_us;
        size_t segments;
    } cases[] = {{true, 990000, 2}, {true, 1000001, 6}, {false, 0, 6}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length = 0, longest = 0;
        test_row("case %lu", (unsigned long)i);
        CHECK(begin(BOTH));
        make_rate(2000, 10000);
        queue_small(cases[i].pushes);
        clock_us += cases[i].after_us;
        queue_small(false); // it is looked at when something is sent
        while (next_sealed(WS_BINARY, &length) != NULL) acknowledge_newest();
        for (int n = 0; n < 8; n++) queue_next(&stream, NONE);
        tunnel_link_pump(&end, clock_us);
        while (next_sealed(WS_BINARY, &length) != NULL)
            longest = longest > length ? longest : length;
        CHECK_INT(longest, SUPER_PACKET_HEAD + 40 + cases[i].segments * SIZE);
        close_link();
    }
}

// A connection whose segments are taken together gives way to the others for as long.
static void turns_stay_fair(void) {
    size_t of[2] = {0, 0};
    struct packet_spec streams[2];
    CHECK(begin(BOTH));
    for (int f = 0; f < 2; f++) streams[f] = stream_from((uint16_t)(1 + f));
    for (int n = 0; n < 100; n++) {
        queue_next(&streams[0], NONE);
        queue_next(&streams[1], n % 2 == 0 ? NONE : IS_LATER); // two at a time
    }
    for (int n = 0; n < 12; n++) {
        bool hurries;
        struct record record;
        size_t length = tunnel_take_packets(&end, end.message, 8 * SIZE, true, &hurries);
        CHECK(length > 6 * SIZE);
        for (size_t at = 0; at < length;) {
            size_t used = record_read(&record, end.message + at, length - at);
            size_t head = record.type == RECORD_SUPER_PACKET ? 2 : 0;
            of[record.bytes[head + 21] - 1] += used;
            at += used;
        }
    }
    CHECK_INT(end.queue.dropped_late, 0);
    CHECK(of[0] > of[1] - 10 * SIZE && of[0] < of[1] + 10 * SIZE);
    close_link();
}

int main(void) {
    test_random_bytes(payload, sizeof payload);
    TEST("super-packets of a protocol go whole to who takes them, and in segments to who does not",
         what_the_peer_takes);
    TEST("the longest super-packets fit into a message each", longest);
    TEST("over a slow link super-packets are as small as passes in 10 ms", slow_links);
    TEST("without a session there are no super-packets", without_a_session);
    TEST("without phone and session a super-packet is dropped and counted", without_a_phone);
    TEST("an offload that does not fit its packet is counted", what_does_not_fit);
    TEST("segments of a connection that wait side by side leave as one", side_by_side);
    TEST("on a slow link a message has six of them for as long as nobody hurries", calm_and_hurry);
    TEST("those who wait beside them get their share", turns_stay_fair);
    return test_end();
}
