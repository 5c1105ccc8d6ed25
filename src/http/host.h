// SPDX-License-Identifier: ISC
// What listens: connections begin as HTTP, get the page's files, and are handed on where they ask
// for another protocol (RFC 9110 section 7.8). Shared by the laptop's program, the server's, and
// the echo server of the tests.
#pragma once

#include "../base/crowd.h"
#include "../base/loop.h"
#include "../base/text.h"
#include "page.h"

struct http_host;

// A connection that is handed on: the request was read whole, and nothing was answered.
struct http_upgrade {
    int fd;
    const struct endpoint *peer;
    const struct http_request *request;
    const uint8_t *more; // what came behind the request
    size_t more_length;
};

// What connections may be handed on to.
struct http_protocol {
    const char *required; // header lines for who asks in another way (426)
    bool (*is_wanted)(const struct http_request *request);
    // How many bytes behind its head a request has beside; they are the first of `more`.
    size_t (*rest)(const struct http_request *request);
    // Takes the socket over. Returns 0, or a status to refuse with; the socket is the host's then.
    int (*take)(void *arg, const struct http_upgrade *upgrade);
};

struct http_host_config {
    const char *path; // where the other protocol is; a trailing slash in the request is fine
    const struct http_protocol *protocol;
    void *protocol_arg;
    const struct page *page; // NULL: no page
    // Whether a connection that has come is served; else it is closed at once. NULL: each is.
    bool (*welcome)(const void *arg, int fd, const struct endpoint *peer);
    const void *welcome_arg;
    // Whether a request is let in; `upgrade`: it asks for the other protocol. Returns 0, or a
    // status to refuse with, after having written into `why` what is said, plain text. NULL:
    // everybody is.
    int (*admit)(void *arg, const struct http_request *request, bool upgrade, struct text *why);
    void *admit_arg;
    // Writes the body of a JSON resource that is made on the fly into `body`. Returns its length, 0
    // where the path is none of these, or a status to refuse with, negated. May be NULL.
    int (*dynamic)(void *arg, const struct endpoint *peer, const struct http_text *path, char *body,
                   size_t size);
    void *dynamic_arg;
    // Its connections are a front's: a request's peer is whom X-Forwarded-For names, and for
    // `dynamic` it is nobody. NULL, or of length 0: there is none.
    const struct endpoint *front;
};

struct http_listener {
    struct http_host *host;
    int fd;
};

enum http_state { HTTP_FREE, HTTP_READING, HTTP_WRITING, HTTP_LINGERING };

// A connection that is not, or not yet, handed on: some 16 KiB, of which one that says nothing
// touches only what comes before the buffers.
struct http_slot {
    struct http_host *host;
    struct endpoint peer; // the front's client, when a request of a front has been read
    bool is_front;
    int fd;
    enum http_state state;
    int64_t deadline_ms; // when it must have left the state
    bool keep_alive;
    bool head_only; // the request was HEAD: no body (RFC 9110 section 9.3.2)
    size_t got;     // bytes in request[]
    // What is being sent: head[] from `sent` to `head_length`, then the body from memory or a file.
    size_t head_length;
    size_t head_sent;
    const uint8_t *body;
    size_t body_left;
    int body_fd;
    uint8_t request[HTTP_REQUEST_MAX];
    char head[2 * HTTP_RESPONSE_MAX];
};

struct http_host {
    struct loop *loop;
    struct http_host_config config;
    struct http_listener listeners[HTTP_LISTENERS];
    int listener_count;
    struct crowd_place places[HTTP_SLOTS]; // whose slots they are
    // Counters for status.json.
    uint64_t accepted;
    uint64_t evicted;   // gave way to a newer connection
    uint64_t expired;   // ran out of time
    uint64_t refused;   // answered with an error
    uint64_t forbidden; // of these, not admitted
    struct http_slot slots[HTTP_SLOTS];
};

// Must be done before anything else; what `config` points at must stay.
void http_host_init(struct http_host *host, struct loop *loop,
                    const struct http_host_config *config);
// Takes over a socket and listens. Returns 0, or -1 with errno set, or when there are too many.
int http_host_listen(struct http_host *host, int fd);
void http_host_close(struct http_host *host);
// Writes its counters: `,"http":{"accepted":1,...`; the caller goes on, and closes the bracket.
void http_host_write_status(const struct http_host *host, struct text *text);
// Time limits; call about once a second.
void http_host_tick(struct http_host *host);
