// SPDX-License-Identifier: ISC
// The emulator's command line, and the traces that it names. A mistake ends the program with a word
// on what is wrong.
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cell_trace.h"
#include "cellular.h"

static void load_trace(struct cell_link *link, const char *path) {
    const char *wrong = cell_trace_read(link, path);
    if (wrong != NULL)
        die(wrong, path);
}

static double number(const char *option, const char *text) {
    char *end;
    double value = strtod(text, &end);
    errno = 0;
    if (end == text || *end != '\0' || !(value >= 0))
        die("not a number, as it should be:", option);
    return value;
}

static void add_outage(struct cellular *cellular, const char *text) {
    double from, to;
    errno = 0;
    if (sscanf(text, "%lf-%lf", &from, &to) != 2 || from < 0 || to <= from ||
        !cell_outages_add(&cellular->outages, cellular->start_ns + (int64_t)(from * 1e9),
                          cellular->start_ns + (int64_t)(to * 1e9)))
        die("not FROM-TO in seconds:", text);
}

static const struct option options[] = {
    {"phone", required_argument, NULL, 'P'},      {"network", required_argument, NULL, 'N'},
    {"down-rate", required_argument, NULL, 'r'},  {"up-rate", required_argument, NULL, 'R'},
    {"down-trace", required_argument, NULL, 't'}, {"up-trace", required_argument, NULL, 'T'},
    {"down-queue", required_argument, NULL, 'q'}, {"up-queue", required_argument, NULL, 'Q'},
    {"delay", required_argument, NULL, 'd'},      {"loss", required_argument, NULL, 'l'},
    {"seed", required_argument, NULL, 's'},       {"outage", required_argument, NULL, 'o'},
    {"control", required_argument, NULL, 'c'},    {"timeline", required_argument, NULL, 'i'},
    {"chances", required_argument, NULL, 'h'},    {NULL, 0, NULL, 0},
};

static void usage(void) {
    fprintf(
        stderr,
        "usage: cellular --phone INTERFACE --network INTERFACE\n"
        "  --down-rate KBIT/S --up-rate KBIT/S      constant rates; without, there is no limit\n"
        "  --down-trace FILE --up-trace FILE        or mahimahi's traces\n"
        "  --down-queue BYTES --up-queue BYTES      what may wait; without, there is no limit\n"
        "  --delay MS              each way\n"
        "  --loss PERCENT          of packets, each way     --seed N   decides which\n"
        "  --outage FROM-TO        seconds from the start; may be given again, in order\n"
        "  --control PATH          a FIFO to make: \"outage SECONDS\", \"outage on\", \"outage "
        "off\",\n"
        "                          \"seek SECOND\" of the traces, \"drain\" the queues\n"
        "  --timeline FILE         a line each 20 ms: time in ms, bytes down, up, queued down, "
        "up\n"
        "  --chances FILE          a line for each chance to pass: time in us, down or up, bytes "
        "that\n"
        "                          could pass, bytes that did\n");
    exit(2);
}

static void set_option(struct cellular *cellular, int option, const char *name, const char *text) {
    struct cell_link *down = &cellular->directions[DOWN].link;
    struct cell_link *up = &cellular->directions[UP].link;
    switch (option) {
    case 'P': cellular->phone = text; break;
    case 'N': cellular->network = text; break;
    case 'r': down->rate_bits = number(name, text) * 1000; break;
    case 'R': up->rate_bits = number(name, text) * 1000; break;
    case 't': load_trace(down, text); break;
    case 'T': load_trace(up, text); break;
    case 'q': down->queue_limit = (size_t)number(name, text); break;
    case 'Q': up->queue_limit = (size_t)number(name, text); break;
    case 'd': down->delay_ns = up->delay_ns = (int64_t)(number(name, text) * 1e6); break;
    case 'l': down->loss = up->loss = number(name, text) / 100; break;
    case 's':
        down->random = 2 * (uint64_t)number(name, text) + 1;
        up->random = ~down->random;
        break;
    case 'o': add_outage(cellular, text); break;
    case 'c': cellular->control_path = text; break;
    case 'i':
        if ((cellular->timeline = fopen(text, "w")) == NULL)
            die("cannot write", text);
        setvbuf(cellular->timeline, NULL, _IOLBF, 0);
        break;
    case 'h':
        if ((cellular->chances = fopen(text, "w")) == NULL)
            die("cannot write", text);
        break;
    default: usage();
    }
}

void read_options(struct cellular *cellular, int argc, char **argv) {
    int option, at = 0;
    while ((option = getopt_long(argc, argv, "", options, &at)) != -1)
        set_option(cellular, option, option == '?' ? "" : options[at].name, optarg);
    if (optind != argc || cellular->phone == NULL || cellular->network == NULL)
        usage();
}
