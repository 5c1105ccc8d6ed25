// SPDX-License-Identifier: ISC
// Reading HTTP/1.1 heads (RFC 9112). Nothing is copied: the result points into the bytes. The
// grammar is taken strictly where leniency has led to request smuggling: lines end in CRLF, no
// space before a header's colon, no line folding (section 5.2), no control characters, exactly one
// Host in HTTP/1.1 (section 3.2), a Content-Length that is one number.
#include "request.h"
#include <string.h>
#include <strings.h>

// Where reading stands, and the end of the head.
struct cursor {
    const char *at;
    const char *end;
};

static bool is_value_char(char c) {
    unsigned char u = (unsigned char)c;
    return c == '\t' || (u >= 0x20 && u != 0x7f);
}

bool http_text_is(const struct http_text *text, const char *value) {
    size_t length = strlen(value);
    return text->length == length && memcmp(text->start, value, length) == 0;
}

bool http_text_is_nocase(const struct http_text *text, const char *value) {
    size_t length = strlen(value);
    return text->length == length && strncasecmp(text->start, value, length) == 0;
}

size_t http_text_span(const struct http_text *text, const char *others) {
    size_t length = 0;
    for (; length < text->length; length++) {
        char c = text->start[length];
        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') &&
            (c == '\0' || strchr(others, c) == NULL))
            break;
    }
    return length;
}

// Takes the next line, without its CRLF. The caller has made sure that the head is whole, so a line
// without an end means a bare LF or CR somewhere.
static bool take_line(struct cursor *cursor, struct http_text *line) {
    const char *lf = memchr(cursor->at, '\n', (size_t)(cursor->end - cursor->at));
    if (lf == NULL || lf == cursor->at || lf[-1] != '\r')
        return false;
    line->start = cursor->at;
    line->length = (size_t)(lf - 1 - cursor->at);
    cursor->at = lf + 1;
    return memchr(line->start, '\r', line->length) == NULL;
}

// Takes a run of characters up to a space or the end of the line.
static struct http_text take_word(struct http_text *line) {
    const char *space = memchr(line->start, ' ', line->length);
    struct http_text word = {line->start, line->length};
    if (space != NULL)
        word.length = (size_t)(space - line->start);
    size_t used = space != NULL ? word.length + 1 : word.length;
    line->start += used;
    line->length -= used;
    return word;
}

// tchar of RFC 9110 section 5.6.2: what methods and header names are made of.
static bool is_token(const struct http_text *text) {
    return text->length > 0 && http_text_span(text, "!#$%&'*+-.^_`|~") == text->length;
}

static void trim(struct http_text *text) {
    while (text->length > 0 && (*text->start == ' ' || *text->start == '\t')) {
        text->start++;
        text->length--;
    }
    while (text->length > 0 &&
           (text->start[text->length - 1] == ' ' || text->start[text->length - 1] == '\t'))
        text->length--;
}

static bool parse_header(struct http_header *header, const struct http_text *line) {
    const char *colon = memchr(line->start, ':', line->length);
    if (colon == NULL)
        return false;
    header->name = (struct http_text){line->start, (size_t)(colon - line->start)};
    header->value = (struct http_text){colon + 1, line->length - header->name.length - 1};
    trim(&header->value);
    if (!is_token(&header->name))
        return false;
    for (size_t i = 0; i < header->value.length; i++)
        if (!is_value_char(header->value.start[i]))
            return false;
    return true;
}

// Reads header lines up to the empty one. Returns 0 or a negated status.
static int parse_headers(struct cursor *cursor, struct http_header *headers, size_t *count) {
    struct http_text line;
    *count = 0;
    for (;;) {
        if (!take_line(cursor, &line))
            return -400;
        if (line.length == 0)
            return 0;
        if (*count == HTTP_HEADERS_MAX)
            return -431;
        if (!parse_header(&headers[*count], &line))
            return -400;
        (*count)++;
    }
}

// Finds the end of the head: CRLF CRLF. Returns its length with them, 0 when it has not come yet,
// or -431 when it is longer than `max` (RFC 6585 section 5).
static int head_length(const uint8_t *bytes, size_t length, size_t max) {
    size_t limit = length < max ? length : max;
    size_t start = limit >= 2 && memcmp(bytes, "\r\n", 2) == 0 ? 2 : 0; // an empty line before it
    for (size_t i = start + 3; i < limit; i++)
        if (bytes[i] == '\n' && memcmp(bytes + i - 3, "\r\n\r\n", 4) == 0)
            return (int)(i + 1);
    return length >= max ? -431 : 0;
}

const struct http_text *http_find_header(const struct http_header *headers, size_t count,
                                         const char *name) {
    for (size_t i = 0; i < count; i++)
        if (http_text_is_nocase(&headers[i].name, name))
            return &headers[i].value;
    return NULL;
}

size_t http_count_headers(const struct http_header *headers, size_t count, const char *name) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) found += http_text_is_nocase(&headers[i].name, name);
    return found;
}

static bool list_has_token(struct http_text list, const char *token) {
    for (;;) {
        const char *comma = list.length > 0 ? memchr(list.start, ',', list.length) : NULL;
        struct http_text item = list;
        if (comma != NULL)
            item.length = (size_t)(comma - list.start);
        trim(&item);
        if (http_text_is_nocase(&item, token))
            return true;
        if (comma == NULL)
            return false;
        list.length -= (size_t)(comma + 1 - list.start);
        list.start = comma + 1;
    }
}

bool http_has_token(const struct http_header *headers, size_t count, const char *name,
                    const char *token) {
    for (size_t i = 0; i < count; i++)
        if (http_text_is_nocase(&headers[i].name, name) && list_has_token(headers[i].value, token))
            return true;
    return false;
}

