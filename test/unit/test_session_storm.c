// SPDX-License-Identifier: ISC
// Sessions in a storm: the parts of tether-client and tether-server that deal with phones and
// sessions, as they ship, under an adversary who is the phone, the stranger on the Wi-Fi and the
// clock.
//
// Three laptops and a server stand in one process. The WebSocket connections between them are the
// test's own: what an end sends is kept, and the adversary delivers it, drops it, holds it back or
// sends it again later. He also forges greetings, refusals, answers and sealed messages with
// numbers that he has seen. The timers of both ends run when he likes, and time stands still, goes
// on or jumps. Keys last for seconds here (the Makefile builds this program's sources so), so that
// each run sees thousands of sessions.
//
// What must hold at every step:
//   - what a keyed laptop or the server sends is sealed, under a key that both ends derived, and
//     that is
//     neither ended nor over;
//   - no pair of key and counter is used twice;
//   - a packet arrives at its own laptop's place or at its own laptop, at most once, and unaltered;
//   - a stranger's bytes and connections do not take the path from a phone that works;
//   - what one part holds of another (paths, buffers, places) is there, and holds it too.
// The server has as many free places as there are laptops, and one more laptop comes and goes: who
// is away may find its place given to another. And from time to time the storm stops: then every
// laptop must have a session again within seconds.
//
//   STORM_STEPS=5000000 STORM_SEED=7 build/unit/test_session_storm
#include <inttypes.h>

#include "base/bytes.h"
#include "client/keyed.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "os/resolvers.h"
#include "server/keys.h"
#include "server/phones.h"
#include "test.h"
#include "ws/base64.h"

#define LAPTOPS       3
#define PHONES        9
#define STRANGERS     4
#define GUESTS        (SERVER_LINKS - LAPTOPS + 1) // laptops that have places and say nothing
#define HELD          48  // messages that one direction of a phone holds back
#define MESSAGE_MOST  600 // longer ones are dropped, as a bad phone may
#define KEPT          64  // messages that may be sent again
#define LEDGER        256 // sessions that are remembered
#define PACKET        40
#define PACKETS_KNOWN 65536
#define STEPS_DEFAULT 400000
#define CALM_EVERY    20000 // steps
#define CALM_MS       20000 // within which all must be well again
#define CALM_TALK_MS  2000
#define STEP_MS       20

struct message {
    size_t length;
    uint8_t opcode;
    uint8_t bytes[MESSAGE_MOST];
};

struct passage {
    struct message held[HELD];
    size_t count;
};

// A phone, or with no server's end a stranger at the laptop.
struct phone {
    int laptop;
    struct ws_conn *near; // at the laptop; NULL: there is none
    struct ws_conn *far;  // at the server
    struct passage up;
    struct passage down;
    bool is_honest;
};

// A session that both ends derived, as the server answered it.
struct entry {
    uint32_t index[2]; // on what goes up, and down
    uint8_t key[2][AEAD_KEY];
    uint64_t next[2]; // the counter of the next message
};

struct packets {
    uint32_t sent;
    bool seen[PACKETS_KNOWN];
};

static struct {
    int64_t us;
    struct phone phones[PHONES + STRANGERS];
    struct message kept[KEPT];
    size_t kept_next;
    struct entry ledger[LEDGER];
    size_t ledger_next;
    struct packets up[LAPTOPS];
    struct packets down[LAPTOPS];
    uint64_t sealed;
    uint64_t sessions;
    uint64_t silent_closings;
    struct ws_conn elsewhere; // the guests' phones
} world;

// As much of tether-client as deals with the session.
struct client {
    struct log log;
    struct loop loop;
    struct machine machine;
    struct client_phones phones;
    struct keyed keyed;
};
static struct client clients[LAPTOPS];
static struct {
    struct log log;
    struct loop loop;
    struct gateway gateway;
    struct laptops laptops;
    struct server_phones phones;
    uint8_t key[KEY_SIZE];
} server;

int crypto_random(void *out, size_t length) {
    test_random_bytes(out, length);
    return 0;
}

// ---- what the hosts would do ----

int keys_read(uint8_t key[KEY_SIZE], struct siphash_key *port_key,
              const struct server_options *options, uint32_t address, const struct log *log) {
    (void)port_key, (void)options, (void)address, (void)log;
    memcpy(key, server.key, KEY_SIZE);
    return 0;
}

static uint32_t host_resolvers[3]; // up to a 0

size_t resolvers_read(uint32_t *addresses, size_t most, const char *path) {
    size_t count = 0;
    (void)path;
    while (count < most && count < 3 && host_resolvers[count] != 0) {
        addresses[count] = host_resolvers[count];
        count++;
    }
    return count;
}

