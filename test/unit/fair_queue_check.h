// SPDX-License-Identifier: ISC
// Whether a fair queue is whole: every cell is in one place, every flow in the list that it should
// be in, and all sums are right. It looks at everything, each time.
#ifndef TETHER_TEST_UNIT_FAIR_QUEUE_CHECK_H
#define TETHER_TEST_UNIT_FAIR_QUEUE_CHECK_H

#include <string.h>

#include "queue/fair_queue.h"

struct fair_queue_sums {
    bool seen_cell[QUEUE_CELLS];
    bool seen_flow[QUEUE_FLOWS];
    size_t packets;
    size_t bytes;
    size_t cells;
};

#define FAIR_QUEUE_NEEDS(condition)                                                                \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return #condition;                                                                     \
    } while (0)

// A packet's cells, from the first to the last.
static inline const char *fair_queue_wrong_packet(const struct fair_queue *q,
                                                  struct fair_queue_sums *sums, uint16_t first) {
    const struct fair_queue_packet *packet = &q->packets[first];
    size_t cells = (16 + (size_t)packet->length + 255) / 256;
    uint16_t cell = first;
    FAIR_QUEUE_NEEDS(packet->length > 0 && packet->head_length <= 16);
    for (size_t i = 0; i < cells; i++) {
        FAIR_QUEUE_NEEDS(cell < QUEUE_CELLS);
        FAIR_QUEUE_NEEDS(!sums->seen_cell[cell]);
        sums->seen_cell[cell] = true;
        if (i + 1 < cells)
            cell = q->cells.next[cell];
    }
    FAIR_QUEUE_NEEDS(cell == packet->last_cell);
    sums->cells += cells;
    sums->packets++;
    sums->bytes += (size_t)packet->head_length + packet->length;
    return NULL;
}

static inline const char *fair_queue_wrong_flow(const struct fair_queue *q,
                                                struct fair_queue_sums *sums, size_t index) {
    const struct fair_queue_flow *flow = &q->flows[index];
    size_t cells = sums->cells;
    size_t bytes = sums->bytes;
    const char *wrong = NULL;
    uint16_t last = NO_CELL;
    for (uint16_t at = flow->first; at != NO_CELL && wrong == NULL; at = q->packets[at].next) {
        wrong = fair_queue_wrong_packet(q, sums, at);
        last = at;
    }
    if (wrong != NULL)
        return wrong;
    FAIR_QUEUE_NEEDS(flow->first == NO_CELL || flow->last == last);
    FAIR_QUEUE_NEEDS(flow->first == NO_CELL || flow->is_listed);
    FAIR_QUEUE_NEEDS(flow->bytes == sums->bytes - bytes);
    FAIR_QUEUE_NEEDS(q->held[index] == sums->cells - cells);
    FAIR_QUEUE_NEEDS(flow->credit <= QUEUE_QUANTUM && flow->credit > -65552);
    return NULL;
}

static inline const char *fair_queue_wrong_list(const struct fair_queue *q,
                                                struct fair_queue_sums *sums,
                                                const struct fair_queue_list *list) {
    for (uint16_t at = list->first; at != NO_CELL; at = q->flows[at].next) {
        FAIR_QUEUE_NEEDS(at < QUEUE_FLOWS);
        FAIR_QUEUE_NEEDS(!sums->seen_flow[at] && q->flows[at].is_listed);
        FAIR_QUEUE_NEEDS(q->flows[at].next != UINT16_MAX || list->last == at);
        sums->seen_flow[at] = true;
    }
    return NULL;
}

// NULL, or what should be so and is not.
static inline const char *fair_queue_wrong(const struct fair_queue *q) {
    static struct fair_queue_sums sums;
    const char *wrong = NULL;
    size_t unused = 0;
    memset(&sums, 0, sizeof sums);
    for (size_t i = 0; i < QUEUE_FLOWS && wrong == NULL; i++)
        wrong = fair_queue_wrong_flow(q, &sums, i);
    if (wrong == NULL)
        wrong = fair_queue_wrong_list(q, &sums, &q->new_flows);
    if (wrong == NULL)
        wrong = fair_queue_wrong_list(q, &sums, &q->old_flows);
    if (wrong != NULL)
        return wrong;
    for (size_t i = 0; i < QUEUE_FLOWS; i++)
        FAIR_QUEUE_NEEDS(sums.seen_flow[i] == q->flows[i].is_listed);
    for (uint16_t at = q->cells.first_free; at != NO_CELL; at = q->cells.next[at]) {
        FAIR_QUEUE_NEEDS(at < QUEUE_CELLS && !sums.seen_cell[at]);
        sums.seen_cell[at] = true;
        unused++;
    }
    FAIR_QUEUE_NEEDS(q->cells.free_count == unused);
    FAIR_QUEUE_NEEDS(unused + sums.cells == QUEUE_CELLS);
    FAIR_QUEUE_NEEDS(q->count == sums.packets && q->bytes == sums.bytes);
    if (q->chosen != UINT16_MAX)
        FAIR_QUEUE_NEEDS(q->flows[q->chosen].first != NO_CELL);
    return NULL;
}

#endif
