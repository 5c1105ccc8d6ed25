// SPDX-License-Identifier: ISC
// HTTP/1.1 heads (RFC 9112): requests, responses, and the heads that the programs write.
#include "http/request.h"
#include "http/response.h"
#include "test.h"

static bool text_is(struct http_text text, const char *expected) {
    return text.length == strlen(expected) && memcmp(text.start, expected, text.length) == 0;
}

// Parses a copy of exactly `length` bytes; with `copy`, leaves it to the caller to free.
static int parse(struct http_request *request, const char *bytes, size_t length, uint8_t **copy) {
    uint8_t *exact = test_copy(bytes, length);
    int used = http_parse_request(request, exact, length);
    if (copy != NULL)
        *copy = exact;
    else
        free(exact);
    return used;
}

static const struct {
    const char *what;
    const char *bytes;
    const char *method;
    const char *path;
    const char *query;
    int minor_version;
    size_t headers;
    bool keep_alive;
    bool has_body;
} good[] = {
    {"a browser's", "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n", "GET", "/", "", 1, 2, true,
     false},
    {"an empty line before it (section 2.2)", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/",
     "", 1, 1, true, false},
    {"HTTP/1.0 without Host", "GET /x HTTP/1.0\r\n\r\n", "GET", "/x", "", 0, 0, false, false},
    {"HTTP/1.0 that wants to go on", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/",
     "", 0, 1, false, false},
    {"a query", "GET /a?b=c&d HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/a", "b=c&d", 1, 1, true,
     false},
    {"an empty query", "GET /a? HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/a", "", 1, 1, true, false},
    {"two question marks", "GET /?a?b HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", "a?b", 1, 1, true,
     false},
    {"absolute form (section 3.2.2)", "GET http://a.b:80/c?d HTTP/1.1\r\nHost: a.b\r\n\r\n", "GET",
     "/c", "d", 1, 1, true, false},
    {"absolute form, letters of any case", "GET HTTP://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/",
     "", 1, 1, true, false},
    {"HEAD", "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD", "/x", "", 1, 1, true, false},
    {"an unknown method", "BREW! /pot HTTP/1.1\r\nHost: a\r\n\r\n", "BREW!", "/pot", "", 1, 1, true,
     false},
    {"close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET", "/", "", 1, 2, false,
     false},
    {"close in a list", "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE ,y\r\n\r\n", "GET", "/",
     "", 1, 2, false, false},
    {"an empty Host (section 3.2)", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET", "/", "", 1, 1, true,
     false},
    {"white space around a value", "GET / HTTP/1.1\r\nHost: \t a \t \r\nX:\r\n\r\n", "GET", "/", "",
     1, 2, true, false},
    {"a body", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "POST", "/x", "", 1, 2,
     false, true},
    {"a body of nothing", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 00\r\n\r\n", "POST", "/x",
     "", 1, 2, true, false},
    {"a very long body",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", "POST", "/",
     "", 1, 2, false, true},
    {"bytes above ASCII in a value (section 5.5 of RFC 9110)",
     "GET / HTTP/1.1\r\nHost: a\r\nX: caf\xc3\xa9\r\n\r\n", "GET", "/", "", 1, 2, true, false},
    {"percent and all", "GET /%00/../~a;b=(c)*'!$&,:@[] HTTP/1.1\r\nHost: a\r\n\r\n", "GET",
     "/%00/../~a;b=(c)*'!$&,:@[]", "", 1, 1, true, false},
};

