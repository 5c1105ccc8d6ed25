// SPDX-License-Identifier: ISC
// The command lines of tether-client and tether-server, as their manual pages say them.
#include "../../src/client/options.h"
#include "../../src/server/options.h"

#include <unistd.h>

#include "test.h"

#define A_KEY "aeea6fq5eqvteokai5hfkxddnjyxq74grwkjxivjwc335rom2pnf57jw"

static char words[1024]; // of the command line: what was read points into them

// Splits a line at spaces. Returns how many words there are with the program's name.
static int split(const char *line, char **argv, int most) {
    static char program[] = "program";
    int argc = 0;
    argv[argc++] = program;
    snprintf(words, sizeof words, "%s", line);
    for (char *at = strtok(words, " "); at != NULL && argc < most; at = strtok(NULL, " "))
        argv[argc++] = at;
    return argc;
}

static int read_server(struct server_options *options, const char *line) {
    char *argv[64];
    enum log_level level = LOG_LEVEL_INFO;
    memset(options, 0, sizeof *options);
    return server_options_parse(options, &level, split(line, argv, 64), argv);
}

static int read_client(struct client_options *options, const char *line) {
    char *argv[64];
    enum log_level level = LOG_LEVEL_INFO;
    memset(options, 0, sizeof *options);
    return client_options_parse(options, &level, split(line, argv, 64), argv);
}

static const struct {
    const char *line;
    const char *listen; // "ADDRESS ", each
    size_t must_count;
    const char *key_file;
    uint16_t low, high;
    bool by_address;
} servers[] = {
    {"", "[::]:8080 [::]:443 [::]:80 ", 1, "/etc/tether.key", 20000, 32767, false},
    {"--listen 192.0.2.1", "192.0.2.1:8080 ", 1, "/etc/tether.key", 20000, 32767, false},
    {"--listen 192.0.2.1:99 --listen [::1]", "192.0.2.1:99 [::1]:8080 ", 2, "/etc/tether.key",
     20000, 32767, false},
    {"--page none", "[::]:8080 ", 1, "/etc/tether.key", 20000, 32767, false},
    {"--page 192.0.2.1", "[::]:8080 192.0.2.1:80 ", 1, "/etc/tether.key", 20000, 32767, false},
    {"--listen [::1]:1 --page [::1]:2", "[::1]:1 [::1]:2 ", 1, "/etc/tether.key", 20000, 32767,
     false},
    {"--key-file k --new-key --page none", "[::]:8080 ", 1, "k", 20000, 32767, false},
    {"--open --page none", "[::]:8080 ", 1, "/etc/tether.key", 20000, 32767, false},
    {"--page none --ports 1-65535", "[::]:8080 ", 1, "/etc/tether.key", 1, 65535, false},
    {"--page none --ports 7-7", "[::]:8080 ", 1, "/etc/tether.key", 7, 7, false},
    {"--page none --filter address", "[::]:8080 ", 1, "/etc/tether.key", 20000, 32767, true},
    {"--page none --filter none", "[::]:8080 ", 1, "/etc/tether.key", 20000, 32767, false},
};

static void server_takes(void) {
    for (size_t i = 0; i < COUNT(servers); i++) {
        struct server_options options;
        char listen[512] = "";
        test_row("%s", servers[i].line);
        CHECK_INT(read_server(&options, servers[i].line), -1);
        for (size_t k = 0; k < options.listen_count; k++) {
            char text[ENDPOINT_TEXT_MAX];
            size_t length = strlen(listen);
            endpoint_format(&options.listen[k], text);
            snprintf(listen + length, sizeof listen - length, "%s ", text);
        }
        CHECK_TEXT(listen, servers[i].listen);
        CHECK_INT(options.must_count, servers[i].must_count);
        CHECK(options.key_file != NULL);
        CHECK_TEXT(options.key_file, servers[i].key_file);
        CHECK_INT(options.port_low, servers[i].low);
        CHECK_INT(options.port_high, servers[i].high);
        CHECK_INT(options.filter_by_address, servers[i].by_address);
        CHECK_INT(options.front.length, 0);
    }
}

static void server_refuses(void) {
    static const char *const lines[] = {
        "--ports 0-7",
        "--ports 8-7",
        "--ports 7",
        "--ports 7-65536",
        "--ports 1234567-2000000",
        "--ports 12345678-2",
        "--ports x-7",
        "--filter port",
        "--front 127.0.0.1:80",
        "--front host",
        "--open --new-key",
        "--open --key-file k",
        "--key-file " A_KEY,
        "--listen nowhere",
        "--page nowhere",
        "--listen [::]:1 --listen [::]:2 --listen [::]:3 --listen [::]:4 --listen [::]:5 "
        "--listen [::]:6 --listen [::]:7 --listen [::]:8 --listen [::]:9 --listen [::]:10 "
        "--listen [::]:11 --listen [::]:12 --listen [::]:13",
        "--listen [::]:1 --listen [::]:2 --listen [::]:3 --listen [::]:4 --listen [::]:5 "
        "--listen [::]:6 --listen [::]:7 --listen [::]:8 --listen [::]:9 --listen [::]:10 "
        "--listen [::]:11 --listen [::]:12 --page [::]:13",
    };
    struct server_options options;
    for (size_t i = 0; i < COUNT(lines); i++) {
        test_row("%s", lines[i]);
        CHECK_INT(read_server(&options, lines[i]), 2);
    }
    test_row("a front's address");
    CHECK_INT(read_server(&options, "--front 127.0.0.1"), -1);
    CHECK_INT(endpoint_ipv4(&options.front), 0x7f000001);
}

