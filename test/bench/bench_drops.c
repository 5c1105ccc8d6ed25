// SPDX-License-Identifier: ISC
// What it does to TCP how the queue slows its senders down: pages, bulk transfers and keystrokes
// through the real fair queue over simulated links, by policy. Deterministic; some seconds.
//
//   bench_drops [TRACES]       over made-up links, and the recordings in that folder
//
// A sender is TCP as most hosts have it: ten segments at first (RFC 6928), slow start until the
// round trip grows (HyStart), CUBIC (RFC 9438), selective acknowledgements, and a time-out that
// doubles (RFC 6298), after which it goes on as before where it had been needless (RFC 5682). A
// page is 70 objects of 2 MB on 18 connections. The link takes from the queue what it can pass,
// and nothing waits behind it. Policies: CoDel in each flow with a target of a round trip (RFC
// 8289; what the queue did before), memory alone, and so many seconds of the link's rate a flow.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/packets.h"
#include "cell_link.h"
#include "cell_trace.h"
#include "queue/fair_queue.h"

#define PAYLOAD   1336
#define PAGE      18 // connections of a page
#define BULK      PAGE
#define FLOWS     (PAGE + 1)
#define KEYS      FLOWS // the keystrokes' flow
#define OBJECTS   70
#define PAGE_SIZE 2000000
#define SEGMENTS  262144
#define ON_WAY    1024 // ms that an acknowledgement is on its way at most
#define LIMIT_MS  180000
#define BULK_MS   60000

enum state { UNSENT, SENT, LOST, REPEATED, ARRIVED };

struct sender {
    uint8_t state[SEGMENTS];
    int64_t sent_ms[SEGMENTS];
    uint32_t una, next, most; // segments: the first that is not known to have arrived; and so on
    uint32_t high;            // behind the highest that has arrived
    uint32_t lost_to;         // below are none that are to be found lost
    uint32_t recover, pipe, lost;
    double cwnd, ssthresh, cwnd_before, w_max;
    int64_t epoch_ms, timer_ms, min_ms, srtt_ms, var_ms, rto_ms;
    bool is_recovering, is_trying; // after a time-out
    bool is_busy;
    int64_t begins_ms; // the object that it carries
};

struct codel {
    int64_t since_ms, next_ms;
    unsigned count, first_count;
    bool above, dropping;
};

struct arrival {
    uint16_t flow;
    uint32_t segment, sent_ms;
    struct arrival *next;
};

struct link {
    const char *name;
    double kbits;
    int64_t delay_ms, stand_from_ms, stand_ms, stand_each_ms;
    const char *trace;
    double from_s;
    struct cell_link read;
};

struct policy {
    const char *name;
    bool is_codel;
    double seconds;
};

static struct {
    struct fair_queue queue;
    struct sender senders[FLOWS];
    struct codel codel[FLOWS + 1];
    struct arrival *arrivals[ON_WAY];
    int64_t now, delay_ms, moved_ms, page_ms;
    size_t at; // in the recording
    double credit, rate, rates[2], rated;
    uint64_t bulk_bytes;
    uint32_t sent, repeated, dropped, objects[OBJECTS], next_object, objects_done;
    double waits[2000]; // of keystrokes, ms
    size_t wait_count;
} sim;

static double root(double n, int power) // by Newton's method
{
    double x = n > 1 ? n : 1;
    for (int i = 0; i < 200; i++) x = power == 2 ? (x + n / x) / 2 : (2 * x + n / (x * x)) / 3;
    return x;
}

// Many small ones, and few large.
static void make_objects(void) {
    double weights[OBJECTS], sum = 0;
    uint32_t random = 1;
    for (int i = 0; i < OBJECTS; i++) {
        random = random * 1664525 + 1013904223;
        sum += weights[i] = 1 / (0.03 + (double)(random >> 8) / (1 << 24));
    }
    for (int i = 0; i < OBJECTS; i++)
        sim.objects[i] = 1 + (uint32_t)(PAGE_SIZE * weights[i] / sum / PAYLOAD);
}

