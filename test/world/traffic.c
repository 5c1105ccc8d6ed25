// SPDX-License-Identifier: ISC
// What the laptops' programs do, and whom they talk to on the Internet: connections of a small TCP
// that never gives up (go-back-N, with a timer that doubles), UDP questions, pings. Each byte of
// payload says whose it is, so each packet that arrives can be judged.
//
// A payload is of whole units of UNIT bytes: the mark, which laptop, which flow, which life of it.
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define FLOWS     6 // a laptop
#define UNIT      64
#define MARK      "TetherInTheClear"
#define MARKED    16
#define WINDOW    (12 * 1216)
#define CHUNK     1216 // 19 units
#define VNET      10
#define ETHER     14
#define RTO_FIRST (1 * SECOND)
#define RTO_MOST  (8 * SECOND)
#define PING_LATE (5 * SECOND)

enum what { BULK_DOWN, KEYSTROKES, IDLE, BULK_UP, QUESTIONS, PINGS };

// One end of a connection.
struct tcp {
    uint32_t first;   // sequence number
    uint32_t sent;    // relative to it
    uint32_t unacked; // oldest
    uint32_t wanted;  // bytes that the program has written so far
    uint32_t next;    // that is expected of the other
    uint32_t other_first;
    bool is_open;
    uint64_t timer;
    int64_t rto_us;
};

struct flow {
    int laptop, number;
    enum what what;
    uint32_t life;   // connections so far
    uint16_t port;   // inside
    uint32_t remote; // its address,
    uint16_t remote_port;
    struct tcp here, there;
    uint32_t outside_port; // as the Internet saw it; 0: not yet
    int64_t alive_us;      // when it last got on
    uint64_t asked, answered;
    uint64_t turn;
    int64_t asked_us[64]; // pings: when each was sent, 0: it was answered
};

static struct flow flows[LAPTOPS][FLOWS];
static uint32_t inside[LAPTOPS]; // the TUN's address

static uint16_t sum_up(const uint8_t *bytes, size_t length, uint32_t sum) {
    for (size_t i = 0; i + 1 < length; i += 2) sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    if (length % 2 == 1)
        sum += (uint32_t)bytes[length - 1] << 8;
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value);
}

static uint32_t get16(const uint8_t *at) { return (uint32_t)(at[0] << 8 | at[1]); }

static uint32_t get32(const uint8_t *at) { return get16(at) << 16 | get16(at + 2); }

// Fills the IP header and all checksums of a packet of `length` bytes.
static void finish(uint8_t *packet, size_t length, uint8_t protocol, uint32_t from, uint32_t to) {
    static uint16_t identification;
    size_t place = protocol == 6 ? 16 : protocol == 17 ? 6 : 2;
    packet[0] = 0x45;
    put16(packet + 2, (uint32_t)length);
    put16(packet + 4, ++identification);
    put16(packet + 6, 0x4000);
    packet[8] = 64;
    packet[9] = protocol;
    put32(packet + 12, from);
    put32(packet + 16, to);
    put16(packet + 10, sum_up(packet, 20, 0));
    uint32_t pseudo = 0;
    if (protocol != 1)
        pseudo = (from >> 16) + (from & 0xffff) + (to >> 16) + (to & 0xffff) + protocol +
                 (uint32_t)(length - 20);
    put16(packet + 20 + place, sum_up(packet + 20, length - 20, pseudo));
}

static void fill(uint8_t *payload, size_t length, const struct flow *flow) {
    for (size_t i = 0; i + UNIT <= length; i += UNIT) {
        memset(payload + i, 0, UNIT);
        memcpy(payload + i, MARK, MARKED);
        payload[i + MARKED] = (uint8_t)flow->laptop;
        payload[i + MARKED + 1] = (uint8_t)flow->number;
        put32(payload + i + MARKED + 2, flow->life);
    }
}

