// tether-server: the remote host's end, and its NAT.
//
// Phones bring the packets of laptops through a WebSocket; each is translated to this host's own
// address and written to the network interface. What is captured there and belongs to a laptop is
// translated back and goes to its phone. The program also serves the page that the phone's browser
// runs.
//
// Read main() first, then on_message() for the way out and on_captured() for the way back.
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "server.h"

#define LAPTOP_ADDRESS "169.254.134.89:6354" // where the page looks for the laptop
// What laptops look like to this host: 192.0.0.0/29 is set aside for such use (RFC 7335).
#define HOST_TUN_ADDRESS 0xc0000001 // 192.0.0.1, the TUN device's own
#define HOST_ADDRESS     0xc0000002 // 192.0.0.2, all laptops'
#define HOST_PREFIX      29
#define HOST_READS       256

#define BATCHES 8 // captured before other descriptors get their turn

static uint16_t laptop_number(const struct server *server, const struct laptop *laptop)
{
    return (uint16_t)(laptop - server->laptops);
}

// Sends what was queued for laptops.
static void pump_laptops(struct server *server)
{
    for (size_t i = 0; i < SERVER_LINKS; i++) {
        struct laptop *laptop = &server->laptops[i];
        if (laptop->touched)
            tunnel_link_pump(&laptop->link);
        laptop->touched = false;
    }
}

// A message from a phone: a packet of its laptop, on its way out.
static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length)
{
    const struct server_conn *conn = arg;
    struct server *server = conn->server;
    uint8_t *bytes = tunnel_link_read(&conn->laptop->link, opcode, data, &length);
    if (bytes == NULL)
        return true;
    conn->laptop->seen_ms = server->loop.now_ms;
    nat_outbound(&server->nat, laptop_number(server, conn->laptop), bytes, length,
                 server->loop.now_ms);
    return true;
}

static void on_batch_end(void *arg)
{
    const struct server_conn *conn = arg;
    wire_flush(&conn->server->wire);
    pump_laptops(conn->server);
}

// The NAT's ways out: to the Internet,
static void to_wire(void *arg, const struct ip_packet *packet, bool lasting)
{
    struct server *server = arg;
    wire_send(&server->wire, packet->bytes, packet->length, packet->destination,
              server->loop.now_ms);
    if (!lasting)
        wire_flush(&server->wire);
}

// to this host itself,
static void to_host(void *arg, const struct ip_packet *packet)
{
    struct server *server = arg;
    if (write(server->host_tun.fd, packet->bytes, packet->length) != (ssize_t)packet->length)
        server->host_write++;
}

// and to a laptop, in packets of the right size.
static void on_segment(void *arg, uint8_t *bytes, size_t length)
{
    struct laptop *laptop = arg;
    tunnel_link_queue(&laptop->link, bytes, length);
    laptop->touched = true;
}

static void to_laptop(void *arg, uint16_t number, const struct ip_packet *packet,
                      const struct ip_offload *offload)
{
    static const struct ip_offload none;
    struct server *server = arg;
    if (ip_segment(packet, offload != NULL ? offload : &none, server->segment,
                   sizeof server->segment, on_segment, &server->laptops[number]) < 0)
        server->bad_offload++;
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
    for (int i = 0; i < BATCHES; i++)
        if (wire_receive(&server->wire, on_captured, server) < WIRE_BATCH)
            break;
    pump_laptops(server);
}

// Packets of this host's own stack, for laptops.
static void on_host(void *arg, short events)
{
    struct server *server = arg;
    (void)events;
    for (int i = 0; i < HOST_READS; i++) {
        ssize_t length = read(server->host_tun.fd, server->host_packet, sizeof server->host_packet);
        if (length <= 0)
            break;
        nat_from_host(&server->nat, server->host_packet, (size_t)length, server->loop.now_ms);
    }
    pump_laptops(server);
}

static void on_arp(void *arg, short events)
{
    struct server *server = arg;
    (void)events;
    wire_read_arp(&server->wire, server->loop.now_ms);
}

static void on_writable(void *arg)
{
    const struct server_conn *conn = arg;
    if (conn->laptop->link.conn == &conn->ws)
        tunnel_link_pump(&conn->laptop->link);
}

