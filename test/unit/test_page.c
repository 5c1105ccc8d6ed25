// SPDX-License-Identifier: ISC
// The page's files: embedded, and in a folder.
#include "http/page.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static bool find(const struct page *page, const char *path, struct page_body *body) {
    size_t length = strlen(path);
    uint8_t *copy = test_copy(path, length);
    struct http_text text = {(const char *)copy, length};
    bool found = page_find(page, &text, body);
    free(copy);
    return found;
}

// Paths that lead nowhere, in any kind of page.
static const char *const nowhere[] = {
    "/no-such-file",
    "/.",
    "/..",
    "/../",
    "/../index.html",
    "/./index.html",
    "//index.html",
    "/index.html/",
    "/x/index.html",
    "/x/../index.html",
    "/%2e%2e/index.html",
    "/%69ndex.html",
    "/..%2findex.html",
    "/..\\index.html",
    "/.hidden",
    "/index.htm",
    "/index.html.",
    "/INDEX.HTML",
    "/index.html ",
    "/index.html?",
    "/~",
    "/index*",
    "/a234567890123456789012345678901234567890123456789012345678901234567890",
    "/secret",
    "/secret.txt",
    "",
};

static void embedded_files(void) {
    struct page page;
    struct page_body body;
    CHECK_INT(page_open(&page, NULL, NULL), 0);
    CHECK(page_file_count > 0);
    for (size_t i = 0; i < page_file_count; i++) {
        char path[HTTP_NAME_MAX + 1];
        snprintf(path, sizeof path, "/%s", page_files[i].name);
        test_row("%s", path);
        CHECK(find(&page, path, &body));
        CHECK(body.bytes == page_files[i].bytes);
        CHECK_INT(body.length, page_files[i].length);
        CHECK_INT(body.fd, -1);
        CHECK_TEXT(body.etag, page_files[i].etag);
        CHECK_TEXT(body.type, page_type(page_files[i].name));
        CHECK(strlen(body.etag) >= 3 && body.etag[0] == '"' &&
              body.etag[strlen(body.etag) - 1] == '"');
    }
}

static void slash_is_index(void) {
    struct page page;
    struct page_body slash;
    struct page_body index;
    CHECK_INT(page_open(&page, NULL, NULL), 0);
    CHECK(find(&page, "/", &slash));
    CHECK(find(&page, "/index.html", &index));
    CHECK(slash.bytes == index.bytes && slash.bytes != NULL);
    CHECK_TEXT(slash.type, "text/html; charset=utf-8");
}

static void embedded_nowhere(void) {
    struct page page;
    struct page_body body;
    CHECK_INT(page_open(&page, NULL, NULL), 0);
    for (size_t i = 0; i < COUNT(nowhere); i++) {
        test_row("\"%s\"", nowhere[i]);
        CHECK(!find(&page, nowhere[i], &body));
        CHECK_INT(body.fd, -1);
    }
}

static void etags_differ(void) {
    for (size_t i = 0; i < page_file_count; i++)
        for (size_t k = 0; k < i; k++) CHECK(strcmp(page_files[i].etag, page_files[k].etag) != 0);
}

static void types(void) {
    CHECK_TEXT(page_type("a.html"), "text/html; charset=utf-8");
    CHECK_TEXT(page_type("a.css"), "text/css; charset=utf-8");
    CHECK_TEXT(page_type("a.js"), "text/javascript; charset=utf-8");
    CHECK_TEXT(page_type("a.min.js"), "text/javascript; charset=utf-8");
    CHECK_TEXT(page_type("a.json"), "application/json");
    CHECK_TEXT(page_type("a.svg"), "image/svg+xml");
    CHECK_TEXT(page_type("a.png"), "image/png");
    CHECK_TEXT(page_type("a.ico"), "image/x-icon");
    CHECK_TEXT(page_type("a.txt"), "text/plain; charset=utf-8");
    CHECK_TEXT(page_type("a"), "application/octet-stream");
    CHECK_TEXT(page_type("html"), "application/octet-stream");
    CHECK_TEXT(page_type(".html"), "application/octet-stream");
    CHECK_TEXT(page_type("a.htmlx"), "application/octet-stream");
}

// A folder:  page/index.html page/empty page/folder/inside.html page/link -> ../secret.txt
// page/fifo page/.hidden page/a-b_c.1  and beside it secret.txt.
struct folder {
    char root[128];
    char page[160];
};

static void put_file(const char *root, const char *name, const char *content) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        exit(2);
    fputs(content, file);
    fclose(file);
}

