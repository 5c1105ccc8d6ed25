// SPDX-License-Identifier: ISC
// A queue for each flow, and turns among them.
//
// Flows. A packet's flow goes by a keyed hash of protocol, addresses and ports (RFC 8290
// section 4.1). Two flows may share a queue by chance; without the key nobody can bring it about.
// Fragments have no ports but the first, and all go by the rest, so that they stay in order.
//
// Turns (section 4.2). A flow whose turn it is has credit for some bytes, and sends while it has
// any; the last packet may overdraw it. Without credit it gets a quantum more and goes to the end
// of the list of old flows. So all flows send the same number of bytes in the long run, whatever
// the sizes of their packets. A flow that comes up from nothing goes to the list of new flows,
// which is served first: a flow that sends less than its share, such as keystrokes or names, never
// waits for those that want more. To be new again by way of being empty it first has to wait for
// its turn among the old ones.
//
// Room. When cells run out, packets are dropped from the flow that holds the most of them, the
// oldest first: half of what it holds, but 64 packets at most (section 4.1), or what as many
// full-sized ones take up where they are super-packets. The RFC compares bytes, and here cells are
// what runs out: tiny packets count for what they take up. To find the flow, all flows are looked
// at, two bytes each, which lie side by side. That seldom happens, as half a flow goes each time:
// if n flows hold C cells, the largest has at least C / n of them, so that no more than 2 * n *
// QUEUE_FLOWS / C flows are looked at for each cell that is freed. That is at most QUEUE_FLOWS / 2
// in the worst case of all. With the few large flows of everyday it is nearly nothing.
//
// Steps. A flow's visit without credit takes a few instructions and pays for QUEUE_QUANTUM bytes;
// so the number of steps goes by the bytes that were sent, five for a packet of 1500.
//
// Slowing down. Nobody waits longer because a flow has much waiting, but the flow itself, and there
// is no other memory for the rest. So time does not count, in which a flow may have waited for
// others or for a link that stands still; only when more bytes wait than the link carries in
// QUEUE_FLOW_US, or than there is room left, its sender is told: by a mark (RFC 3168), else by the
// loss of its first packet, which is noticed soonest. TCP repeats one lost segment of a window
// within a round trip, but a second one may take it until a time-out, which a standstill makes a
// minute. So it is told once: again only when all has left that waited, and twice the limit more,
// which was sent before it could know. What it repeats is not what is dropped. Nor does it go
// first: a sender takes all that it sent before a repetition, and that has not come when the
// repetition has, for lost (RFC 8985 section 3), and would repeat whatever waits here. But what
// repeats data that still waits here is left out: its sender waits for an acknowledgement that
// cannot have come. Who is no TCP, and for whom the latest counts, is told at a part of this, and
// at twice that loses whatever is too much.
#include "fair_queue.h"
#include "../base/bytes.h"
#include "../base/units.h"
#include "../ip/checksum.h"
#include "../ip/packet.h"
#include "ack_thinning.h"
#include <string.h>

#define NO_FLOW    UINT16_MAX
#define DROP_BATCH 64
#define DROP_CELLS (DROP_BATCH * CELLS_OF(TUN_MTU))

_Static_assert((QUEUE_FLOWS & (QUEUE_FLOWS - 1)) == 0, "QUEUE_FLOWS must be a power of two");
_Static_assert(QUEUE_FLOWS < UINT16_MAX, "flows are numbered with 16 bits");

// So much less may wait where it is not TCP, so that a call is not late by a second.
#define OTHERS_PART 4
// What begins so far behind the newest data, in bytes, is another connection's; and so many packets
// are looked at to find what a repetition repeats.
#define REPEATED_MOST  (1 << 24)
#define REPEATED_LOOKS 64

// A connection has only begun for the first four round trips of its slow start, of 10, 20, 40 and
// 80 segments (RFC 6928, RFC 5681), and again after a pause as long as the least time-out of TCP
// (RFC 5681 section 4.1, RFC 6298 section 2.4).
#define BEGUN_BYTES    (150 * TUN_MTU)
#define BEGUN_AGAIN_US 1000000

