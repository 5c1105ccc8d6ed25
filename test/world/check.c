// SPDX-License-Identifier: ISC
// What must hold at every step. The ciphers' door is replaced at link time (__wrap_aead_seal), so
// every message that any program seals is seen here: with which key, and which counter.
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "crypto/aead.h"
#include "session/replay.h"
#include "world.h"

#define MARK "TetherInTheClear"

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
