// SPDX-License-Identifier: ISC
// Between the packet queue and the WebSocket. Messages are made only while the connection has
// little left to send, so that packets wait in the queue, where the oldest can be dropped, and not
// in the send buffer, where they cannot. How a message is made is the mode's part: open.c, keyed.c.
#include "link.h"
#include "../base/bytes.h"
#include "../base/compare.h"
#include "../ws/base64.h"
#include "mode.h"
#include <string.h>

void tunnel_link_init(struct tunnel_link *link, struct session_keys *keys,
                      const struct siphash_key *key, int64_t now_us) {
    memset(link, 0, offsetof(struct tunnel_link, queue));
    memset(&link->receiver, 0,
           offsetof(struct tunnel_link, control) - offsetof(struct tunnel_link, receiver));
    link->mode = keys != NULL ? &tunnel_keyed : &tunnel_open;
    link->text = keys == NULL;
    link->keys = keys;
    flow_init(&link->flow, now_us);
    fair_queue_init(&link->queue, key);
}

void tunnel_link_set_conn(struct tunnel_link *link, struct ws_conn *conn, int64_t now_us) {
    bool was_alone = link->conn == NULL;
    link->conn = conn;
    flow_path_changed(&link->flow, now_us);
    link->mode->path_changed(link, was_alone, now_us);
    if (conn == NULL)
        return;
    link->text |= conn->is_draft76;
    link->unsent = LINK_UNSENT;
    socket_limit_unsent(conn->fd, LINK_UNSENT);
    socket_limit_backoff(conn->fd, LINK_BACKOFF_MS);
}

void tunnel_link_queue(struct tunnel_link *link, const uint8_t *packet, size_t length,
                       int64_t now_us) {
    if (!link->mode->takes_packets(link, now_us))
        link->no_phone++;
    else
        fair_queue_push(&link->queue, packet, length, now_us);
}

struct queueing {
    struct tunnel_link *link;
    int64_t now_us;
};

static void queue_piece(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size) {
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
                                 const struct ip_offload *offload, int64_t now_us) {
    struct queueing queueing = {link, now_us};
    if (!link->mode->takes_packets(link, now_us))
        link->no_phone++;
    else if (ip_segment(packet, offload,
                        link->mode->super_packet_most(link, packet->protocol, now_us),
                        link->message, sizeof link->message, queue_piece, &queueing) < 0)
        link->bad_offload++;
}

bool tunnel_decode(uint8_t opcode, uint8_t *data, size_t *length) {
    ptrdiff_t size = (ptrdiff_t)*length;
    if (opcode == WS_TEXT)
        size = base64_decode(data, (const char *)data, *length);
    if (size <= 0)
        return false;
    *length = (size_t)size;
    return true;
}

bool tunnel_put_message(struct ws_conn *conn, bool text, const uint8_t *message, size_t length) {
    text |= conn->is_draft76;
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

bool tunnel_send(struct ws_conn *conn, bool text, const uint8_t *message, size_t length) {
    bool sent = tunnel_put_message(conn, text, message, length);
    ws_conn_flush(conn);
    return sent;
}

bool tunnel_link_is_full(const struct tunnel_link *link) {
    int64_t most = smaller(greater(link->unsent, LINK_BATCH), LINK_BATCH_MOST);
    return ws_conn_unsent(link->conn) >= (size_t)most;
}

int64_t tunnel_link_due_us(const struct tunnel_link *link, int64_t now_us) {
    return link->conn == NULL ? INT64_MAX : link->mode->due_us(link, now_us);
}

// Whether there is something that may be sent now.
static bool has_something(struct tunnel_link *link, int64_t now_us) {
    return link->conn != NULL && link->mode->has_something(link, now_us);
}

void tunnel_link_pump(struct tunnel_link *link, int64_t now_us) {
    link->mode->keep_time(link, now_us);
    // A flush may find the connection broken; link->conn is NULL then.
    while (has_something(link, now_us)) {
        if (tunnel_link_is_full(link))
            return;
        while (has_something(link, now_us) && !tunnel_link_is_full(link))
            if (!link->mode->send_message(link, now_us))
                return;
        ws_conn_flush(link->conn);
        if (link->conn != NULL && ws_conn_unsent(link->conn) > 0)
            return;
    }
}