// The lower two bits of the traffic class (RFC 3168 section 5): 00 says that the sender does not
// know marks, 11 is the mark.
#define ECN_BITS   0x03
#define ECN_MARKED 0x03

void fair_queue_init(struct fair_queue *queue, const struct siphash_key *key) {
    memset(queue, 0, offsetof(struct fair_queue, flows));
    queue->key = *key;
    fair_queue_set_rate(queue, 0);
    fair_queue_clear(queue);
}

void fair_queue_clear(struct fair_queue *queue) {
    memset(queue->flows, 0, sizeof queue->flows);
    memset(queue->held, 0, sizeof queue->held);
    for (size_t i = 0; i < QUEUE_FLOWS; i++) queue->flows[i].first = NO_CELL;
    queue->new_flows.first = queue->old_flows.first = NO_FLOW;
    queue->chosen = queue->taken = NO_FLOW;
    queue->count = queue->bytes = 0;
    cells_init(&queue->cells);
}

void fair_queue_set_rate(struct fair_queue *queue, uint64_t bytes_per_second) {
    uint64_t limit = QUEUE_BYTES / 2;
    if (bytes_per_second > 0 && bytes_per_second < QUEUE_BYTES * (US / QUEUE_FLOW_US))
        limit = bytes_per_second * QUEUE_FLOW_US / US;
    else if (bytes_per_second > 0)
        limit = QUEUE_BYTES;
    queue->limit = limit > QUEUE_FLOW_LEAST ? (size_t)limit : QUEUE_FLOW_LEAST;
}

static void append_flow(struct fair_queue *queue, struct fair_queue_list *list, uint16_t index) {
    queue->flows[index].next = NO_FLOW;
    if (list->first == NO_FLOW)
        list->first = index;
    else
        queue->flows[list->last].next = index;
    list->last = index;
}

static void remove_first_flow(struct fair_queue *queue, struct fair_queue_list *list) {
    list->first = queue->flows[list->first].next;
}

static uint16_t flow_of(const struct fair_queue *queue, const uint8_t *packet, size_t length) {
    uint64_t addresses = 0;
    uint64_t rest = 0;
    if (length >= IP_HEADER_MIN && ip_looks_like_ipv4(packet, length)) {
        size_t header = (size_t)(packet[0] & 0x0f) * 4;
        addresses = get_be64(packet + IP_AT_SOURCE);
        rest = packet[IP_AT_PROTOCOL];
        if ((rest == IP_TCP || rest == IP_UDP) && !ip_header_is_fragment(packet) &&
            length >= header + 4)
            rest |= (uint64_t)get_be32(packet + header) << 8;
    }
    return (uint16_t)(siphash_2_words(&queue->key, addresses, rest) & (QUEUE_FLOWS - 1));
}

// Where the TCP header begins, all of which may be read; 0: there is none.
static size_t tcp_at(const uint8_t *packet, size_t length) {
    if (length < IP_HEADER_MIN || !ip_looks_like_ipv4(packet, length) ||
        packet[IP_AT_PROTOCOL] != IP_TCP || ip_header_is_fragment(packet))
        return 0;
    size_t header = (size_t)(packet[0] & 0x0f) * 4;
    return length >= header + TCP_HEADER_MIN ? header : 0;
}

static size_t size_of(const struct fair_queue_packet *packet) {
    return (size_t)packet->head_length + packet->length;
}

// Whether a packet carries data of TCP. Sets where in the connection it begins, and ends.
static bool carries(const uint8_t *packet, size_t length, uint32_t *from, uint32_t *to) {
    size_t at = tcp_at(packet, length);
    size_t headers = at + (size_t)(at > 0 ? packet[at + TCP_AT_DATA_OFFSET] >> 4 : 0) * 4;
    if (at == 0 || length <= headers)
        return false;
    *from = get_be32(packet + at + TCP_AT_SEQUENCE);
    *to = *from + (uint32_t)(length - headers);
    return true;
}

