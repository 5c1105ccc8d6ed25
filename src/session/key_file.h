// SPDX-License-Identifier: ISC
// Files that hold a secret: one line, a key as tunnel/key.h writes it, readable by their owner
// alone.
#pragma once

#include "../base/log.h"
#include "../limits.h"
#include "key.h"

// Whether what should be a file's name is a key, by itself or behind a folder: then someone took
// one for the other, and a file of that name would show the key to all.
bool key_file_name_is_key(const char *path);
// Reads a key file, and warns where others can read it too. Returns 0; 1 where there is no such
// file; or -1 after having said what is wrong.
int key_file_read(uint8_t key[KEY_SIZE], const char *path, const struct log *log);
// Makes a random key and a file for it, mode 0600, in the place of any file of that name: who reads
// it meanwhile sees the old one or the new one, whole. Returns 0, or -1 after having said what is
// wrong.
int key_file_create(uint8_t key[KEY_SIZE], const char *path, const struct log *log);
