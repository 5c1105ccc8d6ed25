// SPDX-License-Identifier: ISC
// Addresses for phones: each kind of message of RFC 2131, who gets which address, and that no reply
// holds anything else.
#include "dhcp/dhcp.h"

#include "packets.h"
#include "test.h"

#define OWN   ADDRESS(192, 168, 134, 89)
#define FIRST ADDRESS(192, 168, 134, 100)
#define LAST  (FIRST + DHCP_LEASES - 1)
#define ALL   0xffffffffU
#define START 1000

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };

static struct dhcp_server server;
static struct dhcp_reply reply;
static uint8_t message[1500];
static size_t length;

static void begin(void) {
    memset(&server, 0, sizeof server);
    server.key = (struct siphash_key){1, 2};
    server.address = OWN;
    server.first = FIRST;
}

static void add(uint8_t option, const void *value, size_t size) {
    message[length++] = option;
    message[length++] = (uint8_t)size;
    memcpy(message + length, value, size);
    length += size;
}

static void add32(uint8_t option, uint32_t value) {
    uint8_t bytes[4];
    packet_put32(bytes, value);
    add(option, bytes, 4);
}

// A client's message, by RFC 2131 section 2; `who` is the last byte of its MAC. It asks for
// everything (option 55).
static void write_message(uint8_t type, uint8_t who, uint32_t has) {
    static const uint8_t everything[] = {1, 3, 6, 15, 28, 33, 42, 108, 114, 119, 121, 252};
    memset(message, 0, sizeof message);
    message[0] = 1;
    message[1] = 1;
    message[2] = 6;
    packet_put32(message + 4, 0x5eed0000U | who);
    packet_put32(message + 12, has);
    memcpy(message + 28, (uint8_t[]){2, 0, 0, 0, 0, who}, 6);
    packet_put32(message + 236, 0x63825363);
    length = 240;
    add(53, &type, 1);
    add(55, everything, sizeof everything);
}

static enum dhcp_result send_at(int64_t now_ms) {
    uint8_t *copy = test_copy(message, length);
    memset(&reply, 0xee, sizeof reply);
    enum dhcp_result result = dhcp_take(&server, &reply, copy, length, now_ms);
    free(copy);
    return result;
}

// The value of an option of the reply's, or -1.
static int64_t option_of(uint8_t wanted) {
    for (size_t at = 240; at < sizeof reply.message && reply.message[at] != 255;) {
        const uint8_t *option = reply.message + at;
        if (option[0] == wanted)
            return option[1] == 1 ? option[2] : packet_get32(option + 2);
        at += option[0] == 0 ? 1 : 2 + (size_t)option[1];
    }
    return -1;
}

static uint32_t yours(void) { return packet_get32(reply.message + 16); }

// Gets an address as a client does. Returns it, or 0.
static uint32_t get_address(uint8_t who, uint32_t wants, int64_t now_ms) {
    uint32_t address = 0;
    write_message(DISCOVER, who, 0);
    add32(50, wants);
    enum dhcp_result result = send_at(now_ms);
    if (result == DHCP_PROBE && dhcp_due_ms(&server, &address) == now_ms + DHCP_PROBE_MS)
        result = dhcp_probed(&server, &reply, address, false, now_ms + DHCP_PROBE_MS);
    if (result != DHCP_REPLY || option_of(53) != OFFER)
        return 0;
    address = yours();
    write_message(REQUEST, who, 0);
    add32(50, address);
    add32(54, OWN);
    return send_at(now_ms) == DHCP_REPLY && option_of(53) == ACK && yours() == address ? address
                                                                                       : 0;
}

// What is in a reply is what table 3 of RFC 2131 allows, and of that no more than a lease needs.
static void is_bare(uint8_t type, bool has_lease) {
    static const uint8_t lease[] = {53, 54, 1, 51, 58, 59};
    size_t want = type == NAK ? 2 : has_lease ? 6 : 3;
    size_t at = 240;
    CHECK_INT(reply.message[0], 2);
    for (size_t i = 0; i < want; i++) {
        CHECK_INT(reply.message[at], lease[i]);
        at += 2 + (size_t)reply.message[at + 1];
    }
    CHECK_INT(reply.message[at], 255);
    for (at++; at < sizeof reply.message; at++) CHECK_INT(reply.message[at], 0);
    CHECK_INT(option_of(53), type);
    CHECK_INT(option_of(54), OWN);
    CHECK_INT(packet_get32(reply.message + 20), 0); // no next server,
    CHECK_INT(packet_get32(reply.message + 24), 0); // no relay,
    for (size_t i = 44; i < 236; i++)               // no server's name and no file
        CHECK_INT(reply.message[i], 0);
    CHECK_BYTES(reply.message + 4, message + 4, 4);    // the client's transaction
    CHECK_BYTES(reply.message + 28, message + 28, 16); // and MAC
}

