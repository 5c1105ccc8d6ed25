// SPDX-License-Identifier: ISC
// Text put together piece by piece in a fixed buffer.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct text {
    char *out; // always NUL-terminated
    size_t size;
    size_t length;
    int overflow; // something did not fit; what is there ends before it
};

// Begins an empty text in `size` bytes, of which the last is the NUL's.
void text_init(struct text *text, char *out, size_t size);
// Appends by a printf format.
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Appends an IPv4 address (host byte order) in dotted quads.
void text_add_ipv4(struct text *text, uint32_t address);
// Appends a rate in two or three digits, such as "1.2 Mbit/s".
void text_add_rate(struct text *text, uint64_t bits_per_s);
// Appends a duration as minutes and seconds, "1:05", or hours too, "1:00:05".
void text_add_duration(struct text *text, int64_t seconds);
