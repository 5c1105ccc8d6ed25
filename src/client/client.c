// tether-client: the laptop's end.
//
// A TUN device takes the laptop's traffic; a WebSocket on the Wi-Fi waits for a phone; IP packets
// go from one to the other. The program also serves the page that the phone's browser runs, because
// a browser lets a page that came from the laptop talk to the laptop.
//
// Read main() first, then on_tun() for the way up; client_phone.c has the way down.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/bytes.h"
#include "../crypto/memory.h"
#include "../crypto/random.h"
#include "../ip/packet.h"
#include "../os/privilege.h"
#include "../os/sandbox.h"
#include "client.h"

// The address inside the tether: in open mode the one that the first Tether had, in keyed mode a
// random one of those that no network of people's own has (RFC 6598), so that laptops differ.
#define OPEN_ADDRESS    0x0a000001 // 10.0.0.1/24
#define OPEN_PREFIX     24
#define KEYED_PREFIX    32
#define SESSION_TICK_MS 250

#define TUN_READS 256 // packets read before other descriptors get their turn

// A packet of the laptop. Packets delimit themselves in a message: what they say of their length
// must be so.
static void send_up(struct client *client, uint8_t *bytes, size_t length,
                    const struct ip_offload *offload)
{
    struct ip_packet packet;
    bool is_whole = offload->segment_size == 0 && !offload->partial_checksum;
    if (length < 4 || !ip_looks_like_ipv4(bytes, length) ||
        get_be16(bytes + IP_AT_TOTAL_LENGTH) != length ||
        (!is_whole && ip_parse(&packet, bytes, length) != IP_GOOD))
        client->not_ipv4++;
    else if (is_whole)
        tunnel_link_queue(&client->link, bytes, length, client->loop.now_us);
    else
        tunnel_link_queue_offloaded(&client->link, &packet, offload, client->loop.now_us);
}

// The laptop's packets, on their way up.
static void on_tun(void *arg, short events)
{
    struct client *client = arg;
    uint8_t buffer[TUN_READ_MAX];
    (void)events;
    for (int i = 0; i < TUN_READS; i++) {
        uint8_t *packet;
        struct ip_offload offload;
        ssize_t length = tun_read(&client->tun, buffer, &packet, &offload);
        if (length < 0) {
            log_error(&client->log, "cannot read from %s: %s%s", client->tun.name, strerror(errno),
                      errno == EBADFD ? " (somebody has removed it: start me again)" : "");
            loop_fail(&client->loop);
        }
        if (length <= 0)
            break;
        send_up(client, packet, (size_t)length, &offload);
    }
    client_pump(client);
}

static void on_tick(void *arg, short events)
{
    struct client *client = arg;
    (void)events;
    http_host_tick(&client->host);
    client_phone_tick(client);
    client_terminal_tick(client);
    client_wifi_tick(client);
}

// Chooses who this laptop is for the server: random, anew in each run.
static int choose_identity(struct client *client)
{
    uint8_t identity[IDENTITY_SIZE];
    uint32_t host;
    if (crypto_random(&client->id, sizeof client->id) < 0 ||
        crypto_random(&client->queue_key, sizeof client->queue_key) < 0 ||
        crypto_random(identity, sizeof identity) < 0 || crypto_random(&host, sizeof host) < 0) {
        log_error(&client->log, "the kernel gives no random numbers: %s", strerror(errno));
        return -1;
    }
    host = 1 + host % (INSIDE_HOSTS - 1); // without the network's ends
    client->address = client->options.open ? OPEN_ADDRESS : INSIDE_NETWORK | host;
    client->mtu = TUN_MTU;
    crypto_lock(&client->initiator, sizeof client->initiator);
    initiator_init(&client->initiator, client->options.key, identity, client->address);
    crypto_wipe(client->options.key, sizeof client->options.key);
    ip_coalescer_init(&client->coalescer);
    return 0;
}

// What the laptop's kernel takes beside plain packets.
static uint8_t takes(const struct tun *tun)
{
    uint8_t udp = tun->takes_udp_super ? SESSION_TAKES_UDP_SUPER : 0;
    return tun->has_vnet_headers ? SESSION_TAKES_TCP_SUPER | udp : 0;
}

