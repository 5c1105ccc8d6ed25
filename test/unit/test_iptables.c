// SPDX-License-Identifier: ISC
// Which commands keep the kernel silent where there is no nftables, and what is made of their
// answers. The iptables program here is a script that writes down what it is asked, and answers
// with the exit status that a test wants.
#include <sys/types.h>
#include <unistd.h>

static pid_t fork_or_fail(void);
#define fork fork_or_fail
#include "../../src/wire/iptables.c"
#undef fork

#include "test.h"

static char folder[] = "/tmp/tether-iptables.XXXXXX";
static char asked[4096];
static bool is_refused; // fork() fails

static pid_t fork_or_fail(void) {
    errno = EAGAIN;
    return is_refused ? -1 : fork();
}

static bool write_file(const char *name, const char *text, mode_t mode) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);
    size_t length = strlen(text);
    bool is_done = fd >= 0 && write(fd, text, length) == (ssize_t)length;
    return fd >= 0 && close(fd) == 0 && is_done;
}

// The program found in $PATH. It fails at commands that have `wrong` in them.
static bool begin(const char *wrong) {
    char script[256];
    snprintf(script, sizeof script,
             "#!/bin/sh\necho \"$*\" >>asked\ncase \" $* \" in *\" %s \"*) exit 1;; esac\n", wrong);
    return (unlink("asked") == 0 || errno == ENOENT) && write_file("iptables", script, 0700);
}

static const char *what_was_asked(void) {
    int fd = open("asked", O_RDONLY);
    ssize_t got = fd >= 0 ? read(fd, asked, sizeof asked - 1) : 0;
    close(fd);
    asked[got > 0 ? got : 0] = '\0';
    return asked;
}

static const char *const flush[] = {"-F", "a-chain", NULL};

static void runs(void) {
    CHECK(begin("nothing"));
    CHECK(run_iptables(flush));
    CHECK_TEXT(what_was_asked(), "-w -t raw -F a-chain\n");
    CHECK(begin("-F"));
    CHECK(!run_iptables(flush));
}

static void fails_without_program(void) {
    CHECK(begin("nothing"));
    CHECK_INT(unlink("iptables"), 0);
    CHECK(!run_iptables(flush));
}

static void fails_without_process(void) {
    CHECK(begin("nothing"));
    is_refused = true;
    bool is_done = run_iptables(flush);
    is_refused = false;
    CHECK(!is_done);
    CHECK_TEXT(what_was_asked(), "");
}

// As where a parent has told the kernel to forget what becomes of its children (wait(2)).
static void fails_without_answer(void) {
    CHECK(begin("nothing"));
    signal(SIGCHLD, SIG_IGN);
    bool is_done = run_iptables(flush);
    signal(SIGCHLD, SIG_DFL);
    CHECK(!is_done);
}

static const struct wire wire = {.address = 0xcb00710a, .chain = "tether-eth0"}; // 203.0.113.10
static const struct port_ranges ranges = {.ranges = {{20000, 20999}, {30000, 30000}}, .count = 2};

static void drops_ports(void) {
    CHECK(begin("nothing"));
    CHECK(add_ranges(&wire, "udp", &ranges));
    CHECK_TEXT(what_was_asked(),
               "-w -t raw -A tether-eth0 -d 203.0.113.10 -p udp --dport 20000:20999 -j DROP\n"
               "-w -t raw -A tether-eth0 -d 203.0.113.10 -p udp --dport 30000:30000 -j DROP\n");
    CHECK(begin("20000:20999"));
    CHECK(!add_ranges(&wire, "udp", &ranges));
    CHECK(begin("30000:30000"));
    CHECK(!add_ranges(&wire, "udp", &ranges));
}

static void removes_chain(void) {
    CHECK(begin("-S"));
    CHECK(remove_chain(&wire));
    CHECK_TEXT(what_was_asked(), "-w -t raw -D PREROUTING -j tether-eth0\n"
                                 "-w -t raw -F tether-eth0\n"
                                 "-w -t raw -X tether-eth0\n"
                                 "-w -t raw -S tether-eth0\n");
    CHECK(begin("-X"));
    CHECK(!remove_chain(&wire)); // it is still there to be shown
}

int main(void) {
    if (mkdtemp(folder) == NULL || chdir(folder) < 0 || setenv("PATH", ".", 1) < 0)
        return 1;
    TEST("iptables is run on the table raw, and its exit status counts", runs);
    TEST("no iptables program: nothing was done", fails_without_program);
    TEST("no process for it: nothing was done", fails_without_process);
    TEST("nobody knows how it ended: nothing was done", fails_without_answer);
    TEST("each range of ports has a rule, and all of them must be taken", drops_ports);
    TEST("a chain is removed when it cannot be shown any more", removes_chain);
    (void)unlink("asked"), (void)unlink("iptables");
    (void)rmdir(folder);
    return test_end();
}
