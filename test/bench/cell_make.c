// SPDX-License-Identifier: ISC
// Writes a random link's two traces, and prints what the emulator is to be told.
//
//   cell_make SEED PATH        PATH.down and PATH.up; prints "--down-trace PATH.down ..."
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cell_random.h"

static bool write_trace(const uint32_t *trace_ms, size_t length, const char *path) {
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    for (size_t i = 0; i < length; i++) fprintf(file, "%lu\n", (unsigned long)trace_ms[i]);
    return fclose(file) == 0;
}

int main(int argc, char **argv) {
    static const char *const ways[] = {"down", "up"};
    struct cell_random link;
    if (argc != 3) {
        fprintf(stderr, "usage: cell_make SEED PATH\n");
        return 2;
    }
    if (!cell_random_make(&link, strtoull(argv[1], NULL, 10)))
        return 1;
    for (int way = 0; way < 2; way++) {
        char path[4096], whole[4200];
        snprintf(path, sizeof path, "%s.%s", argv[2], ways[way]);
        // Whoever reads it at the same time finds all of it.
        snprintf(whole, sizeof whole, "%s.%ld", path, (long)getpid());
        if (!write_trace(link.trace_ms[way], link.trace_length[way], whole) ||
            rename(whole, path) != 0) {
            perror(path);
            return 1;
        }
        printf("--%s-trace %s --%s-queue %zu ", ways[way], path, ways[way], link.queue);
    }
    printf("--delay %d\n", link.delay_ms);
    return 0;
}
