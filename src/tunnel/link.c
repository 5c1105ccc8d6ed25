// Between the packet queue and the WebSocket. Messages are made only while the connection has
// little left to send, so that packets wait in the queue, where the oldest can be dropped, and not
// in the send buffer, where they cannot.
#include "link.h"

#include <string.h>

#include "../ws/base64.h"

void tunnel_link_init(struct tunnel_link *link)
{
    memset(link, 0, offsetof(struct tunnel_link, queue_buffer));
    link->text = true;
    packet_queue_init(&link->queue, link->queue_buffer, sizeof link->queue_buffer);
}

void tunnel_link_set_conn(struct tunnel_link *link, struct ws_conn *conn)
{
    link->conn = conn;
    link->no_phone += link->queue.count;
    packet_queue_clear(&link->queue);
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

// Makes one message. Returns false when the send buffer has no room.
static bool send_message(struct tunnel_link *link, const uint8_t *packet, size_t length)
{
    uint8_t *payload;
    if (link->text) {
        payload = ws_conn_begin(link->conn, WS_TEXT, BASE64_LENGTH(length));
        if (payload != NULL)
            base64_encode((char *)payload, packet, length);
    } else {
        payload = ws_conn_begin(link->conn, WS_BINARY, length);
        if (payload != NULL)
            memcpy(payload, packet, length);
    }
    if (payload == NULL)
        return false;
    ws_conn_commit(link->conn);
    link->packets_sent++;
    link->bytes_sent += length;
    return true;
}

void tunnel_link_pump(struct tunnel_link *link)
{
    const uint8_t *packet;
    size_t length;
    // A flush may find the connection broken; link->conn is NULL then.
    while (link->conn != NULL && link->queue.count > 0) {
        if (ws_conn_unsent(link->conn) >= LINK_BATCH)
            return;
        while (ws_conn_unsent(link->conn) < LINK_BATCH &&
               (packet = packet_queue_peek(&link->queue, &length)) != NULL) {
            if (!send_message(link, packet, length))
                return;
            packet_queue_pop(&link->queue);
        }
        ws_conn_flush(link->conn);
        if (link->conn != NULL && ws_conn_unsent(link->conn) > 0)
            return;
    }
}

uint8_t *tunnel_link_read(struct tunnel_link *link, uint8_t opcode, uint8_t *data, size_t *length)
{
    ptrdiff_t size = (ptrdiff_t)*length;
    if (opcode == WS_TEXT)
        size = base64_decode(data, (const char *)data, *length);
    if (size <= 0 || size > IP_PACKET_MAX || (data[0] >> 4 != 4 && data[0] >> 4 != 6)) {
        link->bad_message++;
        return NULL;
    }
    link->text = opcode == WS_TEXT;
    link->packets_received++;
    link->bytes_received += (uint64_t)size;
    *length = (size_t)size;
    return data;
}
