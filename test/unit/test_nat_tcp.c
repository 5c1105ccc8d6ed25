// SPDX-License-Identifier: ISC
// The NAT's TCP: how connections open and close, how long they live, what a RST does, and what
// becomes of a SYN that nobody asked for (RFC 5382, RFC 7857).
#include "nat_lab.h"

#define SYN TCP_SYN
#define ACK TCP_ACK
#define FIN (TCP_FIN | TCP_ACK)
#define RST TCP_RST

static uint16_t port;

static enum nat_verdict send_out(uint8_t flags) { return out(0, tcp(5000, flags)); }

static enum nat_verdict send_in(uint8_t flags) { return in(answer(tcp(5000, flags), port)); }

// "o" and "i" for out and in, then S, A, F or R; S and A together are "B" for both.
static bool play(const char *script) {
    static const uint8_t flags[] = {
        ['S'] = SYN, ['A'] = ACK, ['F'] = FIN, ['R'] = RST, ['B'] = SYN | ACK};
    for (; script[0] != '\0'; script += script[2] == ' ' ? 3 : 2) {
        uint8_t with = flags[(uint8_t)script[1]];
        enum nat_verdict verdict = script[0] == 'o' ? send_out(with) : send_in(with);
        if (verdict != NAT_PASS)
            return false;
        if (script[0] == 'o')
            port = source_port_of(lab.sent[0].bytes);
    }
    return true;
}

static uint32_t established(void) { return nat.laptops[0].queues[NAT_ESTABLISHED_QUEUE].count; }

// How long it is kept when nothing comes any more.
static void check_lives(int64_t limit) {
    lab_wait(limit - 1);
    CHECK_INT(nat.connection_count, 1);
    lab_wait(1);
    CHECK_INT(nat.connection_count, 0);
    CHECK(is_empty());
}

static void every_opening(void) {
    static const char *const scripts[] = {
        "oS iB oA",                      // RFC 9293 section 3.5, figure 6
        "oS oS iB iB oA",                // repeated
        "oS iS oB iA",                   // simultaneous, as inside sees it: SYN, SYN, SYN+ACK
        "oS iS oB iB oA",                // simultaneous, figure 7
        "oS iS oA iA",                   // and with ACKs alone
        "oS iA oR oS iB oA",             // a half-open connection is found out, section 3.5.1
        "oS iB oA oF iA iF oA oS iB oA", // the same endpoints again
        "oS iB oA oA iA iA oA",
    };
    for (size_t i = 0; i < COUNT(scripts); i++) {
        test_row("%s", scripts[i]);
        lab_start();
        CHECK(play(scripts[i]));
        CHECK_INT(established(), 1);
        check_lives(2 * HOUR + 4 * MINUTE);
    }
}

static void not_yet_open(void) {
    static const char *const scripts[] = {"oS",    "oS iB", "oS iS",   "oA",
                                          "oA oA", "oA iR", "oS oS oS"};
    for (size_t i = 0; i < COUNT(scripts); i++) {
        test_row("%s", scripts[i]);
        lab_start();
        CHECK(play(scripts[i]));
        CHECK_INT(established(), 0);
        check_lives(4 * MINUTE);
    }
}

static void half_closed(void) {
    static const char *const scripts[] = {"oS iB oA oF iA iA iA", "oS iB oA iF oA oA oA"};
    for (size_t i = 0; i < COUNT(scripts); i++) {
        test_row("%s", scripts[i]);
        lab_start();
        CHECK(play(scripts[i]));
        lab_wait(2 * HOUR);
        CHECK(play(i == 0 ? "iA oA" : "oA iA"));
        check_lives(2 * HOUR + 4 * MINUTE);
    }
}

static void closed(void) {
    static const char *const scripts[] = {"oS iB oA oF iF oA", "oS iB oA iF oF iA",
                                          "oS iB oA oF iA iF oA", "oS iB oA oF iF"};
    for (size_t i = 0; i < COUNT(scripts); i++) {
        test_row("%s", scripts[i]);
        lab_start();
        CHECK(play(scripts[i]));
        lab_wait(3 * MINUTE);
        CHECK(play("iF oA")); // the last ACK was lost: TIME_WAIT still answers
        check_lives(4 * MINUTE);
    }
}