bool tun_write(struct tun *tun, const uint8_t *packet, size_t length) {
    int laptop = tun->fd;
    uint32_t number = get_be32(packet + 24);
    struct packets *down = &world.down[laptop];
    if (length != PACKET || packet[20] != 'd' || packet[21] != laptop || number >= down->sent)
        test_fail(__FILE__, __LINE__, "laptop %d is given a packet that is not its own", laptop);
    else if (down->seen[number % PACKETS_KNOWN])
        test_fail(__FILE__, __LINE__, "laptop %d is given a packet twice", laptop);
    down->seen[number % PACKETS_KNOWN] = true;
    return true;
}

bool tun_write_offloaded(struct tun *tun, const struct ip_packet *packet,
                         const struct ip_offload *offload) {
    (void)offload;
    return tun_write(tun, packet->bytes, packet->length);
}

int tun_configure(struct tun *tun, uint32_t address, uint8_t prefix_length, uint32_t mtu) {
    (void)tun, (void)address, (void)prefix_length, (void)mtu;
    return 0;
}

void names_follow(struct names *names, const struct configuration *config) {
    (void)names, (void)config;
}

// No device is opened here, or read.
int tun_open(struct tun *tun, const char *name, const struct log *log) {
    (void)tun, (void)name, (void)log;
    return -1;
}

void tun_take_ipv6(struct tun *tun) { (void)tun; }

int tun_add_route(struct tun *tun, const struct cidr *cidr, uint32_t mss) {
    (void)tun, (void)cidr, (void)mss;
    return -1;
}

ssize_t tun_read(struct tun *tun, uint8_t buffer[TUN_READ_MAX], uint8_t **packet,
                 struct ip_offload *offload) {
    (void)tun, (void)buffer, (void)packet, (void)offload;
    return -1;
}

void tun_close(struct tun *tun) { (void)tun; }

void gateway_flush(struct gateway *gateway) { (void)gateway; }

void gateway_set_laptop(struct gateway *gateway, uint16_t laptop, uint64_t identity) {
    (void)gateway, (void)laptop, (void)identity;
}

uint32_t gateway_mappings(const struct gateway *gateway, uint16_t laptop) {
    (void)gateway, (void)laptop;
    return 0;
}

static void make_packet(uint8_t packet[PACKET], char way, int laptop, uint32_t number) {
    const uint8_t header[20] = {0x45, [3] = PACKET, [8] = 64, [9] = 47, [12] = 10, [16] = 10};
    memset(packet, 0, PACKET);
    memcpy(packet, header, sizeof header);
    packet[20] = (uint8_t)way;
    packet[21] = (uint8_t)laptop;
    put_be32(packet + 24, number);
}

// Sends the next numbered packet; who it was sent to is forgotten after some ten thousand.
static uint32_t next_number(struct packets *packets) {
    packets->seen[packets->sent % PACKETS_KNOWN] = false;
    return packets->sent++;
}

// A laptop's packet has reached the NAT, which answers.
void gateway_send(struct gateway *gateway, uint16_t place, uint8_t *bytes, size_t length,
                  const struct ip_offload *offload) {
    struct laptop *laptop = &server.laptops.places[place];
    int number = bytes[21];
    uint8_t answer[PACKET];
    char id[3];
    (void)gateway, (void)offload;
    snprintf(id, sizeof id, "%02x", number);
    if (length != PACKET || bytes[20] != 'u' || number >= LAPTOPS ||
        memcmp(laptop->id, id, 2) != 0) {
        test_fail(__FILE__, __LINE__, "place %u is given a packet of another", place);
        return;
    }
    struct packets *up = &world.up[number];
    uint32_t sent = get_be32(bytes + 24);
    if (sent >= up->sent || up->seen[sent % PACKETS_KNOWN])
        test_fail(__FILE__, __LINE__, "a packet of laptop %d came twice", number);
    up->seen[sent % PACKETS_KNOWN] = true;
    make_packet(answer, 'd', number, next_number(&world.down[number]));
    tunnel_link_queue(&laptop->link, answer, sizeof answer, server.loop.now_us);
    laptop->touched = true;
}

// ---- what is sent ----

static bool is_known(const struct session *session) {
    for (size_t i = 0; i < LEDGER; i++)
        if (memcmp(world.ledger[i].key[true], session->receive_key, AEAD_KEY) == 0)
            return true;
    return false;
}

// The server has answered an offer: both ends may derive these keys.
static void keep_entry(const struct pending *pending) {
    const struct session *session = &pending->session;
    if (!session->live || is_known(session))
        return;
    struct entry *entry = &world.ledger[world.ledger_next++ % LEDGER];
    memset(entry, 0, sizeof *entry);
    entry->index[true] = session->receive_index;
    entry->index[false] = session->send_index;
    memcpy(entry->key[true], session->receive_key, AEAD_KEY);
    memcpy(entry->key[false], session->send_key, AEAD_KEY);
    world.sessions++;
}

