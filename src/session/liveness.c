// SPDX-License-Identifier: ISC
// TCP on both sides of the phone would notice a dead path after minutes. Here a peer that has been
// sent something and says nothing for a second is pinged, again each second, and since a ping is
// always answered, a few seconds of silence mean that the path is dead. While all is well there is
// one ping in a while, which keeps the phone's connections open and measures the round trip.
//
// Each connection has its own account: what was asked on one is not owed on another.
//
// A ping carries the sender's own clock and comes back as it is, so nothing need be remembered.
#include "liveness.h"

void liveness_init(struct liveness *liveness, int64_t now_ms) {
    *liveness = (struct liveness){-1, now_ms - LIVENESS_IDLE_MS};
}

void liveness_sent(struct liveness *liveness, int64_t now_ms) {
    if (liveness->waiting_ms < 0)
        liveness->waiting_ms = now_ms;
}

void liveness_answered(struct liveness *liveness) { liveness->waiting_ms = -1; }

int64_t liveness_silence(const struct liveness *liveness, int64_t now_ms) {
    return liveness->waiting_ms < 0 ? 0 : now_ms - liveness->waiting_ms;
}

bool liveness_ping_is_due(const struct liveness *liveness, int64_t now_ms) {
    int64_t since_ping = now_ms - liveness->pinged_ms;
    bool is_quiet = liveness_silence(liveness, now_ms) >= LIVENESS_PROBE_MS;
    return since_ping >= (is_quiet ? LIVENESS_PROBE_MS : LIVENESS_IDLE_MS);
}

void liveness_ping(struct liveness *liveness, uint8_t body[PING_BYTES], int64_t now_ms) {
    put_be64(body, (uint64_t)now_ms);
    liveness->pinged_ms = now_ms;
}

int64_t liveness_round_trip(const uint8_t body[PING_BYTES], int64_t now_ms) {
    int64_t sent_ms = (int64_t)get_be64(body);
    return sent_ms <= now_ms && sent_ms >= now_ms - LIVENESS_IDLE_MS ? now_ms - sent_ms : -1;
}
