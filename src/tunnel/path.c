// SPDX-License-Identifier: ISC
// Choosing the path among a laptop's connections; path.h says by what rule.
#include "path.h"

#define FAILED_MS 2000 // a path that was silent for so long may be overtaken by an older one

void path_init(struct path *path, struct tunnel_link *link, uint16_t laptop) {
    for (struct phone_conn *conn = path->conns; conn != NULL; conn = conn->next) conn->path = NULL;
    *path = (struct path){.link = link, .laptop = laptop};
}

// A connection is a stranger's now. Returns the path that it was, which there is none of then, or
// NULL where it was none.
static struct path *take_out(struct phone_conn *conn) {
    struct path *path = conn->path;
    if (path == NULL)
        return NULL;
    struct phone_conn **place = &path->conns;
    while (*place != conn) place = &(*place)->next;
    *place = conn->next;
    conn->path = NULL;
    if (path->current != conn)
        return NULL;
    path->current = NULL;
    return path;
}

void path_join(struct path *path, struct phone_conn *conn, int64_t now_us) {
    if (conn->path == path)
        return;
    struct path *left = take_out(conn);
    if (left != NULL)
        tunnel_link_set_conn(left->link, NULL, now_us);
    struct phone_conn **place = &path->conns;
    while (*place != NULL && (*place)->serial > conn->serial) place = &(*place)->next;
    conn->next = *place;
    *place = conn;
    conn->path = path;
}

void path_leave(struct phone_conn *conn, int64_t now_us) {
    struct path *left = take_out(conn);
    if (left == NULL)
        return;
    struct phone_conn *newest = path_newest(left);
    if (newest != NULL)
        path_take(newest, now_us);
    else
        tunnel_link_set_conn(left->link, NULL, now_us);
}

void path_take(struct phone_conn *conn, int64_t now_us) {
    struct path *path = conn->path;
    path->current = conn;
    path->link->text = conn->text;
    tunnel_link_set_conn(path->link, &conn->ws, now_us);
}

bool path_follow(struct phone_conn *conn, bool is_newest, int64_t now_us) {
    const struct phone_conn *current = conn->path->current;
    int64_t now_ms = now_us / 1000;
    conn->genuine_ms = now_ms;
    if (current == conn) {
        conn->path->link->text = conn->text;
        return false;
    }
    bool is_older = current != NULL && conn->serial < current->serial;
    if (is_older && (!is_newest || now_ms - current->genuine_ms < FAILED_MS))
        return false;
    path_take(conn, now_us);
    return true;
}

bool path_is_on(const struct phone_conn *conn) {
    return conn->path != NULL && conn->path->current == conn;
}

struct phone_conn *path_newest(const struct path *path) {
    struct phone_conn *conn = path->conns;
    while (conn != NULL && conn->ws.state != WS_OPEN) conn = conn->next;
    return conn;
}
