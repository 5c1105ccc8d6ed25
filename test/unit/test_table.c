// SPDX-License-Identifier: ISC
// The NAT's table tools against models that are too simple to be wrong.
#include "nat/table.h"

#include "test.h"

#define ENTRIES 128
#define SLOTS   (2 * ENTRIES)

struct table {
    struct nat_index index;
    uint32_t slots[SLOTS];
    uint32_t hashes[ENTRIES];
    bool present[ENTRIES]; // the model
    uint32_t model_hashes[ENTRIES];
};

// Looks all entries of a hash up. Counts them in `seen`.
static void look_up(const struct table *table, uint32_t hash, int seen[ENTRIES]) {
    uint32_t place = hash;
    uint32_t found;
    int steps = 0;
    memset(seen, 0, ENTRIES * sizeof *seen);
    while ((found = nat_index_next(&table->index, hash, &place)) != NO_ENTRY && steps++ < SLOTS)
        if (found < ENTRIES)
            seen[found]++;
}

// Every hash gives exactly the entries that the model has for it.
static void check_index(const struct table *table) {
    int seen[ENTRIES];
    for (uint32_t entry = 0; entry < ENTRIES; entry++) {
        uint32_t hash = table->model_hashes[entry];
        look_up(table, hash, seen);
        for (uint32_t other = 0; other < ENTRIES; other++)
            CHECK_INT(seen[other], table->present[other] && table->model_hashes[other] == hash);
    }
}

// Hashes of several kinds: all alike, a few, around the array's end, any.
static uint32_t make_hash(int kind) {
    switch (kind) {
    case 0: return 7;
    case 1: return test_below(4) * SLOTS;     // other hashes, same home
    case 2: return SLOTS - 4 + test_below(8); // over the end
    case 3: return test_below(SLOTS);
    default: return (uint32_t)test_random();
    }
}

static void index_like_a_list(void) {
    static struct table table;
    for (int kind = 0; kind < 5; kind++) {
        nat_index_init(&table.index, table.slots, table.hashes, SLOTS);
        memset(table.present, 0, sizeof table.present);
        for (int step = 0; step < 3000; step++) {
            uint32_t entry = test_below(ENTRIES);
            test_row("kind %d, step %d", kind, step);
            if (table.present[entry]) {
                nat_index_remove(&table.index, entry);
                table.present[entry] = false;
            } else {
                table.model_hashes[entry] = make_hash(kind);
                nat_index_insert(&table.index, entry, table.model_hashes[entry]);
                table.present[entry] = true;
            }
            if (step % 50 == 0)
                check_index(&table);
            if (test_state.failed)
                return;
        }
        for (uint32_t entry = 0; entry < ENTRIES; entry++)
            if (table.present[entry])
                nat_index_remove(&table.index, entry);
        for (uint32_t slot = 0; slot < SLOTS; slot++) CHECK_INT(table.slots[slot], 0);
    }
}

static void full_index(void) {
    static struct table table;
    for (int kind = 0; kind < 5; kind++) {
        nat_index_init(&table.index, table.slots, table.hashes, SLOTS);
        for (uint32_t entry = 0; entry < ENTRIES; entry++) {
            table.model_hashes[entry] = make_hash(kind);
            table.present[entry] = true;
            nat_index_insert(&table.index, entry, table.model_hashes[entry]);
        }
        test_row("kind %d", kind);
        check_index(&table);
        int seen[ENTRIES];
        look_up(&table, 0xdeadbeef, seen); // ends, and finds nothing
        for (int i = 0; i < ENTRIES; i++) CHECK_INT(seen[i], 0);
    }
}

// The model of a queue: entries in order.
struct order {
    uint32_t entries[ENTRIES];
    int64_t used_ms[ENTRIES];
    uint32_t count;
};

static void order_remove(struct order *order, uint32_t entry) {
    uint32_t at = 0;
    while (at < order->count && order->entries[at] != entry) at++;
    for (order->count--; at < order->count; at++) {
        order->entries[at] = order->entries[at + 1];
        order->used_ms[at] = order->used_ms[at + 1];
    }
}

static void check_queue(const struct nat_queue *queue, const struct nat_link *links,
                        const struct order *order) {
    CHECK_INT(queue->count, order->count);
    uint32_t at = queue->first;
    uint32_t before = NO_ENTRY;
    for (uint32_t i = 0; i < order->count; i++) {
        CHECK_INT(at, order->entries[i]);
        CHECK_INT(links[at].previous, before);
        CHECK_INT(links[at].used_ms, order->used_ms[i]);
        before = at;
        at = links[at].next;
    }
    CHECK_INT(at, NO_ENTRY);
    CHECK_INT(queue->last, before);
}

static void queue_like_a_list(void) {
    struct nat_queue queue;
    struct nat_link links[ENTRIES];
    struct order order = {.count = 0};
    bool present[ENTRIES] = {false};
    nat_queue_init(&queue);
    check_queue(&queue, links, &order);
    for (int step = 0; step < 5000 && !test_state.failed; step++) {
        uint32_t entry = test_below(step % 1000 < 500 ? 4 : ENTRIES);
        test_row("step %d", step);
        if (present[entry]) {
            nat_queue_remove(&queue, links, entry);
            order_remove(&order, entry);
        } else {
            nat_queue_append(&queue, links, entry, step);
            order.entries[order.count] = entry;
            order.used_ms[order.count++] = step;
        }
        present[entry] = !present[entry];
        check_queue(&queue, links, &order);
    }
}

static void pool_gives_each_once(void) {
    struct nat_pool pool;
    struct nat_link links[ENTRIES];
    bool taken[ENTRIES] = {false};
    uint32_t count = 0;
    nat_pool_init(&pool, ENTRIES);
    for (int step = 0; step < 20000; step++) {
        // More is taken than given back for a while, then the reverse: both ends are reached.
        if (test_below(8) < (step % 2000 < 1000 ? 6U : 2U)) {
            uint32_t entry = nat_pool_take(&pool, links);
            if (count == ENTRIES) {
                CHECK_INT(entry, NO_ENTRY);
                continue;
            }
            CHECK(entry < ENTRIES);
            CHECK(!taken[entry]);
            taken[entry] = true;
            count++;
        } else if (count > 0) {
            uint32_t entry = test_below(ENTRIES);
            while (!taken[entry]) entry = (entry + 1) % ENTRIES;
            nat_pool_give(&pool, links, entry);
            taken[entry] = false;
            count--;
        }
    }
}

int main(void) {
    TEST("an index finds what is in it and nothing else, whatever the hashes", index_like_a_list);
    TEST("a full index still finds everything, and its look-ups end", full_index);
    TEST("a queue keeps its order, whatever is removed from where", queue_like_a_list);
    TEST("a pool gives each entry to one at a time, and says when there is none",
         pool_gives_each_once);
    return test_end();
}
