// SPDX-License-Identifier: ISC
// What tether-client shows on a terminal beside its log lines: the page's addresses, the best one
// last, with a QR code for the phone's camera; and then a status line, which is drawn anew once a
// second:
//
//   phone up  server up  up 1.2 Mbit/s  down 23 Mbit/s  45 ms  1:02:03  17 NAT entries
//
// Where stderr is no terminal, the addresses are log lines, and that is all.
#include "display.h"
#include "../ip/scope.h"
#include "../qr/qr.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define URL_MAX   (ENDPOINT_TEXT_MAX + 16)
#define HINT_MS   30000
#define FIELD_MAX 32
#define GAP       2 // columns between two fields

void display_open(struct display *display, const struct client_phones *phones,
                  const struct places *places, struct log *log) {
    display->terminal.fd = -1;
    display->places = places;
    display->log = log;
    display->loop = phones->loop;
    display->phones = phones;
    display->at_ms = phones->loop->now_ms;
    display->connected_ms = -1;
    if (log->level >= LOG_LEVEL_INFO && terminal_open(&display->terminal))
        log->terminal = &display->terminal;
}

void display_close(struct display *display) { terminal_close(&display->terminal); }

static void print_qr(const struct display *display, const char *url) {
    struct qr qr;
    char line[QR_LINE_MAX];
    unsigned columns;
    unsigned lines;
    if (display->terminal.fd < 0 || qr_encode(&qr, url, strlen(url)) < 0)
        return;
    terminal_size(&display->terminal, &columns, &lines);
    // The address stands in the line above, and a line below is the status line's.
    if (qr_columns(&qr) > columns || qr_lines(&qr) + 2 > lines) {
        log_info(display->log, "there is no room for its QR code: %u columns and %u lines",
                 qr_columns(&qr), qr_lines(&qr) + 2);
        return;
    }
    terminal_hide(&display->terminal);
    for (unsigned i = 0; i < qr_lines(&qr); i++) {
        size_t length = qr_draw_line(&qr, i, line);
        line[length++] = '\n';
        if (write(STDERR_FILENO, line, length) != (ssize_t)length)
            return;
    }
}

static void show_place(const struct display *display, const struct place *place, bool draws) {
    static const char *const words[] = {
        [PLACE_JOINED] = "this laptop is in the phone's hotspot",
        [PLACE_FIXED] = "the phone is in the same network",
        [PLACE_OWN] = "the phone is in this laptop's Wi-Fi",
    };
    char url[URL_MAX];
    snprintf(url, sizeof url, "http://%s/", place->where);
    if (place->kind != PLACE_NAMED)
        log_info(display->log, "when %s (%s):", words[place->kind], place->on.name);
    log_info(display->log, "on the phone, open %s", url);
    if (draws)
        print_qr(display, url);
}

// How many of the first places have a QR code. Two on one interface may both be needed: some phones
// send what is for a private address into the mobile network, others have no link-local one.
static size_t count_codes(const struct places *places) {
    const struct interface_address *first = &places->list[0].on;
    const struct interface_address *second = &places->list[1].on;
    bool both = places->count > 1 && first->index == second->index &&
                ip_scope_of(first->address) != ip_scope_of(second->address);
    return places->count > 0 ? 1 + both : 0;
}

void display_places(struct display *display) {
    const struct places *places = display->places;
    const struct client_options *options = places->options;
    unsigned port = endpoint_port(&options->listen);
    if (options->wifi == NULL &&
        (!options->listens_there || endpoint_is_wildcard(&options->listen)))
        log_info(display->log, "cable: adb reverse tcp:%u tcp:%u, then http://localhost:%u/", port,
                 port, port);
    if (places->count == 0)
        log_warn(display->log,
                 "no phone can come but by cable: no network interface has a private address");
    for (size_t i = places->count; i > 0; i--)
        show_place(display, &places->list[i - 1], i <= count_codes(places));
    display->hint_at_ms = display->loop->now_ms + HINT_MS;
}

// What may be the matter while no phone comes, by what this laptop sees.
static void give_hint(const struct display *display) {
    const struct places *places = display->places;
    unsigned kinds = 0;
    for (size_t i = 0; i < places->count; i++) kinds |= 1U << places->list[i].kind;
    const char *hint = "it must be in the network of the address that it opens, and this laptop's "
                       "firewall must let it in";
    if (places->count == 0)
        hint = "this laptop is in no network: join the phone's hotspot, or use a cable";
    else if (kinds == 1U << PLACE_JOINED)
        hint = "this laptop must be in the hotspot of the phone itself, and its firewall must let "
               "the phone in";
    else if (kinds == 1U << PLACE_OWN)
        hint = "an iPhone must have joined this laptop's Wi-Fi; with Android, join the phone's "
               "hotspot instead";
    log_info(display->log, "no phone yet: %s", hint);
}

// ---- the status line ----

// Adds a field if it fits; where one did not, none does that comes after it.
static void add_field(struct text *line, const char *field) {
    if (line->length > 0)
        text_add(line, "%*s%s", GAP, "", field);
    else
        text_add(line, "%s", field);
}

static void add_rate(struct text *line, const char *direction, uint64_t bytes, int64_t elapsed_ms) {
    char field[FIELD_MAX];
    struct text text;
    text_init(&text, field, sizeof field);
    text_add(&text, "%s ", direction);
    text_add_rate(&text, bytes * 8000 / (uint64_t)elapsed_ms);
    add_field(line, field);
}

static void add_number(struct text *line, int64_t number, const char *unit) {
    char field[FIELD_MAX];
    if (number < 0)
        return; // not known
    snprintf(field, sizeof field, "%lld %s", (long long)number, unit);
    add_field(line, field);
}

static void add_time(struct text *line, int64_t elapsed_ms) {
    char field[FIELD_MAX];
    struct text text;
    text_init(&text, field, sizeof field);
    text_add_duration(&text, elapsed_ms / 1000);
    add_field(line, field);
}

static void write_line(struct display *display, struct text *line) {
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
    add_field(line, shown.server);
    if (!connected)
        return;
    if (display->names->state > NAMES_WORK)
        add_field(line, "names down");
    add_rate(line, "up", link->bytes_sent - display->bytes_up, elapsed_ms);
    add_rate(line, "down", link->bytes_received - display->bytes_down, elapsed_ms);
    add_number(line, shown.round_trip_ms, "ms");
    add_time(line, display->loop->now_ms - display->connected_ms);
    add_number(line, shown.mappings, shown.mappings == 1 ? "NAT entry" : "NAT entries");
}

void display_tick(struct display *display) {
    const struct tunnel_link *link = &display->phones->link;
    char out[TERMINAL_LINE_MAX];
    unsigned columns;
    unsigned lines;
    struct text line;
    if (client_phones_shown(display->phones) != NULL) {
        display->hint_at_ms = LOOP_NEVER;
    } else if (display->loop->now_ms >= display->hint_at_ms) {
        display->hint_at_ms = LOOP_NEVER;
        give_hint(display);
    }
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