// The session under which an end says that it seals, or NULL.
static const struct session *sealing_session(const struct ws_conn *conn, bool up, uint32_t index) {
    for (int i = 0; up && i < LAPTOPS; i++)
        if (conn->loop == &clients[i].loop &&
            clients[i].keyed.initiator.keys.current.send_index == index)
            return &clients[i].keyed.initiator.keys.current;
    for (size_t i = 0; !up && i < SERVER_LINKS; i++)
        if (server.laptops.responder.laptops[i].current.send_index == index)
            return &server.laptops.responder.laptops[i].current;
    for (size_t i = 0; !up && i < SERVER_CONNS; i++) // who finds no place is told so under it
        if (server.phones.conns[i].pending.session.send_index == index)
            return &server.phones.conns[i].pending.session;
    return NULL;
}

// Whether a message opens under a key that both ends derived.
static bool opens(const struct entry *entry, bool up, const uint8_t *bytes, size_t length) {
    static uint8_t copy[LINK_TX_SIZE];
    uint8_t nonce[AEAD_NONCE] = {0};
    uint64_t counter = get_be64(bytes + 5);
    for (int i = 0; i < 8; i++) nonce[4 + i] = (uint8_t)(counter >> 8 * i);
    if (entry->index[up] != get_be32(bytes + 1))
        return false;
    memcpy(copy, bytes, length);
    return aead_open(copy + SEALED_HEAD, length - SEALED_HEAD, entry->key[up], nonce, NULL, 0);
}

static void check_sealed(const struct ws_conn *conn, bool up, const uint8_t *bytes, size_t length) {
    uint32_t index = get_be32(bytes + 1);
    uint64_t counter = get_be64(bytes + 5);
    const struct session *session = sealing_session(conn, up, index);
    struct entry *entry = NULL;
    for (size_t i = 0; i < LEDGER && entry == NULL; i++)
        if (opens(&world.ledger[i], up, bytes, length))
            entry = &world.ledger[i];
    if (entry == NULL) {
        test_fail(__FILE__, __LINE__, "sealed under a key on which nobody agreed");
        return;
    }
    if (session == NULL || !session->live || session_is_over(session, conn->loop->now_ms))
        test_fail(__FILE__, __LINE__, "sealed under a session that is over");
    if (counter != entry->next[up])
        test_fail(__FILE__, __LINE__, "counter %" PRIu64 " instead of %" PRIu64, counter,
                  entry->next[up]);
    entry->next[up] = counter + 1;
    world.sealed++;
}

static struct phone *phone_of(const struct ws_conn *conn) {
    for (size_t i = 0; i < COUNT(world.phones); i++)
        if (world.phones[i].near == conn || world.phones[i].far == conn)
            return &world.phones[i];
    return NULL;
}

// An end sends a message.
static void on_sent(struct ws_conn *conn, uint8_t opcode, const uint8_t *payload, size_t length) {
    static uint8_t bytes[LINK_TX_SIZE];
    bool up = conn->loop != &server.loop;
    struct phone *phone = phone_of(conn);
    memcpy(bytes, payload, length);
    size_t plain = length;
    if (!tunnel_decode(opcode, bytes, &plain))
        test_fail(__FILE__, __LINE__, "text that is no base64");
    if (bytes[0] == MESSAGE_SEALED && plain >= SEALED_OVERHEAD)
        check_sealed(conn, up, bytes, plain);
    else if (bytes[0] == 0 || bytes[0] > MESSAGE_GREETING)
        test_fail(__FILE__, __LINE__, "a message of type %02x leaves in the clear", bytes[0]);
    struct passage *way = phone == NULL ? NULL : up ? &phone->up : &phone->down;
    if (way == NULL || way->count == HELD || length > MESSAGE_MOST)
        return;
    struct message *message = &way->held[way->count++];
    message->opcode = opcode;
    message->length = length;
    memcpy(message->bytes, payload, length);
    world.kept[world.kept_next++ % KEPT] = *message;
}

// ---- the connections ----

void ws_conn_init(struct ws_conn *conn, struct loop *loop, const struct ws_conn_events *events,
                  void *arg, uint8_t *rx, size_t rx_size, size_t message_max, uint8_t *tx,
                  size_t tx_size) {
    (void)rx, (void)rx_size, (void)message_max;
    memset(conn, 0, sizeof *conn);
    conn->loop = loop;
    conn->events = events;
    conn->arg = arg;
    conn->fd = -1;
    conn->tx = tx;
    conn->tx_size = tx_size;
}

void ws_conn_grow(struct ws_conn *conn, uint8_t *rx, size_t rx_size, uint8_t *tx, size_t tx_size) {
    (void)rx, (void)rx_size;
    conn->tx = tx;
    conn->tx_size = tx_size;
}

bool ws_conn_has_room(struct ws_conn *conn, size_t length) {
    return conn->state == WS_OPEN && length + WS_HEAD_MAX + 256 <= conn->tx_size;
}

