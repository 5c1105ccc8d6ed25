// SPDX-License-Identifier: ISC
// Bounded flight of both ends at once over simulated links, in a second of this machine's time:
// what flow.c does, without any host, TCP or phone.
//
//   bench_flow [TRACES]        over constant links, and the recordings in that folder
//
// Two ends send each other sealed messages over two links (cell_link.c), in TCP segments that are
// acknowledged, and ten times a second one end pings the other. With something to send in a
// direction, there is always more of it, and its receiver's small packets, two segments each, go
// the other way. A line says for each link what share of what a TCP connection would carry on it
// was carried, and the pings' 95th percentile, idle and beside transfers. On a recording they are
// means of five pieces, of 40 s each.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cell_link.h"
#include "cell_trace.h"
#include "flow/flow.h"
#include "session/record.h"
#include "session/session.h"

#define US           1000000
#define STEP_US      200
#define MESSAGES     65536 // a ring
#define PINGS        1000
#define SECONDS      40
#define WARM_SECONDS 5
#define PIECES       5

#define SEGMENT                                                                                    \
    1448 // of the connection between the ends (RFC 7323's timestamps leave so much of 1500)
#define SEGMENT_HEADER 52
#define INNER_HEADER   52
#define INNER_SEGMENT  (TUN_MSS - 12)
#define PING_PACKET    84
#define FRAME_HEAD     8 // of a WebSocket message, masked

struct message {
    size_t payload; // bytes of a transfer
    size_t sealed;  // its length
    int ping;       // its number, or 0
    bool tells;     // it has this acknowledgement
    bool counts;    // and packets, too
    struct flow_report report;
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
    unsigned segments; // that TCP has not acknowledged
    size_t owed;       // bytes that the transfer's receiver has not acknowledged
    int small;         // packets of such acknowledgements that wait
    int ping;          // that waits, or 0
    uint64_t received; // of a transfer
};

static struct {
    struct end ends[2];
    struct cell_outages outages;
    int64_t now_us;
    int64_t pinged_us[PINGS];
    double trips_ms[PINGS];
    int pings;
    int trips;
} sim;

static void put_segment(struct end *end, size_t length, struct segment segment)
{
    struct cell_packet *packet = malloc(sizeof *packet + sizeof segment);
    if (packet == NULL)
        exit(1);
    packet->size = length + SEGMENT_HEADER;
    packet->length = sizeof segment;
    memcpy(packet->frame, &segment, sizeof segment);
    cell_link_arrive(&end->out, packet, sim.now_us * 1000);
}

static void send_message(struct end *end, struct message message, size_t packets)
{
    uint8_t body[ACKNOWLEDGEMENT_BYTES];
    struct flow_receiver *receiver = &end->receiver;
    message.tells = receiver->owes;
    message.counts = packets > 0;
    message.sealed =
        packets + SEALED_OVERHEAD + (message.tells ? RECORD_HEAD + ACKNOWLEDGEMENT_BYTES : 0);
    if (message.tells) {
        message.report =
            (struct flow_report){0, receiver->counter, sim.now_us - receiver->newest_us,
                                 (uint32_t)receiver->newest_us, true};
        flow_acknowledge(receiver, body, sim.now_us);
    }
    if (message.counts)
        flow_sent(&end->flow, 0, end->next, message.sealed, !end->is_hungry, sim.now_us);
    end->messages[end->next % MESSAGES] = message;
    size_t left = message.sealed + FRAME_HEAD;
    for (; left > SEGMENT; left -= SEGMENT)
        put_segment(end, SEGMENT, (struct segment){end->next, false, false});
    put_segment(end, left, (struct segment){end->next++, true, false});
}

// As many segments of a transfer as a message takes, in super-packets where two or more may share a
// header.
static void send_transfer(struct end *end)
{
    size_t most = flow_message_size(&end->flow), room = flow_room(&end->flow, sim.now_us);
    size_t each = most / INNER_SEGMENT > 0 ? most / INNER_SEGMENT : 1;
    size_t record = each * INNER_SEGMENT + INNER_HEADER + (each > 1 ? SUPER_PACKET_HEAD : 0);
    size_t records = (most < room ? most : room) / record;
    if (records == 0)
        records = 1;
    send_message(end, (struct message){.payload = records * each * INNER_SEGMENT},
                 records * record);
}