// Whether the payload is this flow's, all of it.
static bool is_of(const uint8_t *payload, size_t length, const struct flow *flow) {
    for (size_t i = 0; i + UNIT <= length; i += UNIT)
        if (memcmp(payload + i, MARK, MARKED) != 0 || payload[i + MARKED] != flow->laptop ||
            payload[i + MARKED + 1] != flow->number ||
            get32(payload + i + MARKED + 2) != flow->life)
            return false;
    return length % UNIT == 0;
}

static void send_from(struct flow *flow, bool is_here, uint8_t *packet, size_t length,
                      uint8_t protocol) {
    uint8_t frame[VNET + ETHER + 1600] = {0};
    world.packets++;
    if (is_here) {
        struct program *client = client_of(flow->laptop);
        int tun = client->life != DEAD ? fd_find(client, TUN) : -1;
        if (tun < 0 || inside[flow->laptop] == 0)
            return;
        finish(packet, length, protocol, inside[flow->laptop], flow->remote);
        memcpy(frame + VNET, packet, length);
        fd_put(client, tun, frame, VNET + length);
        return;
    }
    struct program *server = server_program();
    int wire = server->life != DEAD ? fd_find(server, PACKET) : -1;
    if (wire < 0 || flow->outside_port == 0)
        return;
    finish(packet, length, protocol, flow->remote, SERVER_ADDRESS);
    memcpy(frame + VNET, "\x02\0\0\0\0\x09\x02\0\0\0\0\x01\x08", 14);
    memcpy(frame + VNET + ETHER, packet, length);
    fd_put(server, wire, frame, VNET + ETHER + length);
}

// ---- TCP ----

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static struct tcp *end_of(struct flow *flow, bool is_here) {
    return is_here ? &flow->here : &flow->there;
}

static void send_segment(struct flow *flow, bool is_here, uint8_t flags, uint32_t from,
                         size_t length) {
    uint8_t packet[40 + CHUNK] = {0};
    struct tcp *tcp = end_of(flow, is_here);
    put16(packet + 20, is_here ? flow->port : flow->remote_port);
    put16(packet + 22, is_here ? flow->remote_port : flow->outside_port);
    put32(packet + 24, tcp->first + from);
    put32(packet + 28, (flags & ACK) != 0 ? tcp->other_first + tcp->next : 0);
    packet[32] = 0x50;
    packet[33] = flags;
    put16(packet + 34, 0xffff);
    fill(packet + 40, length, flow);
    send_from(flow, is_here, packet, 40 + length, 6);
}

static void on_timer(void *arg, uint64_t tag);

static void set_timer(struct flow *flow, bool is_here, bool is_again) {
    struct tcp *tcp = end_of(flow, is_here);
    tcp->rto_us = !is_again ? RTO_FIRST : tcp->rto_us < RTO_MOST ? 2 * tcp->rto_us : RTO_MOST;
    tcp->timer++;
    at(world.now_us + tcp->rto_us, on_timer, flow, tcp->timer << 1 | is_here);
}

// Sequence number 0 is the SYN's; the data begin at 1.
static void push(struct flow *flow, bool is_here) {
    struct tcp *tcp = end_of(flow, is_here);
    if (!tcp->is_open)
        return;
    bool was_idle = tcp->sent == tcp->unacked;
    while (tcp->sent < tcp->wanted && tcp->sent - tcp->unacked < WINDOW) {
        uint32_t length = tcp->wanted - tcp->sent < CHUNK ? tcp->wanted - tcp->sent : CHUNK;
        send_segment(flow, is_here, ACK | PSH, 1 + tcp->sent, length);
        tcp->sent += length;
    }
    if (was_idle && tcp->sent != tcp->unacked)
        set_timer(flow, is_here, false);
}

