// vsnprintf() into what is left of a buffer.
#include "text.h"

#include <stdarg.h>
#include <stdio.h>

void text_init(struct text *text, char *out, size_t size)
{
    *text = (struct text){.out = out, .size = size};
    out[0] = '\0';
}

void text_add(struct text *text, const char *format, ...)
{
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
