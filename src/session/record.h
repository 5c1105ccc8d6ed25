// SPDX-License-Identifier: ISC
// Records: what a sealed message holds, one after another. An IP packet is a record as it is, and
// delimits itself by its own length. Any other record, numbers in network byte order:
//
//   0     type, below 0x40
//   1..3  length of the body
//   4..   body
#pragma once

#include "../ip/offload.h"
#include "../limits.h"

enum record_type {
    RECORD_CONFIGURATION = 0x01,   // from the server, see struct configuration
    RECORD_PING = 0x02,            // 8 bytes, which come back
    RECORD_PONG = 0x03,            // in this
    RECORD_GOODBYE = 0x04,         // 1 byte, see enum goodbye
    RECORD_ACKNOWLEDGEMENT = 0x05, // see flow.h
    RECORD_SUPER_PACKET = 0x06,    // payload bytes a segment (2), then an IP packet, see below
    RECORD_STATUS = 0x07,          // from the server, see status_write()
    RECORD_PACKET = 0x40,          // stands for any IP packet; never sent as a type
};

#define RECORD_HEAD 4
#define PING_BYTES  8

// A super-packet: a TCP or UDP packet with the payload of several segments, whose checksum is the
// sum of its pseudo-header, not complemented. Whoever takes it cuts it into segments, or has a
// network card do so. Sent only to who has said to take it.
#define SUPER_PACKET_HEAD (RECORD_HEAD + 2)

enum goodbye {
    GOODBYE_STOPPED = 1, // the program ends
    GOODBYE_FULL = 2,    // the server has no place for one more laptop
};

struct record {
    uint8_t type;
    uint8_t *bytes; // the body; for a packet all of it
    size_t length;
};

// Finds the record at the start of `bytes`. Returns how many bytes it takes, or 0 where there is
// none that is whole: what follows cannot be understood either.
size_t record_read(struct record *record, uint8_t *bytes, size_t length);
// Writes a record of RECORD_HEAD + `length` bytes, and returns that.
size_t record_write(uint8_t *out, uint8_t type, const void *body, size_t length);

// Writes what stands before a super-packet of so many bytes.
void super_packet_head_write(uint8_t out[SUPER_PACKET_HEAD], size_t length, uint16_t segment_size);
// Reads a super-packet's record. Returns 0 with the packet and its offload, or -1 where it is none.
int super_packet_read(struct ip_packet *packet, struct ip_offload *offload,
                      const struct record *record);

// The addresses that laptops have inside the tether, those of no network of people's own (RFC
// 6598): 100.64.0.0/10 but for its two ends. Host byte order.
#define INSIDE_NETWORK 0x64400000
#define INSIDE_HOSTS   0x003fffff
// Where they reach the server's own resolver, if it lends them that: of a range for the ends of
// tunnels (RFC 7335). Port 53.
#define INSIDE_RESOLVER 0xc0000003 // 192.0.0.3
bool inside_address_is_good(uint32_t address);

// What the server tells the laptop. Addresses in host byte order.
struct configuration {
    uint32_t address;     // the laptop's inside address
    uint16_t mtu;         // of the TUN device
    uint32_t message_max; // the longest message that the server takes, in bytes
    size_t resolver_count;
    uint32_t resolvers[RESOLVERS_MAX];
};

#define CONFIGURATION_MAX (11 + 4 * RESOLVERS_MAX)

// Writes a configuration's body. Returns its length.
size_t configuration_write(uint8_t out[CONFIGURATION_MAX], const struct configuration *config);
// Reads one; what a later version appends is left aside. Returns 0, or -1 where it is too short or
// makes no sense.
int configuration_read(struct configuration *config, const uint8_t *body, size_t length);

// What the server says of a laptop with each pong: how many mappings it has in the NAT.
#define STATUS_BYTES 4

// Writes a status's body. Returns its length.
size_t status_write(uint8_t out[STATUS_BYTES], uint32_t mappings);
// Reads one, likewise. Returns 0, or -1 where it is too short.
int status_read(uint32_t *mappings, const uint8_t *body, size_t length);
