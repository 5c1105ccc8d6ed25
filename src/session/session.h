// SPDX-License-Identifier: ISC
// A session: the keys that laptop and server agreed on, and the messages sealed with them.
//
// A sealed message, numbers in network byte order:
//
//   0      type, 0x03
//   1..4   the receiver's index of the session
//   5..12  counter, one more with each message of this direction
//   13..   the records, encrypted
//   last 16 bytes: the tag
#pragma once

#include "../crypto/aead.h"
#include "replay.h"

// The first byte of a message (an IP packet's is 0x4_ or 0x6_: open mode).
enum message_type {
    MESSAGE_OFFER = 0x01,    // handshake: from the laptop
    MESSAGE_ANSWER = 0x02,   // handshake: from the server
    MESSAGE_SEALED = 0x03,   // records
    MESSAGE_REFUSAL = 0x04,  // from the server: it cannot take what came
    MESSAGE_GREETING = 0x05, // from the server: a phone has connected to it
};

#define SEALED_HEAD       13
#define SEALED_AT_COUNTER 5 // behind the type and the index
#define SEALED_OVERHEAD   (SEALED_HEAD + AEAD_TAG)

// Flags of offer and answer: whoever sends one takes super-packets of this protocol.
enum { SESSION_TAKES_TCP_SUPER = 0x01, SESSION_TAKES_UDP_SUPER = 0x02 };

struct session {
    bool live;              // it has keys: nothing is sealed or opened under one that has none
    uint32_t receive_index; // ours: it stands on what comes
    uint32_t send_index;    // the peer's: it stands on what goes
    uint64_t next_counter;  // of what goes
    uint8_t peer_takes;     // SESSION_TAKES_...: what the peer said it takes beside plain packets
    int64_t born_ms;
    struct replay replay; // of what comes
    uint8_t send_key[AEAD_KEY];
    uint8_t receive_key[AEAD_KEY];
};

// Begins with fresh keys, which the caller has put into `session`, the indexes, and the peer's
// flags.
void session_begin(struct session *session, uint32_t receive_index, uint32_t send_index,
                   uint8_t peer_takes, int64_t now_ms);
// Ends it and wipes the keys.
void session_end(struct session *session);

// Seals a message in place: SEALED_HEAD bytes of room, `length` bytes of records, AEAD_TAG bytes of
// room. Its whole length is SEALED_OVERHEAD + `length`. Returns false, and leaves the records as
// they are, where the session is not live or has used up its counters: then nothing may be sent.
bool session_seal(struct session *session, uint8_t *message, size_t length);

// The index on a message of at least SEALED_HEAD bytes that says it is sealed.
uint32_t sealed_index(const uint8_t *message);

enum sealed_verdict {
    SEALED_NEWEST,   // genuine, and newer than all before
    SEALED_LATE,     // genuine, overtaken by others
    SEALED_REPLAYED, // seen before, or too old to tell
    SEALED_FORGED,   // not made with this session's keys, or altered
};
// Opens a message in place. Its records begin at message + SEALED_HEAD, and are `length` -
// SEALED_OVERHEAD bytes, where the verdict is one of the first two.
// Nothing opens under a session that is not live.
enum sealed_verdict session_open(struct session *session, uint8_t *message, size_t length);

// Whether it is time for new keys, or this one may not be used at all any more.
bool session_is_old(const struct session *session, int64_t now_ms);
bool session_is_over(const struct session *session, int64_t now_ms);

// What one end holds of its sessions with one peer; all zero before the first. It stays where it is
// while sessions come and go. Nobody keeps a pointer to a session: who wants to seal asks here each
// time, since any timer may have ended the session meanwhile.
struct session_keys {
    struct session current;  // seals and opens
    struct session previous; // opens what was under way when the keys changed
    int64_t held_until_ms;   // nothing is sealed before
};

// The session to seal with, or NULL while there is none that may be used.
struct session *session_to_seal(struct session_keys *keys, int64_t now_ms);
// The session that opens messages with this index, or NULL.
struct session *session_to_open(struct session_keys *keys, uint32_t index);
// Takes a fresh session over, whose copy is wiped; the current one becomes the previous one.
void session_renew(struct session_keys *keys, struct session *fresh);
// Wipes the keys of sessions that are over.
void session_expire(struct session_keys *keys, int64_t now_ms);