static void push(uint16_t flow, uint32_t number, size_t payload) {
    static uint8_t bytes[PAYLOAD], packet[PAYLOAD + 52];
    struct packet_spec spec = {.protocol = flow == KEYS ? PACKET_UDP : PACKET_TCP,
                               .source = ADDRESS(192, 0, 2, 80),
                               .destination = ADDRESS(10, 0, 0, 1),
                               .source_port = (uint16_t)(flow + 1),
                               .destination_port = 443,
                               .tcp_flags = 0x10,
                               .tcp_options = flow == KEYS ? 0 : 12,
                               .sequence = number * PAYLOAD,
                               .payload = bytes,
                               .payload_length = payload};
    memset(packet, 0, sizeof packet);
    packet_put32(bytes, flow);
    packet_put32(bytes + 4, number);
    packet_put32(bytes + 8, (uint32_t)sim.now);
    fair_queue_push(&sim.queue, packet, packet_make(packet, &spec), sim.now * 1000);
}

// ---- TCP.

static void send_segment(struct sender *s, uint32_t n, bool again) {
    s->state[n] = again ? REPEATED : SENT;
    s->sent_ms[n] = sim.now;
    s->pipe++;
    sim.sent++;
    sim.repeated += again;
    if (s->timer_ms == 0)
        s->timer_ms = sim.now + s->rto_ms;
    push((uint16_t)(s - sim.senders), n, PAYLOAD);
}

static void send_all(struct sender *s) {
    for (uint32_t n = s->una; s->lost > 0 && n < s->next && s->pipe < s->cwnd; n++)
        if (s->state[n] == LOST) {
            s->lost--;
            send_segment(s, n, true);
        }
    while (s->lost == 0 && s->next < s->most && s->next < SEGMENTS && s->pipe < s->cwnd)
        send_segment(s, s->next++, false);
}

static void slow(struct sender *s) {
    s->w_max = s->cwnd;
    s->cwnd = s->ssthresh = s->cwnd * 0.7 > 2 ? s->cwnd * 0.7 : 2;
    s->epoch_ms = 0;
}

static void grow(struct sender *s, int64_t trip_ms) {
    int64_t more_ms = s->min_ms / 8 < 4 ? 4 : s->min_ms / 8 > 16 ? 16 : s->min_ms / 8;
    if (s->cwnd < s->ssthresh) {
        s->cwnd += 1;
        if (trip_ms > s->min_ms + more_ms && s->cwnd > 16)
            s->ssthresh = s->w_max = s->cwnd;
        return;
    }
    if (s->epoch_ms == 0)
        s->epoch_ms = sim.now;
    double k = root(s->w_max * 0.3 / 0.4, 3);
    double t = (double)(sim.now - s->epoch_ms + s->min_ms) / 1000 - k;
    double wanted = 0.4 * t * t * t + s->w_max;
    s->cwnd += wanted > s->cwnd ? (wanted - s->cwnd) / s->cwnd : 0.01 / s->cwnd;
}

static void measure(struct sender *s, int64_t trip_ms) {
    int64_t off = trip_ms > s->srtt_ms ? trip_ms - s->srtt_ms : s->srtt_ms - trip_ms;
    if (s->min_ms == 0 || trip_ms < s->min_ms)
        s->min_ms = trip_ms;
    s->var_ms = s->srtt_ms == 0 ? trip_ms / 2 : (3 * s->var_ms + off) / 4;
    s->srtt_ms = s->srtt_ms == 0 ? trip_ms : (7 * s->srtt_ms + trip_ms) / 8;
    s->rto_ms = s->srtt_ms + (4 * s->var_ms > 200 ? 4 * s->var_ms : 200);
}

static void lose(struct sender *s, uint32_t n) {
    s->state[n] = LOST;
    s->lost++;
    s->pipe--;
}

static void find_losses(struct sender *s) {
    for (; s->lost_to + 3 < s->high; s->lost_to++) {
        if (s->state[s->lost_to] != SENT)
            continue;
        lose(s, s->lost_to);
        if (!s->is_recovering) {
            s->is_recovering = true;
            s->recover = s->next;
            slow(s);
        }
    }
}

