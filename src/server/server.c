// tether-server: the remote host's end, and its NAT.
//
// Phones bring the packets of laptops through a WebSocket; each is translated to this host's own
// address and written to the network interface. What is captured there and belongs to a laptop is
// translated back and goes to its phone. The program also serves the page that the phone's browser
// runs.
//
// Read main() first, then on_captured() for the way back; phones.c has the way out.
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "../crypto/memory.h"
#include "../crypto/random.h"
#include "../ip/scope.h"
#include "../os/privilege.h"
#include "../os/resolvers.h"
#include "../os/sandbox.h"
#include "server.h"

#define LAPTOP_ADDRESS "169.254.134.89:6354" // where the page looks for the laptop
// What laptops look like to this host: 192.0.0.0/29 is set aside for such use (RFC 7335).
#define HOST_TUN_ADDRESS 0xc0000001 // 192.0.0.1, the TUN device's own
#define HOST_ADDRESS     0xc0000002 // 192.0.0.2, all laptops'
#define HOST_PREFIX      29
#define HOST_READS       256

#define BATCHES    64 // captured before other descriptors get their turn,
#define PUMP_EVERY 8  // and before laptops get what they may

// The NAT's ways out: to the Internet,
static void to_wire(void *arg, const struct ip_packet *packet, const struct ip_offload *offload,
                    bool lasting)
{
    struct server *server = arg;
    wire_send(&server->wire, packet, offload, server->loop.now_ms);
    if (!lasting)
        wire_flush(&server->wire);
}

// to this host itself,
static void on_host_segment(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size)
{
    struct server *server = arg;
    (void)segment_size; // one segment each
    if (!tun_write(&server->host_tun, bytes, length))
        server->host_write++;
}

static void to_host(void *arg, const struct ip_packet *packet, const struct ip_offload *offload)
{
    struct server *server = arg;
    if (offload == NULL)
        on_host_segment(server, packet->bytes, packet->length, 0);
    else if (ip_segment(packet, offload, 0, server->segment, sizeof server->segment,
                        on_host_segment, server) < 0)
        server->bad_offload++;
}

// and to a laptop.
static void to_laptop(void *arg, uint16_t number, const struct ip_packet *packet,
                      const struct ip_offload *offload)
{
    struct server *server = arg;
    struct laptop *laptop = &server->laptops[number];
    if (offload == NULL)
        tunnel_link_queue(&laptop->link, packet->bytes, packet->length, server->loop.now_us);
    else
        tunnel_link_queue_offloaded(&laptop->link, packet, offload, server->loop.now_us);
    laptop->touched = true;
}

// A packet from outside, on its way back.
static void on_captured(void *arg, uint8_t *bytes, size_t length, const struct ip_offload *offload)
{
    struct server *server = arg;
    nat_inbound(&server->nat, bytes, length, offload, server->loop.now_ms);
}

static void on_capture_ready(void *arg, short events)
{
    struct server *server = arg;
    (void)events;
    for (int i = 0; i < BATCHES; i++) {
        if (wire_receive(&server->wire, on_captured, server) < WIRE_BATCH)
            break;
        if (i % PUMP_EVERY == PUMP_EVERY - 1)
            server_pump(server);
    }
    server_pump(server);
}

// Packets of this host's own stack, for laptops.
static void on_host(void *arg, short events)
{
    struct server *server = arg;
    (void)events;
    for (int i = 0; i < HOST_READS; i++) {
        uint8_t *packet;
        struct ip_offload offload;
        ssize_t length = tun_read(&server->host_tun, server->host_packet, &packet, &offload);
        if (length <= 0)
            break;
        nat_from_host(&server->nat, packet, (size_t)length, &offload, server->loop.now_ms);
    }
    server_pump(server);
}

static void on_arp(void *arg, short events)
{
    struct server *server = arg;
    (void)events;
    wire_read_arp(&server->wire, server->loop.now_ms);
}

static int on_dynamic(void *arg, const struct endpoint *peer, const struct http_text *path,
                      char *body, size_t size)
{
    struct server *server = arg;
    struct text text;
    text_init(&text, body, size);
    if (http_text_is(path, "/status.json")) {
        if (!endpoint_is_loopback(peer))
            return -403;
        server_write_status(server, &text);
    } else if (http_text_is(path, "/config.json")) {
        text_add(&text, "{\"role\":\"server\",\"laptop\":\"%s\",\"websocket_port\":%u}\n",
                 LAPTOP_ADDRESS, (unsigned)endpoint_port(&server->options.listen));
    }
    return text.overflow ? -500 : (int)text.length;
}

static void on_tick(void *arg, short events)
{
    struct server *server = arg;
    (void)events;
    http_host_tick(&server->host);
    server_laptops_tick(server);
    nat_expire(&server->nat, server->loop.now_ms);
    wire_tick(&server->wire, server->loop.now_ms);
    if (!wire_follow(&server->wire))
        loop_fail(&server->loop);
    server->nat.config.outside_mtu = server->wire.mtu;
    server_pump(server);
}

