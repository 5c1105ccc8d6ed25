// SPDX-License-Identifier: ISC
// HTTP slots. A slot reads one request head, sends one response, and reads again (keep-alive, RFC
// 9112 section 9.3; pipelined requests wait in its buffer). A request for the other protocol hands
// the socket on and frees the slot.
//
// Against peers that are slow, silent or many: every state has a time limit, and when all slots are
// taken, the one that has been in its state longest gives way to the newcomer, of those of the
// address that holds the most (see base/crowd.c). So whoever holds slots open holds nobody else up.
// A silent connection costs its slot and nothing more. A response that ends the connection is
// followed by a short linger that throws input away; closing with unread input would destroy the
// response (see conn.c).
#include "host.h"
#include "policy.h"
#include "response.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ACCEPTS_AT_A_TIME 64
#define LINGER_MS         2000
// A browser that tries https first (RFC 8446 section 5.1) tries http as soon as it is turned away.
#define TLS_HANDSHAKE 0x16

static void on_slot(void *arg);

void http_host_init(struct http_host *host, struct loop *loop,
                    const struct http_host_config *config) {
    memset(host, 0, offsetof(struct http_host, slots));
    host->loop = loop;
    host->config = *config;
    for (size_t i = 0; i < HTTP_SLOTS; i++) {
        struct http_slot *slot = &host->slots[i];
        memset(slot, 0, offsetof(struct http_slot, request)); // the buffers stay untouched
        slot->host = host;
        slot->fd = -1;
        slot->body_fd = -1;
    }
}

static size_t slot_number(const struct http_slot *slot) {
    return (size_t)(slot - slot->host->slots);
}

static void enter(struct http_slot *slot, enum http_state state, int64_t limit_ms) {
    struct http_host *host = slot->host;
    slot->state = state;
    slot->deadline_ms = host->loop->now_ms + limit_ms;
    crowd_renew(host->places, HTTP_SLOTS, slot_number(slot));
    loop_set_events(host->loop, slot->fd, state == HTTP_WRITING ? POLLOUT : POLLIN);
}

static void forget_body(struct http_slot *slot) {
    if (slot->body_fd >= 0)
        close(slot->body_fd);
    slot->body_fd = -1;
    slot->body = NULL;
    slot->body_left = 0;
}

// The slot is free; its socket is somebody else's, or closed.
static void leave_slot(struct http_slot *slot) {
    crowd_leave(slot->host->places, HTTP_SLOTS, slot_number(slot));
    slot->fd = -1;
    slot->state = HTTP_FREE;
    forget_body(slot);
}

static void free_slot(struct http_slot *slot) {
    int fd = slot->fd;
    loop_remove(slot->host->loop, fd);
    leave_slot(slot);
    close(fd);
}

// Makes room for a newcomer. Returns the slot, or NULL where all are free already.
static struct http_slot *evict(struct http_host *host, uint64_t newcomer) {
    size_t number = crowd_gives_way(host->places, HTTP_SLOTS, newcomer);
    if (number == HTTP_SLOTS)
        return NULL;
    host->evicted++;
    free_slot(&host->slots[number]);
    return &host->slots[number];
}

static struct http_slot *take_slot(struct http_host *host, uint64_t newcomer) {
    for (size_t i = 0; i < HTTP_SLOTS; i++)
        if (host->slots[i].state == HTTP_FREE)
            return &host->slots[i];
    return evict(host, newcomer);
}