static void after_timeout(struct sender *s, bool was_needless) {
    s->is_trying = false;
    if (was_needless) {
        s->cwnd = s->cwnd_before;
        return;
    }
    for (uint32_t n = s->una; n < s->next; n++)
        if (s->state[n] == SENT || s->state[n] == REPEATED)
            lose(s, n);
    s->is_recovering = true;
    s->recover = s->next;
}

// `sent_ms`: by its timestamp (RFC 7323), which tells the first from the repetition (RFC 3522).
static void heard(struct sender *s, uint32_t n, int64_t sent_ms) {
    if (s->state[n] == ARRIVED)
        return;
    bool was_repeated = s->state[n] != SENT && sent_ms == s->sent_ms[n];
    if (s->state[n] == LOST)
        s->lost--;
    else
        s->pipe--;
    s->state[n] = ARRIVED;
    if (n + 1 > s->high)
        s->high = n + 1;
    while (s->una < s->next && s->state[s->una] == ARRIVED) s->una++;
    if (s->lost_to < s->una)
        s->lost_to = s->una;
    measure(s, sim.now - sent_ms);
    if (s->is_trying)
        after_timeout(s, !was_repeated);
    if (s->is_recovering && s->una >= s->recover)
        s->is_recovering = false;
    if (!s->is_recovering || s->cwnd < s->ssthresh)
        grow(s, sim.now - sent_ms);
    find_losses(s);
    s->timer_ms = s->una < s->next ? sim.now + s->rto_ms : 0;
    send_all(s);
}

static void time_out(struct sender *s) {
    if (!s->is_trying) {
        s->cwnd_before = s->cwnd;
        s->w_max = s->cwnd;
        s->ssthresh = s->cwnd * 0.7 > 2 ? s->cwnd * 0.7 : 2;
        s->epoch_ms = 0;
    }
    s->is_trying = true;
    s->cwnd = 1;
    s->rto_ms = s->rto_ms * 2 < 120000 ? s->rto_ms * 2 : 120000;
    s->timer_ms = 0;
    if (s->state[s->una] != LOST)
        lose(s, s->una);
    s->lost--;
    send_segment(s, s->una, true);
}

// ---- The page.

static void ask_next(struct sender *s) {
    s->is_busy = sim.next_object < OBJECTS && (sim.next_object == 0 || sim.objects_done > 0);
    if (s->is_busy) {
        s->begins_ms = sim.now + 2 * sim.delay_ms; // the request's way, and the first byte's
        s->most += sim.objects[sim.next_object++];
    }
}

static void run_senders(int first, int last) {
    for (int i = first; i < last; i++) {
        struct sender *s = &sim.senders[i];
        if (s->is_busy && s->una == s->most) {
            s->is_busy = false;
            sim.page_ms = sim.now;
            sim.objects_done++;
        }
        if (i < PAGE && !s->is_busy)
            ask_next(s);
        if (s->timer_ms > 0 && sim.now >= s->timer_ms)
            time_out(s);
        if (sim.now >= s->begins_ms)
            send_all(s);
    }
}

// ---- The link and the queue.

static void arrive(const uint8_t *packet) {
    const uint8_t *bytes = packet + (packet[9] == PACKET_TCP ? 52 : 28);
    uint32_t flow = packet_get32(bytes);
    if (flow == KEYS) {
        if (sim.wait_count < 2000)
            sim.waits[sim.wait_count++] = (double)(sim.now - packet_get32(bytes + 8));
        return;
    }
    struct arrival *arrival = malloc(sizeof *arrival);
    if (arrival == NULL)
        exit(1);
    struct arrival **at = &sim.arrivals[(sim.now + 2 * sim.delay_ms) % ON_WAY];
    while (*at != NULL) at = &(*at)->next;
    *arrival =
        (struct arrival){(uint16_t)flow, packet_get32(bytes + 4), packet_get32(bytes + 8), NULL};
    *at = arrival;
    sim.bulk_bytes += flow == BULK ? PAYLOAD : 0;
}

