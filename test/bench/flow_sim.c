// SPDX-License-Identifier: ISC
// Two ends send each other sealed messages over two links (cell_link.c), in TCP segments that are
// acknowledged, and ten times a second one end pings the other.
//
// Bulk: an end that is hungry always has more to send, and each two segments that arrive are
// acknowledged by a small packet the other way. Each is done twice: with pings, for the waits, and
// while nobody hurries, for what is carried.
//
// Pages: a laptop's connections ask web hosts for objects, one after another. A host has ten
// segments on their way at first (RFC 6928), and one more for each that is acknowledged. What it
// sends waits at the server without end, in a queue for each connection, and they take turns.
// Nothing is lost. The phone itself does the same with each packet on the link alone.
#include "flow_sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow.h"
#include "session/record.h"
#include "session/session.h"

#define US       1000000
#define STEP_US  200
#define MESSAGES 65536 // a ring
#define PINGS    6000

#define SEGMENT                                                                                    \
    1448 // of the connection between the ends (RFC 7323's timestamps leave so much of 1500)
#define SEGMENT_HEADER 52
#define INNER_HEADER   52
#define INNER_SEGMENT  (TUN_MSS - 12)
#define PING_PACKET    84
#define SYN_PACKET     60
#define REQUEST        400
#define FRAME_HEAD     8 // of a WebSocket message, masked

#define CONNECTIONS  18
#define OBJECTS      70
#define PAGE_BYTES   2000000
#define FIRST_WINDOW 10
#define BEGUN        (150 * TUN_MTU) // as fair_queue.c has it
#define QUIET_S      2               // before each page, but for pings
#define PAGE_MOST_S  200             // a page that takes longer counts as this

struct message {
    size_t payload; // bytes of a transfer
    size_t sealed;  // its length
    int ping;       // its number, or 0
    int page;       // that it is part of
    bool tells;     // it has this acknowledgement
    bool counts;    // and packets, too
    struct flow_report report;
    uint8_t segments[CONNECTIONS]; // of pages, or that it acknowledges
    uint32_t calls;                // connections that open, or ask for an object
    bool has_begun;                // one of those whose segments it has
};

// What a segment on a link belongs to.
struct segment {
    uint32_t counter;
    bool is_last;
    bool is_tcp_ack;
};

struct end {
    struct flow flow;
    struct flow_receiver receiver;
    struct cell_link out;
    struct message messages[MESSAGES];
    uint32_t next;
    bool is_hungry;
    size_t begun;                  // bytes of the transfer that were sent
    unsigned segments;             // that TCP has not acknowledged
    size_t owed;                   // bytes that the transfer's receiver has not acknowledged
    int small;                     // packets of such acknowledgements that wait
    int ping;                      // that waits, or 0
    uint64_t received;             // of a transfer
    unsigned waiting[CONNECTIONS]; // pages' segments, or those to be acknowledged
    uint32_t calls;                // that wait
    int turn;                      // whose it is
};

struct connection {
    bool is_open;
    unsigned left;      // segments of the object that the host has still to send
    unsigned in_flight; // that are not acknowledged,
    unsigned window;    // and how many may be
    unsigned sent;      // segments in all
    unsigned wanted;    // that the laptop waits for; 0: it may ask for another object
};

static struct {
    struct end ends[2];
    struct cell_outages outages;
    int64_t now_us;
    int64_t pinged_us[PINGS];
    double trips_ms[PINGS];
    int pings;
    int trips;
    bool is_itself; // no tether
    bool is_quiet;  // nobody pings
    struct connection connections[CONNECTIONS];
    unsigned sizes[OBJECTS]; // in segments
    int asked, done;         // objects
    int page;                // its number
} sim;

static void put_segment(struct end *end, size_t length, struct segment segment) {
    struct cell_packet *packet = malloc(sizeof *packet + sizeof segment);
    if (packet == NULL)
        exit(1);
    packet->size = length + SEGMENT_HEADER;
    packet->length = sizeof segment;
    memcpy(packet->frame, &segment, sizeof segment);
    cell_link_arrive(&end->out, packet, sim.now_us * 1000);
}

