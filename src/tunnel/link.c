// Between the packet queue and the WebSocket. Messages are made only while the connection has
// little left to send, so that packets wait in the queue, where the oldest can be dropped, and not
// in the send buffer, where they cannot. A sealed message takes whatever waits and fits, and never
// waits for more.
#include "link.h"

#include <string.h>

#include "../base/bytes.h"
#include "../base/compare.h"
#include "../ws/base64.h"

#define RESTLESS_TRIPS 4 // packets may wait so much longer where the link's rate is not constant

void tunnel_link_init(struct tunnel_link *link, struct session_keys *keys,
                      const struct siphash_key *key, int64_t now_us)
{
    memset(link, 0, offsetof(struct tunnel_link, queue));
    memset(&link->receiver, 0,
           offsetof(struct tunnel_link, control) - offsetof(struct tunnel_link, receiver));
    link->text = keys == NULL;
    link->keys = keys;
    flow_init(&link->flow, now_us);
    fair_queue_init(&link->queue, key);
}

struct session *tunnel_link_session(const struct tunnel_link *link, int64_t now_us)
{
    return link->keys != NULL ? session_to_seal(link->keys, now_us / 1000) : NULL;
}

void tunnel_link_set_conn(struct tunnel_link *link, struct ws_conn *conn, int64_t now_us)
{
    bool was_alone = link->conn == NULL;
    link->conn = conn;
    flow_path_changed(&link->flow, now_us);
    if (link->keys == NULL) {
        link->no_phone += link->queue.count;
        fair_queue_clear(&link->queue);
    } else if (conn != NULL && was_alone) {
        link->no_phone +=
            fair_queue_drop_older(&link->queue, now_us - LINK_HELD_MS * 1000, LINK_HELD_BYTES);
        link->no_phone += fair_queue_drop_older(&link->queue, now_us - LINK_HELD_MOST_MS * 1000, 0);
        fair_queue_forgive(&link->queue, now_us);
    }
    if (conn == NULL)
        return;
    link->unsent = LINK_UNSENT;
    socket_limit_unsent(conn->fd, LINK_UNSENT);
    socket_limit_backoff(conn->fd, LINK_BACKOFF_MS);
}

// Whether nobody will carry a packet. A session outlives its phones, and waits for the next one.
static bool has_nobody(const struct tunnel_link *link, int64_t now_us)
{
    return link->conn == NULL && tunnel_link_session(link, now_us) == NULL;
}

void tunnel_link_queue(struct tunnel_link *link, const uint8_t *packet, size_t length,
                       int64_t now_us)
{
    if (has_nobody(link, now_us))
        link->no_phone++;
    else
        fair_queue_push(&link->queue, packet, length, now_us);
}

// How long a super-packet may be: as a message, whose first one is taken as it is; 0: none are taken.
static size_t super_packet_most(const struct tunnel_link *link, uint8_t protocol, int64_t now_us)
{
    uint8_t flag = protocol == IP_TCP ? SESSION_TAKES_TCP_SUPER : SESSION_TAKES_UDP_SUPER;
    const struct session *session = tunnel_link_session(link, now_us);
    if (session == NULL || (session->peer_takes & flag) == 0 || flow_rate(&link->flow) == 0)
        return 0;
    size_t most = flow_message_size(&link->flow);
    return most < LINK_RECORDS ? most : IP_PACKET_MAX;
}

struct queueing {
    struct tunnel_link *link;
    int64_t now_us;
};

static void queue_piece(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size)
{
    const struct queueing *queueing = arg;
    uint8_t head[SUPER_PACKET_HEAD];
    struct fair_queue *queue = &queueing->link->queue;
    if (segment_size == 0) {
        fair_queue_push(queue, bytes, length, queueing->now_us);
        return;
    }
    super_packet_head_write(head, length, segment_size);
    fair_queue_push_headed(queue, head, sizeof head, bytes, length, queueing->now_us);
}

void tunnel_link_queue_offloaded(struct tunnel_link *link, const struct ip_packet *packet,
                                 const struct ip_offload *offload, int64_t now_us)
{
    struct queueing queueing = {link, now_us};
    if (has_nobody(link, now_us))
        link->no_phone++;
    else if (ip_segment(packet, offload, super_packet_most(link, packet->protocol, now_us),
                        link->message, sizeof link->message, queue_piece, &queueing) < 0)
        link->bad_offload++;
}

bool tunnel_link_control(struct tunnel_link *link, uint8_t type, const void *body, size_t length)
{
    if (length > sizeof link->control - RECORD_HEAD ||
        link->control_length > sizeof link->control - RECORD_HEAD - length)
        return false;
    link->control_length += record_write(link->control + link->control_length, type, body, length);
    return true;
}

bool tunnel_decode(uint8_t opcode, uint8_t *data, size_t *length)
{
    ptrdiff_t size = (ptrdiff_t)*length;
    if (opcode == WS_TEXT)
        size = base64_decode(data, (const char *)data, *length);
    if (size <= 0)
        return false;
    *length = (size_t)size;
    return true;
}

