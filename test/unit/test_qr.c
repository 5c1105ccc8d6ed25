// SPDX-License-Identifier: ISC
// QR codes: the parts against facts that others published, whole symbols against those that another
// program made, and every symbol against a reader of them that is written here from the other end:
// it does not know how they are made, and forgives no error.
#include "qr/qr.h"

#include "qr/reed_solomon.h"
#include "test.h"

// ---- Reed-Solomon ----

static const struct {
    const char *source;
    const char *data;
    const char *check;
} known_checks[] = {
    {"ISO/IEC 18004, the annex \"Symbol encoding example\": 01234567 in a symbol 1-M",
     "10 20 0c 56 61 80 ec 11 ec 11 ec 11 ec 11 ec 11", "a5 24 d4 c1 ed 36 c7 87 2c 55"},
    {"thonky.com's QR code tutorial, \"Error correction coding\": HELLO WORLD in a symbol 1-M",
     "20 5b 0b 78 d1 72 dc 4d 43 40 ec 11 ec 11 ec 11", "c4 23 27 77 eb d7 e7 e2 5d 17"},
};

static void reed_solomon(void) {
    for (size_t i = 0; i < COUNT(known_checks); i++) {
        uint8_t data[16];
        uint8_t expected[10];
        uint8_t check[10];
        test_row("%s", known_checks[i].source);
        CHECK_INT(test_hex(data, sizeof data, known_checks[i].data), sizeof data);
        CHECK_INT(test_hex(expected, sizeof expected, known_checks[i].check), sizeof expected);
        reed_solomon_check(check, sizeof check, data, sizeof data);
        CHECK_BYTES(check, expected, sizeof check);
    }
}

// ---- format information ----

// ISO/IEC 18004, the annex "Format information": the sequences after masking, first module first.
static const char *const formats[2][QR_MASKS] = {
    [QR_LEVEL_L] = {"111011111000100", "111001011110011", "111110110101010", "111100010011101",
                    "110011000101111", "110001100011000", "110110001000001", "110100101110110"},
    [QR_LEVEL_M] = {"101010000010010", "101000100100101", "101111001111100", "101101101001011",
                    "100010111111001", "100000011001110", "100111110010111", "100101010100000"},
};

// Where the 15 modules lie, from the first: around the upper left finder pattern from its left, and
// again beside the lower left one from below and beside the upper right one (the standard's figure
// "Format information positioning"). Negative numbers count from the far edge.
static const struct {
    int row;
    int column;
} format_places[2][15] = {
    {{8, 0},
     {8, 1},
     {8, 2},
     {8, 3},
     {8, 4},
     {8, 5},
     {8, 7},
     {8, 8},
     {7, 8},
     {5, 8},
     {4, 8},
     {3, 8},
     {2, 8},
     {1, 8},
     {0, 8}},
    {{-1, 8},
     {-2, 8},
     {-3, 8},
     {-4, 8},
     {-5, 8},
     {-6, 8},
     {-7, 8},
     {8, -8},
     {8, -7},
     {8, -6},
     {8, -5},
     {8, -4},
     {8, -3},
     {8, -2},
     {8, -1}},
};

static void read_format(const struct qr *qr, int copy, char out[16]) {
    int size = (int)qr->size;
    for (int i = 0; i < 15; i++) {
        int row = format_places[copy][i].row;
        int column = format_places[copy][i].column;
        out[i] =
            qr->dark[row < 0 ? size + row : row][column < 0 ? size + column : column] ? '1' : '0';
    }
    out[15] = '\0';
}

static void format_information(void) {
    static const enum qr_level levels[2] = {QR_LEVEL_L, QR_LEVEL_M};
    for (size_t i = 0; i < 2; i++)
        for (unsigned mask = 0; mask < QR_MASKS; mask++)
            for (unsigned version = 1; version <= QR_VERSION_MAX; version++) {
                struct qr qr;
                char format[16];
                qr_symbol_draw(&qr, version, levels[i], mask, NULL, 0);
                test_row("level %u, mask %u, version %u", (unsigned)levels[i], mask, version);
                read_format(&qr, 0, format);
                CHECK_TEXT(format, formats[levels[i]][mask]);
                read_format(&qr, 1, format);
                CHECK_TEXT(format, formats[levels[i]][mask]);
                CHECK_INT(qr.dark[qr.size - 8][8], 1);
            }
}