static void gives_one(void) {
    uint32_t address = 0;
    begin();
    write_message(DISCOVER, 1, 0);
    CHECK_INT(send_at(START), DHCP_PROBE);
    CHECK_INT(reply.to, FIRST);
    CHECK_INT(dhcp_due_ms(&server, &address), START + DHCP_PROBE_MS);
    CHECK_INT(address, FIRST);
    CHECK_INT(send_at(START + 1), DHCP_NOTHING); // again, while that goes on
    CHECK_INT(dhcp_probed(&server, &reply, address, false, START + DHCP_PROBE_MS), DHCP_REPLY);
    CHECK_INT(dhcp_due_ms(&server, &address), INT64_MAX);
    CHECK_INT(yours(), FIRST);
    CHECK_INT(reply.to, ALL);
    is_bare(OFFER, true);
    write_message(REQUEST, 1, 0);
    add32(50, FIRST);
    add32(54, OWN);
    CHECK_INT(send_at(START + 1000), DHCP_REPLY);
    is_bare(ACK, true);
    CHECK_INT(yours(), FIRST);
    CHECK_INT(option_of(1), 0xffffff00);
    CHECK_INT(option_of(51), DHCP_LEASE_S);
    CHECK_INT(option_of(58), DHCP_LEASE_S / 2);
    CHECK_INT(option_of(59), DHCP_LEASE_S - DHCP_LEASE_S / 8);
}

// What a client that has FIRST says, and what it is told (RFC 2131 section 4.3.2): the client's
// number, "ciaddr", "requested address" and "server identifier", 0 for none.
static const struct {
    const char *what;
    uint8_t who;
    uint32_t has;
    uint32_t wants;
    uint32_t asks;
    uint8_t answer; // 0: none
    uint32_t to;
} requests[] = {
    {"it renews, or rebinds", 1, FIRST, 0, 0, ACK, FIRST},
    {"it remembers its address", 1, 0, FIRST, 0, ACK, ALL},
    {"it chooses the offer again", 1, 0, FIRST, OWN, ACK, ALL},
    {"it remembers another's address", 2, 0, FIRST, 0, NAK, ALL},
    {"it renews another's address", 2, FIRST, 0, 0, NAK, ALL},
    {"it remembers an address of another network", 2, 0, ADDRESS(192, 168, 1, 5), 0, NAK, ALL},
    {"it remembers our own address", 2, 0, OWN, 0, NAK, ALL},
    {"it remembers the one before the first", 2, 0, FIRST - 1, 0, NAK, ALL},
    {"it remembers the one after the last", 2, 0, LAST + 1, 0, NAK, ALL},
    {"it renews a free one, of an earlier run", 2, FIRST + 7, 0, 0, ACK, FIRST + 7},
    {"it remembers a free one", 2, 0, LAST, 0, ACK, ALL},
    {"it chooses another server", 1, 0, FIRST, OWN + 1, 0, 0},
    {"it names no address", 1, 0, 0, 0, 0, 0},
};

static void confirms(void) {
    for (size_t i = 0; i < COUNT(requests); i++) {
        test_row("%s", requests[i].what);
        begin();
        CHECK_INT(get_address(1, 0, START), FIRST);
        write_message(REQUEST, requests[i].who, requests[i].has);
        if (requests[i].wants != 0)
            add32(50, requests[i].wants);
        if (requests[i].asks != 0)
            add32(54, requests[i].asks);
        CHECK_INT(send_at(START + 5000), requests[i].answer != 0 ? DHCP_REPLY : DHCP_NOTHING);
        if (requests[i].answer == 0)
            continue;
        is_bare(requests[i].answer, requests[i].answer == ACK);
        CHECK_INT(reply.to, requests[i].to);
        CHECK_INT(yours(), requests[i].answer == NAK ? 0
                           : requests[i].has != 0    ? requests[i].has
                                                     : requests[i].wants);
    }
}

static void keeps_addresses(void) {
    int64_t late_ms = START + 2 * (int64_t)DHCP_LEASE_S * 1000;
    begin();
    CHECK_INT(get_address(1, 0, START), FIRST);
    CHECK_INT(get_address(2, FIRST, START), FIRST + 1); // the first one is lent
    CHECK_INT(get_address(3, FIRST + 50, START), FIRST + 50);
    CHECK_INT(get_address(1, FIRST + 60, START), FIRST);
    CHECK_INT(get_address(4, FIRST, late_ms), FIRST + 2); // its holder may come back
    CHECK_INT(get_address(1, 0, late_ms), FIRST);
}

