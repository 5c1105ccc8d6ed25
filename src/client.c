// tether-client: the laptop's end.
//
// A TUN device takes the laptop's traffic; a WebSocket on the Wi-Fi waits for a phone; IP packets
// go from one to the other. The program also serves the page that the phone's browser runs, because
// a browser lets a page that came from the laptop talk to the laptop.
//
// Read main() first, then on_tun() for the way up and on_message() for the way down.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "client_options.h"
#include "ip/packet.h"
#include "tun/tun.h"
#include "tunnel/link.h"
#include "ws/host.h"

// The address that the first Tether had.
#define TUN_ADDRESS 0x0a000001 // 10.0.0.1
#define TUN_PREFIX  24
#define WIFI_PREFIX 16 // 169.254.0.0/16, RFC 3927

#define FORBIDDEN_MAX 256

// Connections: the phone's, and those of phones that it has replaced, on their way out.
#define CLIENT_CONNS 4
#define TUN_READS    256 // packets read before other descriptors get their turn

struct client;

struct client_conn {
    struct client *client;
    struct ws_conn ws;
    uint8_t rx[WS_RX_SIZE];
    uint8_t tx[LINK_TX_SIZE];
};

struct client {
    struct client_options options;
    struct log log;
    struct loop loop;
    struct page page;
    struct ws_host host;
    struct tun tun;
    struct lent_address wifi;
    struct tunnel_link link;
    struct client_conn conns[CLIENT_CONNS];
    int64_t started_ms;
    int64_t wifi_renewed_ms;
    uint64_t id;        // random; by it the server knows this laptop again, whatever phone it has
    uint64_t not_ipv4;  // dropped: the tether carries IPv4
    uint64_t tun_write; // dropped: the TUN device did not take it
    char forbidden[FORBIDDEN_MAX];
};

// The laptop's packets, on their way up.
static void on_tun(void *arg, short events)
{
    struct client *client = arg;
    uint8_t packet[IP_PACKET_MAX];
    (void)events;
    for (int i = 0; i < TUN_READS; i++) {
        ssize_t length = read(client->tun.fd, packet, sizeof packet);
        if (length < 0 && errno != EAGAIN && errno != EINTR) {
            log_error(&client->log, "cannot read from %s: %s", client->tun.name, strerror(errno));
            loop_fail(&client->loop);
        }
        if (length <= 0)
            break;
        if (ip_looks_like_ipv4(packet, (size_t)length))
            tunnel_link_queue(&client->link, packet, (size_t)length);
        else
            client->not_ipv4++;
    }
    tunnel_link_pump(&client->link);
}

// A message from the phone: a packet on its way down.
static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length)
{
    const struct client_conn *conn = arg;
    struct client *client = conn->client;
    const uint8_t *packet = tunnel_link_read(&client->link, opcode, data, &length);
    if (packet == NULL)
        return true;
    if (!ip_looks_like_ipv4(packet, length))
        client->not_ipv4++;
    else if (write(client->tun.fd, packet, length) != (ssize_t)length)
        client->tun_write++;
    return true;
}

static void on_writable(void *arg)
{
    const struct client_conn *conn = arg;
    if (conn->client->link.conn == &conn->ws)
        tunnel_link_pump(&conn->client->link);
}

static void on_closed(void *arg, uint16_t status)
{
    const struct client_conn *conn = arg;
    struct client *client = conn->client;
    if (client->link.conn != &conn->ws)
        return;
    tunnel_link_set_conn(&client->link, NULL);
    if (client->loop.stop)
        return;
    log_info(&client->log, "the phone is gone (status %u); waiting for it to return", status);
}

// A phone is here; it takes the place of any other.
static void on_opened(void *arg)
{
    struct client_conn *conn = arg;
    struct client *client = conn->client;
    struct ws_conn *old = client->link.conn;
    char peer[ENDPOINT_TEXT_MAX];
    endpoint_format_host(&conn->ws.peer, peer);
    tunnel_link_set_conn(&client->link, &conn->ws);
    if (old != NULL)
        ws_conn_close(old, WS_STATUS_REPLACED, "another phone or tab took over");
    log_info(&client->log, "phone %s is connected%s", peer,
             old != NULL ? ", in place of the one before" : "");
}

static const struct ws_conn_events conn_events = {
    .opened = on_opened,
    .message = on_message,
    .writable = on_writable,
    .closed = on_closed,
};

// Web pages from elsewhere are kept out, as any site that the phone shows could pose as the relay, or
// read what this laptop says of itself.
static int on_admit(void *arg, const struct http_request *request, bool websocket)
{
    const struct client *client = arg;
    const struct http_trust *trust = &client->options.trust;
    if (http_host_is_trusted(trust, request) &&
        (!websocket || http_origin_is_trusted(trust, request)))
        return 0;
    if (client->host.forbidden == 0)
        log_warn(&client->log, "refused a web page from elsewhere (403); status.json counts them, "
                               "and --origin lets one in");
    return 403;
}

