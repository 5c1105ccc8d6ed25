// SPDX-License-Identifier: ISC
// Less privilege: once a program has set up its host, it gives up what only that took. Whoever
// finds a hole in it then has hardly more than a stranger on this host; sandbox.h narrows that
// further.
#pragma once

#include "../base/log.h"

// What a program goes on needing.
struct privilege_needs {
    bool addresses; // to change addresses of network interfaces
    bool devices;   // to bind sockets that it has to other network interfaces
    int folder;     // descriptor of a folder whose files it opens, or -1: it opens no files
};

// Keeps this process's memory out of core files and away from other processes of its user. Call
// before a secret is read.
void privilege_no_core_dumps(void);

// Gives up, for good, all but what is needed. Call when everything is open. A process of root
// becomes one of a user without a name; one that has its capabilities from its file keeps its user.
// Returns 0, or -1 after having said what is wrong.
int privilege_drop(const struct log *log, const struct privilege_needs *needs);
