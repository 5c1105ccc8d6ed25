// SPDX-License-Identifier: ISC
// A link in open mode: packets become messages and messages packets, in text and in binary.
#include "link_lab.h"

static const size_t lengths[] = {1, 2, 3, 20, 40, 52, 1399, 1400, 1500, 9000, 65534, 65535};

// An open link begins with text, which the oldest peers understand; one packet a message.
static void text_first(void) {
    static uint8_t packet[IP_PACKET_MAX];
    CHECK(open_link(false));
    listen_anew();
    for (size_t i = 0; i < COUNT(lengths); i++) {
        make_packet(packet, lengths[i], (uint32_t)i);
        test_row("%lu bytes", (unsigned long)lengths[i]);
        tunnel_link_queue(&end, packet, lengths[i], clock_us);
        tunnel_link_pump(&end, clock_us);
        for (int n = 0; n < 10; n++) turn();
        check_next(WS_TEXT, packet, lengths[i]);
    }
    CHECK_INT(end.packets_sent, COUNT(lengths));
    close_link();
}

// What is read, in text or in binary, sets the form of what is sent.
static void form_follows(void) {
    uint8_t packet[100];
    char text[BASE64_LENGTH(100)];
    size_t length = sizeof packet;
    CHECK(open_link(false));
    listen_anew();
    make_packet(packet, sizeof packet, 1);
    uint8_t *read = tunnel_link_read(&end, WS_BINARY, packet, &length);
    CHECK(read == packet);
    CHECK_INT(length, sizeof packet);
    tunnel_link_queue(&end, packet, sizeof packet, clock_us);
    tunnel_link_pump(&end, clock_us);
    check_next(WS_BINARY, packet, sizeof packet);
    length = base64_encode(text, packet, sizeof packet);
    read = tunnel_link_read(&end, WS_TEXT, (uint8_t *)text, &length);
    CHECK(read != NULL);
    CHECK_INT(length, sizeof packet);
    CHECK_BYTES(read, packet, sizeof packet);
    tunnel_link_queue(&end, packet, sizeof packet, clock_us);
    tunnel_link_pump(&end, clock_us);
    check_next(WS_TEXT, packet, sizeof packet);
    CHECK_INT(end.packets_received, 2);
    CHECK_INT(end.bytes_received, 200);
    CHECK_INT(end.bytes_sent, 200);
    CHECK_INT(end.bad_message, 0);
    close_link();
}

static void text_of_all_lengths(void) {
    static uint8_t packet[IP_PACKET_MAX];
    static char text[BASE64_LENGTH(IP_PACKET_MAX)];
    tunnel_link_init(&end, NULL, &queue_key, clock_us);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        make_packet(packet, lengths[i], (uint32_t)i);
        size_t length = base64_encode(text, packet, lengths[i]);
        test_row("%lu bytes", (unsigned long)lengths[i]);
        CHECK(tunnel_link_read(&end, WS_TEXT, (uint8_t *)text, &length) == (uint8_t *)text);
        CHECK_INT(length, lengths[i]);
        CHECK_BYTES(text, packet, length);
    }
}

// Neither base64 nor an IP packet: counted, and no reason to change the form.
static void bad_messages(void) {
    static uint8_t big[IP_PACKET_MAX + 1];
    static uint8_t big_text[BASE64_LENGTH(IP_PACKET_MAX + 1)];
    static const struct {
        uint8_t opcode;
        const char *data;
    } cases[] = {
        {WS_BINARY, ""},       {WS_TEXT, ""},           {WS_TEXT, "RQ"},      {WS_TEXT, "R"},
        {WS_TEXT, "****"},     {WS_TEXT, "RQA=\n"},     {WS_TEXT, "E\x80=="}, {WS_BINARY, "world"},
        {WS_BINARY, "\x01"},   {WS_BINARY, "\x50"},     {WS_BINARY, "\x3f"},  {WS_BINARY, "\x70"},
        {WS_TEXT, "d29ybGQ="}, {WS_TEXT, "AAAA"},       {WS_TEXT, "////"},    {WS_TEXT, "{}"},
        {WS_TEXT, "===="},     {WS_BINARY, "\xff\xff"},
    };
    for (int form = 0; form < 2; form++) {
        int bad = 0;
        tunnel_link_init(&end, NULL, &queue_key, clock_us);
        end.text = form != 0;
        for (size_t i = 0; i < COUNT(cases); i++) {
            size_t length = strlen(cases[i].data);
            uint8_t *copy = test_copy(cases[i].data, length);
            bool good = tunnel_link_read(&end, cases[i].opcode, copy, &length) != NULL;
            free(copy);
            test_row("case %lu, \"%s\"", (unsigned long)i, cases[i].data);
            if (i == 2) { // one byte, 0x45: as much of a packet as a link looks at
                CHECK(good);
                end.text = form != 0;
                continue;
            }
            bad++;
            CHECK(!good);
            CHECK_INT(end.bad_message, bad);
            CHECK_INT(end.text, form != 0);
        }
    }
    make_packet(big, sizeof big, 1);
    size_t length = sizeof big;
    test_row("65 536 bytes");
    CHECK(tunnel_link_read(&end, WS_BINARY, big, &length) == NULL);
    length = base64_encode((char *)big_text, big, sizeof big);
    CHECK(tunnel_link_read(&end, WS_TEXT, big_text, &length) == NULL);
    length = sizeof big - 1;
    CHECK(tunnel_link_read(&end, WS_BINARY, big, &length) == big);
    uint8_t v6[] = {0x60, 0, 0, 0};
    length = sizeof v6;
    CHECK(tunnel_link_read(&end, WS_BINARY, v6, &length) == v6);
}