// ---- penalties ----

static void penalties(void) {
    static struct qr qr;
    static const char like_finder[] = "1011101";
    memset(&qr, 0, sizeof qr);
    qr.size = 21;
    // All light: 42 lines of 21 (3 + 16 points each), 400 blocks, and 50 % off a half.
    CHECK_INT(qr_symbol_penalty(&qr), 42 * 19 + 400 * 3 + 100);
    // Like a finder pattern in row 10, columns 7 to 13. That row: two runs of 7 light modules and
    // 40 points. Five columns: two runs of 10 each. 16 blocks fewer, and 48.9 % off a half.
    for (size_t i = 0; i < 7; i++) qr.dark[10][7 + i] = like_finder[i] == '1';
    CHECK_INT(qr_symbol_penalty(&qr), 20 * 19 + 2 * 5 + 40 + 16 * 19 + 5 * 2 * 8 + 384 * 3 + 90);
    // Alternating modules: nothing, and 221 dark ones of 441 are near enough to a half.
    for (size_t row = 0; row < 21; row++)
        for (size_t column = 0; column < 21; column++)
            qr.dark[row][column] = (row + column) % 2 == 0;
    CHECK_INT(qr_symbol_penalty(&qr), 0);
    // Five of a row in line, and then seven; they make no block.
    qr.dark[0][1] = qr.dark[0][3] = 1;
    CHECK_INT(qr_symbol_penalty(&qr), 3);
    qr.dark[0][5] = 1;
    CHECK_INT(qr_symbol_penalty(&qr), 5);
}

// ---- a reader ----

struct reading {
    enum qr_level level;
    unsigned mask;
    size_t length;
    char text[QR_TEXT_MAX + 1];
    uint8_t codewords[100];
    size_t count;
};

// The field's elements as powers of 2, modulo x^8 + x^4 + x^3 + x^2 + 1.
static uint8_t times_power_of_2(uint8_t element, unsigned power) {
    unsigned value = element;
    while (power-- > 0) value = value << 1 ^ (value & 0x80 ? 0x11d : 0);
    return (uint8_t)value;
}

// Whether a block of data and check bytes is a code word: zero at 2^0, 2^1, ...
static bool is_code_word(const uint8_t *bytes, size_t length, size_t check_count) {
    for (unsigned root = 0; root < check_count; root++) {
        uint8_t sum = 0;
        for (size_t i = 0; i < length; i++) sum = times_power_of_2(sum, root) ^ bytes[i];
        if (sum != 0)
            return false;
    }
    return true;
}

static void fill(uint8_t map[QR_SIZE_MAX][QR_SIZE_MAX], size_t row, size_t column, size_t height,
                 size_t width) {
    for (size_t i = 0; i < height; i++) memset(&map[row + i][column], 1, width);
}

// Which modules are no data: painted, rectangle by rectangle.
static void paint_functions(uint8_t map[QR_SIZE_MAX][QR_SIZE_MAX], size_t size) {
    memset(map, 0, QR_SIZE_MAX * QR_SIZE_MAX);
    fill(map, 0, 0, 9, 9);
    fill(map, 0, size - 8, 9, 8);
    fill(map, size - 8, 0, 8, 9);
    fill(map, 6, 0, 1, size);
    fill(map, 0, 6, size, 1);
    if (size > 21)
        fill(map, size - 9, size - 9, 5, 5);
}

// ISO/IEC 18004, table "Data mask pattern generation conditions"; i is the row, j the column.
static bool mask_inverts(unsigned mask, unsigned i, unsigned j) {
    const bool conditions[QR_MASKS] = {
        (i + j) % 2 == 0,
        i % 2 == 0,
        j % 3 == 0,
        (i + j) % 3 == 0,
        (i / 2 + j / 3) % 2 == 0,
        (i * j) % 2 + (i * j) % 3 == 0,
        ((i * j) % 2 + (i * j) % 3) % 2 == 0,
        ((i + j) % 2 + (i * j) % 3) % 2 == 0,
    };
    return conditions[mask];
}

