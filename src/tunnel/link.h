// SPDX-License-Identifier: ISC
// One end of the tether, as the laptop's program and the server's both have it: IP packets in,
// WebSocket messages out, and the reverse, in either of two ways.
//
//   open:  one IP packet a message, as it is; the classic protocol
//   keyed: sealed messages that hold many packets, and records of other types
//
// Either goes as binary, or as text that holds the base64 of the same bytes.
#pragma once

#include "../flow/flow.h"
#include "../ip/segment.h"
#include "../limits.h"
#include "../queue/fair_queue.h"
#include "../session/record.h"
#include "../session/session.h"
#include "../ws/conn.h"

struct tunnel_mode;

struct tunnel_link {
    const struct tunnel_mode *mode; // open or keyed
    struct ws_conn *conn;           // the phone, or NULL while there is none
    bool text;                      // the form to send in: that of the last message received
    struct session_keys *keys; // keyed: asked at each use for the session to seal with; NULL: open
    struct fair_queue queue;
    struct flow flow;              // keyed: what is on its way,
    struct flow_receiver receiver; // and what is to be acknowledged
    int64_t unsent;                // what the kernel is told to keep unsent at most
    size_t control_length;         // of the records in control[], which go before packets
    // Counters for status.json.
    uint64_t packets_sent; // super-packets are one each,
    uint64_t bytes_sent;
    uint64_t packets_received;
    uint64_t bytes_received;
    uint64_t super_packets_sent; // and so many of them
    uint64_t super_packets_received;
    uint64_t messages_sent;
    uint64_t no_phone;    // dropped: nobody to carry it
    uint64_t not_sealed;  // dropped: the session was not live; none is, unless we have a fault
    uint64_t bad_message; // dropped: not base64, not an IP packet, not a record
    uint64_t bad_offload; // dropped: what is to be done on it does not fit the packet
    uint8_t control[LINK_CONTROL];
    // Where messages are made that go as text, and where packets are cut.
    uint8_t message[SEALED_OVERHEAD + LINK_CONTROL + SUPER_PACKET_HEAD + IP_PACKET_MAX];
};

// An open link, which has no keys, begins with text, which the oldest peers understand; a keyed one
// with binary. `key` is random, and keeps to itself which connections share a place in the queue.
void tunnel_link_init(struct tunnel_link *link, struct session_keys *keys,
                      const struct siphash_key *key, int64_t now_us);
// Keyed: the session to seal with now, or NULL while there is none.
struct session *tunnel_link_session(const struct tunnel_link *link, int64_t now_us);

// A phone came, or took over from another, or with NULL went. Open: what waits is dropped then.
// Keyed: it waits for the next phone, which lets the connections go on at once instead of after
// their own time-outs.
void tunnel_link_set_conn(struct tunnel_link *link, struct ws_conn *conn, int64_t now_us);

// Queues an IP packet for the phone; without a phone and, keyed, without a session it is dropped
// and counted.
void tunnel_link_queue(struct tunnel_link *link, const uint8_t *packet, size_t length,
                       int64_t now_us);
// The same for a packet that was left to a network card to finish: its checksum is to be made, or
// it is to be cut into segments. That is done here. Only a super-packet may stay in one piece,
// where the other end takes such, and the link is fast enough that it does not hold others up.
void tunnel_link_queue_offloaded(struct tunnel_link *link, const struct ip_packet *packet,
                                 const struct ip_offload *offload, int64_t now_us);
// Keyed: queues a record of another type; a few hundred bytes of them may wait. Returns whether it
// fits.
bool tunnel_link_control(struct tunnel_link *link, uint8_t type, const void *body, size_t length);
// Sends what is queued, as far as the connection takes it now and, keyed, as far as what is on its
// way allows. Call after queueing, after acknowledgements, when the connection is writable, and at
// tunnel_link_due_us().
void tunnel_link_pump(struct tunnel_link *link, int64_t now_us);
// Keyed: when tunnel_link_pump() is to be called if nothing happens before; INT64_MAX: never.
int64_t tunnel_link_due_us(const struct tunnel_link *link, int64_t now_us);

// Keyed: a sealed message came that held packets; it is to be acknowledged.
void tunnel_link_received(struct tunnel_link *link, const uint8_t *message, size_t length,
                          int64_t now_us);
// Keyed: gives the records of a sealed message out, one by one; it opened in place, so that they
// begin SEALED_HEAD bytes behind its start. A message that held packets is to be acknowledged.
void tunnel_link_hear(struct tunnel_link *link, uint8_t *records, size_t length,
                      void (*on_record)(void *arg, const struct record *record), void *arg,
                      int64_t now_us);
// Keyed: an acknowledgement came.
void tunnel_link_acknowledged(struct tunnel_link *link, const struct record *record,
                              int64_t now_us);

// Open: reads a message. Returns the IP packet in it and sets `length`, or NULL (counted). The text
// form is decoded in place.
uint8_t *tunnel_link_read(struct tunnel_link *link, uint8_t opcode, uint8_t *data, size_t *length);

// Turns a message into bytes: text is decoded in place. Returns false where it is no base64, or
// empty.
bool tunnel_decode(uint8_t opcode, uint8_t *data, size_t *length);
// Sends one message of at most HANDSHAKE_MAX bytes as it is, in the form asked for. Returns whether
// there was room.
bool tunnel_send(struct ws_conn *conn, bool text, const uint8_t *message, size_t length);
