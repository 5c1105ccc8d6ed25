// SPDX-License-Identifier: ISC
// The status line is what was last written, without a newline. The cursor stands at its start: to
// draw it anew the new text overwrites the old one, and all that is left of that is erased
// (ECMA-48, erase in display). A window that becomes narrow may break the line into several; they
// are below the cursor, and so go too. It is kept shorter than the terminal is wide, for the cursor
// could not return from a line that is continued in the next. The width is asked each time, as it
// can change.
//
// The terminal is opened anew, for a descriptor that does not block (stderr is shared with the
// shell): so one that is stopped (Ctrl-S), or whose other end does not read, stops no packets. What
// it does not take is lost, and the next drawing mends it. A user who may not open it, such as one
// after su(1), has stderr alone.
#include "terminal.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define FLAGS        (O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
#define ERASE_TO_END "\x1b[J"
#define TO_START     "\r"

// Of a terminal that does not say, such as a serial line's: that of the VT100.
#define USUAL_COLUMNS 80
#define USUAL_LINES   24

bool terminal_open(struct terminal *terminal) {
    const char *type = getenv("TERM");
    const char *name;
    terminal->fd = -1;
    terminal->line[0] = '\0';
    if (type == NULL || type[0] == '\0' || strcmp(type, "dumb") == 0 || !isatty(STDERR_FILENO))
        return false;
    terminal->group = getpgrp();
    terminal->fd = open("/proc/self/fd/2", FLAGS);
    if (terminal->fd < 0 && (name = ttyname(STDERR_FILENO)) != NULL) // a system without /proc
        terminal->fd = open(name, FLAGS);
    if (terminal->fd < 0)
        terminal->fd = dup(STDERR_FILENO);
    return terminal->fd >= 0;
}

void terminal_close(struct terminal *terminal) {
    if (terminal->fd < 0)
        return;
    terminal_hide(terminal);
    close(terminal->fd);
    terminal->fd = -1;
}

void terminal_size(const struct terminal *terminal, unsigned *columns, unsigned *lines) {
    struct winsize size;
    memset(&size, 0, sizeof size);
    (void)ioctl(terminal->fd, TIOCGWINSZ, &size);
    *columns = size.ws_col > 0 ? size.ws_col : USUAL_COLUMNS;
    *lines = size.ws_row > 0 ? size.ws_row : USUAL_LINES;
}

// Where the terminal is not the one that controls this process, nobody competes for it.
static bool is_in_foreground(const struct terminal *terminal) {
    pid_t group = tcgetpgrp(terminal->fd);
    return group < 0 || group == terminal->group;
}

static void put(const struct terminal *terminal, const char *text) {
    char out[TERMINAL_LINE_MAX + sizeof TO_START ERASE_TO_END TO_START];
    unsigned columns;
    unsigned lines;
    terminal_size(terminal, &columns, &lines);
    int length =
        snprintf(out, sizeof out, TO_START "%.*s" ERASE_TO_END TO_START, (int)columns - 1, text);
    ssize_t written = write(terminal->fd, out, (size_t)length);
    (void)written; // the next drawing mends it
}

void terminal_show(struct terminal *terminal, const char *line) {
    if (terminal->fd < 0)
        return;
    if (!is_in_foreground(terminal)) {
        terminal->line[0] = '\0';
        return;
    }
    snprintf(terminal->line, sizeof terminal->line, "%s", line);
    put(terminal, terminal->line);
}

void terminal_hide(const struct terminal *terminal) {
    if (terminal->fd >= 0 && terminal->line[0] != '\0')
        put(terminal, "");
}

void terminal_show_again(const struct terminal *terminal) {
    if (terminal->fd >= 0 && terminal->line[0] != '\0')
        put(terminal, terminal->line);
}