static void a_reset(void) {
    static const char *const scripts[] = {"oS iB oA oR", "oS iB oA iR", "oS iR"};
    for (size_t i = 0; i < COUNT(scripts); i++) {
        test_row("%s", scripts[i]);
        lab_start();
        CHECK(play(scripts[i]));
        CHECK_INT(established(), 0);
        check_lives(4 * MINUTE);
    }
}

static void a_forged_reset(void) {
    static const char *const after[] = {"oA", "iA", "iR iR oA", "oA iR iA"};
    for (size_t i = 0; i < COUNT(after); i++) {
        test_row("%s", after[i]);
        lab_start();
        CHECK(play("oS iB oA iR"));
        lab_wait(3 * MINUTE);
        CHECK(play(after[i]));
        CHECK_INT(established(), 1);
        check_lives(2 * HOUR + 4 * MINUTE);
    }
}

// Who sees nothing of a connection cannot end it: its RST has the wrong sequence number.
static void a_blind_reset(void) {
    static const uint32_t wrong[] = {65536, 1000000, 0x7fffffff, 0x80000000, UINT32_MAX};
    static const uint32_t right[] = {0, 1, 65535};
    for (size_t i = 0; i < COUNT(wrong) + COUNT(right); i++) {
        bool is_wrong = i < COUNT(wrong);
        lab_start();
        CHECK(play("oS iB oA"));
        struct packet_spec reset = answer(tcp(5000, RST), port);
        reset.sequence = is_wrong ? wrong[i] : right[i - COUNT(wrong)];
        test_row("sequence %u", (unsigned)reset.sequence);
        CHECK_INT(in(reset), NAT_PASS); // its receiver judges for itself
        CHECK_INT(established(), is_wrong);
    }
}

static void an_end_without_a_beginning(void) {
    lab_start();
    CHECK_INT(send_out(RST), NAT_NO_CONNECTION);
    CHECK_INT(send_out(RST | ACK), NAT_NO_CONNECTION);
    CHECK(is_empty());
    CHECK(play("oS"));
    CHECK_INT(out(0, to(tcp(5000, RST), OTHER, 80)), NAT_NO_CONNECTION);
    CHECK_INT(nat.connection_count, 1);
}

static void reopened_from_outside(void) {
    lab_start();
    CHECK(play("oS iB oA oF iF oA"));
    CHECK(play("iS oB iA"));
    CHECK_INT(established(), 1);
}

// A host that lost its memory opens anew on the same endpoints; its old FIN has no meaning any
// more.
static void reopened_after_half_close(void) {
    lab_start();
    CHECK(play("oS iB oA oF iA"));
    CHECK(play("oS iR oS iB oA iF oA"));
    CHECK_INT(established(), 1);
}

static void one_mapping_carries_many(void) {
    lab_start();
    CHECK(play("oS iB oA"));
    for (uint16_t i = 0; i < 50; i++)
        CHECK_INT(port_out(0, to(tcp(5000, SYN), OTHER, (uint16_t)(i + 1))), port);
    CHECK_INT(nat.mapping_count, 1);
    CHECK_INT(nat.connection_count, 51);
    lab_wait(4 * MINUTE);
    CHECK_INT(nat.mapping_count, 1);
    CHECK_INT(nat.connection_count, 1);
    CHECK_INT(port_out(0, to(tcp(5000, SYN), OTHER, 1)), port);
}

// ---- from outside ----

static void only_from_whom_it_was_opened_to(void) {
    lab_start();
    CHECK(play("oS iB oA"));
    CHECK_INT(in(from(answer(tcp(5000, ACK), port), OTHER, 443)), NAT_NO_CONNECTION);
    CHECK_INT(in(from(answer(tcp(5000, ACK), port), REMOTE, 444)), NAT_NO_CONNECTION);
    CHECK_INT(in(from(answer(tcp(5000, RST), port), OTHER, 443)), NAT_NO_CONNECTION);
    CHECK_INT(lab.count, 0);
    CHECK_INT(established(), 1);
}

static struct packet_spec stranger(uint16_t to_port) {
    return from(answer(tcp(5000, SYN), to_port), OTHER, 999);
}