static bool may_send_small(const struct end *end)
{
    return flow_room(&end->flow, sim.now_us) > 0 || flow_has_small_room(&end->flow);
}

static void pump(struct end *end)
{
    if (flow_due_us(&end->flow) <= sim.now_us)
        flow_timeout(&end->flow, sim.now_us);
    while (end->ping > 0 && may_send_small(end)) {
        int ping = end->ping;
        end->ping = 0;
        send_message(end, (struct message){.ping = ping}, PING_PACKET);
    }
    while (end->small > 0 && may_send_small(end)) {
        int count = end->small < 10 ? end->small : 10;
        end->small -= count;
        send_message(end, (struct message){0}, (size_t)count * INNER_HEADER);
    }
    while (end->is_hungry && flow_room(&end->flow, sim.now_us) > 0)
        send_transfer(end);
    if (flow_owed_us(&end->receiver, flow_rate(&end->flow)) <= sim.now_us)
        send_message(end, (struct message){0}, 0);
}

static void take_message(struct end *end, const struct end *other, uint32_t counter)
{
    const struct message *message = &other->messages[counter % MESSAGES];
    if (message->counts)
        flow_received(&end->receiver, 0, counter, message->sealed, sim.now_us);
    if (message->tells)
        flow_acknowledged(&end->flow, &message->report, sim.now_us);
    end->received += message->payload;
    for (end->owed += message->payload; end->owed >= 2 * INNER_SEGMENT && message->payload > 0;
         end->owed = message->payload > 2 * INNER_SEGMENT ? 0 : end->owed - 2 * INNER_SEGMENT)
        end->small++;
    if (message->ping > 0 && end == &sim.ends[1])
        end->ping = message->ping; // and back
    else if (message->ping > 0)
        sim.trips_ms[sim.trips++] = (double)(sim.now_us - sim.pinged_us[message->ping]) / 1000;
}

static void take_segments(struct end *end, struct end *other)
{
    struct cell_packet *packet;
    while ((packet = cell_link_take(&other->out, sim.now_us * 1000)) != NULL) {
        struct segment segment;
        memcpy(&segment, packet->frame, sizeof segment);
        free(packet);
        if (segment.is_tcp_ack)
            continue;
        if (++end->segments % 2 == 0)
            put_segment(end, 0, (struct segment){0, true, true});
        if (segment.is_last)
            take_message(end, other, segment.counter);
    }
}

static void run(int seconds)
{
    for (int64_t end_us = sim.now_us + (int64_t)seconds * US; sim.now_us < end_us;) {
        sim.now_us += STEP_US;
        if (sim.now_us % (US / 10) == 0 && sim.pings + 1 < PINGS) {
            sim.pinged_us[++sim.pings] = sim.now_us;
            sim.ends[0].ping = sim.pings;
        }
        for (int i = 0; i < 2; i++)
            take_segments(&sim.ends[i], &sim.ends[!i]);
        for (int i = 0; i < 2; i++)
            pump(&sim.ends[i]);
    }
}

// A link as in bench_lab.sh: [0] is from the server down to the laptop, [1] up.
struct link {
    const char *name;
    double kbits[2];
    int delay_ms;
    size_t queue;
    const char *trace; // its files are this .down and .up
    const uint32_t *trace_ms[2];
    size_t trace_length[2];
};

static void empty(struct cell_link *link)
{
    struct cell_packet *packet;
    int64_t now_ns = sim.now_us * 1000;
    cell_link_drain(link, now_ns);
    while ((packet = cell_link_take(link, now_ns + link->delay_ns)) != NULL)
        free(packet);
}

static void start(const struct link *link, bool down, bool up, double from_s)
{
    for (int i = 0; i < 2; i++)
        empty(&sim.ends[i].out);
    memset(&sim, 0, sizeof sim);
    sim.now_us = 1000 * (int64_t)US;
    for (int i = 0; i < 2; i++) {
        struct cell_link *out = &sim.ends[i].out;
        cell_link_init(out, &sim.outages, 1);
        out->delay_ns = (int64_t)link->delay_ms * 1000000;
        out->rate_bits = link->kbits[i] * 1000;
        out->queue_limit = link->queue;
        out->trace_ms = link->trace_ms[i];
        out->trace_length = link->trace_length[i];
        cell_link_seek(out, (int64_t)(from_s * 1e9), sim.now_us * 1000);
        flow_init(&sim.ends[i].flow, sim.now_us);
    }
    sim.ends[0].is_hungry = down;
    sim.ends[1].is_hungry = up;
}

