// SPDX-License-Identifier: ISC
// Keyed mode: a message is sealed, and holds records. It takes whatever packets wait and fit, and
// never waits for more. How much may be on its way is flow control's to say, by the
// acknowledgements that come.
//
// The session outlives the phone's connections. So packets wait for the next phone, which lets the
// laptop's connections go on at once instead of after their own time-outs.
#include "../base/bytes.h"
#include "../base/compare.h"
#include "../ws/base64.h"
#include "mode.h"
#include <string.h>

struct session *tunnel_link_session(const struct tunnel_link *link, int64_t now_us) {
    return link->keys != NULL ? session_to_seal(link->keys, now_us / 1000) : NULL;
}

static void path_changed(struct tunnel_link *link, bool was_alone, int64_t now_us) {
    if (link->conn == NULL || !was_alone)
        return;
    link->no_phone +=
        fair_queue_drop_older(&link->queue, now_us - LINK_HELD_MS * 1000, LINK_HELD_BYTES);
    link->no_phone += fair_queue_drop_older(&link->queue, now_us - LINK_HELD_MOST_MS * 1000, 0);
}

static bool takes_packets(const struct tunnel_link *link, int64_t now_us) {
    return link->conn != NULL || tunnel_link_session(link, now_us) != NULL;
}

// How long a super-packet may be: as a message, whose first one is taken as it is; 0: none are
// taken.
static size_t super_packet_most(const struct tunnel_link *link, uint8_t protocol, int64_t now_us) {
    uint8_t flag = protocol == IP_TCP ? SESSION_TAKES_TCP_SUPER : SESSION_TAKES_UDP_SUPER;
    const struct session *session = tunnel_link_session(link, now_us);
    if (session == NULL || (session->peer_takes & flag) == 0 || flow_rate(&link->flow) == 0)
        return 0;
    size_t most = flow_message_size(&link->flow);
    return most < LINK_RECORDS ? most : IP_PACKET_MAX;
}

// Whether segments may be joined. On a fast link they come as long super-packets anyway.
static bool joins_segments(const struct tunnel_link *link, const struct session *session) {
    return (session->peer_takes & SESSION_TAKES_TCP_SUPER) != 0 &&
           flow_message_size(&link->flow) < LINK_RECORDS;
}

bool tunnel_link_control(struct tunnel_link *link, uint8_t type, const void *body, size_t length) {
    if (length > sizeof link->control - RECORD_HEAD ||
        link->control_length > sizeof link->control - RECORD_HEAD - length)
        return false;
    link->control_length += record_write(link->control + link->control_length, type, body, length);
    return true;
}

// An acknowledgement that is owed goes along.
static void add_acknowledgement(struct tunnel_link *link, int64_t now_us) {
    uint8_t body[ACKNOWLEDGEMENT_BYTES];
    if (!link->receiver.owes ||
        link->control_length > sizeof link->control - RECORD_HEAD - sizeof body)
        return;
    flow_acknowledge(&link->receiver, body, now_us);
    (void)tunnel_link_control(link, RECORD_ACKNOWLEDGEMENT, body, sizeof body);
}

static int64_t owed_us(const struct tunnel_link *link) {
    return flow_owed_us(&link->receiver, flow_rate(&link->flow));
}

// Whether a packet may go, by what is on its way.
static bool may_send_packet(struct tunnel_link *link, int64_t now_us) {
    if (link->queue.count == 0)
        return false;
    if (flow_room(&link->flow, now_us) > 0)
        return fair_queue_next(&link->queue) > 0;
    if (!flow_has_small_room(&link->flow) || !fair_queue_has_small(&link->queue, FLOW_SMALL))
        return false;
    size_t next = fair_queue_next(&link->queue);
    return next > 0 && next <= FLOW_SMALL;
}

// Whether what waits is less than a packet, and more may come soon.
static bool joins(const struct tunnel_link *link, int64_t now_us) {
    return link->queue.bytes < TUN_MTU && now_us < flow_joins_us(&link->flow);
}

// The most bytes of packets that the next message may have; its first packet is taken however long
// it is. A short message goes whole where there is room for a part: more of them would cost more.
static size_t packets_most(struct tunnel_link *link, int64_t now_us) {
    size_t most = flow_message_size(&link->flow);
    size_t room = flow_room(&link->flow, now_us);
    size_t first = may_send_packet(link, now_us) ? fair_queue_next(&link->queue) : 0;
    if (room > 0 && room < FLOW_SHORT)
        room = FLOW_SHORT;
    if (most > room)
        most = room;
    return first > most ? first : most;
}

// Makes a sealed message of the records in control[] and at most so many bytes of packets. Returns
// its length, or 0 where it could not be sealed.
static size_t make_sealed(struct tunnel_link *link, struct session *session, uint8_t *message,
                          size_t most, int64_t now_us) {
    uint8_t *records = message + SEALED_HEAD;
    size_t control = link->control_length;
    memcpy(records, link->control, control);
    link->control_length = 0;
    bool hurries;
    size_t packets =
        tunnel_take_packets(link, records + control, most, joins_segments(link, session), &hurries);
    size_t whole = SEALED_OVERHEAD + control + packets;
    uint32_t counter = (uint32_t)session->next_counter;
    if (!session_seal(session, message, control + packets)) {
        link->not_sealed++;
        return 0;
    }
    if (packets > 0)
        flow_sent(&link->flow, session->send_index, counter, whole,
                  fair_queue_took_begun(&link->queue), hurries, now_us);
    link->messages_sent++;
    return whole;
}

