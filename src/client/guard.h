// SPDX-License-Identifier: ISC
// Who may speak to the laptop's HTTP host: its own page, and those that --origin lets in.
#pragma once

#include "places.h"

struct guard {
    const struct places *places;
    const struct loop *loop;
    const struct log *log;
    int64_t said_ms; // when a page that was not let in was last told of; 0: never
};

// For struct http_host_config: whether a request may come in: 0, or the status to refuse it with,
// and why, as plain text.
int guard_admit(void *arg, const struct http_request *request, bool upgrade, struct text *why);