// Accepts a connection. Where descriptors have run out, a slot gives its own; without one, the
// listener rests until the next tick, since poll() would report it again and again.
static int accept_peer(const struct http_listener *listener, struct endpoint *peer) {
    struct http_host *host = listener->host;
    int fd = socket_accept(listener->fd, peer);
    if (fd >= 0 || (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS))
        return fd;
    if (evict(host, CROWD_NOBODY) != NULL)
        fd = socket_accept(listener->fd, peer);
    if (fd < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        loop_set_events(host->loop, listener->fd, 0);
    return fd;
}

static void on_listener(void *arg) {
    const struct http_listener *listener = arg;
    struct http_host *host = listener->host;
    struct endpoint peer;
    for (int i = 0; i < ACCEPTS_AT_A_TIME; i++) {
        int fd = accept_peer(listener, &peer);
        if (fd < 0)
            return;
        if (host->config.welcome != NULL &&
            !host->config.welcome(host->config.welcome_arg, fd, &peer)) {
            close(fd);
            continue;
        }
        uint64_t source = endpoint_source(&peer);
        struct http_slot *slot = take_slot(host, source);
        if (loop_add(host->loop, fd, POLLIN, on_slot, slot) < 0) {
            close(fd);
            continue;
        }
        host->accepted++;
        slot->fd = fd;
        slot->peer = peer;
        slot->is_front = host->config.front != NULL && host->config.front->length > 0 &&
                         endpoint_same_host(host->config.front, &peer);
        slot->got = 0;
        crowd_enter(host->places, HTTP_SLOTS, slot_number(slot), source);
        enter(slot, HTTP_READING, HTTP_REQUEST_TIMEOUT_MS);
    }
}

int http_host_listen(struct http_host *host, int fd) {
    if (host->listener_count == HTTP_LISTENERS)
        return -1;
    struct http_listener *listener = &host->listeners[host->listener_count];
    *listener = (struct http_listener){host, fd};
    if (listen(fd, SOMAXCONN) < 0 || loop_add(host->loop, fd, POLLIN, on_listener, listener) < 0)
        return -1;
    host->listener_count++;
    return 0;
}

void http_host_close(struct http_host *host) {
    for (int i = 0; i < host->listener_count; i++) {
        loop_remove(host->loop, host->listeners[i].fd);
        close(host->listeners[i].fd);
    }
    host->listener_count = 0;
    for (size_t i = 0; i < HTTP_SLOTS; i++)
        if (host->slots[i].state != HTTP_FREE)
            free_slot(&host->slots[i]);
}

void http_host_write_status(const struct http_host *host, struct text *text) {
    text_add(text,
             ",\"http\":{\"accepted\":%llu,\"evicted\":%llu,\"expired\":%llu,\"refused\":%llu",
             (unsigned long long)host->accepted, (unsigned long long)host->evicted,
             (unsigned long long)host->expired, (unsigned long long)host->refused);
}

void http_host_tick(struct http_host *host) {
    for (int i = 0; i < host->listener_count; i++)
        loop_set_events(host->loop, host->listeners[i].fd, POLLIN);
    for (size_t i = 0; i < HTTP_SLOTS; i++) {
        struct http_slot *slot = &host->slots[i];
        if (slot->state == HTTP_FREE || host->loop->now_ms < slot->deadline_ms)
            continue;
        host->expired += slot->state == HTTP_READING && slot->got > 0;
        free_slot(slot);
    }
}

// Refills head[] with the next piece of a file. Returns false when the file is shorter than it was.
static bool read_body(struct http_slot *slot) {
    size_t want = slot->body_left < sizeof slot->head ? slot->body_left : sizeof slot->head;
    ssize_t got = read(slot->body_fd, slot->head, want);
    if (got <= 0)
        return false;
    slot->head_sent = 0;
    slot->head_length = (size_t)got;
    slot->body_left -= (size_t)got;
    return true;
}

// Sends one piece. Returns the number of bytes, 0 when the socket is full, -1 when it is broken.
static ssize_t send_piece(struct http_slot *slot, const void *bytes, size_t length) {
    ssize_t sent = send(slot->fd, bytes, length, 0);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    return sent;
}

// Sends what is left of the response. Returns 1 when all is sent, 0 when the socket is full, -1.
static int send_response(struct http_slot *slot) {
    ssize_t sent;
    for (;;) {
        if (slot->head_sent < slot->head_length) {
            sent =
                send_piece(slot, slot->head + slot->head_sent, slot->head_length - slot->head_sent);
            slot->head_sent += sent > 0 ? (size_t)sent : 0;
        } else if (slot->body_left > 0 && slot->body_fd >= 0) {
            sent = read_body(slot) ? 1 : -1;
        } else if (slot->body_left > 0) {
            sent = send_piece(slot, slot->body, slot->body_left);
            slot->body += sent > 0 ? sent : 0;
            slot->body_left -= sent > 0 ? (size_t)sent : 0;
        } else {
            return 1;
        }
        if (sent <= 0)
            return (int)sent;
    }
}

// Sends on; a finished response leaves the slot reading, or lingering before the end.
static void go_on_sending(struct http_slot *slot) {
    int done = send_response(slot);
    if (done < 0) {
        free_slot(slot);
        return;
    }
    if (done == 0)
        return;
    forget_body(slot);
    if (slot->keep_alive) {
        enter(slot, HTTP_READING, HTTP_KEEPALIVE_MS);
        return;
    }
    shutdown(slot->fd, SHUT_WR);
    enter(slot, HTTP_LINGERING, LINGER_MS);
}

// Begins a response; its body, if any, is for the caller to add.
static void respond(struct http_slot *slot, const struct http_response *response) {
    slot->head_length = http_write_head(slot->head, sizeof slot->head, response);
    slot->head_sent = 0;
    slot->keep_alive = response->keep_alive;
    slot->body_left = 0;
    enter(slot, HTTP_WRITING, HTTP_RESPONSE_TIMEOUT_MS);
}

// Begins a response whose body is of this moment: it is kept behind the head.
static void respond_with_copy(struct http_slot *slot, const struct http_response *response,
                              const char *body) {
    respond(slot, response);
    size_t length = response->body_length;
    if (!slot->head_only && slot->head_length + length <= sizeof slot->head) {
        memcpy(slot->head + slot->head_length, body, length);
        slot->head_length += length;
    }
}

// Answers with an error: what is `said`, or with NULL the status's own words. `keep_alive` where
// the request was read whole and more may follow.
static void refuse(struct http_slot *slot, int status, const char *said, bool keep_alive) {
    const char *body = said != NULL ? said : http_reason(status);
    struct http_response response = {
        .status = status,
        .type = "text/plain; charset=utf-8",
        .body_length = strlen(body),
        .upgrade = status == 426,
        .keep_alive = keep_alive,
    };
    if (status == 426) // RFC 6455 section 4.4, RFC 9110 section 15.5.22
        response.extra = slot->host->config.protocol->required;
    else if (status == 405)
        response.extra = "Allow: GET, HEAD\r\n";
    slot->host->refused++;
    respond_with_copy(slot, &response, body);
}

// The socket leaves this slot and lives on elsewhere. `used`: the request's length.
static void hand_on(struct http_slot *slot, const struct http_request *request, size_t used) {
    struct http_host *host = slot->host;
    struct endpoint peer = slot->peer;
    struct http_upgrade upgrade = {
        .fd = slot->fd,
        .peer = &peer,
        .request = request,
        .more = slot->request + used,
        .more_length = slot->got - used,
    };
    loop_remove(host->loop, slot->fd); // who takes it watches it
    int status = host->config.protocol->take(host->config.protocol_arg, &upgrade);
    if (status == 0) {
        leave_slot(slot);
        return;
    }
    if (loop_add(host->loop, slot->fd, POLLIN, on_slot, slot) < 0)
        free_slot(slot);
    else
        refuse(slot, status, NULL, false);
}

static bool path_is_protocol(const struct http_host *host, const struct http_text *path) {
    size_t length = strlen(host->config.path);
    if (path->length == length + 1 && path->start[length] == '/')
        return memcmp(path->start, host->config.path, length) == 0;
    return http_text_is(path, host->config.path);
}

// Whether the browser has this version already (RFC 9110 section 13.1.2): any version will do, or
// ours, marked as weak or not.
static bool is_unchanged(const struct http_request *request, const char *etag) {
    char weak[PAGE_ETAG_MAX + 2];
    const char *const accepted[] = {"*", etag, weak};
    snprintf(weak, sizeof weak, "W/%s", etag);
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++)
        if (http_has_token(request->headers, request->header_count, "If-None-Match", accepted[i]))
            return true;
    return false;
}