static void on_timer(void *arg, uint64_t tag) {
    struct flow *flow = arg;
    bool is_here = (tag & 1) != 0;
    struct tcp *tcp = end_of(flow, is_here);
    if (tag >> 1 != tcp->timer || (tcp->is_open && tcp->sent == tcp->unacked))
        return;
    if (!tcp->is_open && is_here)
        send_segment(flow, true, SYN, 0, 0);
    else if (!tcp->is_open)
        send_segment(flow, false, SYN | ACK, 0, 0);
    else {
        tcp->sent = tcp->unacked;
        uint32_t length = tcp->wanted - tcp->sent < CHUNK ? tcp->wanted - tcp->sent : CHUNK;
        send_segment(flow, is_here, ACK | PSH, 1 + tcp->sent, length);
        tcp->sent += length;
    }
    set_timer(flow, is_here, true);
}

static void begin_connection(struct flow *flow) {
    static uint16_t ports = 40000;
    uint64_t timers[2] = {flow->here.timer + 1, flow->there.timer + 1};
    flow->life++;
    flow->port = ports = (uint16_t)(ports < 60000 ? ports + 1 : 40000);
    flow->outside_port = 0;
    flow->alive_us = world.now_us;
    flow->here = (struct tcp){.first = (uint32_t)chance_next(&world.chance), .timer = timers[0]};
    flow->there = (struct tcp){.first = (uint32_t)chance_next(&world.chance), .timer = timers[1]};
    send_segment(flow, true, SYN, 0, 0);
    set_timer(flow, true, false);
}

static void take_segment(struct flow *flow, bool is_here, const uint8_t *tcp_header,
                         size_t length) {
    struct tcp *tcp = end_of(flow, is_here);
    struct tcp *other = end_of(flow, !is_here);
    uint8_t flags = tcp_header[13];
    size_t head = (size_t)(tcp_header[12] >> 4) * 4;
    uint32_t sequence = get32(tcp_header + 4);
    if ((flags & RST) != 0) {
        fail("flow %d of laptop %d is reset", flow->number, flow->laptop);
    }
    if ((flags & SYN) != 0) {
        if (!tcp->is_open || tcp->other_first != sequence) // else it comes late, and once more
            tcp->next = 1;
        tcp->other_first = sequence;
        if (!is_here) {
            send_segment(flow, false, SYN | ACK, 0, 0);
            if (!tcp->is_open)
                set_timer(flow, false, false);
            return;
        }
        tcp->is_open = true;
        flow->alive_us = world.now_us;
        send_segment(flow, true, ACK, 1 + tcp->sent, 0);
        push(flow, true);
        return;
    }
    if (!tcp->is_open && (flags & ACK) != 0 && tcp->other_first != 0) {
        tcp->is_open = true;
        tcp->timer++;
    }
    size_t payload = length - head;
    if (payload > 0 && !is_of(tcp_header + head, payload, flow))
        fail("flow %d of laptop %d got bytes that are not its own", flow->number, flow->laptop);
    if (sequence == tcp->other_first + tcp->next)
        tcp->next += (uint32_t)payload;
    if (payload > 0)
        send_segment(flow, is_here, ACK, 1 + tcp->sent, 0);
    uint32_t acked = get32(tcp_header + 8) - tcp->first - 1;
    if ((flags & ACK) != 0 && acked > tcp->unacked && acked <= tcp->wanted) {
        tcp->unacked = acked;
        if (tcp->sent < acked)
            tcp->sent = acked;
        flow->alive_us = world.now_us;
        if (tcp->sent != tcp->unacked)
            set_timer(flow, is_here, false);
    }
    (void)other;
    push(flow, is_here);
}

// ---- questions and pings ----

static void send_question(struct flow *flow, bool is_here) {
    uint8_t packet[28 + UNIT] = {0};
    put16(packet + 20, is_here ? flow->port : flow->remote_port);
    put16(packet + 22, is_here ? flow->remote_port : flow->outside_port);
    put16(packet + 24, 8 + UNIT);
    fill(packet + 28, UNIT, flow);
    send_from(flow, is_here, packet, sizeof packet, 17);
}

