// SPDX-License-Identifier: ISC
// What the emulator counted, in JSON, the timeline of what it delivered, and its chances to.
#include <linux/if_packet.h>
#include <sys/socket.h>

#include "cellular.h"

static void say_direction(struct direction *direction) {
    const struct cell_link *link = &direction->link;
    const struct cell_counts *counts = &link->counts;
    struct tpacket_stats kernel = {0};
    socklen_t size = sizeof kernel;
    if (getsockopt(direction->in, SOL_PACKET, PACKET_STATISTICS, &kernel, &size) == 0)
        direction->missed += kernel.tp_drops;
    printf("\"%s\": {\"packets\": %llu, \"bytes\": %llu, \"dropped_packets\": %llu, "
           "\"dropped_bytes\": %llu, \"lost_packets\": %llu, \"lost_bytes\": %llu, ",
           direction->name, (unsigned long long)counts->packets, (unsigned long long)counts->bytes,
           (unsigned long long)counts->dropped_packets, (unsigned long long)counts->dropped_bytes,
           (unsigned long long)counts->lost_packets, (unsigned long long)counts->lost_bytes);
    printf("\"queue_bytes\": %zu, \"queue_bytes_max\": %zu, \"missed_packets\": %llu, "
           "\"oversize_packets\": %llu, \"unsent_packets\": %llu, ",
           link->waiting_bytes, link->waiting_bytes_max, (unsigned long long)direction->missed,
           (unsigned long long)direction->oversize, (unsigned long long)direction->unsent);
    printf("\"delay_ms\": {\"p50\": %.2f, \"p95\": %.2f, \"p99\": %.2f, \"max\": %.2f}, ",
           histogram_at(&direction->delay, 0.5), histogram_at(&direction->delay, 0.95),
           histogram_at(&direction->delay, 0.99), (double)direction->delay.max_ns / 1e6);
    printf("\"late_ms\": {\"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}}",
           histogram_at(&direction->late, 0.5), histogram_at(&direction->late, 0.99),
           (double)direction->late.max_ns / 1e6);
}

void say_statistics(struct cellular *cellular, int64_t now_ns) {
    printf("{\"seconds\": %.3f, ", (double)(now_ns - cellular->start_ns) / 1e9);
    say_direction(&cellular->directions[DOWN]);
    printf(", ");
    say_direction(&cellular->directions[UP]);
    printf("}\n");
    fflush(stdout);
}

static void write_chances(struct chances *chances) {
    if (chances->offered > 0)
        fprintf(chances->file, "%lld %s %zu %zu\n", (long long)(chances->at_ns / 1000),
                chances->way, chances->offered, chances->used);
    chances->offered = chances->used = 0;
}

static void add_chance(void *to, int64_t at_ns, size_t offered, size_t used) {
    struct chances *chances = to;
    if (at_ns != chances->at_ns)
        write_chances(chances);
    chances->at_ns = at_ns;
    chances->offered += offered;
    chances->used += used;
}

void say_chances(struct direction *direction, FILE *file) {
    direction->chances = (struct chances){.file = file, .way = direction->name};
    direction->link.on_chance = add_chance;
    direction->link.on_chance_to = &direction->chances;
}

void say_last_chances(struct direction *direction) { write_chances(&direction->chances); }

// A line is: the time in ms, bytes delivered since the last line and bytes that wait, each down and
// up.
void say_timeline(struct cellular *cellular, int64_t now_ns) {
    struct direction *down = &cellular->directions[DOWN], *up = &cellular->directions[UP];
    for (; cellular->tick_ns <= now_ns; cellular->tick_ns += TICK_NS) {
        fprintf(cellular->timeline, "%lld %llu %llu %zu %zu\n",
                (long long)(cellular->tick_ns / MILLISECOND_NS),
                (unsigned long long)down->tick_bytes, (unsigned long long)up->tick_bytes,
                down->link.waiting_bytes, up->link.waiting_bytes);
        down->tick_bytes = up->tick_bytes = 0;
    }
}
