// SPDX-License-Identifier: ISC
// Whether the other end still answers, and how long that takes. Times in milliseconds.
#pragma once

#include "record.h"

struct liveness {
    int64_t waiting_ms; // since when something that we sent awaits any answer; -1: nothing does
    int64_t pinged_ms;  // when the last ping went
};

// Nothing is owed, and a ping is due.
void liveness_init(struct liveness *liveness, int64_t now_ms);
// A message went.
void liveness_sent(struct liveness *liveness, int64_t now_ms);
// A message came, or none need come: of what was sent until now, no answer is owed.
void liveness_answered(struct liveness *liveness);

// Whether a ping is due: something was sent and not answered for a while, or the last ping is long
// ago.
bool liveness_ping_is_due(const struct liveness *liveness, int64_t now_ms);
// Writes a ping's body.
void liveness_ping(struct liveness *liveness, uint8_t body[PING_BYTES], int64_t now_ms);
// Reads a pong's: how long the ping was under way, or -1 where that makes no sense.
int64_t liveness_round_trip(const uint8_t body[PING_BYTES], int64_t now_ms);

// How long the peer has owed an answer; 0 when it owes none.
int64_t liveness_silence(const struct liveness *liveness, int64_t now_ms);