static void send_ping(struct flow *flow, bool is_here, uint32_t sequence) {
    uint8_t packet[28 + UNIT] = {0};
    packet[20] = is_here ? 8 : 0;
    put16(packet + 24, is_here ? flow->port : flow->outside_port);
    put16(packet + 26, sequence);
    fill(packet + 28, UNIT, flow);
    send_from(flow, is_here, packet, sizeof packet, 1);
}

static bool was_asked_in_calm(int64_t asked_us) {
    return asked_us != 0 && world.calm_from_us > 0 && asked_us >= world.calm_from_us;
}

// While all is well no ping is lost.
static void ask(struct flow *flow) {
    int64_t *asked_us = &flow->asked_us[flow->asked % 64];
    if (was_asked_in_calm(*asked_us))
        fail("laptop %d lost its ping of %.1f s though all was well", flow->laptop,
             (double)*asked_us / SECOND);
    *asked_us = inside[flow->laptop] != 0 ? world.now_us : 0;
    send_ping(flow, true, (uint32_t)flow->asked++);
}

// Nor does one wait for long: whoever has something to send is woken when it may.
static void take_answer(const struct flow *flow, int64_t *asked_us) {
    int64_t late_us = world.now_us - *asked_us;
    if (was_asked_in_calm(*asked_us) && late_us > PING_LATE)
        fail("laptop %d waited %.1f s for an answer to its ping though all was well", flow->laptop,
             (double)late_us / SECOND);
    *asked_us = 0;
}

static void take_turn(void *arg, uint64_t tag) {
    struct flow *flow = arg;
    static const int64_t pauses_us[] = {20 * SECOND, 500 * MS,   600 * SECOND,
                                        30 * SECOND, 3 * SECOND, 1 * SECOND};
    if (tag != flow->turn)
        return;
    if (flow->what < QUESTIONS && flow->here.unacked == flow->here.wanted &&
        flow->there.unacked == flow->there.wanted)
        flow->alive_us = world.now_us; // it was idle
    switch (flow->what) {
    case BULK_DOWN:
        if (flow->there.unacked == flow->there.wanted)
            flow->there.wanted += 40 * CHUNK;
        push(flow, false);
        break;
    case BULK_UP:
        if (flow->here.unacked == flow->here.wanted)
            flow->here.wanted += 20 * CHUNK;
        push(flow, true);
        break;
    case IDLE: // the other end says something after a long time
        if (flow->there.unacked == flow->there.wanted)
            flow->there.wanted += UNIT;
        push(flow, false);
        break;
    case KEYSTROKES:
        if (flow->here.unacked == flow->here.wanted)
            flow->here.wanted += UNIT;
        push(flow, true);
        break;
    case QUESTIONS:
        flow->asked++;
        send_question(flow, true);
        break;
    case PINGS: ask(flow); break;
    }
    int64_t pause_us = pauses_us[flow->what] / (world.is_busy && flow->what <= BULK_UP ? 10 : 1);
    if (flow->what == QUESTIONS && (world.in_haste >> flow->laptop & 1) != 0)
        pause_us = 20 * MS; // more than a window of messages while the key lasts
    at(world.now_us + pause_us / 2 + (int64_t)chance_below(&world.chance, (uint64_t)pause_us),
       take_turn, flow, flow->turn);
}

void traffic_init(void) {
    for (int laptop = 0; laptop < LAPTOPS; laptop++)
        for (int i = 0; i < FLOWS; i++) {
            struct flow *flow = &flows[laptop][i];
            flow->laptop = laptop;
            flow->number = i;
            flow->what = (enum what)i;
            flow->port = (uint16_t)(30000 + i);
            flow->remote = WEB_ADDRESS + chance_below(&world.chance, WEB_HOSTS);
            flow->remote_port = (uint16_t)(flow->what == QUESTIONS ? 5353 : 443);
            at(2 * SECOND, take_turn, flow, flow->turn);
        }
}