uint8_t *ws_conn_begin(struct ws_conn *conn, uint8_t opcode, size_t length) {
    conn->pending.opcode = opcode;
    conn->pending.length = length;
    return ws_conn_has_room(conn, length) ? conn->tx : NULL;
}

void ws_conn_commit_part(struct ws_conn *conn, size_t length) {
    on_sent(conn, conn->pending.opcode, conn->tx, length);
}

void ws_conn_commit(struct ws_conn *conn) {
    ws_conn_commit_part(conn, (size_t)conn->pending.length);
}

void ws_conn_flush(struct ws_conn *conn) { (void)conn; }

size_t ws_conn_unsent(const struct ws_conn *conn) {
    (void)conn;
    return 0;
}

void ws_conn_skip(struct ws_conn *conn) { (void)conn; }

void ws_conn_close(struct ws_conn *conn, uint16_t status, const char *reason) {
    (void)reason;
    if (conn->state != WS_OPEN)
        return;
    world.silent_closings += status == WS_STATUS_SILENT;
    conn->state = WS_CLOSING;
    conn->deadline_ms = conn->loop->now_ms + WS_CLOSE_TIMEOUT_MS;
    conn->events->closed(conn->arg, status);
}

void ws_conn_abort(struct ws_conn *conn) {
    bool was_open = conn->state == WS_OPEN;
    conn->state = WS_FREE;
    if (was_open)
        conn->events->closed(conn->arg, WS_STATUS_ABNORMAL);
}

void ws_conn_ask(struct ws_conn *conn) { (void)conn; }

void ws_conn_tick(struct ws_conn *conn) {
    if (conn->state == WS_CLOSING && conn->loop->now_ms >= conn->deadline_ms)
        ws_conn_abort(conn);
}

static void open_conn(struct ws_conn *conn, const struct endpoint *peer) {
    conn->peer = *peer;
    conn->state = WS_OPEN;
    conn->heard_ms = conn->loop->now_ms;
    conn->events->opened(conn->arg);
}

// ---- what points at what ----

static bool has_conn(const struct laptop *laptop, const struct ws_conn *conn) {
    const struct server_conn *path = conn->arg;
    return conn->state == WS_OPEN && path->phone.path == &laptop->path && path->large != NULL &&
           path->large->user == path;
}

static void check_pointers(void) {
    for (int i = 0; i < LAPTOPS; i++)
        if (clients[i].phones.link.conn != NULL && clients[i].phones.link.conn->state != WS_OPEN)
            test_fail(__FILE__, __LINE__, "the path of laptop %d is not open", i);
    for (size_t i = 0; i < SERVER_LINKS; i++) {
        const struct ws_conn *conn = server.laptops.places[i].link.conn;
        if (conn != NULL && conn != &world.elsewhere && !has_conn(&server.laptops.places[i], conn))
            test_fail(__FILE__, __LINE__, "the path of place %zu is another's", i);
    }
    for (size_t i = 0; i < SERVER_CONNS; i++) {
        const struct server_conn *conn = &server.phones.conns[i];
        bool is_open = conn->phone.ws.state == WS_OPEN;
        if (server.phones.strangers[i].held > 0 && (!is_open || conn->phone.path != NULL))
            test_fail(__FILE__, __LINE__, "connection %zu counts as a stranger's", i);
        if (!is_open && conn->pending.session.live)
            test_fail(__FILE__, __LINE__, "a handshake outlives connection %zu", i);
        if (is_open && conn->large != NULL && conn->large->user != conn)
            test_fail(__FILE__, __LINE__, "connection %zu uses another's buffers", i);
    }
}

// A laptop that says nothing comes, where there is a place for it, or goes.
static void guest_acts(int number, bool comes) {
    struct offer offer = {.identity = {(uint8_t)(0x80 + number)}};
    int place = server.laptops.responder.config.admit(&server.laptops, &offer);
    world.elsewhere.state = WS_OPEN;
    if (place < 0)
        return;
    server.laptops.places[place].link.conn = comes ? &world.elsewhere : NULL;
    server.laptops.places[place].seen_ms = server.loop.now_ms;
}

// An end is given a message.
static void give(struct ws_conn *conn, const struct message *message) {
    uint8_t *copy = test_copy(message->bytes, message->length);
    bool is_small = conn->tx_size < LINK_TX_SIZE;
    bool is_taken = true;
    if (is_small && message->length + WS_HEAD_MAX > STRANGER_RX && conn->events->crowded != NULL)
        is_taken = conn->events->crowded(conn->arg, message->opcode, copy, message->length) &&
                   conn->tx_size == LINK_TX_SIZE;
    if (is_taken && conn->state == WS_OPEN) {
        conn->heard_ms = conn->loop->now_ms;
        conn->events->message(conn->arg, message->opcode, copy, message->length);
        conn->events->batch_end(conn->arg);
    }
    free(copy);
    check_pointers();
    for (size_t i = 0; conn->loop == &server.loop && i < SERVER_CONNS; i++)
        keep_entry(&server.phones.conns[i].pending);
}

