// SPDX-License-Identifier: ISC
// What the files of the cellular link emulator share; see cellular.c for what it is.
#ifndef TETHER_CELLULAR_H
#define TETHER_CELLULAR_H

#include <stdint.h>
#include <stdio.h>

#include "cell_link.h"
#include "histogram.h"

#define SECOND_NS      INT64_C(1000000000)
#define MILLISECOND_NS INT64_C(1000000)
#define TICK_NS        (20 * MILLISECOND_NS) // of the timeline

#define FRAME_MAX 65600
#define BATCH     64 // packets read at a time

enum { DOWN, UP };

// Chances of one time that are not written yet.
struct chances {
    FILE *file;
    const char *way;
    int64_t at_ns;
    size_t offered, used;
};

struct direction {
    const char *name;
    struct cell_link link;
    int in;            // socket that packets are read from,
    int out;           // and the other one
    uint64_t missed;   // the kernel had no room for them before they were read
    uint64_t oversize; // larger than a plain packet
    uint64_t unsent;   // the interface did not take them
    uint64_t tick_bytes;
    struct histogram delay; // from arrival to sending
    struct histogram late;  // from when it was due to sending
    struct chances chances;
};

struct cellular {
    struct direction directions[2];
    struct cell_outages outages;
    int64_t start_ns;
    const char *phone, *network, *control_path;
    int control, signals;
    FILE *timeline, *chances;
    int64_t tick_ns; // when the next line of the timeline is due
    uint8_t frames[BATCH][FRAME_MAX];
};

// Ends the program; errno is said if it is not 0.
void die(const char *what, const char *with);

// Reads the command line into a `cellular` whose directions are made; ends the program if it is
// wrong.
void read_options(struct cellular *cellular, int argc, char **argv);

// One line of JSON on standard output.
void say_statistics(struct cellular *cellular, int64_t now_ns);
// Has each chance of a direction to pass written, a line for those of one time: time in us, which
// way, bytes that could pass and bytes that did.
void say_chances(struct direction *direction, FILE *file);
// Writes those that a later one would have ended.
void say_last_chances(struct direction *direction);
// Writes the lines of the timeline that are due.
void say_timeline(struct cellular *cellular, int64_t now_ns);

#endif
