// SPDX-License-Identifier: ISC
// What src/flow makes of simulated links, in some seconds of this machine's time (flow_sim.c).
//
//   bench_flow [--figures] [--seed NUMBER] [TRACES]      TRACES: a folder of recorded links
//
// A line says for each link what share of what a TCP connection would carry on it was carried, the
// pings' 95th percentile, idle and beside transfers, and how long pages took, as a multiple of what
// the phone itself needs for them. All are means of the link's pieces. --figures has the same for a
// program: link, load, ms or ratio, share down, share up.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_links.h"

static struct sim_result bulk(const struct sim_link *link, bool down, bool up) {
    struct sim_result mean = {{0, 0}, 0};
    for (int piece = 0; piece < link->pieces; piece++) {
        struct sim_result result = sim_bulk(link, down, up, sim_piece_s(link, piece));
        mean.used[0] += result.used[0] / link->pieces;
        mean.used[1] += result.used[1] / link->pieces;
        mean.p95_ms += result.p95_ms / link->pieces;
    }
    return mean;
}

static double pages(const struct sim_link *link) {
    double ratio = 0;
    for (int piece = 0; piece < link->pieces; piece++) {
        double from_s = sim_piece_s(link, piece);
        ratio += sim_pages_ms(link, false, from_s) / sim_pages_ms(link, true, from_s);
    }
    return ratio / link->pieces;
}

static void show(const struct sim_link *link, bool figures) {
    static const char *const loads[] = {"idle", "down", "up", "both"};
    printf(figures ? "" : "%-18s", link->name);
    for (int load = 0; load < 4; load++) {
        struct sim_result mean = bulk(link, load & 1, load & 2);
        if (figures) {
            printf("%s,%s,%.3f,%.3f,%.3f\n", link->name, loads[load], mean.p95_ms, mean.used[0],
                   mean.used[1]);
            continue;
        }
        printf("  %s %4.0f ms", loads[load], mean.p95_ms);
        for (int way = 0; way < 2; way++)
            if (load >> way & 1)
                printf(" %3.0f%%", mean.used[way]);
    }
    if (figures)
        printf("%s,pages,%.4f,0,0\n", link->name, pages(link));
    else
        printf("  pages %.3f\n", pages(link));
    fflush(stdout);
}

int main(int argc, char **argv) {
    static struct sim_link links[FLOW_LINKS_MAX];
    const char *folder = NULL;
    bool figures = false;
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--figures") == 0)
            figures = true;
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else
            folder = argv[i];
    }
    if (!figures)
        printf("Pings' 95th percentile, what was used of the link, down and up, and pages as a "
               "multiple of the phone's own\n");
    size_t count = flow_links(links, folder, seed);
    for (size_t i = 0; i < count; i++) show(&links[i], figures);
    return 0;
}
