// SPDX-License-Identifier: ISC
// Reading tether-server's command line (see base/options.c).
#include "options.h"
#include "../base/options.h"
#include "../session/key_file.h"
#include <string.h>

#define PROGRAM "tether-server"

#define DEFAULT_KEY_FILE "/etc/tether.key"
#define DEFAULT_PORT     8080
#define TLS_PORT         443 // few carriers look into what passes there
#define PAGE_PORT        80
#define PORTS_LOW        20000
#define PORTS_HIGH       32767

static const char usage[] =
    "usage: tether-server [options]\n"
    "  --key-file FILE       the key that laptops must know (" DEFAULT_KEY_FILE
    "); made if missing\n"
    "  --new-key             put a new key into that file, and end\n"
    "  --open                no key: speak the classic clear-text protocol; anybody may use this "
    "host\n"
    "  --listen ADDR:PORT    phones come here ([::]:8080), and nowhere else if it is given; may "
    "be\n"
    "                        repeated\n"
    "  --page ADDR:PORT|none and here, if it is free ([::]:443 and [::]:80)\n"
    "  --front ADDR          a TLS front's address: limits count whom its X-Forwarded-For names\n"
    "  --interface IF        the interface to the Internet (that of the default route)\n"
    "  --ports LO-HI         the NAT's ports (20000-32767)\n"
    "  --allow-private       let laptops reach private networks, such as this host's\n"
    "  --filter address      UDP only from addresses that the laptop has sent to\n"
    "  --html DIR            serve the page from a folder, the only one that is then seen\n"
    "  -v | -q               say more, or only what is wrong\n"
    "  -h, --help, --version\n";

static int wrong(const char *text, const char *value) {
    return options_wrong(PROGRAM, "%s %s", text, value);
}

static int take_ports(void *arg, char *value) {
    struct server_options *options = arg;
    char low_text[8];
    unsigned long low;
    unsigned long high;
    const char *dash = strchr(value, '-');
    size_t length = dash != NULL ? (size_t)(dash - value) : sizeof low_text;
    if (length < sizeof low_text) {
        memcpy(low_text, value, length);
        low_text[length] = '\0';
        if (number_parse(&low, low_text, 65535) == 0 && number_parse(&high, dash + 1, 65535) == 0 &&
            low >= 1 && low <= high) {
            options->port_low = (uint16_t)low;
            options->port_high = (uint16_t)high;
            return 0;
        }
    }
    return wrong("--ports wants a range such as 20000-32767, not", value);
}

// Takes one more address to listen on.
static int add_listener(struct server_options *options, const char *value, uint16_t port) {
    if (options->listen_count == HTTP_LISTENERS)
        return wrong("too many addresses to listen on, at", value);
    if (endpoint_parse(&options->listen[options->listen_count++], value, port) == 0)
        return 0;
    return wrong(port == PAGE_PORT ? "--page wants ADDR:PORT or none, not"
                                   : "--listen wants ADDR:PORT, not",
                 value);
}

static int take_listen(void *arg, char *value) { return add_listener(arg, value, DEFAULT_PORT); }

// Adds the addresses that nobody named, and the one of --page. Returns -1, or an exit status.
static int complete_listen(struct server_options *options) {
    const char *page = options->page;
    bool is_default = options->listen_count == 0 && page == NULL;
    if (options->listen_count == 0)
        (void)add_listener(options, "::", DEFAULT_PORT);
    options->must_count = options->listen_count;
    if (is_default)
        (void)add_listener(options, "::", TLS_PORT);
    if ((page == NULL && !is_default) || (page != NULL && strcmp(page, "none") == 0))
        return -1;
    return add_listener(options, is_default ? "::" : page, PAGE_PORT) == 0 ? -1 : 2;
}

static int take_front(void *arg, char *value) {
    struct endpoint *front = arg;
    if (endpoint_parse(front, value, 0) == 0 && endpoint_port(front) == 0)
        return 0;
    return wrong("--front wants an address such as 127.0.0.1, not", value);
}

static int take_key_file(void *arg, char *value) {
    const char **key_file = arg;
    if (key_file_name_is_key(value))
        return options_wrong(PROGRAM, "--key-file wants a file's name, not a key: the server makes "
                                      "its key itself, and keeps it in that file");
    *key_file = value;
    return 0;
}

static int take_filter(void *arg, char *value) {
    bool *by_address = arg;
    *by_address = strcmp(value, "address") == 0;
    if (*by_address || strcmp(value, "none") == 0)
        return 0;
    return wrong("--filter wants address or none, not", value);
}

int server_options_parse(struct server_options *options, enum log_level *level, int argc,
                         char **argv) {
    const struct option_name names[] = {
        {"--open", .flag = &options->open},
        {"--key-file", .take = take_key_file, .arg = &options->key_file},
        {"--new-key", .flag = &options->new_key},
        {"--listen", .take = take_listen, .arg = options},
        {"--page", .text = &options->page},
        {"--front", .take = take_front, .arg = &options->front},
        {"--interface", .text = &options->interface},
        {"--ports", .take = take_ports, .arg = options},
        {"--allow-private", .flag = &options->allow_private},
        {"--filter", .take = take_filter, .arg = &options->filter_by_address},
        {"--html", .text = &options->html},
        {.name = NULL},
    };
    const struct options line = {PROGRAM, usage, names, level};
    options->port_low = PORTS_LOW;
    options->port_high = PORTS_HIGH;
    int status = options_read(&line, argc, argv);
    if (status >= 0)
        return status;
    if (options->open && (options->key_file != NULL || options->new_key))
        return wrong("--open and a key contradict each other", "");
    if (options->key_file == NULL)
        options->key_file = DEFAULT_KEY_FILE;
    return complete_listen(options);
}
