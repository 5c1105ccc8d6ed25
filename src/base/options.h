// SPDX-License-Identifier: ISC
// A program's command line: its words one by one; what every program has is done here.
#pragma once

#include "log.h"

// An option, and one of three that takes it.
struct option_name {
    const char *name;  // whole, with its "--"
    bool *flag;        // it has no value: becomes true
    const char **text; // becomes its value, which is not empty and lies in argv
    // Takes the value, which may be overwritten in argv. Returns 0, or an exit status after having
    // said why.
    int (*take)(void *arg, char *value);
    void *arg;
};

struct options {
    const char *program;
    const char *usage;               // what --help shows
    const struct option_name *names; // the last one's name is NULL
    enum log_level *level;           // which -v and -q change
};

// Reads the command line; -h, --help, --version, -v and -q are known already. Returns -1 to go on,
// or an exit status: 0 after --help and --version, 2 after having said what is wrong, or what
// take() returned.
int options_read(const struct options *options, int argc, char **argv);

// Says on stderr what is wrong with the usage. Returns the exit status for that, 2.
int options_wrong(const char *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
