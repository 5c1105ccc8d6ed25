// tether-relay: the phone without a browser.
//
// It opens both WebSockets, copies every message from one to the other as it is, and opens a lost
// one again after a pause that doubles each time. When one side takes messages slower than the
// other gives them, reading from the other stops until there is room; what comes while a side is
// down is dropped, as IP would. html/relay.js is the same in a browser, and says what the close codes
// mean.
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/loop.h"
#include "ws/conn.h"

#define DEFAULT_LAPTOP    "ws://169.254.134.89:6354/websocket"
#define DEFAULT_PATH      "/websocket"
#define RETRY_FIRST_MS    250
#define RETRY_EARLY_MS    1500 // the longest pause at first,
#define RETRY_EARLY_COUNT 40   // that is, for about a minute
#define RETRY_MAX_MS      8000
#define RETRY_REPLACED_MS 30000 // another phone took over: do not fight it
#define ADDRESSES_MAX     4     // of a host that has several
#define TICK_MS           100
#define TX_SIZE           (WS_MESSAGE_MAX + 1024)
#define UNSENT            (64 * 1024)

// ws://HOST[:PORT][/PATH], taken apart.
struct url {
    char host[256]; // without brackets
    char authority[280];
    char port[8];
    char path[256];
};

struct side {
    const char *name;
    struct relay *relay;
    struct side *other;
    struct url url;
    struct endpoint addresses[ADDRESSES_MAX];
    size_t address_count;
    size_t attempts;   // which of the addresses is next
    unsigned failures; // in a row
    bool was_open;     // in the last attempt
    bool is_idle;      // the server waits for the laptop to be here
    struct ws_conn ws;
    int64_t retry_at_ms;
    int64_t pause_ms;
    uint64_t copied;
    uint64_t dropped;
    uint8_t rx[WS_RX_SIZE];
    uint8_t tx[TX_SIZE];
};

struct relay {
    struct log log;
    struct loop loop;
    struct side laptop;
    struct side server;
};

static const char usage[] =
    "usage: tether-relay [--laptop URL] --server URL [-v|-q] [--help] [--version]\n"
    "  --laptop URL  the laptop's WebSocket (" DEFAULT_LAPTOP ")\n"
    "  --server URL  the server's WebSocket, such as ws://203.0.113.10:8080/websocket\n";

static bool copy_part(char *out, size_t size, const char *from, size_t length)
{
    if (length >= size)
        return false;
    memcpy(out, from, length);
    out[length] = '\0';
    return true;
}

static bool parse_url(struct url *url, const char *text)
{
    unsigned long port;
    if (strncmp(text, "ws://", 5) != 0)
        return false;
    const char *authority = text + 5;
    size_t length = strcspn(authority, "/?#");
    const char *path = authority[length] == '/' ? authority + length : DEFAULT_PATH;
    if (authority[length] == '?' || strchr(path, '#') != NULL ||
        strcspn(path, " \t\r\n") != strlen(path))
        return false;
    const char *host = authority;
    size_t host_length = strcspn(host, ":/");
    const char *after = host + host_length;
    if (*authority == '[') { // an IPv6 address in brackets (RFC 3986 section 3.2.2)
        host = authority + 1;
        host_length = strcspn(host, "]/");
        after = host + host_length + (host[host_length] == ']');
    }
    const char *end = authority + length;
    if (host_length == 0 || !copy_part(url->host, sizeof url->host, host, host_length) ||
        !copy_part(url->authority, sizeof url->authority, authority, length) ||
        !copy_part(url->path, sizeof url->path, path, strlen(path)))
        return false;
    if (after == end)
        return copy_part(url->port, sizeof url->port, "80", 2);
    return *after == ':' &&
           copy_part(url->port, sizeof url->port, after + 1, (size_t)(end - after - 1)) &&
           number_parse(&port, url->port, 65535) == 0;
}

// A pause with up to a quarter of chance in it, so that many relays do not return in step.
static int64_t with_jitter(int64_t pause_ms)
{
    uint16_t random = 0;
    if (getrandom(&random, sizeof random, 0) < 0)
        random = 0;
    return pause_ms - pause_ms / 4 * random / UINT16_MAX;
}