// ---- what arrives ----

static struct flow *find_outside(uint32_t remote, uint32_t remote_port, const uint8_t *payload) {
    if (memcmp(payload, MARK, MARKED) != 0 || payload[MARKED] >= LAPTOPS ||
        payload[MARKED + 1] >= FLOWS)
        return NULL;
    struct flow *flow = &flows[payload[MARKED]][payload[MARKED + 1]];
    if (flow->remote != remote || (remote_port != 0 && flow->remote_port != remote_port))
        return NULL;
    return flow;
}

// A TCP segment without payload: by its sequence numbers, as a host would by its ports.
static struct flow *find_by_port(uint32_t remote, uint32_t outside_port, uint32_t sequence,
                                 bool is_syn) {
    for (int i = 0; i < LAPTOPS * FLOWS; i++) {
        struct flow *flow = &flows[i / FLOWS][i % FLOWS];
        if (flow->what >= QUESTIONS || flow->remote != remote)
            continue;
        if (is_syn ? flow->here.first == sequence : flow->outside_port == outside_port)
            return flow;
    }
    return NULL;
}

static void note_port(struct flow *flow, uint32_t port) {
    if (flow->what < QUESTIONS && flow->outside_port != 0 && flow->outside_port != port)
        fail("flow %d of laptop %d comes from port %u, and came from %u", flow->number,
             flow->laptop, (unsigned)port, (unsigned)flow->outside_port);
    flow->outside_port = port;
}

static void take_tcp_outside(const uint8_t *packet, size_t length) {
    const uint8_t *header = packet + 20;
    size_t head = (size_t)(header[12] >> 4) * 4;
    bool is_syn = (header[13] & SYN) != 0;
    struct flow *flow = find_by_port(get32(packet + 16), get16(header), get32(header + 4), is_syn);
    if (length > 20 + head) {
        flow = find_outside(get32(packet + 16), get16(header + 2), header + head);
        if (flow == NULL)
            fail("the Internet got a packet of nobody");
        if (get32(header + head + MARKED + 2) != flow->life)
            return; // late, of an earlier connection
    }
    if (flow == NULL)
        return; // of an earlier connection
    note_port(flow, get16(header));
    take_segment(flow, false, header, length - 20);
}

void traffic_to_internet(const uint8_t *frame, size_t length) {
    const uint8_t *packet = frame + VNET + ETHER;
    if (length < VNET + ETHER + 28)
        fail("the server sends a frame of %zu bytes", length);
    length = get16(packet + 2) != 0 ? get16(packet + 2) : length - VNET - ETHER;
    if (get32(packet + 12) != SERVER_ADDRESS)
        fail("the server sends from an address that is not its own");
    struct flow *flow;
    const uint8_t *payload = packet + 28;
    switch (packet[9]) {
    case 6: take_tcp_outside(packet, length); return;
    case 17:
        flow = find_outside(get32(packet + 16), get16(packet + 22), payload);
        if (flow == NULL)
            fail("the Internet got a datagram of nobody");
        note_port(flow, get16(packet + 20));
        send_question(flow, false);
        return;
    case 1:
        flow = packet[20] == 8 ? find_outside(get32(packet + 16), 0, payload) : NULL;
        if (flow == NULL)
            return; // errors
        note_port(flow, get16(packet + 24));
        send_ping(flow, false, get16(packet + 26));
        return;
    default: fail("the server sends protocol %d", packet[9]);
    }
}

static struct flow *find_inside(int laptop, const uint8_t *packet) {
    uint32_t port = packet[9] == 1 ? get16(packet + 24) : get16(packet + 22);
    for (int i = 0; i < FLOWS; i++) {
        struct flow *flow = &flows[laptop][i];
        uint8_t protocol = flow->what == PINGS ? 1 : flow->what == QUESTIONS ? 17 : 6;
        if (flow->port == port && protocol == packet[9])
            return flow;
    }
    return NULL;
}

