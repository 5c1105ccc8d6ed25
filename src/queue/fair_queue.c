// SPDX-License-Identifier: ISC
// FQ-CoDel: a queue for each flow, turns among them, and CoDel in each (codel.h).
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
// What was judged stays judged: if a new flow is pushed while a packet was chosen and does not fit
// yet, the new flow is next, and the other's packet is sent in its turn without being asked again.
#include "fair_queue.h"

#include <string.h>

#include "../base/bytes.h"
#include "../ip/checksum.h"
#include "../ip/packet.h"
#include "ack_thinning.h"

#define NO_FLOW    UINT16_MAX
#define DROP_BATCH 64
#define DROP_CELLS (DROP_BATCH * CELLS_OF(TUN_MTU))

_Static_assert((QUEUE_FLOWS & (QUEUE_FLOWS - 1)) == 0, "QUEUE_FLOWS must be a power of two");
_Static_assert(QUEUE_FLOWS < UINT16_MAX, "flows are numbered with 16 bits");

// The lower two bits of the traffic class (RFC 3168 section 5): 00 says that the sender does not
// know marks, 11 is the mark.
#define ECN_BITS   0x03
#define ECN_MARKED 0x03

void fair_queue_init(struct fair_queue *queue, const struct siphash_key *key)
{
    memset(queue, 0, offsetof(struct fair_queue, flows));
    queue->key = *key;
    codel_set_rate(&queue->settings, 0);
    fair_queue_clear(queue);
}

void fair_queue_clear(struct fair_queue *queue)
{
    memset(queue->flows, 0, sizeof queue->flows);
    memset(queue->held, 0, sizeof queue->held);
    for (size_t i = 0; i < QUEUE_FLOWS; i++)
        queue->flows[i].first = NO_CELL;
    queue->new_flows.first = queue->old_flows.first = NO_FLOW;
    queue->chosen = NO_FLOW;
    queue->count = queue->bytes = 0;
    cells_init(&queue->cells);
}

void fair_queue_set_rate(struct fair_queue *queue, uint64_t bytes_per_second)
{
    codel_set_rate(&queue->settings, bytes_per_second);
}

void fair_queue_set_round_trip(struct fair_queue *queue, int64_t round_trip_us)
{
    codel_set_round_trip(&queue->settings, round_trip_us);
}

void fair_queue_forgive(struct fair_queue *queue, int64_t now_us)
{
    for (size_t i = 0; i < QUEUE_FLOWS; i++) {
        struct fair_queue_flow *flow = &queue->flows[i];
        if (!flow->is_listed)
            continue;
        memset(&flow->codel, 0, sizeof flow->codel);
        for (uint16_t at = flow->first; at != NO_CELL; at = queue->packets[at].next)
            queue->packets[at].arrived_us = now_us;
    }
}

static void append_flow(struct fair_queue *queue, struct fair_queue_list *list, uint16_t index)
{
    queue->flows[index].next = NO_FLOW;
    if (list->first == NO_FLOW)
        list->first = index;
    else
        queue->flows[list->last].next = index;
    list->last = index;
}

static void remove_first_flow(struct fair_queue *queue, struct fair_queue_list *list)
{
    list->first = queue->flows[list->first].next;
}

