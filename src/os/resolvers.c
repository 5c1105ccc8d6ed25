// SPDX-License-Identifier: ISC
// Lines of /etc/resolv.conf. One counts when it begins with "nameserver", white space, and an IPv4
// address that is the last word or has white space behind it; all others (options, comments, IPv6)
// are passed over.
#include "resolvers.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES 4096 // what is behind is not looked at

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// Reads one line. Returns the address, or 0 where it names none.
static uint32_t read_line(const char *line, size_t length) {
    static const char keyword[] = "nameserver";
    char address[INET_ADDRSTRLEN];
    struct in_addr parsed;
    size_t at = sizeof keyword - 1;
    size_t word = 0;
    if (length <= at || memcmp(line, keyword, at) != 0 || !is_blank(line[at]))
        return 0;
    while (at < length && is_blank(line[at])) at++;
    while (at < length && !is_blank(line[at]) && word < sizeof address - 1)
        address[word++] = line[at++];
    address[word] = '\0';
    if ((at < length && !is_blank(line[at])) || inet_pton(AF_INET, address, &parsed) != 1)
        return 0;
    return ntohl(parsed.s_addr);
}

size_t resolvers_parse(uint32_t *addresses, size_t most, const char *text, size_t length) {
    size_t count = 0;
    while (length > 0 && count < most) {
        const char *end = memchr(text, '\n', length);
        size_t line = end != NULL ? (size_t)(end - text) : length;
        uint32_t address = read_line(text, line);
        if (address != 0)
            addresses[count++] = address;
        line += end != NULL;
        text += line;
        length -= line;
    }
    return count;
}

size_t resolvers_read(uint32_t *addresses, size_t most, const char *path) {
    char text[FILE_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t length = read(fd, text, sizeof text);
    close(fd);
    return length > 0 ? resolvers_parse(addresses, most, text, (size_t)length) : 0;
}