// Notes where a flow's data ends. Returns whether this packet repeats some of it.
static bool repeats(struct fair_queue_flow *flow, const uint8_t *packet, size_t length) {
    uint32_t from, to;
    flow->is_tcp = tcp_at(packet, length) > 0;
    if (!carries(packet, length, &from, &to))
        return false;
    uint32_t behind = flow->end - from;
    bool is_repeated = flow->has_end && behind > 0 && behind < REPEATED_MOST;
    if (!is_repeated || to - from > behind)
        flow->end = to;
    flow->has_end = true;
    return is_repeated;
}

// Of two packets of TCP, by addresses and ports.
static bool is_same_connection(const uint8_t *a, const uint8_t *b) {
    return get_be64(a + IP_AT_SOURCE) == get_be64(b + IP_AT_SOURCE) &&
           get_be32(a + (a[0] & 0x0f) * 4) == get_be32(b + (b[0] & 0x0f) * 4);
}

// Whether what a packet repeats has not even left yet. The one that waits is of the same
// connection, and has all of its data.
static bool still_waits(struct fair_queue *queue, uint16_t index, const uint8_t *packet,
                        size_t length) {
    uint32_t from, to, first, end;
    uint16_t cell = queue->flows[index].first;
    if (!carries(packet, length, &from, &to))
        return false;
    for (int looks = REPEATED_LOOKS; looks > 0 && cell != NO_CELL; looks--) {
        const uint8_t *waiting = cells_packet(&queue->cells, cell);
        if (carries(waiting, queue->packets[cell].length, &first, &end) &&
            from - first < end - first && to - first <= end - first &&
            is_same_connection(waiting, packet))
            return true;
        cell = queue->packets[cell].next;
    }
    return false;
}

static void append_packet(struct fair_queue *queue, uint16_t index, uint16_t cell) {
    struct fair_queue_flow *flow = &queue->flows[index];
    struct fair_queue_packet *packet = &queue->packets[cell];
    packet->next = NO_CELL;
    if (flow->first == NO_CELL)
        flow->first = cell;
    else
        queue->packets[flow->last].next = cell;
    flow->last = cell;
    flow->bytes += (uint32_t)size_of(packet);
    queue->held[index] += (uint16_t)CELLS_OF(packet->length);
    queue->bytes += size_of(packet);
    queue->count++;
    if (!flow->is_listed) {
        flow->is_listed = true;
        flow->credit = QUEUE_QUANTUM;
        append_flow(queue, &queue->new_flows, index);
    }
}

static void remove_first_packet(struct fair_queue *queue, uint16_t index) {
    struct fair_queue_flow *flow = &queue->flows[index];
    uint16_t cell = flow->first;
    const struct fair_queue_packet *packet = &queue->packets[cell];
    uint32_t size = (uint32_t)size_of(packet);
    flow->bytes -= size;
    flow->pardoned -= flow->pardoned < size ? flow->pardoned : size;
    queue->held[index] -= (uint16_t)CELLS_OF(packet->length);
    queue->bytes -= size;
    queue->count--;
    cells_free(&queue->cells, cell, packet->last_cell, packet->length);
    flow->first = packet->next;
}

static uint16_t fattest_flow(const struct fair_queue *queue) {
    uint16_t fattest = 0;
    uint16_t most = 0;
    for (uint16_t i = 0; i < QUEUE_FLOWS; i++)
        if (queue->held[i] > most) {
            most = queue->held[i];
            fattest = i;
        }
    return fattest;
}

static void make_room(struct fair_queue *queue, size_t cells) {
    while (queue->cells.free_count < cells) {
        uint16_t fattest = fattest_flow(queue);
        uint16_t half = queue->held[fattest] / 2;
        size_t enough = queue->cells.free_count + DROP_CELLS;
        for (int i = 0; i < DROP_BATCH && queue->held[fattest] > half &&
                        (i == 0 || queue->cells.free_count < enough);
             i++) {
            remove_first_packet(queue, fattest);
            queue->dropped_full++;
        }
    }
}

