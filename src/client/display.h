// SPDX-License-Identifier: ISC
// What tether-client shows on a terminal beside its log lines.
#pragma once

#include "names.h"
#include "places.h"

struct display {
    struct terminal terminal; // fd -1: there is none
    const struct loop *loop;
    const struct client_phones *phones;
    const struct places *places;
    const struct log *log;
    int64_t hint_at_ms; // without a phone until then, a hint is given; LOOP_NEVER: none is due
    const struct names *names;
    // What the status line needs to remember.
    int64_t at_ms;
    uint64_t bytes_up; // at that time
    uint64_t bytes_down;
    int64_t connected_ms; // since when all is connected; -1: it is not
};

// Looks for a terminal to show the status line on, if `log` says that it is wanted; the log's lines
// pass above it then.
void display_open(struct display *display, const struct client_phones *phones,
                  const struct places *places, struct log *log);
// Says where the phone finds this laptop; at the start, and when that has changed.
void display_places(struct display *display);
// Draws the status line; about once a second.
void display_tick(struct display *display);
void display_close(struct display *display);
