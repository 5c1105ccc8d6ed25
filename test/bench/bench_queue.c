// SPDX-License-Identifier: ISC
// What the fair queue costs: a packet in and out again, with a few hundred waiting; and a packet
// into a full queue, where others have to go. Each figure is the best of some runs, as a machine is
// never alone for long. The worst case of a full queue is that of many flows which all hold little.
#include "queue/fair_queue.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../unit/packets.h"

#define WAITING   512 // packets
#define RUNS      400
#define RUN       1000 // packets
#define FLOWS_MAX 1000

static struct fair_queue queue;
static uint8_t packets[FLOWS_MAX][1500];
static uint8_t out[1500];
static volatile size_t sink;

static double now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void make_packets(size_t size) {
    static const uint8_t payload[1500];
    for (uint16_t i = 0; i < FLOWS_MAX; i++) {
        struct packet_spec spec = {.protocol = PACKET_UDP,
                                   .source = ADDRESS(10, 0, 0, 1),
                                   .destination = ADDRESS(198, 51, 100, 9),
                                   .source_port = (uint16_t)(1000 + i),
                                   .destination_port = 443,
                                   .payload = payload,
                                   .payload_length = size - 28};
        packet_make(packets[i], &spec);
    }
}

static void fill(size_t size, unsigned flows, size_t count) {
    const struct siphash_key key = {1, 2};
    fair_queue_init(&queue, &key);
    for (size_t n = 0; n < count; n++) fair_queue_push(&queue, packets[n % flows], size, 0);
}

// Packets in, and out again where `taking`. Time stands still, so that none is dropped for waiting.
static double best_ns(size_t size, unsigned flows, bool taking) {
    double best = 1e9;
    fill(size, flows, taking ? WAITING : 2 * QUEUE_CELLS);
    for (int run = 0; run < RUNS; run++) {
        double began = now_seconds();
        for (unsigned n = 0; n < RUN; n++) {
            fair_queue_push(&queue, packets[n % flows], size, 0);
            if (taking) {
                sink += fair_queue_next(&queue);
                sink += fair_queue_take(&queue, out);
            }
        }
        double each = (now_seconds() - began) / RUN * 1e9;
        if (each < best)
            best = each;
    }
    return best;
}

int main(void) {
    static const size_t sizes[] = {64, 1500};
    static const unsigned flows[] = {1, 10, 1000};
    printf("\nfair queue, %lu KiB; ns a packet   in and out   into a full queue\n",
           (unsigned long)sizeof queue / 1024);
    for (size_t s = 0; s < 2; s++) {
        make_packets(sizes[s]);
        for (size_t f = 0; f < 3; f++)
            printf("  %5u bytes %6u flows           %8.1f            %8.1f\n", (unsigned)sizes[s],
                   flows[f], best_ns(sizes[s], flows[f], true), best_ns(sizes[s], flows[f], false));
    }
    return 0;
}
