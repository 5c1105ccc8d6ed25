// What tether-client tells of itself: status.json for people and tests, config.json for the page.
#include <string.h>

#include "client.h"

const char *client_session_state(const struct client *client)
{
    const struct client_conn *path = client_path(client);
    if (client->link.keys == NULL)
        return "open";
    if (client_phone(client) == NULL)
        return "no phone";
    if (tunnel_link_session(&client->link, client->loop.now_us) == NULL &&
        client->initiator.key_was_refused)
        return "wrong key";
    if (tunnel_link_session(&client->link, client->loop.now_us) == NULL)
        return "handshake";
    return client->said_silent || path == NULL || !path->has_delivered ? "silent" : "up";
}

static void write_session(const struct client *client, bool is_ours, struct text *text)
{
    const struct initiator *initiator = &client->initiator;
    const struct configuration *config = &client->configuration;
    text_add(text, ",\"session\":{\"state\":\"%s\"", client_session_state(client));
    if (client->link.keys != NULL) {
        text_add(text, ",\"round_trip_ms\":%lld,\"sessions\":%llu,\"path_changes\":%llu",
                 (long long)client->round_trip_ms, (unsigned long long)client->sessions,
                 (unsigned long long)client->path_changes);
        text_add(text, ",\"messages_up\":%llu,\"forged\":%llu,\"replayed\":%llu",
                 (unsigned long long)client->link.messages_sent,
                 (unsigned long long)initiator->forged, (unsigned long long)initiator->replayed);
        text_add(text, ",\"rate\":%lld,\"window\":%lu,\"in_flight\":%lu,\"bare_ms\":%lld",
                 (long long)flow_rate(&client->link.flow), (unsigned long)client->link.flow.window,
                 (unsigned long)flow_in_flight(&client->link.flow),
                 (long long)flow_bare_us(&client->link.flow) / 1000);
        text_add(text, ",\"waiting\":%lu", (unsigned long)client->link.queue.bytes);
        text_add(text, ",\"not_understood\":%llu,\"mappings\":%lld,\"mtu\":%u,\"resolvers\":[",
                 (unsigned long long)initiator->not_understood, (long long)client->mappings,
                 (unsigned)config->mtu);
        for (size_t i = 0; i < config->resolver_count; i++)
            text_add(text, "%s\"%u.%u.%u.%u\"", i > 0 ? "," : "", config->resolvers[i] >> 24,
                     config->resolvers[i] >> 16 & 255, config->resolvers[i] >> 8 & 255,
                     config->resolvers[i] & 255);
        text_add(text, "]");
    }
    // Whoever listens on the Wi-Fi need not learn it: what asks there is the page.
    if (is_ours)
        text_add(text, "},\"address\":\"%u.%u.%u.%u\"", client->address >> 24,
                 client->address >> 16 & 255, client->address >> 8 & 255, client->address & 255);
    else
        text_add(text, "},\"address\":\"\"");
}

static void write_status(struct client *client, bool is_ours, struct text *text)
{
    const struct tunnel_link *link = &client->link;
    const struct ws_conn *phone = client_phone(client);
    char peer[ENDPOINT_TEXT_MAX] = "";
    if (phone != NULL)
        endpoint_format_host(&phone->peer, peer);
    text_add(text, "{\"program\":\"tether-client\",\"version\":\"%s\",\"uptime_s\":%lld",
             TETHER_VERSION, (long long)(client->loop.now_ms - client->started_ms) / 1000);
    text_add(text, ",\"phone\":{\"connected\":%s,\"address\":\"%s\"},\"form\":\"%s\"",
             phone != NULL ? "true" : "false", peer, link->text ? "text" : "binary");
    write_session(client, is_ours, text);
    text_add(text, ",\"packets_up\":%llu,\"bytes_up\":%llu", (unsigned long long)link->packets_sent,
             (unsigned long long)link->bytes_sent);
    text_add(text, ",\"packets_down\":%llu,\"bytes_down\":%llu",
             (unsigned long long)link->packets_received, (unsigned long long)link->bytes_received);
    text_add(text, ",\"super_packets_up\":%llu,\"super_packets_down\":%llu",
             (unsigned long long)link->super_packets_sent,
             (unsigned long long)link->super_packets_received);
    text_add(text,
             ",\"drops\":{\"no_phone\":%llu,\"queue_full\":%llu,\"queue_late\":%llu,\"acks_"
             "thinned\":%llu,\"bad_message\":%llu,\"not_sealed\":%llu",
             (unsigned long long)link->no_phone, (unsigned long long)link->queue.dropped_full,
             (unsigned long long)link->queue.dropped_late, (unsigned long long)link->queue.thinned,
             (unsigned long long)link->bad_message, (unsigned long long)link->not_sealed);
    text_add(text, ",\"not_ipv4\":%llu,\"tun_write\":%llu,\"bad_offload\":%llu}",
             (unsigned long long)client->not_ipv4, (unsigned long long)client->tun_write,
             (unsigned long long)link->bad_offload);
    text_add(text,
             ",\"http\":{\"accepted\":%llu,\"evicted\":%llu,\"expired\":%llu,"
             "\"refused\":%llu,\"forbidden\":%llu}}\n",
             (unsigned long long)client->host.accepted, (unsigned long long)client->host.evicted,
             (unsigned long long)client->host.expired, (unsigned long long)client->host.refused,
             (unsigned long long)client->host.forbidden);
}

static void write_config(const struct client *client, struct text *text)
{
    text_add(text, "{\"role\":\"laptop\",\"server\":");
    if (client->server[0] == '\0')
        text_add(text, "null");
    else
        text_add(text, "\"%s\"", client->server);
    if (client->options.open)
        text_add(text, ",\"id\":\"%016llx\"", (unsigned long long)client->id);
    text_add(text, "}\n");
}

int client_dynamic(void *arg, const struct endpoint *peer, const struct http_text *path, char *body,
                   size_t size)
{
    struct client *client = arg;
    struct text text;
    // Whether the laptop itself asks.
    bool is_ours =
        endpoint_is_loopback(peer) ||
        (endpoint_ipv4(peer) != 0 && endpoint_ipv4(peer) == endpoint_ipv4(&client->options.listen));
    text_init(&text, body, size);
    if (http_text_is(path, "/status.json"))
        write_status(client, is_ours, &text);
    else if (http_text_is(path, "/config.json"))
        write_config(client, &text);
    return text.overflow ? -500 : (int)text.length;
}
