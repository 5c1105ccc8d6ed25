// SPDX-License-Identifier: ISC
// The HTTP host: what is answered to a request, and where a connection goes. Clients and host are
// in one process, and the loop runs until a client has heard all that it waits for.
#include "http/host.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

static struct loop loop;
static struct http_host host;
static int client;
static char heard[65536];
static size_t heard_length;
static int turns; // milliseconds that the client has waited, of a loop that is not held up

#define UPGRADE "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
#define HOST    "Host: localhost\r\n\r\n"

static bool is_wanted(const struct http_request *request) {
    return http_has_token(request->headers, request->header_count, "Upgrade", "x");
}

static size_t no_rest(const struct http_request *request) {
    (void)request;
    return 0;
}

// Takes the connection, and says so on it; or refuses it.
static int take(void *arg, const struct http_upgrade *upgrade) {
    const bool *is_full = arg;
    if (*is_full)
        return 503;
    ssize_t length = write(upgrade->fd, "taken", 5);
    close(upgrade->fd);
    return length == 5 ? 0 : 500;
}

// What is of this moment: status.json, and nothing else.
static int tell(void *arg, const struct endpoint *peer, const struct http_text *path, char *body,
                size_t size) {
    (void)arg, (void)peer;
    return http_text_is(path, "/status.json") ? snprintf(body, size, "{\"so\":1}") : 0;
}

// Waits for the end, or where the connection is kept, for an answer.
static void look(void *arg) {
    const bool *is_kept = arg;
    ssize_t got = recv(client, heard + heard_length, sizeof heard - 1 - heard_length, MSG_DONTWAIT);
    heard_length += got > 0 ? (size_t)got : 0;
    heard[heard_length] = '\0';
    turns++;
    bool is_over = got == 0 || (got < 0 && errno != EAGAIN);
    if (is_over || (*is_kept && strstr(heard, "\r\n\r\n") != NULL && got < 0) || turns > 5000)
        loop.stop = true;
}

// Sends a request, and calls `every_ms` until it stops the loop. Returns whether it did so in time.
static bool ask(const char *request, bool is_full, loop_callback *every_ms, void *arg) {
    static const struct http_protocol protocol = {"X: y\r\n", is_wanted, no_rest, take};
    struct page page;
    struct endpoint here;
    struct http_host_config config = {.path = "/ws",
                                      .protocol = &protocol,
                                      .protocol_arg = &is_full,
                                      .page = &page,
                                      .dynamic = tell};
    heard_length = 0;
    turns = 0;
    if (page_open(&page, NULL, NULL) < 0 || endpoint_parse(&here, "127.0.0.1:0", 0) < 0 ||
        loop_init(&loop) < 0)
        return false;
    http_host_init(&host, &loop, &config);
    int listener = socket_listen(&here, NULL);
    here.length = sizeof here.address;
    if (listener < 0 || http_host_listen(&host, listener) < 0 ||
        getsockname(listener, (struct sockaddr *)&here.address, &here.length) < 0)
        return false;
    client = socket(AF_INET, SOCK_STREAM, 0);
    if (setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0 ||
        connect(client, (const struct sockaddr *)&here.address, here.length) < 0 ||
        send(client, request, strlen(request), 0) < 0 || loop_every(&loop, 1, every_ms, arg) < 0)
        return false;
    int result = loop_run(&loop);
    close(client);
    http_host_close(&host);
    loop_close(&loop);
    return result == 0 && turns <= 5000;
}

static const struct {
    const char *request;
    const char *answer; // how it begins
    bool is_full, is_kept;
} cases[] = {
    {"GET / HTTP/1.1\r\n" HOST, "HTTP/1.1 200 ", false, true},
    {"GET / HTTP/1.1\r\nConnection: close\r\n" HOST, "HTTP/1.1 200 ", false, false},
    {"GET / HTTP/1.0\r\n" HOST, "HTTP/1.1 200 ", false, false},
    {"HEAD / HTTP/1.1\r\n" HOST, "HTTP/1.1 200 ", false, true},
    {"GET / HTTP/1.1\r\nIf-None-Match: *\r\n" HOST, "HTTP/1.1 304 ", false, true},
    {"GET /nothing HTTP/1.1\r\n" HOST, "HTTP/1.1 404 ", false, true},
    {"POST / HTTP/1.1\r\n" HOST, "HTTP/1.1 405 ", false, false},
    {"no HTTP\r\n\r\n", "HTTP/1.1 400 ", false, false},
    {"\x16\x03\x01", "", false, false},                           // TLS
    {"GET /ws HTTP/1.1\r\n" HOST, "HTTP/1.1 426 ", false, false}, // RFC 9110 section 15.5.22
    {"GET /ws HTTP/1.1\r\n" UPGRADE, "taken", false, false},
    {"GET /ws/ HTTP/1.1\r\n" UPGRADE, "taken", false, false},
    {"GET /ws HTTP/1.1\r\n" UPGRADE, "HTTP/1.1 503 ", true, false},
    {"GET /wss HTTP/1.1\r\n" UPGRADE, "HTTP/1.1 404 ", false, true},
};

static void answers(void) {
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("%s", cases[i].request);
        bool is_kept = cases[i].is_kept;
        CHECK(ask(cases[i].request, cases[i].is_full, look, &is_kept));
        heard[strlen(cases[i].answer) < heard_length ? strlen(cases[i].answer) : heard_length] = 0;
        CHECK_TEXT(heard, cases[i].answer);
        CHECK_INT(host.accepted, 1);
    }
}

static void brings_bodies(void) {
    CHECK(ask("GET / HTTP/1.1\r\nConnection: close\r\n" HOST, false, look, &(bool){false}));
    const char *body = strstr(heard, "\r\n\r\n");
    const char *length = strstr(heard, "Content-Length: ");
    CHECK(body != NULL && length != NULL);
    CHECK_INT(heard_length - (size_t)(body + 4 - heard), strtol(length + 16, NULL, 10));
    CHECK(strncmp(body + 4, "<!", 2) == 0);
    CHECK(ask("GET /status.json HTTP/1.1\r\nConnection: close\r\n" HOST, false, look,
              &(bool){false}));
    CHECK(strncmp(heard, "HTTP/1.1 200 ", 13) == 0);
    CHECK(strstr(heard, "\r\n\r\n{\"so\":1}") != NULL);
}

// A client that has been refused and has not noticed: it goes on sending. Were the socket closed
// now, the kernel would answer with RST, and that would take the answer from the client (RFC 9112
// section 9.6).
static void send_more(void *arg) {
    char byte;
    (void)arg;
    errno = 0; // what an earlier call failed with says nothing of this turn's
    if (++turns <= 100)
        loop.stop = send(client, "more", 4, MSG_NOSIGNAL) != 4;
    else if (turns == 120)
        loop.stop = recv(client, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno != EAGAIN;
    else if (turns == 121)
        shutdown(client, SHUT_WR);
    else if (turns > 121)
        loop.stop = host.slots[0].state == HTTP_FREE || turns > 5000;
}

static void lingers(void) {
    CHECK(ask("POST / HTTP/1.1\r\n" HOST, false, send_more, NULL));
    CHECK(turns > 121);
}

int main(void) {
    TEST("each request is answered as RFC 9110 says, or handed on", answers);
    TEST("an answer brings the page, or what is of this moment, whole", brings_bodies);
    TEST("a connection that is refused, and goes on sending, is read until it ends", lingers);
    return test_end();
}
