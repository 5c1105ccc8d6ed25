// SPDX-License-Identifier: ISC
// What tether-client shows on a terminal beside its log lines: a QR code of the page's address at
// the start, for the phone's camera, and then a status line, which is drawn anew once a second:
//
//   phone up  server up  up 1.2 Mbit/s  down 23 Mbit/s  45 ms  1:02:03  17 mappings
//
// Where stderr is no terminal, the address is a log line, and that is all.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../qr/draw.h"
#include "../qr/qr.h"
#include "display.h"

#define URL_MAX   (ENDPOINT_TEXT_MAX + 16)
#define FIELD_MAX 32
#define GAP       2 // columns between two fields

void display_open(struct display *display, const struct client_phones *phones, struct log *log)
{
    display->terminal.fd = -1;
    display->loop = phones->loop;
    display->phones = phones;
    display->at_ms = phones->loop->now_ms;
    display->connected_ms = -1;
    if (log->level >= LOG_LEVEL_INFO && terminal_open(&display->terminal))
        log->terminal = &display->terminal;
}

void display_close(struct display *display)
{
    terminal_close(&display->terminal);
}

// The address stands in the line above, and a line below is the status line's.
static bool has_room(const struct display *display, const struct qr *qr)
{
    unsigned columns;
    unsigned lines;
    terminal_size(&display->terminal, &columns, &lines);
    return qr_columns(qr) <= columns && qr_lines(qr) + 2 <= lines;
}

static void print_qr(const struct display *display, const char *url)
{
    struct qr qr;
    char line[QR_LINE_MAX];
    if (qr_encode(&qr, url, strlen(url)) < 0 || !has_room(display, &qr))
        return;
    for (unsigned i = 0; i < qr_lines(&qr); i++) {
        size_t length = qr_draw_line(&qr, i, line);
        line[length++] = '\n';
        if (write(STDERR_FILENO, line, length) != (ssize_t)length)
            return;
    }
}

void display_welcome(const struct display *display, const struct endpoint *listen,
                     const struct log *log)
{
    char where[ENDPOINT_TEXT_MAX];
    char url[URL_MAX];
    endpoint_format(listen, where);
    snprintf(url, sizeof url, "http://%s/", where);
    log_info(log, "on the phone, open %s", url);
    if (display->terminal.fd >= 0 && !endpoint_is_wildcard(listen))
        print_qr(display, url);
}

// ---- the status line ----

// Adds a field if it fits; where one did not, none does that comes after it.
static void add_field(struct text *line, const char *field)
{
    if (line->length > 0)
        text_add(line, "%*s%s", GAP, "", field);
    else
        text_add(line, "%s", field);
}

static void add_rate(struct text *line, const char *direction, uint64_t bytes, int64_t elapsed_ms)
{
    char field[FIELD_MAX];
    struct text text;
    text_init(&text, field, sizeof field);
    text_add(&text, "%s ", direction);
    text_add_rate(&text, bytes * 8000 / (uint64_t)elapsed_ms);
    add_field(line, field);
}

static void add_number(struct text *line, int64_t number, const char *unit)
{
    char field[FIELD_MAX];
    if (number < 0)
        return; // not known
    snprintf(field, sizeof field, "%lld %s", (long long)number, unit);
    add_field(line, field);
}

static void add_time(struct text *line, int64_t elapsed_ms)
{
    char field[FIELD_MAX];
    struct text text;
    text_init(&text, field, sizeof field);
    text_add_duration(&text, elapsed_ms / 1000);
    add_field(line, field);
}

static void write_line(struct display *display, struct text *line)
{
    const struct client_phones *phones = display->phones;
    const struct tunnel_link *link = &phones->link;
    const struct shown shown = phones->mode->show(phones);
    bool connected = link->conn != NULL && shown.is_up;
    int64_t elapsed_ms = display->loop->now_ms - display->at_ms;
    if (!connected)
        display->connected_ms = -1;
    else if (display->connected_ms < 0)
        display->connected_ms = display->loop->now_ms;
    add_field(line, client_phones_shown(phones) != NULL ? "phone up" : "phone down");
    if (shown.server != NULL)
        add_field(line, shown.server);
    if (!connected)
        return;
    add_rate(line, "up", link->bytes_sent - display->bytes_up, elapsed_ms);
    add_rate(line, "down", link->bytes_received - display->bytes_down, elapsed_ms);
    add_number(line, shown.round_trip_ms, "ms");
    add_time(line, display->loop->now_ms - display->connected_ms);
    add_number(line, shown.mappings, shown.mappings == 1 ? "mapping" : "mappings");
}

void display_tick(struct display *display)
{
    const struct tunnel_link *link = &display->phones->link;
    char out[TERMINAL_LINE_MAX];
    unsigned columns;
    unsigned lines;
    struct text line;
    if (display->terminal.fd < 0 || display->loop->now_ms <= display->at_ms)
        return;
    terminal_size(&display->terminal, &columns, &lines);
    text_init(&line, out, columns < sizeof out ? columns : sizeof out);
    write_line(display, &line);
    terminal_show(&display->terminal, out);
    display->at_ms = display->loop->now_ms;
    display->bytes_up = link->bytes_sent;
    display->bytes_down = link->bytes_received;
}
