// Between the packet queue and the WebSocket. Messages are made only while the connection has
// little left to send, so that packets wait in the queue, where the oldest can be dropped, and not
// in the send buffer, where they cannot. A sealed message takes whatever waits and fits, and never
// waits for more.
#include "link.h"

#include <string.h>

#include "../base/bytes.h"
#include "../ws/base64.h"

void tunnel_link_init(struct tunnel_link *link, bool keyed, const struct siphash_key *key,
                      int64_t now_us)
{
    memset(link, 0, offsetof(struct tunnel_link, queue));
    memset(&link->receiver, 0,
           offsetof(struct tunnel_link, control) - offsetof(struct tunnel_link, receiver));
    link->text = !keyed;
    link->keyed = keyed;
    flow_init(&link->flow, now_us);
    fair_queue_init(&link->queue, key);
}

void tunnel_link_set_conn(struct tunnel_link *link, struct ws_conn *conn, int64_t now_us)
{
    link->conn = conn;
    flow_path_changed(&link->flow, now_us);
    if (conn == NULL || !link->keyed) {
        link->no_phone += link->queue.count;
        fair_queue_clear(&link->queue);
    }
    if (conn == NULL)
        return;
    socket_limit_unsent(conn->fd, LINK_UNSENT);
    socket_limit_backoff(conn->fd, LINK_BACKOFF_MS);
}

void tunnel_link_queue(struct tunnel_link *link, const uint8_t *packet, size_t length,
                       int64_t now_us)
{
    if (link->conn == NULL)
        link->no_phone++;
    else
        fair_queue_push(&link->queue, packet, length, now_us);
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
    return link->queue.count > 0 && flow_room(&link->flow) > 0 &&
           fair_queue_next(&link->queue, now_us) > 0;
}

// Moves what waits to where a message is made, packets as long as they fit; the first is taken however
// long it is. Returns the length of all; `packets` is that of the packets.
static size_t take_records(struct tunnel_link *link, uint8_t *to, size_t *packets, int64_t now_us)
{
    size_t most = flow_message_size(&link->flow);
    size_t room = flow_room(&link->flow);
    size_t control = link->control_length;
    memcpy(to, link->control, control);
    link->control_length = 0;
    *packets = 0;
    if (room == 0)
        return control;
    if (most > room)
        most = room;
    for (;;) {
        size_t length = fair_queue_next(&link->queue, now_us);
        if (length == 0 || (*packets > 0 && length > most - *packets))
            return control + *packets;
        *packets += take_packet(link, to + control + *packets);
        if (*packets >= most)
            return control + *packets;
    }
}

// Keyed: one sealed message of what waits.
static bool send_sealed(struct tunnel_link *link, int64_t now_us)
{
    size_t packets;
    // There must be room before anything is taken. A longer message than this is made of one packet alone.
    if (!ws_conn_has_room(link->conn, BASE64_LENGTH(sizeof link->message)))
        return false;
    owe_less(link, now_us);
    size_t length = take_records(link, link->message + SEALED_HEAD, &packets, now_us);
    size_t whole = SEALED_OVERHEAD + length;
    if (length == 0)
        return true;
    if (packets > 0)
        flow_sent(&link->flow, link->session->send_index, (uint32_t)link->session->next_counter,
                  whole, link->queue.count == 0, now_us);
    session_seal(link->session, link->message, length);
    link->messages_sent++;
    return put_message(link->conn, link->text, link->message, whole);
}

static bool has_something(struct tunnel_link *link, int64_t now_us)
{
    if (link->conn == NULL || (link->keyed && link->session == NULL))
        return false;
    if (!link->keyed)
        return fair_queue_next(&link->queue, now_us) > 0;
    return link->control_length > 0 || owed_us(link) <= now_us || may_send_packet(link, now_us);
}

int64_t tunnel_link_due_us(const struct tunnel_link *link)
{
    if (link->conn == NULL || link->session == NULL)
        return INT64_MAX;
    int64_t owed = owed_us(link);
    int64_t due = flow_due_us(&link->flow);
    return owed < due ? owed : due;
}

void tunnel_link_received(struct tunnel_link *link, const uint8_t *message, size_t length,
                          int64_t now_us)
{
    flow_received(&link->receiver, sealed_index(message), get_be32(message + 9), length, now_us);
}

void tunnel_link_acknowledged(struct tunnel_link *link, const struct record *record, int64_t now_us)
{
    if (flow_is_silent(&link->flow))
        fair_queue_forgive(&link->queue, now_us);
    if (record->length < ACKNOWLEDGEMENT_BYTES)
        link->bad_message++;
    else
        flow_hear(&link->flow, record->bytes, now_us);
    fair_queue_set_rate(&link->queue, (uint64_t)flow_rate(&link->flow));
    fair_queue_set_round_trip(&link->queue, flow_round_trip_us(&link->flow));
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
        if (ws_conn_unsent(link->conn) >= LINK_BATCH)
            return;
        while (has_something(link, now_us) && ws_conn_unsent(link->conn) < LINK_BATCH)
            if (!(link->keyed ? send_sealed(link, now_us) : send_packet(link, now_us)))
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