static const struct {
    const char *line;
    const char *server, *wifi; // or NULL
    const char *listen;
    size_t routes, resolvers, origins;
    bool takes_null;
} clients[] = {
    {"--key " A_KEY, NULL, NULL, "0.0.0.0:6354", 0, 0, 0, false},
    {"--open", NULL, NULL, "0.0.0.0:6354", 0, 0, 0, false},
    {"--open --server 203.0.113.10", "203.0.113.10", NULL, "0.0.0.0:6354", 0, 0, 0, false},
    {"--open --wifi w", NULL, "w", "0.0.0.0:6354", 0, 0, 0, false},
    {"--open --hotspot h", NULL, "h", "0.0.0.0:6354", 0, 0, 0, false},
    {"--open --listen 192.0.2.1", NULL, NULL, "192.0.2.1:6354", 0, 0, 0, false},
    {"--open --wifi w --listen 192.0.2.1:7", NULL, "w", "192.0.2.1:7", 0, 0, 0, false},
    {"--open --route 203.0.113.0/24 --route 192.0.2.1", NULL, NULL, "0.0.0.0:6354", 2, 0, 0, false},
    {"--open --no-routes --dns none", NULL, NULL, "0.0.0.0:6354", 0, 0, 0, false},
    {"--open --dns 9.9.9.9 --dns 1.1.1.1", NULL, NULL, "0.0.0.0:6354", 0, 2, 0, false},
    {"--open --origin null", NULL, NULL, "0.0.0.0:6354", 0, 0, 0, true},
    {"--open --origin https://tether.example/ --origin http://a:1", NULL, NULL, "0.0.0.0:6354", 0,
     0, 2, false},
};

// The same text, or none in both.
static bool is_same(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void client_takes(void) {
    for (size_t i = 0; i < COUNT(clients); i++) {
        struct client_options options;
        char text[ENDPOINT_TEXT_MAX];
        test_row("%s", clients[i].line);
        CHECK_INT(read_client(&options, clients[i].line), -1);
        endpoint_format(&options.listen, text);
        CHECK(is_same(options.server, clients[i].server));
        CHECK(is_same(options.wifi, clients[i].wifi));
        CHECK_TEXT(text, clients[i].listen);
        CHECK_INT(options.route_count, clients[i].routes);
        CHECK_INT(options.dns.count, clients[i].resolvers);
        CHECK_INT(options.trust.origin_count, clients[i].origins);
        CHECK_INT(options.trust.takes_null, clients[i].takes_null);
    }
}

static void client_refuses(void) {
    static const char *const lines[] = {
        "", // no key
        "--key short",
        "--open --key " A_KEY,
        "--open --key-file k",
        "--key-file " A_KEY,
        "--key " A_KEY " --origin null",
        "--open --no-routes --route 203.0.113.0/24",
        "--open --hotspot h --wifi w",
        "--open --hotspot h --listen 192.0.2.1",
        "--open --wifi w --listen [::1]",
        "--open --listen nowhere",
        "--open --route nowhere",
        "--open --dns 9.9.9.0/24",
        "--open --dns name",
        "--open --dns none --dns 9.9.9.9",
        "--open --dns 9.9.9.9 --dns none",
        "--open --origin tether.example",
        "--open --server http://",
    };
    struct client_options options;
    for (size_t i = 0; i < COUNT(lines); i++) {
        test_row("%s", lines[i]);
        CHECK_INT(read_client(&options, lines[i]), 2);
    }
    test_row("a key file that is not there");
    CHECK_INT(read_client(&options, "--key-file /nowhere/key"), 1);
}

// More than the tables hold is refused, and as much as they hold is not.
static void client_counts(void) {
    static const struct {
        const char *option;
        int most;
    } cases[] = {
        {" --route 192.0.2.1", CLIENT_ROUTES},
        {" --dns 192.0.2.1", RESOLVERS_MAX},
        {" --origin http://a", CLIENT_ORIGINS},
    };
    struct client_options options;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char line[1024] = "--open";
        test_row("%s", cases[i].option);
        for (int k = 0; k < cases[i].most; k++) strcat(line, cases[i].option);
        char *argv[2 * CLIENT_ROUTES + 8];
        enum log_level level = LOG_LEVEL_INFO;
        memset(&options, 0, sizeof options);
        CHECK_INT(client_options_parse(&options, &level, split(line, argv, (int)COUNT(argv)), argv),
                  -1);
        strcat(line, cases[i].option);
        memset(&options, 0, sizeof options);
        CHECK_INT(client_options_parse(&options, &level, split(line, argv, (int)COUNT(argv)), argv),
                  2);
    }
}

// Nobody who lists processes sees the key for long.
static void key_is_hidden(void) {
    struct client_options options;
    CHECK_INT(read_client(&options, "--key " A_KEY), -1);
    CHECK(options.key_text[strspn(options.key_text, "x")] == '\0');
    CHECK_INT(strlen(options.key_text), strlen(A_KEY));
}

int main(void) {
    unsetenv("TETHER_KEY");
    if (freopen("/dev/null", "w", stderr) == NULL) // what is said of wrong usage
        return 1;
    TEST("the server listens, and keeps ports, as its command line says", server_takes);
    TEST("the server refuses what it cannot do", server_refuses);
    TEST("the client does as its command line says", client_takes);
    TEST("the client refuses what it cannot do", client_refuses);
    TEST("the client takes as many routes, resolvers and origins as it has room for",
         client_counts);
    TEST("a key on the command line is overwritten", key_is_hidden);
    return test_end();
}