static void an_unsolicited_syn(void) {
    lab_start();
    CHECK(play("oS"));
    for (int mapped = 0; mapped < 2; mapped++) {
        uint16_t to_port = mapped ? port : port == 20000 ? 20001 : 20000;
        test_row("the port is %s", mapped ? "mapped" : "free");
        enum nat_verdict verdict = in(stranger(to_port));
        uint8_t syn[40];
        memcpy(syn, lab_packet, 40);
        CHECK_INT(verdict, mapped ? NAT_NO_CONNECTION : NAT_NO_MAPPING);
        CHECK_INT(lab.count, 0);
        lab_wait(6 * SECOND - 1);
        CHECK_INT(lab.count, 0);
        lab_wait(1);
        CHECK(is_error(only(TO_WIRE), ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE));
        CHECK_INT(packet_get32(lab.sent[0].bytes + 12), OUTSIDE);
        CHECK_INT(packet_get32(lab.sent[0].bytes + 16), OTHER);
        CHECK_BYTES(lab.sent[0].bytes + 28, syn, 28);
        lab_wait(MINUTE);
        CHECK_INT(lab.count, 0);
    }
}

static void met_in_time(void) {
    lab_start();
    CHECK(play("oS"));
    CHECK_INT(in(stranger(port)), NAT_NO_CONNECTION);
    lab_wait(5 * SECOND);
    CHECK_INT(port_out(0, to(tcp(5000, SYN), OTHER, 999)), port);
    CHECK_INT(in(stranger(port)), NAT_PASS); // repeated, it comes through
    CHECK(arrives_at(0, to(stranger(port), INSIDE, 5000)));
    lab_wait(MINUTE);
    CHECK_INT(lab.count, 0);
}

static void met_by_another(void) {
    lab_start();
    CHECK(play("oS"));
    CHECK_INT(in(stranger(port)), NAT_NO_CONNECTION);
    CHECK_INT(port_out(0, to(tcp(5000, SYN), OTHER, 998)), port);
    CHECK(port_out(0, to(tcp(5001, SYN), OTHER, 999)) != port);
    lab_wait(6 * SECOND);
    CHECK(is_error(only(TO_WIRE), ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE));
}

static void only_syns_are_answered(void) {
    static const uint8_t flags[] = {ACK, SYN | ACK, RST, FIN, 0, SYN | RST};
    lab_start();
    for (size_t i = 0; i < COUNT(flags); i++) {
        struct packet_spec spec = stranger(20000);
        spec.tcp_flags = flags[i];
        CHECK_INT(in(spec), NAT_NO_MAPPING);
    }
    lab_wait(10 * SECOND);
    CHECK_INT(lab.count, 0);
}

static void syn_flood(void) {
    lab_start();
    for (uint16_t i = 0; i < 5000; i++) {
        CHECK_INT(in(from(stranger((uint16_t)(20000 + i)), OTHER + i % 7, i)), NAT_NO_MAPPING);
        CHECK_INT(lab.count, 0);
    }
    CHECK_INT(nat.mapping_count, 0);
    lab_wait(6 * SECOND);
    CHECK(lab.count > 0 && lab.count <= NAT_SYNS);
    lab_wait(6 * SECOND);
    CHECK_INT(lab.count, 0);
}

// A port that the server's own stack has is its own to answer.
static void a_syn_for_the_host(void) {
    lab_start();
    nat_ports_reserve(&nat.ports[NAT_TCP], 20022);
    CHECK_INT(in(stranger(20022)), NAT_NO_MAPPING);
    CHECK_INT(in(stranger(22)), NAT_NO_MAPPING);
    lab_wait(7 * SECOND);
    CHECK_INT(lab.count, 0);
}

// ---- hairpins ----

static void hairpin_opening(void) {
    lab_start();
    uint16_t a = port_out(1, tcp(5000, SYN)); // two mappings, each opened to somebody else
    uint16_t b = port_out(2, tcp(6000, SYN));
    struct packet_spec ab = to(tcp(5000, SYN), OUTSIDE, b);
    struct packet_spec ba = to(tcp(6000, SYN), OUTSIDE, a);
    // B has not sent to A: a SYN for it is unsolicited, and kept without a word.
    CHECK_INT(out(1, ab), NAT_NO_CONNECTION);
    CHECK_INT(lab.count, 0);
    CHECK_INT(out(2, ba), NAT_PASS);
    CHECK(arrives_at(1, to(from(ba, OUTSIDE, b), INSIDE, 5000)));
    CHECK_INT(out(1, ab), NAT_PASS);
    CHECK(arrives_at(2, to(from(ab, OUTSIDE, a), INSIDE, 6000)));
    ab.tcp_flags = ba.tcp_flags = SYN | ACK;
    CHECK_INT(out(1, ab), NAT_PASS);
    CHECK_INT(out(2, ba), NAT_PASS);
    CHECK_INT(nat.laptops[1].queues[NAT_ESTABLISHED_QUEUE].count, 1);
    CHECK_INT(nat.laptops[2].queues[NAT_ESTABLISHED_QUEUE].count, 1);
    lab_wait(MINUTE);
    CHECK_INT(lab.count, 0);
}

