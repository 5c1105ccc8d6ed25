// status.json of tether-server: what is connected, what was carried, and what was dropped and why.
#include "status.h"

#include <string.h>

#include "mode.h"

// What all laptops' links have counted, together.
struct link_sum {
    uint64_t packets_sent;
    uint64_t bytes_sent;
    uint64_t packets_received;
    uint64_t bytes_received;
    uint64_t super_packets_sent;
    uint64_t super_packets_received;
    uint64_t no_phone;
    uint64_t not_sealed;
    uint64_t queue_full;
    uint64_t queue_late;
    uint64_t acks_thinned;
    uint64_t bad_offload;
    uint64_t bad_message;
};

static void write_drops(const struct gateway *gateway, const struct link_sum *sum,
                        struct text *text)
{
    const struct wire *wire = &gateway->wire;
    text_add(text,
             ",\"drops\":{\"no_phone\":%llu,\"queue_full\":%llu,\"queue_late\":%llu,\"acks_"
             "thinned\":%llu,\"bad_message\":%llu,\"not_sealed\":%llu",
             (unsigned long long)sum->no_phone, (unsigned long long)sum->queue_full,
             (unsigned long long)sum->queue_late, (unsigned long long)sum->acks_thinned,
             (unsigned long long)sum->bad_message, (unsigned long long)sum->not_sealed);
    for (int i = NAT_HELD + 1; i < NAT_VERDICT_COUNT; i++)
        text_add(text, ",\"%s\":%llu", nat_verdict_name((enum nat_verdict)i),
                 (unsigned long long)gateway->nat.dropped[i]);
    text_add(text, ",\"no_route\":%llu,\"no_neighbour\":%llu,\"host_write\":%llu",
             (unsigned long long)wire->no_route, (unsigned long long)wire->no_neighbour,
             (unsigned long long)gateway->host_write);
    text_add(text, ",\"send_failed\":%llu,\"bad_capture\":%llu,\"bad_offload\":%llu}",
             (unsigned long long)wire->send_failed, (unsigned long long)wire->bad_capture,
             (unsigned long long)(gateway->bad_offload + sum->bad_offload));
}

// Adds up what all laptops' links have counted. Returns how many have a phone.
static unsigned sum_links(const struct laptops *laptops, struct link_sum *sum)
{
    unsigned connected = 0;
    memset(sum, 0, sizeof *sum);
    for (size_t i = 0; i < SERVER_LINKS; i++) {
        const struct tunnel_link *link = &laptops->places[i].link;
        connected += link->conn != NULL;
        sum->packets_sent += link->packets_sent;
        sum->bytes_sent += link->bytes_sent;
        sum->packets_received += link->packets_received;
        sum->bytes_received += link->bytes_received;
        sum->super_packets_sent += link->super_packets_sent;
        sum->super_packets_received += link->super_packets_received;
        sum->no_phone += link->no_phone;
        sum->bad_message += link->bad_message;
        sum->not_sealed += link->not_sealed;
        sum->queue_full += link->queue.dropped_full;
        sum->queue_late += link->queue.dropped_late;
        sum->acks_thinned += link->queue.thinned;
        sum->bad_offload += link->bad_offload;
    }
    return connected;
}

void write_server_status(struct text *text, const struct phones *phones,
                         const struct http_host *host, int64_t uptime_ms)
{
    const struct laptops *laptops = phones->laptops;
    const struct nat *nat = &laptops->gateway->nat;
    struct link_sum sum;
    unsigned links = sum_links(laptops, &sum);
    text_add(text, "{\"program\":\"tether-server\",\"version\":\"%s\",\"uptime_s\":%lld",
             TETHER_VERSION, (long long)uptime_ms / 1000);
    text_add(text,
             ",\"links\":%u,\"mappings\":%lu,\"connections\":%lu,\"evicted\":%llu,"
             "\"errors_sent\":%llu,\"errors_held_back\":%llu",
             links, (unsigned long)nat->mapping_count, (unsigned long)nat->connection_count,
             (unsigned long long)nat->evicted, (unsigned long long)nat->answered,
             (unsigned long long)nat->unanswered);
    text_add(text, ",\"packets_up\":%llu,\"bytes_up\":%llu",
             (unsigned long long)sum.packets_received, (unsigned long long)sum.bytes_received);
    text_add(text, ",\"packets_down\":%llu,\"bytes_down\":%llu",
             (unsigned long long)sum.packets_sent, (unsigned long long)sum.bytes_sent);
    text_add(text, ",\"super_packets_up\":%llu,\"super_packets_down\":%llu",
             (unsigned long long)sum.super_packets_received,
             (unsigned long long)sum.super_packets_sent);
    write_drops(laptops->gateway, &sum, text);
    phones->mode->write_status(phones, text);
    text_add(text,
             ",\"http\":{\"accepted\":%llu,\"evicted\":%llu,\"expired\":%llu,"
             "\"refused\":%llu},\"refused_laptops\":%llu}\n",
             (unsigned long long)host->accepted, (unsigned long long)host->evicted,
             (unsigned long long)host->expired, (unsigned long long)host->refused,
             (unsigned long long)laptops->refused);
}