// Walks through the columns of two in the standard's order; returns how many codewords there are.
static size_t read_codewords(const struct qr *qr, unsigned mask, uint8_t codewords[100]) {
    uint8_t map[QR_SIZE_MAX][QR_SIZE_MAX];
    int size = (int)qr->size;
    int row = size - 1;
    int step = -1;
    size_t bits = 0;
    paint_functions(map, qr->size);
    memset(codewords, 0, 100);
    for (int column = size - 1; column > 0; column -= 2) {
        if (column == 6)
            column--;
        for (; row >= 0 && row < size; row += step)
            for (int j = column; j > column - 2; j--) {
                if (map[row][j])
                    continue;
                bool bit = qr->dark[row][j] != mask_inverts(mask, (unsigned)row, (unsigned)j);
                if (bits / 8 < 100)
                    codewords[bits / 8] |= (uint8_t)(bit << (7 - bits % 8));
                bits++;
            }
        step = -step;
        row += step;
    }
    return bits / 8;
}

// Check bytes of a block by version and level: ISO/IEC 18004, table "Error correction
// characteristics". Only 4-M has more than one block.
static const uint8_t check_counts[2][QR_VERSION_MAX + 1] = {
    [QR_LEVEL_L] = {0, 7, 10, 15, 20},
    [QR_LEVEL_M] = {0, 10, 16, 26, 18},
};

// Takes the blocks apart, and the text out of them.
static bool read_blocks(struct reading *reading, unsigned version) {
    uint8_t data[100];
    uint8_t block[100];
    size_t blocks = version == 4 && reading->level == QR_LEVEL_M ? 2 : 1;
    size_t length = reading->count / blocks;
    size_t check_count = check_counts[reading->level][version];
    size_t data_length = length - check_count;
    for (size_t b = 0; b < blocks; b++) {
        for (size_t i = 0; i < length; i++) block[i] = reading->codewords[i * blocks + b];
        if (!is_code_word(block, length, check_count))
            return false;
        memcpy(data + b * data_length, block, data_length);
    }
    if (data[0] >> 4 != 4) // byte mode
        return false;
    reading->length = (size_t)(data[0] & 15) << 4 | data[1] >> 4;
    if (reading->length > QR_TEXT_MAX || reading->length + 2 > blocks * data_length)
        return false;
    for (size_t i = 0; i < reading->length; i++)
        reading->text[i] = (char)(data[i + 1] << 4 | data[i + 2] >> 4);
    if ((data[reading->length + 1] & 15) != 0) // the end of the data
        return false;
    for (size_t i = reading->length + 2; i < blocks * data_length; i++)
        if (data[i] != ((i - reading->length) % 2 == 0 ? 0xec : 0x11))
            return false;
    return true;
}

static bool read_symbol(struct reading *reading, const struct qr *qr) {
    char format[16];
    memset(reading, 0, sizeof *reading);
    read_format(qr, 0, format);
    for (size_t i = 0; i < 2 * QR_MASKS; i++)
        if (strcmp(formats[i / QR_MASKS][i % QR_MASKS], format) == 0) {
            reading->level = i / QR_MASKS;
            reading->mask = i % QR_MASKS;
            reading->count = read_codewords(qr, reading->mask, reading->codewords);
            return read_blocks(reading, (qr->size - 17) / 4);
        }
    return false;
}

// ---- whole symbols ----

// What each symbol holds in byte mode: ISO/IEC 18004, table "Number of symbol characters and input
// data capacity".
static const struct {
    unsigned version;
    enum qr_level level;
    size_t bytes;
} capacities[] = {
    {1, QR_LEVEL_M, 14}, {1, QR_LEVEL_L, 17}, {2, QR_LEVEL_M, 26}, {2, QR_LEVEL_L, 32},
    {3, QR_LEVEL_M, 42}, {3, QR_LEVEL_L, 53}, {4, QR_LEVEL_M, 62}, {4, QR_LEVEL_L, 78},
};

static void read_back(void) {
    size_t at = 0;
    for (size_t length = 0; length <= QR_TEXT_MAX; length++) {
        struct qr qr;
        struct reading reading;
        uint8_t text[QR_TEXT_MAX];
        test_row("length %lu", (unsigned long)length);
        test_random_bytes(text, sizeof text);
        at += length > capacities[at].bytes;
        uint8_t *exact = test_copy(text, length);
        int result = qr_encode(&qr, (const char *)exact, length);
        free(exact);
        CHECK_INT(result, 0);
        CHECK_INT(qr.size, 17 + 4 * capacities[at].version);
        CHECK(read_symbol(&reading, &qr));
        CHECK_INT(reading.level, capacities[at].level);
        CHECK_INT(reading.length, length);
        CHECK_BYTES(reading.text, text, length);
    }
}