static bool make_folder(struct folder *folder) {
    char path[256];
    const char *tmp = getenv("TMPDIR");
    snprintf(folder->root, sizeof folder->root, "%s/tether-page-XXXXXX",
             tmp != NULL && strlen(tmp) < 90 ? tmp : "/tmp");
    if (mkdtemp(folder->root) == NULL)
        return false;
    snprintf(folder->page, sizeof folder->page, "%s/page", folder->root);
    if (mkdir(folder->page, 0755) < 0)
        return false;
    put_file(folder->root, "secret.txt", "secret");
    put_file(folder->page, "index.html", "<p>hello");
    put_file(folder->page, "empty", "");
    put_file(folder->page, ".hidden", "hidden");
    put_file(folder->page, "a-b_c.1", "name");
    snprintf(path, sizeof path, "%s/folder", folder->page);
    if (mkdir(path, 0755) < 0)
        return false;
    put_file(path, "inside.html", "inside");
    snprintf(path, sizeof path, "%s/link", folder->page);
    if (symlink("../secret.txt", path) < 0)
        return false;
    snprintf(path, sizeof path, "%s/inner-link", folder->page);
    if (symlink("index.html", path) < 0)
        return false;
    snprintf(path, sizeof path, "%s/fifo", folder->page);
    return mkfifo(path, 0644) == 0;
}

static void remove_folder(const struct folder *folder) {
    static const char *const names[] = {
        "page/folder/inside.html",
        "page/folder",
        "page/link",
        "page/inner-link",
        "page/fifo",
        "page/index.html",
        "page/empty",
        "page/.hidden",
        "page/a-b_c.1",
        "page",
        "secret.txt",
        "",
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", folder->root, names[i]);
        remove(path);
    }
}

static void check_content(const struct page *page, const char *path, const char *expected) {
    struct page_body body;
    char content[64] = "";
    CHECK(find(page, path, &body));
    CHECK(body.fd >= 0);
    ssize_t got = read(body.fd, content, sizeof content - 1);
    close(body.fd);
    CHECK_INT(got, strlen(expected));
    CHECK_TEXT(content, expected);
    CHECK_INT(body.length, strlen(expected));
    CHECK(strlen(body.etag) >= 3 && body.etag[0] == '"');
}

static void check_folder(const struct folder *folder) {
    static const char *const refused[] = {"/link",   "/inner-link",         "/fifo",
                                          "/folder", "/folder/inside.html", "/.hidden"};
    struct page page;
    struct page_body body;
    struct page_body after;
    CHECK_INT(page_open(&page, folder->page, NULL), 0);
    check_content(&page, "/", "<p>hello");
    check_content(&page, "/index.html", "<p>hello");
    check_content(&page, "/empty", "");
    check_content(&page, "/a-b_c.1", "name");
    for (size_t i = 0; i < COUNT(nowhere) + COUNT(refused); i++) {
        const char *path = i < COUNT(nowhere) ? nowhere[i] : refused[i - COUNT(nowhere)];
        test_row("\"%s\"", path);
        CHECK(!find(&page, path, &body));
        CHECK_INT(body.fd, -1);
    }
    test_row("after an edit");
    CHECK(find(&page, "/index.html", &body));
    close(body.fd);
    put_file(folder->page, "index.html", "<p>hello again");
    CHECK(find(&page, "/index.html", &after));
    close(after.fd);
    CHECK(strcmp(body.etag, after.etag) != 0);
    CHECK_TEXT(body.type, "text/html; charset=utf-8");
    close(page.folder);
}

static void folder_files(void) {
    struct folder folder;
    CHECK(make_folder(&folder));
    check_folder(&folder);
    remove_folder(&folder);
}

// Or a browser could go on with a policy that it has kept.
static void policies_differ(void) {
    static const char *const only[] = {NULL, "a:1", "b:1"};
    struct page_body bodies[COUNT(only)];
    for (size_t i = 0; i < COUNT(only); i++) {
        struct page page;
        CHECK_INT(page_open(&page, NULL, only[i]), 0);
        CHECK(find(&page, "/relay.js", &bodies[i]));
        CHECK(bodies[i].etag[strlen(bodies[i].etag) - 1] == '"');
        for (size_t k = 0; k < i; k++) CHECK(strcmp(bodies[i].etag, bodies[k].etag) != 0);
    }
}

static void folder_that_is_none(void) {
    struct page page;
    CHECK_INT(page_open(&page, "/no/such/folder", NULL), -1);
    CHECK_INT(page_open(&page, "/dev/null", NULL), -1);
}

int main(void) {
    TEST("each embedded file is found under its name", embedded_files);
    TEST("/ is index.html", slash_is_index);
    TEST("no other path finds anything among the embedded files", embedded_nowhere);
    TEST("embedded files have ETags of their own", etags_differ);
    TEST("a file has another ETag where it comes with another policy", policies_differ);
    TEST("a name's ending gives its type", types);
    TEST("a folder gives its plain files, and no link, fifo, subfolder or file outside it",
         folder_files);
    TEST("a folder that is not there, or is none, cannot be opened", folder_that_is_none);
    return test_end();
}
