// SPDX-License-Identifier: ISC
// HTTP request and response heads. The whole input is read as each of them.
#include "fuzz.h"
#include "http/page.h"
#include "http/request.h"

static void expect_inside(const struct http_text *text, const uint8_t *bytes, size_t length) {
    const uint8_t *start = (const uint8_t *)text->start;
    EXPECT(start >= bytes && start <= bytes + length);
    EXPECT(text->length <= (size_t)(bytes + length - start));
}

static void expect_headers(const struct http_header *headers, size_t count, const uint8_t *bytes,
                           size_t length) {
    EXPECT(count <= HTTP_HEADERS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct http_text *value = &headers[i].value;
        expect_inside(&headers[i].name, bytes, length);
        expect_inside(value, bytes, length);
        EXPECT(headers[i].name.length > 0);
        for (size_t k = 0; k < headers[i].name.length; k++)
            EXPECT(strchr(" \t\r\n:", headers[i].name.start[k]) == NULL);
        for (size_t k = 0; k < value->length; k++)
            EXPECT(value->start[k] != '\r' && value->start[k] != '\n' && value->start[k] != '\0');
        if (value->length > 0)
            EXPECT(value->start[0] != ' ' && value->start[value->length - 1] != ' ');
    }
    (void)http_has_token(headers, count, "Connection", "close");
}

static bool is_status(int result) {
    return result == -400 || result == -431 || result == -501 || result == -505;
}

// A path finds an embedded file or nothing: never one of another name.
static void expect_page(const struct http_text *path) {
    struct page page;
    struct page_body body;
    EXPECT(page_open(&page, NULL, NULL) == 0);
    if (!page_find(&page, path, &body))
        return;
    EXPECT(body.fd < 0 && body.bytes != NULL);
    for (size_t i = 0; i < page_file_count; i++) {
        const char *name = path->length == 1 ? "index.html" : page_files[i].name;
        if (body.bytes == page_files[i].bytes)
            EXPECT(path->length == 1 || (path->length == strlen(name) + 1 &&
                                         memcmp(path->start + 1, name, strlen(name)) == 0));
    }
}

// Whom a front asks for is counted by a number that stands for an address alone.
static void expect_client(const struct http_request *request) {
    struct endpoint client;
    if (!http_read_forwarded(&client, request))
        return;
    EXPECT(client.address.ss_family == AF_INET || client.address.ss_family == AF_INET6);
    EXPECT(http_count_headers(request->headers, request->header_count, HTTP_FORWARDED) > 0);
    EXPECT(endpoint_source(&client) < (uint64_t)0xff << 56);
}

static void try_request(const uint8_t *bytes, size_t length) {
    static struct http_request request;
    int used = http_parse_request(&request, bytes, length);
    if (used <= 0) {
        EXPECT(used == 0 || is_status(used));
        EXPECT(used != 0 || length < HTTP_REQUEST_MAX);
        return;
    }
    EXPECT((size_t)used <= length && used <= HTTP_REQUEST_MAX);
    expect_inside(&request.method, bytes, (size_t)used);
    expect_inside(&request.path, bytes, (size_t)used);
    expect_inside(&request.query, bytes, (size_t)used);
    EXPECT(request.method.length > 0 && request.path.length > 0 && request.path.start[0] == '/');
    EXPECT(request.minor_version == 0 || request.minor_version == 1);
    EXPECT(!(request.has_body && request.keep_alive));
    expect_headers(request.headers, request.header_count, bytes, (size_t)used);
    expect_page(&request.path);
    expect_client(&request);
    // The same head alone is the same; with less, it is not whole.
    size_t step = used > 600 ? 37 : 1;
    for (size_t part = 0; part < (size_t)used; part += step) {
        uint8_t *copy = exact_copy(bytes, part);
        int got = http_parse_request(&request, copy, part);
        free(copy);
        EXPECT(got == 0);
    }
    uint8_t *copy = exact_copy(bytes, (size_t)used);
    EXPECT(http_parse_request(&request, copy, (size_t)used) == used);
    free(copy);
}

static void try_response(const uint8_t *bytes, size_t length) {
    static struct http_response_head response;
    int used = http_parse_response(&response, bytes, length);
    if (used <= 0) {
        EXPECT(used == 0 || used == -400);
        return;
    }
    EXPECT((size_t)used <= length);
    EXPECT(response.status >= 0 && response.status <= 999);
    expect_headers(response.headers, response.header_count, bytes, (size_t)used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    try_request(data, size);
    try_response(data, size);
    return 0;
}
