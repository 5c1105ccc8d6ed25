// SPDX-License-Identifier: ISC
// Which requests the laptop's host lets in, and how often it tells of those that it does not.
#include "../../src/client/guard.c"

#include "test.h"

static struct client_options options;
static struct places places = {.options = &options};
static struct loop loop;
static struct log quiet;
static struct guard guard = {&places, &loop, &quiet, 0};
static struct {
    int lines;
    char origin[HTTP_ORIGIN_SHOWN + 1];
} said;

int log_say(const struct log *log, enum log_level level, const char *format, ...) {
    va_list args;
    (void)log, (void)level, (void)format;
    va_start(args, format);
    snprintf(said.origin, sizeof said.origin, "%s", va_arg(args, const char *));
    va_end(args);
    said.lines++;
    return -1;
}

// Asks with this Host, and this Origin or none. `why` is what the page of the refusal says.
static int ask(const char *host, const char *origin, bool upgrade, struct text *why) {
    char request_text[512];
    struct http_request request;
    int length =
        snprintf(request_text, sizeof request_text, "GET / HTTP/1.1\r\nHost: %s\r\n%s%s\r\n\r\n",
                 host, origin != NULL ? "Origin: " : "X-None: ", origin != NULL ? origin : "");
    if (http_parse_request(&request, (const uint8_t *)request_text, (size_t)length) != length)
        exit(2);
    return guard_admit(&guard, &request, upgrade, why);
}

static void admits(void) {
    static const struct {
        const char *host;
        const char *origin;
        bool upgrade;
        int status;
        const char *shown;
    } cases[] = {
        {"192.168.1.2:6354", NULL, false, 0, NULL},
        {"192.168.1.2:6354", NULL, true, 0, NULL},
        {"192.168.1.2:6354", "http://192.168.1.2:6354", true, 0, NULL},
        {"192.168.1.2:6354", "http://evil.example", false, 0, NULL}, // nothing to read for it
        {"192.168.1.2:6354", "http://evil.example", true, 403, "http://evil.example"},
        {"192.168.1.2:6354", "null", true, 403, "SCHEME://HOST[:PORT]"},
        {"evil.example", NULL, false, 403, "SCHEME://HOST[:PORT]"},
        {"evil.example", "http://evil.example", true, 403, "SCHEME://HOST[:PORT]"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char page[512];
        struct text why;
        text_init(&why, page, sizeof page);
        memset(&said, 0, sizeof said);
        guard.said_ms = 0;
        loop.now_ms = 1000;
        test_row("%s from %s", cases[i].host,
                 cases[i].origin != NULL ? cases[i].origin : "nowhere");
        CHECK_INT(ask(cases[i].host, cases[i].origin, cases[i].upgrade, &why), cases[i].status);
        CHECK_INT(said.lines, cases[i].status != 0);
        CHECK_INT(why.length > 0, cases[i].status != 0);
        if (cases[i].status == 0)
            continue;
        CHECK_TEXT(said.origin, cases[i].shown);
        CHECK(strstr(page, "http://localhost:6354/") != NULL);
        CHECK(strstr(page, cases[i].shown) != NULL);
    }
}

static void names_its_page(void) {
    char page[512];
    struct text why;
    snprintf(places.list[0].where, sizeof places.list[0].where, "10.1.2.3:99");
    places.count = 1;
    text_init(&why, page, sizeof page);
    CHECK_INT(ask("evil.example", NULL, false, &why), 403);
    CHECK(strstr(page, "http://10.1.2.3:99/") != NULL);
    places.count = 0;
}

// Once a minute, and from the first refusal on, also soon after the machine's start.
static void says_seldom(void) {
    static const struct {
        int64_t now_ms;
        int lines; // until then
    } cases[] = {{10, 1},    {11, 1},    {5000, 1},   {60009, 1},
                 {60010, 2}, {60011, 2}, {120009, 2}, {120010, 3}};
    memset(&said, 0, sizeof said);
    guard.said_ms = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char page[512];
        struct text why;
        text_init(&why, page, sizeof page);
        loop.now_ms = cases[i].now_ms;
        test_row("at %d ms", (int)cases[i].now_ms);
        CHECK_INT(ask("evil.example", NULL, false, &why), 403);
        CHECK_INT(said.lines, cases[i].lines);
    }
}

int main(void) {
    TEST("pages of other sites are kept out, and told what would let them in", admits);
    TEST("who is kept out is told where the page is", names_its_page);
    TEST("one line a minute tells of who was kept out", says_seldom);
    return test_end();
}