static void on_closed(void *arg, uint16_t status)
{
    const struct server_conn *conn = arg;
    struct server *server = conn->server;
    if (conn->laptop->link.conn != &conn->ws)
        return;
    tunnel_link_set_conn(&conn->laptop->link, NULL);
    if (server->loop.stop)
        return;
    log_info(&server->log, "laptop %u: its phone is gone (status %u)",
             laptop_number(server, conn->laptop), status);
}

// The phone of a laptop is here; it takes the place of the one before.
static void on_opened(void *arg)
{
    struct server_conn *conn = arg;
    struct server *server = conn->server;
    struct laptop *laptop = conn->laptop;
    struct ws_conn *old = laptop->link.conn;
    char peer[ENDPOINT_TEXT_MAX];
    endpoint_format_host(&conn->ws.peer, peer);
    laptop->used = true;
    laptop->phone = conn->ws.peer;
    laptop->seen_ms = server->loop.now_ms;
    tunnel_link_set_conn(&laptop->link, &conn->ws);
    if (old != NULL)
        ws_conn_close(old, WS_STATUS_REPLACED, "another phone or tab took over");
    log_info(&server->log, "laptop %u: phone %s is connected%s", laptop_number(server, laptop),
             peer, old != NULL ? ", in place of the one before" : "");
}

static const struct ws_conn_events conn_events = {
    .opened = on_opened,
    .message = on_message,
    .batch_end = on_batch_end,
    .writable = on_writable,
    .closed = on_closed,
};

