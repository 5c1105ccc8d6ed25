// SPDX-License-Identifier: ISC
// A sandbox of system calls: from sandbox_enter() on, the kernel ends this process at the first
// call that its poll() loop has no use for.
#pragma once

#include "../base/log.h"

// What a program does beside its poll() loop.
struct sandbox_needs {
    bool files;    // it opens files, to read them
    bool devices;  // it binds sockets that it has to network interfaces, and listens on them
    bool terminal; // it asks a terminal for its size, and who is in its foreground
};

// Enters the sandbox, for good. Call after privilege_drop(), when everything is open. Returns
// whether it is in force; where not, because the kernel or this build has none, it has warned.
bool sandbox_enter(const struct log *log, const struct sandbox_needs *needs);

// The filter itself, in instructions of the kernel's classic BPF. Returns how many they are, or 0
// where there is none for this processor.
#define SANDBOX_CODE_MAX 320
struct sock_filter;
size_t sandbox_write(struct sock_filter *code, const struct sandbox_needs *needs);
