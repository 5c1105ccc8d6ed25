// Whether the other end still answers, and how long that takes. Times in milliseconds.
#ifndef TETHER_TUNNEL_LIVENESS_H
#define TETHER_TUNNEL_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"

struct liveness {
    int64_t heard_ms;      // when the peer was last heard
    int64_t waiting_ms;    // since when something that we sent awaits any answer; -1: nothing does
    int64_t pinged_ms;     // when the last ping went
    int64_t round_trip_ms; // of the last ping that was answered; -1: none was
};

void liveness_init(struct liveness *liveness, int64_t now_ms);
// A message went, or came.
void liveness_sent(struct liveness *liveness, int64_t now_ms);
void liveness_heard(struct liveness *liveness, int64_t now_ms);

// Whether a ping is due: something was sent and not answered for a while, or the last ping is long ago.
bool liveness_ping_is_due(const struct liveness *liveness, int64_t now_ms);
// Writes a ping's body, and reads a pong's.
void liveness_ping(struct liveness *liveness, uint8_t body[PING_BYTES], int64_t now_ms);
void liveness_pong(struct liveness *liveness, const uint8_t body[PING_BYTES], int64_t now_ms);

// How long the peer has owed an answer; 0 when it owes none.
int64_t liveness_silence(const struct liveness *liveness, int64_t now_ms);

#endif
