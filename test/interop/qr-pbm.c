// SPDX-License-Identifier: ISC
// Prints the QR code of its argument as a portable bitmap (pbm(5)), for programs that read such
// pictures.
#include <stdio.h>
#include <string.h>

#include "qr/qr.h"

#define SCALE 4 // pixels of a module's side

int main(int argc, char **argv) {
    struct qr qr;
    if (argc != 2 || qr_encode(&qr, argv[1], strlen(argv[1])) < 0) {
        fprintf(stderr, "usage: qr-pbm TEXT   (of at most %d bytes)\n", QR_TEXT_MAX);
        return 2;
    }
    unsigned side = (qr.size + 2 * QR_QUIET) * SCALE;
    printf("P1\n%u %u\n", side, side);
    for (unsigned y = 0; y < side; y++) {
        for (unsigned x = 0; x < side; x++) {
            unsigned row = y / SCALE - QR_QUIET; // beyond qr.size in the quiet zone on either side
            unsigned column = x / SCALE - QR_QUIET;
            printf("%d", row < qr.size && column < qr.size && qr.dark[row][column] != 0);
        }
        putchar('\n');
    }
    return 0;
}
