// SPDX-License-Identifier: ISC
// Segments of a TCP connection that wait one behind the other leave as one super-packet, with one
// header. They are put together when they are taken out, and not when they come: only then it is
// known how many have come meanwhile, and nothing has to wait for another. The connection pays for
// all of them with its turns in the queue.
#include <string.h>

#include "../base/bytes.h"
#include "../ip/coalesce.h"
#include "mode.h"

// Reads a record that is a packet or super-packet; of segments of which size, 0: a packet. Returns
// whether it is TCP.
static bool read_segments(struct ip_packet *packet, uint16_t *segment_size, uint8_t *record,
                          size_t length) {
    bool is_super = record[0] == RECORD_SUPER_PACKET;
    size_t head = is_super ? SUPER_PACKET_HEAD : 0;
    *segment_size = is_super ? get_be16(record + RECORD_HEAD) : 0;
    return length > head && ip_parse(packet, record + head, length - head) == IP_GOOD &&
           packet->length == length - head && packet->protocol == IP_TCP && packet->has_transport;
}

static bool append(struct ip_run *run, uint8_t *record, size_t length) {
    struct ip_packet packet;
    uint16_t segment_size;
    if (!read_segments(&packet, &segment_size, record, length) ||
        !ip_run_follows(run, &packet, segment_size))
        return false;
    ip_run_append(run, &packet);
    return true;
}

static void count(struct tunnel_link *link, const uint8_t *record, size_t length) {
    link->packets_sent++;
    link->bytes_sent += length;
    link->super_packets_sent += record[0] == RECORD_SUPER_PACKET;
}

// Takes what goes on where the run ends, whose record begins at `to`. What turns out not to, is a
// record of its own behind it. Returns the length of all.
static size_t take_more(struct tunnel_link *link, struct ip_run *run, uint8_t *to, size_t most) {
    size_t length = run->first.length, whole = SUPER_PACKET_HEAD + length, rest = 0;
    if (run->first.bytes == to) // as yet one packet, before which there is to be a head
        run->first.bytes = memmove(to + SUPER_PACKET_HEAD, to, length);
    while (rest == 0 && !run->is_full &&
           fair_queue_follow(&link->queue, run->next_sequence, most - whole) > 0) {
        rest = fair_queue_take(&link->queue, to + whole);
        if (append(run, to + whole, rest)) {
            whole = SUPER_PACKET_HEAD + run->first.length;
            rest = 0;
        }
    }
    if (run->segments > 1) {
        ip_run_finish(run);
        super_packet_head_write(to, run->first.length, run->segment_size);
    } else {
        memmove(to, to + SUPER_PACKET_HEAD, length + rest);
        whole = length;
    }
    count(link, to, whole);
    if (rest > 0)
        count(link, to + whole, rest);
    return whole + rest;
}

size_t tunnel_take_run(struct tunnel_link *link, uint8_t *to, size_t most) {
    struct ip_packet packet;
    struct ip_run run;
    uint16_t segment_size;
    size_t length = fair_queue_take(&link->queue, to);
    if (most > length + SUPER_PACKET_HEAD && read_segments(&packet, &segment_size, to, length) &&
        fair_queue_follow(&link->queue,
                          packet.tcp_sequence +
                              (uint32_t)(packet.length - ip_header_sizes(&packet)),
                          most - length - SUPER_PACKET_HEAD) > 0 &&
        ip_run_begin(&run, &packet, segment_size))
        return take_more(link, &run, to, most);
    count(link, to, length);
    return length;
}
