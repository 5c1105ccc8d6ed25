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
// or opens, is used from then on; what the old one still brings is copied, too, until the new one
// has brought something.
//
// Some carriers let only some ports through. So the server's others are tried a moment after the
// first, beside it, as RFC 8305 section 5 has it for addresses. The first that opens is used, and
// begins the next round; the others are closed.
#include "../base/options.h"
#include "../http/origin.h"
#include "../ws/base64.h"
#include "../ws/conn.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define PROGRAM           "tether-relay"
#define DEFAULT_LAPTOP    "ws://" LAPTOP_ADDRESS "/websocket"
#define DEFAULT_PATH      "/websocket"
#define HOST_MAX          256
#define WAYS              3   // ports of a server
#define STEP_MS           250 // from one of them to the next (RFC 8305 section 8)
#define SERVERS           (WAYS + 1)
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
#define LEAVING_MS        15000 // and at most so long the old one may bring what it still has
#define HOLD_MS           2000  // for a laptop that is connected to at once, or again at once
#define BACKOFF_MS        2000  // the longest pause before TCP repeats something

// One end of the tether, and how it is reached.
struct end {
    const char *name;
    struct relay *relay;
    struct http_place place;
    const char *path;
    const uint16_t *ports;
    size_t port_count;
    uint16_t port;     // the one that was named
    size_t first_port; // the one that worked last
    struct endpoint addresses[ADDRESSES_MAX];
    size_t address_count;
    size_t attempts;   // which of the addresses is next
    size_t next_port;  // of this round, from the first on; port_count: the round is over
    int64_t tried_ms;  // when the round began
    unsigned failures; // in a row
    bool is_idle;      // the server waits for the laptop to be here
    int64_t retry_at_ms;
    int64_t pause_ms;
};

// A connection to one of them.
struct side {
    struct end *end;
    struct relay *relay;
    struct side *other;
    char where[HOST_MAX + 8]; // HOST:PORT
    size_t port;              // which of its ports
    bool was_open;            // in the last attempt
    struct ws_conn ws;
    uint8_t rx[WS_RX_SIZE];
    uint8_t tx[TX_SIZE];
};

struct relay {
    struct log log;
    struct loop loop;
    struct end laptop_end;
    struct end server_end;
    struct side laptop;
    struct side servers[SERVERS]; // one of them is laptop.other; the others are spare, or leaving
    bool may_have_moved;          // the server, which was silent for long
    int64_t asked_ms;             // since when the server owes an answer; -1: it owes none
    int64_t hold_until_ms;        // what comes for the laptop waits for its connection until then
    int64_t leave_at_ms;          // when the connection that is leaving ends
};

static const char usage[] =
    "usage: tether-relay [--laptop URL] --server URL [-v|-q] [-h|--help] [--version]\n"
    "  --laptop URL  the laptop's WebSocket (" DEFAULT_LAPTOP ")\n"
    "  --server URL  the server's WebSocket, such as ws://203.0.113.10:8080/websocket;\n"
    "                or HOST, whose ports 8080, 443 and 80 are tried; or HOST:PORT\n";

// `ports`: of a HOST alone.
static bool parse_end(struct end *end, const char *text, const uint16_t *ports, size_t port_count) {
    struct http_place *place = &end->place;
    if (!http_read_place(place, text) || place->host.length >= HOST_MAX || place->scheme.length > 2)
        return false;
    end->path = place->authority.start + place->authority.length;
    if (*end->path == '\0')
        end->path = DEFAULT_PATH;
    end->port = place->port > 0 ? place->port : 80; // RFC 6455 section 3
    bool is_named = place->port > 0 || place->scheme.length > 0;
    end->ports = is_named ? &end->port : ports;
    end->port_count = is_named ? 1 : port_count;
    return true;
}

// A pause with up to a quarter of chance in it, so that many relays do not return in step.
static int64_t with_jitter(int64_t pause_ms) {
    uint16_t random = 0;
    if (getentropy(&random, sizeof random) < 0)
        random = 0;
    return pause_ms - pause_ms / 4 * random / UINT16_MAX;
}