static void retry_later(struct side *side, int64_t pause_ms)
{
    if (side->relay->loop.stop)
        return;
    pause_ms = with_jitter(pause_ms);
    int tenths = (int)((pause_ms + 50) / 100);
    side->retry_at_ms = side->relay->loop.now_ms + pause_ms;
    log_info(&side->relay->log, "%s: trying again in %d.%d s", side->name, tenths / 10,
             tenths % 10);
}

static void back_off(struct side *side)
{
    int64_t most_ms = side->failures++ < RETRY_EARLY_COUNT ? RETRY_EARLY_MS : RETRY_MAX_MS;
    retry_later(side, side->pause_ms);
    side->pause_ms = side->pause_ms * 2 < most_ms ? side->pause_ms * 2 : most_ms;
}

// Looks the host's name up. That blocks; but while one side is not connected, the other has nobody to
// relay for.
static bool find_addresses(struct side *side)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int error = getaddrinfo(side->url.host, side->url.port, &hints, &found);
    if (error != 0) {
        log_error(&side->relay->log, "%s: cannot find %s: %s", side->name, side->url.host,
                  gai_strerror(error));
        return false;
    }
    side->address_count = side->attempts = 0;
    for (const struct addrinfo *at = found; at != NULL && side->address_count < ADDRESSES_MAX;
         at = at->ai_next) {
        struct endpoint *to = &side->addresses[side->address_count++];
        memcpy(&to->address, at->ai_addr, at->ai_addrlen);
        to->length = at->ai_addrlen;
    }
    freeaddrinfo(found);
    return true;
}

// Each attempt goes to the next of the host's addresses; after the last of them the name is looked up
// again, for it may lead elsewhere by now.
static void connect_side(struct side *side)
{
    side->is_idle = side->was_open = false;
    if (side->attempts >= side->address_count && !find_addresses(side)) {
        back_off(side);
        return;
    }
    const struct endpoint *to = &side->addresses[side->attempts++];
    if (ws_conn_connect(&side->ws, to, side->url.authority, side->url.path) < 0) {
        log_warn(&side->relay->log, "%s: cannot connect to %s: %s", side->name, side->url.authority,
                 strerror(errno));
        back_off(side);
    }
}

// The laptop is here: a server that waited for it is connected again.
static void wake(struct side *side)
{
    if (side->is_idle)
        connect_side(side);
}

static void on_opened(void *arg)
{
    struct side *side = arg;
    socket_limit_unsent(side->ws.fd, UNSENT);
    side->was_open = true;
    log_info(&side->relay->log, "%s: connected to %s", side->name, side->url.authority);
    wake(side->other);
}

// Copies one message to the other side. False, "not now", when that side's send buffer is full.
static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length)
{
    struct side *side = arg;
    struct ws_conn *to = &side->other->ws;
    if (to->state != WS_OPEN) {
        wake(side->other);
        side->dropped++;
        return true;
    }
    uint8_t *payload = ws_conn_begin(to, opcode, length);
    if (payload == NULL)
        return false;
    memcpy(payload, data, length);
    ws_conn_commit(to);
    side->copied++;
    side->failures = 0;
    side->pause_ms = RETRY_FIRST_MS; // it works: the next loss begins with a short pause
    return true;
}

static void on_batch_end(void *arg)
{
    struct side *side = arg;
    ws_conn_flush(&side->other->ws);
}

static void on_writable(void *arg)
{
    struct side *side = arg;
    ws_conn_resume(&side->other->ws);
}

static void say_why(const struct side *side, uint16_t status)
{
    const struct log *log = &side->relay->log;
    const char *where = side->url.authority;
    if (side->ws.refused_status != 0)
        log_info(log, "%s: %s%s answers with HTTP status %d and no WebSocket", side->name, where,
                 side->url.path, side->ws.refused_status);
    else if (side->ws.error != 0)
        log_info(log, "%s: not connected to %s: %s", side->name, where, strerror(side->ws.error));
    else
        log_info(log, "%s: %s has closed the connection (status %u)", side->name, where, status);
}

