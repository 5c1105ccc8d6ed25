// SPDX-License-Identifier: ISC
// The server's own resolver, lent to laptops at an address inside the tether: it may lie where they
// may not go otherwise, such as 169.254.169.253 (Amazon's).
#include "nat_lab.h"

#define INNER  ADDRESS(192, 0, 0, 3)
#define CLOUDS ADDRESS(169, 254, 169, 253)

static void start_lending(uint32_t resolver) {
    struct nat_config config = lab_config();
    config.inside_resolver = INNER;
    config.resolver = resolver;
    config.own_addresses[0] = ADDRESS(10, 9, 8, 7);
    lab_start_with(&config);
}

static struct packet_spec query(struct packet_spec spec) { return to(spec, INNER, 53); }

static void there_and_back(void) {
    const struct packet_spec kinds[] = {udp(4000), tcp(4000, TCP_SYN)};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        start_lending(CLOUDS);
        uint16_t port = port_out(2, query(kinds[i]));
        CHECK(port != 0);
        CHECK(is_sent(TO_WIRE, from(to(kinds[i], CLOUDS, 53), OUTSIDE, port)));
        struct packet_spec back = answer(to(kinds[i], CLOUDS, 53), port);
        back.tcp_flags = TCP_SYN | TCP_ACK;
        CHECK_INT(in(back), NAT_PASS);
        CHECK(arrives_at(2, from(to(back, INSIDE, 4000), INNER, 53)));
    }
}

// A large answer comes in fragments; each of them is from the address that was asked.
static void fragments(void) {
    start_lending(CLOUDS);
    uint16_t port = port_out(0, query(udp(4000)));
    struct packet_spec back = answer(to(udp(4000), CLOUDS, 53), port);
    back.payload_length = 1200;
    back.id = 77;
    back.fragment = MORE_FRAGMENTS;
    CHECK_INT(in(back), NAT_PASS);
    CHECK_INT(packet_get32(only(TO_LAPTOP)->bytes + 12), INNER);
    back.payload_length = 400;
    back.fragment = 1208 / 8; // the last one
    CHECK_INT(in(back), NAT_PASS);
    CHECK_INT(packet_get32(only(TO_LAPTOP)->bytes + 12), INNER);
    CHECK(packet_header_checksum_is_good(only(TO_LAPTOP)->bytes));
}

static void nothing_else(void) {
    start_lending(CLOUDS);
    CHECK_INT(out(0, to(udp(4000), INNER, 80)), NAT_REFUSED);
    CHECK_INT(out(0, to(tcp(4000, TCP_SYN), INNER, 80)), NAT_REFUSED);
    CHECK_INT(out(0, to(echo(4000), INNER, 0)), NAT_REFUSED);
    CHECK_INT(out(0, to(udp(4000), CLOUDS, 53)), NAT_REFUSED); // by its own address
    CHECK_INT(out(0, to(udp(4000), CLOUDS + 1, 53)), NAT_REFUSED);
    start_lending(0);
    CHECK_INT(out(0, query(udp(4000))), NAT_REFUSED);
}

// Who answers from elsewhere is not taken for the resolver.
static void others_answer(void) {
    start_lending(CLOUDS);
    uint16_t port = port_out(0, query(udp(4000)));
    struct packet_spec back = from(answer(udp(4000), port), OTHER, 53);
    CHECK_INT(in(back), NAT_PASS); // as UDP from anybody is (RFC 4787 REQ-8)
    CHECK(arrives_at(0, from(to(back, INSIDE, 4000), OTHER, 53)));
    back = from(back, CLOUDS, 5353);
    CHECK_INT(in(back), NAT_PASS);
    CHECK(arrives_at(0, from(to(back, INSIDE, 4000), CLOUDS, 5353)));
}

static void on_the_host_itself(void) {
    start_lending(ADDRESS(10, 9, 8, 7));
    CHECK_INT(out(0, query(udp(4000))), NAT_PASS);
    CHECK(only(TO_HOST) != NULL);
    struct packet_spec back = udp(53);
    back.source = ADDRESS(10, 9, 8, 7);
    back = to(back, HOST, source_port_of(only(TO_HOST)->bytes));
    CHECK_INT(from_host(back), NAT_PASS);
    CHECK(arrives_at(0, from(to(back, INSIDE, 4000), INNER, 53)));
}

// How many of so many queries pass.
static unsigned passing(uint16_t laptop, unsigned count) {
    unsigned passed = 0;
    for (unsigned i = 0; i < count; i++)
        passed += out(laptop, query(udp((uint16_t)(1024 + i)))) == NAT_PASS;
    return passed;
}

static void so_many(void) {
    start_lending(CLOUDS);
    CHECK_INT(passing(0, 3 * NAT_QUERIES), NAT_QUERIES);
    CHECK_INT(nat.dropped[NAT_MANY_QUERIES], 2 * NAT_QUERIES);
    CHECK_INT(passing(1, 10), 10);                          // another laptop is not held back
    CHECK_INT(out(0, udp(9999)), NAT_PASS);                 // nor is what goes elsewhere,
    CHECK_INT(out(0, query(tcp(9999, TCP_ACK))), NAT_PASS); // or belongs to what has begun
    CHECK_INT(out(0, query(tcp(9998, TCP_SYN))), NAT_MANY_QUERIES);
    lab_wait(SECOND);
    CHECK_INT(passing(0, 3 * NAT_QUERIES), NAT_QUERIES_PER_SECOND);
    lab_wait(MINUTE);
    CHECK_INT(passing(0, 3 * NAT_QUERIES), NAT_QUERIES);
}

int main(void) {
    TEST("a query goes to the server's resolver, and its answer comes from where it was sent",
         there_and_back);
    TEST("an answer in fragments does, too", fragments);
    TEST("nothing else goes that way, and nobody goes there by another", nothing_else);
    TEST("answers from elsewhere keep their source", others_answer);
    TEST("the resolver may be an address of the server's own", on_the_host_itself);
    TEST("each laptop may ask so much, and no more", so_many);
    return test_end();
}
