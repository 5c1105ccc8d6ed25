// SPDX-License-Identifier: ISC
// tether-client: the laptop's end.
//
// A TUN device takes the laptop's traffic; a WebSocket on the Wi-Fi waits for a phone; IP packets
// go from one to the other. The program also serves the page that the phone's browser runs, because
// a browser lets a page that came from the laptop talk to the laptop.
//
// Read main() first, then on_tun() for the way up, and open.c or keyed.c for the way down.
#include "../crypto/memory.h"
#include "../crypto/random.h"
#include "../os/privilege.h"
#include "../os/sandbox.h"
#include "../ws/door.h"
#include "display.h"
#include "guard.h"
#include "hotspot.h"
#include "keyed.h"
#include "status.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

// The address inside the tether: in open mode the one that the first Tether had, in keyed mode a
// random one of those that no network of people's own has (RFC 6598), so that laptops differ.
#define OPEN_ADDRESS    0x0a000001 // 10.0.0.1
#define SESSION_TICK_MS 250
#define WIFI_PREFIX     16 // 169.254.0.0/16, RFC 3927

struct client {
    struct client_options options;
    struct log log;
    struct loop loop;
    struct page page;
    struct http_host host;
    struct ws_door door; // of the WebSockets
    struct guard guard;
    struct places places;
    struct hotspot hotspot;
    struct machine machine;
    struct client_phones phones;
    struct keyed keyed;
    struct names names;
    struct display display;
    struct client_status status;
};

// The laptop's packets, on their way up.
static void on_tun(void *arg) {
    struct client *client = arg;
    if (machine_read(&client->machine, &client->phones.link, client->loop.now_us) < 0) {
        log_error(&client->log, "cannot read from %s: %s%s", client->machine.tun.name,
                  strerror(errno), tun_advice(errno));
        loop_fail(&client->loop);
    }
    client_phones_pump(&client->phones);
}

static void on_session_tick(void *arg) { keyed_tick(arg); }

static void on_tick(void *arg) {
    struct client *client = arg;
    http_host_tick(&client->host);
    client_phones_tick(&client->phones);
    names_tick(&client->names);
    display_tick(&client->display);
    hotspot_tick(&client->hotspot);
}

// Chooses who this laptop is for the server, anew in each run, and what its connections are mixed
// with in the queue: random numbers. Returns 0, or -1 after having said what is wrong.
static int choose_identity(struct client *client, struct siphash_key *queue_key) {
    struct client_options *options = &client->options;
    uint8_t identity[IDENTITY_SIZE];
    uint64_t id;
    uint32_t host;
    if (crypto_random(&id, sizeof id) < 0 || crypto_random(queue_key, sizeof *queue_key) < 0 ||
        crypto_random(identity, sizeof identity) < 0 || crypto_random(&host, sizeof host) < 0)
        return log_no_random(&client->log);
    host = 1 + host % (INSIDE_HOSTS - 1); // without the network's ends
    client->machine.address = options->open ? OPEN_ADDRESS : INSIDE_NETWORK | host;
    if (options->open)
        snprintf(client->status.id, sizeof client->status.id, "%016llx", (unsigned long long)id);
    crypto_lock(&client->keyed.initiator, sizeof client->keyed.initiator);
    initiator_init(&client->keyed.initiator, options->key, identity, client->machine.address);
    crypto_wipe(options->key, sizeof options->key);
    return 0;
}

