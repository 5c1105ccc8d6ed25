// SPDX-License-Identifier: ISC
// Super-packets on a link: they go whole to who takes them, in smaller ones over a slow link, and
// in segments else.
#include "keyed_lab.h"
#include "super_lab.h"

#define BOTH (SESSION_TAKES_TCP_SUPER | SESSION_TAKES_UDP_SUPER)
#define SIZE 1400

static uint8_t payload[IP_PACKET_MAX];
static struct given_list direct;  // the segments that it must become
static struct given_list arrived; // what came, and
static struct given_list cut;     // its segments
static uint16_t
    next_port; // each packet from a connection of its own, so that CoDel forgets nothing

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
        if (most < (size_t)2 * TUN_MTU && flow_rate(&end.flow) / 50 >= 2 * TUN_MTU)
            most = (size_t)2 * TUN_MTU;
        queue_super(PACKET_TCP, 60000);
        make_fast();
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
    near->live = true;
    take_all();
    CHECK_INT(arrived.count, 8);
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

int main(void) {
    test_random_bytes(payload, sizeof payload);
    TEST("super-packets of a protocol go whole to who takes them, and in segments to who does not",
         what_the_peer_takes);
    TEST("the longest super-packets fit into a message each", longest);
    TEST("over a slow link super-packets are as small as passes in 10 ms", slow_links);
    TEST("without a session there are no super-packets", without_a_session);
    TEST("without phone and session a super-packet is dropped and counted", without_a_phone);
    TEST("an offload that does not fit its packet is counted", what_does_not_fit);
    return test_end();
}