static void knows_identifiers(void) {
    begin();
    for (uint8_t who = 1; who < 4; who++) { // three MACs, and one name (RFC 2131 section 4.2)
        write_message(REQUEST, who, 0);
        add(61, "\0laptop", 7);
        add32(50, FIRST + 9);
        CHECK_INT(send_at(START), DHCP_REPLY);
        CHECK_INT(option_of(53), ACK);
    }
    write_message(REQUEST, 1, 0);
    add(61, "\0laptoq", 7);
    add32(50, FIRST + 9);
    CHECK_INT(send_at(START), DHCP_REPLY);
    CHECK_INT(option_of(53), NAK);
}

static void gives_the_oldest_away(void) {
    begin();
    for (unsigned i = 0; i < DHCP_LEASES; i++)
        CHECK_INT(get_address((uint8_t)i, 0, START + (i == 7 ? 0 : 1 + i)), FIRST + i);
    write_message(DISCOVER, 250, 0);
    CHECK_INT(send_at(START + 1000), DHCP_NOTHING); // all are lent
    int64_t late_ms = START + (int64_t)DHCP_LEASE_S * 1000;
    CHECK_INT(get_address(250, 0, late_ms), FIRST + 7);
    CHECK_INT(get_address(251, 0, late_ms), 0);
    CHECK_INT(get_address(251, 0, late_ms + 1), FIRST);
}

static void takes_back(void) {
    begin();
    CHECK_INT(get_address(1, 0, START), FIRST);
    write_message(RELEASE, 2, FIRST); // it is another's
    add32(54, OWN);
    CHECK_INT(send_at(START), DHCP_NOTHING);
    write_message(REQUEST, 3, FIRST);
    CHECK_INT(send_at(START), DHCP_REPLY);
    CHECK_INT(option_of(53), NAK);
    write_message(RELEASE, 1, FIRST);
    add32(54, OWN);
    CHECK_INT(send_at(START), DHCP_NOTHING);
    CHECK_INT(get_address(2, 0, START), FIRST + 1); // it is kept for whom it was
    CHECK_INT(get_address(1, 0, START), FIRST);
}

static void sets_aside_what_others_have(void) {
    begin();
    CHECK_INT(get_address(1, 0, START), FIRST);
    write_message(DECLINE, 2, 0);
    add32(50, FIRST); // another's
    CHECK_INT(send_at(START), DHCP_NOTHING);
    CHECK_INT(get_address(1, 0, START), FIRST);
    write_message(DECLINE, 1, 0);
    add32(50, FIRST);
    add32(54, OWN);
    CHECK_INT(send_at(START), DHCP_NOTHING);
    CHECK_INT(get_address(1, FIRST, START), FIRST + 1);
    CHECK_INT(get_address(2, FIRST, START + DHCP_CONFLICT_MS), FIRST);
}

static void probes_the_next(void) {
    begin();
    write_message(DISCOVER, 1, 0);
    CHECK_INT(send_at(START), DHCP_PROBE);
    CHECK_INT(dhcp_probed(&server, &reply, FIRST, true, START + DHCP_PROBE_MS), DHCP_PROBE);
    CHECK_INT(reply.to, FIRST + 1);
    CHECK_INT(dhcp_probed(&server, &reply, FIRST + 1, false, START + 2 * DHCP_PROBE_MS),
              DHCP_REPLY);
    CHECK_INT(yours(), FIRST + 1);
    is_bare(OFFER, true);
    CHECK_INT(get_address(2, FIRST, START + 5000), FIRST + 2);
}

static void forgets_offers(void) {
    begin();
    write_message(DISCOVER, 1, 0);
    CHECK_INT(send_at(START), DHCP_PROBE);
    CHECK_INT(dhcp_probed(&server, &reply, FIRST, false, START + DHCP_PROBE_MS), DHCP_REPLY);
    write_message(REQUEST, 2, 0);
    add32(50, FIRST);
    CHECK_INT(send_at(START + DHCP_OFFER_MS - 1), DHCP_REPLY);
    CHECK_INT(option_of(53), NAK);
    CHECK_INT(send_at(START + DHCP_OFFER_MS), DHCP_REPLY);
    CHECK_INT(option_of(53), ACK);
}

