// SPDX-License-Identifier: ISC
// The laptops that the server serves, each in a place of its own: who it is, its link and its path.
// What a laptop has here (its NAT mappings, its keys) does not depend on any connection and stays
// while phones come and go.
#pragma once

#include "../ip/coalesce.h"
#include "../session/responder.h"
#include "../tunnel/path.h"
#include "gateway.h"

// In keyed mode a laptop is known by the identity that its session began with. In open mode, by the
// id that its page hands on in the WebSocket's address (?id=), so that it keeps its mappings
// whatever phone it has; without one, by its phone's address, "203.0.113.9", and "203.0.113.9 2" is
// another there (open.c).
#define LAPTOP_ID_MAX 65

struct laptop {
    struct laptops *laptops;
    bool used;
    bool touched;   // packets were queued for it and not yet sent
    int64_t due_us; // else it is pumped then
    char id[LAPTOP_ID_MAX];
    uint32_t address;           // inside, host byte order; 0 in open mode
    int64_t seen_ms;            // when it was heard last, or its phone left
    uint32_t reported_mappings; // how many it has in the NAT, as it was last told
    struct path path;           // path.laptop: its number, by which NAT and sessions know it
    struct tunnel_link link;
};

struct laptops {
    const struct log *log;
    struct loop *loop;
    struct gateway *gateway;
    struct loop_timer *alarm;           // for the links
    struct siphash_key queue_key;       // random
    struct responder responder;         // keyed: their sessions
    struct configuration configuration; // keyed: what they are told, but for the address
    struct ip_coalescer coalescer;      // of what a laptop sends
    uint64_t refused;                   // no place for one more
    size_t count;                       // of the places that were ever used
    struct laptop places[SERVER_LINKS];
};

// The pointers must stay valid; all in `laptops` is zero. Returns 0, or -1 after having said what
// is wrong.
int laptops_init(struct laptops *laptops, const struct log *log, struct loop *loop,
                 struct gateway *gateway);
// The laptop with this id: known already, or new in a free place, or in that of the one that was
// away longest: it has no phone, or was silent for `away_ms`. A new one is not `used`. NULL when
// all are here.
struct laptop *laptops_find(struct laptops *laptops, const char *id, int64_t away_ms);
// Queues a packet for the laptop with this number.
void laptops_queue(struct laptops *laptops, uint16_t number, const struct ip_packet *packet,
                   const struct ip_offload *offload);
// Sends what was queued.
void laptops_pump(struct laptops *laptops);
// Keyed: time limits of sessions, and reports; about once a second.
void laptops_tick(struct laptops *laptops);
// Tells all that the server stops.
void laptops_close(struct laptops *laptops);

// Keyed, in records.c: tells a laptop what it must know,
void laptop_send_configuration(struct laptop *laptop);
// and how many mappings it has.
void laptop_send_status(struct laptop *laptop);
// Takes the records of a laptop's message that opened in place, SEALED_HEAD bytes behind its start.
void laptop_hear_records(struct laptop *laptop, uint8_t *bytes, size_t length);
