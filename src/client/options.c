// SPDX-License-Identifier: ISC
// Reading tether-client's command line (see base/options.c). The key may come in three ways: --key,
// which other users of the laptop can see for a moment; --key-file; and the environment variable
// TETHER_KEY.
#include "options.h"
#include "../base/options.h"
#include "../session/key_file.h"
#include <stdlib.h>
#include <string.h>

#define PROGRAM "tether-client"

static const char usage[] =
    "usage: tether-client --key KEY [options]\n"
    "  --server HOST[:PORT]  the remote host, which the page is told; or "
    "ws[s]://HOST[:PORT]/PATH,\n"
    "                        such as wss://tether.example/websocket (ports 8080, 443 and 80)\n"
    "  --key KEY             the key that tether-server printed; or\n"
    "  --key-file FILE       a file with it; or the environment variable TETHER_KEY\n"
    "  --open                no key: speak the classic clear-text protocol\n"
    "  --listen ADDR:PORT    listen there alone, not on all private addresses (port 6354)\n"
    "  --wifi IF             listen on this interface alone, and lend it 169.254.134.89\n"
    "  --dns ADDR            names are resolved there, through the tether; may be repeated; with\n"
    "                        --dns none the laptop goes on asking whom it asks without it\n"
    "  --hotspot IF          it is a Wi-Fi that this laptop has opened: give phones addresses, "
    "too\n"
    "  --tun NAME            the TUN device's name (tether%d)\n"
    "  --route CIDR          send only this through the tether; may be repeated\n"
    "  --no-routes           leave the routes alone\n"
    "  --origin ORIGIN       take browsers with pages of this origin too, such as\n"
    "                        https://tether.example, or null (see man); may be repeated\n"
    "  --html DIR            serve the page from a folder, the only one that is then seen\n"
    "  -v | -q               say more, or only what is wrong\n"
    "  -h, --help, --version\n";

static int wrong(const char *text, const char *value) {
    return options_wrong(PROGRAM, "%s %s", text, value);
}

static int take_route(void *arg, char *value) {
    struct client_options *options = arg;
    if (options->route_count == CLIENT_ROUTES)
        return wrong("too many --route, at", value);
    if (cidr_parse(&options->routes[options->route_count], value) < 0)
        return wrong("--route wants a network such as 203.0.113.0/24, not", value);
    options->route_count++;
    return 0;
}

static int take_dns(void *arg, char *value) {
    struct client_options *options = arg;
    struct cidr address = {0, 0};
    if (strcmp(value, "none") == 0)
        options->no_dns = true;
    else if (options->dns.count == RESOLVERS_MAX)
        return wrong("too many --dns, at", value);
    else if (cidr_parse(&address, value) < 0 || address.prefix_length < 32)
        return wrong("--dns wants a resolver's IPv4 address such as 9.9.9.9, or none, not", value);
    else
        options->dns.resolvers[options->dns.count++] = address.network;
    if (options->no_dns && options->dns.count > 0)
        return wrong("--dns none and a resolver contradict each other", "");
    return 0;
}

// Finds the key. Returns -1 to go on, or an exit status.
static int take_key(struct client_options *options, const enum log_level *level) {
    const struct log log = {.program = PROGRAM, .level = *level};
    char why[KEY_WHY_SIZE];
    const char *environment = getenv("TETHER_KEY");
    char *text = options->key_text;
    if (text == NULL && options->key_file != NULL) {
        int result = key_file_read(options->key, options->key_file, &log);
        if (result > 0)
            log_error(&log, "there is no key file %s", options->key_file);
        return result == 0 ? -1 : 1;
    }
    if (text == NULL && environment == NULL)
        return wrong(
            "give the key that tether-server printed, with --key, --key-file or TETHER_KEY "
            "(or no key on both sides, with --open)",
            "");
    const char *from = text != NULL ? text : environment;
    if (key_parse(options->key, from, strlen(from), why) < 0)
        return wrong(
            text != NULL ? "--key does not hold a key:" : "TETHER_KEY does not hold a key:", why);
    if (text != NULL)
        memset(text, 'x', strlen(text));
    return -1;
}

