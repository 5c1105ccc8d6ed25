// SPDX-License-Identifier: ISC
// Open mode, the classic protocol: each IP packet is one message, as it is, in binary or as base64
// text. Nobody can tell whose packets they are but by the connection, so nothing waits for the next
// phone.
#include "../ws/base64.h"
#include "mode.h"

static void path_changed(struct tunnel_link *link, bool was_alone, int64_t now_us) {
    (void)was_alone, (void)now_us;
    link->no_phone += link->queue.count;
    fair_queue_clear(&link->queue);
}

static bool takes_packets(const struct tunnel_link *link, int64_t now_us) {
    (void)now_us;
    return link->conn != NULL;
}

static size_t super_packet_most(const struct tunnel_link *link, uint8_t protocol, int64_t now_us) {
    (void)link, (void)protocol, (void)now_us;
    return 0;
}

static void keep_time(struct tunnel_link *link, int64_t now_us) { (void)link, (void)now_us; }

static bool has_something(struct tunnel_link *link, int64_t now_us) {
    (void)now_us;
    return fair_queue_next(&link->queue) > 0;
}

// The next packet, as a message of its own.
static bool send_message(struct tunnel_link *link, int64_t now_us) {
    size_t length = fair_queue_next(&link->queue);
    (void)now_us;
    size_t size = link->text ? BASE64_LENGTH(length) : length;
    uint8_t *payload = ws_conn_begin(link->conn, link->text ? WS_TEXT : WS_BINARY, size);
    if (payload == NULL)
        return false;
    (void)fair_queue_take(&link->queue, link->text ? link->message : payload);
    if (link->text)
        base64_encode((char *)payload, link->message, length);
    ws_conn_commit(link->conn);
    link->packets_sent++;
    link->bytes_sent += length;
    link->messages_sent++;
    return true;
}

static int64_t due_us(const struct tunnel_link *link, int64_t now_us) {
    (void)link, (void)now_us;
    return INT64_MAX;
}

const struct tunnel_mode tunnel_open = {
    path_changed, takes_packets, super_packet_most, keep_time, has_something, send_message, due_us,
};

uint8_t *tunnel_link_read(struct tunnel_link *link, uint8_t opcode, uint8_t *data, size_t *length) {
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
