// SPDX-License-Identifier: ISC
// The terminal of the status line, in a pseudo-terminal: what is written to it, byte by byte.
#include "base/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "test.h"

struct lab {
    int master; // the side of whoever looks
    int slave;
    int saved; // stderr, as it was
    struct terminal terminal;
};

// stderr is a pseudo-terminal of this size from now on.
static void lab_open(struct lab *lab, unsigned short columns, unsigned short lines) {
    struct winsize size = {.ws_col = columns, .ws_row = lines};
    lab->master = posix_openpt(O_RDWR | O_NOCTTY);
    if (lab->master < 0 || grantpt(lab->master) < 0 || unlockpt(lab->master) < 0)
        exit(2);
    lab->slave = open(ptsname(lab->master), O_RDWR | O_NOCTTY);
    lab->saved = dup(STDERR_FILENO);
    if (lab->slave < 0 || lab->saved < 0 || dup2(lab->slave, STDERR_FILENO) < 0 ||
        ioctl(lab->slave, TIOCSWINSZ, &size) < 0)
        exit(2);
    setenv("TERM", "xterm", 1);
}

static void lab_close(struct lab *lab) {
    terminal_close(&lab->terminal);
    dup2(lab->saved, STDERR_FILENO);
    close(lab->saved);
    close(lab->slave);
    close(lab->master);
}

// What was written since the last time.
static const char *seen(const struct lab *lab) {
    static char out[4096];
    size_t length = 0;
    struct pollfd polled = {.fd = lab->master, .events = POLLIN};
    while (length < sizeof out - 1 && poll(&polled, 1, 0) == 1) {
        ssize_t got = read(lab->master, out + length, sizeof out - 1 - length);
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    out[length] = '\0';
    return out;
}

static void log_lines_pass(void) {
    struct lab lab;
    lab_open(&lab, 80, 24);
    CHECK(terminal_open(&lab.terminal));
    struct log log = {"program", LOG_LEVEL_INFO, &lab.terminal, false};
    log_info(&log, "one");
    CHECK_TEXT(seen(&lab), "program: one\r\n");
    terminal_show(&lab.terminal, "status");
    CHECK_TEXT(seen(&lab), "\rstatus\x1b[J\r");
    terminal_show(&lab.terminal, "other");
    CHECK_TEXT(seen(&lab), "\rother\x1b[J\r");
    log_info(&log, "two");
    CHECK_TEXT(seen(&lab), "\r\x1b[J\rprogram: two\r\n\rother\x1b[J\r");
    log_debug(&log, "this is not shown");
    CHECK_TEXT(seen(&lab), "");
    terminal_close(&lab.terminal);
    CHECK_TEXT(seen(&lab), "\r\x1b[J\r");
    log_info(&log, "three");
    CHECK_TEXT(seen(&lab), "program: three\r\n");
    lab_close(&lab);
}

static void it_is_cut(void) {
    static const struct {
        unsigned short columns;
        const char *expected;
    } cases[] = {
        {1, "\r\x1b[J\r"},       {2, "\rs\x1b[J\r"},      {6, "\rstatu\x1b[J\r"},
        {7, "\rstatus\x1b[J\r"}, {8, "\rstatus\x1b[J\r"}, {0, "\rstatus\x1b[J\r"},
    };
    struct lab lab;
    lab_open(&lab, 80, 24);
    CHECK(terminal_open(&lab.terminal));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct winsize size = {.ws_col = cases[i].columns, .ws_row = 24};
        test_row("%u columns", cases[i].columns);
        CHECK(ioctl(lab.slave, TIOCSWINSZ, &size) == 0);
        terminal_show(&lab.terminal, "status");
        CHECK_TEXT(seen(&lab), cases[i].expected);
    }
    lab_close(&lab);
}

static void long_lines_are_cut(void) {
    char line[2 * TERMINAL_LINE_MAX];
    struct lab lab;
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    lab_open(&lab, 1000, 24);
    CHECK(terminal_open(&lab.terminal));
    terminal_show(&lab.terminal, line);
    CHECK_INT(strlen(seen(&lab)), 1 + TERMINAL_LINE_MAX - 1 + 3 + 1);
    lab_close(&lab);
}

static void its_size(void) {
    unsigned columns;
    unsigned lines;
    struct lab lab;
    lab_open(&lab, 132, 43);
    CHECK(terminal_open(&lab.terminal));
    terminal_size(&lab.terminal, &columns, &lines);
    CHECK_INT(columns, 132);
    CHECK_INT(lines, 43);
    struct winsize unknown = {.ws_col = 0};
    CHECK(ioctl(lab.slave, TIOCSWINSZ, &unknown) == 0);
    terminal_size(&lab.terminal, &columns, &lines);
    CHECK_INT(columns, 80);
    CHECK_INT(lines, 24);
    lab_close(&lab);
}

static void some_understand_nothing(void) {
    struct lab lab;
    lab_open(&lab, 80, 24);
    setenv("TERM", "dumb", 1);
    CHECK(!terminal_open(&lab.terminal));
    setenv("TERM", "", 1);
    CHECK(!terminal_open(&lab.terminal));
    unsetenv("TERM");
    CHECK(!terminal_open(&lab.terminal));
    terminal_show(&lab.terminal, "status");
    terminal_hide(&lab.terminal);
    terminal_show_again(&lab.terminal);
    CHECK_TEXT(seen(&lab), "");
    lab_close(&lab);
}

static void a_file_is_none(void) {
    struct terminal terminal;
    int ends[2];
    char byte;
    int saved = dup(STDERR_FILENO);
    setenv("TERM", "xterm", 1);
    CHECK(pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    bool is_one = terminal_open(&terminal);
    terminal_show(&terminal, "status");
    terminal_close(&terminal);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    CHECK(!is_one);
    CHECK_INT(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

// A terminal whose other end does not read takes a few thousand bytes; then it must not hold us up.
static void it_does_not_wait(void) {
    struct lab lab;
    lab_open(&lab, 80, 24);
    CHECK(terminal_open(&lab.terminal));
    for (int i = 0; i < 10000; i++) terminal_show(&lab.terminal, "status");
    CHECK(strlen(seen(&lab)) > 1000);
    CHECK((fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK) == 0); // which is not ours alone
    lab_close(&lab);
}

int main(void) {
    TEST("log lines pass above the status line", log_lines_pass);
    TEST("the status line is cut to the terminal's width of the moment", it_is_cut);
    TEST("the status line has a length that it cannot exceed", long_lines_are_cut);
    TEST("a terminal of no size has 80 columns and 24 lines", its_size);
    TEST("a terminal that understands nothing gets nothing", some_understand_nothing);
    TEST("a pipe is no terminal", a_file_is_none);
    TEST("a terminal that nobody reads from does not hold the program up", it_does_not_wait);
    return test_end();
}
