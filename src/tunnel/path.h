// Which of a laptop's phones carries its tether. Both programs decide it alike, each for itself.
//
// A laptop may have several connections at a time: its phone's, those of phones that were replaced
// and are on their way out, and those of strangers. The path is the one that is sent on.
#ifndef TETHER_TUNNEL_PATH_H
#define TETHER_TUNNEL_PATH_H

#include "../session/liveness.h"
#include "link.h"

// What both programs know of a connection; a part of each program's own struct for it.
struct phone_conn {
    struct ws_conn ws;
    size_t index;             // its place in the program's table
    uint32_t serial;          // connections are numbered as they open
    bool text;                // the form to send in
    bool has_delivered;       // keyed: something genuine came on it
    struct liveness liveness; // of the other end, by what goes and comes on this connection
};

struct path {
    struct tunnel_link link;
    struct phone_conn *phone; // link.conn is its WebSocket; NULL: there is none
    uint64_t changes;
};

// A connection has opened, as the `serial`th; what goes on it is text at first, or binary.
void phone_opened(struct phone_conn *phone, uint32_t serial, bool text, int64_t now_ms);

// Sends on this connection from now on, or with NULL on none.
void path_set(struct path *path, struct phone_conn *phone, int64_t now_us);
// Keyed: something genuine came on a connection; `is_newest`: its sender has sent nothing since.
// Returns whether the connection should become the path, which it is not.
bool path_should_move(const struct path *path, const struct phone_conn *phone, bool is_newest,
                      int64_t now_ms);
// When the path has closed: whether `phone` would be a better one than `other`, which may be NULL.
bool phone_is_better(const struct phone_conn *phone, const struct phone_conn *other);

#endif
