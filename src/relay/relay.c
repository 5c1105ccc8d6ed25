// SPDX-License-Identifier: ISC
// tether-relay: the phone without a browser.
//
// It opens both WebSockets, copies every message from one to the other as it is, and opens a lost
// one again after a pause that doubles each time. When one side takes messages slower than the
// other gives them, reading from the other stops until there is room; what comes while a side is
// down is dropped, as IP would. html/relay.js is the same in a browser, and says what the close
// codes mean.
//
// When the server says nothing for a while although the laptop speaks, that may be an outage, after
// which the connection goes on with all that was on its way; or the connection is dead, and TCP
// does not know. So another is tried beside it, again and again. Whichever brings something first,
// or opens, is used from then on; what the old one still brings is copied, too, for a while.
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "../base/log.h"
#include "../base/loop.h"
#include "../base/options.h"
#include "../ws/base64.h"
#include "../ws/conn.h"

#define PROGRAM           "tether-relay"
#define DEFAULT_LAPTOP    "ws://" LAPTOP_ADDRESS "/websocket"
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
#define OFFER             0x01 // first bytes of a laptop's messages that the server answers
#define SEALED            0x03
#define SILENCE_MS        2000  // of a server that owes an answer: another connection is tried,
#define ATTEMPT_MS        2000  // each for so long (TCP sends two SYNs in that time)
#define LEAVING_MS        15000 // and the old one may bring what it still has
#define HOLD_MS           2000  // for a laptop that is connected to again at once
#define BACKOFF_MS        2000  // the longest pause before TCP repeats something

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
    int64_t tried_ms; // when the last attempt began
    uint64_t copied;
    uint64_t dropped;
    uint8_t rx[WS_RX_SIZE];
    uint8_t tx[TX_SIZE];
};

struct relay {
    struct log log;
    struct loop loop;
    struct side laptop;
    struct side servers[2]; // one of them is laptop.other; the other is spare, or leaving
    bool may_have_moved;    // the server, which was silent for long
    int64_t asked_ms;       // since when the server owes an answer; -1: it owes none
    int64_t hold_until_ms;  // what comes for the laptop waits for its connection until then
    int64_t leave_at_ms;    // when the connection that is leaving ends
};

static const char usage[] =
    "usage: tether-relay [--laptop URL] --server URL [-v|-q] [-h|--help] [--version]\n"
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

// Looks the host's name up. That blocks; but while one side is not connected, the other has nobody
// to relay for.
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

