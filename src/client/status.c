// SPDX-License-Identifier: ISC
// JSON put together as text: all that is written into it is numbers and words of our own.
#include "status.h"
#include "../tunnel/counters.h"

static void write_phone(const struct client_status *status, struct text *text) {
    const struct ws_conn *phone = client_phones_shown(status->phones);
    char peer[ENDPOINT_TEXT_MAX] = "";
    if (phone != NULL)
        endpoint_format_host(&phone->peer, peer);
    text_add(text, ",\"phone\":{\"connected\":%s,\"address\":\"%s\"},\"form\":\"%s\"",
             phone != NULL ? "true" : "false", peer, status->phones->link.text ? "text" : "binary");
}

static const char *const names_words[] = {"off", "unknown", "work", "unanswered", "bypassed"};

// Whoever listens on the Wi-Fi need not learn the laptop's address: what asks there is the page.
static void write_session(const struct client_status *status, bool is_ours, struct text *text) {
    const struct client_mode *mode = status->phones->mode;
    text_add(text, ",\"session\":{\"state\":\"%s\"", mode->show(status->phones).session);
    mode->write_status(status->phones, text);
    text_add(text, ",\"names\":\"%s\"},\"address\":\"", names_words[status->names->state]);
    if (is_ours)
        text_add_ipv4(text, status->machine->address);
    text_add(text, "\"");
}

static void write_traffic(const struct client_status *status, struct text *text) {
    struct tunnel_counters counters = {{0}};
    tunnel_counters_add(&counters, &status->phones->link);
    tunnel_counters_write_traffic(&counters, true, text);
    tunnel_counters_write_drops(&counters, text);
    text_add(text, ",\"not_ipv4\":%llu,\"tun_write\":%llu}",
             (unsigned long long)status->machine->not_ipv4,
             (unsigned long long)status->machine->tun_write);
}

static void write_status(const struct client_status *status, bool is_ours, struct text *text) {
    const struct http_host *host = status->host;
    text_add(text, "{\"program\":\"tether-client\",\"version\":\"%s\",\"uptime_s\":%lld",
             TETHER_VERSION, (long long)(status->loop->now_ms - status->started_ms) / 1000);
    write_phone(status, text);
    write_session(status, is_ours, text);
    write_traffic(status, text);
    http_host_write_status(host, text);
    text_add(text, ",\"forbidden\":%llu}}\n", (unsigned long long)host->forbidden);
}

static void write_config(const struct client_status *status, struct text *text) {
    text_add(text, "{\"role\":\"laptop\",\"server\":");
    if (status->server == NULL)
        text_add(text, "null");
    else
        text_add(text, "\"%s\"", status->server);
    if (status->id[0] != '\0')
        text_add(text, ",\"id\":\"%s\"", status->id);
    text_add(text, "}\n");
}

int client_status_write(void *arg, const struct endpoint *peer, const struct http_text *path,
                        char *body, size_t size) {
    const struct client_status *status = arg;
    bool is_ours = endpoint_is_loopback(peer) || places_have(status->places, endpoint_ipv4(peer));
    struct text text;
    text_init(&text, body, size);
    if (http_text_is(path, "/status.json"))
        write_status(status, is_ours, &text);
    else if (http_text_is(path, "/config.json"))
        write_config(status, &text);
    return text.overflow ? -500 : (int)text.length;
}
