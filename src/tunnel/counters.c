// SPDX-License-Identifier: ISC
// One table says where each counter stands in a link, and what it is called.
#include "counters.h"

static const struct {
    size_t offset;
    const char *if_sending_up; // what passed has two names
    const char *if_sending_down;
    const char *drop;
} table[TUNNEL_COUNTERS] = {
    {offsetof(struct tunnel_link, packets_sent), "packets_up", "packets_down", NULL},
    {offsetof(struct tunnel_link, bytes_sent), "bytes_up", "bytes_down", NULL},
    {offsetof(struct tunnel_link, packets_received), "packets_down", "packets_up", NULL},
    {offsetof(struct tunnel_link, bytes_received), "bytes_down", "bytes_up", NULL},
    {offsetof(struct tunnel_link, super_packets_sent), "super_packets_up", "super_packets_down",
     NULL},
    {offsetof(struct tunnel_link, super_packets_received), "super_packets_down", "super_packets_up",
     NULL},
    {offsetof(struct tunnel_link, no_phone), NULL, NULL, "no_phone"},
    {offsetof(struct tunnel_link, queue.dropped_full), NULL, NULL, "queue_full"},
    {offsetof(struct tunnel_link, queue.dropped_late), NULL, NULL, "queue_late"},
    {offsetof(struct tunnel_link, queue.thinned), NULL, NULL, "acks_thinned"},
    {offsetof(struct tunnel_link, queue.repeated), NULL, NULL, "repeated"},
    {offsetof(struct tunnel_link, bad_message), NULL, NULL, "bad_message"},
    {offsetof(struct tunnel_link, bad_offload), NULL, NULL, "bad_offload"},
    {offsetof(struct tunnel_link, not_sealed), NULL, NULL, "not_sealed"},
};

void tunnel_counters_add(struct tunnel_counters *counters, const struct tunnel_link *link) {
    for (size_t i = 0; i < TUNNEL_COUNTERS; i++) {
        const char *at = (const char *)link + table[i].offset;
        counters->values[i] += *(const uint64_t *)(const void *)at;
    }
}

void tunnel_counters_write_traffic(const struct tunnel_counters *counters, bool sends_up,
                                   struct text *text) {
    for (size_t i = 0; i < TUNNEL_COUNTERS; i++)
        if (table[i].drop == NULL)
            text_add(text, ",\"%s\":%llu",
                     sends_up ? table[i].if_sending_up : table[i].if_sending_down,
                     (unsigned long long)counters->values[i]);
}

void tunnel_counters_write_drops(const struct tunnel_counters *counters, struct text *text) {
    const char *before = ",\"drops\":{";
    for (size_t i = 0; i < TUNNEL_COUNTERS; i++) {
        if (table[i].drop == NULL)
            continue;
        text_add(text, "%s\"%s\":%llu", before, table[i].drop,
                 (unsigned long long)counters->values[i]);
        before = ",";
    }
}