static void retry_later(struct end *end, int64_t pause_ms) {
    if (end->relay->loop.stop)
        return;
    pause_ms = with_jitter(pause_ms);
    int tenths = (int)((pause_ms + 50) / 100);
    end->retry_at_ms = end->relay->loop.now_ms + pause_ms;
    log_info(&end->relay->log, "%s: trying again in %d.%d s", end->name, tenths / 10, tenths % 10);
}

static void back_off(struct end *end) {
    int64_t most_ms = end->failures++ < RETRY_EARLY_COUNT ? RETRY_EARLY_MS : RETRY_MAX_MS;
    retry_later(end, end->pause_ms);
    end->pause_ms = end->pause_ms * 2 < most_ms ? end->pause_ms * 2 : most_ms;
}

// Looks the host's name up. That blocks; but while one side is not connected, the other has nobody
// to relay for.
static bool find_addresses(struct end *end) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char host[HOST_MAX];
    int bracket = end->place.host.start[0] == '['; // RFC 3986 section 3.2.2
    snprintf(host, sizeof host, "%.*s", (int)end->place.host.length - 2 * bracket,
             end->place.host.start + bracket);
    int error = getaddrinfo(host, NULL, &hints, &found);
    if (error != 0) {
        log_error(&end->relay->log, "%s: cannot find %s: %s", end->name, host, gai_strerror(error));
        return false;
    }
    end->address_count = end->attempts = 0;
    for (const struct addrinfo *at = found; at != NULL && end->address_count < ADDRESSES_MAX;
         at = at->ai_next) {
        struct endpoint *to = &end->addresses[end->address_count++];
        memcpy(&to->address, at->ai_addr, at->ai_addrlen);
        to->length = at->ai_addrlen;
    }
    freeaddrinfo(found);
    return true;
}

// Connects to the round's address, at the next of its ports that lets itself be tried. Returns
// whether there was one.
static bool connect_side(struct side *side) {
    struct end *end = side->end;
    struct endpoint to = end->addresses[end->attempts - 1];
    while (end->next_port < end->port_count) {
        side->port = (end->first_port + end->next_port++) % end->port_count;
        side->was_open = false;
        endpoint_set_port(&to, end->ports[side->port]);
        snprintf(side->where, sizeof side->where, "%.*s:%u", (int)end->place.host.length,
                 end->place.host.start, (unsigned)end->ports[side->port]);
        if (ws_conn_connect(&side->ws, &to, side->where, end->path) == 0)
            return true;
        log_warn(&side->relay->log, "%s: cannot connect to %s: %s", end->name, side->where,
                 strerror(errno));
    }
    return false;
}

// A round goes to the next of the host's addresses; after the last of them the name is looked up
// again, for it may lead elsewhere by now.
static void begin_round(struct side *side) {
    struct end *end = side->end;
    end->is_idle = false;
    end->tried_ms = side->relay->loop.now_ms;
    if (end->attempts < end->address_count || find_addresses(end)) {
        end->attempts++;
        end->next_port = 0;
        if (connect_side(side))
            return;
    }
    if (side->other->other == side) // and no spare
        back_off(end);
}

// The laptop is here: a server that waited for it is connected again, as soon as its last
// connection is over.
static void wake(struct side *side) {
    if (!side->end->is_idle)
        return;
    side->end->is_idle = false;
    side->end->retry_at_ms = side->relay->loop.now_ms;
    if (side->ws.state == WS_FREE)
        begin_round(side);
}

// A spare connection whose state is one of these, or NULL.
static struct side *find_spare(struct relay *relay, enum ws_state from, enum ws_state to) {
    for (int i = 0; i < SERVERS; i++) {
        struct side *side = &relay->servers[i];
        if (side != relay->laptop.other && side->ws.state >= from && side->ws.state <= to)
            return side;
    }
    return NULL;
}

// Goes on with the round on a free connection. Returns that, or NULL where there is none.
static struct side *try_next(struct relay *relay) {
    struct side *spare = find_spare(relay, WS_FREE, WS_FREE);
    return spare != NULL && connect_side(spare) ? spare : NULL;
}

