// SPDX-License-Identifier: ISC
// Looking up the page's files. Embedded files carry an ETag made from their content; files of a
// folder get one from their time and size, so that editing a file while the program runs shows at
// the next reload. A file that comes with another policy gets another ETag: some browsers (WebKit)
// keep the policy that they have when a 304 brings another.
#include "page.h"
#include "../base/stat.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *suffix;
    const char *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".txt", "text/plain; charset=utf-8"},
};

const char *page_type(const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t suffix = strlen(types[i].suffix);
        if (length > suffix && strcmp(name + length - suffix, types[i].suffix) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

int page_open(struct page *page, const char *folder, const char *only) {
    page->folder = -1;
    page->only = only;
    if (folder == NULL)
        return 0;
    page->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return page->folder < 0 ? -1 : 0;
}

static bool path_to_name(const struct http_text *path, char name[HTTP_NAME_MAX]) {
    const struct http_text wanted = {path->start + 1, path->length - 1};
    if (wanted.length >= HTTP_NAME_MAX || http_text_span(&wanted, ".-_") < wanted.length)
        return false;
    snprintf(name, HTTP_NAME_MAX, "%.*s", (int)wanted.length, wanted.start);
    if (wanted.length == 0)
        snprintf(name, HTTP_NAME_MAX, "index.html");
    return name[0] != '.';
}

static bool find_embedded(const char *name, struct page_body *body) {
    for (size_t i = 0; i < page_file_count; i++) {
        if (strcmp(page_files[i].name, name) != 0)
            continue;
        body->bytes = page_files[i].bytes;
        body->length = page_files[i].length;
        snprintf(body->etag, sizeof body->etag, "%s", page_files[i].etag);
        return true;
    }
    return false;
}

static bool find_in_folder(int folder, const char *name, struct page_body *body) {
    struct stat info;
    // O_NONBLOCK: opening a FIFO that somebody left there must not stop the program.
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return false;
    }
    body->fd = fd;
    body->length = (size_t)info.st_size;
    snprintf(body->etag, sizeof body->etag, "\"%llx.%lx-%llx\"", (long long)info.st_mtim.tv_sec,
             (long)info.st_mtim.tv_nsec, (long long)info.st_size);
    return true;
}

// The 32-bit FNV-1a hash, as a part of the ETag.
static void mark_policy(struct page_body *body, const char *only) {
    uint32_t hash = 0x811c9dc5;
    size_t length = strlen(body->etag) - 1; // without the quote at its end
    for (; *only != '\0'; only++) hash = (hash ^ (uint8_t)*only) * 0x01000193;
    snprintf(body->etag + length, sizeof body->etag - length, "-%lx\"", (unsigned long)hash);
}

bool page_find(const struct page *page, const struct http_text *path, struct page_body *body) {
    char name[HTTP_NAME_MAX];
    memset(body, 0, sizeof *body);
    body->fd = -1;
    if (!path_to_name(path, name))
        return false;
    body->type = page_type(name);
    bool found =
        page->folder >= 0 ? find_in_folder(page->folder, name, body) : find_embedded(name, body);
    if (found && page->only != NULL)
        mark_policy(body, page->only);
    return found;
}
