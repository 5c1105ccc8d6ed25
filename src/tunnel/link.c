// Between the packet queue and the WebSocket. Messages are made only while the connection has
// little left to send, so that packets wait in the queue, where the oldest can be dropped, and not
// in the send buffer, where they cannot. A sealed message takes whatever waits and fits, and never
// waits for more.
#include "link.h"

#include <string.h>

#include "../ws/base64.h"

void tunnel_link_init(struct tunnel_link *link, bool keyed)
{
    memset(link, 0, offsetof(struct tunnel_link, control));
    link->text = !keyed;
    link->keyed = keyed;
    packet_queue_init(&link->queue, link->queue_buffer, sizeof link->queue_buffer);
}

void tunnel_link_set_conn(struct tunnel_link *link, struct ws_conn *conn)
{
    link->conn = conn;
    if (conn == NULL || !link->keyed) {
        link->no_phone += link->queue.count;
        packet_queue_clear(&link->queue);
    }
    if (conn != NULL)
        socket_limit_unsent(conn->fd, LINK_UNSENT);
}

void tunnel_link_queue(struct tunnel_link *link, const uint8_t *packet, size_t length)
{
    if (link->conn == NULL)
        link->no_phone++;
    else
        packet_queue_push(&link->queue, packet, length);
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

// Open: the oldest packet, as a message of its own.
static bool send_packet(struct tunnel_link *link)
{
    size_t length;
    const uint8_t *packet = packet_queue_peek(&link->queue, &length);
    if (!put_message(link->conn, link->text, packet, length))
        return false;
    packet_queue_pop(&link->queue);
    link->packets_sent++;
    link->bytes_sent += length;
    return true;
}

// Moves the waiting control records, and `packets` bytes of packets, to where a message is made.
static void take_records(struct tunnel_link *link, uint8_t *to, size_t packets)
{
    memcpy(to, link->control, link->control_length);
    to += link->control_length;
    link->control_length = 0;
    while (packets > 0) {
        size_t length;
        const uint8_t *packet = packet_queue_peek(&link->queue, &length);
        memcpy(to, packet, length);
        to += length;
        packets -= length;
        packet_queue_pop(&link->queue);
        link->packets_sent++;
        link->bytes_sent += length;
    }
}

// Keyed: one sealed message of what waits. Binary is made where it is sent from.
static bool send_sealed(struct tunnel_link *link)
{
    size_t packets = packet_queue_fit(&link->queue, LINK_RECORDS);
    if (packets == 0 && link->queue.count > 0)
        (void)packet_queue_peek(&link->queue, &packets); // longer than that, alone
    size_t length = link->control_length + packets;
    size_t whole = SEALED_OVERHEAD + length;
    uint8_t *payload = ws_conn_begin(link->conn, link->text ? WS_TEXT : WS_BINARY,
                                     link->text ? BASE64_LENGTH(whole) : whole);
    if (payload == NULL)
        return false;
    uint8_t *message = link->text ? link->sealed : payload;
    take_records(link, message + SEALED_HEAD, packets);
    session_seal(link->session, message, length);
    if (link->text)
        base64_encode((char *)payload, message, whole);
    ws_conn_commit(link->conn);
    link->messages_sent++;
    return true;
}

static bool has_something(const struct tunnel_link *link)
{
    if (link->conn == NULL || (link->keyed && link->session == NULL))
        return false;
    return link->queue.count > 0 || link->control_length > 0;
}

void tunnel_link_pump(struct tunnel_link *link)
{
    // A flush may find the connection broken; link->conn is NULL then.
    while (has_something(link)) {
        if (ws_conn_unsent(link->conn) >= LINK_BATCH)
            return;
        while (has_something(link) && ws_conn_unsent(link->conn) < LINK_BATCH)
            if (!(link->keyed ? send_sealed(link) : send_packet(link)))
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
