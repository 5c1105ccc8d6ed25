// SPDX-License-Identifier: ISC
// Segments of a TCP connection that wait one behind the other leave as one super-packet, with one
// header, which the receiver also acknowledges but once. They are put together where a message is
// made, and not when they come: only then it is known how many have come meanwhile, and nothing has
// to wait for another. A PSH is no boundary here (RFC 9293 section 3.9.1.2; Linux sets it on each
// burst), and the last segment has it. What cannot be joined is a record of its own.
#include "../base/bytes.h"
#include "../ip/coalesce.h"
#include "mode.h"
#include <string.h>

struct joining {
    struct ip_run run; // of the newest record, and those that it was joined to
    size_t at;         // where their record begins
};

// Reads a record of the queue: a packet, or a super-packet of segments of this size; 0: a packet.
static bool read_segments(struct ip_packet *packet, uint16_t *segment_size, uint8_t *bytes,
                          size_t length) {
    bool is_super = bytes[0] == RECORD_SUPER_PACKET && length > SUPER_PACKET_HEAD;
    size_t head = is_super ? SUPER_PACKET_HEAD : 0;
    *segment_size = is_super ? get_be16(bytes + RECORD_HEAD) : 0;
    return ip_parse(packet, bytes + head, length - head) == IP_GOOD &&
           packet->length == length - head;
}

// Makes room for a head before the packet that is the run as yet, if it has none.
static size_t give_head(struct joining *join, uint8_t *records, size_t end) {
    uint8_t *first = records + join->at;
    if (join->run.first.bytes != first)
        return 0;
    memmove(first + SUPER_PACKET_HEAD, first, end - join->at);
    join->run.first.bytes += SUPER_PACKET_HEAD;
    return SUPER_PACKET_HEAD;
}

// A packet, or a super-packet, stands behind the records, at `at`. Joins it to the one before it,
// if one header does for both. Returns where the records end then.
static size_t join_last(struct joining *join, uint8_t *records, size_t at, size_t length) {
    struct ip_packet packet;
    struct ip_run *run = &join->run;
    uint16_t segment_size;
    if (!read_segments(&packet, &segment_size, records + at, length)) {
        run->first.bytes = NULL;
        return at + length;
    }
    if (run->first.bytes == NULL || !ip_run_follows(run, &packet, segment_size)) {
        join->at = at;
        (void)ip_run_begin(run, &packet, segment_size);
        return at + length;
    }
    packet.bytes += give_head(join, records, at + length);
    ip_run_append(run, &packet);
    ip_run_finish(run);
    super_packet_head_write(records + join->at, run->first.length, run->segment_size);
    return join->at + SUPER_PACKET_HEAD + run->first.length;
}

static void count_records(struct tunnel_link *link, uint8_t *records, size_t length) {
    struct record record;
    for (size_t at = 0, used; (used = record_read(&record, records + at, length - at)) > 0;
         at += used) {
        link->packets_sent++;
        link->super_packets_sent += record.type == RECORD_SUPER_PACKET;
    }
    link->bytes_sent += length;
}

size_t tunnel_take_packets(struct tunnel_link *link, uint8_t *to, size_t most, bool joins,
                           bool *hurries) {
    struct joining join = {.at = 0};
    size_t taken = 0, length = fair_queue_next(&link->queue), head = 0;
    *hurries = false;
    while (length > 0 && taken + head + length <= most) {
        *hurries |= fair_queue_hurries(&link->queue, FLOW_SMALL);
        (void)fair_queue_take(&link->queue, to + taken);
        taken = joins ? join_last(&join, to, taken, length) : taken + length;
        head = joins ? SUPER_PACKET_HEAD : 0;
        bool stays = join.run.first.bytes != NULL && join.run.first.length < FLOW_SHORT;
        length = stays && taken + head < most ? fair_queue_stay(&link->queue, most - taken - head)
                                              : fair_queue_next(&link->queue);
    }
    count_records(link, to, taken);
    return taken;
}
