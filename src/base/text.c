// SPDX-License-Identifier: ISC
// vsnprintf() into what is left of a buffer, and a few forms that people read.
#include "text.h"
#include <stdarg.h>
#include <stdio.h>

void text_init(struct text *text, char *out, size_t size) {
    *text = (struct text){.out = out, .size = size};
    out[0] = '\0';
}

void text_add(struct text *text, const char *format, ...) {
    va_list args;
    size_t room = text->size - text->length;
    if (text->overflow)
        return;
    va_start(args, format);
    int length = vsnprintf(text->out + text->length, room, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= room) {
        text->out[text->length] = '\0';
        text->overflow = 1;
        return;
    }
    text->length += (size_t)length;
}

void text_add_ipv4(struct text *text, uint32_t address) {
    text_add(text, "%u.%u.%u.%u", (unsigned)(address >> 24), (unsigned)(address >> 16 & 255),
             (unsigned)(address >> 8 & 255), (unsigned)(address & 255));
}

void text_add_rate(struct text *text, uint64_t bits_per_s) {
    static const char *const units[] = {"", "k", "M", "G", "T"};
    size_t unit = 0;
    uint64_t scale = 1;
    // From 999.5 on it would be rounded to 1000.
    while (unit + 1 < sizeof units / sizeof units[0] && bits_per_s >= scale * 1000 - scale / 2) {
        scale *= 1000;
        unit++;
    }
    if (unit > 0 && bits_per_s < scale * 10 - scale / 20) { // 9.95
        uint64_t tenths = (bits_per_s * 10 + scale / 2) / scale;
        text_add(text, "%u.%u", (unsigned)tenths / 10, (unsigned)tenths % 10);
    } else {
        text_add(text, "%llu",
                 (unsigned long long)(bits_per_s / scale + (bits_per_s % scale * 2 >= scale)));
    }
    text_add(text, " %sbit/s", units[unit]);
}

void text_add_duration(struct text *text, int64_t seconds) {
    int64_t hours = seconds / 3600;
    if (hours > 0)
        text_add(text, "%lld:%02d", (long long)hours, (int)(seconds / 60 % 60));
    else
        text_add(text, "%d", (int)(seconds / 60));
    text_add(text, ":%02d", (int)(seconds % 60));
}
