// SPDX-License-Identifier: ISC
// The HTTP host: what is answered to a request, and where a connection goes. Clients and host are
// in one process, and the loop runs until a client has heard all that it waits for.
#include "http/host.h"

#include <errno.h>
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

// Sends a request and waits for the end, or where the connection is kept, for an answer.
static bool ask(const char *request, bool is_full, bool is_kept) {
    static const struct http_protocol protocol = {"X: y\r\n", is_wanted, no_rest, take};
    struct page page;
    struct endpoint here;
    struct http_host_config config = {
        .path = "/ws", .protocol = &protocol, .protocol_arg = &is_full, .page = &page};
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
    if (connect(client, (const struct sockaddr *)&here.address, here.length) < 0 ||
        send(client, request, strlen(request), 0) < 0 || loop_every(&loop, 1, look, &is_kept) < 0)
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
        CHECK(ask(cases[i].request, cases[i].is_full, cases[i].is_kept));
        heard[strlen(cases[i].answer) < heard_length ? strlen(cases[i].answer) : heard_length] = 0;
        CHECK_TEXT(heard, cases[i].answer);
        CHECK_INT(host.accepted, 1);
    }
}

int main(void) {
    TEST("each request is answered as RFC 9110 says, or handed on", answers);
    return test_end();
}
