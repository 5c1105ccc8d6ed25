// SPDX-License-Identifier: ISC
// ISO/IEC 18004, sections "Codeword placement in matrix", "Data masking" and "Format information".
//
// Most of a symbol is data. The rest, its function patterns, tells a reader where it is: three
// finder patterns in the corners, with a light separator around; an alignment pattern near the
// fourth corner (from version 2 on); timing patterns, alternating modules in row 6 and column 6.
// Beside the finder patterns stands the format information, twice: level and mask in 5 bits, with
// 10 bits that protect them.
//
// The bits of the codewords fill what is left, in columns two modules wide from right to left,
// going up in the first, down in the next, and so on, from right to left in each row. Where the
// mask's condition holds for a module its bit is inverted, so that the result looks like no
// function pattern and has no large areas of one colour. Which of the eight masks does that best is
// counted in penalty points.
#include "symbol.h"
#include <stdbool.h>
#include <string.h>

#define TIMING           6      // row and column of the timing patterns
#define FORMAT_LINE      8      // row and column of the format information
#define FORMAT_GENERATOR 0x537  // x^10 + x^8 + x^5 + x^4 + x^2 + x + 1
#define FORMAT_MASK      0x5412 // so that it is never all zero
#define ALIGNMENT_INSET  7      // of the alignment pattern's centre, from the far edge

// Points of the four features that make a symbol hard to read (section "Evaluation of data masking
// results").
#define POINTS_RUN    3 // five modules in line of one colour, and one point for each further
#define POINTS_BLOCK  3 // two by two of one colour
#define POINTS_FINDER 40
#define POINTS_SHARE  10 // for each 5 % that the share of dark modules is away from a half

// The distance of a module from a centre, by the longer way of both: patterns are squares around
// it.
static unsigned distance(unsigned row, unsigned column, unsigned centre_row,
                         unsigned centre_column) {
    unsigned down = row > centre_row ? row - centre_row : centre_row - row;
    unsigned across = column > centre_column ? column - centre_column : centre_column - column;
    return down > across ? down : across;
}

// The distance from the alignment pattern's centre; far where there is no such pattern.
static unsigned from_alignment(unsigned size, unsigned row, unsigned column) {
    return size == 21 ? size
                      : distance(row, column, size - ALIGNMENT_INSET, size - ALIGNMENT_INSET);
}

// The distance from the nearest finder pattern's centre.
static unsigned from_finder(unsigned size, unsigned row, unsigned column) {
    return distance(row, column, row < size / 2 ? 3 : size - 4, column < size / 2 ? 3 : size - 4);
}

static bool is_in_fourth_corner(unsigned size, unsigned row, unsigned column) {
    return row >= size / 2 && column >= size / 2;
}

// Whether a module is no data. Finder pattern, separator and format information are 9 modules wide
// from the left and upper edges, 8 from the others.
static bool is_function(unsigned size, unsigned row, unsigned column) {
    if (row == TIMING || column == TIMING || from_alignment(size, row, column) <= 2)
        return true;
    return (row <= 8 || row >= size - 8) && (column <= 8 || column >= size - 8) &&
           !is_in_fourth_corner(size, row, column);
}

static bool is_dark_function(unsigned size, unsigned row, unsigned column) {
    unsigned finder = from_finder(size, row, column);
    if (from_alignment(size, row, column) <= 2)
        return from_alignment(size, row, column) != 1;
    if (finder <= 4 && !is_in_fourth_corner(size, row, column))
        return finder != 2 && finder != 4;
    return (row + column) % 2 ==
           0; // timing; the format information is drawn over what else there is
}

static bool is_inverted(unsigned mask, unsigned row, unsigned column) {
    switch (mask) {
    case 0: return (row + column) % 2 == 0;
    case 1: return row % 2 == 0;
    case 2: return column % 3 == 0;
    case 3: return (row + column) % 3 == 0;
    case 4: return (row / 2 + column / 3) % 2 == 0;
    case 5: return row * column % 2 + row * column % 3 == 0;
    case 6: return (row * column % 2 + row * column % 3) % 2 == 0;
    default: return ((row + column) % 2 + row * column % 3) % 2 == 0;
    }
}

static void draw_data(struct qr *qr, unsigned mask, const uint8_t *codewords, size_t count) {
    size_t bit = 0;
    for (unsigned pair = 0; pair < qr->size / 2; pair++) {
        unsigned right = qr->size - 1 - 2 * pair;
        right -= right <= TIMING; // that column is passed over
        for (unsigned i = 0; i < 2 * qr->size; i++) {
            unsigned row = pair % 2 == 0 ? qr->size - 1 - i / 2 : i / 2;
            unsigned column = right - i % 2;
            if (is_function(qr->size, row, column))
                continue;
            bool dark = bit < 8 * count && (codewords[bit / 8] >> (7 - bit % 8) & 1);
            qr->dark[row][column] = dark != is_inverted(mask, row, column);
            bit++;
        }
    }
}

