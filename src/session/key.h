// SPDX-License-Identifier: ISC
// The pre-shared key as people handle it: 56 letters and digits on one line.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KEY_SIZE     32
#define KEY_TEXT     56 // characters, without a NUL
#define KEY_WHY_SIZE 96

// Writes a key's text, and a NUL.
void key_format(char text[KEY_TEXT + 1], const uint8_t key[KEY_SIZE]);
// Reads a key from `length` characters; white space around it is no part of it. Returns 0, or -1
// after having written into `why` what is wrong with it, for people.
int key_parse(uint8_t key[KEY_SIZE], const char *text, size_t length, char why[KEY_WHY_SIZE]);