// A listening socket; where the host has no IPv6, "[::]" means all of IPv4.
static int open_listener(const struct endpoint *endpoint)
{
    struct endpoint ipv4;
    char text[ENDPOINT_TEXT_MAX];
    int fd = socket_listen(endpoint, NULL);
    endpoint_format(endpoint, text);
    if (fd < 0 && errno == EAFNOSUPPORT && strncmp(text, "[::]:", 5) == 0 &&
        endpoint_parse(&ipv4, "0.0.0.0", endpoint_port(endpoint)) == 0)
        fd = socket_listen(&ipv4, NULL);
    return fd;
}

static int listen_for_phones(struct server *server)
{
    char where[ENDPOINT_TEXT_MAX];
    int fd = open_listener(&server->options.listen);
    if (fd >= 0 && http_host_listen(&server->host, fd, true) == 0)
        return 0;
    endpoint_format(&server->options.listen, where);
    log_error(&server->log, "cannot listen on %s: %s%s", where, strerror(errno),
              errno == EADDRINUSE ? " (is another tether-server running?)" : "");
    return -1;
}

// The page's own port is a convenience: without it the page is still on the first one.
static void listen_for_page(struct server *server)
{
    char where[ENDPOINT_TEXT_MAX];
    if (server->options.no_page)
        return;
    int fd = open_listener(&server->options.page_listen);
    if (fd >= 0 && http_host_listen(&server->host, fd, false) == 0)
        return;
    endpoint_format(&server->options.page_listen, where);
    log_warn(&server->log, "cannot serve the page on %s: %s; going on without", where,
             strerror(errno));
}

static void on_local_port(void *arg, int protocol, uint16_t port)
{
    struct server *server = arg;
    nat_reserve_port(&server->nat, protocol == IPPROTO_TCP ? IP_TCP : IP_UDP, port);
}

// The runs of free ports. When local sockets have cut the range into too many, the rest is left
// out.
static void find_ranges(struct nat_ports *ports, struct port_ranges *out)
{
    out->count = 0;
    bool in_run = false;
    for (uint32_t port = ports->low; port <= ports->high; port++) {
        bool is_free = !nat_ports_is_taken(ports, (uint16_t)port);
        if (is_free && !in_run && out->count == WIRE_RANGES) {
            nat_ports_reserve(ports, (uint16_t)port);
            continue;
        }
        if (is_free && !in_run)
            out->ranges[out->count++].low = (uint16_t)port;
        if (is_free)
            out->ranges[out->count - 1].high = (uint16_t)port;
        in_run = is_free;
    }
}

// Says so where the kernel may pick a port of ours for one of its own connections, which would then
// hear nothing.
static void warn_of_overlap(const struct server *server)
{
    struct port_range range;
    if (wire_local_port_range(&range) && range.low <= server->options.port_high &&
        range.high >= server->options.port_low)
        log_warn(&server->log,
                 "this host's own connections may use ports %u-%u (ip_local_port_range), and those "
                 "in the NAT's range would hear nothing: give another range with --ports",
                 (unsigned)range.low, (unsigned)range.high);
}

// Sets up the NAT, and the host so that the kernel leaves the NAT's ports alone.
static int set_up_nat(struct server *server)
{
    struct port_ranges tcp;
    struct port_ranges udp;
    struct nat_config config = {
        .outside_address = server->wire.address,
        .port_low = server->options.port_low,
        .port_high = server->options.port_high,
        .allow_private = server->options.allow_private,
        .filter_by_address = server->options.filter_by_address,
        .host_address = HOST_ADDRESS,
        .port_key = server->port_key,
        .outside_mtu = server->wire.mtu,
        .inside_mtu = TUN_MTU,
        .output = {to_wire, to_laptop, server->host_tun.fd >= 0 ? to_host : NULL, server},
    };
    if (crypto_random(&config.key, sizeof config.key) < 0) {
        log_error(&server->log, "the kernel gives no random numbers: %s", strerror(errno));
        return -1;
    }
    memcpy(config.own_addresses, server->wire.own_addresses, sizeof config.own_addresses);
    nat_init(&server->nat, &config);
    if (wire_local_ports(on_local_port, server) < 0)
        log_warn(&server->log, "cannot see which ports local sockets use: %s", strerror(errno));
    warn_of_overlap(server);
    find_ranges(&server->nat.tcp_ports, &tcp);
    find_ranges(&server->nat.udp_ports, &udp);
    if (tcp.count == 0 || udp.count == 0) {
        log_error(&server->log, "local sockets use all of the NAT's ports: give others (--ports)");
        return -1;
    }
    return wire_silence(&server->wire, &tcp, &udp);
}