static void send_message(struct end *end, struct message message, size_t packets, bool has_begun) {
    uint8_t body[ACKNOWLEDGEMENT_BYTES];
    struct flow_receiver *receiver = &end->receiver;
    message.tells = receiver->owes;
    message.counts = packets > 0;
    message.page = sim.page;
    message.sealed =
        packets + SEALED_OVERHEAD + (message.tells ? RECORD_HEAD + ACKNOWLEDGEMENT_BYTES : 0);
    if (message.tells) {
        message.report =
            (struct flow_report){0, receiver->counter, sim.now_us - receiver->newest_us,
                                 (uint32_t)receiver->newest_us, true};
        flow_acknowledge(receiver, body, sim.now_us);
    }
    if (message.counts)
        flow_sent(&end->flow, 0, end->next, message.sealed, has_begun, message.ping > 0,
                  sim.now_us);
    end->messages[end->next % MESSAGES] = message;
    size_t left = message.sealed + FRAME_HEAD;
    for (; left > SEGMENT; left -= SEGMENT)
        put_segment(end, SEGMENT, (struct segment){end->next, false, false});
    put_segment(end, left, (struct segment){end->next++, true, false});
}

// One packet of the phone's own.
static void send_itself(struct end *end, struct message message, size_t bytes) {
    message.page = sim.page;
    end->messages[end->next % MESSAGES] = message;
    put_segment(end, bytes, (struct segment){end->next++, true, false});
}

static size_t segments_each(const struct end *end) {
    size_t most = flow_message_size(&end->flow);
    return most / INNER_SEGMENT > 0 ? most / INNER_SEGMENT : 1;
}

// As many segments of a transfer as a message takes, in super-packets where two or more may share a
// header.
static void send_transfer(struct end *end) {
    size_t most = flow_message_size(&end->flow), room = flow_room(&end->flow, sim.now_us);
    size_t each = segments_each(end);
    size_t record = each * INNER_SEGMENT + INNER_HEADER + (each > 1 ? SUPER_PACKET_HEAD : 0);
    size_t records = (most < room ? most : room) / record;
    if (records == 0)
        records = 1;
    bool has_begun = end->begun < BEGUN;
    end->begun += records * each * INNER_SEGMENT;
    send_message(end, (struct message){.payload = records * each * INNER_SEGMENT}, records * record,
                 has_begun);
}

static bool may_send_small(const struct end *end) {
    return flow_room(&end->flow, sim.now_us) > 0 || flow_has_small_room(&end->flow);
}

// TCP keeps what the link's queue has no room for.
static bool may_send_large(const struct end *end) {
    return flow_room(&end->flow, sim.now_us) > 0 &&
           end->out.waiting_bytes + LINK_RECORDS < end->out.queue_limit;
}

static bool has_segments(const struct end *end) {
    for (int i = 0; i < CONNECTIONS; i++)
        if (end->waiting[i] > 0)
            return true;
    return false;
}

// Some segments of the connection whose turn it is. Returns their bytes in a message.
static size_t take_turn(struct end *end, struct message *message, size_t left, size_t each) {
    while (end->waiting[end->turn] == 0) end->turn = (end->turn + 1) % CONNECTIONS;
    size_t fit = left > INNER_HEADER ? (left - INNER_HEADER) / INNER_SEGMENT : 0;
    size_t count = fit < each ? fit : each;
    if (count == 0 && message->sealed == 0)
        count = 1; // the first is taken as it is
    if (count > end->waiting[end->turn])
        count = end->waiting[end->turn];
    end->waiting[end->turn] -= (unsigned)count;
    message->segments[end->turn] += (uint8_t)count;
    message->has_begun |= sim.connections[end->turn].sent * INNER_SEGMENT < BEGUN;
    sim.connections[end->turn].sent += (unsigned)count;
    end->turn = (end->turn + 1) % CONNECTIONS;
    return count == 0 ? 0
                      : count * INNER_SEGMENT + INNER_HEADER + (count > 1 ? SUPER_PACKET_HEAD : 0);
}