// RFC 8289 section 5.5, in milliseconds.
static bool codel_drops(const uint8_t *packet, size_t behind) {
    const uint8_t *bytes = packet + (packet[9] == PACKET_TCP ? 52 : 28);
    struct codel *c = &sim.codel[packet_get32(bytes)];
    double packet_ms = sim.rate > 0 ? 2250 * 1e3 / sim.rate : 5;
    int64_t target = 2 * sim.delay_ms > (int64_t)packet_ms ? 2 * sim.delay_ms : (int64_t)packet_ms;
    int64_t interval = 3 * target > 100 ? 3 * target : 100;
    int64_t since = packet_get32(bytes + 8);
    since = since < sim.moved_ms ? sim.moved_ms : since; // what a standstill kept is forgiven
    if (sim.now - since < target || behind <= 15000) {
        c->above = c->dropping = false;
        return false;
    }
    if (!c->above) {
        c->above = true;
        c->since_ms = sim.now;
    }
    if (sim.now - c->since_ms < interval || (c->dropping && sim.now < c->next_ms))
        return false;
    if (!c->dropping) {
        unsigned before = c->count - c->first_count;
        c->count = before > 1 && sim.now - c->next_ms < 16 * interval ? before : 1;
        c->first_count = c->count;
        c->next_ms = sim.now;
        c->dropping = true;
    } else {
        c->count++;
    }
    c->next_ms += (int64_t)((double)interval / root(c->count, 2));
    return true;
}

static void tell_rate(const struct policy *policy) {
    if (sim.now % 500 == 0) { // the greatest of the last half second or second
        sim.rates[1] = sim.rates[0];
        sim.rates[0] = sim.rated * 2;
        sim.rated = 0;
        double rate = sim.rates[0] > sim.rates[1] ? sim.rates[0] : sim.rates[1];
        sim.rate = rate > 0 ? rate : sim.rate;
    }
    fair_queue_set_rate(&sim.queue, (uint64_t)sim.rate);
    if (policy->is_codel || policy->seconds == 0)
        sim.queue.limit = policy->is_codel ? QUEUE_BYTES * 4 : QUEUE_BYTES;
    else if (sim.rate > 0)
        sim.queue.limit = policy->seconds * sim.rate > QUEUE_FLOW_LEAST
                              ? (size_t)(policy->seconds * sim.rate)
                              : QUEUE_FLOW_LEAST;
}

static double chances(struct link *link) {
    int64_t at = sim.now;
    if (link->trace == NULL) {
        bool stands = at >= link->stand_from_ms &&
                      (at - link->stand_from_ms) % link->stand_each_ms < link->stand_ms;
        return stands ? 0 : link->kbits / 8;
    }
    size_t length = link->read.trace_length;
    uint32_t whole = link->read.trace_ms[length - 1];
    uint32_t ms = (uint32_t)((at + (int64_t)(link->from_s * 1000)) % whole);
    double bytes = 0;
    if (sim.at >= length || (sim.at > 0 && link->read.trace_ms[sim.at - 1] > ms))
        sim.at = 0;
    for (; sim.at < length && link->read.trace_ms[sim.at] <= ms; sim.at++)
        bytes += link->read.trace_ms[sim.at] == ms ? 1500 : 0;
    return bytes;
}

static void run_link(struct link *link, const struct policy *policy) {
    static uint8_t packet[PAYLOAD + 52];
    static int64_t passed_ms;
    double bytes = chances(link);
    if (bytes > 0 && sim.now - passed_ms > 400)
        sim.moved_ms = sim.now;
    if (bytes > 0 || sim.now == 1)
        passed_ms = sim.now;
    sim.credit += bytes;
    for (size_t length;
         (length = fair_queue_next(&sim.queue)) > 0 && (double)length <= sim.credit;) {
        uint16_t flow = sim.queue.chosen;
        fair_queue_take(&sim.queue, packet);
        if (policy->is_codel && codel_drops(packet, sim.queue.flows[flow].bytes)) {
            sim.dropped++;
            continue;
        }
        sim.credit -= (double)length;
        sim.rated += (double)length;
        arrive(packet);
    }
    if (sim.queue.count == 0)
        sim.credit = 0;
}

static void hear_arrivals(void) {
    struct arrival *arrival = sim.arrivals[sim.now % ON_WAY];
    sim.arrivals[sim.now % ON_WAY] = NULL;
    while (arrival != NULL) {
        struct arrival *next = arrival->next;
        heard(&sim.senders[arrival->flow], arrival->segment, arrival->sent_ms);
        free(arrival);
        arrival = next;
    }
}

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