static void too_long(void) {
    struct qr qr;
    char text[QR_TEXT_MAX + 1] = {0};
    CHECK_INT(qr_encode(&qr, text, QR_TEXT_MAX + 1), -1);
    CHECK_INT(qr_encode(&qr, text, SIZE_MAX - 3), -1);
}

static void best_mask(void) {
    unsigned used = 0;
    for (unsigned i = 0; i < 500; i++) {
        struct qr qr;
        struct reading reading;
        char text[QR_TEXT_MAX];
        int length = snprintf(text, sizeof text, "http://169.254.%u.%u:6354/", i / 256, i % 256);
        test_row("%s", text);
        CHECK_INT(qr_encode(&qr, text, (size_t)length), 0);
        CHECK(read_symbol(&reading, &qr));
        unsigned points = qr_symbol_penalty(&qr);
        used |= 1U << reading.mask;
        for (unsigned mask = 0; mask < QR_MASKS; mask++) {
            struct qr other;
            qr_symbol_draw(&other, (qr.size - 17) / 4, reading.level, mask, reading.codewords,
                           reading.count);
            CHECK(qr_symbol_penalty(&other) >= points);
        }
    }
    CHECK_INT(used, 0xff);
}

// By "qrencode -8 -l LEVEL -m 0 -t UTF8i TEXT", version 4.1.1. It counts penalties a little
// differently; these are addresses for which it takes the same mask.
static const struct {
    const char *text;
    const char *lines[(QR_SIZE_MAX + 1) / 2];
} known_symbols[] = {
    {"http://5.4.8.3/",
     {"█▀▀▀▀▀█ ▄█ ▄▀ █▀▀▀▀▀█", "█ ███ █ ▀█  ▄ █ ███ █", "█ ▀▀▀ █ █     █ ▀▀▀ █",
      "▀▀▀▀▀▀▀ █▄█ █ ▀▀▀▀▀▀▀", "█▀▄▀ ▄▀█▄██▀█ ▀▀█ ▀▀▄", "█▄█ █ ▀▀▄▀█ █▄█ ▄▄▀▄█",
      "▀ ▀ ▀▀▀▀█▄ █▄▄▄█ ▀  ▄", "█▀▀▀▀▀█ ▀▀██▀▄▀ █▀▀▀▄", "█ ███ █ ▄▀ ▄▄ ▄██▀ ▄▄",
      "█ ▀▀▀ █ ▄▀▄▄█ ▀▄▀▄▀ ▀", "▀▀▀▀▀▀▀ ▀▀    ▀    ▀ "}},
    {"http://169.254.18.82:80/",
     {"█▀▀▀▀▀█ █▀██  ▀ ▀ █▀▀▀▀▀█", "█ ███ █ ▀ ▄ ▄█▄█▀ █ ███ █", "█ ▀▀▀ █ ▀▄█  ▀    █ ▀▀▀ █",
      "▀▀▀▀▀▀▀ ▀ █ ▀▄█ ▀ ▀▀▀▀▀▀▀", "█▄▄█▀█▀█▀▄▀▄   █▄█  █▄██▀", "▀ █▄▄ ▀▀▄█▀▀▀▀▀█ ▀▄▄ █▄▄█",
      "█ ▄▀█▄▀ █ ▀▀▄ ▀▄▀▀▀▄▄  ▄▀", "█▀█▄▄▀▀ ▀█  ▄ ▄▀▀▀  ▄▀█▀█", "▀ ▀ ▀ ▀▀▄█▄█▀████▀▀▀█ ▀█ ",
      "█▀▀▀▀▀█ █▄█▄▀██ █ ▀ █▀  █", "█ ███ █ █▄▄▀█  ██▀██▀█ ▄▄", "█ ▀▀▀ █  ▄█▀  ▀▄ ▄▄▄█ ███",
      "▀▀▀▀▀▀▀ ▀▀▀ ▀ ▀▀▀▀   ▀  ▀"}},
    {"http://169.254.187.191:6354/",
     {"█▀▀▀▀▀█ ▀▀▀█▄▀  ▀ █▀▀▀▀▀█", "█ ███ █  ▀▄█▄███▀ █ ███ █", "█ ▀▀▀ █  ▄▀█▀██   █ ▀▀▀ █",
      "▀▀▀▀▀▀▀ █▄▀▄▀▄█ ▀ ▀▀▀▀▀▀▀", "██▄▀█▄▀▄ ▀▄██  █▄▄▀ ▄▄▄▄▀", "█ █▀ █▀ █▀ █▀ ██ ▀▄▄ █▄▄█",
      "▄▄ ███▀▀▀▀██▄ ▀▄▀▀▀▄▄  ▄▀", "█▀ ▄▀ ▀▄▄▄▄  ▀ ▀▀▀  ▄▀█▀█", "▀ ▀ ▀ ▀▀▄█▄▀▄▀███▀▀▀█ ▀█ ",
      "█▀▀▀▀▀█  ▄▀█▄█▀ █ ▀ █▀  █", "█ ███ █ ██▀▄▄▄ ██▀██▀█ █▄", "█ ▀▀▀ █ ▄█▄▀▀▀▀▄ ▄▄▄█ ███",
      "▀▀▀▀▀▀▀ ▀  ▀  ▀▀▀▀   ▀  ▀"}},
    {"http://[fe80::3333:5f2f:97c0:3de5]:6354/",
     {"█▀▀▀▀▀█ █▀▀ █▄█   █▀█ █▀▀▀▀▀█", "█ ███ █ ▄▀█▀▀█▀█▄▄▄ ▄ █ ███ █",
      "█ ▀▀▀ █  ▄█ ▀▄▄▀▄▄▀█▀ █ ▀▀▀ █", "▀▀▀▀▀▀▀ █▄▀▄█ ▀▄▀▄▀▄▀ ▀▀▀▀▀▀▀",
      "▀▄▀▀▄▀▀█ █▄▀▀ ▄▀ █ █▄ █ ▄▀ ▀█", "██▄█▄▄▀ ▀█▄ ▀▄  ▀▀▄▄▄ ▀▀ ▄▀▀▄",
      " █ ▀ █▀▄▄▄▄▀ █▄ ███▄██▄█ ▀▀▄▄", "▄ ▀ █▀▀  ▄  █ █▄▄▀▀█ ▄▄  ▀▀█▀",
      " ▄ ▄█▀▀ ▄▀▄▄  ▀▄█ ▀▀ ▄  ▀ ▄█ ", "▀ █▄▄▄▀▀▀  ▄▀██▀███▄██▄▀▀▀█  ",
      " ▀ ▀▀▀▀▀▄▄█ ▄▀▀ █▀ ██▀▀▀███▄▄", "█▀▀▀▀▀█ █ ▄▀▀▄█  ▀ ██ ▀ █▀ ▀▄",
      "█ ███ █ ▄▄▄▄▄  █▄▀█▄▀▀▀██▀ ▀█", "█ ▀▀▀ █ ▀ ▄▀▄▀▄  ▀▄█▄█ ▀ ▄▀▄▀",
      "▀▀▀▀▀▀▀ ▀▀      ▀   ▀▀▀    ▀ "}},
    {"http://[2001:db8:3563:a436:1409:d02d:2579:c2ad]:57765/",
     {"█▀▀▀▀▀█  ▄█ ███▄   ▀▄█ ▀▄ █▀▀▀▀▀█", "█ ███ █ █ █▀ ▀▄██▄▄▀▄▀███ █ ███ █",
      "█ ▀▀▀ █ █▀▀▄   █▄██▀ █▄▀▄ █ ▀▀▀ █", "▀▀▀▀▀▀▀ █▄▀▄▀ ▀▄▀ █▄█▄▀▄█ ▀▀▀▀▀▀▀",
      "▀▄█▀▀▀▀▄▄▄█▄█▀▄▀▀█▄▄▀▄▀▄▄▄▀▀▀██▄▄", "▀  ▀ █▀▄▄▄▄█  ▄█▀▀ ▄▄█▀ ▄█  █▄█  ",
      "▄█▄█▀ ▀▄▄█▀▄ ▄▄█▄ █▄▀██▄▄▄▄▄▀▀▄█▄", "▄█▄▀ █▀▀█▀▀   █ ▄ ▀▄█▄ ▄▄▄██▀ █▀ ",
      "▄▀█  █▀███▀█▄▀▄ ▀█▀▄▀ ▄▄▄▄▄█▀█▄ █", "█  ▄▀█▀█ █▀▄▀██▀ █▄ ███ ██▄ █▄█▀▄",
      "▄▀█▀ ▀▀██▄▀▄▄ ▀▄▀ ▄▄▀ ▄▄▀▄▄▄▀▀▄ █", "█ ▄▄▄█▀ █▄ ▀   █▀ ▄▄██ ▄█ ▄██▄▄▀▄",
      "▀ ▀ ▀ ▀▀▄█▄ ▀█▀▀▀▀▀▄▀ ▄██▀▀▀█ ▄█▄", "█▀▀▀▀▀█ ▄▄█▄█▀▀▀▄ ▀▄▀▄ ▀█ ▀ █ █▄ ",
      "█ ███ █ █▀███▄▀█▄ ▀▄▀ ▄ █▀▀███▄▄█", "█ ▀▀▀ █ ▀▀▀▄▀█▀ ▄▀▀ █▄ ▄▀▀██▄ █  ",
      "▀▀▀▀▀▀▀ ▀▀▀ ▀ ▀ ▀▀▀ ▀   ▀▀ ▀▀▀ ▀ "}},
};

