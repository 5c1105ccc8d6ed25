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

// Each takes a printf format without a trailing newline; a line longer than 512 bytes is cut. Each
// returns -1, so that what has failed can end with it.
#define log_error(log, ...) log_say(log, LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(log, ...)  log_say(log, LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(log, ...)  log_say(log, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_say(log, LOG_LEVEL_DEBUG, __VA_ARGS__)
int log_say(const struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Says that getentropy(3) has failed, as errno has it: there is nothing to go on with. Returns -1.
int log_no_random(const struct log *log);
