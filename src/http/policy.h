// SPDX-License-Identifier: ISC
// Where the page may connect to: the connect-src of its Content-Security-Policy.
#pragma once

#include "request.h"

#define POLICY_SOURCES_MAX 2176

// Writes the sources that connect-src has beside 'self', each after a space. `only` is the
// one host that the page may connect to beside the one it came from, as http_read_place() reads it;
// NULL: any.
// The request is the one for the page; its Host header is named only if it is one.
void policy_write_sources(char sources[POLICY_SOURCES_MAX], const char *only,
                          const struct http_request *request);
