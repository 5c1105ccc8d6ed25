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

#include <string.h>

#include "../base/bytes.h"
#include "checksum.h"

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

// Whether a run may begin with a packet: plain data, in its order. A super-packet's checksum is the
// sender's to make.
static bool is_plain_data(const struct ip_packet *p, uint16_t segment_size) {
    return p->protocol == IP_TCP && !p->is_fragment && p->length > ip_header_sizes(p) &&
           p->header_length == IP_HEADER_MIN && (p->tcp_flags & (uint8_t)~TCP_PSH) == TCP_ACK &&
           (segment_size > 0 || checksum_is_good(p));
}

bool ip_run_follows(const struct ip_run *run, const struct ip_packet *p, uint16_t segment_size) {
    const struct ip_packet *first = &run->first;
    const uint8_t *ours = tcp_of(first);
    const uint8_t *its = tcp_of(p);
    size_t headers = ip_header_sizes(first);
    size_t options = headers - first->header_length - TCP_HEADER_MIN;
    return !run->is_full && run->segments < SEGMENTS_MAX && is_same_connection(first, p) &&
           p->tcp_sequence == run->next_sequence &&
           (segment_size == 0 || segment_size == run->segment_size) && p->ttl == first->ttl &&
           p->bytes[IP_AT_TRAFFIC_CLASS] == first->bytes[IP_AT_TRAFFIC_CLASS] &&
           memcmp(first->bytes + IP_AT_FRAGMENT, p->bytes + IP_AT_FRAGMENT, 2) == 0 &&
           (p->dont_fragment ||
            p->identification == (uint16_t)(first->identification + run->segments)) &&
           ip_header_sizes(p) == headers &&
           (segment_size > 0 || p->length - headers <= run->segment_size) &&
           first->length + (p->length - headers) <= IP_PACKET_MAX &&
           memcmp(ours + TCP_AT_ACKNOWLEDGMENT, its + TCP_AT_ACKNOWLEDGMENT,
                  ACKNOWLEDGMENT_AND_LENGTH) == 0 &&
           memcmp(ours + TCP_AT_WINDOW, its + TCP_AT_WINDOW, 2) == 0 &&
           memcmp(ours + TCP_AT_URGENT, its + TCP_AT_URGENT, 2 + options) == 0 &&
           is_plain_data(p, segment_size);
}

static void note_end(struct ip_run *run, const struct ip_packet *p, size_t payload) {
    run->segments += (payload + run->segment_size - 1) / run->segment_size;
    run->next_sequence = p->tcp_sequence + (uint32_t)payload;
    run->is_full = payload % run->segment_size != 0;
}

bool ip_run_begin(struct ip_run *run, const struct ip_packet *p, uint16_t segment_size) {
    if (!is_plain_data(p, segment_size))
        return false;
    size_t payload = p->length - ip_header_sizes(p);
    run->first = *p;
    run->segments = 0;
    run->segment_size = segment_size > 0 ? segment_size : (uint16_t)payload;
    note_end(run, p, payload);
    return true;
}

void ip_run_append(struct ip_run *run, const struct ip_packet *p) {
    size_t headers = ip_header_sizes(p);
    size_t payload = p->length - headers;
    memmove(run->first.bytes + run->first.length, p->bytes + headers, payload);
    run->first.length += payload;
    tcp_of(&run->first)[TCP_AT_FLAGS] |= p->tcp_flags & TCP_PSH;
    note_end(run, p, payload);
}

void ip_run_finish(struct ip_run *run) {
    struct ip_packet *p = &run->first;
    ip_set_length(p->bytes, p->header_length, p->length);
    ip_set_transport_checksum(p->bytes, p->header_length, p->length, true);
}

static void end_run(struct ip_run *run, ip_piece_receiver *out, void *arg) {
    struct ip_packet *p = &run->first;
    uint8_t *bytes = p->bytes;
    if (bytes == NULL)
        return;
    if (run->segments > 1)
        ip_run_finish(run);
    p->bytes = NULL;
    out(arg, bytes, p->length, run->segments > 1 ? run->segment_size : 0);
}

static bool pushes(const struct ip_run *run) {
    return (tcp_of(&run->first)[TCP_AT_FLAGS] & TCP_PSH) != 0;
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
    if (run != NULL && !pushes(run) && ip_run_follows(run, &p, 0)) {
        uint8_t *whole = coalescer->bytes[run - coalescer->runs];
        if (run->segments == 1)
            run->first.bytes = memcpy(whole, run->first.bytes, run->first.length);
        ip_run_append(run, &p);
        return;
    }
    if (run != NULL)
        end_run(run, out, arg);
    struct ip_run begun;
    if (!ip_run_begin(&begun, &p, 0)) {
        out(arg, packet, length, 0);
        return;
    }
    if (run == NULL) {
        run = &coalescer->runs[coalescer->next];
        coalescer->next = (coalescer->next + 1) % COALESCE_RUNS;
        end_run(run, out, arg);
    }
    *run = begun;
}

void ip_coalesce_end(struct ip_coalescer *coalescer, ip_piece_receiver *out, void *arg) {
    for (size_t i = 0; i < COALESCE_RUNS; i++) end_run(&coalescer->runs[i], out, arg);
}
