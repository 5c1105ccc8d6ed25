// SPDX-License-Identifier: ISC
// What the laptop's terminal shows: addresses and their QR codes, hints, and the status line.
#include "../../src/client/display.c"

#include "test.h"

static struct {
    char log[2048]; // all lines
    char line[TERMINAL_LINE_MAX];
    int codes; // QR codes that were drawn, or had no room
    int shown; // how often the line was drawn
} seen;
static struct loop loop;
static struct log quiet = {.level = LOG_LEVEL_INFO};
static struct client_options options = {.listens_there = false};
static struct places places = {.options = &options};
static struct names names;
static struct display display;
static struct client_phones phones;
static struct ws_conn phone;
static const struct ws_conn *there; // the phone, or NULL
static struct shown shown;
static unsigned columns = 80, lines = 5; // no room for a code, which is said

int log_say(const struct log *log, enum log_level level, const char *format, ...) {
    size_t used = strlen(seen.log);
    va_list args;
    (void)log, (void)level;
    va_start(args, format);
    vsnprintf(seen.log + used, sizeof seen.log - used, format, args);
    va_end(args);
    seen.codes += strstr(format, "QR code") != NULL;
    used = strlen(seen.log);
    snprintf(seen.log + used, sizeof seen.log - used, "\n");
    return -1;
}

bool terminal_open(struct terminal *terminal) {
    terminal->fd = 1;
    return true;
}

void terminal_close(struct terminal *terminal) { terminal->fd = -1; }

void terminal_size(const struct terminal *terminal, unsigned *columns_of, unsigned *lines_of) {
    (void)terminal;
    *columns_of = columns;
    *lines_of = lines;
}

void terminal_hide(const struct terminal *terminal) { (void)terminal; }

void terminal_show(struct terminal *terminal, const char *line) {
    (void)terminal;
    snprintf(seen.line, sizeof seen.line, "%s", line);
    seen.shown++;
}

const struct ws_conn *client_phones_shown(const struct client_phones *of) {
    (void)of;
    return there;
}

static struct shown show(const struct client_phones *of) {
    (void)of;
    return shown;
}

static const struct client_mode mode = {.show = show};

static void start(void) {
    memset(&seen, 0, sizeof seen);
    memset(&phones, 0, sizeof phones);
    memset(&display, 0, sizeof display);
    memset(&names, 0, sizeof names);
    memset(places.list, 0, sizeof places.list);
    places.count = 0;
    there = NULL;
    columns = 80;
    loop.now_ms = 1000000;
    phones.loop = &loop;
    phones.mode = &mode;
    display.names = &names;
    display_open(&display, &phones, &places, &quiet);
}

static void add_place(int index, uint32_t address, enum place_kind kind) {
    struct place *place = &places.list[places.count++];
    *place =
        (struct place){.on = {.name = "wlan0", .index = index, .address = address}, .kind = kind};
    snprintf(place->where, sizeof place->where, "place%zu:6354", places.count);
}

