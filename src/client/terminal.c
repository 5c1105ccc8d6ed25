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
#include "client.h"

#define URL_MAX   (ENDPOINT_TEXT_MAX + 16)
#define FIELD_MAX 32
#define GAP       2 // columns between two fields

void client_terminal_open(struct client *client)
{
    client->terminal.fd = -1;
    client->shown.at_ms = client->loop.now_ms;
    client->shown.connected_ms = -1;
    if (client->log.level >= LOG_LEVEL_INFO && terminal_open(&client->terminal))
        client->log.terminal = &client->terminal;
}

// The address stands in the line above, and a line below is the status line's.
static bool has_room(const struct client *client, const struct qr *qr)
{
    unsigned columns;
    unsigned lines;
    terminal_size(&client->terminal, &columns, &lines);
    return qr_columns(qr) <= columns && qr_lines(qr) + 2 <= lines;
}

static void print_qr(const struct client *client, const char *url)
{
    struct qr qr;
    char line[QR_LINE_MAX];
    if (qr_encode(&qr, url, strlen(url)) < 0 || !has_room(client, &qr))
        return;
    for (unsigned i = 0; i < qr_lines(&qr); i++) {
        size_t length = qr_draw_line(&qr, i, line);
        line[length++] = '\n';
        if (write(STDERR_FILENO, line, length) != (ssize_t)length)
            return;
    }
}

void client_terminal_welcome(const struct client *client)
{
    char where[ENDPOINT_TEXT_MAX];
    char url[URL_MAX];
    endpoint_format(&client->options.listen, where);
    snprintf(url, sizeof url, "http://%s/", where);
    log_info(&client->log, "on the phone, open %s", url);
    if (client->terminal.fd >= 0 && !endpoint_is_wildcard(&client->options.listen))
        print_qr(client, url);
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

// Whether the server answers; in open mode it cannot be known, and NULL is returned.
static const char *server_state(const struct client *client)
{
    const char *state = client_session_state(client);
    if (client->link.keys == NULL)
        return NULL;
    if (strcmp(state, "up") == 0)
        return "server up";
    return strcmp(state, "wrong key") == 0 ? "server: wrong key" : "server down";
}

static void write_line(struct client *client, struct text *line)
{
    const struct tunnel_link *link = &client->link;
    struct client_shown *shown = &client->shown;
    const char *server = server_state(client);
    bool connected = link->conn != NULL && (server == NULL || strcmp(server, "server up") == 0);
    int64_t elapsed_ms = client->loop.now_ms - shown->at_ms;
    if (!connected)
        shown->connected_ms = -1;
    else if (shown->connected_ms < 0)
        shown->connected_ms = client->loop.now_ms;
    add_field(line, client_phone(client) != NULL ? "phone up" : "phone down");
    if (server != NULL)
        add_field(line, server);
    if (connected) {
        add_rate(line, "up", link->bytes_sent - shown->bytes_up, elapsed_ms);
        add_rate(line, "down", link->bytes_received - shown->bytes_down, elapsed_ms);
        add_number(line, link->keys != NULL ? client->round_trip_ms : -1, "ms");
        add_time(line, client->loop.now_ms - shown->connected_ms);
        add_number(line, client->mappings, client->mappings == 1 ? "mapping" : "mappings");
    }
}

void client_terminal_tick(struct client *client)
{
    char out[TERMINAL_LINE_MAX];
    unsigned columns;
    unsigned lines;
    struct text line;
    if (client->terminal.fd < 0 || client->loop.now_ms <= client->shown.at_ms)
        return;
    terminal_size(&client->terminal, &columns, &lines);
    text_init(&line, out, columns < sizeof out ? columns : sizeof out);
    write_line(client, &line);
    terminal_show(&client->terminal, out);
    client->shown.at_ms = client->loop.now_ms;
    client->shown.bytes_up = client->link.bytes_sent;
    client->shown.bytes_down = client->link.bytes_received;
}
