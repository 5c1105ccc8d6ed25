// Packets that wait for a slow peer, in a fixed number of bytes. When a packet does not fit, the
// oldest go: what has waited longest is worth least, and its sender learns of the loss soonest.
#ifndef TETHER_TUNNEL_QUEUE_H
#define TETHER_TUNNEL_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct packet_queue {
    uint8_t *buffer;
    size_t size;
    size_t head; // where the oldest packet's record begins
    size_t tail; // where the next one's will
    size_t count;
    uint64_t dropped;
};

void packet_queue_init(struct packet_queue *queue, uint8_t *buffer, size_t size);

// Appends a packet of at most 65 535 bytes, dropping the oldest until it fits. One that could never
// fit is itself dropped.
void packet_queue_push(struct packet_queue *queue, const uint8_t *packet, size_t length);

// The oldest packet, or NULL. Valid until the next push or pop.
const uint8_t *packet_queue_peek(const struct packet_queue *queue, size_t *length);
// How many bytes the oldest packets have together, as many as have at most `room`.
size_t packet_queue_fit(const struct packet_queue *queue, size_t room);
void packet_queue_pop(struct packet_queue *queue);
void packet_queue_clear(struct packet_queue *queue);

#endif
