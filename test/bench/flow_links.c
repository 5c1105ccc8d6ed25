// SPDX-License-Identifier: ISC
// Constant links and recordings are those of run.py. The made-up and the random ones are there so
// that nothing is tuned to the recordings:
//
//   jumps    10 Mbit/s and a hundredth of it, in turn
//   pauses   nothing for 400 ms of each second, the way down and the way up half a second apart
//   steady   a recording of a link that is always the same
//   random   the rate's logarithm takes a step each 100 ms, down and up apart, how large goes by
//            the seed; now and then there is an outage of both, or a pause of one
#include "flow_links.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cell_trace.h"

#define MADE_MS      150000
#define RANDOM_LINKS 6
#define QUEUE        1048576

static double down_jumps(int ms) { return ms / 10000 % 2 == 0 ? 10000 : 100; }

static double up_jumps(int ms) { return ms / 15000 % 2 == 0 ? 5000 : 50; }

static double down_pauses(int ms) { return ms % 1000 < 400 ? 0 : 8000; }

static double up_pauses(int ms) { return (ms + 500) % 1000 < 400 ? 0 : 3000; }

static double down_steady(int ms) {
    (void)ms;
    return 5000;
}

static double up_steady(int ms) {
    (void)ms;
    return 2000;
}

// A rate in kbit/s for each millisecond becomes chances to send a packet.
static void record(struct sim_link *link, int way, const double *kbits, size_t length_ms) {
    uint32_t *times = malloc(length_ms * 16 * sizeof *times);
    double bytes = 0;
    size_t count = 0;
    if (times == NULL)
        exit(1);
    for (size_t ms = 0; ms < length_ms; ms++) {
        for (bytes += kbits[ms] / 8; bytes >= CELL_ONE_SLOT; bytes -= CELL_ONE_SLOT)
            times[count++] = (uint32_t)ms + 1;
    }
    times[count++] = (uint32_t)length_ms; // the recording's length
    link->trace_ms[way] = times;
    link->trace_length[way] = count;
}

static void make_up(struct sim_link *link, double (*down)(int ms), double (*up)(int ms)) {
    static double kbits[MADE_MS];
    for (int way = 0; way < 2; way++) {
        for (int ms = 0; ms < MADE_MS; ms++) kbits[ms] = (way == 0 ? down : up)(ms);
        record(link, way, kbits, MADE_MS);
    }
}

static double chance(uint64_t *random) {
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*random >> 40) / (1 << 24);
}

// A walk of the logarithm, which turns back at both ends.
static void walk(double *kbits, uint64_t *random, double from, double step) {
    const double least = log(100), most = log(40000);
    double at = log(from);
    for (int ms = 0; ms < MADE_MS; ms++) {
        if (ms % 100 == 0)
            at += step * (chance(random) + chance(random) + chance(random) - 1.5) * 2;
        if (at > most)
            at = 2 * most - at;
        if (at < least)
            at = 2 * least - at;
        kbits[ms] = exp(at);
    }
}

static void stand_still(double *kbits, double from_ms, double length_ms) {
    for (int ms = (int)from_ms; ms < MADE_MS && ms < from_ms + length_ms; ms++) kbits[ms] = 0;
}

static void make_random(struct sim_link *link, uint64_t seed) {
    static double kbits[2][MADE_MS];
    static char names[FLOW_LINKS_MAX][16];
    uint64_t random = seed * 2 + 1;
    for (int i = 0; i < 8; i++) chance(&random); // small seeds are alike at first
    double mean = 1000 * exp(chance(&random) * log(15));
    double step = 0.05 + 0.3 * chance(&random);
    double outages = 0.04 * chance(&random), pauses = 0.3 * chance(&random); // a second
    snprintf(names[seed % FLOW_LINKS_MAX], sizeof names[0], "random %u", (unsigned)seed);
    *link = (struct sim_link){.name = names[seed % FLOW_LINKS_MAX], .queue = QUEUE, .pieces = 3};
    link->delay_ms = 10 + (int)(70 * chance(&random));
    walk(kbits[0], &random, mean, step);
    walk(kbits[1], &random, mean / 2, step);
    for (double ms = 0; ms < MADE_MS; ms += 1000) {
        double length_ms = 200 + 1800 * chance(&random);
        if (chance(&random) < outages)
            for (int way = 0; way < 2; way++) stand_still(kbits[way], ms, length_ms);
        for (int way = 0; way < 2; way++)
            if (chance(&random) < pauses)
                stand_still(kbits[way], ms + 500, 50 + 350 * chance(&random));
    }
    for (int way = 0; way < 2; way++) record(link, way, kbits[way], MADE_MS);
}

static bool read_trace(struct sim_link *link, const char *folder, const char *trace) {
    for (int way = 0; way < 2; way++) {
        char path[4096];
        struct cell_link read;
        snprintf(path, sizeof path, "%s/%s.%s", folder, trace, way == 0 ? "down" : "up");
        if (cell_trace_read(&read, path) != NULL)
            return false;
        link->trace_ms[way] = read.trace_ms;
        link->trace_length[way] = read.trace_length;
    }
    return true;
}

static const struct {
    const char *name;
    const char *trace; // its files are this .down and .up
    int delay_ms;
} recordings[] = {
    {"umts-trace", "TMobile-UMTS-driving", 50},    {"evdo-trace", "Verizon-EVDO-driving", 50},
    {"lte-trace", "Verizon-LTE-short", 50},        {"tmobile-lte-trace", "TMobile-LTE-short", 50},
    {"att-lte-trace", "ATT-LTE-driving-2016", 50},
};

static const struct {
    const char *name;
    double (*down)(int ms);
    double (*up)(int ms);
} made_up[] = {
    {"jumps", down_jumps, up_jumps},
    {"pauses", down_pauses, up_pauses},
    {"steady", down_steady, up_steady},
};

size_t flow_links(struct sim_link *links, const char *folder, uint64_t seed) {
    size_t count = 0;
    links[count++] = (struct sim_link){"3g", {1600, 768}, 75, 262144, 1, {NULL, NULL}, {0, 0}};
    links[count++] = (struct sim_link){"lte", {20000, 8000}, 25, QUEUE, 1, {NULL, NULL}, {0, 0}};
    for (size_t i = 0; folder != NULL && i < sizeof recordings / sizeof recordings[0]; i++) {
        struct sim_link *link = &links[count];
        *link = (struct sim_link){.name = recordings[i].name, .queue = QUEUE, .pieces = 5};
        link->delay_ms = recordings[i].delay_ms;
        count += read_trace(link, folder, recordings[i].trace);
    }
    for (size_t i = 0; i < sizeof made_up / sizeof made_up[0]; i++) {
        struct sim_link *link = &links[count++];
        *link = (struct sim_link){.name = made_up[i].name, .queue = QUEUE, .pieces = 3};
        link->delay_ms = 40;
        make_up(link, made_up[i].down, made_up[i].up);
    }
    for (uint64_t i = 0; i < RANDOM_LINKS; i++) make_random(&links[count++], seed + i);
    return count;
}
