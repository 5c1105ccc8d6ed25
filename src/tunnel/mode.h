// SPDX-License-Identifier: ISC
// What open and keyed mode do each in their own way, behind one table. Which one a link has is
// chosen when it begins; link.c, which is the same for both, never asks.
#pragma once

#include "link.h"

struct tunnel_mode {
    // The connection is another now, or none; `was_alone`: there was none before.
    void (*path_changed)(struct tunnel_link *link, bool was_alone, int64_t now_us);
    // Whether packets may be queued: somebody will carry them.
    bool (*takes_packets)(const struct tunnel_link *link, int64_t now_us);
    // How long a super-packet of this protocol may be, in bytes; 0: the other end takes none.
    size_t (*super_packet_most)(const struct tunnel_link *link, uint8_t protocol, int64_t now_us);
    // The rest is asked only while there is a connection, but for keep_time(), which each pump
    // begins with.
    void (*keep_time)(struct tunnel_link *link, int64_t now_us);
    bool (*has_something)(struct tunnel_link *link, int64_t now_us);
    // Makes one message of what waits. Returns false where there is no room, or nothing was sent.
    bool (*send_message)(struct tunnel_link *link, int64_t now_us);
    int64_t (*due_us)(const struct tunnel_link *link, int64_t now_us);
};

extern const struct tunnel_mode tunnel_open;
extern const struct tunnel_mode tunnel_keyed;

// join.c: moves what waits to where a message is made, packets and super-packets' records of at
// most so many bytes. Returns their length. With `joins` segments of a connection leave as one
// super-packet, and need not take turns with others' for that. Sets whether any hurries.
size_t tunnel_take_packets(struct tunnel_link *link, uint8_t *to, size_t most, bool joins,
                           bool *hurries);
// Puts a message into the send buffer. Returns false when there is no room.
bool tunnel_put_message(struct ws_conn *conn, bool text, const uint8_t *message, size_t length);
// Whether there is enough in the send buffer: what else waits stays in the queue until the loop has
// sent some of it.
bool tunnel_link_is_full(const struct tunnel_link *link);