// A connection that is free, or else one that is on its way out.
static struct ws_conn *on_accept(void *arg, const struct endpoint *peer,
                                 const struct http_text *query)
{
    struct client *client = arg;
    struct ws_conn *leaving = NULL;
    (void)peer;
    (void)query;
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct ws_conn *conn = &client->conns[i].ws;
        if (conn->state == WS_FREE)
            return conn;
        if (conn->state != WS_OPEN)
            leaving = conn;
    }
    if (leaving != NULL)
        ws_conn_abort(leaving);
    return leaving;
}

static void write_status(struct client *client, struct text *text)
{
    const struct tunnel_link *link = &client->link;
    char peer[ENDPOINT_TEXT_MAX] = "";
    if (link->conn != NULL)
        endpoint_format_host(&link->conn->peer, peer);
    text_add(text, "{\"program\":\"tether-client\",\"version\":\"%s\",\"uptime_s\":%lld",
             TETHER_VERSION, (long long)(client->loop.now_ms - client->started_ms) / 1000);
    text_add(text, ",\"phone\":{\"connected\":%s,\"address\":\"%s\"},\"form\":\"%s\"",
             link->conn != NULL ? "true" : "false", peer, link->text ? "text" : "binary");
    text_add(text, ",\"packets_up\":%llu,\"bytes_up\":%llu", (unsigned long long)link->packets_sent,
             (unsigned long long)link->bytes_sent);
    text_add(text, ",\"packets_down\":%llu,\"bytes_down\":%llu",
             (unsigned long long)link->packets_received, (unsigned long long)link->bytes_received);
    text_add(text, ",\"drops\":{\"no_phone\":%llu,\"queue_full\":%llu,\"bad_message\":%llu",
             (unsigned long long)link->no_phone, (unsigned long long)link->queue.dropped,
             (unsigned long long)link->bad_message);
    text_add(text, ",\"not_ipv4\":%llu,\"tun_write\":%llu}", (unsigned long long)client->not_ipv4,
             (unsigned long long)client->tun_write);
    text_add(text,
             ",\"http\":{\"accepted\":%llu,\"evicted\":%llu,\"expired\":%llu,"
             "\"refused\":%llu,\"forbidden\":%llu}}\n",
             (unsigned long long)client->host.accepted, (unsigned long long)client->host.evicted,
             (unsigned long long)client->host.expired, (unsigned long long)client->host.refused,
             (unsigned long long)client->host.forbidden);
}

// Whether "HOST", "HOST:PORT" or "[ADDRESS]:PORT" ends in a port.
static bool has_port(const char *name)
{
    const char *bracket = strrchr(name, ']');
    return strchr(bracket != NULL ? bracket : name, ':') != NULL;
}

static void write_config(const struct client *client, struct text *text)
{
    const char *server = client->options.server;
    text_add(text, "{\"role\":\"laptop\",\"server\":");
    if (server == NULL)
        text_add(text, "null");
    else
        text_add(text, "\"%s%s\"", server, has_port(server) ? "" : ":8080");
    text_add(text, ",\"id\":\"%016llx\"}\n", (unsigned long long)client->id);
}

static int on_dynamic(void *arg, const struct endpoint *peer, const struct http_text *path,
                      char *body, size_t size)
{
    struct client *client = arg;
    struct text text;
    (void)peer;
    text_init(&text, body, size);
    if (http_text_is(path, "/status.json"))
        write_status(client, &text);
    else if (http_text_is(path, "/config.json"))
        write_config(client, &text);
    return text.overflow ? -500 : (int)text.length;
}

static void on_tick(void *arg, short events)
{
    struct client *client = arg;
    (void)events;
    ws_host_tick(&client->host);
    for (size_t i = 0; i < CLIENT_CONNS; i++)
        ws_conn_tick(&client->conns[i].ws);
    if (client->loop.now_ms - client->wifi_renewed_ms >= LENT_RENEW_MS) {
        lent_address_renew(&client->wifi);
        client->wifi_renewed_ms = client->loop.now_ms;
    }
}

// Listens on one interface, or with NULL on all of them.
static int listen_on(struct client *client, const char *interface)
{
    char where[ENDPOINT_TEXT_MAX];
    int fd = socket_listen(&client->options.listen, interface);
    if (fd >= 0 && ws_host_listen(&client->host, fd, true) == 0)
        return 0;
    endpoint_format(&client->options.listen, where);
    const char *help = errno == EADDRINUSE ? " (is another tether-client running?)"
                       : errno == EADDRNOTAVAIL
                           ? " (no interface has this address: give --wifi IF and I add it)"
                           : "";
    log_error(&client->log, "cannot listen on %s: %s%s", where, strerror(errno), help);
    return -1;
}