static void send_file(struct http_slot *slot, const struct http_request *request) {
    struct page_body file;
    char sources[POLICY_SOURCES_MAX];
    const struct page *page = slot->host->config.page;
    if (page == NULL || !page_find(page, &request->path, &file)) {
        refuse(slot, 404, NULL, request->keep_alive);
        return;
    }
    bool unchanged = is_unchanged(request, file.etag);
    policy_write_sources(sources, page->only, request);
    struct http_response response = {
        .status = unchanged ? 304 : 200,
        .type = unchanged ? NULL : file.type,
        .etag = file.etag,
        .connect = sources,
        .of_folder = page->folder >= 0,
        .body_length = file.length,
        .keep_alive = request->keep_alive,
    };
    respond(slot, &response);
    if (!slot->head_only && !unchanged) {
        slot->body = file.bytes;
        slot->body_fd = file.fd;
        slot->body_left = file.length;
    } else if (file.fd >= 0) {
        close(file.fd);
    }
}

// Sends JSON that is made on the fly. Returns false where the path is no such resource.
static bool send_dynamic(struct http_slot *slot, const struct http_request *request) {
    struct http_host *host = slot->host;
    static const struct endpoint nobody;
    char body[HTTP_RESPONSE_MAX];
    // What has passed a front is from anywhere, also where nobody told us of the front.
    bool is_direct = !slot->is_front && http_count_headers(request->headers, request->header_count,
                                                           HTTP_FORWARDED) == 0;
    if (host->config.dynamic == NULL)
        return false;
    int length = host->config.dynamic(host->config.dynamic_arg, is_direct ? &slot->peer : &nobody,
                                      &request->path, body, sizeof body);
    if (length == 0)
        return false;
    if (length < 0) {
        refuse(slot, -length, NULL, false);
        return true;
    }
    struct http_response response = {
        .status = 200,
        .type = "application/json",
        .body_length = (size_t)length,
        .keep_alive = request->keep_alive,
    };
    respond_with_copy(slot, &response, body);
    return true;
}

