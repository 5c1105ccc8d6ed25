// SPDX-License-Identifier: ISC
// How far a TCP connection has come, as far as a NAT in the middle can tell (RFC 5382 section 2,
// RFC 7857 section 2).
#pragma once

#include "state.h"

// What was seen: bits.
enum nat_tcp_seen {
    SEEN_OUT_SYN = 0x01,
    SEEN_IN_SYN = 0x02,
    SEEN_OUT_ACK = 0x04, // the inside has answered the outside's SYN
    SEEN_OUT_FIN = 0x08,
    SEEN_IN_FIN = 0x10,
    SEEN_RST = 0x20,
};

// What was seen, after one more packet with these TCP flags.
uint8_t nat_tcp_seen_outbound(uint8_t seen, uint8_t tcp_flags);
uint8_t nat_tcp_seen_inbound(uint8_t seen, uint8_t tcp_flags);

// Where the connection waits: established only between its opening and its end.
enum nat_queue_name nat_tcp_queue(uint8_t seen);
