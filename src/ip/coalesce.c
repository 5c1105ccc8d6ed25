// SPDX-License-Identifier: ISC
// Segments are put together only where cutting the whole again gives the same segments back, as far
// as the receiver's TCP can see: same addresses, ports, TTL, traffic class and acknowledgment,
// window and options; sequence numbers that follow each other; sizes equal, but for the last, which
// may be shorter. A checksum that is wrong must stay wrong, so it is looked at before the segment's
// own is given up.
//
// Some runs are held at a time, for a fair queue mixes connections. A packet of a connection that
// cannot be added to its run, be it an acknowledgment without data, ends the run first, so that
// order is kept; all other packets pass at once.
#include "coalesce.h"
#include "checksum.h"
#include <string.h>

// The acknowledgment, and behind it the header's length and the bits that RFC 9293 reserves, of
// which accurate ECN feedback uses one.
#define ACKNOWLEDGMENT_AND_LENGTH 5

void ip_coalescer_init(struct ip_coalescer *coalescer) {
    for (size_t i = 0; i < COALESCE_RUNS; i++) coalescer->runs[i].first.bytes = NULL;
    coalescer->next = 0;
}

static uint8_t *tcp_of(const struct ip_packet *p) { return p->bytes + p->header_length; }

static bool is_same_connection(const struct ip_packet *a, const struct ip_packet *b) {
    return a->source == b->source && a->destination == b->destination &&
           a->source_port == b->source_port && a->destination_port == b->destination_port;
}

static bool checksum_is_good(const struct ip_packet *p) {
    size_t length = p->length - p->header_length;
    uint64_t sum = checksum_add(0, tcp_of(p), length);
    sum = checksum_add_pseudo_header(sum, p->source, p->destination, IP_TCP, (uint16_t)length);
    return checksum_fold(sum) == 0xffff;
}

// Whether a run may begin with a packet: plain data, in its order.
static bool is_plain_data(const struct ip_packet *p) {
    return p->length > ip_header_sizes(p) && p->header_length == IP_HEADER_MIN &&
           (p->tcp_flags & (uint8_t)~TCP_PSH) == TCP_ACK && checksum_is_good(p);
}

// Whether a segment of plain data goes on where its connection's run ends.
static bool follows(const struct ip_run *run, const struct ip_packet *p) {
    const struct ip_packet *first = &run->first;
    const uint8_t *ours = tcp_of(first);
    const uint8_t *its = tcp_of(p);
    size_t headers = ip_header_sizes(first);
    size_t options = headers - first->header_length - TCP_HEADER_MIN;
    return !run->is_full && run->segments < SEGMENTS_MAX && p->tcp_sequence == run->next_sequence &&
           p->ttl == first->ttl &&
           p->bytes[IP_AT_TRAFFIC_CLASS] == first->bytes[IP_AT_TRAFFIC_CLASS] &&
           memcmp(first->bytes + IP_AT_FRAGMENT, p->bytes + IP_AT_FRAGMENT, 2) == 0 &&
           (p->dont_fragment ||
            p->identification == (uint16_t)(first->identification + run->segments)) &&
           ip_header_sizes(p) == headers && p->length - headers <= run->segment_size &&
           first->length + (p->length - headers) <= IP_PACKET_MAX &&
           memcmp(ours + TCP_AT_ACKNOWLEDGMENT, its + TCP_AT_ACKNOWLEDGMENT,
                  ACKNOWLEDGMENT_AND_LENGTH) == 0 &&
           memcmp(ours + TCP_AT_WINDOW, its + TCP_AT_WINDOW, 2) == 0 &&
           memcmp(ours + TCP_AT_URGENT, its + TCP_AT_URGENT, 2 + options) == 0;
}

static void note_end(struct ip_run *run, const struct ip_packet *p, size_t payload) {
    run->segments++;
    run->next_sequence = p->tcp_sequence + (uint32_t)payload;
    run->is_full = payload < run->segment_size || (p->tcp_flags & TCP_PSH) != 0;
}

static void begin_run(struct ip_run *run, const struct ip_packet *p) {
    size_t payload = p->length - ip_header_sizes(p);
    run->first = *p;
    run->segments = 0;
    run->segment_size = (uint16_t)payload;
    note_end(run, p, payload);
}

static void append(struct ip_run *run, const struct ip_packet *p) {
    size_t headers = ip_header_sizes(p);
    size_t payload = p->length - headers;
    if (run->segments == 1) {
        memcpy(run->bytes, run->first.bytes, run->first.length);
        run->first.bytes = run->bytes;
    }
    memcpy(run->bytes + run->first.length, p->bytes + headers, payload);
    run->first.length += payload;
    tcp_of(&run->first)[TCP_AT_FLAGS] |= p->tcp_flags & TCP_PSH;
    note_end(run, p, payload);
}

static void end_run(struct ip_run *run, ip_piece_receiver *out, void *arg) {
    struct ip_packet *p = &run->first;
    uint8_t *bytes = p->bytes;
    p->bytes = NULL;
    if (bytes == NULL)
        return;
    if (run->segments == 1) {
        out(arg, bytes, p->length, 0);
        return;
    }
    ip_set_length(bytes, p->header_length, p->length);
    ip_set_transport_checksum(bytes, p->header_length, p->length, true);
    out(arg, bytes, p->length, run->segment_size);
}

static struct ip_run *find_run(struct ip_coalescer *coalescer, const struct ip_packet *p) {
    for (size_t i = 0; i < COALESCE_RUNS; i++)
        if (coalescer->runs[i].first.bytes != NULL &&
            is_same_connection(&coalescer->runs[i].first, p))
            return &coalescer->runs[i];
    return NULL;
}

void ip_coalesce(struct ip_coalescer *coalescer, uint8_t *packet, size_t length,
                 ip_piece_receiver *out, void *arg) {
    struct ip_packet p;
    if (ip_parse(&p, packet, length) != IP_GOOD || p.protocol != IP_TCP || p.is_fragment) {
        out(arg, packet, length, 0);
        return;
    }
    struct ip_run *run = find_run(coalescer, &p);
    bool is_data = is_plain_data(&p);
    if (run != NULL && is_data && follows(run, &p)) {
        append(run, &p);
        return;
    }
    if (run != NULL)
        end_run(run, out, arg);
    if (!is_data) {
        out(arg, packet, length, 0);
        return;
    }
    if (run == NULL) {
        run = &coalescer->runs[coalescer->next];
        coalescer->next = (coalescer->next + 1) % COALESCE_RUNS;
        end_run(run, out, arg);
    }
    begin_run(run, &p);
}

void ip_coalesce_end(struct ip_coalescer *coalescer, ip_piece_receiver *out, void *arg) {
    for (size_t i = 0; i < COALESCE_RUNS; i++) end_run(&coalescer->runs[i], out, arg);
}