static void send_page(struct end *end) {
    struct message message = {0};
    size_t most = flow_message_size(&end->flow), room = flow_room(&end->flow, sim.now_us);
    if (most > room)
        most = room;
    while (has_segments(end) && message.sealed < most) {
        size_t took = take_turn(end, &message, most - message.sealed, segments_each(end));
        if (took == 0)
            break;
        message.sealed += took;
    }
    send_message(end, message, message.sealed, message.has_begun);
}

// What is small: a page's connections that open or ask, and acknowledgements.
static void send_small_of_page(struct end *end) {
    struct message message = {.calls = end->calls};
    bool is_laptop = end == &sim.ends[1];
    size_t packets = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        if (end->calls >> i & 1)
            packets += is_laptop && sim.connections[i].wanted > 0 ? REQUEST : SYN_PACKET;
        if (is_laptop && end->waiting[i] > 0) {
            message.segments[i] = (uint8_t)end->waiting[i];
            packets += (end->waiting[i] + 1) / 2 * INNER_HEADER;
            end->waiting[i] = 0;
        }
    }
    end->calls = 0;
    if (packets > 0)
        send_message(end, message, packets, false);
}

static void pump_itself(struct end *end) {
    for (int i = 0; i < CONNECTIONS; i++) {
        bool is_laptop = end == &sim.ends[1];
        size_t bytes = is_laptop ? 0 : SEGMENT;
        if (end->calls >> i & 1)
            send_itself(end, (struct message){.calls = UINT32_C(1) << i},
                        is_laptop && sim.connections[i].wanted > 0 ? REQUEST : 0);
        for (unsigned step; end->waiting[i] > 0; end->waiting[i] -= step) {
            struct message message = {0};
            step = is_laptop && end->waiting[i] > 1 ? 2 : 1;
            message.segments[i] = (uint8_t)step;
            send_itself(end, message, bytes);
        }
    }
    end->calls = 0;
}

static void pump(struct end *end) {
    if (flow_due_us(&end->flow) <= sim.now_us)
        flow_timeout(&end->flow, sim.now_us);
    while (end->ping > 0 && may_send_small(end)) {
        int ping = end->ping;
        end->ping = 0;
        send_message(end, (struct message){.ping = ping}, PING_PACKET, false);
    }
    while (end->small > 0 && may_send_small(end)) {
        int count = end->small < 10 ? end->small : 10;
        end->small -= count;
        send_message(end, (struct message){0}, (size_t)count * INNER_HEADER, false);
    }
    bool has_small = end->calls != 0 || (end == &sim.ends[1] && has_segments(end));
    if (has_small && may_send_small(end))
        send_small_of_page(end);
    while (end->is_hungry && may_send_large(end)) send_transfer(end);
    while (end == &sim.ends[0] && has_segments(end) && may_send_large(end)) send_page(end);
    if (flow_owed_us(&end->receiver, flow_rate(&end->flow)) <= sim.now_us)
        send_message(end, (struct message){0}, 0, false);
}

// A host sends what it may.
static void host_sends(int i) {
    struct connection *host = &sim.connections[i];
    unsigned count = host->window > host->in_flight ? host->window - host->in_flight : 0;
    if (count > host->left)
        count = host->left;
    host->left -= count;
    host->in_flight += count;
    sim.ends[0].waiting[i] += count;
}

// What of pages a message brought to the server.
static void server_takes(const struct message *message) {
    for (int i = 0; i < CONNECTIONS; i++) {
        struct connection *host = &sim.connections[i];
        host->in_flight -= message->segments[i];
        host->window += message->segments[i];
        if (message->calls >> i & 1 && host->is_open)
            host->left = host->wanted;
        else if (message->calls >> i & 1)
            sim.ends[0].calls |= UINT32_C(1) << i;
        host_sends(i);
    }
}

// A connection that has nothing to do asks for the next object; until the page itself has come
// there is only that.
static void laptop_asks(int i) {
    struct connection *connection = &sim.connections[i];
    if (connection->wanted > 0 || sim.asked == OBJECTS || (sim.asked > 0 && sim.done == 0))
        return;
    if (connection->is_open)
        connection->wanted = sim.sizes[sim.asked++];
    sim.ends[1].calls |= UINT32_C(1) << i;
}

