// SPDX-License-Identifier: ISC
// Where fields lie in the headers of IPv4 (RFC 791 section 3.1), IPv6, TCP (RFC 9293 section 3.1),
// UDP (RFC 768) and ICMP (RFC 792): bytes from the header's start. For code that writes headers, or
// reads a field or two of packets that ip_parse() has checked.
#pragma once

enum {
    IP_AT_TRAFFIC_CLASS = 1, // RFC 2474, RFC 3168
    IP_AT_TOTAL_LENGTH = 2,
    IP_AT_IDENTIFICATION = 4,
    IP_AT_FRAGMENT = 6, // two flags, and the offset in units of 8 bytes
    IP_AT_TTL = 8,
    IP_AT_PROTOCOL = 9,
    IP_AT_CHECKSUM = 10,
    IP_AT_SOURCE = 12,
    IP_AT_DESTINATION = 16,
    IP_HEADER_MIN = 20, // without options
};

// IPv6 (RFC 8200 section 3): the length of what follows, its protocol, and so on.
enum { IP6_AT_LENGTH = 4, IP6_AT_NEXT = 6, IP6_AT_HOPS = 7 };
enum { IP6_AT_SOURCE = 8, IP6_AT_DESTINATION = 24, IP6_HEADER = 40 };

enum {
    TCP_AT_SOURCE_PORT = 0, // UDP's ports lie in the same places
    TCP_AT_DESTINATION_PORT = 2,
    TCP_AT_SEQUENCE = 4,
    TCP_AT_ACKNOWLEDGMENT = 8,
    TCP_AT_DATA_OFFSET = 12, // in its upper half, in units of 4 bytes
    TCP_AT_FLAGS = 13,
    TCP_AT_WINDOW = 14,
    TCP_AT_CHECKSUM = 16,
    TCP_AT_URGENT = 18,
    TCP_HEADER_MIN = 20, // without options
};

enum { UDP_AT_LENGTH = 4, UDP_AT_CHECKSUM = 6, UDP_HEADER = 8 };

enum {
    ICMP_AT_CODE = 1,
    ICMP_AT_CHECKSUM = 2,
    ICMP_AT_IDENTIFIER = 4, // of queries
    ICMP_AT_MTU = 6,        // of "fragmentation needed" (RFC 1191 section 4)
    ICMP_HEADER = 8,
};