// ---- phones ----

static void lose(struct phone *phone) {
    struct ws_conn *near = phone->near;
    struct ws_conn *far = phone->far;
    phone->near = phone->far = NULL;
    phone->up.count = phone->down.count = 0;
    if (near != NULL)
        ws_conn_abort(near);
    if (far != NULL)
        ws_conn_abort(far);
}

// A connection that its end has closed, or given to another, is not this phone's any more.
static void notice(struct phone *phone) {
    if ((phone->near != NULL && phone->near->state != WS_OPEN) ||
        (phone->far != NULL && phone->far->state != WS_OPEN))
        lose(phone);
}

static void forget_conn(const struct ws_conn *conn) {
    for (size_t i = 0; i < COUNT(world.phones); i++) {
        struct phone *phone = &world.phones[i];
        if (phone->near == conn)
            phone->near = NULL;
        if (phone->far == conn)
            phone->far = NULL;
    }
}

static void connect_phone(int number, int laptop, bool honest) {
    static const struct http_text nothing;
    struct phone *phone = &world.phones[number];
    struct client *client = &clients[laptop];
    struct endpoint peer;
    char address[16];
    lose(phone);
    snprintf(address, sizeof address, "169.254.1.%d", 1 + number);
    (void)endpoint_parse(&peer, address, (uint16_t)(1024 + test_below(60000)));
    phone->laptop = laptop;
    phone->is_honest = honest;
    struct ws_conn *near = client_phones_accept(&client->phones, &peer, &nothing);
    struct ws_conn *far =
        number < PHONES ? server_phones_accept(&server.phones, &peer, &nothing) : NULL;
    if (near != NULL)
        forget_conn(near);
    if (far != NULL)
        forget_conn(far);
    phone->near = near;
    phone->far = far;
    if (far != NULL)
        open_conn(far, &peer);
    if (near != NULL)
        open_conn(near, &peer);
}

// Delivers the message at this place in the queue.
static void deliver(struct phone *phone, bool up, size_t at) {
    struct passage *way = up ? &phone->up : &phone->down;
    struct ws_conn *to = up ? phone->far : phone->near;
    if (at >= way->count)
        return;
    struct message message = way->held[at];
    memmove(&way->held[at], &way->held[at + 1], (way->count - at - 1) * sizeof message);
    way->count--;
    if (to != NULL && to->state == WS_OPEN)
        give(to, &message);
}

// ---- the adversary ----

// An index that is in use, or was, or none at all.
static uint32_t some_index(void) {
    const struct initiator *initiator = &clients[test_below(LAPTOPS)].keyed.initiator;
    switch (test_below(6)) {
    case 0: return initiator->keys.current.receive_index;
    case 1: return initiator->keys.current.send_index;
    case 2: return initiator->keys.previous.receive_index;
    case 3: return world.ledger[test_below(LEDGER)].index[test_below(2)];
    case 4: return 0;
    default: return (uint32_t)test_random();
    }
}

static void forge_sealed(struct message *message) {
    struct session forger = {
        .live = true, .send_index = some_index(), .next_counter = test_below(9)};
    if (test_below(2) == 0) // else it is a key of zeros
        test_random_bytes(forger.send_key, AEAD_KEY);
    message->length = SEALED_OVERHEAD + PACKET;
    memset(message->bytes, 0x45, message->length);
    (void)session_seal(&forger, message->bytes, PACKET);
}

static void forge(struct message *message) {
    static const uint8_t types[] = {MESSAGE_REFUSAL, MESSAGE_GREETING, MESSAGE_ANSWER, 0x45};
    const struct initiator *initiator = &clients[test_below(LAPTOPS)].keyed.initiator;
    message->opcode = test_below(8) == 0 ? WS_TEXT : WS_BINARY;
    message->length = 1 + test_below(120);
    test_random_bytes(message->bytes, message->length);
    message->bytes[0] = types[test_below(COUNT(types))];
    if (test_below(3) == 0) {
        forge_sealed(message);
    } else if (message->bytes[0] == MESSAGE_REFUSAL) {
        message->bytes[1] = (uint8_t)(1 + test_below(3));
        memset(message->bytes + 2, 0, REFUSAL_SUBJECT);
        put_be32(message->bytes + 2, some_index());
        if (message->bytes[1] == REFUSAL_WRONG_KEY)
            memcpy(message->bytes + 2, initiator->offer + 1, REFUSAL_SUBJECT);
        message->length = REFUSAL_SIZE;
    }
}

// Returns whether it was one that an end had sent, which may be genuine.
static bool inject(struct phone *phone) {
    struct message message;
    struct ws_conn *to = phone->far == NULL || test_below(2) == 0 ? phone->near : phone->far;
    bool is_repeated = test_below(3) == 0;
    if (is_repeated)
        message = world.kept[test_below(KEPT)];
    else
        forge(&message);
    if (to != NULL && to->state == WS_OPEN && message.length > 0)
        give(to, &message);
    return is_repeated;
}