static void laptop_takes(const struct message *message) {
    bool had_page = sim.done > 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        struct connection *connection = &sim.connections[i];
        unsigned count = message->segments[i];
        bool is_answer = message->calls >> i & 1;
        sim.ends[1].waiting[i] += count;
        connection->wanted -= count;
        connection->is_open |= is_answer;
        sim.done += count > 0 && connection->wanted == 0;
        if (is_answer || (count > 0 && connection->wanted == 0))
            laptop_asks(i);
    }
    for (int i = 1; i < CONNECTIONS && !had_page && sim.done > 0; i++) laptop_asks(i);
}

static void take_message(struct end *end, const struct end *other, uint32_t counter) {
    const struct message *message = &other->messages[counter % MESSAGES];
    if (message->counts)
        flow_received(&end->receiver, 0, counter, message->sealed, sim.now_us);
    if (message->tells)
        flow_acknowledged(&end->flow, &message->report, sim.now_us);
    end->received += message->payload;
    for (end->owed += message->payload; end->owed >= 2 * INNER_SEGMENT && message->payload > 0;
         end->owed = message->payload > 2 * INNER_SEGMENT ? 0 : end->owed - 2 * INNER_SEGMENT)
        end->small++;
    if (end == &sim.ends[0] && message->page == sim.page)
        server_takes(message);
    else if (message->page == sim.page) // else a standstill has kept it
        laptop_takes(message);
    if (message->ping > 0 && end == &sim.ends[1])
        end->ping = message->ping; // and back
    else if (message->ping > 0)
        sim.trips_ms[sim.trips++] = (double)(sim.now_us - sim.pinged_us[message->ping]) / 1000;
}

static void take_segments(struct end *end, struct end *other) {
    struct cell_packet *packet;
    while ((packet = cell_link_take(&other->out, sim.now_us * 1000)) != NULL) {
        struct segment segment;
        memcpy(&segment, packet->frame, sizeof segment);
        free(packet);
        if (segment.is_tcp_ack)
            continue;
        if (++end->segments % 2 == 0 && !sim.is_itself)
            put_segment(end, 0, (struct segment){0, true, true});
        if (segment.is_last)
            take_message(end, other, segment.counter);
    }
}

static void step(void) {
    sim.now_us += STEP_US;
    if (sim.now_us % (US / 10) == 0 && sim.pings + 1 < PINGS && !sim.is_itself && !sim.is_quiet) {
        sim.pinged_us[++sim.pings] = sim.now_us;
        sim.ends[0].ping = sim.pings;
    }
    for (int i = 0; i < 2; i++) take_segments(&sim.ends[i], &sim.ends[!i]);
    for (int i = 0; i < 2; i++) (sim.is_itself ? pump_itself : pump)(&sim.ends[i]);
}

static void run(int seconds) {
    for (int64_t end_us = sim.now_us + (int64_t)seconds * US; sim.now_us < end_us;) step();
}

static void empty(struct cell_link *link) {
    struct cell_packet *packet;
    int64_t now_ns = sim.now_us * 1000;
    cell_link_drain(link, now_ns);
    while ((packet = cell_link_take(link, now_ns + link->delay_ns)) != NULL) free(packet);
}

static void start(const struct sim_link *link, bool itself, double from_s) {
    for (int i = 0; i < 2; i++) empty(&sim.ends[i].out);
    memset(&sim, 0, sizeof sim);
    sim.now_us = 1000 * (int64_t)US;
    sim.is_itself = itself;
    for (int i = 0; i < 2; i++) {
        struct cell_link *out = &sim.ends[i].out;
        cell_link_init(out, &sim.outages, 1);
        out->delay_ns = (int64_t)link->delay_ms * 1000000;
        out->rate_bits = link->kbits[i] * 1000;
        out->queue_limit = itself ? 0 : link->queue;
        out->trace_ms = link->trace_ms[i];
        out->trace_length = link->trace_length[i];
        cell_link_seek(out, (int64_t)(from_s * 1e9), sim.now_us * 1000);
        flow_init(&sim.ends[i].flow, sim.now_us);
    }
}

