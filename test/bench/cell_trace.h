// SPDX-License-Identifier: ISC
// Recordings of links, in mahimahi's format: a number of milliseconds a line, in ascending order.
#ifndef TETHER_CELL_TRACE_H
#define TETHER_CELL_TRACE_H

#include "cell_link.h"

// Reads one into memory that is never freed, and has the link follow it. Returns NULL, or what is
// wrong with the file, with errno where the kernel said so, else 0.
const char *cell_trace_read(struct cell_link *link, const char *path);

#endif