// A line of theirs, of `columns` characters in black on white, with the quiet zone on both sides,
// in our colours: white on black, where there is any black.
static void expect_line(char *out, const char *line, size_t columns) {
    static const struct {
        const char *theirs;
        const char *ours;
        bool light;
    } characters[] = {
        {" ", " ", true},
        {"\u2580", "\u2584", false},
        {"\u2584", "\u2580", false},
        {"\u2588", " ", false},
    };
    bool was_light = true;
    strcpy(out, "\x1b[47m    ");
    for (size_t column = 0; column < columns; column++) {
        size_t i = 0;
        while (*line != '\0' &&
               strncmp(line, characters[i].theirs, strlen(characters[i].theirs)) != 0)
            i++;
        line += *line != '\0' ? strlen(characters[i].theirs) : 0;
        if (characters[i].light != was_light)
            strcat(out, characters[i].light ? "\x1b[47m" : "\x1b[37;40m");
        was_light = characters[i].light;
        strcat(out, characters[i].ours);
    }
    if (!was_light)
        strcat(out, "\x1b[47m");
    strcat(out, "    \x1b[0m");
}

static void drawn(void) {
    for (size_t i = 0; i < COUNT(known_symbols); i++) {
        struct qr qr;
        const char *text = known_symbols[i].text;
        test_row("%s", text);
        CHECK_INT(qr_encode(&qr, text, strlen(text)), 0);
        CHECK_INT(qr_columns(&qr), qr.size + 8);
        CHECK_INT(qr_lines(&qr), (qr.size + 9) / 2);
        for (unsigned line = 0; line < qr_lines(&qr); line++) {
            char expected[QR_LINE_MAX];
            char *out = malloc(QR_LINE_MAX); // so that an address sanitizer sees a write beyond it
            char actual[QR_LINE_MAX];
            size_t length = qr_draw_line(&qr, line, out);
            bool inside = line >= 2 && line < 2 + (qr.size + 1) / 2;
            snprintf(actual, sizeof actual, "%s", out);
            free(out);
            expect_line(expected, inside ? known_symbols[i].lines[line - 2] : "", qr.size);
            CHECK_TEXT(actual, expected);
            CHECK_INT(length, strlen(expected));
        }
    }
}

int main(void) {
    TEST("Reed-Solomon check bytes are those of published examples", reed_solomon);
    TEST("the format information is that of the standard's table, in both places",
         format_information);
    TEST("penalties are those worked out by hand", penalties);
    TEST("texts of all lengths are read back, each from the smallest symbol", read_back);
    TEST("a text that is too long is refused", too_long);
    TEST("no other mask has fewer penalties, and each is used", best_mask);
    TEST("symbols, drawn as text, are those that another program makes", drawn);
    return test_end();
}