// Whether the program lets the request in; if not, the answer is on its way.
static bool admit(struct http_slot *slot, const struct http_request *request, bool upgrades) {
    struct http_host *host = slot->host;
    char said[HTTP_WHY_MAX];
    struct text why;
    if (host->config.admit == NULL)
        return true;
    text_init(&why, said, sizeof said);
    int status = host->config.admit(host->config.admit_arg, request, upgrades, &why);
    if (status == 0)
        return true;
    host->forbidden++;
    refuse(slot, status, said, false);
    return false;
}

static void serve(struct http_slot *slot, const struct http_request *request, size_t used) {
    bool is_get = http_text_is(&request->method, "GET");
    bool is_head = http_text_is(&request->method, "HEAD");
    bool is_protocol = path_is_protocol(slot->host, &request->path);
    bool is_upgrade = is_protocol && slot->host->config.protocol->is_wanted(request);

    slot->head_only = is_head;
    if (!admit(slot, request, is_upgrade))
        return;
    if (is_upgrade)
        hand_on(slot, request, used);
    else if (!is_get && !is_head)
        refuse(slot, 405, NULL, false);
    else if (is_protocol)
        refuse(slot, 426, NULL, false);
    else if (!send_dynamic(slot, request))
        send_file(slot, request);
}

// From now on the slot counts as the client's for whom the front asks. A front that does not name
// one is counted itself.
static void find_client(struct http_slot *slot, const struct http_request *request) {
    struct crowd_place *places = slot->host->places;
    if (!slot->is_front)
        return;
    if (!http_read_forwarded(&slot->peer, request))
        slot->peer = *slot->host->config.front;
    crowd_leave(places, HTTP_SLOTS, slot_number(slot));
    crowd_enter(places, HTTP_SLOTS, slot_number(slot), endpoint_source(&slot->peer));
}

// Serves the requests that are whole in the buffer, one after another.
static void serve_requests(struct http_slot *slot) {
    struct http_request request;
    while (slot->state == HTTP_READING && slot->got > 0) {
        int used = http_parse_request(&request, slot->request, slot->got);
        if (used == 0 ||
            (used > 0 && slot->got - (size_t)used < slot->host->config.protocol->rest(&request)))
            return;
        if (used < 0) {
            slot->head_only = false;
            refuse(slot, -used, NULL, false);
        } else {
            find_client(slot, &request);
            serve(slot, &request, (size_t)used);
            slot->got -= (size_t)used;
            memmove(slot->request, slot->request + used, slot->got);
        }
        if (slot->state == HTTP_WRITING)
            go_on_sending(slot);
    }
}

static void read_request(struct http_slot *slot) {
    ssize_t got = recv(slot->fd, slot->request + slot->got, sizeof slot->request - slot->got, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (got <= 0) {
        free_slot(slot);
        return;
    }
    if (slot->got == 0 && slot->request[0] == TLS_HANDSHAKE) {
        free_slot(slot);
        return;
    }
    if (slot->got == 0) // the first bytes of a request start its clock
        slot->deadline_ms = slot->host->loop->now_ms + HTTP_REQUEST_TIMEOUT_MS;
    slot->got += (size_t)got;
    serve_requests(slot);
}

static void on_slot(void *arg) {
    struct http_slot *slot = arg;
    if (slot->state == HTTP_READING) {
        read_request(slot);
    } else if (slot->state == HTTP_WRITING) {
        go_on_sending(slot);
        if (slot->state == HTTP_READING)
            serve_requests(slot);
    } else {
        ssize_t got = recv(slot->fd, slot->request, sizeof slot->request, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
            free_slot(slot);
    }
}
