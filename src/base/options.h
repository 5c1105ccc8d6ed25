// SPDX-License-Identifier: ISC
// A program's command line: its words one by one; what every program has is done here.
#pragma once

#include "log.h"

struct option_name {
    const char *name; // whole, with its "--"
    int id;           // 0 or more, for take()
    bool has_value;
};

struct options {
    const char *program;
    const char *usage;               // what --help shows
    const struct option_name *names; // the last one's name is NULL
    enum log_level *level;           // which -v and -q change
    // Takes an option; `value` is NULL where it has none, and else not empty. It lies in argv and
    // may be overwritten there. Returns 0, or an exit status after having said why.
    int (*take)(void *arg, int id, char *value);
    void *arg;
};

// Reads the command line; -h, --help, --version, -v and -q are known already. Returns -1 to go on,
// or an exit status: 0 after --help and --version, 2 after having said what is wrong, or what
// take() returned.
int options_read(const struct options *options, int argc, char **argv);

// Says on stderr what is wrong with the usage. Returns the exit status for that, 2.
int options_wrong(const char *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