// One that is used needs no others tried beside it.
static void end_round(struct relay *relay) {
    struct side *spare;
    relay->server_end.next_port = relay->server_end.port_count;
    while ((spare = find_spare(relay, WS_CONNECTING, WS_HANDSHAKE)) != NULL)
        ws_conn_abort(&spare->ws);
}

// What comes from the laptop goes to this connection from now on, and the other one is a spare.
// What the other one had no room for goes there, too.
static void use(struct side *side) {
    struct relay *relay = side->relay;
    relay->laptop.other = side;
    relay->leave_at_ms = relay->loop.now_ms + LEAVING_MS;
    relay->asked_ms = -1;
    ws_conn_resume(&relay->laptop.ws);
}

static void on_opened(void *arg) {
    struct side *side = arg;
    struct relay *relay = side->relay;
    socket_limit_unsent(side->ws.fd, UNSENT);
    socket_limit_backoff(side->ws.fd, BACKOFF_MS);
    side->was_open = true;
    log_info(&relay->log, "%s: connected to %s", side->end->name, side->where);
    if (side == &relay->laptop) {
        for (int i = 0; i < SERVERS; i++) ws_conn_resume(&relay->servers[i].ws);
    } else {
        side->end->first_port = side->port;
        if (side != relay->laptop.other)
            use(side);
        end_round(relay);
    }
    wake(side->other);
}

// Whether a laptop's message has an answer, by its first byte (doc/protocol.md): an offer, or what
// is sealed under a session. In open mode it is an IP packet, to which there may be none.
static bool has_answer(uint8_t opcode, const uint8_t *data, size_t length) {
    uint8_t first[3] = {0};
    if (opcode == WS_BINARY && length > 0)
        first[0] = data[0];
    else if (opcode == WS_TEXT && length >= 4)
        (void)base64_decode(first, (const char *)data, 4);
    return first[0] == OFFER || first[0] == SEALED;
}

// The server owes an answer to what the laptop sends; any message is one, and an attempt to reach
// it by another connection ends.
static void watch_answers(struct side *side, bool is_question) {
    struct relay *relay = side->relay;
    if (side == &relay->laptop) {
        if (relay->asked_ms < 0 && is_question)
            relay->asked_ms = relay->loop.now_ms;
    } else if (side == relay->laptop.other) {
        relay->asked_ms = -1;
        relay->leave_at_ms = relay->loop.now_ms;
        end_round(relay);
    }
}

// Copies one message to the other side. False, "not now", when that side's send buffer is full.
static bool on_message(void *arg, uint8_t opcode, uint8_t *data, size_t length) {
    struct side *side = arg;
    struct ws_conn *to = &side->other->ws;
    watch_answers(side, has_answer(opcode, data, length));
    if (side != &side->relay->laptop && to->state != WS_OPEN &&
        side->relay->loop.now_ms < side->relay->hold_until_ms)
        return false; // the laptop is back in a moment
    if (to->state != WS_OPEN) {
        wake(side->other);
        return true;
    }
    uint8_t *payload = ws_conn_begin(to, opcode, length);
    if (payload == NULL)
        return false;
    memcpy(payload, data, length);
    ws_conn_commit(to);
    side->end->failures = 0;
    side->end->pause_ms = RETRY_FIRST_MS; // it works: the next loss begins with a short pause
    return true;
}

static void on_batch_end(void *arg) {
    struct side *side = arg;
    ws_conn_flush(&side->other->ws);
}

static void on_writable(void *arg) {
    struct side *side = arg;
    if (side != &side->relay->laptop)
        ws_conn_resume(&side->other->ws);
    else
        for (int i = 0; i < SERVERS; i++) ws_conn_resume(&side->relay->servers[i].ws);
}

