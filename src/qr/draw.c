// SPDX-License-Identifier: ISC
// A character cell is about twice as high as wide, so it takes two modules, one above the other:
// Unicode has characters for the upper half and the lower half of a cell. Colours are set by the
// escape sequences of ECMA-48, select graphic rendition, where 30 to 37 are the foreground from
// black to white, and 40 to 47 the background.
//
// The background fills a cell and meets its neighbours'; a character of some fonts does not quite.
// So what is of one colour is background alone, and of the rest the dark half is background: a seam
// is then a thin dark line in a light module, which readers bear better than one through the dark
// modules of a finder pattern.
#include "qr.h"
#include <stdbool.h>
#include <string.h>

#define LIGHT     "\x1b[47m"
#define DARK      "\x1b[37;40m" // and light characters on it
#define AS_BEFORE "\x1b[0m"

unsigned qr_columns(const struct qr *qr) { return qr->size + 2 * QR_QUIET; }

unsigned qr_lines(const struct qr *qr) { return (qr_columns(qr) + 1) / 2; }

// Whether a module is dark, rows and columns counted from the quiet zone's corner.
static bool is_dark(const struct qr *qr, unsigned row, unsigned column) {
    if (row < QR_QUIET || column < QR_QUIET)
        return false;
    row -= QR_QUIET;
    column -= QR_QUIET;
    return row < qr->size && column < qr->size && qr->dark[row][column] != 0;
}

static size_t append(char *out, size_t length, const char *text) {
    strcpy(out + length, text);
    return length + strlen(text);
}

size_t qr_draw_line(const struct qr *qr, unsigned line, char out[QR_LINE_MAX]) {
    size_t length = append(out, 0, LIGHT);
    bool was_light = true;
    for (unsigned column = 0; column < qr_columns(qr); column++) {
        bool upper = is_dark(qr, 2 * line, column);
        bool lower = is_dark(qr, 2 * line + 1, column);
        bool light = !upper && !lower;
        if (light != was_light)
            length = append(out, length, light ? LIGHT : DARK);
        was_light = light;
        length = append(out, length, upper == lower ? " " : upper ? "\u2584" : "\u2580");
    }
    return append(out, length, AS_BEFORE);
}