// Opens nothing yet: tells each part where the others are.
static void introduce(struct client *client) {
    struct http_host_config config = {
        .path = "/websocket",
        .protocol = &ws_protocol,
        .protocol_arg = &client->door,
        .page = &client->page,
        .admit = guard_admit,
        .admit_arg = &client->guard,
        .dynamic = client_status_write,
        .dynamic_arg = &client->status,
        .welcome = client->options.listens_there ? NULL : places_welcome,
    };
    bool open = client->options.open;
    client->options.trust.is_here = client->options.listens_there ? NULL : places_have;
    client->options.trust.arg = config.welcome_arg = &client->places;
    client->door = (struct ws_door){client_phones_accept, &client->phones};
    client->guard = (struct guard){&client->places, &client->loop, &client->log, 0};
    http_host_init(&client->host, &client->loop, &config);
    hotspot_init(&client->hotspot, &client->loop, &client->log);
    machine_init(&client->machine, &client->log);
    client->phones.log = client->keyed.log = &client->log;
    client->phones.loop = client->keyed.loop = &client->loop;
    client->phones.machine = client->keyed.machine = &client->machine;
    client->phones.mode = open ? &client_open : &client_keyed;
    client->phones.keyed = open ? NULL : &client->keyed;
    client->keyed.phones = &client->phones;
    keyed_init(&client->keyed);
    client->keyed.names = &client->names;
    client->names.options = &client->options;
    client->names.log = &client->log;
    client->names.loop = &client->loop;
    client->names.machine = &client->machine;
    client->names.phones = &client->phones;
    client->status.names = client->display.names = &client->names;
    client->status.loop = &client->loop;
    client->status.phones = &client->phones;
    client->status.machine = &client->machine;
    client->status.host = &client->host;
    client->status.places = &client->places;
    client->status.server = client->options.server;
    client->status.started_ms = client->loop.now_ms;
    display_open(&client->display, &client->phones, &client->places, &client->log);
}

// Gets ready what needs nothing of the host's network. Returns 0, or -1 after having said what is
// wrong.
static int prepare(struct client *client) {
    struct siphash_key queue_key;
    struct session_keys *keys = client->options.open ? NULL : &client->keyed.initiator.keys;
    if (choose_identity(client, &queue_key) < 0)
        return -1;
    client_phones_init(&client->phones, keys, &queue_key);
    if (page_open(&client->page, client->options.html, client->options.server) == 0)
        return 0;
    return log_error(&client->log, "cannot open the folder %s: %s", client->options.html,
                     strerror(errno));
}

// Changes the host. Returns 0, or -1 after having said what is wrong.
static int set_up_host(struct client *client) {
    if (hotspot_open(&client->hotspot, client->options.hotspot) < 0 ||
        places_open(&client->places, &client->options, &client->host, &client->loop,
                    &client->display) < 0 ||
        machine_open(&client->machine, &client->options) < 0)
        return -1;
    names_open(&client->names);
    client->keyed.initiator.self.flags = machine_takes(&client->machine);
    if (loop_add(&client->loop, client->machine.tun.fd, POLLIN, on_tun, client) < 0)
        return -1;
    if (!client->options.open &&
        loop_every(&client->loop, SESSION_TICK_MS, on_session_tick, &client->keyed) < 0)
        return -1;
    return loop_every(&client->loop, 1000, on_tick, client);
}

static void undo_host(struct client *client) {
    client_phones_close(&client->phones);
    http_host_close(&client->host);
    names_close(&client->names);
    machine_close(&client->machine);
    places_close(&client->places);
    hotspot_close(&client->hotspot);
    loop_close(&client->loop);
    display_close(&client->display);
}

// Everything is open: what is left to do takes little.
static int harden(const struct client *client) {
    struct privilege_needs needs = {
        .addresses = client->places.lent.lends || !client->options.open, // the server assigns one
        .devices = client->places.door_count > 0,
        .folder = client->page.folder,
    };
    if (privilege_drop(&client->log, &needs) < 0)
        return -1;
    struct sandbox_needs calls = {
        .files = needs.folder >= 0,
        .devices = needs.devices,
        .terminal = client->display.terminal.fd >= 0,
    };
    (void)sandbox_enter(&client->log, &calls);
    return 0;
}

static int run(struct client *client) {
    if (set_up_host(client) < 0 || harden(client) < 0)
        return -1;
    if (client->options.open)
        log_warn(&client->log, "open mode: whoever is between here and the server can read along");
    if (client->options.trust.takes_null)
        log_warn(&client->log, "--origin null: any site that a browser shows can be the phone");
    display_places(&client->display);
    return loop_run(&client->loop);
}

int main(int argc, char **argv) {
    static struct client client;
    privilege_no_core_dumps();
    log_init(&client.log, "tether-client");
    int status = client_options_parse(&client.options, &client.log.level, argc, argv);
    if (status >= 0)
        return status;
    if (loop_init(&client.loop) < 0) {
        log_error(&client.log, "cannot watch signals: %s", strerror(errno));
        return 1;
    }
    introduce(&client);
    if (prepare(&client) < 0)
        return 1;
    int result = run(&client);
    undo_host(&client);
    return result == 0 ? 0 : 1;
}
