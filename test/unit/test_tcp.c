// SPDX-License-Identifier: ISC
// What the NAT makes of TCP flags (RFC 5382, RFC 7857).
#include "nat/parts.h"

#include "test.h"

#define SYN TCP_SYN
#define ACK TCP_ACK
#define FIN TCP_FIN
#define RST TCP_RST

// A story: each step is '>' (outbound) or '<' (inbound) and letters for its flags, and after it 't'
// or 'e' for the queue that the connection must wait in.
static const struct {
    const char *what;
    const char *steps;
} stories[] = {
    {"three-way handshake (RFC 9293 section 3.5)", ">St <SAt >Ae >Ae <Ae"},
    {"the handshake's last ACK carries a FIN", ">St <SAt >AFe <Ae <FAt"},
    {"repeated SYN", ">St >St <SAt <SAt >Ae"},
    {"an ACK before the other side's SYN is no answer to it", ">St >At <SAt >Ae"},
    {"a SYN alone is never established", ">St >At >At"},
    {"data from outside does not establish", ">St <At <At"},
    {"SYN answered by RST", ">St <RAt"},
    {"simultaneous open", ">St <St >SAe <SAe"},
    {"closed from inside", ">St <SAt >Ae >FAe <Ae <FAt >At"},
    {"closed from outside", ">St <SAt >Ae <FAe >Ae >FAt <At"},
    {"both close at once", ">St <SAt >Ae >FAe <FAt >At <At"},
    {"half closed goes on", ">St <SAt >Ae >FAe <Ae <Ae >Ae <Ae"},
    {"reset from inside", ">St <SAt >Ae >RAt"},
    {"a reset that nobody heeds changes nothing", ">St <SAt >Ae <Rt >Ae <Ae"},
    {"resets from both sides", ">St <SAt >Ae <Rt >Rt"},
    {"a new SYN after both FINs begins anew", ">St <SAt >Ae >FAe <FAt >At >St <SAt >Ae"},
    {"a new SYN after a reset begins anew", ">St <SAt >Ae <Rt >St <SAt >Ae"},
    {"a new SYN in an established connection changes nothing", ">St <SAt >Ae >Se <Ae"},
    {"a SYN from outside after the end begins anew", ">St <SAt >Ae >FAe <FAt <St >SAe <Ae"},
    {"taken up in its middle, it is established when the outside goes on too", ">At >At <Ae >Ae"},
    {"taken up in its middle, which the outside knows nothing of", ">At <Rt >At <RAt >St <SAt >Ae"},
    {"taken up in its middle, and opened anew", ">At >St <SAt >Ae"},
    {"taken up at its end", ">FAt <Ae <FAt >At"},
    {"taken up when the outside has sent its FIN", ">At <FAe >Ae >FAt <At"},
    {"a packet without ACK takes nothing up", ">Ft <At"},
    {"a RST before anything", ">Rt"},
};

static uint8_t flags_of(const char **at) {
    uint8_t flags = 0;
    for (;; (*at)++) {
        switch (**at) {
        case 'S': flags |= SYN; break;
        case 'A': flags |= ACK; break;
        case 'F': flags |= FIN; break;
        case 'R': flags |= RST; break;
        default: return flags;
        }
    }
}

static void all_stories(void) {
    for (size_t i = 0; i < COUNT(stories); i++) {
        uint8_t seen = 0;
        int step = 0;
        for (const char *at = stories[i].steps; *at != '\0'; step++) {
            bool outbound = *at++ == '>';
            uint8_t flags = flags_of(&at);
            seen =
                outbound ? nat_tcp_seen_outbound(seen, flags) : nat_tcp_seen_inbound(seen, flags);
            test_row("%s, step %d", stories[i].what, step);
            CHECK_INT(nat_tcp_queue(seen),
                      *at == 'e' ? NAT_ESTABLISHED_QUEUE : NAT_TRANSITORY_QUEUE);
            at++;
            at += *at == ' ';
        }
    }
}

// Whatever comes from outside, it never establishes a connection that the inside did not answer.
static void the_outside_cannot_establish(void) {
    for (int i = 0; i < 10000; i++) {
        uint8_t seen = nat_tcp_seen_outbound(0, SYN);
        for (int step = 0; step < 8; step++) {
            seen = nat_tcp_seen_inbound(seen, (uint8_t)test_random());
            CHECK_INT(nat_tcp_queue(seen), NAT_TRANSITORY_QUEUE);
        }
    }
}

int main(void) {
    TEST("connections open, live and end as the RFCs tell", all_stories);
    TEST("the outside alone cannot make a connection established", the_outside_cannot_establish);
    return test_end();
}
