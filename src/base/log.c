// SPDX-License-Identifier: ISC
// Log lines. Each is formed in a local buffer and written by one write(), so that lines of several
// processes on one terminal never mix, and nothing is allocated. Control characters are shown as
// '?', because some of what is logged comes from a peer and must not drive the terminal.
#include "log.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Some libraries look for a time zone the first time, which the sandbox would not let pass later.
static int write_time(char *out, size_t size) {
    struct timespec now;
    struct tm t;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &t);
    return snprintf(out, size, "%d-%02d-%02dT%02d:%02d:%02dZ ", 1900 + t.tm_year, 1 + t.tm_mon,
                    t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

// A terminal's reader knows the time, and systemd's journal, a socket, notes it.
void log_init(struct log *log, const char *program) {
    char first[32];
    *log = (struct log){.program = program, .level = LOG_LEVEL_INFO};
    log->has_times = !isatty(STDERR_FILENO) && getenv("JOURNAL_STREAM") == NULL;
    (void)write_time(first, sizeof first);
}

int log_say(const struct log *log, enum log_level level, const char *format, ...) {
    static const char *const labels[] = {"error: ", "warning: ", "", "debug: "};
    char line[512];
    va_list args;
    if (level > log->level)
        return -1;
    int head = log->has_times ? write_time(line, sizeof line) : 0;
    head +=
        snprintf(line + head, sizeof line - (size_t)head, "%s: %s", log->program, labels[level]);
    if ((size_t)head >= sizeof line)
        return -1;
    size_t room = sizeof line - (size_t)head - 1;
    va_start(args, format);
    int body = vsnprintf(line + head, room, format, args);
    va_end(args);
    if (body < 0)
        return -1;
    size_t length = (size_t)head + ((size_t)body < room ? (size_t)body : room - 1);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[length++] = '\n';
    if (log->terminal != NULL)
        terminal_hide(log->terminal);
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written; // stderr is the last resort: a failure to write there has nowhere to be told
    if (log->terminal != NULL)
        terminal_show_again(log->terminal);
    return -1;
}

int log_no_random(const struct log *log) {
    return log_error(log, "the kernel gives no random numbers: %s", strerror(errno));
}
