// SPDX-License-Identifier: ISC
// The page's files: embedded in the program when it was built, or read from a folder (--html).
#pragma once

#include "request.h"

#define PAGE_ETAG_MAX 64

// A file inside the program; the table is written by embed.c when the program is built.
struct page_file {
    const char *name;
    const char *etag;
    const uint8_t *bytes;
    size_t length;
};
extern const struct page_file page_files[];
extern const size_t page_file_count;

// Where the files come from.
struct page {
    int folder;       // descriptor of the --html folder, or -1 for the embedded files
    const char *only; // HOST:PORT that the page may connect to beside its own host; NULL: any
};

// One file, found: its bytes, or a descriptor that the caller reads and closes.
struct page_body {
    const uint8_t *bytes;
    int fd; // -1 when `bytes` has the content
    size_t length;
    const char *type;
    char etag[PAGE_ETAG_MAX];
};

// Opens the folder, or with NULL prepares for the embedded files. `only` is kept. Returns 0, or -1
// with errno set.
int page_open(struct page *page, const char *folder, const char *only);

// Finds the file of a request's path ("/" is index.html). Names are letters, digits, '.', '-' and
// '_', do not begin with '.', and have no folders, so no path leads out of the page. Returns
// whether there is one.
bool page_find(const struct page *page, const struct http_text *path, struct page_body *body);

// The Content-Type that belongs to a file's name.
const char *page_type(const char *name);