// Bytes that the link could pass in a second of the measured time, on average.
static double capacity(const struct link *link, int way, double from_s)
{
    const uint32_t *at = link->trace_ms[way];
    size_t chances = 0;
    if (at == NULL)
        return link->kbits[way] * 125;
    double length = at[link->trace_length[way] - 1], from = (from_s + WARM_SECONDS) * 1000;
    for (size_t i = 0; i < link->trace_length[way]; i++)
        for (double time = at[i]; time < from + SECONDS * 1000; time += length)
            chances += time >= from;
    return (double)chances * CELL_ONE_SLOT / SECONDS;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

struct result {
    double used[2]; // of what a TCP connection would carry, percent
    double p95_ms;
};

static struct result measure(const struct link *link, bool down, bool up, double from_s)
{
    struct result result = {{0, 0}, 0};
    start(link, down, up, from_s);
    run(WARM_SECONDS);
    sim.trips = 0;
    sim.ends[0].received = sim.ends[1].received = 0;
    run(SECONDS);
    for (int way = 0; way < 2; way++) {
        double most = capacity(link, way, from_s) * SECONDS * SEGMENT / (SEGMENT + SEGMENT_HEADER);
        result.used[way] = most > 0 ? 100 * (double)sim.ends[!way].received / most : 0;
    }
    qsort(sim.trips_ms, (size_t)sim.trips, sizeof sim.trips_ms[0], compare);
    result.p95_ms = sim.trips > 0 ? sim.trips_ms[(sim.trips - 1) * 95 / 100] : 0;
    return result;
}

static void show(const struct link *link)
{
    static const char *const loads[] = {"idle", "down", "up", "both"};
    int pieces = link->trace != NULL ? PIECES : 1;
    printf("%-24s", link->name);
    for (int load = 0; load < 4; load++) {
        struct result mean = {{0, 0}, 0};
        for (int piece = 0; piece < pieces; piece++) {
            double length_s =
                link->trace != NULL ? link->trace_ms[0][link->trace_length[0] - 1] / 1e3 : 0;
            struct result result = measure(link, load & 1, load & 2, length_s / PIECES * piece);
            mean.used[0] += result.used[0] / pieces;
            mean.used[1] += result.used[1] / pieces;
            mean.p95_ms += result.p95_ms / pieces;
        }
        printf("  %s %4.0f ms", loads[load], mean.p95_ms);
        for (int way = 0; way < 2; way++)
            if (load >> way & 1)
                printf(" %3.0f%%", mean.used[way]);
    }
    printf("\n");
}

static bool read_trace(struct link *link, int way, const char *folder)
{
    char path[4096];
    struct cell_link read;
    snprintf(path, sizeof path, "%s/%s.%s", folder, link->trace, way == 0 ? "down" : "up");
    if (cell_trace_read(&read, path) != NULL)
        return false;
    link->trace_ms[way] = read.trace_ms;
    link->trace_length[way] = read.trace_length;
    return true;
}

int main(int argc, char **argv)
{
    struct link links[] = {
        {.name = "3g", .kbits = {1600, 768}, .delay_ms = 75, .queue = 262144},
        {.name = "lte", .kbits = {20000, 8000}, .delay_ms = 25, .queue = 1048576},
        {.name = "umts-trace", .trace = "TMobile-UMTS-driving", .delay_ms = 50, .queue = 1048576},
        {.name = "evdo-trace", .trace = "Verizon-EVDO-driving", .delay_ms = 50, .queue = 1048576},
        {.name = "lte-trace", .trace = "Verizon-LTE-short", .delay_ms = 50, .queue = 1048576},
    };
    printf("Pings' 95th percentile, and what was used of the link, down and up\n");
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        if (links[i].trace == NULL ||
            (argc > 1 && read_trace(&links[i], 0, argv[1]) && read_trace(&links[i], 1, argv[1])))
            show(&links[i]);
    return 0;
}
