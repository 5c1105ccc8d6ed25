// SPDX-License-Identifier: ISC
// The three tools that the NAT's tables are made of, each over entries known by their number:
//
//   index: finds an entry by its hash. Open addressing with linear probing, and deletion that moves
//          later entries up, so no tombstones gather and look-ups stay short (Knuth, TAOCP volume
//          3, section 6.4, algorithm R).
//   queue: entries in the order of their last use. Entries of one queue share one time limit, so
//          the first is always the next to expire, and nothing is ever scanned.
//   pool:  which entries are free.
//
// The arrays are the owner's, fixed in size. NO_ENTRY is no entry.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NO_ENTRY UINT32_MAX

struct nat_index {
    uint32_t *slots;  // entry number + 1, or 0 where the slot is empty
    uint32_t *hashes; // by entry
    uint32_t mask;    // number of slots - 1; a power of two, at least twice the entries
};

struct nat_link {
    uint32_t previous;
    uint32_t next;
    int64_t used_ms; // when it was last moved to its queue's end
};

struct nat_queue {
    uint32_t first; // the longest unused
    uint32_t last;
    uint32_t count;
};

struct nat_pool {
    struct nat_queue free; // given back
    uint32_t fresh;        // from here on never used
    uint32_t size;
};

// An empty index over the owner's arrays: `slot_count` slots, and a hash for each entry.
void nat_index_init(struct nat_index *index, uint32_t *slots, uint32_t *hashes,
                    uint32_t slot_count);
// Adds an entry that is not in it; removes one that is.
void nat_index_insert(struct nat_index *index, uint32_t entry, uint32_t hash);
void nat_index_remove(struct nat_index *index, uint32_t entry);

// Goes through the entries that have this hash: start with `place` = hash, call until NO_ENTRY.
uint32_t nat_index_next(const struct nat_index *index, uint32_t hash, uint32_t *place);

// An empty queue; adds an entry that is in none at its end, with the time; removes one that is in
// it.
void nat_queue_init(struct nat_queue *queue);
void nat_queue_append(struct nat_queue *queue, struct nat_link *links, uint32_t entry,
                      int64_t now_ms);
void nat_queue_remove(struct nat_queue *queue, struct nat_link *links, uint32_t entry);

// All entries below `size` are free.
void nat_pool_init(struct nat_pool *pool, uint32_t size);
// A free entry, or NO_ENTRY.
uint32_t nat_pool_take(struct nat_pool *pool, struct nat_link *links);
void nat_pool_give(struct nat_pool *pool, struct nat_link *links, uint32_t entry);