// A page, or a bulk transfer for BULK_MS, or both until the page is there; keystrokes beside.
static void run(struct link *link, const struct policy *policy, bool page, bool bulk) {
    static const struct siphash_key key = {1, 2};
    for (int i = 0; i < ON_WAY; i++) sim.now = i, hear_arrivals();
    memset(&sim, 0, sizeof sim);
    fair_queue_init(&sim.queue, &key);
    make_objects();
    sim.delay_ms = link->delay_ms;
    for (int i = 0; i < FLOWS; i++) {
        sim.senders[i].cwnd = 10;
        sim.senders[i].ssthresh = 1e9;
        sim.senders[i].rto_ms = 1000;
    }
    sim.senders[BULK].most = SEGMENTS;
    for (sim.now = 1; sim.now < (page ? LIMIT_MS : BULK_MS); sim.now++) {
        hear_arrivals();
        if (page)
            run_senders(0, PAGE);
        if (bulk)
            run_senders(BULK, FLOWS);
        if (sim.now % 100 == 0)
            push(KEYS, 0, 72);
        tell_rate(policy);
        run_link(link, policy);
        if (page && sim.objects_done == OBJECTS)
            break;
    }
    qsort(sim.waits, sim.wait_count, sizeof sim.waits[0], compare);
}

static void show(struct link *link) {
    static const struct policy policies[] = {
        {"CoDel", true, 0},     {"memory alone", false, 0}, {"250 ms", false, 0.25},
        {"500 ms", false, 0.5}, {"1 s", false, 1},          {"2 s", false, 2},
    };
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        const struct policy *policy = &policies[i];
        printf("%-22s %-13s", i == 0 ? link->name : "", policy->name);
        run(link, policy, true, false);
        printf("%6.1f s %4.1f %%", (double)sim.page_ms / 1000, 100.0 * sim.repeated / sim.sent);
        run(link, policy, true, true);
        printf("%8.1f s %4.1f %%", (double)sim.page_ms / 1000, 100.0 * sim.repeated / sim.sent);
        run(link, policy, false, true);
        printf("%8.2f Mbit/s %5.0f ms %6.0f ms\n", (double)sim.bulk_bytes * 8 / BULK_MS / 1000,
               (double)sim.senders[BULK].srtt_ms,
               sim.wait_count > 0 ? sim.waits[sim.wait_count * 95 / 100] : 0);
    }
}

int main(int argc, char **argv) {
    struct link links[] = {
        {.name = "3g", .kbits = 1600, .delay_ms = 75, .stand_each_ms = 1},
        {.name = "lte", .kbits = 20000, .delay_ms = 25, .stand_each_ms = 1},
        {"3g, stands at 3-33 s", 1600, 75, 3000, 30000, 1000000, NULL, 0, {0}},
        {"lte, stands at 0.4-9 s", 20000, 25, 400, 8600, 1000000, NULL, 0, {0}},
        {"lte, 400 ms each s", 20000, 25, 300, 400, 1000, NULL, 0, {0}},
        {.name = "umts, second 120",
         .delay_ms = 50,
         .trace = "TMobile-UMTS-driving",
         .from_s = 120},
        {.name = "evdo", .delay_ms = 50, .trace = "Verizon-EVDO-driving"},
        {.name = "lte-trace, first", .delay_ms = 25, .trace = "Verizon-LTE-short"},
        {.name = "lte-trace, fourth", .delay_ms = 25, .trace = "Verizon-LTE-short", .from_s = 84},
        {.name = "att-lte-trace", .delay_ms = 25, .trace = "ATT-LTE-driving-2016", .from_s = 48},
    };
    printf("%-36s  a page, repeated   beside bulk, repeated  bulk, its round trip, keystroke\n",
           "");
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s.down", argc > 1 ? argv[1] : "",
                 links[i].trace != NULL ? links[i].trace : "");
        if (links[i].trace == NULL || (argc > 1 && cell_trace_read(&links[i].read, path) == NULL))
            show(&links[i]);
    }
    return 0;
}