// A TUN device leads laptops to this host's own services, as if they came from the Internet.
static int set_up_host_tun(struct server *server)
{
    if (access("/dev/net/tun", F_OK) < 0) {
        log_warn(&server->log, "there is no /dev/net/tun: laptops will not reach this host itself");
        return 0;
    }
    if (tun_open(&server->host_tun, "tether%d", &server->log) < 0 ||
        tun_configure(&server->host_tun, HOST_TUN_ADDRESS, HOST_PREFIX, TUN_MTU) < 0)
        return -1;
    return loop_add(&server->loop, server->host_tun.fd, POLLIN, on_host, server);
}

// The host's name servers are told to laptops, as far as they can reach them.
static void find_resolvers(struct server *server)
{
    struct configuration *config = &server->configuration;
    uint32_t found[RESOLVERS_MAX];
    size_t count = resolvers_read(found, RESOLVERS_MAX, "/etc/resolv.conf");
    for (size_t i = 0; i < count; i++) {
        enum ip_scope scope = ip_scope_of(found[i]);
        if (scope == SCOPE_GLOBAL || (scope == SCOPE_PRIVATE && server->options.allow_private))
            config->resolvers[config->resolver_count++] = found[i];
    }
}

// Reads the secrets, and prepares for laptops.
static int set_up_laptops(struct server *server)
{
    uint8_t key[KEY_SIZE];
    if (server->options.open) {
        if (crypto_random(&server->port_key, sizeof server->port_key) == 0)
            return server_laptops_init(server, NULL);
        log_error(&server->log, "the kernel gives no random numbers: %s", strerror(errno));
        return -1;
    }
    if (server_read_keys(server, key) < 0)
        return -1;
    find_resolvers(server);
    int result = server_laptops_init(server, key);
    crypto_wipe(key, sizeof key);
    return result;
}

// Changes the host. Returns 0, or -1 after having said what is wrong.
static int set_up_host(struct server *server)
{
    const struct server_options *options = &server->options;
    if (wire_open(&server->wire, options->interface, &server->log) < 0 ||
        listen_for_phones(server) < 0 || set_up_host_tun(server) < 0 || set_up_laptops(server) < 0)
        return -1;
    listen_for_page(server);
    if (set_up_nat(server) < 0 ||
        wire_capture(&server->wire, options->port_low, options->port_high) < 0)
        return -1;
    if (loop_add(&server->loop, server->wire.packet_fd, POLLIN, on_capture_ready, server) < 0 ||
        loop_add(&server->loop, server->wire.arp_fd, POLLIN, on_arp, server) < 0)
        return -1;
    return loop_every(&server->loop, 1000, on_tick, server);
}

static void undo_host(struct server *server)
{
    server_laptops_close(server);
    http_host_close(&server->host);
    wire_close(&server->wire);
    tun_close(&server->host_tun);
    loop_close(&server->loop);
}

static void init(struct server *server)
{
    struct http_host_config config = {
        .path = "/websocket",
        .protocol = &ws_protocol,
        .protocol_arg = &server->door,
        .page = &server->page,
        .dynamic = on_dynamic,
        .dynamic_arg = server,
    };
    server->host_tun.fd = server->host_tun.netlink.fd = -1;
    server->started_ms = server->loop.now_ms;
    server->door = (struct ws_door){server_accept, server};
    http_host_init(&server->host, &server->loop, &config);
}

static void say_hello(const struct server *server)
{
    char where[ENDPOINT_TEXT_MAX];
    const uint32_t a = server->wire.address;
    endpoint_format(&server->options.listen, where);
    if (server->options.open)
        log_warn(&server->log,
                 "open mode: ANYBODY who finds this host can use it as an exit to the "
                 "Internet in its owner's name, and whoever is on the way can read "
                 "and alter what passes; start me without --open to have a key");
    log_info(&server->log, "translating to %u.%u.%u.%u on %s, ports %u-%u; listening on %s",
             a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, server->wire.interface,
             (unsigned)server->options.port_low, (unsigned)server->options.port_high, where);
}

// Everything is open: what is left to do takes no privilege.
static int harden(const struct server *server)
{
    struct privilege_needs needs = {.folder = server->page.folder};
    if (privilege_drop(&server->log, &needs) < 0)
        return -1;
    struct sandbox_needs calls = {.files = needs.folder >= 0};
    (void)sandbox_enter(&server->log, &calls);
    return 0;
}

int main(int argc, char **argv)
{
    static struct server server;
    privilege_no_core_dumps();
    server.log = (struct log){.program = "tether-server", .level = LOG_LEVEL_INFO};
    int status = server_options_parse(&server.options, &server.log.level, argc, argv);
    if (status >= 0)
        return status;
    if (server.options.new_key)
        return server_make_new_key(&server);
    if (loop_init(&server.loop) < 0) {
        log_error(&server.log, "cannot watch signals: %s", strerror(errno));
        return 1;
    }
    init(&server);
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
