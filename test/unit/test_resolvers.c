// SPDX-License-Identifier: ISC
// Name servers from the text of /etc/resolv.conf; the lines are as resolv.conf(5) describes them.
#include "os/resolvers.h"

#include "test.h"

static const struct {
    const char *text;
    size_t count;
    uint32_t first;
} cases[] = {
    {"nameserver 192.0.2.53\n", 1, 0xc0000235},
    {"nameserver 192.0.2.53", 1, 0xc0000235},
    {"# nameserver 192.0.2.1\nsearch example\nnameserver\t192.0.2.53 # ours\r\n", 1, 0xc0000235},
    {"nameserver 2001:db8::53\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n", 2, 0xc0000235},
    {"nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n", 3,
     0xc0000201},
    {"nameserver192.0.2.53\n", 0, 0},
    {"nameserver 192.0.2.253.1.1.1.1\n", 0, 0},
    {"nameserver 192.0.2\n", 0, 0},
    {"nameserver \n", 0, 0},
    {"nameserver", 0, 0},
    {"\n\n\n", 0, 0},
    {"", 0, 0},
};

static void lines(void) {
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t found[3] = {0};
        uint8_t *copy = test_copy(cases[i].text, strlen(cases[i].text));
        test_row("%s", cases[i].text);
        CHECK_INT(resolvers_parse(found, 3, (const char *)copy, strlen(cases[i].text)),
                  cases[i].count);
        CHECK_INT(found[0], cases[i].first);
        free(copy);
    }
}

static void no_file(void) {
    uint32_t found[3];
    CHECK_INT(resolvers_read(found, 3, "/nonexistent/resolv.conf"), 0);
}

int main(void) {
    test_run("name servers are found line by line", lines);
    test_run("without a file there are none", no_file);
    return test_end();
}