// Listens for the phone. Sockets bound to an interface answer through it whatever the routes say,
// so the phone stays reachable when all else goes into the tether; a second one serves the laptop
// itself.
static int listen_for_phone(struct client *client)
{
    char interface[IFNAMSIZ];
    uint32_t address = endpoint_ipv4(&client->options.listen);
    if (address == 0 || !interface_with_address(address, interface) || strcmp(interface, "lo") == 0)
        return listen_on(client, NULL);
    if (listen_on(client, interface) < 0)
        return -1;
    return listen_on(client, "lo");
}

static int add_routes(struct client *client)
{
    static const struct cidr everything[] = {{0x00000000, 1}, {0x80000000, 1}};
    const struct client_options *options = &client->options;
    const struct cidr *routes = options->route_count > 0 ? options->routes : everything;
    size_t count = options->route_count > 0 ? options->route_count : 2;
    for (size_t i = 0; i < count && !options->no_routes; i++)
        if (tun_add_route(&client->tun, &routes[i]) < 0)
            return -1;
    return 0;
}

// Changes the host. Returns 0, or -1 after having said what is wrong.
static int set_up_host(struct client *client)
{
    const struct client_options *options = &client->options;
    if (options->wifi != NULL &&
        lent_address_add(&client->wifi, options->wifi, endpoint_ipv4(&options->listen), WIFI_PREFIX,
                         &client->log) < 0)
        return -1;
    client->wifi_renewed_ms = client->loop.now_ms;
    if (listen_for_phone(client) < 0)
        return -1;
    if (tun_open(&client->tun, options->tun_name, &client->log) < 0 ||
        tun_configure(&client->tun, TUN_ADDRESS, TUN_PREFIX, TUN_MTU) < 0 || add_routes(client) < 0)
        return -1;
    if (loop_add(&client->loop, client->tun.fd, POLLIN, on_tun, client) < 0)
        return -1;
    return loop_every(&client->loop, 1000, on_tick, client);
}

static void undo_host(struct client *client)
{
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        ws_conn_close(&client->conns[i].ws, WS_STATUS_GOING_AWAY, "the laptop stopped its tether");
        ws_conn_abort(&client->conns[i].ws);
    }
    ws_host_close(&client->host);
    tun_close(&client->tun);
    lent_address_remove(&client->wifi);
    loop_close(&client->loop);
}

static void init(struct client *client)
{
    char where[ENDPOINT_TEXT_MAX];
    struct ws_host_config config = {
        .path = "/websocket",
        .page = &client->page,
        .admit = on_admit,
        .forbidden = client->forbidden,
        .accept = on_accept,
        .dynamic = on_dynamic,
        .arg = client,
    };
    client->tun.fd = client->tun.netlink.fd = client->wifi.netlink.fd = -1;
    client->started_ms = client->loop.now_ms;
    endpoint_format(&client->options.listen, where);
    snprintf(client->forbidden, sizeof client->forbidden,
             "Open http://%s/ in the browser. The laptop's page has no other name, and pages of "
             "other sites\nare not let in, unless tether-client is started with their --origin.\n",
             where);
    tunnel_link_init(&client->link);
    ws_host_init(&client->host, &client->loop, &config);
    for (size_t i = 0; i < CLIENT_CONNS; i++) {
        struct client_conn *conn = &client->conns[i];
        conn->client = client;
        ws_conn_init(&conn->ws, &client->loop, &conn_events, conn, conn->rx, sizeof conn->rx,
                     WS_MESSAGE_MAX, conn->tx, sizeof conn->tx);
    }
}

int main(int argc, char **argv)
{
    static struct client client;
    client.log = (struct log){"tether-client", LOG_LEVEL_INFO};
    int status = client_options_parse(&client.options, &client.log.level, argc, argv);
    if (status >= 0)
        return status;
    if (loop_init(&client.loop) < 0) {
        log_error(&client.log, "cannot watch signals: %s", strerror(errno));
        return 1;
    }
    init(&client);
    if (getrandom(&client.id, sizeof client.id, 0) != (ssize_t)sizeof client.id) {
        log_error(&client.log, "the kernel gives no random numbers: %s", strerror(errno));
        return 1;
    }
    if (page_open(&client.page, client.options.html) < 0) {
        log_error(&client.log, "cannot open the folder %s: %s", client.options.html,
                  strerror(errno));
        return 1;
    }
    int result = set_up_host(&client);
    if (result == 0) {
        char where[ENDPOINT_TEXT_MAX];
        endpoint_format(&client.options.listen, where);
        log_warn(&client.log, "open mode: whoever is between here and the server can read along");
        log_info(&client.log, "on the phone, open http://%s/", where);
        result = loop_run(&client.loop);
    }
    undo_host(&client);
    return result == 0 ? 0 : 1;
}