// How long the server has owed an answer on the path.
static int64_t path_silence(const struct client *client) {
    for (size_t i = 0; i < CLIENT_CONNS; i++)
        if (path_is_on(&client->phones.conns[i].phone))
            return liveness_silence(&client->phones.conns[i].liveness, client->loop.now_ms);
    return 0;
}

// A stranger's bytes, and his coming and going, take nothing from a phone that works.
static void stranger_acts(int number) {
    struct phone *stranger = &world.phones[number];
    int laptop = stranger->near != NULL ? stranger->laptop : (int)test_below(LAPTOPS);
    const struct client *client = &clients[laptop];
    const struct ws_conn *path = client->phones.link.conn;
    const struct phone *phone = path != NULL ? phone_of(path) : NULL;
    bool works = phone != NULL && phone->far != NULL && client->phones.path.current != NULL &&
                 path_silence(client) < LIVENESS_DEAD_MS;
    bool may_carry = false; // as any phone does
    switch (test_below(8)) {
    case 0: connect_phone(number, laptop, false); break;
    case 1: lose(stranger); break;
    default: may_carry = inject(stranger); break;
    }
    if (works && client->phones.link.conn != path && !may_carry)
        test_fail(__FILE__, __LINE__, "a stranger took the path of a phone that works");
}

// ---- time ----

static void set_clocks(void) {
    for (int i = 0; i < LAPTOPS; i++) {
        clients[i].loop.now_us = world.us;
        clients[i].loop.now_ms = world.us / 1000;
    }
    server.loop.now_us = world.us + 5000000000;
    server.loop.now_ms = server.loop.now_us / 1000;
    for (size_t i = 0; i < SERVER_LINKS; i++)
        if (server.laptops.places[i].link.conn == &world.elsewhere)
            server.laptops.places[i].seen_ms = server.loop.now_ms;
}

static void pass_time(void) {
    uint32_t kind = test_below(1000);
    int64_t ms = kind < 980   ? test_below(STEP_MS)
                 : kind < 999 ? test_below(2000)
                              : test_below(30000);
    world.us += ms * 1000 + test_below(1000);
    set_clocks();
}

// Any of the timers, whichever would be next.
static void run_a_timer(void) {
    struct client *client = &clients[test_below(LAPTOPS)];
    switch (test_below(5)) {
    case 0: client_phones_tick(&client->phones); break;
    case 1: keyed_tick(&client->keyed); break;
    case 2: client_phones_pump(&client->phones); break;
    case 3: server_phones_tick(&server.phones); break;
    default: laptops_pump(&server.laptops); break;
    }
}

static void laptop_talks(int laptop) {
    struct client *client = &clients[laptop];
    uint8_t packet[PACKET];
    make_packet(packet, 'u', laptop, next_number(&world.up[laptop]));
    tunnel_link_queue(&client->phones.link, packet, sizeof packet, client->loop.now_us);
    client_phones_pump(&client->phones);
}

static void step(void) {
    int number = (int)test_below(PHONES);
    struct phone *phone = &world.phones[number];
    notice(phone);
    pass_time();
    switch (test_below(40)) {
    case 0:
        if (test_below(10) == 0)
            connect_phone(number, (int)test_below(LAPTOPS), false);
        break;
    case 1:
        if (test_below(20) == 0)
            lose(phone);
        else if (test_below(8) == 0)
            guest_acts(GUESTS - 1, test_below(4) > 0);
        break;
    case 2:
    case 3: stranger_acts(PHONES + (int)test_below(STRANGERS)); break;
    case 4: (void)inject(phone); break;
    case 5:
        if (test_below(4) == 0)
            phone->down.count = 0; // answers get lost while questions pass
        break;
    case 6: phone->up.count /= 2; break;
    case 7:
    case 8:
    case 9:
    case 10:
    case 11: laptop_talks((int)test_below(LAPTOPS)); break;
    case 12:
    case 13:
    case 14:
    case 15:
    case 16: run_a_timer(); break;
    case 17: deliver(phone, test_below(2) == 0, test_below(HELD)); break;
    default: deliver(phone, test_below(2) == 0, 0); break;
    }
}

// ---- the storm stops ----