static void on_closed(void *arg, uint16_t status)
{
    struct side *side = arg;
    struct relay *relay = side->relay;
    say_why(side, status);
    if (side->was_open) // and is lost: its name may lead elsewhere by now
        side->attempts = side->address_count;
    if (status == WS_STATUS_REPLACED) {
        retry_later(side, RETRY_REPLACED_MS);
    } else if (status == WS_STATUS_NOBODY && side == &relay->server) {
        side->is_idle = relay->laptop.ws.state != WS_OPEN;
        retry_later(side, side->pause_ms);
    } else if (status == WS_STATUS_SILENT && side == &relay->laptop) {
        retry_later(side, 0);
        ws_conn_abort(&relay->server.ws); // whatever TCP believes of it
    } else {
        back_off(side);
    }
}

static const struct ws_conn_events events = {
    .opened = on_opened,
    .message = on_message,
    .batch_end = on_batch_end,
    .writable = on_writable,
    .closed = on_closed,
};

static void tick_side(struct side *side)
{
    ws_conn_tick(&side->ws);
    if (side->ws.state == WS_FREE && !side->is_idle &&
        side->relay->loop.now_ms >= side->retry_at_ms)
        connect_side(side);
    // What was held back for a side that has since gone must not wait for its return.
    if (side->other->ws.state != WS_OPEN)
        ws_conn_resume(&side->ws);
}

static void on_tick(void *arg, short ready)
{
    struct relay *relay = arg;
    (void)ready;
    tick_side(&relay->laptop);
    tick_side(&relay->server);
}

static void init_side(struct side *side, struct relay *relay, const char *name, struct side *other)
{
    side->name = name;
    side->relay = relay;
    side->other = other;
    side->pause_ms = RETRY_FIRST_MS;
    ws_conn_init(&side->ws, &relay->loop, &events, side, side->rx, sizeof side->rx, WS_MESSAGE_MAX,
                 side->tx, sizeof side->tx);
}

static int wrong(const char *text, const char *value)
{
    fprintf(stderr, "tether-relay: error: %s %s\ntether-relay --help shows the usage\n", text,
            value);
    return 2;
}

// Reads the command line. Returns -1 to go on, or an exit status.
static int parse_options(struct relay *relay, int argc, char **argv)
{
    static const struct option options[] = {
        {"laptop", required_argument, NULL, 'l'},
        {"server", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    bool has_server = false;
    int option;
    parse_url(&relay->laptop.url, DEFAULT_LAPTOP);
    while ((option = getopt_long(argc, argv, "vq", options, NULL)) != -1) {
        struct side *side = option == 'l' ? &relay->laptop : &relay->server;
        if (option == 'h')
            return fputs(usage, stdout), 0;
        if (option == 'V')
            return puts("tether-relay " TETHER_VERSION), 0;
        if (option == '?')
            return fputs("tether-relay --help shows the usage\n", stderr), 2;
        if (option == 'v' || option == 'q')
            relay->log.level = option == 'v' ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN;
        else if (!parse_url(&side->url, optarg))
            return wrong("an address looks like ws://HOST:PORT/websocket, not", optarg);
        has_server |= option == 's';
    }
    if (optind < argc)
        return wrong("unexpected argument", argv[optind]);
    return has_server ? -1 : wrong("give the server's address:", "--server URL");
}

int main(int argc, char **argv)
{
    static struct relay relay;
    relay.log = (struct log){.program = "tether-relay", .level = LOG_LEVEL_INFO};
    int status = parse_options(&relay, argc, argv);
    if (status >= 0)
        return status;
    if (loop_init(&relay.loop) < 0) {
        log_error(&relay.log, "cannot watch signals: %s", strerror(errno));
        return 1;
    }
    init_side(&relay.laptop, &relay, "laptop", &relay.server);
    init_side(&relay.server, &relay, "server", &relay.laptop);
    if (!find_addresses(&relay.laptop) || !find_addresses(&relay.server))
        return 1;
    connect_side(&relay.laptop);
    connect_side(&relay.server);
    loop_every(&relay.loop, TICK_MS, on_tick, &relay);
    status = loop_run(&relay.loop) == 0 ? 0 : 1;
    ws_conn_close(&relay.laptop.ws, WS_STATUS_GOING_AWAY, "the relay stopped");
    ws_conn_close(&relay.server.ws, WS_STATUS_GOING_AWAY, "the relay stopped");
    ws_conn_abort(&relay.laptop.ws);
    ws_conn_abort(&relay.server.ws);
    loop_close(&relay.loop);
    return status;
}