// An origin as browsers write it; people end it with a slash, too.
static int take_origin(void *arg, char *value) {
    struct http_trust *trust = arg;
    struct http_text text = {value, strlen(value)};
    if (http_text_is(&text, "null")) {
        trust->takes_null = true;
        return 0;
    }
    if (text.length > 0 && value[text.length - 1] == '/')
        text.length--;
    struct http_origin *origin = &trust->origins[trust->origin_count];
    if (trust->origin_count == CLIENT_ORIGINS)
        return wrong("too many --origin, at", value);
    if (!http_read_origin(origin, &text))
        return wrong("--origin wants SCHEME://HOST[:PORT], such as https://tether.example, not",
                     value);
    const char *wanted = host_wants(origin->host.start);
    if (wanted != NULL)
        return options_wrong(PROGRAM, "--origin wants %s, not %s", wanted, value);
    trust->origin_count++;
    return 0;
}

// The page is told it as JSON, where it needs no escaping; its host's pages may be the relay.
static int take_server(void *arg, char *value) {
    struct client_options *options = arg;
    struct http_place place;
    bool is_place = http_read_place(&place, value) && strlen(value) < SERVER_NAME_MAX;
    const char *wanted = host_wants(place.authority.start);
    if (wanted != NULL)
        return options_wrong(PROGRAM, "--server wants %s, not %s", wanted, value);
    options->server = value;
    options->trust.server_host = place.host;
    return is_place ? 0
                    : wrong("--server wants HOST[:PORT] or ws[s]://HOST[:PORT]/PATH, not", value);
}

static int take_key_file(void *arg, char *value) {
    struct client_options *options = arg;
    if (key_file_name_is_key(value))
        return options_wrong(PROGRAM,
                             "--key-file wants a file's name, not a key (--key takes a key)");
    options->key_file = value;
    return 0;
}

static int take_key_text(void *arg, char *value) {
    struct client_options *options = arg;
    options->key_text = value;
    return 0;
}

static int take_listen(void *arg, char *value) {
    struct client_options *options = arg;
    options->listens_there = true;
    if (endpoint_parse(&options->listen, value, LAPTOP_PORT) == 0)
        return 0;
    return wrong("--listen wants ADDR:PORT, not", value);
}

int client_options_parse(struct client_options *options, enum log_level *level, int argc,
                         char **argv) {
    const struct option_name names[] = {
        {"--open", .flag = &options->open},
        {"--key", .take = take_key_text, .arg = options},
        {"--key-file", .take = take_key_file, .arg = options},
        {"--server", .take = take_server, .arg = options},
        {"--listen", .take = take_listen, .arg = options},
        {"--wifi", .text = &options->wifi},
        {"--dns", .take = take_dns, .arg = options},
        {"--hotspot", .text = &options->hotspot},
        {"--tun", .text = &options->tun_name},
        {"--route", .take = take_route, .arg = options},
        {"--no-routes", .flag = &options->no_routes},
        {"--origin", .take = take_origin, .arg = &options->trust},
        {"--html", .text = &options->html},
        {.name = NULL},
    };
    const struct options line = {PROGRAM, usage, names, level};
    options->tun_name = "tether%d";
    endpoint_parse(&options->listen, "0.0.0.0", LAPTOP_PORT);
    int status = options_read(&line, argc, argv);
    if (status >= 0)
        return status;
    if (options->open && (options->key_text != NULL || options->key_file != NULL))
        return wrong("--open and a key contradict each other", "");
    if (options->trust.takes_null && !options->open)
        return wrong("--origin null goes with --open alone", "");
    if (options->no_routes && options->route_count > 0)
        return wrong("--route and --no-routes contradict each other", "");
    if (options->hotspot != NULL && (options->wifi != NULL || options->listens_there))
        return wrong("--hotspot chooses interface and address: leave out --wifi and --listen", "");
    if (options->hotspot != NULL)
        options->wifi = options->hotspot;
    if (options->wifi != NULL && options->listens_there && endpoint_ipv4(&options->listen) == 0)
        return wrong("--wifi wants an IPv4 address in --listen", "");
    return options->open ? -1 : take_key(options, level);
}