// Phones that work, and laptops that talk, or else strangers.
static void go_on_calmly(int64_t for_ms, bool strangers) {
    for (int64_t passed_ms = 0; passed_ms < for_ms && !test_state.failed; passed_ms += STEP_MS) {
        world.us += STEP_MS * 1000;
        set_clocks();
        for (int i = 0; i < LAPTOPS; i++) {
            struct phone *phone = &world.phones[i];
            notice(phone);
            if (phone->near == NULL || phone->far == NULL)
                connect_phone(i, i, true);
            while (phone->up.count > 0) deliver(phone, true, 0);
            while (phone->down.count > 0) deliver(phone, false, 0);
            if (passed_ms % 250 < STEP_MS)
                keyed_tick(&clients[i].keyed);
            if (passed_ms % 1000 < STEP_MS)
                client_phones_tick(&clients[i].phones);
            if (passed_ms % 100 < STEP_MS && !strangers)
                laptop_talks(i);
            client_phones_pump(&clients[i].phones);
        }
        if (strangers)
            stranger_acts(PHONES + (int)test_below(STRANGERS));
        if (passed_ms % 1000 < STEP_MS)
            server_phones_tick(&server.phones);
        laptops_pump(&server.laptops);
    }
}

static void calm(void) {
    uint32_t before[LAPTOPS];
    for (size_t i = 0; i < COUNT(world.phones); i++) lose(&world.phones[i]);
    guest_acts(GUESTS - 1, false);
    go_on_calmly(CALM_MS, false);
    uint64_t closings = world.silent_closings;
    go_on_calmly(CALM_MS, true);
    for (int i = 0; i < LAPTOPS; i++) before[i] = world.down[i].sent;
    go_on_calmly(CALM_TALK_MS, false);
    for (int i = 0; i < LAPTOPS && !test_state.failed; i++)
        if (world.down[i].sent == before[i] ||
            session_to_seal(&clients[i].keyed.initiator.keys, clients[i].loop.now_ms) == NULL)
            test_fail(__FILE__, __LINE__, "laptop %d is not online again after the storm", i);
    if (world.silent_closings != closings)
        test_fail(__FILE__, __LINE__, "a phone that works was told to connect anew");
}

// ---- the test ----

static void begin(void) {
    static const struct server_options options;
    struct siphash_key port_key;
    test_random_bytes(server.key, sizeof server.key);
    world.us = 1000000000;
    set_clocks();
    server.log.program = "server";
    server.gateway.host_tun.fd = -1;
    server_phones_init(&server.phones, &server_keyed, &server.log, &server.loop, &server.laptops);
    (void)laptops_init(&server.laptops, &server.log, &server.loop, &server.gateway);
    (void)server_keyed.start(&server.laptops, &options, &port_key);
    server.laptops.alarm->callback(server.laptops.alarm->arg); // nobody is there yet
    for (int i = 0; i < GUESTS - 1; i++) guest_acts(i, true);
    for (int i = 0; i < LAPTOPS; i++) {
        struct client *client = &clients[i];
        uint8_t identity[IDENTITY_SIZE] = {(uint8_t)i, 0x77};
        client->log.program = "client";
        machine_init(&client->machine, &client->log);
        client->machine.tun.fd = i;
        client->phones.log = client->keyed.log = &client->log;
        client->phones.loop = client->keyed.loop = &client->loop;
        client->phones.mode = &client_keyed;
        client->phones.machine = client->keyed.machine = &client->machine;
        client->phones.keyed = &client->keyed;
        client->keyed.phones = &client->phones;
        keyed_init(&client->keyed);
        initiator_init(&client->keyed.initiator, server.key, identity, 0x64400001 + (uint32_t)i);
        client_phones_init(&client->phones, &client->keyed.initiator.keys,
                           &server.laptops.queue_key);
    }
}