static void nobody_to_carry(void) {
    uint8_t packet[100];
    make_packet(packet, sizeof packet, 1);
    tunnel_link_init(&end, NULL, &queue_key, clock_us);
    for (int i = 0; i < 5; i++) tunnel_link_queue(&end, packet, sizeof packet, clock_us);
    tunnel_link_pump(&end, clock_us);
    CHECK_INT(end.no_phone, 5);
    CHECK_INT(end.queue.count, 0);
    CHECK_INT(end.packets_sent, 0);
}

// Reads all that comes. Returns how many packets of 1400 bytes came, which are in the order of
// their numbers; `last` is the last one's.
static uint32_t read_packets(uint32_t *last) {
    uint8_t packet[1400];
    uint32_t received = 0;
    *last = 0;
    while (next_message() == WS_TEXT || (turn(), next_message()) == WS_TEXT) {
        uint32_t number;
        ptrdiff_t size = base64_decode(receiver.data, (const char *)receiver.data, receiver.length);
        if (size != sizeof packet)
            continue;
        memcpy(&number, receiver.data + 4, 4);
        if (number <= *last)
            test_fail(__FILE__, __LINE__, "%lu after %lu", (unsigned long)number,
                      (unsigned long)*last);
        *last = number;
        received++;
        make_packet(packet, sizeof packet, number);
        if (memcmp(receiver.data, packet, sizeof packet) != 0)
            test_fail(__FILE__, __LINE__, "packet %lu is altered", (unsigned long)number);
    }
    return received;
}

// A peer that reads nothing: messages are made up to a limit, the rest waits in the queue, whose
// oldest packets go when too much waits. When it reads again, the newest come, in order and whole.
static void slow_peer(void) {
    uint8_t packet[1400];
    uint32_t last;
    CHECK(open_link(false));
    listen_anew();
    for (uint32_t number = 1; number <= 3000; number++) {
        make_packet(packet, sizeof packet, number);
        tunnel_link_queue(&end, packet, sizeof packet, clock_us);
        tunnel_link_pump(&end, clock_us);
        CHECK(ws_conn_unsent(&conn) <= LINK_BATCH + BASE64_LENGTH(sizeof packet) + WS_HEAD_MAX);
        CHECK(end.queue.bytes <= QUEUE_BYTES);
    }
    CHECK(end.queue.dropped_late > 0);
    CHECK(end.queue.count > 0);
    uint32_t received = read_packets(&last);
    CHECK_INT(last, 3000);
    CHECK_INT(received, end.packets_sent);
    CHECK_INT(received + end.queue.dropped_late, 3000);
    CHECK_INT(end.queue.dropped_full, 0);
    CHECK_INT(end.queue.count, 0);
    close_link();
}

// What is too much goes from the connection that fills the queue; another's single packet, the
// oldest of all, is not lost.
static void fattest_gives_way(void) {
    static uint8_t packet[1400];
    uint8_t single[100];
    uint32_t last;
    CHECK(open_link(false));
    listen_anew();
    for (uint32_t number = 1; end.queue.dropped_late == 0; number++) {
        CHECK(number < 3000);
        make_packet(packet, sizeof packet, number);
        tunnel_link_queue(&end, packet, sizeof packet, clock_us);
        if (number == 1) {
            make_packet(single, sizeof single, number);
            single[16] ^= 1; // to another address
            tunnel_link_queue(&end, single, sizeof single, clock_us);
        }
    }
    size_t waiting = end.queue.count;
    tunnel_link_pump(&end, clock_us);
    CHECK_INT(read_packets(&last), waiting - 1);
    CHECK_INT(end.packets_sent, waiting);
    close_link();
}

// A new phone, or none: what waited for the old one is dropped and counted.
static void another_phone(void) {
    uint8_t packet[1400];
    CHECK(open_link(false));
    for (uint32_t number = 1; number <= 1000; number++) {
        make_packet(packet, sizeof packet, number);
        tunnel_link_queue(&end, packet, sizeof packet, clock_us);
        tunnel_link_pump(&end, clock_us);
    }
    size_t waiting = end.queue.count;
    CHECK(waiting > 0);
    tunnel_link_set_conn(&end, NULL, clock_us);
    CHECK_INT(end.no_phone, waiting);
    CHECK_INT(end.queue.count, 0);
    tunnel_link_queue(&end, packet, sizeof packet, clock_us);
    CHECK_INT(end.no_phone, waiting + 1);
    tunnel_link_pump(&end, clock_us);
    close_link();
}

// The phone is lost while the link sends: the pump ends, and the link is without a phone.
static void phone_lost_while_sending(void) {
    uint8_t packet[1400];
    CHECK(open_link(false));
    close(peer);
    peer = -1;
    for (uint32_t number = 1; number <= 100; number++) {
        make_packet(packet, sizeof packet, number);
        tunnel_link_queue(&end, packet, sizeof packet, clock_us);
        tunnel_link_pump(&end, clock_us);
    }
    CHECK(gone);
    CHECK(end.conn == NULL);
    CHECK_INT(end.queue.count, 0);
    CHECK(end.no_phone > 0);
    close_link();
}

int main(void) {
    TEST("a link begins with text, one packet a message, of any size", text_first);
    TEST("a link answers in the form that it last received", form_follows);
    TEST("packets of all sizes are decoded in place", text_of_all_lengths);
    TEST("messages that hold no packet are counted and change nothing", bad_messages);
    TEST("without a phone packets are dropped and counted", nobody_to_carry);
    TEST("a slow phone gets the newest packets, in order and whole", slow_peer);
    TEST("a full queue drops packets of the connection that fills it", fattest_gives_way);
    TEST("what waited for a phone that went is dropped", another_phone);
    TEST("a phone that is lost while the link sends is gone", phone_lost_while_sending);
    return test_end();
}
