// SPDX-License-Identifier: ISC
// An address for the phone (DHCP, RFC 2131), and nothing beside it. Pure: messages and the time in,
// messages out. Addresses are in host byte order.
#pragma once

#include "../base/siphash.h"
#include "../limits.h"
#include <stdbool.h>
#include <stddef.h>

enum { DHCP_SERVER_PORT = 67, DHCP_CLIENT_PORT = 68 };
#define DHCP_MESSAGE 300 // bytes of each message that we make (RFC 1542 section 2.1)
#define DHCP_HEAD    44  // bytes of a message, up to the server's name

// What a client has asked for; 0 where it names no address.
struct dhcp_request {
    uint64_t client; // a hash of who it is; 0: nobody
    uint32_t has;    // its address ("ciaddr")
    uint32_t wants;  // the address that it would like
    uint32_t server; // whom it asks
    uint32_t lease_s;
    uint8_t type;
    uint8_t head[DHCP_HEAD]; // its message's first bytes, some of which are those of the reply
};

// An address. It is free when its time is over, and is kept for its holder while others are free.
struct dhcp_lease {
    struct dhcp_request holder; // what its holder has last asked; client 0: nobody had it yet
    int64_t until_ms;
    int64_t probe_ms; // an offer waits until then; 0: none does
};

struct dhcp_server {
    struct siphash_key key; // random
    uint32_t address;       // the server's own
    uint32_t first;         // of the addresses that it lends
    struct dhcp_lease leases[DHCP_LEASES];
};

enum dhcp_result {
    DHCP_NOTHING,
    DHCP_REPLY, // send the message to the clients' port of reply->to
    DHCP_PROBE, // find out whether a host has reply->to: its answer may come until dhcp_due_ms()
};

struct dhcp_reply {
    uint32_t to;
    uint8_t message[DHCP_MESSAGE];
};

// Takes a client's message; `now_ms` is positive and does not go back.
enum dhcp_result dhcp_take(struct dhcp_server *server, struct dhcp_reply *reply,
                           const uint8_t *message, size_t length, int64_t now_ms);
// When the next probe is over, and of which address; INT64_MAX: there is none.
int64_t dhcp_due_ms(const struct dhcp_server *server, uint32_t *address);
// It is over: whether a host has the address.
enum dhcp_result dhcp_probed(struct dhcp_server *server, struct dhcp_reply *reply, uint32_t address,
                             bool is_taken, int64_t now_ms);

// Makes a message that asks other servers for an offer, and tells whether a message is one.
// Both have the same random number.
void dhcp_make_discover(uint8_t message[DHCP_MESSAGE], uint64_t random);
bool dhcp_is_offer(const uint8_t *message, size_t length, uint64_t random);