static uint64_t number_from(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void storm(void) {
    uint64_t steps = number_from("STORM_STEPS", STEPS_DEFAULT);
    test_seed = number_from("STORM_SEED", 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    begin();
    for (uint64_t i = 0; i < steps && !test_state.failed; i++) {
        test_row("seed %" PRIu64 ", step %" PRIu64 " of %" PRIu64, number_from("STORM_SEED", 1), i,
                 steps);
        if (i % CALM_EVERY == CALM_EVERY - 1)
            calm();
        else
            step();
    }
    printf("# seed %" PRIu64 ": %" PRIu64 " steps, %" PRIu64 " sessions, %" PRIu64
           " sealed messages, %" PRIu64 " s of the hosts' time\n",
           number_from("STORM_SEED", 1), steps, world.sessions, world.sealed,
           (uint64_t)world.us / 1000000);
    for (int i = 0; i < LAPTOPS; i++) CHECK_INT(clients[i].phones.link.not_sealed, 0);
    CHECK(world.sessions > steps / 10000);
    CHECK(world.sealed > steps / 100);
}

// The server says this to the first laptop.
static struct message say(uint8_t type, uint8_t body) {
    struct message message = {.length = SEALED_OVERHEAD + RECORD_HEAD + 1, .opcode = WS_BINARY};
    size_t length = record_write(message.bytes + SEALED_HEAD, type, &body, 1);
    for (size_t i = 0; i < SERVER_LINKS; i++) {
        struct session *session = &server.laptops.responder.laptops[i].current;
        if (session->live &&
            session->send_index == clients[0].keyed.initiator.keys.current.receive_index)
            (void)session_seal(session, message.bytes, length);
    }
    return message;
}

static void goodbyes(void) {
    const struct session *session = &clients[0].keyed.initiator.keys.current;
    go_on_calmly(CALM_MS, false);
    CHECK(session->live && clients[0].phones.link.conn != NULL);
    struct message full = say(RECORD_GOODBYE, GOODBYE_FULL);
    struct message later = say(RECORD_PONG, 0);
    give(clients[0].phones.link.conn, &later);
    give(clients[0].phones.link.conn, &full);
    CHECK(session->live);
    full = say(RECORD_GOODBYE, GOODBYE_FULL);
    give(clients[0].phones.link.conn, &full);
    CHECK(!session->live);
}

// Laptops are told the resolvers that they reach. Where there are none, the NAT leads them to the
// first of those that only the host reaches.
static void resolvers(void) {
    static const struct {
        uint32_t host[3];
        bool allow_private;
        size_t count;
        uint32_t told; // the first
        uint32_t led_to;
    } cases[] = {
        {{0}, false, 0, 0, 0},
        {{0x01010101, 0x08080808}, false, 2, 0x01010101, 0},
        {{0x0a000002, 0x08080808}, false, 1, 0x08080808, 0},
        {{0x0a000002, 0x0a000003}, false, 1, INSIDE_RESOLVER, 0x0a000002},
        {{0x0a000002, 0x0a000003}, true, 2, 0x0a000002, 0},
        {{0xa9fea9fd}, true, 1, INSIDE_RESOLVER, 0xa9fea9fd}, // a cloud's, link-local
        {{0x7f000001}, true, 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct server_options options = {.allow_private = cases[i].allow_private};
        struct configuration *config = &server.laptops.configuration;
        struct siphash_key port_key;
        memset(config, 0, sizeof *config);
        server.gateway.resolver = 0;
        memcpy(host_resolvers, cases[i].host, sizeof host_resolvers);
        test_row("case %zu", i);
        CHECK_INT(server_keyed.start(&server.laptops, &options, &port_key), 0);
        CHECK_INT(config->resolver_count, cases[i].count);
        CHECK_INT(config->resolvers[0], cases[i].told);
        CHECK_INT(server.gateway.resolver, cases[i].led_to);
    }
}

// A long message from who is not known yet: there is room for it where it begins as a session's of
// a laptop does, in either form.
static void long_messages_of_strangers(void) {
    static const struct {
        uint8_t opcode;
        bool is_known;
    } cases[] = {{WS_BINARY, true}, {WS_TEXT, true}, {WS_BINARY, false}, {WS_TEXT, false}};
    static const struct http_text nothing;
    struct endpoint peer;
    CHECK_INT(endpoint_parse(&peer, "198.51.100.77", 1024), 0);
    go_on_calmly(CALM_MS, false);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct session *session = &clients[0].keyed.initiator.keys.current;
        uint8_t head[30] = {MESSAGE_SEALED};
        uint8_t message[1000] = {0};
        test_row("case %zu", i);
        put_be32(head + 1, session->send_index ^ !cases[i].is_known);
        put_be64(head + 5, session->next_counter + 10);
        memcpy(message, head, sizeof head);
        if (cases[i].opcode == WS_TEXT)
            base64_encode((char *)message, head, sizeof head);
        struct ws_conn *ws = server_phones_accept(&server.phones, &peer, &nothing);
        CHECK(ws != NULL);
        forget_conn(ws);
        open_conn(ws, &peer);
        struct server_conn *conn = ws->arg;
        CHECK(conn->large == NULL);
        CHECK(!conn->phone.text); // whatever the one before spoke
        CHECK(ws->events->crowded(ws->arg, cases[i].opcode, message, sizeof message));
        CHECK_INT(conn->large != NULL, cases[i].is_known);
        conn->phone.text = true;
        ws_conn_abort(ws);
    }
}

static void open_mode(void) {
    const struct server_options options = {.open = true};
    struct siphash_key keys[2];
    memset(keys, 0, sizeof keys);
    for (size_t i = 0; i < 2; i++)
        CHECK_INT(server_open.start(&server.laptops, &options, &keys[i]), 0);
    CHECK(memcmp(&keys[0], &keys[1], sizeof keys[0]) != 0);
}

int main(void) {
    if (getenv("STORM_LOUD") == NULL && freopen("/dev/null", "w", stderr) == NULL)
        return 2;
    TEST("in a storm nothing leaves but sealed under a key of both ends, and all come online again",
         storm);
    TEST("that there is no place ends the session, but not where the server has spoken since",
         goodbyes);
    TEST("a stranger's long message is taken where it begins as a laptop's does",
         long_messages_of_strangers);
    TEST("laptops are told of resolvers that they reach, or are led to the host's", resolvers);
    TEST("open mode begins with a random key for the NAT's ports", open_mode);
    return test_end();
}
