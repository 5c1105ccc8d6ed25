// SPDX-License-Identifier: ISC
// Segments are put together only where cutting the whole again gives the same segments back, as far
// as the receiver's TCP can see: same addresses, ports, TTL, traffic class and acknowledgment,
// window and options; sequence numbers that follow each other; sizes equal, but for the last, which
// may be shorter. A checksum that is wrong must stay wrong, so it is looked at before the segment's
// own is given up.
//
// Segments that wait to be sent (tunnel/join.c) may also differ in their timestamps. The first's
// stand for all: an acknowledgement of several segments echoes the earliest (RFC 7323 section 4.3).
//
// Some runs are held at a time, for a fair queue mixes connections. A packet of a connection that
// cannot be added to its run, be it an acknowledgment without data, ends the run first, so that
// order is kept; all other packets pass at once.
#include "coalesce.h"
#include "../base/bytes.h"
#include "checksum.h"
#include <string.h>

// The acknowledgment, and behind it the header's length and the bits that RFC 9293 reserves, of
// which accurate ECN feedback uses one.
#define ACKNOWLEDGMENT_AND_LENGTH 5
// Timestamps, as RFC 7323 appendix A has them: two options that do nothing, kind 8, length 10.
#define TIMESTAMPS      12
#define TIMESTAMPS_HEAD 0x0101080a

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

// Plain data, in its order. A super-packet's checksum is the sender's to make.
static bool is_plain_data(const struct ip_packet *p, uint16_t segment_size) {
    return p->protocol == IP_TCP && !p->is_fragment && p->length > ip_header_sizes(p) &&
           p->header_length == IP_HEADER_MIN && (p->tcp_flags & (uint8_t)~TCP_PSH) == TCP_ACK &&
           (segment_size > 0 || checksum_is_good(p));
}

// Of what ends a TCP header, and after its checksum must be the same: urgent pointer and options.
static bool ends_alike(const struct ip_run *run, const struct ip_packet *p, size_t options) {
    return memcmp(tcp_of(&run->first) + TCP_AT_URGENT, tcp_of(p) + TCP_AT_URGENT, 2 + options) == 0;
}

static size_t options_of(const struct ip_packet *p) {
    return ip_header_sizes(p) - p->header_length - TCP_HEADER_MIN;
}

bool ip_run_follows(const struct ip_run *run, const struct ip_packet *p, uint16_t segment_size) {
    const struct ip_packet *first = &run->first;
    const uint8_t *ours = tcp_of(first);
    const uint8_t *its = tcp_of(p);
    size_t headers = ip_header_sizes(first);
    bool has_times =
        options_of(p) == TIMESTAMPS && get_be32(its + TCP_HEADER_MIN) == TIMESTAMPS_HEAD;
    size_t whole = first->length + p->length - headers;
    return !run->is_full && is_same_connection(first, p) && is_plain_data(p, segment_size) &&
           p->tcp_sequence == run->next_sequence && p->ttl == first->ttl &&
           p->bytes[IP_AT_TRAFFIC_CLASS] == first->bytes[IP_AT_TRAFFIC_CLASS] &&
           memcmp(first->bytes + IP_AT_FRAGMENT, p->bytes + IP_AT_FRAGMENT, 2) == 0 &&
           (p->dont_fragment ||
            p->identification == (uint16_t)(first->identification + run->segments)) &&
           ip_header_sizes(p) == headers &&
           (segment_size == run->segment_size ||
            (segment_size == 0 && p->length - headers <= run->segment_size)) &&
           whole <= IP_PACKET_MAX && whole - headers <= (size_t)run->segment_size * SEGMENTS_MAX &&
           memcmp(ours + TCP_AT_ACKNOWLEDGMENT, its + TCP_AT_ACKNOWLEDGMENT,
                  ACKNOWLEDGMENT_AND_LENGTH) == 0 &&
           memcmp(ours + TCP_AT_WINDOW, its + TCP_AT_WINDOW, 2) == 0 &&
           ends_alike(run, p, has_times ? sizeof(uint32_t) : options_of(p));
}

static void note_end(struct ip_run *run, const struct ip_packet *p, size_t payload) {
    run->segments += (payload + run->segment_size - 1) / run->segment_size;
    run->next_sequence = p->tcp_sequence + (uint32_t)payload;
    run->is_full = payload % run->segment_size != 0;
}

bool ip_run_begin(struct ip_run *run, const struct ip_packet *p, uint16_t segment_size) {
    run->first.bytes = NULL;
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
    struct ip_packet *whole = &run->first;
    memmove(whole->bytes + whole->length, p->bytes + headers, payload);
    whole->length += payload;
    tcp_of(whole)[TCP_AT_FLAGS] |= p->tcp_flags & TCP_PSH;
    note_end(run, p, payload);
}

void ip_run_finish(const struct ip_run *run) {
    const struct ip_packet *p = &run->first;
    ip_set_length(p->bytes, p->header_length, p->length);
    ip_set_transport_checksum(p->bytes, p->header_length, p->length, true);
}

static void end_run(struct ip_run *run, ip_piece_receiver *out, void *arg) {
    uint8_t *bytes = run->first.bytes;
    if (bytes == NULL)
        return;
    if (run->segments > 1)
        ip_run_finish(run);
    run->first.bytes = NULL;
    out(arg, bytes, run->first.length, run->segments > 1 ? run->segment_size : 0);
}

// What pushes is not to wait for more.
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
    struct ip_run begun, *run = find_run(coalescer, &p);
    if (run != NULL && !pushes(run) && ip_run_follows(run, &p, 0) &&
        ends_alike(run, &p, options_of(&p))) {
        uint8_t *whole = coalescer->bytes[run - coalescer->runs];
        if (run->segments == 1)
            run->first.bytes = memcpy(whole, run->first.bytes, run->first.length);
        ip_run_append(run, &p);
        return;
    }
    if (run != NULL)
        end_run(run, out, arg);
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
