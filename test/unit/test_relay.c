// SPDX-License-Identifier: ISC
// What tether-relay does of its own accord: which port it tries next, how long a connection that it
// has left may go on, and how it ends where it cannot begin.
int relay_main(int argc, char **argv);
#define main relay_main
#include "../../src/relay/relay.c"
#undef main

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "test.h"

static struct relay relay;
static int listeners[2]; // at two ports of the server
static uint16_t ports[2];
static int turns; // milliseconds that went by, of a loop that is not held up

// Closes what comes to the first port, without a word, until the relay has noticed.
static void look(void *arg) {
    (void)arg;
    int fd = accept(listeners[0], NULL, NULL);
    if (fd >= 0)
        close(fd);
    if (relay.servers[0].ws.state == WS_FREE || ++turns > 5000)
        relay.loop.stop = true;
}

static bool open_ports(void) {
    for (int i = 0; i < 2; i++) {
        struct endpoint here;
        here.length = sizeof here.address;
        if (endpoint_parse(&here, "127.0.0.1:0", 0) < 0 ||
            (listeners[i] = socket_listen(&here, NULL)) < 0 ||
            getsockname(listeners[i], (struct sockaddr *)&here.address, &here.length) < 0)
            return false;
        ports[i] = ntohs(((struct sockaddr_in *)&here.address)->sin_port);
    }
    return true;
}

// A relay whose server has two ports, and no laptop.
static bool begin(void) {
    memset(&relay, 0, sizeof relay);
    relay.log.level = LOG_LEVEL_ERROR;
    init_end(&relay.laptop_end, &relay, "laptop");
    init_end(&relay.server_end, &relay, "server");
    relay.asked_ms = -1;
    turns = 0;
    if (!open_ports() || !parse_end(&relay.server_end, "127.0.0.1", ports, 2) ||
        loop_init(&relay.loop) < 0 || loop_every(&relay.loop, 1, look, NULL) < 0)
        return false;
    init_side(&relay.laptop, &relay.laptop_end, &relay.servers[0]);
    for (int i = 0; i < SERVERS; i++)
        init_side(&relay.servers[i], &relay.server_end, &relay.laptop);
    begin_round(&relay.servers[0]);
    return true;
}

static void end(void) {
    for (int i = 0; i < SERVERS; i++) ws_conn_abort(&relay.servers[i].ws);
    loop_close(&relay.loop);
    for (int i = 0; i < 2; i++) close(listeners[i]);
}

static void tries_next_port(void) {
    CHECK(begin());
    CHECK_INT(relay.servers[0].port, 0);
    CHECK_INT(loop_run(&relay.loop), 0);
    CHECK(turns <= 5000);
    CHECK(relay.laptop.other != &relay.servers[0]);
    CHECK_INT(relay.laptop.other->port, 1);
    CHECK(relay.laptop.other->ws.state != WS_FREE);
    CHECK_INT(relay.server_end.retry_at_ms, 0);
    end();
}

// The old connection may bring what it still has, for so long and no longer.
static void leaves(void) {
    CHECK(begin());
    CHECK(try_next(&relay) == &relay.servers[1]);
    int64_t now_ms = relay.loop.now_ms;
    relay.servers[0].ws.state = relay.servers[1].ws.state = WS_OPEN;
    use(&relay.servers[1]);
    for (int64_t later_ms = 0; later_ms <= LEAVING_MS; later_ms += LEAVING_MS / 5) {
        test_row("%d ms after another was used", (int)later_ms);
        relay.loop.now_ms = now_ms + later_ms;
        tick_spares(&relay);
        CHECK_INT(relay.servers[0].ws.state, later_ms < LEAVING_MS ? WS_OPEN : WS_FREE);
        CHECK_INT(relay.servers[1].ws.state, WS_OPEN);
    }
    end();
}

// All descriptors that the loop has places for are in use.
static _Noreturn void run_crowded(void) {
    struct rlimit limit = {LOOP_MAX_FDS + 16, LOOP_MAX_FDS + 16};
    char *argv[] = {(char[]){PROGRAM}, (char[]){"--server"}, (char[]){"127.0.0.1"}, NULL};
    int fd = open("/dev/null", O_RDWR);
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        _exit(77);
    dup2(fd, STDERR_FILENO);
    while (fd >= 0 && fd < LOOP_MAX_FDS - 1) fd = dup(fd);
    alarm(20);
    _exit(fd < 0 ? 77 : relay_main(3, argv));
}

static void ends_with_status_1(void) {
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        run_crowded();
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 1);
}

int main(void) {
    TEST("where one port of the server closes, the next is tried at once", tries_next_port);
    TEST("a connection that is left may go on for 15 s", leaves);
    TEST("the relay ends with status 1 where it cannot watch signals", ends_with_status_1);
    return test_end();
}
