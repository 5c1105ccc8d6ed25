// SPDX-License-Identifier: ISC
// Log lines. Each is formed in a local buffer and written by one write(), so that lines of several
// processes on one terminal never mix, and nothing is allocated. Control characters are shown as
// '?', because some of what is logged comes from a peer and must not drive the terminal.
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// A terminal's reader knows the time, and systemd's journal, a socket, notes it.
void log_init(struct log *log, const char *program)
{
    struct stat to;
    *log = (struct log){.program = program, .level = LOG_LEVEL_INFO};
    log->has_times =
        fstat(STDERR_FILENO, &to) == 0 && (S_ISREG(to.st_mode) || S_ISFIFO(to.st_mode));
}

// The time, as RFC 3339 has it. libc's functions may read files and allocate memory for the time
// zone. Years are counted from March 1968, so that a leap day is the last of four years; a month
// begins (153 * month + 2) / 5 days after March 1. Good until February 2100, which has no leap day.
static int write_time(char *out, size_t size)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    unsigned second = (unsigned)(now.tv_sec % 86400);
    unsigned days = (unsigned)(now.tv_sec / 86400) + 671; // since then; March 1 to December 31: 306
    unsigned of_four = days % 1461;
    unsigned year = of_four / 365 - of_four / 1460;
    unsigned day = of_four - 365 * year;
    unsigned month = (5 * day + 2) / 153;
    year += 1968 + 4 * (days / 1461) + month / 10;
    return snprintf(out, size, "%u-%02u-%02uT%02u:%02u:%02uZ ", year, 1 + (month + 2) % 12,
                    day - (153 * month + 2) / 5 + 1, second / 3600, second / 60 % 60, second % 60);
}

static void log_line(const struct log *log, enum log_level level, const char *label,
                     const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static void log_line(const struct log *log, enum log_level level, const char *label,
                     const char *format, va_list args)
{
    char line[512];
    if (level > log->level)
        return;
    int head = log->has_times ? write_time(line, sizeof line) : 0;
    head += snprintf(line + head, sizeof line - (size_t)head, "%s: %s", log->program, label);
    if ((size_t)head >= sizeof line)
        return;
    size_t room = sizeof line - (size_t)head - 1;
    int body = vsnprintf(line + head, room, format, args);
    if (body < 0)
        return;
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
}

void log_error(const struct log *log, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line(log, LOG_LEVEL_ERROR, "error: ", format, args);
    va_end(args);
}

void log_warn(const struct log *log, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line(log, LOG_LEVEL_WARN, "warning: ", format, args);
    va_end(args);
}

void log_info(const struct log *log, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line(log, LOG_LEVEL_INFO, "", format, args);
    va_end(args);
}

void log_debug(const struct log *log, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line(log, LOG_LEVEL_DEBUG, "debug: ", format, args);
    va_end(args);
}

void log_no_random(const struct log *log)
{
    log_error(log, "the kernel gives no random numbers: %s", strerror(errno));
}
