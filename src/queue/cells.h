// SPDX-License-Identifier: ISC
// Memory for packets: a fixed number of cells, chained. A small packet takes one cell, a large one
// as many as it needs. Whoever has a packet knows it by the number of its first cell.
#pragma once

#include "../limits.h"
#include <stddef.h>
#include <stdint.h>

#define QUEUE_CELLS (QUEUE_BYTES / QUEUE_CELL)
#define NO_CELL     UINT16_MAX

// Cells that a packet of `length` bytes takes. Before its first byte there is room for a head.
#define CELLS_OF(length) ((QUEUE_HEAD_MAX + (size_t)(length) + QUEUE_CELL - 1) / QUEUE_CELL)

_Static_assert(QUEUE_CELLS < UINT16_MAX, "cells are numbered with 16 bits");
_Static_assert(QUEUE_CELLS >= 2 * CELLS_OF(IP_PACKET_MAX),
               "QUEUE_BYTES: two large packets at least");
_Static_assert(QUEUE_CELL >= QUEUE_HEAD_MAX + 60, "an IP header is in one piece");

struct cells {
    size_t free_count;
    uint16_t first_free;
    uint16_t next[QUEUE_CELLS];
    uint8_t bytes[QUEUE_CELLS * QUEUE_CELL];
};

// Leaves bytes[] alone: cells cost memory once they are used.
void cells_init(struct cells *cells);

// Stores a head of at most QUEUE_HEAD_MAX bytes and a packet of at least one, for which there must
// be enough free cells. Returns the first cell, and the last one in `last`.
uint16_t cells_write(struct cells *cells, const uint8_t *head, size_t head_length,
                     const uint8_t *packet, size_t length, uint16_t *last);
// Copies head and packet out, one behind the other.
void cells_read(const struct cells *cells, uint16_t first, uint8_t *out, size_t head_length,
                size_t length);
// Gives a packet's cells back.
void cells_free(struct cells *cells, uint16_t first, uint16_t last, size_t length);

// The packet's first bytes, those in the first cell.
static inline uint8_t *cells_packet(struct cells *cells, uint16_t first) {
    return cells->bytes + (size_t)first * QUEUE_CELL + QUEUE_HEAD_MAX;
}
