// SPDX-License-Identifier: ISC
// Netlink messages: a 16-byte header (length, type, flags, sequence, port) in the host's byte
// order, the family's own header, then attributes of (length, type, data), everything aligned to 4
// bytes. With NLM_F_ACK the kernel closes each request by an NLMSG_ERROR that holds 0 or a negative
// errno; a dump ends with NLMSG_DONE.
#include "../base/bytes.h"
#include "netlink.h"
#include <errno.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_SIZE 32768
#define BATCH_SIZE  65536

int netlink_open(struct kernel_socket *netlink, int protocol) {
    // The kernel answers at once; the time limit is for a kernel that loses the answer.
    struct timeval limit = {.tv_sec = 2};
    struct sockaddr_nl self = {.nl_family = AF_NETLINK};
    netlink->sequence = 1;
    netlink->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (netlink->fd < 0)
        return -1;
    setsockopt(netlink->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (bind(netlink->fd, (const struct sockaddr *)&self, sizeof self) < 0)
        return netlink->fd = socket_close_failed(netlink->fd);
    return 0;
}

void netlink_close(struct kernel_socket *netlink) {
    if (netlink->fd >= 0)
        close(netlink->fd);
    netlink->fd = -1;
}

void netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, const void *body,
                   size_t length) {
    memset(request, 0, sizeof *request);
    request->header.nlmsg_type = type;
    request->header.nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST);
    request->length = NLMSG_HDRLEN + NLMSG_ALIGN(length);
    if (length > 0)
        memcpy(request->bytes + NLMSG_HDRLEN, body, length);
}

void netlink_put(struct netlink_request *request, uint16_t type, const void *data, size_t length) {
    size_t room = sizeof request->bytes - request->length;
    if (NLA_HDRLEN + NLA_ALIGN(length) > room) {
        request->overflow = 1;
        return;
    }
    struct nlattr head = {(uint16_t)(NLA_HDRLEN + length), type};
    memcpy(request->bytes + request->length, &head, sizeof head);
    if (length > 0)
        memcpy(request->bytes + request->length + NLA_HDRLEN, data, length);
    request->length += NLA_HDRLEN + NLA_ALIGN(length);
}

void netlink_put_string(struct netlink_request *request, uint16_t type, const char *text) {
    netlink_put(request, type, text, strlen(text) + 1);
}

void netlink_put_be32(struct netlink_request *request, uint16_t type, uint32_t value) {
    uint8_t bytes[4];
    put_be32(bytes, value);
    netlink_put(request, type, bytes, sizeof bytes);
}

size_t netlink_nest(struct netlink_request *request, uint16_t type) {
    size_t place = request->length;
    netlink_put(request, (uint16_t)(type | NLA_F_NESTED), NULL, 0);
    return place;
}

void netlink_nest_end(struct netlink_request *request, size_t place) {
    if (request->overflow)
        return;
    uint16_t length = (uint16_t)(request->length - place);
    memcpy(request->bytes + place, &length, sizeof length);
}

static int send_request(struct kernel_socket *netlink, struct netlink_request *request) {
    if (request->overflow)
        return -EMSGSIZE;
    request->header.nlmsg_len = (uint32_t)request->length;
    request->header.nlmsg_seq = ++netlink->sequence;
    if (send(netlink->fd, request->bytes, request->length, 0) < 0)
        return -errno;
    return 0;
}

// A range of sequence numbers that waits for its last acknowledgement, or for the first error.
struct pending {
    uint32_t first;
    uint32_t last;
    int result;
    netlink_answer *answer;
    void *arg;
};

// Takes one message. Returns true when what is pending is finished.
static bool take_message(struct pending *pending, const struct nlmsghdr *head, const uint8_t *body,
                         size_t length) {
    if (head->nlmsg_seq - pending->first > pending->last - pending->first)
        return false; // a late answer to something that was given up
    if (head->nlmsg_type == NLMSG_DONE)
        return true;
    if (head->nlmsg_type == NLMSG_ERROR) {
        if (length >= sizeof pending->result)
            memcpy(&pending->result, body, sizeof pending->result);
        return pending->result < 0 || head->nlmsg_seq == pending->last;
    }
    if (pending->answer != NULL)
        pending->answer(pending->arg, head->nlmsg_type, body, length);
    return false;
}

// Goes through the messages of one datagram. Returns true when what is pending is finished.
static bool take_datagram(struct pending *pending, const uint8_t *bytes, size_t length) {
    struct nlmsghdr head;
    while (length >= sizeof head) {
        memcpy(&head, bytes, sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > length)
            return false;
        if (take_message(pending, &head, bytes + NLMSG_HDRLEN, head.nlmsg_len - NLMSG_HDRLEN))
            return true;
        size_t step = NLMSG_ALIGN(head.nlmsg_len);
        if (step >= length)
            break;
        bytes += step;
        length -= step;
    }
    return false;
}

static int receive_result(struct kernel_socket *netlink, struct pending *pending) {
    uint8_t bytes[ANSWER_SIZE];
    for (;;) {
        ssize_t length = recv(netlink->fd, bytes, sizeof bytes, 0);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return -errno;
        if (take_datagram(pending, bytes, (size_t)length))
            return pending->result;
    }
}

int netlink_talk(struct kernel_socket *netlink, struct netlink_request *request,
                 netlink_answer *answer, void *arg) {
    if ((request->header.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
        request->header.nlmsg_flags |= NLM_F_ACK;
    int error = send_request(netlink, request);
    if (error < 0)
        return error;
    struct pending pending = {netlink->sequence, netlink->sequence, 0, answer, arg};
    return receive_result(netlink, &pending);
}

int netlink_talk_batch(struct kernel_socket *netlink, struct netlink_request *requests,
                       size_t count) {
    uint8_t bytes[BATCH_SIZE];
    size_t length = 0;
    struct pending pending = {.first = netlink->sequence + 1};
    for (size_t i = 0; i < count; i++) {
        struct netlink_request *request = &requests[i];
        if (request->overflow || request->length > sizeof bytes - length)
            return -EMSGSIZE;
        request->header.nlmsg_len = (uint32_t)request->length;
        request->header.nlmsg_seq = ++netlink->sequence;
        if ((request->header.nlmsg_flags & NLM_F_ACK) != 0)
            pending.last = netlink->sequence;
        memcpy(bytes + length, request->bytes, request->length);
        length += request->length;
    }
    if (send(netlink->fd, bytes, length, 0) < 0)
        return -errno;
    return receive_result(netlink, &pending);
}

const uint8_t *netlink_find(const uint8_t *body, size_t length, size_t offset, uint16_t type,
                            size_t least, size_t *size) {
    struct nlattr head;
    offset = NLMSG_ALIGN(offset);
    while (offset <= length && length - offset >= sizeof head) {
        memcpy(&head, body + offset, sizeof head);
        if (head.nla_len < sizeof head || head.nla_len > length - offset)
            return NULL;
        size_t data_length = head.nla_len - (size_t)NLA_HDRLEN;
        if ((head.nla_type & NLA_TYPE_MASK) == type) {
            if (data_length < least)
                return NULL;
            if (size != NULL)
                *size = data_length;
            return body + offset + NLA_HDRLEN;
        }
        offset += NLA_ALIGN(head.nla_len);
    }
    return NULL;
}
