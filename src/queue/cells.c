// SPDX-License-Identifier: ISC
// The cells of a packet are a chain, and so are the free ones: a new packet gets the first of these
// as they are. The last to come back are the first to go, as they may still be in the processor's
// cache; they go back in one step, their last cell linked to the first free one.
//
// Neighbours in a chain mostly lie side by side in memory, too: chains are cut from a row, and put
// back whole. So much of a packet is copied at a time as does. (Cell by cell would be six copies
// for a packet of 1500 bytes, and slow ones: for up to 256 bytes gcc uses an instruction that takes
// longer to start than to copy.)
//
// A packet begins at the same place of its first cell whatever head it has, and the head ends
// there.
#include "cells.h"
#include <string.h>

void cells_init(struct cells *cells) {
    for (size_t i = 0; i < QUEUE_CELLS; i++) cells->next[i] = (uint16_t)(i + 1);
    cells->next[QUEUE_CELLS - 1] = NO_CELL;
    cells->first_free = 0;
    cells->free_count = QUEUE_CELLS;
}

// How many of `length` bytes lie in one piece from `place` in a cell on, which becomes the piece's
// last cell.
static size_t piece_at(const struct cells *cells, uint16_t *cell, size_t place, size_t length) {
    size_t piece = QUEUE_CELL - place;
    while (piece < length && cells->next[*cell] == *cell + 1) {
        piece += QUEUE_CELL;
        ++*cell;
    }
    return piece < length ? piece : length;
}

uint16_t cells_write(struct cells *cells, const uint8_t *head, size_t head_length,
                     const uint8_t *packet, size_t length, uint16_t *last) {
    uint16_t first = cells->first_free;
    size_t place = QUEUE_HEAD_MAX;
    cells->free_count -= CELLS_OF(length);
    if (head_length > 0)
        memcpy(cells_packet(cells, first) - head_length, head, head_length);
    for (uint16_t cell = first; length > 0; cell = cells->next[cell]) {
        uint8_t *to = cells->bytes + (size_t)cell * QUEUE_CELL + place;
        size_t piece = piece_at(cells, &cell, place, length);
        memcpy(to, packet, piece);
        packet += piece;
        length -= piece;
        place = 0;
        *last = cell;
    }
    cells->first_free = cells->next[*last];
    return first;
}

void cells_read(const struct cells *cells, uint16_t first, uint8_t *out, size_t head_length,
                size_t length) {
    size_t place = QUEUE_HEAD_MAX - head_length;
    length += head_length;
    for (uint16_t cell = first; length > 0; cell = cells->next[cell]) {
        const uint8_t *from = cells->bytes + (size_t)cell * QUEUE_CELL + place;
        size_t piece = piece_at(cells, &cell, place, length);
        memcpy(out, from, piece);
        out += piece;
        length -= piece;
        place = 0;
    }
}

void cells_free(struct cells *cells, uint16_t first, uint16_t last, size_t length) {
    cells->next[last] = cells->first_free;
    cells->first_free = first;
    cells->free_count += CELLS_OF(length);
}