static void say_why(const struct side *side, uint16_t status) {
    const struct log *log = &side->relay->log;
    const char *name = side->end->name;
    const char *where = side->where;
    if (side->ws.refused_status != 0)
        log_info(log, "%s: %s%s answers with HTTP status %d and no WebSocket", name, where,
                 side->end->path, side->ws.refused_status);
    else if (side->ws.error != 0)
        log_info(log, "%s: not connected to %s: %s", name, where, strerror(side->ws.error));
    else
        log_info(log, "%s: %s has closed the connection (status %u)", name, where, status);
}

static void on_closed(void *arg, uint16_t status) {
    struct side *side = arg;
    struct relay *relay = side->relay;
    struct end *end = side->end;
    struct side *spare = find_spare(relay, WS_CONNECTING, WS_OPEN);
    if (side != &relay->laptop && side != relay->laptop.other) // it has served, or was in vain
        return;
    say_why(side, status);
    if (side != &relay->laptop && (spare != NULL || (spare = try_next(relay)) != NULL)) {
        use(spare);
        return;
    }
    if (side->was_open) // and is lost: its name may lead elsewhere by now
        end->attempts = end->address_count;
    if (status == WS_STATUS_REPLACED) {
        retry_later(end, RETRY_REPLACED_MS);
    } else if (status == WS_STATUS_NOBODY && side != &relay->laptop) {
        end->is_idle = relay->laptop.ws.state != WS_OPEN;
        retry_later(end, end->pause_ms);
    } else if (status == WS_STATUS_SILENT && side == &relay->laptop) {
        retry_later(end, 0);
        relay->asked_ms = relay->loop.now_ms - SILENCE_MS;
        relay->may_have_moved = true;
        relay->hold_until_ms = relay->loop.now_ms + HOLD_MS;
    } else {
        back_off(end);
    }
}

static const struct ws_conn_events events = {
    .opened = on_opened,
    .message = on_message,
    .batch_end = on_batch_end,
    .writable = on_writable,
    .closed = on_closed,
};

static void tick_side(struct side *side) {
    ws_conn_tick(&side->ws);
    if (side->ws.state == WS_FREE && !side->end->is_idle && side->other->other == side &&
        side->relay->loop.now_ms >= side->end->retry_at_ms)
        begin_round(side);
    // What was held back for a side that has since gone must not wait for its return.
    if (side->other->ws.state != WS_OPEN)
        ws_conn_resume(&side->ws);
}

// To one of the addresses that are known, for a look-up holds everything up; but once in a while
// the server's name is looked up again, as it may lead elsewhere by now.
static void try_spare(struct relay *relay) {
    struct end *end = &relay->server_end;
    struct side *spare = find_spare(relay, WS_FREE, WS_FREE);
    if (spare == NULL)
        return;
    if (relay->may_have_moved)
        (void)find_addresses(end);
    relay->may_have_moved = false;
    if (end->attempts >= end->address_count)
        end->attempts = 0;
    begin_round(spare);
}

// Goes on with a round, tries other connections to a server that is silent, and ends those that
// have left.
static void tick_spares(struct relay *relay) {
    struct end *end = &relay->server_end;
    int64_t now_ms = relay->loop.now_ms;
    bool is_open = relay->laptop.other->ws.state == WS_OPEN;
    bool is_silent = is_open && relay->asked_ms >= 0 && now_ms - relay->asked_ms >= SILENCE_MS;
    bool is_stuck = is_open && now_ms - end->tried_ms >= ATTEMPT_MS;
    struct side *spare;
    if (is_stuck)
        while ((spare = find_spare(relay, WS_CONNECTING, WS_CONNECTING)) != NULL)
            ws_conn_abort(&spare->ws);
    if (is_silent || now_ms >= relay->leave_at_ms)
        while ((spare = find_spare(relay, WS_OPEN, WS_OPEN)) != NULL) ws_conn_abort(&spare->ws);
    if (now_ms - end->tried_ms >= STEP_MS * (int64_t)end->next_port)
        (void)try_next(relay);
    if (is_silent && now_ms - end->tried_ms >= ATTEMPT_MS / 2 &&
        find_spare(relay, WS_CONNECTING, WS_HANDSHAKE) == NULL)
        try_spare(relay);
}