// The field is de facto; RFC 7239 would replace it, but no front writes that by itself.
bool http_read_forwarded(struct endpoint *client, const struct http_request *request) {
    char text[ENDPOINT_TEXT_MAX];
    struct http_text last = {"", 0};
    for (size_t i = 0; i < request->header_count; i++)
        if (http_text_is_nocase(&request->headers[i].name, HTTP_FORWARDED))
            last = request->headers[i].value;
    size_t at = last.length;
    while (at > 0 && last.start[at - 1] != ',') at--;
    last = (struct http_text){last.start + at, last.length - at};
    trim(&last);
    if (last.length >= sizeof text)
        return false;
    memcpy(text, last.start, last.length);
    text[last.length] = '\0';
    // Multicast addresses ask for nothing, and in the limits their numbers mean others.
    return endpoint_parse(client, text, 0) == 0 && endpoint_source(client) >> 56 != 0xff;
}

static int parse_version(struct http_request *request, const struct http_text *version) {
    if (http_text_is(version, "HTTP/1.1"))
        request->minor_version = 1;
    else if (http_text_is(version, "HTTP/1.0"))
        request->minor_version = 0;
    else if (version->length == 8 && memcmp(version->start, "HTTP/", 5) == 0)
        return -505;
    else
        return -400;
    return 0;
}

// The target's origin-form (RFC 9112 section 3.2.1), or its absolute-form with the host cut off.
static int parse_target(struct http_request *request, struct http_text target) {
    if (target.length > 7 && strncasecmp(target.start, "http://", 7) == 0) {
        const char *slash = memchr(target.start + 7, '/', target.length - 7);
        if (slash == NULL)
            return -400;
        target.length -= (size_t)(slash - target.start);
        target.start = slash;
    }
    if (target.length == 0 || target.start[0] != '/')
        return -400;
    for (size_t i = 0; i < target.length; i++)
        if ((unsigned char)target.start[i] <= 0x20 || (unsigned char)target.start[i] >= 0x7f)
            return -400;
    const char *mark = memchr(target.start, '?', target.length);
    request->path = target;
    request->query = (struct http_text){target.start + target.length, 0};
    if (mark != NULL) {
        request->path.length = (size_t)(mark - target.start);
        request->query = (struct http_text){mark + 1, target.length - request->path.length - 1};
    }
    return 0;
}

static int parse_request_line(struct http_request *request, struct cursor *cursor) {
    struct http_text line;
    if (!take_line(cursor, &line))
        return -400;
    if (line.length == 0 && !take_line(cursor, &line)) // an empty line before it: section 2.2
        return -400;
    request->method = take_word(&line);
    struct http_text target = take_word(&line);
    if (!is_token(&request->method))
        return -400;
    int refused = parse_version(request, &line);
    return refused != 0 ? refused : parse_target(request, target);
}

// What the headers say about the connection and the body.
static int check_framing(struct http_request *request) {
    const struct http_header *headers = request->headers;
    size_t count = request->header_count;
    size_t hosts = http_count_headers(headers, count, "Host");
    if (hosts > 1 || (hosts == 0 && request->minor_version == 1))
        return -400;
    if (http_count_headers(headers, count, "Transfer-Encoding") > 0)
        return -501;
    if (http_count_headers(headers, count, "Content-Length") > 1)
        return -400;
    const struct http_text *length = http_find_header(headers, count, "Content-Length");
    request->has_body = false;
    if (length != NULL && length->length == 0)
        return -400;
    for (size_t i = 0; length != NULL && i < length->length; i++) {
        if (length->start[i] < '0' || length->start[i] > '9')
            return -400;
        request->has_body |= length->start[i] != '0';
    }
    // HTTP/1.0's own keep-alive is not spoken: such a client reads to the end of the stream.
    request->keep_alive = request->minor_version == 1 && !request->has_body &&
                          !http_has_token(headers, count, "Connection", "close");
    return 0;
}

int http_parse_request(struct http_request *request, const uint8_t *bytes, size_t length) {
    int head = head_length(bytes, length, HTTP_REQUEST_MAX);
    if (head <= 0)
        return head;
    struct cursor cursor = {(const char *)bytes, (const char *)bytes + head};
    int refused = parse_request_line(request, &cursor);
    if (refused == 0)
        refused = parse_headers(&cursor, request->headers, &request->header_count);
    if (refused == 0)
        refused = check_framing(request);
    return refused != 0 ? refused : head;
}

int http_parse_response(struct http_response_head *response, const uint8_t *bytes, size_t length) {
    struct http_text line;
    int head = head_length(bytes, length, HTTP_ANSWER_MAX);
    if (head <= 0)
        return head < 0 ? -400 : 0;
    struct cursor cursor = {(const char *)bytes, (const char *)bytes + head};
    if (!take_line(&cursor, &line))
        return -400;
    // "HTTP/1.1 101 Switching Protocols"; the reason may be missing (RFC 9112 section 4).
    if (line.length < 12 || memcmp(line.start, "HTTP/1.", 7) != 0 || line.start[7] < '0' ||
        line.start[7] > '9' || line.start[8] != ' ')
        return -400;
    response->status = 0;
    for (int i = 9; i < 12; i++) {
        if (line.start[i] < '0' || line.start[i] > '9')
            return -400;
        response->status = response->status * 10 + (line.start[i] - '0');
    }
    if (line.length > 12 && line.start[12] != ' ')
        return -400;
    return parse_headers(&cursor, response->headers, &response->header_count) == 0 ? head : -400;
}
