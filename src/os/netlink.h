// SPDX-License-Identifier: ISC
// Netlink (RFC 3549): how the kernel is asked for and told about addresses, routes, neighbours and
// firewall rules. One request, its answers and its acknowledgement at a time; the kernel answers
// within the send call, so nothing ever waits.
#pragma once

#include "../base/address.h"
#include <linux/netlink.h>

// A request under construction: nlmsghdr, the family's own header, attributes. Sizes in bytes.
struct netlink_request {
    union {
        struct nlmsghdr header;
        uint8_t bytes[1024];
    };
    size_t length;
    int overflow; // set when an attribute did not fit; sending then fails with -EMSGSIZE
};

// Called for each answer: its type, and what follows the nlmsghdr.
typedef void netlink_answer(void *arg, uint16_t type, const uint8_t *body, size_t length);

// Opens a socket of a protocol such as NETLINK_ROUTE. Returns 0, or -1 with errno set.
int netlink_open(struct kernel_socket *netlink, int protocol);
void netlink_close(struct kernel_socket *netlink);

// Begins a request with the family's header, `body`. NLM_F_REQUEST is implied.
void netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, const void *body,
                   size_t length);
// Appends an attribute.
void netlink_put(struct netlink_request *request, uint16_t type, const void *data, size_t length);
void netlink_put_string(struct netlink_request *request, uint16_t type, const char *text);
void netlink_put_be32(struct netlink_request *request, uint16_t type, uint32_t value);
// Opens a nested attribute and returns its place for netlink_nest_end().
size_t netlink_nest(struct netlink_request *request, uint16_t type);
void netlink_nest_end(struct netlink_request *request, size_t place);

// Sends the request, gives every answer to `answer` (may be NULL), and waits for the
// acknowledgement or the end of the dump. Returns 0, or the kernel's error as a negative errno.
int netlink_talk(struct kernel_socket *netlink, struct netlink_request *request,
                 netlink_answer *answer, void *arg);
// Sends several requests as one batch (nfnetlink); the last one that does something has NLM_F_ACK
// set by the caller. Returns 0, or the first error as a negative errno.
int netlink_talk_batch(struct kernel_socket *netlink, struct netlink_request *requests,
                       size_t count);

// Finds an attribute among those that start at `offset` of an answer's body. Returns its data and
// sets `size`, or returns NULL where it is missing or shorter than `least`.
const uint8_t *netlink_find(const uint8_t *body, size_t length, size_t offset, uint16_t type,
                            size_t least, size_t *size);
