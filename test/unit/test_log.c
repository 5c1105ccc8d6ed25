// SPDX-License-Identifier: ISC
// Log lines as they reach stderr, which is a pipe here.
#include "base/log.h"

#include <time.h>
#include <unistd.h>

#include "test.h"

static char line[2048];

// What one call writes, without its newline.
static bool hear(struct log *log, enum log_level level, const char *said) {
    int ends[2];
    int before = dup(STDERR_FILENO);
    if (before < 0 || pipe(ends) < 0 || dup2(ends[1], STDERR_FILENO) < 0)
        return false;
    close(ends[1]);
    log_say(log, level, "%s", said);
    dup2(before, STDERR_FILENO); // nobody has the pipe's other end any more
    close(before);
    ssize_t got = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    line[got > 0 ? got - 1 : 0] = '\0';
    return got >= 0 && (got == 0 || memchr(line, '\n', (size_t)got - 1) == NULL);
}

static const struct {
    enum log_level level;
    const char *said, *heard;
} cases[] = {
    {LOG_LEVEL_ERROR, "no", "program: error: no"},
    {LOG_LEVEL_WARN, "hm", "program: warning: hm"},
    {LOG_LEVEL_INFO, "so", "program: so"},
    {LOG_LEVEL_DEBUG, "hidden", ""},
    {LOG_LEVEL_INFO, "", "program: "},
    {LOG_LEVEL_INFO, "a\033[2Jb\nc\x7f", "program: a?[2Jb?c?"}, // drives no terminal
};

static void lines(void) {
    struct log log = {.program = "program", .level = LOG_LEVEL_INFO};
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("%s", cases[i].heard);
        CHECK(hear(&log, cases[i].level, cases[i].said));
        CHECK_TEXT(line, cases[i].heard);
    }
}

static void time_of_day(void) {
    struct log log = {.program = "program", .level = LOG_LEVEL_INFO, .has_times = true};
    time_t before = time(NULL);
    CHECK(hear(&log, LOG_LEVEL_INFO, "so"));
    for (time_t at = before; at <= time(NULL); at++) {
        char wanted[64];
        struct tm t;
        gmtime_r(&at, &t);
        strftime(wanted, sizeof wanted, "%Y-%m-%dT%H:%M:%SZ program: so", &t);
        if (strcmp(line, wanted) == 0)
            return;
    }
    CHECK_TEXT(line, "the time of now, and what was said");
}

static void long_line(void) {
    static char said[1500];
    struct log log = {.program = "program", .level = LOG_LEVEL_INFO};
    memset(said, 'x', sizeof said - 1);
    CHECK(hear(&log, LOG_LEVEL_INFO, said));
    CHECK(strlen(line) < 512);
    CHECK(strlen(line) > 500);
}

int main(void) {
    TEST("a line names program and level, and holds no control characters", lines);
    TEST("a line begins with the time in UTC where nobody else notes it", time_of_day);
    TEST("a line that is too long is cut", long_line);
    return test_end();
}
