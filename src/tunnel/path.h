// SPDX-License-Identifier: ISC
// Which of a laptop's connections is sent on, as the laptop's program and the server's both have
// it.
//
// Phones come and go, and several may be there at a time. A connection joins a path when it is
// known whose phone it is. Of those that have joined, one is the path, which follows the phone: the
// connection that opened last and has brought a genuine message is the path (be it slower than the
// one before, so that its messages come overtaken); an older one becomes it again only when the
// newer has failed. So a new phone takes over without a gap, and one whose own way to the other end
// does not work takes nothing over.
#pragma once

#include "link.h"

struct path;

// A phone's connection: a part of whatever else a program knows of it.
struct phone_conn {
    struct ws_conn ws;
    uint32_t serial;         // connections are numbered as they come
    bool text;               // the form to send in
    int64_t genuine_ms;      // when it came, or last brought a genuine message
    struct path *path;       // which it has joined; NULL: a stranger's
    struct phone_conn *next; // of the same path: the one that came before
};

struct path {
    struct tunnel_link *link;   // to be sent on the path
    uint16_t laptop;            // the number of the laptop that it leads to; a laptop's own is 0
    struct phone_conn *current; // the path; NULL: there is none
    struct phone_conn *conns;   // all that have joined, the newest first
};

// Begins without connections; those of before are strangers' now. `link` has no connection either.
void path_init(struct path *path, struct tunnel_link *link, uint16_t laptop);

// A connection joins the path; it is not sent on yet. If another laptop's had it as its path, that
// laptop has none until it is heard again.
void path_join(struct path *path, struct phone_conn *conn, int64_t now_us);
// A connection has closed: it is a stranger's now. If it was the path, the newest of the others
// that are open is. Nothing happens where it has joined none.
void path_leave(struct phone_conn *conn, int64_t now_us);

// The connection, which has joined, is sent on from now on.
void path_take(struct phone_conn *conn, int64_t now_us);
// A genuine message came on a connection that has joined; `is_newest`: it is newer than all that
// came before on any of them. Returns whether the connection became the path by it.
bool path_follow(struct phone_conn *conn, bool is_newest, int64_t now_us);

// Whether this connection is sent on.
bool path_is_on(const struct phone_conn *conn);
// The open connection that came last of those that have joined, or NULL.
struct phone_conn *path_newest(const struct path *path);