void traffic_to_laptop(struct program *client, const uint8_t *bytes, size_t length) {
    const uint8_t *packet = bytes + VNET;
    int laptop = client->host->number;
    if (length < VNET + 20)
        fail("%s writes a packet of %zu bytes", client->name, length);
    length -= VNET;
    if (get32(packet + 16) != inside[laptop])
        fail("%s writes a packet to another address", client->name);
    struct flow *flow = find_inside(laptop, packet);
    if (flow == NULL)
        return; // of an earlier connection
    if (packet[9] == 6) {
        if (get32(packet + 12) != flow->remote)
            fail("laptop %d got a segment of another host", laptop);
        size_t head = (size_t)(packet[32] >> 4) * 4;
        if (length > 20 + head && get32(packet + 20 + head + MARKED + 2) != flow->life &&
            packet[20 + head + MARKED] == laptop)
            return;
        take_segment(flow, true, packet + 20, length - 20);
        return;
    }
    if (!is_of(packet + 28, length - 28, flow))
        fail("laptop %d got what is not its own", laptop);
    if (flow->what == PINGS)
        take_answer(flow, &flow->asked_us[get16(packet + 26) % 64]);
    flow->answered++;
    flow->alive_us = world.now_us;
}

// ---- the laptop's address, and what is permitted ----

// The TUN's address is known: connections begin, or are lost with the old one.
static void look_at_address(int laptop) {
    struct host *host = laptop_host(laptop);
    uint32_t address = 0;
    for (size_t i = 0; i < ADDRESSES; i++) {
        const struct given *given = &host->addresses[i];
        const struct interface *interface =
            given->used ? interface_numbered(host, given->interface) : NULL;
        if (interface != NULL && interface->is_tun)
            address = given->address;
    }
    if (address == inside[laptop])
        return;
    inside[laptop] = address;
    if (address != 0)
        traffic_forgive(laptop);
}

static void look(void *arg, uint64_t tag) {
    (void)arg, (void)tag;
    kernel_expire();
    for (int i = 0; i < LAPTOPS; i++) look_at_address(i);
    at(world.now_us + 100 * MS, look, NULL, 0);
}

void check_init(void) { at(0, look, NULL, 0); }

void traffic_forgive(int laptop) {
    for (int i = 0; i < FLOWS; i++) {
        struct flow *flow = &flows[laptop][i];
        flow->alive_us = world.now_us;
        if (flow->what < QUESTIONS)
            begin_connection(flow);
        else
            flow->outside_port = 0;
    }
}

void traffic_forgive_all(void) {
    for (int i = 0; i < LAPTOPS; i++) traffic_forgive(i);
}

static bool gets_on(const struct flow *flow, int64_t since_us) {
    bool waits = flow->here.unacked != flow->here.wanted ||
                 flow->there.unacked != flow->there.wanted || !flow->here.is_open;
    if (flow->what == PINGS)
        return flow->alive_us >= since_us;
    return flow->what == QUESTIONS || !waits || flow->alive_us >= since_us;
}

static void must_be_alive(void *arg, uint64_t tag) {
    int laptop = (int)tag;
    int64_t since_us = (int64_t)(intptr_t)arg;
    for (int i = 0; i < FLOWS; i++)
        if (!gets_on(&flows[laptop][i], since_us))
            fail("laptop %d is not online: flow %d stands still since %.1f s", laptop, i,
                 (double)flows[laptop][i].alive_us / SECOND);
}

void traffic_expect(int laptop, int64_t within_us) {
    at(world.now_us + within_us + 10 * SECOND, must_be_alive,
       (void *)(intptr_t)(world.now_us + within_us), (uint64_t)laptop);
}
