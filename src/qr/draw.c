// A character cell is about twice as high as wide, so it takes two modules, one above the other: Unicode has
// characters for the upper half, the lower half and the full block. The escape sequences are those of
// ECMA-48, select graphic rendition: black (30) on white (47).
#include "draw.h"

#include <stdbool.h>
#include <string.h>

#define BLACK_ON_WHITE "\x1b[30;47m"
#define AS_BEFORE      "\x1b[0m"

unsigned qr_columns(const struct qr *qr)
{
    return qr->size + 2 * QR_QUIET;
}

unsigned qr_lines(const struct qr *qr)
{
    return (qr_columns(qr) + 1) / 2;
}

// Whether a module is dark, rows and columns counted from the quiet zone's corner.
static bool is_dark(const struct qr *qr, unsigned row, unsigned column)
{
    if (row < QR_QUIET || column < QR_QUIET)
        return false;
    row -= QR_QUIET;
    column -= QR_QUIET;
    return row < qr->size && column < qr->size && qr->dark[row][column] != 0;
}

size_t qr_draw_line(const struct qr *qr, unsigned line, char out[QR_LINE_MAX])
{
    // By upper and lower half: light and light, dark and light, light and dark, dark and dark.
    static const char blocks[4][4] = {" ", "\u2580", "\u2584", "\u2588"};
    strcpy(out, BLACK_ON_WHITE);
    size_t length = strlen(out);
    for (unsigned column = 0; column < qr_columns(qr); column++) {
        const char *block =
            blocks[is_dark(qr, 2 * line, column) + 2 * is_dark(qr, 2 * line + 1, column)];
        strcpy(out + length, block);
        length += strlen(block);
    }
    strcpy(out + length, AS_BEFORE);
    return length + strlen(AS_BEFORE);
}
