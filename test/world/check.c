// SPDX-License-Identifier: ISC
// What must hold at every step. The ciphers' door is replaced at link time (__wrap_aead_seal), so
// every message that any program seals is seen here: with which key, and which counter.
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "crypto/aead.h"
#include "session/replay.h"
#include "tunnel/link.h"
#include "world.h"

#define MARK       "TetherInTheClear"
#define LINKS_MOST 128
// A timer may be late by this, as the programs round their time.
#define TIMER (25 * MS)

// A set of numbers.
struct set {
    uint64_t *seen;
    size_t room, count;
};

static bool is_new(struct set *set, uint64_t number) {
    if (2 * (set->count + 1) > set->room) {
        struct set old = *set;
        set->room = old.room > 0 ? 2 * old.room : 1 << 16;
        set->seen = calloc(set->room, sizeof *set->seen);
        set->count = 0;
        for (size_t i = 0; i < old.room; i++)
            if (old.seen[i] != 0)
                is_new(set, old.seen[i]);
        free(old.seen);
    }
    size_t at = number & (set->room - 1);
    for (; set->seen[at] != 0; at = (at + 1) & (set->room - 1))
        if (set->seen[at] == number)
            return false;
    set->seen[at] = number;
    set->count++;
    return true;
}

static struct set sealed, taken;
static uint64_t opened; // the last message that opened

// Stands for key and counter.
static uint64_t number_of(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE]) {
    static const struct siphash_key hash_key;
    uint64_t words[AEAD_KEY / 8], counter;
    memcpy(words, key, AEAD_KEY);
    memcpy(&counter, nonce + AEAD_NONCE - 8, 8); // the rest of it is zeros
    uint64_t hash = siphash_2_4(&hash_key, words[0], words[1]) ^ words[2];
    return siphash_2_4(&hash_key, hash, counter) | 1;
}

void __wrap_aead_seal(uint8_t *bytes, size_t length, const uint8_t key[AEAD_KEY],
                      const uint8_t nonce[AEAD_NONCE], const void *data, size_t data_length);
void __wrap_aead_seal(uint8_t *bytes, size_t length, const uint8_t key[AEAD_KEY],
                      const uint8_t nonce[AEAD_NONCE], const void *data, size_t data_length) {
    static const uint8_t zeros[AEAD_KEY];
    if (memcmp(key, zeros, sizeof zeros) == 0)
        fail("%s seals under a key that is all zeros", world.current->name);
    if (!is_new(&sealed, number_of(key, nonce)))
        fail("%s seals twice under one key and counter", world.current->name);
    world.sealed++;
    aead_seal(bytes, length, key, nonce, data, data_length);
}

bool __wrap_aead_open(uint8_t *bytes, size_t length, const uint8_t key[AEAD_KEY],
                      const uint8_t nonce[AEAD_NONCE], const void *data, size_t data_length);
bool __wrap_aead_open(uint8_t *bytes, size_t length, const uint8_t key[AEAD_KEY],
                      const uint8_t nonce[AEAD_NONCE], const void *data, size_t data_length) {
    opened = number_of(key, nonce);
    return aead_open(bytes, length, key, nonce, data, data_length);
}

bool __wrap_replay_mark(struct replay *replay, uint64_t counter);
bool __wrap_replay_mark(struct replay *replay, uint64_t counter) {
    if (!is_new(&taken, opened))
        fail("%s takes a message twice", world.current->name);
    return replay_mark(replay, counter);
}

// ---- queues ----

static struct {
    const struct tunnel_link *link;
    const struct program *program;
    uint64_t run; // its life
} links[LINKS_MOST];
static size_t link_count;

void __wrap_tunnel_link_init(struct tunnel_link *link, struct session_keys *keys,
                             const struct siphash_key *key, int64_t now_us);
void __wrap_tunnel_link_init(struct tunnel_link *link, struct session_keys *keys,
                             const struct siphash_key *key, int64_t now_us) {
    size_t i = 0;
    while (i < link_count && links[i].link != link) i++;
    if (i == LINKS_MOST)
        fail("the world knows no more links");
    links[i].link = link;
    links[i].program = world.current;
    links[i].run = world.current->run;
    link_count += i == link_count;
    tunnel_link_init(link, keys, key, now_us);
}

// Whoever may send what is in his queue does so before he waits for anything.
void check_waits(const struct program *program) {
    int64_t now_us = world.now_us + BOOTED;
    for (size_t i = 0; i < link_count; i++) {
        const struct tunnel_link *link = links[i].link;
        if (links[i].program != program || links[i].run != program->run || link->conn == NULL ||
            link->queue.bytes == 0 || ws_conn_unsent(link->conn) > 0)
            continue;
        int64_t before_us = now_us - TIMER;
        bool joins = link->queue.bytes < TUN_MTU && before_us < flow_joins_us(&link->flow);
        bool has_room = flow_room(&link->flow, before_us) > 0 &&
                        flow_room(&link->flow, now_us) > 0 &&
                        flow_in_flight(&link->flow) < link->flow.window;
        bool has_session = tunnel_link_session(link, before_us) != NULL &&
                           tunnel_link_session(link, now_us) != NULL;
        if (!joins && has_room && has_session)
            fail("%s waits, and has %zu bytes in its queue that it may send", program->name,
                 (size_t)link->queue.bytes);
    }
}

void check_sent(const struct program *program, const void *bytes, size_t length) {
    if (length >= 16 && memmem(bytes, length, MARK, 16) != NULL)
        fail("%s sends a packet in the clear", program->name);
}

// What the program has put on its host is gone.
void check_end_of(const struct program *program) {
    const struct host *host = program->host;
    for (size_t i = 0; i < ROUTES; i++)
        if (host->routes[i].used)
            fail("%s leaves a route behind", program->name);
    for (size_t i = 0; i < ADDRESSES; i++)
        if (host->addresses[i].used && host->addresses[i].until_us != 0)
            fail("%s leaves an address behind", program->name);
    if (host->rules != 0)
        fail("%s leaves a table of nftables behind", program->name);
}
