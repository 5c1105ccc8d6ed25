// One end of the tether, as the laptop's program and the server's both have it: IP packets in,
// WebSocket messages out, and the reverse. The classic clear-text form: one IP packet a message,
// binary, or text that holds its base64.
#ifndef TETHER_TUNNEL_LINK_H
#define TETHER_TUNNEL_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../limits.h"
#include "../ws/conn.h"
#include "queue.h"

struct tunnel_link {
    struct ws_conn *conn; // the phone, or NULL while there is none
    bool text;            // the form to send in: that of the last message received
    struct packet_queue queue;
    // Counters for status.json.
    uint64_t packets_sent;
    uint64_t bytes_sent;
    uint64_t packets_received;
    uint64_t bytes_received;
    uint64_t no_phone;    // dropped: nobody to carry it
    uint64_t bad_message; // dropped: neither base64 nor an IP packet
    uint8_t queue_buffer[QUEUE_BYTES];
};

// An open tether begins with text, which the oldest peers understand.
void tunnel_link_init(struct tunnel_link *link);

// A phone came, or with NULL went. What waited for another phone is dropped: it is old.
void tunnel_link_set_conn(struct tunnel_link *link, struct ws_conn *conn);

// Queues an IP packet for the phone; without a phone it is dropped and counted.
void tunnel_link_queue(struct tunnel_link *link, const uint8_t *packet, size_t length);
// Sends what is queued, as far as the connection takes it now. Call after queueing, and when the
// connection is writable.
void tunnel_link_pump(struct tunnel_link *link);

// Reads a message. Returns the IP packet in it and sets `length`, or NULL (counted). The text form
// is decoded in place.
uint8_t *tunnel_link_read(struct tunnel_link *link, uint8_t opcode, uint8_t *data, size_t *length);

#endif
