// SPDX-License-Identifier: ISC
// The terminal that stderr may be: how large it is, and a status line at the foot of what was
// written to it, which is drawn anew in place while log lines pass above it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// The longest status line, in bytes of ASCII, and NUL.
#define TERMINAL_LINE_MAX 256

struct terminal {
    int fd;      // for the status line; -1: stderr is no terminal, or one that understands nothing
    pid_t group; // the process group that this program is in
    char line[TERMINAL_LINE_MAX]; // what stands there; "": nothing
};

// Finds out whether stderr is a terminal that understands the escape sequences of ECMA-48. Returns
// that. Nothing below does anything where it is not.
bool terminal_open(struct terminal *terminal);
// Clears the status line, and closes.
void terminal_close(struct terminal *terminal);

// How many columns and lines the terminal has now.
void terminal_size(const struct terminal *terminal, unsigned *columns, unsigned *lines);

// Draws the status line: ASCII, cut to the terminal's width. While another program has the terminal
// (the shell: this one runs in the background) nothing is drawn.
void terminal_show(struct terminal *terminal, const char *line);
// Takes the status line away, so that something else can be written, and puts it back.
void terminal_hide(const struct terminal *terminal);
void terminal_show_again(const struct terminal *terminal);