// Each attempt goes to the next of the host's addresses; after the last of them the name is looked
// up again, for it may lead elsewhere by now.
static void connect_side(struct side *side)
{
    side->is_idle = side->was_open = false;
    side->tried_ms = side->relay->loop.now_ms;
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

// The laptop is here: a server that waited for it is connected again, as soon as its last
// connection is over.
static void wake(struct side *side)
{
    if (!side->is_idle)
        return;
    side->is_idle = false;
    side->retry_at_ms = side->relay->loop.now_ms;
    if (side->ws.state == WS_FREE)
        connect_side(side);
}

static struct side *spare_of(struct relay *relay)
{
    return &relay->servers[relay->laptop.other == &relay->servers[0]];
}

// What comes from the laptop goes to the spare connection from now on, and the other one is the
// spare. What the other one had no room for goes there, too.
static void use_spare(struct relay *relay)
{
    relay->laptop.other = spare_of(relay);
    relay->leave_at_ms = relay->loop.now_ms + LEAVING_MS;
    relay->asked_ms = -1;
    ws_conn_resume(&relay->laptop.ws);
}

static void on_opened(void *arg)
{
    struct side *side = arg;
    struct relay *relay = side->relay;
    socket_limit_unsent(side->ws.fd, UNSENT);
    socket_limit_backoff(side->ws.fd, BACKOFF_MS);
    side->was_open = true;
    log_info(&relay->log, "%s: connected to %s", side->name, side->url.authority);
    if (side == &relay->laptop) {
        ws_conn_resume(&relay->servers[0].ws);
        ws_conn_resume(&relay->servers[1].ws);
    } else if (side == spare_of(relay)) {
        use_spare(relay);
    }
    wake(side->other);
}

// Whether a laptop's message has an answer, by its first byte (doc/protocol.md): an offer, or what
// is sealed under a session. In open mode it is an IP packet, to which there may be none.
static bool has_answer(uint8_t opcode, const uint8_t *data, size_t length)
{
    uint8_t first[3] = {0};
    if (opcode == WS_BINARY && length > 0)
        first[0] = data[0];
    else if (opcode == WS_TEXT && length >= 4)
        (void)base64_decode(first, (const char *)data, 4);
    return first[0] == OFFER || first[0] == SEALED;
}

// The server owes an answer to what the laptop sends; any message is one, and an attempt to reach
// it by another connection ends.
static void watch_answers(struct side *side, bool is_question)
{
    struct relay *relay = side->relay;
    struct side *spare = spare_of(relay);
    if (side == &relay->laptop) {
        if (relay->asked_ms < 0 && is_question)
            relay->asked_ms = relay->loop.now_ms;
    } else if (side != spare) {
        relay->asked_ms = -1;
        if (spare->ws.state != WS_OPEN)
            ws_conn_abort(&spare->ws);
    }
}

// Copies one message to the other side. False, "not now", when that side's send buffer is full.
static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length)
{
    struct side *side = arg;
    struct ws_conn *to = &side->other->ws;
    watch_answers(side, has_answer(opcode, data, length));
    if (side != &side->relay->laptop && to->state != WS_OPEN &&
        side->relay->loop.now_ms < side->relay->hold_until_ms)
        return false; // the laptop is back in a moment
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
    if (side == &side->relay->laptop)
        ws_conn_resume(&spare_of(side->relay)->ws);
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
    struct side *spare = spare_of(relay);
    if (side == spare) // it has served, or was in vain
        return;
    say_why(side, status);
    if (side != &relay->laptop && spare->ws.state != WS_FREE && spare->ws.state <= WS_OPEN) {
        use_spare(relay);
        return;
    }
    if (side->was_open) // and is lost: its name may lead elsewhere by now
        side->attempts = side->address_count;
    if (status == WS_STATUS_REPLACED) {
        retry_later(side, RETRY_REPLACED_MS);
    } else if (status == WS_STATUS_NOBODY && side != &relay->laptop) {
        side->is_idle = relay->laptop.ws.state != WS_OPEN;
        retry_later(side, side->pause_ms);
    } else if (status == WS_STATUS_SILENT && side == &relay->laptop) {
        retry_later(side, 0);
        relay->asked_ms = relay->loop.now_ms - SILENCE_MS;
        relay->may_have_moved = true;
        relay->hold_until_ms = relay->loop.now_ms + HOLD_MS;
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
    if (side->ws.state == WS_FREE && !side->is_idle && side != spare_of(side->relay) &&
        side->relay->loop.now_ms >= side->retry_at_ms)
        connect_side(side);
    // What was held back for a side that has since gone must not wait for its return.
    if (side->other->ws.state != WS_OPEN)
        ws_conn_resume(&side->ws);
}

// To one of the addresses that are known, for a look-up holds everything up; but once in a while
// the server's name is looked up again, as it may lead elsewhere by now.
static void try_spare(struct relay *relay)
{
    const struct side *used = relay->laptop.other;
    struct side *spare = spare_of(relay);
    if (!relay->may_have_moved || !find_addresses(spare)) {
        memcpy(spare->addresses, used->addresses, sizeof spare->addresses);
        spare->address_count = used->address_count;
    }
    relay->may_have_moved = false;
    if (spare->attempts >= spare->address_count)
        spare->attempts = 0;
    connect_side(spare);
}

// Tries another connection to a server that is silent, and ends one that has left.
static void tick_spare(struct relay *relay)
{
    struct side *spare = spare_of(relay);
    int64_t now_ms = relay->loop.now_ms;
    bool is_silent = relay->laptop.other->ws.state == WS_OPEN && relay->asked_ms >= 0 &&
                     now_ms - relay->asked_ms >= SILENCE_MS;
    bool is_stuck = spare->ws.state == WS_CONNECTING && now_ms - spare->tried_ms >= ATTEMPT_MS;
    bool is_leaving = spare->ws.state == WS_OPEN && (is_silent || now_ms >= relay->leave_at_ms);
    if (is_stuck || is_leaving)
        ws_conn_abort(&spare->ws);
    if (is_silent && spare->ws.state == WS_FREE && now_ms - spare->tried_ms >= ATTEMPT_MS / 2)
        try_spare(relay);
}

static void on_tick(void *arg, short ready)
{
    struct relay *relay = arg;
    (void)ready;
    tick_side(&relay->laptop);
    tick_side(&relay->servers[0]);
    tick_side(&relay->servers[1]);
    tick_spare(relay);
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

enum { OPT_LAPTOP, OPT_SERVER };

static const struct option_name names[] = {
    {"--laptop", OPT_LAPTOP, true},
    {"--server", OPT_SERVER, true},
    {NULL, 0, false},
};

// Takes one option. Returns 0, or an exit status.
static int take_option(void *arg, int id, char *value)
{
    struct relay *relay = arg;
    bool is_laptop = id == OPT_LAPTOP;
    struct url *url = is_laptop ? &relay->laptop.url : &relay->servers[0].url;
    const char *wanted = strncmp(value, "ws://", 5) == 0 ? host_wants(value + 5) : NULL;
    if (wanted == NULL && parse_url(url, value))
        return 0;
    return options_wrong(PROGRAM, "%s wants %s, not %s", is_laptop ? "--laptop" : "--server",
                         wanted != NULL ? wanted : "an address such as ws://HOST:PORT/websocket",
                         value);
}

// Reads the command line. Returns -1 to go on, or an exit status.
static int parse_options(struct relay *relay, int argc, char **argv)
{
    const struct options line = {PROGRAM, usage, names, &relay->log.level, take_option, relay};
    parse_url(&relay->laptop.url, DEFAULT_LAPTOP);
    int status = options_read(&line, argc, argv);
    if (status >= 0)
        return status;
    if (relay->servers[0].url.host[0] == '\0')
        return options_wrong(PROGRAM, "give the server's address: --server URL");
    return -1;
}

int main(int argc, char **argv)
{
    static struct relay relay;
    log_init(&relay.log, PROGRAM);
    int status = parse_options(&relay, argc, argv);
    if (status >= 0)
        return status;
    if (loop_init(&relay.loop) < 0) {
        log_error(&relay.log, "cannot watch signals: %s", strerror(errno));
        return 1;
    }
    relay.servers[1].url = relay.servers[0].url;
    relay.asked_ms = -1;
    init_side(&relay.laptop, &relay, "laptop", &relay.servers[0]);
    init_side(&relay.servers[0], &relay, "server", &relay.laptop);
    init_side(&relay.servers[1], &relay, "server", &relay.laptop);
    if (!find_addresses(&relay.laptop) || !find_addresses(&relay.servers[0]))
        return 1;
    connect_side(&relay.laptop);
    connect_side(&relay.servers[0]);
    loop_every(&relay.loop, TICK_MS, on_tick, &relay);
    status = loop_run(&relay.loop) == 0 ? 0 : 1;
    ws_conn_close(&relay.laptop.ws, WS_STATUS_GOING_AWAY, "the relay stopped");
    for (int i = 0; i < 2; i++) {
        ws_conn_close(&relay.servers[i].ws, WS_STATUS_GOING_AWAY, "the relay stopped");
        ws_conn_abort(&relay.servers[i].ws);
    }
    ws_conn_abort(&relay.laptop.ws);
    loop_close(&relay.loop);
    return status;
}