size_t fair_queue_drop_older(struct fair_queue *queue, int64_t before_us, size_t spared) {
    size_t count = queue->count;
    queue->chosen = NO_FLOW;
    for (uint16_t i = 0; i < QUEUE_FLOWS; i++)
        while (queue->flows[i].first != NO_CELL && queue->flows[i].bytes > spared &&
               queue->packets[queue->flows[i].first].arrived_us < before_us)
            remove_first_packet(queue, i);
    return count - queue->count;
}

// Puts an acknowledgement in the place of one that waits last in its flow and says less.
static bool replace_last(struct fair_queue *queue, uint16_t index, const uint8_t *packet,
                         size_t length) {
    const struct fair_queue_flow *flow = &queue->flows[index];
    if (flow->first == NO_CELL || queue->packets[flow->last].length != length ||
        queue->packets[flow->last].head_length != 0 || CELLS_OF(length) > 1)
        return false;
    uint8_t *last = cells_packet(&queue->cells, flow->last);
    if (!ack_thinning_replaces(packet, last, length))
        return false;
    memcpy(last, packet, length);
    queue->thinned++;
    return true;
}

// Marks a packet as RFC 3168 says, where its sender knows marks. The header's checksum is updated,
// so that one that was wrong stays wrong.
static bool mark_packet(struct fair_queue *queue, uint16_t cell) {
    uint8_t *header = cells_packet(&queue->cells, cell);
    size_t length = queue->packets[cell].length;
    if (length < IP_HEADER_MIN || !ip_looks_like_ipv4(header, length) ||
        (header[IP_AT_TRAFFIC_CLASS] & ECN_BITS) == 0)
        return false;
    uint8_t marked[2] = {header[0], header[IP_AT_TRAFFIC_CLASS] | ECN_MARKED};
    uint16_t checksum = get_be16(header + IP_AT_CHECKSUM);
    put_be16(header + IP_AT_CHECKSUM, checksum_update(checksum, header, marked, sizeof marked));
    header[IP_AT_TRAFFIC_CLASS] = marked[1];
    queue->marked++;
    return true;
}

// Where too much of a flow waits, its sender is told to slow down, if it could have heard of the
// last time.
static void slow_down(struct fair_queue *queue, uint16_t index) {
    struct fair_queue_flow *flow = &queue->flows[index];
    size_t room = queue->cells.free_count * QUEUE_CELL;
    size_t limit = flow->is_tcp ? queue->limit : queue->limit / OTHERS_PART;
    limit = limit < room ? limit : room;
    limit = limit > QUEUE_FLOW_BEGUN ? limit : QUEUE_FLOW_BEGUN;
    bool is_far_too_much = !flow->is_tcp && flow->bytes > 2 * limit;
    if (flow->bytes <= limit || flow->first == flow->last ||
        queue->packets[flow->first].is_repeated || (flow->pardoned > 0 && !is_far_too_much))
        return;
    if (flow->pardoned == 0)
        flow->pardoned = flow->bytes + 2 * (uint32_t)limit;
    if (!is_far_too_much && mark_packet(queue, flow->first))
        return;
    remove_first_packet(queue, index);
    queue->dropped_late++;
}

void fair_queue_push(struct fair_queue *queue, const uint8_t *packet, size_t length,
                     int64_t now_us) {
    fair_queue_push_headed(queue, NULL, 0, packet, length, now_us);
}

void fair_queue_push_headed(struct fair_queue *queue, const uint8_t *head, size_t head_length,
                            const uint8_t *packet, size_t length, int64_t now_us) {
    uint16_t last_cell;
    if (length == 0 || length > IP_PACKET_MAX || head_length > QUEUE_HEAD_MAX) {
        queue->refused++;
        return;
    }
    uint16_t index = flow_of(queue, packet, length);
    queue->pushed_packets++;
    queue->pushed_bytes += head_length + length;
    bool is_repeated = repeats(&queue->flows[index], packet, length);
    if (head_length == 0 && replace_last(queue, index, packet, length))
        return;
    if (is_repeated && still_waits(queue, index, packet, length)) {
        queue->repeated++;
        return;
    }
    queue->chosen = NO_FLOW;
    make_room(queue, CELLS_OF(length));
    uint16_t cell = cells_write(&queue->cells, head, head_length, packet, length, &last_cell);
    queue->packets[cell] = (struct fair_queue_packet){
        .arrived_us = now_us,
        .length = (uint16_t)length,
        .last_cell = last_cell,
        .head_length = (uint8_t)head_length,
        .is_repeated = is_repeated,
    };
    append_packet(queue, index, cell);
    if (now_us - queue->flows[index].pushed_us > BEGUN_AGAIN_US)
        queue->flows[index].begun = 0;
    queue->flows[index].pushed_us = now_us;
    slow_down(queue, index);
}