// Puts a message into the send buffer. Returns false when there is no room.
static bool put_message(struct ws_conn *conn, bool text, const uint8_t *message, size_t length)
{
    uint8_t *payload =
        ws_conn_begin(conn, text ? WS_TEXT : WS_BINARY, text ? BASE64_LENGTH(length) : length);
    if (payload == NULL)
        return false;
    if (text)
        base64_encode((char *)payload, message, length);
    else
        memcpy(payload, message, length);
    ws_conn_commit(conn);
    return true;
}

bool tunnel_send(struct ws_conn *conn, bool text, const uint8_t *message, size_t length)
{
    bool sent = put_message(conn, text, message, length);
    ws_conn_flush(conn);
    return sent;
}

// Moves the chosen packet to where a message is made.
static size_t take_packet(struct tunnel_link *link, uint8_t *to)
{
    size_t length = fair_queue_take(&link->queue, to);
    link->packets_sent++;
    link->bytes_sent += length;
    link->super_packets_sent += link->keys != NULL && to[0] == RECORD_SUPER_PACKET;
    return length;
}

// Open: the next packet, as a message of its own.
static bool send_packet(struct tunnel_link *link, int64_t now_us)
{
    size_t length = fair_queue_next(&link->queue, now_us);
    size_t size = link->text ? BASE64_LENGTH(length) : length;
    uint8_t *payload = ws_conn_begin(link->conn, link->text ? WS_TEXT : WS_BINARY, size);
    if (payload == NULL)
        return false;
    (void)take_packet(link, link->text ? link->message : payload);
    if (link->text)
        base64_encode((char *)payload, link->message, length);
    ws_conn_commit(link->conn);
    link->messages_sent++;
    return true;
}

// An acknowledgement that is owed goes along.
static void owe_less(struct tunnel_link *link, int64_t now_us)
{
    uint8_t body[ACKNOWLEDGEMENT_BYTES];
    if (!link->receiver.owes ||
        link->control_length > sizeof link->control - RECORD_HEAD - sizeof body)
        return;
    flow_acknowledge(&link->receiver, body, now_us);
    (void)tunnel_link_control(link, RECORD_ACKNOWLEDGEMENT, body, sizeof body);
}

static int64_t owed_us(const struct tunnel_link *link)
{
    return flow_owed_us(&link->receiver, flow_rate(&link->flow));
}

// Whether a packet may go, by what is on its way.
static bool may_send_packet(struct tunnel_link *link, int64_t now_us)
{
    if (link->queue.count == 0)
        return false;
    if (flow_room(&link->flow, now_us) > 0)
        return fair_queue_next(&link->queue, now_us) > 0;
    if (!flow_has_small_room(&link->flow) || !fair_queue_has_small(&link->queue, FLOW_SMALL))
        return false;
    size_t next = fair_queue_next(&link->queue, now_us);
    return next > 0 && next <= FLOW_SMALL;
}

// The most bytes of packets that the next message may have; its first packet is taken however long it is.
static size_t packets_most(struct tunnel_link *link, int64_t now_us)
{
    size_t most = flow_message_size(&link->flow);
    size_t room = flow_room(&link->flow, now_us);
    size_t first = may_send_packet(link, now_us) ? fair_queue_next(&link->queue, now_us) : 0;
    if (most > room)
        most = room;
    return first > most ? first : most;
}

// Moves what waits to where a message is made, at most so many bytes of packets. Returns their length.
static size_t take_packets(struct tunnel_link *link, uint8_t *to, size_t most, int64_t now_us)
{
    size_t taken = 0;
    while (taken < most) {
        size_t length = fair_queue_next(&link->queue, now_us);
        if (length == 0 || length > most - taken)
            break;
        taken += take_packet(link, to + taken);
    }
    return taken;
}

// Makes a sealed message of the records in control[] and at most so many bytes of packets. Returns its length,
// or 0 where it could not be sealed.
static size_t make_sealed(struct tunnel_link *link, struct session *session, uint8_t *message,
                          size_t most, int64_t now_us)
{
    uint8_t *records = message + SEALED_HEAD;
    size_t control = link->control_length;
    memcpy(records, link->control, control);
    link->control_length = 0;
    size_t packets = take_packets(link, records + control, most, now_us);
    size_t whole = SEALED_OVERHEAD + control + packets;
    uint32_t counter = (uint32_t)session->next_counter;
    if (!session_seal(session, message, control + packets)) {
        link->not_sealed++;
        return 0;
    }
    if (packets > 0)
        flow_sent(&link->flow, session->send_index, counter, whole, link->queue.count == 0, now_us);
    link->messages_sent++;
    return whole;
}