// A segment tells whose it is where it goes on with a connection; what begins or resets one does
// not.
static void whose_segment(void) {
    static const struct {
        uint16_t laptop, port;
        uint32_t destination;
        uint8_t protocol, flags;
        bool goes_on;
    } rows[] = {
        {1, 5000, REMOTE, PACKET_TCP, TCP_ACK, true},
        {1, 5000, REMOTE, PACKET_TCP, TCP_FIN | TCP_ACK, true},
        {1, 5000, REMOTE, PACKET_TCP, TCP_SYN, false},
        {1, 5000, REMOTE, PACKET_TCP, TCP_RST, false},
        {1, 5000, REMOTE, PACKET_TCP, TCP_RST | TCP_ACK, false},
        {1, 5000, REMOTE + 1, PACKET_TCP, TCP_ACK, false}, // the mapping, but no connection
        {1, 5001, REMOTE, PACKET_TCP, TCP_ACK, false},
        {2, 5000, REMOTE, PACKET_TCP, TCP_ACK, false}, // another laptop
        {1, 5000, REMOTE, PACKET_UDP, 0, false},
    };
    lab_start();
    CHECK(port_out(1, tcp(5000, TCP_SYN)) != 0 && port_out(1, udp(5000)) != 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t bytes[200];
        struct ip_packet packet;
        struct packet_spec spec =
            rows[i].protocol == PACKET_UDP ? udp(rows[i].port) : tcp(rows[i].port, rows[i].flags);
        spec.destination = rows[i].destination;
        test_row("row %zu", i);
        CHECK_INT(ip_parse(&packet, bytes, packet_make(bytes, &spec)), IP_GOOD);
        CHECK_INT(nat_goes_on(&nat, rows[i].laptop, &packet), rows[i].goes_on);
    }
}

int main(void) {
    TEST("a segment goes on with a connection of its laptop, or does not", whose_segment);
    TEST("RFC 5382 REQ-2: every legal opening leads to an established connection, which lives "
         "2 h 4 min (REQ-5)",
         every_opening);
    TEST("RFC 5382 REQ-5: what is not open yet lives 4 minutes", not_yet_open);
    TEST("RFC 5382 REQ-5: half-closed in either direction is established", half_closed);
    TEST("RFC 5382 REQ-5: closed, a connection lives 4 minutes, past TIME_WAIT", closed);
    TEST("RFC 7857 section 2.2: after a RST a connection lives 4 minutes", a_reset);
    TEST("RFC 7857 section 2.2: traffic after a forged RST makes the connection established again",
         a_forged_reset);
    TEST("RFC 5961 section 3: a RST outside of the window does not end a connection",
         a_blind_reset);
    TEST("a RST for no connection makes none", an_end_without_a_beginning);
    TEST("RFC 5382 REQ-2: a closed connection may open again from outside", reopened_from_outside);
    TEST("a half-closed connection whose owner opens it anew is not half-closed any more",
         reopened_after_half_close);
    TEST("RFC 5382 REQ-1: one mapping carries connections to many, and lives with the last",
         one_mapping_carries_many);
    TEST("RFC 5382 REQ-3: only whom a connection was opened to comes in by it",
         only_from_whom_it_was_opened_to);
    TEST("RFC 5382 REQ-4: an unsolicited SYN has no answer for 6 s, and then ICMP 3/3",
         an_unsolicited_syn);
    TEST("RFC 5382 REQ-4: an outbound SYN in that time lets the inbound one through, and no error",
         met_in_time);
    TEST("RFC 5382 REQ-4: an outbound SYN to or from another port does not meet it",
         met_by_another);
    TEST("nothing but a SYN is answered", only_syns_are_answered);
    TEST("a flood of SYNs has few answers and leaves nothing", syn_flood);
    TEST("a SYN for a port that is not the NAT's is not answered by it", a_syn_for_the_host);
    TEST("RFC 5382 REQ-8: a hairpin opens simultaneously, from outside endpoints", hairpin_opening);
    return test_end();
}