static void on_tick(void *arg) {
    struct relay *relay = arg;
    tick_side(&relay->laptop);
    for (int i = 0; i < SERVERS; i++) tick_side(&relay->servers[i]);
    tick_spares(relay);
}

static void init_end(struct end *end, struct relay *relay, const char *name) {
    end->name = name;
    end->relay = relay;
    end->pause_ms = RETRY_FIRST_MS;
}

static void init_side(struct side *side, struct end *end, struct side *other) {
    struct relay *relay = end->relay;
    side->end = end;
    side->relay = relay;
    side->other = other;
    ws_conn_init(&side->ws, &relay->loop, &events, side, side->rx, sizeof side->rx, WS_MESSAGE_MAX,
                 side->tx, sizeof side->tx);
}

// Takes an end's option, which is named as the end is.
static int take_end(void *arg, char *value) {
    static const uint16_t server_ports[WAYS] = {8080, 443, 80};
    static const uint16_t laptop_port = LAPTOP_PORT;
    struct end *end = arg;
    bool is_laptop = end == &end->relay->laptop_end;
    const char *wanted = host_wants(strncmp(value, "ws://", 5) == 0 ? value + 5 : value);
    if (strncmp(value, "wss://", 6) == 0)
        wanted = "ws://, as I speak no TLS (a browser does, and socat: see man tether-relay)";
    if (wanted == NULL &&
        parse_end(end, value, is_laptop ? &laptop_port : server_ports, is_laptop ? 1 : WAYS))
        return 0;
    return options_wrong(PROGRAM, "--%s wants %s, not %s", end->name,
                         wanted != NULL ? wanted : "an address such as ws://HOST:PORT/websocket",
                         value);
}

// Reads the command line. Returns -1 to go on, or an exit status.
static int parse_options(struct relay *relay, int argc, char **argv) {
    const struct option_name names[] = {
        {"--laptop", .take = take_end, .arg = &relay->laptop_end},
        {"--server", .take = take_end, .arg = &relay->server_end},
        {.name = NULL},
    };
    const struct options line = {PROGRAM, usage, names, &relay->log.level};
    parse_end(&relay->laptop_end, DEFAULT_LAPTOP, NULL, 0);
    int status = options_read(&line, argc, argv);
    if (status >= 0)
        return status;
    if (relay->server_end.port_count == 0)
        return options_wrong(PROGRAM, "give the server's address: --server URL");
    return -1;
}

int main(int argc, char **argv) {
    static struct relay relay;
    log_init(&relay.log, PROGRAM);
    init_end(&relay.laptop_end, &relay, "laptop");
    init_end(&relay.server_end, &relay, "server");
    int status = parse_options(&relay, argc, argv);
    if (status >= 0)
        return status;
    if (loop_init(&relay.loop) < 0) {
        log_error(&relay.log, "cannot watch signals: %s", strerror(errno));
        return 1;
    }
    relay.asked_ms = -1;
    relay.hold_until_ms = relay.loop.now_ms + HOLD_MS; // for the greeting, which is said once
    init_side(&relay.laptop, &relay.laptop_end, &relay.servers[0]);
    for (int i = 0; i < SERVERS; i++)
        init_side(&relay.servers[i], &relay.server_end, &relay.laptop);
    if (!find_addresses(&relay.laptop_end) || !find_addresses(&relay.server_end))
        return 1;
    begin_round(&relay.laptop);
    begin_round(&relay.servers[0]);
    loop_every(&relay.loop, TICK_MS, on_tick, &relay);
    status = loop_run(&relay.loop) == 0 ? 0 : 1;
    ws_conn_close(&relay.laptop.ws, WS_STATUS_GOING_AWAY, "the relay stopped");
    for (int i = 0; i < SERVERS; i++) {
        ws_conn_close(&relay.servers[i].ws, WS_STATUS_GOING_AWAY, "the relay stopped");
        ws_conn_abort(&relay.servers[i].ws);
    }
    ws_conn_abort(&relay.laptop.ws);
    loop_close(&relay.loop);
    return status;
}