// One sealed message of what waits, made where it is sent from; as text by way of link->message.
// Returns false when there is no session or no room, or nothing to say.
static bool send_message(struct tunnel_link *link, int64_t now_us) {
    struct session *session = tunnel_link_session(link, now_us);
    // There must be room before anything is taken.
    if (session == NULL || !ws_conn_has_room(link->conn, BASE64_LENGTH(sizeof link->message)))
        return false;
    add_acknowledgement(link, now_us);
    size_t most = packets_most(link, now_us);
    if (link->control_length + most == 0)
        return false;
    if (link->text) {
        size_t length = make_sealed(link, session, link->message, most, now_us);
        return length > 0 && tunnel_put_message(link->conn, true, link->message, length);
    }
    uint8_t *message =
        ws_conn_begin(link->conn, WS_BINARY, SEALED_OVERHEAD + link->control_length + most);
    size_t length = make_sealed(link, session, message, most, now_us);
    if (length > 0)
        ws_conn_commit_part(link->conn, length);
    return length > 0;
}

static bool has_something(struct tunnel_link *link, int64_t now_us) {
    if (tunnel_link_session(link, now_us) == NULL)
        return false;
    return link->control_length > 0 || owed_us(link) <= now_us ||
           (may_send_packet(link, now_us) && !joins(link, now_us));
}

// When packets that wait may go without an acknowledgement.
static int64_t opens_us(const struct tunnel_link *link, int64_t now_us) {
    if (link->queue.count == 0)
        return INT64_MAX;
    if (joins(link, now_us))
        return flow_joins_us(&link->flow);
    return flow_room(&link->flow, now_us) > 0 ? INT64_MAX : flow_opens_us(&link->flow, now_us);
}

static int64_t due_us(const struct tunnel_link *link, int64_t now_us) {
    int64_t held_us = link->keys->held_until_ms * 1000;
    if (tunnel_link_session(link, now_us) == NULL)
        return held_us > now_us ? held_us : INT64_MAX;
    int64_t due = flow_due_us(&link->flow);
    if (tunnel_link_is_full(link))
        return due;
    return smaller(due, smaller(owed_us(link), opens_us(link, now_us)));
}

void tunnel_link_received(struct tunnel_link *link, const uint8_t *message, size_t length,
                          int64_t now_us) {
    flow_received(&link->receiver, sealed_index(message), get_be32(message + 9), length, now_us);
}

void tunnel_link_hear(struct tunnel_link *link, uint8_t *records, size_t length,
                      void (*on_record)(void *arg, const struct record *record), void *arg,
                      int64_t now_us) {
    struct record record;
    const uint8_t *message = records - SEALED_HEAD;
    bool had_packets = false;
    for (size_t at = 0, used; at < length; at += used) {
        used = record_read(&record, records + at, length - at);
        if (used == 0) {
            link->bad_message++;
            break;
        }
        if (record.type == RECORD_PACKET || record.type == RECORD_SUPER_PACKET) {
            had_packets = true;
            link->packets_received++;
            link->bytes_received += record.length;
            link->super_packets_received += record.type == RECORD_SUPER_PACKET;
        }
        on_record(arg, &record);
    }
    if (had_packets)
        tunnel_link_received(link, message, SEALED_OVERHEAD + length, now_us);
}

// As many bytes as pass in a millisecond; only twice or half as many are worth a system call.
static void adjust_unsent(struct tunnel_link *link) {
    int64_t wanted = smaller(greater(flow_rate(&link->flow) / 1000, LINK_UNSENT), LINK_UNSENT_MOST);
    if (link->conn == NULL || (wanted < 2 * link->unsent && link->unsent < 2 * wanted))
        return;
    link->unsent = wanted;
    socket_limit_unsent(link->conn->fd, (int)wanted);
}

void tunnel_link_acknowledged(struct tunnel_link *link, const struct record *record,
                              int64_t now_us) {
    if (record->length < ACKNOWLEDGEMENT_LEAST)
        link->bad_message++;
    else
        flow_hear(&link->flow, record->bytes, record->length, now_us);
    adjust_unsent(link);
    fair_queue_set_rate(&link->queue, (uint64_t)flow_rate(&link->flow));
}

static void keep_time(struct tunnel_link *link, int64_t now_us) {
    if (flow_due_us(&link->flow) > now_us)
        return;
    flow_timeout(&link->flow, now_us);
    link->no_phone += fair_queue_drop_older(&link->queue, now_us - LINK_HELD_MOST_MS * 1000, 0);
}

const struct tunnel_mode tunnel_keyed = {
    path_changed, takes_packets, super_packet_most, keep_time, has_something, send_message, due_us,
};