// The 15 bits of the format information, the last one as bit 0.
static unsigned format_bits(enum qr_level level, unsigned mask) {
    unsigned format = (unsigned)level << 3 | mask;
    unsigned rest = format;
    for (int i = 0; i < 10; i++) rest = rest << 1 ^ (rest >> 9) * FORMAT_GENERATOR;
    return (format << 10 | rest) ^ FORMAT_MASK;
}

static void draw_format(struct qr *qr, unsigned bits) {
    unsigned size = qr->size;
    for (unsigned i = 0; i < 15; i++) {
        uint8_t dark = bits >> i & 1;
        // Around the upper left corner, leaving the timing patterns out; then beside the other two.
        unsigned down = i < 6 ? i : i + 1;
        unsigned across = i < 9 ? 15 - i : 14 - i;
        qr->dark[i < 8 ? down : FORMAT_LINE][i < 8 ? FORMAT_LINE : across] = dark;
        if (i < 8)
            qr->dark[FORMAT_LINE][size - 1 - i] = dark;
        else
            qr->dark[size - 15 + i][FORMAT_LINE] = dark;
    }
    qr->dark[size - 8][FORMAT_LINE] = 1; // always
}

void qr_symbol_draw(struct qr *qr, unsigned version, enum qr_level level, unsigned mask,
                    const uint8_t *codewords, size_t count) {
    memset(qr, 0, sizeof *qr);
    qr->size = 17 + 4 * version;
    for (unsigned row = 0; row < qr->size; row++)
        for (unsigned column = 0; column < qr->size; column++)
            if (is_function(qr->size, row, column))
                qr->dark[row][column] = is_dark_function(qr->size, row, column);
    draw_data(qr, mask, codewords, count);
    draw_format(qr, format_bits(level, mask));
}

// A module by the number of its line and its place in it. Beyond the ends all is light.
static unsigned at(const struct qr *qr, bool is_column, unsigned line, int place) {
    if (place < 0 || place >= (int)qr->size)
        return 0;
    return is_column ? qr->dark[place][line] : qr->dark[line][place];
}

static bool is_light(const struct qr *qr, bool is_column, unsigned line, int from) {
    for (int i = from; i < from + 4; i++)
        if (at(qr, is_column, line, i))
            return false;
    return true;
}

// Whether the widths 1:1:3:1:1 of a finder pattern begin here, with four light modules on either
// side.
static bool is_like_finder(const struct qr *qr, bool is_column, unsigned line, int from) {
    static const uint8_t finder[7] = {1, 0, 1, 1, 1, 0, 1};
    for (int i = 0; i < 7; i++)
        if (at(qr, is_column, line, from + i) != finder[i])
            return false;
    return is_light(qr, is_column, line, from - 4) || is_light(qr, is_column, line, from + 7);
}

static unsigned line_penalty(const struct qr *qr, bool is_column, unsigned line) {
    unsigned points = 0;
    unsigned run = 0;
    for (int i = 0; i < (int)qr->size; i++) {
        run = i > 0 && at(qr, is_column, line, i) == at(qr, is_column, line, i - 1) ? run + 1 : 1;
        if (run >= 5)
            points += run == 5 ? POINTS_RUN : 1;
        if (is_like_finder(qr, is_column, line, i))
            points += POINTS_FINDER;
    }
    return points;
}

unsigned qr_symbol_penalty(const struct qr *qr) {
    unsigned points = 0;
    unsigned dark = 0;
    unsigned modules = qr->size * qr->size;
    for (unsigned row = 0; row < qr->size; row++) {
        points += line_penalty(qr, false, row) + line_penalty(qr, true, row);
        for (unsigned column = 0; column < qr->size; column++) {
            dark += qr->dark[row][column];
            if (row == 0 || column == 0)
                continue;
            unsigned sum = qr->dark[row][column] + qr->dark[row - 1][column] +
                           qr->dark[row][column - 1] + qr->dark[row - 1][column - 1];
            points += sum % 4 == 0 ? POINTS_BLOCK : 0;
        }
    }
    unsigned off = 2 * dark > modules ? 2 * dark - modules : modules - 2 * dark;
    return points + off * 10 / modules * POINTS_SHARE;
}
