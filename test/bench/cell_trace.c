// SPDX-License-Identifier: ISC
// Reads recordings of links.
#include "cell_trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *cell_trace_read(struct cell_link *link, const char *path) {
    FILE *file = fopen(path, "r");
    size_t room = 0, count = 0;
    uint32_t *times = NULL;
    unsigned long last = 0, at;
    if (file == NULL)
        return "cannot read the trace";
    errno = 0;
    while (fscanf(file, "%lu", &at) == 1) {
        if (count == room) {
            room = room == 0 ? 65536 : 2 * room;
            times = realloc(times, room * sizeof *times);
        }
        if (times == NULL || at < last || at > UINT32_MAX)
            return "not ascending, or too long: the trace";
        times[count++] = (uint32_t)(last = at);
    }
    if (!feof(file) || last == 0)
        return "not a list of milliseconds: the trace";
    fclose(file);
    link->trace_ms = times;
    link->trace_length = count;
    return NULL;
}
