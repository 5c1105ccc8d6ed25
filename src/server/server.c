// SPDX-License-Identifier: ISC
// tether-server: the remote host's end, and its NAT.
//
// Phones bring the packets of laptops through a WebSocket; each is translated to this host's own
// address and written to the network interface. What is captured there and belongs to a laptop is
// translated back and goes to its phone. The program also serves the page that the phone's browser
// runs.
//
// Read main() first. A packet's way out begins in open.c, or keyed.c, and goes on in gateway.c; its
// answer comes back through gateway.c and laptops.c.
#include "../os/privilege.h"
#include "../os/sandbox.h"
#include "../ws/door.h"
#include "keys.h"
#include "status.h"
#include <errno.h>
#include <string.h>

struct server {
    struct server_options options;
    struct log log;
    struct loop loop;
    struct page page;
    struct http_host host;  // serves the page, and hands phones on
    struct ws_door door;    // through which they come
    struct gateway gateway; // to the Internet
    struct laptops laptops;
    struct server_phones phones;
    char ports[8 * HTTP_LISTENERS]; // which phones may try, the likeliest first: "8080,443,80"
    int64_t started_ms;
};

static int on_dynamic(void *arg, const struct endpoint *peer, const struct http_text *path,
                      char *body, size_t size) {
    const struct server *server = arg;
    struct text text;
    text_init(&text, body, size);
    if (http_text_is(path, "/status.json")) {
        if (!endpoint_is_loopback(peer))
            return -403;
        write_server_status(&text, &server->phones, &server->host,
                            server->loop.now_ms - server->started_ms);
    } else if (http_text_is(path, "/config.json")) {
        text_add(&text, "{\"role\":\"server\",\"laptop\":\"%s\",\"websocket_ports\":[%s]}\n",
                 LAPTOP_ADDRESS, server->ports);
    }
    return text.overflow ? -500 : (int)text.length;
}

static void on_tick(void *arg) {
    struct server *server = arg;
    http_host_tick(&server->host);
    server_phones_tick(&server->phones);
    gateway_tick(&server->gateway);
    laptops_pump(&server->laptops);
}

// A listening socket; where the host has no IPv6, "[::]" means all of IPv4.
static int open_listener(const struct endpoint *endpoint) {
    struct endpoint ipv4;
    int fd = socket_listen(endpoint, NULL);
    if (fd < 0 && errno == EAFNOSUPPORT && endpoint_is_wildcard(endpoint) &&
        endpoint_parse(&ipv4, "0.0.0.0", endpoint_port(endpoint)) == 0)
        fd = socket_listen(&ipv4, NULL);
    return fd;
}

// Page and WebSocket are on every port. One that is a convenience may be another program's.
static int listen_for_phones(struct server *server) {
    const struct server_options *options = &server->options;
    char where[ENDPOINT_TEXT_MAX];
    struct text ports;
    text_init(&ports, server->ports, sizeof server->ports);
    for (size_t i = 0; i < options->listen_count; i++) {
        int fd = open_listener(&options->listen[i]);
        if (fd >= 0 && http_host_listen(&server->host, fd) == 0) {
            text_add(&ports, "%s%u", i > 0 ? "," : "", endpoint_port(&options->listen[i]));
            continue;
        }
        endpoint_format(&options->listen[i], where);
        if (i < options->must_count)
            return log_error(&server->log, "cannot listen on %s: %s%s", where, strerror(errno),
                             errno == EADDRINUSE ? " (is another tether-server running?)" : "");
        log_warn(&server->log, "cannot listen on %s: %s; going on without", where, strerror(errno));
    }
    return 0;
}

// Changes the host. Returns 0, or -1 after having said what is wrong.
static int set_up_host(struct server *server) {
    struct gateway *gateway = &server->gateway;
    struct siphash_key port_key;
    if (gateway_open(gateway) < 0 || listen_for_phones(server) < 0 ||
        gateway_open_host(gateway) < 0 ||
        server->phones.mode->start(&server->laptops, &server->options, &port_key) < 0)
        return -1;
    if (gateway_start(gateway, &port_key) < 0)
        return -1;
    return loop_every(&server->loop, 1000, on_tick, server);
}

static void undo_host(struct server *server) {
    server_phones_close(&server->phones);
    http_host_close(&server->host);
    gateway_close(&server->gateway);
    loop_close(&server->loop);
}

// Gives each part what it works with. Returns 0, or -1 after having said what is wrong.
static int init(struct server *server) {
    const struct server_mode *mode = server->options.open ? &server_open : &server_keyed;
    const struct http_host_config config = {
        .path = "/websocket",
        .protocol = &ws_protocol,
        .protocol_arg = &server->door,
        .page = &server->page,
        .dynamic = on_dynamic,
        .dynamic_arg = server,
        .front = &server->options.front,
    };
    server->started_ms = server->loop.now_ms;
    server->door = (struct ws_door){server_phones_accept, &server->phones};
    gateway_init(&server->gateway, &server->options, &server->log, &server->loop, &server->laptops);
    server_phones_init(&server->phones, mode, &server->log, &server->loop, &server->laptops);
    http_host_init(&server->host, &server->loop, &config);
    return laptops_init(&server->laptops, &server->log, &server->loop, &server->gateway);
}

static void say_hello(const struct server *server) {
    char where[ENDPOINT_TEXT_MAX];
    char address[ENDPOINT_TEXT_MAX];
    struct text text;
    text_init(&text, address, sizeof address);
    text_add_ipv4(&text, server->gateway.wire.address);
    endpoint_format(&server->options.listen[0], where);
    if (server->phones.mode->warning != NULL)
        log_warn(&server->log, "%s", server->phones.mode->warning);
    log_info(&server->log, "translating to %s on %s, ports %u-%u; listening on %s (ports %s)",
             address, server->gateway.wire.interface, (unsigned)server->options.port_low,
             (unsigned)server->options.port_high, where, server->ports);
}

// Everything is open: what is left to do takes no privilege.
static int harden(const struct server *server) {
    struct privilege_needs needs = {.folder = server->page.folder};
    if (privilege_drop(&server->log, &needs) < 0)
        return -1;
    struct sandbox_needs calls = {.files = needs.folder >= 0};
    (void)sandbox_enter(&server->log, &calls);
    return 0;
}

int main(int argc, char **argv) {
    static struct server server;
    privilege_no_core_dumps();
    log_init(&server.log, "tether-server");
    int status = server_options_parse(&server.options, &server.log.level, argc, argv);
    if (status >= 0)
        return status;
    if (server.options.new_key)
        return keys_renew(&server.options, &server.log);
    if (loop_init(&server.loop) < 0) {
        log_error(&server.log, "cannot watch signals: %s", strerror(errno));
        return 1;
    }
    if (init(&server) < 0)
        return 1;
    if (page_open(&server.page, server.options.html, NULL) < 0) {
        log_error(&server.log, "cannot open the folder %s: %s", server.options.html,
                  strerror(errno));
        return 1;
    }
    int result = set_up_host(&server);
    if (result == 0)
        result = harden(&server);
    if (result == 0) {
        say_hello(&server);
        result = loop_run(&server.loop);
    }
    undo_host(&server);
    return result == 0 ? 0 : 1;
}