static const struct {
    const char *what;
    const char *bytes;
    int refused;
} bad[] = {
    {"nothing but ends", "\r\n\r\n\r\n", -400},
    {"two empty lines before it", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
    {"a bare LF before it", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
    {"one word", "GET\r\nHost: a\r\n\r\n", -400},
    {"two words (HTTP/0.9)", "GET /\r\nHost: a\r\n\r\n", -400},
    {"four words", "GET / x HTTP/1.1\r\nHost: a\r\n\r\n", -400},
    {"no method", " / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
    {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
    {"a space at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", -400},
    {"a tab", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", -400},
    {"a method with a bracket", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
    {"a path that does not begin with /", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", -400},
    {"an asterisk", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", -400},
    {"an authority", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", -400},
    {"another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", -400},
    {"a control character in the path", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", -400},
    {"a byte above ASCII in the path", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", -400},
    {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", -505},
    {"HTTP/0.9 in words", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", -505},
    {"no HTTP", "GET / HTPP/1.1\r\nHost: a\r\n\r\n", -400},
    {"small letters", "GET / http/1.1\r\nHost: a\r\n\r\n", -400},
    {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", -400},
    {"no Host", "GET / HTTP/1.1\r\n\r\n", -400},
    {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", -400},
    {"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", -400},
    // Section 5.1, 5.2 and 2.2: where requests have been smuggled.
    {"a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", -400},
    {"a folded line", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", -400},
    {"a folded line by a tab", "GET / HTTP/1.1\r\nHost: a\r\n\tb: c\r\n\r\n", -400},
    {"no colon", "GET / HTTP/1.1\r\nHost: a\r\nhello\r\n\r\n", -400},
    {"no name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", -400},
    {"a name with a slash", "GET / HTTP/1.1\r\nHost: a\r\na/b: c\r\n\r\n", -400},
    {"a bare LF", "GET / HTTP/1.1\nHost: a\r\n\r\n", -400},
    {"a bare LF between headers", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", -400},
    {"a bare CR", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", -400},
    {"CR CR LF", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", -400},
    {"DEL in a value", "GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n", -400},
    {"ESC in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[0m\r\n\r\n", -400},
    {"a body in chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", -501},
    {"chunks and a length",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\n\r\n", -501},
    {"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
     -400},
    {"a list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", -400},
    {"a length below 0", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", -400},
    {"a length with a plus", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", -400},
    {"a length in hexadecimal", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", -400},
    {"an empty length (RFC 9110 section 8.6: 1*DIGIT)",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", -400},
};

static void good_requests(void) {
    for (size_t i = 0; i < COUNT(good); i++) {
        static struct http_request request;
        size_t length = strlen(good[i].bytes);
        uint8_t *copy;
        test_row("%s", good[i].what);
        CHECK_INT(parse(&request, good[i].bytes, length, &copy), length);
        bool same = text_is(request.method, good[i].method) &&
                    text_is(request.path, good[i].path) && text_is(request.query, good[i].query);
        free(copy);
        CHECK(same);
        CHECK_INT(request.minor_version, good[i].minor_version);
        CHECK_INT(request.header_count, good[i].headers);
        CHECK_INT(request.keep_alive, good[i].keep_alive);
        CHECK_INT(request.has_body, good[i].has_body);
    }
}

// Whatever is missing at a request's end, it is not whole, and nothing is read beyond it.
static void truncated_requests(void) {
    for (size_t i = 0; i < COUNT(good); i++) {
        static struct http_request request;
        for (size_t length = 0; length < strlen(good[i].bytes); length++) {
            test_row("%s, %lu bytes", good[i].what, (unsigned long)length);
            CHECK_INT(parse(&request, good[i].bytes, length, NULL), 0);
        }
    }
}

static void bad_requests(void) {
    for (size_t i = 0; i < COUNT(bad); i++) {
        static struct http_request request;
        test_row("%s", bad[i].what);
        CHECK_INT(parse(&request, bad[i].bytes, strlen(bad[i].bytes), NULL), bad[i].refused);
    }
}

static void zero_bytes(void) {
    static const char in_path[] = "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char in_value[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    static const char in_name[] = "GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n";
    static const char in_method[] = "G\0T / HTTP/1.1\r\nHost: a\r\n\r\n";
    static struct http_request request;
    CHECK_INT(parse(&request, in_path, sizeof in_path - 1, NULL), -400);
    CHECK_INT(parse(&request, in_value, sizeof in_value - 1, NULL), -400);
    CHECK_INT(parse(&request, in_name, sizeof in_name - 1, NULL), -400);
    CHECK_INT(parse(&request, in_method, sizeof in_method - 1, NULL), -400);
}

// The bytes of the next request are left alone.
static void pipelined_requests(void) {
    static const char two[] =
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n";
    static struct http_request request;
    int first = parse(&request, two, sizeof two - 1, NULL);
    CHECK_INT(first, 28);
    CHECK_INT(parse(&request, two + first, sizeof two - 1 - (size_t)first, NULL), 28);
}

// A browser sends a host's cookies to all of its ports (RFC 6265 section 8.5).
static void cookies(void) {
    static struct http_request request;
    static char bytes[8192];
    int length =
        snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=%07200d\r\n\r\n", 0);
    CHECK_INT(parse(&request, bytes, (size_t)length, NULL), length);
}

// RFC 6585 section 5: 431 for a head that is too long, or has too many fields.
static void size_limits(void) {
    static struct http_request request;
    static char bytes[HTTP_REQUEST_MAX + 64];
    static const char start[] = "GET / HTTP/1.1\r\nHost: ";
    for (size_t length = HTTP_REQUEST_MAX - 2; length <= HTTP_REQUEST_MAX + 2; length++) {
        memset(bytes, 'a', length);
        memcpy(bytes, start, sizeof start - 1);
        memcpy(bytes + length - 4, "\r\n\r\n", 4);
        test_row("%lu bytes", (unsigned long)length);
        CHECK_INT(parse(&request, bytes, length, NULL),
                  length <= HTTP_REQUEST_MAX ? (int)length : -431);
    }
    memset(bytes, 'a', sizeof bytes);
    CHECK_INT(parse(&request, bytes, HTTP_REQUEST_MAX - 1, NULL), 0);
    CHECK_INT(parse(&request, bytes, HTTP_REQUEST_MAX, NULL), -431);
    CHECK_INT(parse(&request, bytes, sizeof bytes, NULL), -431);
    for (size_t headers = HTTP_HEADERS_MAX - 1; headers <= HTTP_HEADERS_MAX + 1; headers++) {
        size_t length = (size_t)sprintf(bytes, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (size_t i = 1; i < headers; i++)
            length += (size_t)sprintf(bytes + length, "X%lu: y\r\n", (unsigned long)i);
        length += (size_t)sprintf(bytes + length, "\r\n");
        test_row("%lu fields", (unsigned long)headers);
        CHECK_INT(parse(&request, bytes, length, NULL),
                  headers <= HTTP_HEADERS_MAX ? (int)length : -431);
    }
}

static void headers_are_found(void) {
    static const char bytes[] = "GET / HTTP/1.1\r\nHost: a\r\nACCEPT: one, two\r\n"
                                "accept:  three ,,  Four\r\nEmpty:\r\nX-Accept: five\r\n\r\n";
    static struct http_request r;
    uint8_t *copy;
    CHECK_INT(parse(&r, bytes, sizeof bytes - 1, &copy), sizeof bytes - 1);
    const struct http_text *accept = http_find_header(r.headers, r.header_count, "Accept");
    const struct http_text *empty = http_find_header(r.headers, r.header_count, "empty");
    bool found = accept != NULL && text_is(*accept, "one, two") && empty != NULL &&
                 empty->length == 0 && http_find_header(r.headers, r.header_count, "Acc") == NULL &&
                 http_find_header(r.headers, r.header_count, "Accepts") == NULL;
    bool tokens = true;
    static const char *const in_list[] = {"one", "TWO", "three", "four"};
    static const char *const not_in_list[] = {"five", "on", "ones", "one, two", "three ,"};
    for (size_t i = 0; i < COUNT(in_list); i++)
        tokens &= http_has_token(r.headers, r.header_count, "accept", in_list[i]);
    for (size_t i = 0; i < COUNT(not_in_list); i++)
        tokens &= !http_has_token(r.headers, r.header_count, "accept", not_in_list[i]);
    tokens &= !http_has_token(r.headers, r.header_count, "empty", "x");
    free(copy);
    CHECK(found);
    CHECK(tokens);
}

static const struct {
    const char *bytes;
    int result; // 1: its length
    int status;
    size_t headers;
} responses[] = {
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 1, 101, 1},
    {"HTTP/1.1 200 OK\r\n\r\n", 1, 200, 0},
    {"HTTP/1.0 404 Not Found\r\nA: b\r\nC: d\r\n\r\n", 1, 404, 2},
    {"HTTP/1.1 101\r\n\r\n", 1, 101, 0},
    {"HTTP/1.1 101 \r\n\r\n", 1, 101, 0},
    {"HTTP/2.0 101 x\r\n\r\n", -400, 0, 0},
    {"http/1.1 101 x\r\n\r\n", -400, 0, 0},
    {"HTTP/1.x 101 x\r\n\r\n", -400, 0, 0},
    {"HTTP/1.1  101 x\r\n\r\n", -400, 0, 0},
    {"HTTP/1.1 1O1 x\r\n\r\n", -400, 0, 0},
    {"HTTP/1.1 10\r\n\r\n", -400, 0, 0},
    {"HTTP/1.1 1010 x\r\n\r\n", -400, 0, 0},
    {"HTTP/1.1 101x\r\n\r\n", -400, 0, 0},
    {"HTTP/1.1101 x\r\n\r\n", -400, 0, 0},
    {"\r\nHTTP/1.1 101 x\r\n\r\n", -400, 0, 0},
    {"HTTP/1.1 101 x\r\nA : b\r\n\r\n", -400, 0, 0},
    {"HTTP/1.1 101 x\nA: b\r\n\r\n", -400, 0, 0},
    {"SSH-2.0-OpenSSH_9.2\r\n\r\n", -400, 0, 0},
};

static void response_heads(void) {
    for (size_t i = 0; i < COUNT(responses); i++) {
        static struct http_response_head response;
        size_t length = strlen(responses[i].bytes);
        uint8_t *copy = test_copy(responses[i].bytes, length);
        int used = http_parse_response(&response, copy, length);
        free(copy);
        test_row("response %lu", (unsigned long)i);
        CHECK_INT(used, responses[i].result == 1 ? (int)length : responses[i].result);
        if (used > 0)
            CHECK_INT(response.status, responses[i].status);
        if (used > 0)
            CHECK_INT(response.header_count, responses[i].headers);
        for (size_t part = 0; part < length; part++) {
            copy = test_copy(responses[i].bytes, part);
            used = http_parse_response(&response, copy, part);
            free(copy);
            CHECK_INT(used, 0);
        }
    }
}

static void endless_response(void) {
    static struct http_response_head response;
    static uint8_t bytes[HTTP_ANSWER_MAX];
    memset(bytes, 'a', sizeof bytes);
    CHECK_INT(http_parse_response(&response, bytes, sizeof bytes - 1), 0);
    CHECK_INT(http_parse_response(&response, bytes, sizeof bytes), -400);
}

// What is written can be read, and says what it should.
static void written_heads(void) {
    static struct http_response_head head;
    char out[HTTP_RESPONSE_MAX];
    struct http_response response = {
        .status = 200,
        .type = "text/html; charset=utf-8",
        .etag = "\"abc\"",
        .extra = "X-One: 1\r\nX-Two: 2\r\n",
        .body_length = 1234,
        .keep_alive = true,
    };
    size_t length = http_write_head(out, sizeof out, &response);
    CHECK(length > 0);
    CHECK_INT(http_parse_response(&head, (const uint8_t *)out, length), length);
    CHECK_INT(head.status, 200);
    static const char *const fields[][2] = {
        {"Content-Type", "text/html; charset=utf-8"},
        {"Content-Length", "1234"},
        {"ETag", "\"abc\""},
        {"Cache-Control", "no-cache"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"X-One", "1"},
        {"X-Two", "2"},
    };
    for (size_t i = 0; i < COUNT(fields); i++) {
        const struct http_text *value =
            http_find_header(head.headers, head.header_count, fields[i][0]);
        test_row("%s", fields[i][0]);
        CHECK(value != NULL);
        CHECK(text_is(*value, fields[i][1]));
    }
    CHECK(http_find_header(head.headers, head.header_count, "Connection") == NULL);
    CHECK(http_find_header(head.headers, head.header_count, "Content-Security-Policy") != NULL);
}

static void written_not_modified(void) {
    static struct http_response_head head;
    char out[HTTP_RESPONSE_MAX];
    struct http_response response = {.status = 304, .etag = "\"abc\"", .body_length = 99};
    size_t length = http_write_head(out, sizeof out, &response);
    CHECK_INT(http_parse_response(&head, (const uint8_t *)out, length), length);
    CHECK_INT(head.status, 304);
    CHECK(http_find_header(head.headers, head.header_count, "ETag") != NULL);
    CHECK(http_find_header(head.headers, head.header_count, "Content-Length") == NULL);
    CHECK(http_find_header(head.headers, head.header_count, "Content-Type") == NULL);
    CHECK(http_has_token(head.headers, head.header_count, "Connection", "close"));
}

// RFC 9110 section 7.8: whoever names a protocol to upgrade to says so in Connection too.
static void written_upgrade(void) {
    static struct http_response_head head;
    char out[HTTP_RESPONSE_MAX];
    struct http_response response = {.status = 426, .type = "text/plain", .upgrade = true};
    size_t length = http_write_head(out, sizeof out, &response);
    CHECK_INT(http_parse_response(&head, (const uint8_t *)out, length), length);
    CHECK_INT(head.status, 426);
    CHECK(http_has_token(head.headers, head.header_count, "Upgrade", "websocket"));
    CHECK(http_has_token(head.headers, head.header_count, "Connection", "Upgrade"));
    CHECK(http_has_token(head.headers, head.header_count, "Connection", "close"));
    CHECK_INT(http_count_headers(head.headers, head.header_count, "connection"), 1);
}

// RFC 9110 sections 8.6 and 15.2.2: no length, and the protocol that is spoken from now on.
static void written_switching(void) {
    static struct http_response_head head;
    char out[HTTP_RESPONSE_MAX];
    struct http_response response = {.status = 101, .upgrade = true, .keep_alive = true};
    size_t length = http_write_head(out, sizeof out, &response);
    CHECK_INT(http_parse_response(&head, (const uint8_t *)out, length), length);
    CHECK_INT(head.status, 101);
    CHECK(http_has_token(head.headers, head.header_count, "Upgrade", "websocket"));
    CHECK(http_has_token(head.headers, head.header_count, "Connection", "Upgrade"));
    CHECK(!http_has_token(head.headers, head.header_count, "Connection", "close"));
    CHECK(http_find_header(head.headers, head.header_count, "Content-Length") == NULL);
}

// Whatever the status, each response carries the policies.
static void written_policies(void) {
    static const int statuses[] = {101, 200, 304, 400, 403, 404, 405, 413,
                                   426, 431, 500, 501, 503, 505, 299};
    static const char *const names[] = {"Content-Security-Policy", "X-Content-Type-Options",
                                        "Referrer-Policy", "Cross-Origin-Resource-Policy",
                                        "X-Frame-Options"};
    for (size_t i = 0; i < COUNT(statuses) * 2; i++) {
        static struct http_response_head head;
        char out[HTTP_RESPONSE_MAX];
        struct http_response response = {.status = statuses[i / 2], .keep_alive = i % 2 == 0};
        size_t length = http_write_head(out, sizeof out, &response);
        CHECK_INT(http_parse_response(&head, (const uint8_t *)out, length), length);
        for (size_t k = 0; k < COUNT(names); k++) {
            test_row("%s in a %d", names[k], statuses[i / 2]);
            CHECK_INT(http_count_headers(head.headers, head.header_count, names[k]), 1);
        }
    }
}

static void written_in_small_buffers(void) {
    char whole[HTTP_RESPONSE_MAX];
    struct http_response response = {.status = 404, .type = "text/plain", .body_length = 9};
    size_t length = http_write_head(whole, sizeof whole, &response);
    for (size_t size = 1; size <= length + 1; size++) {
        char *out = malloc(size);
        size_t wrote = http_write_head(out, size, &response);
        free(out);
        test_row("%lu of %lu bytes", (unsigned long)size, (unsigned long)length);
        CHECK_INT(wrote, size > length ? length : 0);
    }
}

// Whom a front asks for: the last address is its own word, all before it may be a stranger's.
static void forwarded(void) {
    static const struct {
        const char *headers;
        const char *client; // NULL: the front is counted itself
    } cases[] = {
        {"", NULL},
        {"X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"},
        {"x-forwarded-for:\t2001:db8::7 \r\n", "2001:db8::7"},
        {"X-Forwarded-For: 1.1.1.1, 203.0.113.7\r\n", "203.0.113.7"},
        {"X-Forwarded-For: 1.1.1.1,203.0.113.7\r\n", "203.0.113.7"},
        {"X-Forwarded-For: <script>, , 203.0.113.7\r\n", "203.0.113.7"},
        {"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"},
        {"X-Forwarded-For: 203.0.113.7:1234\r\n", "203.0.113.7"}, // as some fronts write it
        {"X-Forwarded-For: [2001:db8::7]:1234\r\n", "2001:db8::7"},
        {"X-Forwarded-For: ::ffff:203.0.113.7\r\n", "203.0.113.7"},
        {"X-Real-IP: 203.0.113.7\r\n", NULL},
        {"Forwarded: for=203.0.113.7\r\n", NULL},
        {"X-Forwarded-For:\r\n", NULL},
        {"X-Forwarded-For: ,\r\n", NULL},
        {"X-Forwarded-For: 203.0.113.7,\r\n", NULL},
        {"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For:\r\n", NULL},
        {"X-Forwarded-For: unknown\r\n", NULL},
        {"X-Forwarded-For: _hidden\r\n", NULL},
        {"X-Forwarded-For: 203.0.113.300\r\n", NULL},
        {"X-Forwarded-For: 203.0.113.7 8\r\n", NULL},
        {"X-Forwarded-For: 203.0.113.7:99999\r\n", NULL},
        {"X-Forwarded-For: a.example\r\n", NULL},
        {"X-Forwarded-For: fe80::1%eth0\r\n", NULL},
        {"X-Forwarded-For: [::1\r\n", NULL},
        {"X-Forwarded-For: 1111111111111111111111111111111111111111111111111111111111111111\r\n",
         NULL},
        // The limits' numbers of laptops, which no address has (server/keyed.c).
        {"X-Forwarded-For: ffff:ffff:ffff:fffe::\r\n", NULL},
        {"X-Forwarded-For: ff02::1\r\n", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char head[300];
        char text[ENDPOINT_TEXT_MAX];
        struct http_request request;
        struct endpoint client;
        uint8_t *copy;
        int length = snprintf(head, sizeof head, "GET / HTTP/1.0\r\n%s\r\n", cases[i].headers);
        test_row("%s", cases[i].headers);
        CHECK_INT(parse(&request, head, (size_t)length, &copy), length);
        CHECK_INT(http_read_forwarded(&client, &request), cases[i].client != NULL);
        if (cases[i].client != NULL) {
            endpoint_format_host(&client, text);
            CHECK_TEXT(text, cases[i].client);
        }
        free(copy);
    }
}

static void reasons(void) {
    CHECK_TEXT(http_reason(101), "Switching Protocols");
    CHECK_TEXT(http_reason(200), "OK");
    CHECK_TEXT(http_reason(304), "Not Modified");
    CHECK_TEXT(http_reason(404), "Not Found");
    CHECK_TEXT(http_reason(426), "Upgrade Required");
    CHECK_TEXT(http_reason(431), "Request Header Fields Too Large");
    CHECK_TEXT(http_reason(505), "HTTP Version Not Supported");
    CHECK(strlen(http_reason(299)) > 0);
}

int main(void) {
    TEST("good requests are read into their parts", good_requests);
    TEST("a request that is cut off anywhere waits for more", truncated_requests);
    TEST("bad requests are refused with the status that fits", bad_requests);
    TEST("zero bytes are refused everywhere", zero_bytes);
    TEST("a second request behind the first is left for later", pipelined_requests);
    TEST("a request with all of a host's cookies is read", cookies);
    TEST("long heads and too many fields are refused with 431", size_limits);
    TEST("fields and list items are found in any letter case", headers_are_found);
    TEST("whom a front asks for is the last that it names, if that is an address", forwarded);
    TEST("response heads are read, refused, or waited for", response_heads);
    TEST("a response head that never ends is refused", endless_response);
    TEST("the heads that we write say what they should", written_heads);
    TEST("a 304 has an ETag and speaks of no body", written_not_modified);
    TEST("a 426 names the protocol to upgrade to", written_upgrade);
    TEST("a 101 names the protocol that is spoken, and no length", written_switching);
    TEST("every response carries the policies", written_policies);
    TEST("a head that does not fit is not written", written_in_small_buffers);
    TEST("statuses have their reasons", reasons);
    return test_end();
}