static uint16_t flow_of(const struct fair_queue *queue, const uint8_t *packet, size_t length)
{
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

static size_t size_of(const struct fair_queue_packet *packet)
{
    return (size_t)packet->head_length + packet->length;
}

static void append_packet(struct fair_queue *queue, uint16_t index, uint16_t cell)
{
    struct fair_queue_flow *flow = &queue->flows[index];
    const struct fair_queue_packet *packet = &queue->packets[cell];
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

static void remove_first_packet(struct fair_queue *queue, uint16_t index)
{
    struct fair_queue_flow *flow = &queue->flows[index];
    const struct fair_queue_packet *packet = &queue->packets[flow->first];
    flow->bytes -= (uint32_t)size_of(packet);
    queue->held[index] -= (uint16_t)CELLS_OF(packet->length);
    queue->bytes -= size_of(packet);
    queue->count--;
    cells_free(&queue->cells, flow->first, packet->last_cell, packet->length);
    flow->first = packet->next;
    flow->is_judged = false;
}

static uint16_t fattest_flow(const struct fair_queue *queue)
{
    uint16_t fattest = 0;
    uint16_t most = 0;
    for (uint16_t i = 0; i < QUEUE_FLOWS; i++)
        if (queue->held[i] > most) {
            most = queue->held[i];
            fattest = i;
        }
    return fattest;
}

static void make_room(struct fair_queue *queue, size_t cells)
{
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

size_t fair_queue_drop_older(struct fair_queue *queue, int64_t before_us, size_t spared)
{
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
                         size_t length)
{
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

void fair_queue_push(struct fair_queue *queue, const uint8_t *packet, size_t length, int64_t now_us)
{
    fair_queue_push_headed(queue, NULL, 0, packet, length, now_us);
}

void fair_queue_push_headed(struct fair_queue *queue, const uint8_t *head, size_t head_length,
                            const uint8_t *packet, size_t length, int64_t now_us)
{
    uint16_t last_cell;
    if (length == 0 || length > IP_PACKET_MAX || head_length > QUEUE_HEAD_MAX) {
        queue->refused++;
        return;
    }
    uint16_t index = flow_of(queue, packet, length);
    queue->pushed_packets++;
    queue->pushed_bytes += head_length + length;
    if (head_length == 0 && replace_last(queue, index, packet, length))
        return;
    queue->chosen = NO_FLOW;
    make_room(queue, CELLS_OF(length));
    uint16_t cell = cells_write(&queue->cells, head, head_length, packet, length, &last_cell);
    queue->packets[cell] = (struct fair_queue_packet){
        .arrived_us = now_us,
        .length = (uint16_t)length,
        .last_cell = last_cell,
        .next = NO_CELL,
        .head_length = (uint8_t)head_length,
    };
    append_packet(queue, index, cell);
}

// Marks a packet as RFC 3168 says, where its sender knows marks. The header's checksum is updated,
// so that one that was wrong stays wrong.
static bool mark_packet(struct fair_queue *queue, uint16_t cell)
{
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

// Drops a flow's packets until one may be sent. CoDel never drops the last.
static void judge_first_packet(struct fair_queue *queue, uint16_t index, int64_t now_us)
{
    struct fair_queue_flow *flow = &queue->flows[index];
    while (!flow->is_judged) {
        const struct fair_queue_packet *packet = &queue->packets[flow->first];
        flow->is_judged = true;
        if (codel_judge(&flow->codel, &queue->settings, now_us - packet->arrived_us,
                        flow->bytes - size_of(packet), now_us) &&
            !mark_packet(queue, flow->first)) {
            remove_first_packet(queue, index);
            queue->dropped_late++;
        }
    }
}

// Looks at the first flow of a list: it is chosen, or moved.
static void visit_first_flow(struct fair_queue *queue, struct fair_queue_list *list, int64_t now_us)
{
    uint16_t index = list->first;
    struct fair_queue_flow *flow = &queue->flows[index];
    if (flow->credit <= 0) {
        flow->credit += QUEUE_QUANTUM;
        remove_first_flow(queue, list);
        append_flow(queue, &queue->old_flows, index);
        return;
    }
    if (flow->first != NO_CELL) {
        judge_first_packet(queue, index, now_us);
        queue->chosen = index;
        return;
    }
    remove_first_flow(queue, list);
    if (list == &queue->new_flows && queue->old_flows.first != NO_FLOW)
        append_flow(queue, &queue->old_flows, index);
    else
        flow->is_listed = false;
}

size_t fair_queue_next(struct fair_queue *queue, int64_t now_us)
{
    while (queue->chosen == NO_FLOW) {
        struct fair_queue_list *list =
            queue->new_flows.first != NO_FLOW ? &queue->new_flows : &queue->old_flows;
        if (list->first == NO_FLOW)
            return 0;
        visit_first_flow(queue, list, now_us);
    }
    return size_of(&queue->packets[queue->flows[queue->chosen].first]);
}

bool fair_queue_has_small(const struct fair_queue *queue, size_t most)
{
    uint16_t flow = queue->chosen != NO_FLOW ? queue->chosen : queue->new_flows.first;
    while (flow != NO_FLOW && queue->flows[flow].first == NO_CELL) // of which all was taken
        flow = queue->flows[flow].next;
    return flow != NO_FLOW && size_of(&queue->packets[queue->flows[flow].first]) <= most;
}

size_t fair_queue_take(struct fair_queue *queue, uint8_t *out)
{
    if (queue->chosen == NO_FLOW)
        return 0;
    struct fair_queue_flow *flow = &queue->flows[queue->chosen];
    const struct fair_queue_packet *packet = &queue->packets[flow->first];
    size_t size = size_of(packet);
    cells_read(&queue->cells, flow->first, out, packet->head_length, packet->length);
    flow->credit -= (int32_t)size;
    remove_first_packet(queue, queue->chosen);
    queue->chosen = NO_FLOW;
    return size;
}
