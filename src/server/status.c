// SPDX-License-Identifier: ISC
// status.json of tether-server: what is connected, what was carried, and what was dropped and why.
#include "status.h"
#include "../tunnel/counters.h"

static void write_drops(const struct gateway *gateway, const struct tunnel_counters *counters,
                        struct text *text) {
    const struct wire *wire = &gateway->wire;
    tunnel_counters_write_drops(counters, text);
    for (int i = NAT_HELD + 1; i < NAT_VERDICT_COUNT; i++)
        text_add(text, ",\"%s\":%llu", nat_verdict_name((enum nat_verdict)i),
                 (unsigned long long)gateway->nat.dropped[i]);
    text_add(text, ",\"no_route\":%llu,\"no_neighbour\":%llu,\"host_write\":%llu",
             (unsigned long long)wire->no_route, (unsigned long long)wire->no_neighbour,
             (unsigned long long)gateway->host_write);
    text_add(text, ",\"send_failed\":%llu,\"bad_capture\":%llu}",
             (unsigned long long)wire->send_failed, (unsigned long long)wire->bad_capture);
}

void write_server_status(struct text *text, const struct server_phones *phones,
                         const struct http_host *host, int64_t uptime_ms) {
    const struct laptops *laptops = phones->laptops;
    const struct nat *nat = &laptops->gateway->nat;
    struct tunnel_counters counters = {{0}};
    unsigned links = 0; // that have a phone
    for (size_t i = 0; i < laptops->count; i++) {
        links += laptops->places[i].link.conn != NULL;
        tunnel_counters_add(&counters, &laptops->places[i].link);
    }
    counters.values[TUNNEL_BAD_OFFLOAD] += laptops->gateway->bad_offload;
    text_add(text, "{\"program\":\"tether-server\",\"version\":\"%s\",\"uptime_s\":%lld",
             TETHER_VERSION, (long long)uptime_ms / 1000);
    text_add(text,
             ",\"links\":%u,\"mappings\":%lu,\"connections\":%lu,\"evicted\":%llu,"
             "\"errors_sent\":%llu,\"errors_held_back\":%llu",
             links, (unsigned long)nat->mapping_count, (unsigned long)nat->connection_count,
             (unsigned long long)nat->evicted, (unsigned long long)nat->answered,
             (unsigned long long)nat->unanswered);
    tunnel_counters_write_traffic(&counters, false, text);
    write_drops(laptops->gateway, &counters, text);
    if (phones->mode->write_status != NULL)
        phones->mode->write_status(phones, text);
    http_host_write_status(host, text);
    text_add(text, "},\"refused_laptops\":%llu}\n", (unsigned long long)laptops->refused);
}