double sim_piece_s(const struct sim_link *link, int piece) {
    if (link->trace_ms[0] == NULL)
        return 0;
    return link->trace_ms[0][link->trace_length[0] - 1] / 1e3 / link->pieces * piece;
}

// Bytes that the link could pass in a second of the measured time, on average.
static double capacity(const struct sim_link *link, int way, double from_s) {
    const uint32_t *at = link->trace_ms[way];
    size_t chances = 0;
    if (at == NULL)
        return link->kbits[way] * 125;
    double length = at[link->trace_length[way] - 1], from = (from_s + SIM_WARM) * 1000;
    for (size_t i = 0; i < link->trace_length[way]; i++)
        for (double time = at[i]; time < from + SIM_SECONDS * 1000; time += length)
            chances += time >= from;
    return (double)chances * CELL_ONE_SLOT / SIM_SECONDS;
}

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void bulk(const struct sim_link *link, bool down, bool up, double from_s, bool quiet) {
    start(link, false, from_s);
    sim.is_quiet = quiet;
    sim.ends[0].is_hungry = down;
    sim.ends[1].is_hungry = up;
    run(SIM_WARM);
    sim.trips = 0;
    sim.ends[0].received = sim.ends[1].received = 0;
    run(SIM_SECONDS);
}

struct sim_result sim_bulk(const struct sim_link *link, bool down, bool up, double from_s) {
    struct sim_result result = {{0, 0}, 0};
    bulk(link, down, up, from_s, false);
    qsort(sim.trips_ms, (size_t)sim.trips, sizeof sim.trips_ms[0], compare);
    result.p95_ms = sim.trips > 0 ? sim.trips_ms[(sim.trips - 1) * 95 / 100] : 0;
    if (down || up)
        bulk(link, down, up, from_s, true);
    for (int way = 0; way < 2; way++) {
        double most =
            capacity(link, way, from_s) * SIM_SECONDS * SEGMENT / (SEGMENT + SEGMENT_HEADER);
        result.used[way] = most > 0 ? 100 * (double)sim.ends[!way].received / most : 0;
    }
    return result;
}

// Many small objects and few large ones, as site.py makes them. The page itself is first.
static void choose_sizes(size_t segment) {
    double weights[OBJECTS], sum = 0;
    uint64_t random = 7;
    for (int i = 0; i < OBJECTS; i++) {
        double normal = 0;
        for (int n = 0; n < 12; n++) { // about normal, by the central limit theorem
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            normal += (double)(random >> 40) / (1 << 24) - 0.5;
        }
        sum += weights[i] = i > 0 ? exp(normal) : 2;
    }
    for (int i = 0; i < OBJECTS; i++)
        sim.sizes[i] = 1 + (unsigned)(PAGE_BYTES * weights[i] / sum / (double)segment);
}

double sim_pages_ms(const struct sim_link *link, bool itself, double from_s) {
    double took_ms = 0;
    start(link, itself, from_s);
    for (int page = 0; page < 2; page++) {
        // Both begin each page at the same place of the link, whatever the one before took.
        for (int i = 0; i < 2 && page > 0; i++)
            cell_link_seek(&sim.ends[i].out, (int64_t)((from_s + QUIET_S) * 1e9),
                           sim.now_us * 1000);
        run(QUIET_S);
        memset(sim.connections, 0, sizeof sim.connections);
        choose_sizes(itself ? SEGMENT : INNER_SEGMENT);
        sim.asked = sim.done = 0;
        sim.page = page;
        for (int i = 0; i < 2; i++) memset(sim.ends[i].waiting, 0, sizeof sim.ends[i].waiting);
        for (int i = 0; i < CONNECTIONS; i++) sim.connections[i].window = FIRST_WINDOW;
        int64_t from_us = sim.now_us;
        laptop_asks(0);
        while (sim.done < OBJECTS && sim.now_us - from_us < PAGE_MOST_S * (int64_t)US) step();
        took_ms += (double)(sim.now_us - from_us) / 1000;
    }
    return took_ms;
}