// Keyed: one sealed message of what waits, made where it is sent from; as text by way of link->message.
// Returns false when there is no session or no room, or nothing to say.
static bool send_sealed(struct tunnel_link *link, int64_t now_us)
{
    struct session *session = tunnel_link_session(link, now_us);
    // There must be room before anything is taken.
    if (session == NULL || !ws_conn_has_room(link->conn, BASE64_LENGTH(sizeof link->message)))
        return false;
    owe_less(link, now_us);
    size_t most = packets_most(link, now_us);
    if (link->control_length + most == 0)
        return false;
    if (link->text) {
        size_t length = make_sealed(link, session, link->message, most, now_us);
        return length > 0 && put_message(link->conn, true, link->message, length);
    }
    uint8_t *message =
        ws_conn_begin(link->conn, WS_BINARY, SEALED_OVERHEAD + link->control_length + most);
    size_t length = make_sealed(link, session, message, most, now_us);
    if (length > 0)
        ws_conn_commit_part(link->conn, length);
    return length > 0;
}

static bool has_something(struct tunnel_link *link, int64_t now_us)
{
    if (link->conn == NULL)
        return false;
    if (link->keys == NULL)
        return fair_queue_next(&link->queue, now_us) > 0;
    if (tunnel_link_session(link, now_us) == NULL)
        return false;
    return link->control_length > 0 || owed_us(link) <= now_us || may_send_packet(link, now_us);
}

// Whether there is enough in the send buffer: what else waits stays in the queue until the loop has sent some of it.
static bool is_full(const struct tunnel_link *link)
{
    int64_t most = smaller(greater(link->unsent, LINK_BATCH), LINK_BATCH_MOST);
    return ws_conn_unsent(link->conn) >= (size_t)most;
}

// When packets that wait may go without an acknowledgement.
static int64_t opens_us(const struct tunnel_link *link, int64_t now_us)
{
    if (link->queue.count == 0 || flow_room(&link->flow, now_us) > 0)
        return INT64_MAX;
    return flow_opens_us(&link->flow, now_us);
}

int64_t tunnel_link_due_us(const struct tunnel_link *link, int64_t now_us)
{
    if (link->conn == NULL || tunnel_link_session(link, now_us) == NULL)
        return INT64_MAX;
    int64_t due = flow_due_us(&link->flow);
    if (is_full(link))
        return due;
    return smaller(due, smaller(owed_us(link), opens_us(link, now_us)));
}

void tunnel_link_received(struct tunnel_link *link, const uint8_t *message, size_t length,
                          int64_t now_us)
{
    flow_received(&link->receiver, sealed_index(message), get_be32(message + 9), length, now_us);
}

// As many bytes as pass in a millisecond; only twice or half as many are worth a system call.
static void mind_unsent(struct tunnel_link *link)
{
    int64_t wanted = smaller(greater(flow_rate(&link->flow) / 1000, LINK_UNSENT), LINK_UNSENT_MOST);
    if (link->conn == NULL || (wanted < 2 * link->unsent && link->unsent < 2 * wanted))
        return;
    link->unsent = wanted;
    socket_limit_unsent(link->conn->fd, (int)wanted);
}

void tunnel_link_acknowledged(struct tunnel_link *link, const struct record *record, int64_t now_us)
{
    if (flow_is_silent(&link->flow))
        fair_queue_forgive(&link->queue, now_us);
    if (record->length < ACKNOWLEDGEMENT_LEAST)
        link->bad_message++;
    else
        flow_hear(&link->flow, record->bytes, record->length, now_us);
    mind_unsent(link);
    fair_queue_set_rate(&link->queue, (uint64_t)flow_rate(&link->flow));
    fair_queue_set_round_trip(&link->queue, flow_round_trip_us(&link->flow) +
                                                RESTLESS_TRIPS * flow_spread_us(&link->flow));
}

// What waits for a link that stands still does not wait because anyone was too fast.
static void stand_still(struct tunnel_link *link, int64_t now_us)
{
    flow_timeout(&link->flow, now_us);
    fair_queue_forgive(&link->queue, now_us);
}

void tunnel_link_pump(struct tunnel_link *link, int64_t now_us)
{
    if (flow_due_us(&link->flow) <= now_us)
        stand_still(link, now_us);
    // A flush may find the connection broken; link->conn is NULL then.
    while (has_something(link, now_us)) {
        if (is_full(link))
            return;
        while (has_something(link, now_us) && !is_full(link))
            if (!(link->keys != NULL ? send_sealed(link, now_us) : send_packet(link, now_us)))
                return;
        ws_conn_flush(link->conn);
        if (link->conn != NULL && ws_conn_unsent(link->conn) > 0)
            return;
    }
}

uint8_t *tunnel_link_read(struct tunnel_link *link, uint8_t opcode, uint8_t *data, size_t *length)
{
    if (!tunnel_decode(opcode, data, length) || *length > IP_PACKET_MAX ||
        (data[0] >> 4 != 4 && data[0] >> 4 != 6)) {
        link->bad_message++;
        return NULL;
    }
    link->text = opcode == WS_TEXT;
    link->packets_received++;
    link->bytes_received += *length;
    return data;
}
