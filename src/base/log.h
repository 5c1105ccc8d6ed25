// SPDX-License-Identifier: ISC
// Messages for the person at the terminal: one line each on stderr, "program: level: text"; in a
// file the time stands before it.
#pragma once

#include "terminal.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

// Who speaks, how much of it is shown (-q: warnings and errors; -v: everything), and what status
// line it has to pass above.
struct log {
    const char *program;
    enum log_level level;
    const struct terminal *terminal; // or NULL: there is no status line
    bool has_times;
};

// Begins a log, of LOG_LEVEL_INFO. Its lines have times (UTC) where stderr is neither a terminal
// nor systemd's journal, which notes them itself.
void log_init(struct log *log, const char *program);

// Each takes a printf format without a trailing newline; a line longer than 512 bytes is cut.
void log_error(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_warn(const struct log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_info(const struct log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Says that getentropy(3) has failed, as errno has it: there is nothing to go on with.
void log_no_random(const struct log *log);
