// SPDX-License-Identifier: ISC
// Open addressing: an entry lies in the first empty slot from the one that its hash names. A
// look-up walks from there until it finds the entry or an empty slot. A removal must not leave a
// hole that cuts such a walk short: entries behind the hole move into it, where that brings them no
// further from their home.
#include "table.h"
#include <string.h>

void nat_index_init(struct nat_index *index, uint32_t *slots, uint32_t *hashes,
                    uint32_t slot_count) {
    *index = (struct nat_index){slots, hashes, slot_count - 1};
    memset(slots, 0, slot_count * sizeof *slots);
}

void nat_index_insert(struct nat_index *index, uint32_t entry, uint32_t hash) {
    uint32_t at = hash & index->mask;
    while (index->slots[at] != 0) at = (at + 1) & index->mask;
    index->slots[at] = entry + 1;
    index->hashes[entry] = hash;
}

uint32_t nat_index_next(const struct nat_index *index, uint32_t hash, uint32_t *place) {
    for (;;) {
        uint32_t slot = index->slots[*place & index->mask];
        if (slot == 0)
            return NO_ENTRY;
        (*place)++;
        if (index->hashes[slot - 1] == hash)
            return slot - 1;
    }
}

void nat_index_remove(struct nat_index *index, uint32_t entry) {
    uint32_t hole = index->hashes[entry] & index->mask;
    while (index->slots[hole] != entry + 1) hole = (hole + 1) & index->mask;
    for (uint32_t at = (hole + 1) & index->mask; index->slots[at] != 0;
         at = (at + 1) & index->mask) {
        uint32_t home = index->hashes[index->slots[at] - 1] & index->mask;
        uint32_t from_home = (at - home) & index->mask;
        uint32_t from_hole = (at - hole) & index->mask;
        if (from_home < from_hole)
            continue; // its home lies behind the hole: it stays
        index->slots[hole] = index->slots[at];
        hole = at;
    }
    index->slots[hole] = 0;
}

void nat_queue_init(struct nat_queue *queue) { *queue = (struct nat_queue){NO_ENTRY, NO_ENTRY, 0}; }

void nat_queue_append(struct nat_queue *queue, struct nat_link *links, uint32_t entry,
                      int64_t now_ms) {
    links[entry] = (struct nat_link){queue->last, NO_ENTRY, now_ms};
    if (queue->last != NO_ENTRY)
        links[queue->last].next = entry;
    else
        queue->first = entry;
    queue->last = entry;
    queue->count++;
}

void nat_queue_remove(struct nat_queue *queue, struct nat_link *links, uint32_t entry) {
    const struct nat_link *link = &links[entry];
    if (link->previous != NO_ENTRY)
        links[link->previous].next = link->next;
    else
        queue->first = link->next;
    if (link->next != NO_ENTRY)
        links[link->next].previous = link->previous;
    else
        queue->last = link->previous;
    queue->count--;
}

void nat_pool_init(struct nat_pool *pool, uint32_t size) {
    nat_queue_init(&pool->free);
    pool->fresh = 0;
    pool->size = size;
}

uint32_t nat_pool_take(struct nat_pool *pool, struct nat_link *links) {
    uint32_t entry = pool->free.first;
    if (entry != NO_ENTRY)
        nat_queue_remove(&pool->free, links, entry);
    else if (pool->fresh < pool->size)
        entry = pool->fresh++;
    return entry;
}

void nat_pool_give(struct nat_pool *pool, struct nat_link *links, uint32_t entry) {
    nat_queue_append(&pool->free, links, entry, 0);
}
