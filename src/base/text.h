// Text put together piece by piece in a fixed buffer.
#ifndef TETHER_BASE_TEXT_H
#define TETHER_BASE_TEXT_H

#include <stddef.h>

struct text {
    char *out; // always NUL-terminated
    size_t size;
    size_t length;
    int overflow; // something did not fit; what is there ends before it
};

void text_init(struct text *text, char *out, size_t size);
// Appends by a printf format.
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
