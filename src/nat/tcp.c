// SPDX-License-Identifier: ISC
// The states of a connection are what has been seen of it. It is established when both sides have
// sent a SYN (in whatever order: RFC 9293 section 3.5 allows a simultaneous open) and the inside
// has acknowledged; it is closing when both have sent a FIN, or either a RST. Half-closed (one FIN)
// is established still, since the other direction may go on for hours. A SYN after the end begins a
// new life on the same endpoints, whichever side sends it (RFC 9293 section 3.6.1).
//
// A connection whose first packet here is the inside's ACK was opened before this NAT was, before a
// restart: its SYN and its handshake's ACK went by then. The outside's SYN counts as seen when the
// outside goes on with the connection too; who knows nothing of it answers with a RST instead.
//
// A RST may be forged by somebody who sees nothing of the connection. inbound.c leaves out those
// whose sequence number is not credible (compare RFC 5961 section 3); and traffic that goes on
// after a RST shows that its receiver did not heed it, and makes the connection established again.
#include "parts.h"

// Gone on with by the inside, which has acknowledged a SYN that was not seen, and not yet by the
// outside.
static bool is_taken_up(uint8_t seen) {
    return (seen & (SEEN_OUT_ACK | SEEN_IN_SYN)) == SEEN_OUT_ACK;
}

// What every packet does, wherever it comes from.
static uint8_t seen_any(uint8_t seen, uint8_t tcp_flags) {
    const uint8_t ended = SEEN_OUT_FIN | SEEN_IN_FIN;
    bool opens = (tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    if (opens && ((seen & SEEN_RST) != 0 || (seen & ended) == ended))
        return 0;
    if ((tcp_flags & TCP_RST) != 0)
        return seen | SEEN_RST;
    if ((tcp_flags & TCP_SYN) == 0)
        seen &= (uint8_t)~SEEN_RST;
    return seen;
}

uint8_t nat_tcp_seen_outbound(uint8_t seen, uint8_t tcp_flags) {
    const uint8_t taken_up = SEEN_OUT_SYN | SEEN_OUT_ACK;
    if (seen == 0 && (tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_ACK)
        seen = taken_up;
    else if (is_taken_up(seen) && (tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        seen = 0;
    seen = seen_any(seen, tcp_flags);
    if ((tcp_flags & TCP_SYN) != 0)
        seen |= SEEN_OUT_SYN;
    if ((tcp_flags & TCP_ACK) != 0 && (seen & SEEN_IN_SYN) != 0)
        seen |= SEEN_OUT_ACK;
    if ((tcp_flags & TCP_FIN) != 0)
        seen |= SEEN_OUT_FIN;
    return seen;
}

uint8_t nat_tcp_seen_inbound(uint8_t seen, uint8_t tcp_flags) {
    seen = seen_any(seen, tcp_flags);
    bool goes_on = is_taken_up(seen) && (tcp_flags & (TCP_ACK | TCP_RST)) == TCP_ACK;
    if ((tcp_flags & TCP_SYN) != 0 || goes_on)
        seen |= SEEN_IN_SYN;
    if ((tcp_flags & TCP_FIN) != 0)
        seen |= SEEN_IN_FIN;
    return seen;
}

enum nat_queue_name nat_tcp_queue(uint8_t seen) {
    const uint8_t open = SEEN_OUT_SYN | SEEN_IN_SYN | SEEN_OUT_ACK;
    const uint8_t ended = SEEN_OUT_FIN | SEEN_IN_FIN;
    if ((seen & open) != open || (seen & SEEN_RST) != 0 || (seen & ended) == ended)
        return NAT_TRANSITORY_QUEUE;
    return NAT_ESTABLISHED_QUEUE;
}