// Copies the value of "id" in a query, or "" where there is none that will do: letters and digits.
static void read_id(char id[LAPTOP_ID_MAX], const struct http_text *query)
{
    size_t length = 0;
    id[0] = '\0';
    if (query->length <= 3 || query->length - 3 >= LAPTOP_ID_MAX ||
        memcmp(query->start, "id=", 3) != 0)
        return;
    for (const char *c = query->start + 3; c < query->start + query->length; c++) {
        if (!((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')))
            return;
        id[length++] = *c;
    }
    id[length] = '\0';
}

static bool is_same_laptop(const struct laptop *laptop, const char *id,
                           const struct endpoint *phone)
{
    if (!laptop->used || strcmp(laptop->id, id) != 0)
        return false;
    return *id != '\0' || endpoint_same_host(&laptop->phone, phone);
}

// The laptop that a connection is for: known already, or new in a free place, or in the place of the one
// that has been away longest. NULL when all are here.
static struct laptop *find_laptop(struct server *server, const struct endpoint *phone,
                                  const struct http_text *query)
{
    char id[LAPTOP_ID_MAX];
    struct laptop *place = NULL;
    read_id(id, query);
    for (size_t i = 0; i < SERVER_LINKS; i++) {
        struct laptop *laptop = &server->laptops[i];
        if (is_same_laptop(laptop, id, phone))
            return laptop;
        if (laptop->link.conn != NULL)
            continue;
        if (place == NULL || (place->used && (!laptop->used || laptop->seen_ms < place->seen_ms)))
            place = laptop;
    }
    if (place == NULL)
        return NULL;
    if (place->used)
        nat_forget_laptop(&server->nat, laptop_number(server, place));
    tunnel_link_init(&place->link);
    place->used = false;
    memcpy(place->id, id, sizeof id);
    return place;
}

// A connection that is free, or else one that is on its way out.
static struct server_conn *find_conn(struct server *server)
{
    struct server_conn *leaving = NULL;
    for (size_t i = 0; i < SERVER_CONNS; i++) {
        struct server_conn *conn = &server->conns[i];
        if (conn->ws.state == WS_FREE)
            return conn;
        if (conn->ws.state != WS_OPEN)
            leaving = conn;
    }
    if (leaving != NULL)
        ws_conn_abort(&leaving->ws);
    return leaving;
}

static struct ws_conn *on_accept(void *arg, const struct endpoint *peer,
                                 const struct http_text *query)
{
    struct server *server = arg;
    struct laptop *laptop = find_laptop(server, peer, query);
    struct server_conn *conn = laptop != NULL ? find_conn(server) : NULL;
    if (conn == NULL) {
        server->refused_laptops++;
        return NULL;
    }
    conn->laptop = laptop;
    return &conn->ws;
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
    ws_host_tick(&server->host);
    for (size_t i = 0; i < SERVER_CONNS; i++)
        ws_conn_tick(&server->conns[i].ws);
    nat_expire(&server->nat, server->loop.now_ms);
    wire_tick(&server->wire, server->loop.now_ms);
    if (!wire_is_unchanged(&server->wire))
        loop_fail(&server->loop);
    pump_laptops(server);
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
    if (fd >= 0 && ws_host_listen(&server->host, fd, true) == 0)
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
    if (fd >= 0 && ws_host_listen(&server->host, fd, false) == 0)
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
        .outside_mtu = server->wire.mtu,
        .inside_mtu = TUN_MTU,
        .output = {to_wire, to_laptop, server->host_tun.fd >= 0 ? to_host : NULL, server},
    };
    if (getrandom(&config.key, sizeof config.key, 0) != (ssize_t)sizeof config.key ||
        getrandom(&config.port_key, sizeof config.port_key, 0) != (ssize_t)sizeof config.port_key) {
        log_error(&server->log, "the kernel gives no random numbers: %s", strerror(errno));
        return -1;
    }
    wire_own_addresses(&server->wire, config.own_addresses, NAT_OWN_ADDRESSES);
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

// Changes the host. Returns 0, or -1 after having said what is wrong.
static int set_up_host(struct server *server)
{
    const struct server_options *options = &server->options;
    if (wire_open(&server->wire, options->interface, &server->log) < 0 ||
        listen_for_phones(server) < 0)
        return -1;
    listen_for_page(server);
    if (set_up_host_tun(server) < 0 || set_up_nat(server) < 0 ||
        wire_capture(&server->wire, options->port_low, options->port_high) < 0)
        return -1;
    if (loop_add(&server->loop, server->wire.packet_fd, POLLIN, on_capture_ready, server) < 0 ||
        loop_add(&server->loop, server->wire.arp_fd, POLLIN, on_arp, server) < 0)
        return -1;
    return loop_every(&server->loop, 1000, on_tick, server);
}

static void undo_host(struct server *server)
{
    for (size_t i = 0; i < SERVER_CONNS; i++) {
        ws_conn_close(&server->conns[i].ws, WS_STATUS_GOING_AWAY, "the server stopped its tether");
        ws_conn_abort(&server->conns[i].ws);
    }
    ws_host_close(&server->host);
    wire_close(&server->wire);
    tun_close(&server->host_tun);
    loop_close(&server->loop);
}

static void init(struct server *server)
{
    struct ws_host_config config = {
        .path = "/websocket",
        .page = &server->page,
        .accept = on_accept,
        .dynamic = on_dynamic,
        .arg = server,
    };
    server->host_tun.fd = server->host_tun.netlink.fd = -1;
    server->started_ms = server->loop.now_ms;
    ws_host_init(&server->host, &server->loop, &config);
    for (size_t i = 0; i < SERVER_CONNS; i++) {
        struct server_conn *conn = &server->conns[i];
        conn->server = server;
        ws_conn_init(&conn->ws, &server->loop, &conn_events, conn, conn->rx, sizeof conn->rx,
                     WS_MESSAGE_MAX, conn->tx, sizeof conn->tx);
    }
}

static void say_hello(const struct server *server)
{
    char where[ENDPOINT_TEXT_MAX];
    const uint32_t a = server->wire.address;
    endpoint_format(&server->options.listen, where);
    log_warn(&server->log, "open mode: anybody who finds this host can use it as an exit to the "
                           "Internet, and whoever is on the way can read along");
    log_info(&server->log, "translating to %u.%u.%u.%u on %s, ports %u-%u; listening on %s",
             a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, server->wire.interface,
             (unsigned)server->options.port_low, (unsigned)server->options.port_high, where);
}

int main(int argc, char **argv)
{
    static struct server server;
    server.log = (struct log){"tether-server", LOG_LEVEL_INFO};
    int status = server_options_parse(&server.options, &server.log.level, argc, argv);
    if (status >= 0)
        return status;
    if (loop_init(&server.loop) < 0) {
        log_error(&server.log, "cannot watch signals: %s", strerror(errno));
        return 1;
    }
    init(&server);
    if (page_open(&server.page, server.options.html) < 0) {
        log_error(&server.log, "cannot open the folder %s: %s", server.options.html,
                  strerror(errno));
        return 1;
    }
    int result = set_up_host(&server);
    if (result == 0) {
        say_hello(&server);
        result = loop_run(&server.loop);
    }
    undo_host(&server);
    return result == 0 ? 0 : 1;
}