// Looks at the first flow of a list: it is chosen, or moved.
static void visit_first_flow(struct fair_queue *queue, struct fair_queue_list *list) {
    uint16_t index = list->first;
    struct fair_queue_flow *flow = &queue->flows[index];
    if (flow->credit <= 0) {
        flow->credit += QUEUE_QUANTUM;
        remove_first_flow(queue, list);
        append_flow(queue, &queue->old_flows, index);
        return;
    }
    if (flow->first != NO_CELL) {
        queue->chosen = index;
        return;
    }
    remove_first_flow(queue, list);
    if (list == &queue->new_flows && queue->old_flows.first != NO_FLOW)
        append_flow(queue, &queue->old_flows, index);
    else
        flow->is_listed = false;
}

size_t fair_queue_next(struct fair_queue *queue) {
    while (queue->chosen == NO_FLOW) {
        struct fair_queue_list *list =
            queue->new_flows.first != NO_FLOW ? &queue->new_flows : &queue->old_flows;
        if (list->first == NO_FLOW)
            return 0;
        visit_first_flow(queue, list);
    }
    return size_of(&queue->packets[queue->flows[queue->chosen].first]);
}

size_t fair_queue_stay(struct fair_queue *queue, size_t most) {
    uint16_t cell = queue->taken == NO_FLOW ? NO_CELL : queue->flows[queue->taken].first;
    if (cell != NO_CELL && size_of(&queue->packets[cell]) <= most)
        queue->chosen = queue->taken;
    return fair_queue_next(queue);
}

bool fair_queue_has_small(const struct fair_queue *queue, size_t most) {
    uint16_t flow = queue->chosen != NO_FLOW ? queue->chosen : queue->new_flows.first;
    while (flow != NO_FLOW && queue->flows[flow].first == NO_CELL) // of which all was taken
        flow = queue->flows[flow].next;
    return flow != NO_FLOW && size_of(&queue->packets[queue->flows[flow].first]) <= most;
}

bool fair_queue_hurries(struct fair_queue *queue, size_t most) {
    const struct fair_queue_flow *flow = &queue->flows[queue->chosen];
    const uint8_t *packet = cells_packet(&queue->cells, flow->first);
    size_t at = tcp_at(packet, queue->packets[flow->first].length);
    if (flow->bytes > most || flow->first != flow->last)
        return false;
    return at == 0 ||
           ((packet[at + TCP_AT_FLAGS] & TCP_PSH) != 0 && flow->begun < QUEUE_FLOW_BEGUN);
}

size_t fair_queue_take(struct fair_queue *queue, uint8_t *out) {
    if (queue->chosen == NO_FLOW)
        return 0;
    struct fair_queue_flow *flow = &queue->flows[queue->chosen];
    const struct fair_queue_packet *packet = &queue->packets[flow->first];
    size_t size = size_of(packet);
    cells_read(&queue->cells, flow->first, out, packet->head_length, packet->length);
    flow->credit -= (int32_t)size;
    if (flow->begun < BEGUN_BYTES) {
        flow->begun += (uint32_t)size;
        queue->has_begun |= CELLS_OF(size) > 1;
    }
    remove_first_packet(queue, queue->chosen);
    queue->taken = queue->chosen;
    queue->chosen = NO_FLOW;
    return size;
}

bool fair_queue_took_begun(struct fair_queue *queue) {
    bool has_begun = queue->has_begun;
    queue->has_begun = false;
    return has_begun;
}
