// SPDX-License-Identifier: ISC
// Text in a fixed buffer, and log lines.
#include "base/text.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "test.h"

static void pieces_join(void) {
    struct text text;
    char out[32];
    text_init(&text, out, sizeof out);
    CHECK_TEXT(out, "");
    text_add(&text, "{\"a\":%d", 1);
    text_add(&text, ",\"b\":\"%s\"}", "x");
    text_add(&text, "%s", "");
    CHECK_TEXT(out, "{\"a\":1,\"b\":\"x\"}");
    CHECK_INT(text.length, strlen(out));
    CHECK_INT(text.overflow, 0);
}

static void what_does_not_fit(void) {
    for (size_t size = 1; size <= 12; size++) {
        struct text text;
        char *out = malloc(size);
        text_init(&text, out, size);
        text_add(&text, "%s", "12345");
        text_add(&text, "%s", "67890");
        text_add(&text, "%s", "!");
        size_t expected = size > 11 ? 11 : size > 10 ? 10 : size > 5 ? 5 : 0;
        bool good = strlen(out) == expected && text.length == expected &&
                    memcmp(out, "1234567890!", expected) == 0 &&
                    (text.overflow != 0) == (size <= 11);
        free(out);
        test_row("room for %lu", (unsigned long)size);
        CHECK(good);
    }
}

static void rates(void) {
    static const struct {
        uint64_t bits_per_s;
        const char *expected;
    } cases[] = {
        {0, "0 bit/s"},
        {1, "1 bit/s"},
        {999, "999 bit/s"},
        {1000, "1.0 kbit/s"},
        {1049, "1.0 kbit/s"},
        {1050, "1.1 kbit/s"},
        {9949, "9.9 kbit/s"},
        {9950, "10 kbit/s"},
        {10499, "10 kbit/s"},
        {123456, "123 kbit/s"},
        {999449, "999 kbit/s"},
        {999500, "1.0 Mbit/s"},
        {54321000, "54 Mbit/s"},
        {1200000000, "1.2 Gbit/s"},
        {UINT64_C(999999999999999), "1000 Tbit/s"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text text;
        char out[32];
        text_init(&text, out, sizeof out);
        text_add_rate(&text, cases[i].bits_per_s);
        CHECK_TEXT(out, cases[i].expected);
    }
    struct text text;
    char out[64];
    text_init(&text, out, sizeof out);
    text_add_rate(&text, UINT64_MAX); // no overflow on the way, whatever it says
    CHECK_INT(text.overflow, 0);
}

static void durations(void) {
    static const struct {
        int64_t seconds;
        const char *expected;
    } cases[] = {
        {0, "0:00"},       {9, "0:09"},       {60, "1:00"},        {3599, "59:59"},
        {3600, "1:00:00"}, {3725, "1:02:05"}, {36000, "10:00:00"}, {360000, "100:00:00"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text text;
        char out[32];
        text_init(&text, out, sizeof out);
        text_add_duration(&text, cases[i].seconds);
        CHECK_TEXT(out, cases[i].expected);
    }
}

// What is written to stderr while `say` runs.
static void catch_stderr(void (*say)(const struct log *log), enum log_level level, char *out,
                         size_t size) {
    int ends[2];
    struct log log = {.program = "program", .level = level};
    int saved = dup(STDERR_FILENO);
    if (saved < 0 || pipe(ends) < 0 || dup2(ends[1], STDERR_FILENO) < 0)
        exit(2);
    close(ends[1]);
    say(&log);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t got = read(ends[0], out, size - 1);
    close(ends[0]);
    out[got > 0 ? got : 0] = '\0';
}

static void say_all(const struct log *log) {
    log_error(log, "one %d", 1);
    log_warn(log, "two %s", "2");
    log_info(log, "three");
    log_debug(log, "four");
}

static void say_badly(const struct log *log) {
    log_info(log, "peer %s", "\x1b[31m\r\n\a\x7f caf\xc3\xa9");
}

static void say_much(const struct log *log) {
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_info(log, "%s", text);
}

static void say_with_time(const struct log *log) {
    struct log timed = *log;
    timed.has_times = true;
    log_info(&timed, "so");
}

// The line is of one of the seconds in which the call was made.
static void time_of_day(void) {
    char out[256];
    time_t at = time(NULL);
    catch_stderr(say_with_time, LOG_LEVEL_INFO, out, sizeof out);
    for (; at <= time(NULL); at++) {
        char wanted[64];
        struct tm t;
        gmtime_r(&at, &t);
        strftime(wanted, sizeof wanted, "%Y-%m-%dT%H:%M:%SZ program: so\n", &t);
        if (strcmp(out, wanted) == 0)
            return;
    }
    CHECK_TEXT(out, "the time of now, and what was said");
}

static void levels(void) {
    char out[2048];
    catch_stderr(say_all, LOG_LEVEL_DEBUG, out, sizeof out);
    CHECK_TEXT(out, "program: error: one 1\nprogram: warning: two 2\nprogram: three\n"
                    "program: debug: four\n");
    catch_stderr(say_all, LOG_LEVEL_INFO, out, sizeof out);
    CHECK_TEXT(out, "program: error: one 1\nprogram: warning: two 2\nprogram: three\n");
    catch_stderr(say_all, LOG_LEVEL_WARN, out, sizeof out);
    CHECK_TEXT(out, "program: error: one 1\nprogram: warning: two 2\n");
    catch_stderr(say_all, LOG_LEVEL_ERROR, out, sizeof out);
    CHECK_TEXT(out, "program: error: one 1\n");
}

static void no_control_characters(void) {
    char out[256];
    catch_stderr(say_badly, LOG_LEVEL_INFO, out, sizeof out);
    CHECK_TEXT(out, "program: peer ?[31m???? caf\xc3\xa9\n");
}

static void long_lines(void) {
    char out[2048];
    catch_stderr(say_much, LOG_LEVEL_INFO, out, sizeof out);
    CHECK(strlen(out) <= 512);
    CHECK(strlen(out) > 500);
    CHECK_INT(out[strlen(out) - 1], '\n');
    CHECK_INT(out[strlen(out) - 2], 'x');
}

int main(void) {
    TEST("text is put together piece by piece", pieces_join);
    TEST("a piece that does not fit leaves what was there, and nothing follows it",
         what_does_not_fit);
    TEST("rates are told in two or three digits", rates);
    TEST("durations are told as people read them", durations);
    TEST("a log line begins with the time in UTC where nobody else notes it", time_of_day);
    TEST("the log shows what its level asks for", levels);
    TEST("control characters from a peer do not reach the terminal", no_control_characters);
    TEST("a long log line is cut and still ends", long_lines);
    return test_end();
}