static int add_routes(struct client *client)
{
    static const struct cidr everything[] = {{0x00000000, 1}, {0x80000000, 1}};
    const struct client_options *options = &client->options;
    const struct cidr *routes = options->route_count > 0 ? options->routes : everything;
    size_t count = options->route_count > 0 ? options->route_count : 2;
    for (size_t i = 0; i < count && !options->no_routes; i++)
        if (tun_add_route(&client->tun, &routes[i], TUN_MSS) < 0)
            return -1;
    return 0;
}

// Changes the host. Returns 0, or -1 after having said what is wrong.
static int set_up_host(struct client *client)
{
    const struct client_options *options = &client->options;
    if (client_wifi_open(client) < 0)
        return -1;
    if (tun_open(&client->tun, options->tun_name, &client->log) < 0 ||
        tun_configure(&client->tun, client->address, options->open ? OPEN_PREFIX : KEYED_PREFIX,
                      TUN_MTU) < 0 ||
        add_routes(client) < 0)
        return -1;
    client->initiator.self.flags = takes(&client->tun);
    if (loop_add(&client->loop, client->tun.fd, POLLIN, on_tun, client) < 0)
        return -1;
    if (!options->open &&
        loop_every(&client->loop, SESSION_TICK_MS, client_session_tick, client) < 0)
        return -1;
    return loop_every(&client->loop, 1000, on_tick, client);
}

static void undo_host(struct client *client)
{
    client_phone_close(client);
    http_host_close(&client->host);
    tun_close(&client->tun);
    lent_address_remove(&client->wifi.lent);
    loop_close(&client->loop);
    terminal_close(&client->terminal);
}

// Whether "HOST", "HOST:PORT" or "[ADDRESS]:PORT" ends in a port.
static bool has_port(const char *name)
{
    const char *bracket = strrchr(name, ']');
    return strchr(bracket != NULL ? bracket : name, ':') != NULL;
}

static void init(struct client *client)
{
    const char *server = client->options.server;
    struct http_host_config config = {
        .path = "/websocket",
        .protocol = &ws_protocol,
        .protocol_arg = &client->door,
        .page = &client->page,
        .admit = client_admit,
        .dynamic = client_dynamic,
        .arg = client,
    };
    client->tun.fd = client->tun.netlink.fd = -1;
    client->wifi.lent.netlink.fd = client->wifi.listener = -1;
    if (server != NULL)
        snprintf(client->server, sizeof client->server, "%s%s", server,
                 has_port(server) ? "" : ":8080");
    client->started_ms = client->loop.now_ms;
    client->mappings = -1;
    client->door = (struct ws_door){client_phone_accept, client};
    http_host_init(&client->host, &client->loop, &config);
    client_phone_init(client);
}

// Everything is open: what is left to do takes little.
static int harden(const struct client *client)
{
    struct privilege_needs needs = {
        .addresses =
            client->wifi.lent.lends || client->link.keys != NULL, // the server may assign another
        .devices = client->wifi.listener >= 0,
        .folder = client->page.folder,
    };
    if (privilege_drop(&client->log, &needs) < 0)
        return -1;
    struct sandbox_needs calls = {
        .files = needs.folder >= 0,
        .devices = needs.devices,
        .terminal = client->terminal.fd >= 0,
    };
    (void)sandbox_enter(&client->log, &calls);
    return 0;
}

int main(int argc, char **argv)
{
    static struct client client;
    privilege_no_core_dumps();
    client.log = (struct log){.program = "tether-client", .level = LOG_LEVEL_INFO};
    int status = client_options_parse(&client.options, &client.log.level, argc, argv);
    if (status >= 0)
        return status;
    if (loop_init(&client.loop) < 0) {
        log_error(&client.log, "cannot watch signals: %s", strerror(errno));
        return 1;
    }
    init(&client);
    client_terminal_open(&client);
    if (choose_identity(&client) < 0)
        return 1;
    if (page_open(&client.page, client.options.html,
                  client.server[0] != '\0' ? client.server : NULL) < 0) {
        log_error(&client.log, "cannot open the folder %s: %s", client.options.html,
                  strerror(errno));
        return 1;
    }
    int result = set_up_host(&client);
    if (result == 0)
        result = harden(&client);
    if (result == 0) {
        if (client.options.open)
            log_warn(&client.log,
                     "open mode: whoever is between here and the server can read along");
        client_terminal_welcome(&client);
        result = loop_run(&client.loop);
    }
    undo_host(&client);
    return result == 0 ? 0 : 1;
}