static void informs(void) {
    begin();
    write_message(INFORM, 1, FIRST + 120);
    CHECK_INT(send_at(START), DHCP_REPLY);
    CHECK_INT(reply.to, FIRST + 120);
    CHECK_INT(yours(), 0);
    is_bare(ACK, false);
    write_message(INFORM, 1, ADDRESS(8, 8, 8, 8));
    CHECK_INT(send_at(START), DHCP_NOTHING);
    write_message(INFORM, 1, 0);
    CHECK_INT(send_at(START), DHCP_NOTHING);
}

static void limits_times(void) {
    static const struct {
        uint32_t asked;
        uint32_t given;
    } cases[] = {{0, DHCP_LEASE_LEAST_S},
                 {1, DHCP_LEASE_LEAST_S},
                 {60, 60},
                 {DHCP_LEASE_S, DHCP_LEASE_S},
                 {0xffffffff, DHCP_LEASE_S}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("%lu s", (unsigned long)cases[i].asked);
        begin();
        write_message(REQUEST, 1, 0);
        add32(50, FIRST);
        add32(51, cases[i].asked);
        CHECK_INT(send_at(START), DHCP_REPLY);
        CHECK_INT(option_of(51), cases[i].given);
    }
}

static void broadcasts(void) {
    begin();
    write_message(REQUEST, 1, 0);
    message[10] = 0x80;
    message[11] = 0x01; // must be zero, and is ignored
    add32(50, FIRST);
    CHECK_INT(send_at(START), DHCP_REPLY);
    CHECK_INT(packet_get16(reply.message + 10), 0x8000);
    CHECK_INT(reply.to, ALL);
}

static void drops_nonsense(void) {
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
    } cases[] = {
        {"a reply", 0, 2},
        {"not Ethernet", 1, 6},
        {"a MAC of 16 bytes", 2, 16},
        {"another cookie", 239, 1},
        {"a relay's", 24, 192},
        {"a type that is none", 242, 9},
        {"type 0", 242, 0},
        {"an OFFER", 242, OFFER},
        {"an ACK", 242, ACK},
        {"a type of 2 bytes", 241, 2},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("%s", cases[i].what);
        begin();
        write_message(DISCOVER, 1, 0);
        message[cases[i].at] = cases[i].value;
        CHECK_INT(send_at(START), DHCP_NOTHING);
    }
    begin();
    write_message(REQUEST, 1, 0);
    add32(50, FIRST);
    size_t whole = length;
    for (length = 0; length < whole; length++) {
        test_row("%u bytes", (unsigned)length);
        CHECK_INT(send_at(START), DHCP_NOTHING);
    }
    message[length++] = 0; // padding, and nothing behind it
    CHECK_INT(send_at(START), DHCP_REPLY);
    message[length++] = 12;
    CHECK_INT(send_at(START), DHCP_NOTHING); // an option without a length
}

static void finds_others(void) {
    uint8_t discover[DHCP_MESSAGE];
    const uint64_t random = UINT64_C(0x1122334455667788);
    begin();
    dhcp_make_discover(discover, random);
    CHECK_INT(dhcp_is_offer(discover, sizeof discover, random), false);
    CHECK_INT(dhcp_take(&server, &reply, discover, sizeof discover, START), DHCP_PROBE);
    CHECK_INT(dhcp_probed(&server, &reply, FIRST, false, START), DHCP_REPLY);
    CHECK_INT(reply.to, ALL);
    CHECK_INT(dhcp_is_offer(reply.message, sizeof reply.message, random), true);
    CHECK_INT(dhcp_is_offer(reply.message, sizeof reply.message, random + 1), false);
    CHECK_INT(dhcp_is_offer(reply.message, 239, random), false);
}

int main(void) {
    TEST("a client gets an address after a probe, and nothing beside it", gives_one);
    TEST("REQUEST is answered by what the client has and wants (section 4.3.2)", confirms);
    TEST("an address is kept for the client that had it", keeps_addresses);
    TEST("a client is known by its identifier, else by its MAC", knows_identifiers);
    TEST("of a full table the lease that ended first is given away", gives_the_oldest_away);
    TEST("RELEASE gives an address back, to be kept for the client", takes_back);
    TEST("DECLINE sets an address aside for some time", sets_aside_what_others_have);
    TEST("an address that a host has is not offered, and the next one is probed", probes_the_next);
    TEST("an offer that nobody takes is forgotten", forgets_offers);
    TEST("INFORM is told the mask alone, and only in this network", informs);
    TEST("a lease may be shorter than ours, and not longer", limits_times);
    TEST("the broadcast flag comes back", broadcasts);
    TEST("what is no client's message is dropped", drops_nonsense);
    TEST("another server's offer is known by its number", finds_others);
    return test_end();
}