// Two addresses of one interface may both be needed, where one is link-local and the other not.
static void codes(void) {
    static const struct {
        int index[2];
        uint32_t address[2]; // 0: there is none
        int codes;
    } cases[] = {
        {{1, 1}, {0, 0}, 0},
        {{1, 1}, {0xc0a80001, 0}, 1},
        {{1, 1}, {0xc0a80001, 0xa9fe0001}, 2},
        {{1, 1}, {0xa9fe0001, 0xc0a80001}, 2},
        {{1, 1}, {0xc0a80001, 0x0a000001}, 1}, // both private
        {{1, 2}, {0xc0a80001, 0xa9fe0001}, 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        start();
        test_row("case %zu", i);
        for (size_t j = 0; j < 2; j++)
            if (cases[i].address[j] != 0)
                add_place(cases[i].index[j], cases[i].address[j], PLACE_JOINED);
        display_places(&display);
        CHECK_INT(seen.codes, cases[i].codes);
        CHECK_INT(strstr(seen.log, "no phone can come but by cable") != NULL, places.count == 0);
        if (places.count < 2)
            continue;
        const char *first = strstr(seen.log, "http://place1:6354/");
        const char *second = strstr(seen.log, "http://place2:6354/");
        CHECK(first != NULL && second != NULL && second < first); // the best one last
    }
}

static void hints(void) {
    static const struct {
        enum place_kind kinds[2];
        int count;
        const char *hint;
    } cases[] = {
        {{0}, 0, "no network"},
        {{PLACE_JOINED}, 1, "in the hotspot of the phone itself"},
        {{PLACE_JOINED, PLACE_JOINED}, 2, "in the hotspot of the phone itself"},
        {{PLACE_OWN}, 1, "with Android"},
        {{PLACE_FIXED}, 1, "in the network of the address"},
        {{PLACE_OWN, PLACE_JOINED}, 2, "in the network of the address"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        start();
        test_row("case %zu", i);
        for (int j = 0; j < cases[i].count; j++) add_place(1, 0xc0a80001, cases[i].kinds[j]);
        display_places(&display);
        seen.log[0] = '\0';
        loop.now_ms += HINT_MS - 1;
        display_tick(&display);
        CHECK_TEXT(seen.log, "");
        loop.now_ms++;
        display_tick(&display);
        CHECK(strstr(seen.log, cases[i].hint) != NULL);
        seen.log[0] = '\0';
        loop.now_ms += 10 * HINT_MS; // it is given once
        display_tick(&display);
        CHECK_TEXT(seen.log, "");
    }
    start();
    display_places(&display);
    seen.log[0] = '\0';
    there = &phone;
    display_tick(&display);
    there = NULL;
    loop.now_ms += HINT_MS; // a phone was there
    display_tick(&display);
    CHECK_TEXT(seen.log, "");
}

// The line, a second and some bytes later.
static void tick(int64_t ms, uint64_t up, uint64_t down) {
    loop.now_ms += ms;
    phones.link.bytes_sent += up;
    phones.link.bytes_received += down;
    display_tick(&display);
}

static void status_line(void) {
    start();
    shown = (struct shown){"no phone", "waiting for a phone", false, -1, -1};
    display_tick(&display);
    CHECK_INT(seen.shown, 0); // no time has passed
    tick(1000, 0, 0);
    CHECK_TEXT(seen.line, "phone down  waiting for a phone");
    there = &phone;
    shown = (struct shown){"up", "server up", true, 45, 17};
    tick(1000, 0, 0);
    CHECK_TEXT(seen.line, "phone up  server up"); // none of them is the path
    phones.link.conn = &phone;
    tick(1000, 150000, 0);
    CHECK_TEXT(seen.line, "phone up  server up  up 1.2 Mbit/s  down 0 bit/s  45 ms  0:00  17 NAT "
                          "entries");
    shown.mappings = 1;
    tick(2000, 0, 5750000);
    CHECK_TEXT(seen.line,
               "phone up  server up  up 0 bit/s  down 23 Mbit/s  45 ms  0:02  1 NAT entry");
    shown.mappings = 0;
    shown.round_trip_ms = 0;
    names.state = NAMES_WORK;
    tick(60000, 0, 0);
    CHECK_TEXT(seen.line,
               "phone up  server up  up 0 bit/s  down 0 bit/s  0 ms  1:02  0 NAT entries");
    shown.mappings = shown.round_trip_ms = -1;
    names.state = NAMES_UNANSWERED;
    tick(1000, 0, 0);
    CHECK_TEXT(seen.line, "phone up  server up  names down  up 0 bit/s  down 0 bit/s  1:03");
    shown.is_up = false; // the time begins anew
    tick(1000, 0, 0);
    shown.is_up = true;
    names.state = NAMES_OFF;
    tick(1000, 0, 0);
    CHECK_TEXT(seen.line, "phone up  server up  up 0 bit/s  down 0 bit/s  0:00");
    CHECK_INT(seen.shown, 8);
}

static void narrow(void) {
    start();
    there = phones.link.conn = &phone;
    shown = (struct shown){"up", "server up", true, 45, 17};
    for (columns = 1; columns < 80; columns++) {
        test_row("%u columns", columns);
        tick(1000, 0, 0);
        CHECK(strlen(seen.line) < columns);
    }
}

static void quiet_or_no_terminal(void) {
    start();
    quiet.level = LOG_LEVEL_WARN;
    display_open(&display, &phones, &places, &quiet);
    quiet.level = LOG_LEVEL_INFO;
    tick(1000, 0, 0);
    CHECK_INT(seen.shown, 0);
}

int main(void) {
    TEST("the best address comes last, and has the QR code; two where both may be needed", codes);
    TEST("while no phone comes, one hint says what may be the matter", hints);
    TEST("the status line says what is up, how fast, and for how long", status_line);
    TEST("the status line is never longer than the terminal is wide", narrow);
    TEST("without a terminal, or with -q, there is none", quiet_or_no_terminal);
    return test_end();
}
