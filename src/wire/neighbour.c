// SPDX-License-Identifier: ISC
// Where a packet goes first: the next hop, and its Ethernet address.
//
// The next hop comes from the kernel's routes (RTM_GETROUTE), and is remembered for some seconds;
// what the kernel would send out of another interface has no way, since our address is not that
// one's. Its MAC comes from the kernel's neighbour table where that has it, or from our own ARP
// requests (RFC 826). A known MAC is used for half a minute before it is looked up again, and goes
// on being used while the answer is awaited; every ARP message of a neighbour refreshes it.
#include "wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define ROUTE_MS     5000
#define NO_ROUTE_MS  1000 // it may come at any time
#define FRESH_MS     30000
#define ASK_AGAIN_MS 1000
#define ASK_TIMES    3

// An ARP message for IPv4 over Ethernet (RFC 826): 28 bytes.
enum {
    ARP_SIZE = 28,
    ARP_AT_OPERATION = 6,
    ARP_AT_SENDER_MAC = 8,
    ARP_AT_SENDER = 14,
    ARP_AT_TARGET = 24,
    ARP_REQUEST_OPERATION = 1,
};
static const uint8_t arp_head[ARP_AT_OPERATION] = {0, 1, 0x08, 0x00, MAC_SIZE, 4};

struct route_answer {
    uint32_t gateway;
    int interface;
    bool usable;
};

static void on_route(void *arg, uint16_t type, const uint8_t *body, size_t length) {
    struct route_answer *answer = arg;
    struct rtmsg head;
    if (type != RTM_NEWROUTE || length < sizeof head)
        return;
    memcpy(&head, body, sizeof head);
    const uint8_t *interface = netlink_find(body, length, sizeof head, RTA_OIF, 4, NULL);
    if (interface != NULL)
        memcpy(&answer->interface, interface, sizeof answer->interface);
    // RTA_VIA is a next hop of another family, whose address we could not ask for by ARP.
    answer->usable = head.rtm_type == RTN_UNICAST &&
                     netlink_find(body, length, sizeof head, RTA_VIA, 0, NULL) == NULL;
    const uint8_t *gateway = netlink_find(body, length, sizeof head, RTA_GATEWAY, 4, NULL);
    if (gateway != NULL)
        answer->gateway = get_be32(gateway);
}

uint32_t wire_next_hop(struct wire *wire, uint32_t destination, int64_t now_ms) {
    struct netlink_request request;
    struct route_answer answer = {.usable = false};
    struct rtmsg body = {.rtm_family = AF_INET, .rtm_dst_len = 32};
    struct wire_route *route =
        &wire->routes[(destination * UINT32_C(2654435761)) >> 16 & (WIRE_ROUTES - 1)];
    if (route->destination == destination && now_ms < route->until_ms)
        return route->next_hop;
    netlink_begin(&request, RTM_GETROUTE, 0, &body, sizeof body);
    netlink_put_be32(&request, RTA_DST, destination);
    int error = netlink_talk(&wire->netlink, &request, on_route, &answer);
    uint32_t next_hop = answer.gateway != 0 ? answer.gateway : destination;
    if (error < 0 || !answer.usable || answer.interface != wire->index)
        next_hop = 0;
    int64_t until_ms = now_ms + (next_hop != 0 ? ROUTE_MS : NO_ROUTE_MS);
    *route = (struct wire_route){destination, next_hop, until_ms};
    return next_hop;
}

int wire_open_arp(struct wire *wire) {
    wire->index = (int)if_nametoindex(wire->interface);
    struct sockaddr_ll where = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ARP),
        .sll_ifindex = wire->index,
    };
    if (wire->index == 0)
        return log_error(wire->log, "there is no network interface %s (ip link shows them)",
                         wire->interface);
    wire->arp_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (wire->arp_fd < 0 || bind(wire->arp_fd, (const struct sockaddr *)&where, sizeof where) < 0)
        return log_error(wire->log, "cannot open an ARP socket: %s", strerror(errno));
    return 0;
}

static void ask(struct wire *wire, struct wire_neighbour *neighbour, int64_t now_ms) {
    uint8_t message[ARP_SIZE] = {0};
    struct sockaddr_ll everybody = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ARP),
        .sll_ifindex = wire->index,
        .sll_halen = MAC_SIZE,
    };
    memset(everybody.sll_addr, 0xff, MAC_SIZE);
    memcpy(message, arp_head, sizeof arp_head);
    put_be16(message + ARP_AT_OPERATION, ARP_REQUEST_OPERATION);
    memcpy(message + ARP_AT_SENDER_MAC, wire->mac, MAC_SIZE);
    put_be32(message + ARP_AT_SENDER, wire->address);
    put_be32(message + ARP_AT_TARGET, neighbour->address);
    (void)sendto(wire->arp_fd, message, sizeof message, 0, (const struct sockaddr *)&everybody,
                 sizeof everybody); // lost: wire_tick() asks again
    neighbour->asked++;
    neighbour->asked_ms = now_ms;
}

static void on_neighbour(void *arg, uint16_t type, const uint8_t *body, size_t length) {
    struct wire_neighbour *neighbour = arg;
    struct ndmsg head;
    size_t size = 0;
    if (type != RTM_NEWNEIGH || length < sizeof head)
        return;
    memcpy(&head, body, sizeof head);
    const uint8_t *mac = netlink_find(body, length, sizeof head, NDA_LLADDR, MAC_SIZE, &size);
    if (mac == NULL || size != MAC_SIZE ||
        (head.ndm_state & (NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP)) == 0)
        return;
    memcpy(neighbour->mac, mac, MAC_SIZE);
    neighbour->known = true;
}

// Sends what waited for this neighbour.
static void send_held(struct wire *wire, const struct wire_neighbour *neighbour) {
    for (size_t i = 0; i < WIRE_HELD; i++) {
        struct wire_held *held = &wire->held[i];
        if (held->next_hop != neighbour->address)
            continue;
        (void)wire_put_frame(wire, held->bytes, held->length, neighbour->mac);
        held->next_hop = 0;
    }
    wire_flush(wire);
}

// Asks the kernel's neighbour table (one entry; kernels before 5.0 answer with an error).
static bool look_up_in_kernel(struct wire *wire, struct wire_neighbour *neighbour, int64_t now_ms) {
    struct netlink_request request;
    struct ndmsg body = {.ndm_family = AF_INET, .ndm_ifindex = wire->index};
    struct wire_neighbour found = {.known = false};
    netlink_begin(&request, RTM_GETNEIGH, 0, &body, sizeof body);
    netlink_put_be32(&request, NDA_DST, neighbour->address);
    if (netlink_talk(&wire->netlink, &request, on_neighbour, &found) < 0 || !found.known)
        return false;
    memcpy(neighbour->mac, found.mac, MAC_SIZE);
    neighbour->known = true;
    neighbour->known_ms = now_ms;
    neighbour->asked = 0;
    send_held(wire, neighbour);
    return true;
}

// Gives up what waited for a neighbour that does not answer.
static void drop_held(struct wire *wire, uint32_t next_hop) {
    for (size_t i = 0; i < WIRE_HELD; i++) {
        if (wire->held[i].next_hop != next_hop)
            continue;
        wire->held[i].next_hop = 0;
        wire->no_neighbour++;
    }
}

// The entry of a next hop; a new one takes the place of the one unused longest.
static struct wire_neighbour *find_or_make(struct wire *wire, uint32_t address) {
    struct wire_neighbour *oldest = &wire->neighbours[0];
    for (size_t i = 0; i < WIRE_NEIGHBOURS; i++) {
        struct wire_neighbour *neighbour = &wire->neighbours[i];
        if (neighbour->address == address)
            return neighbour;
        if (neighbour->used_ms < oldest->used_ms)
            oldest = neighbour;
    }
    if (oldest->address != 0)
        drop_held(wire, oldest->address);
    *oldest = (struct wire_neighbour){.address = address};
    return oldest;
}

bool wire_neighbour_mac(struct wire *wire, uint32_t next_hop, int64_t now_ms,
                        uint8_t mac[MAC_SIZE]) {
    struct wire_neighbour *neighbour = find_or_make(wire, next_hop);
    neighbour->used_ms = now_ms;
    bool fresh = neighbour->known && now_ms - neighbour->known_ms < FRESH_MS;
    bool asking = neighbour->asked > 0 && now_ms - neighbour->asked_ms < ASK_AGAIN_MS;
    if (!fresh && !asking && !look_up_in_kernel(wire, neighbour, now_ms)) {
        if (neighbour->asked >= ASK_TIMES && neighbour->known) {
            neighbour->known = false; // it has not answered for seconds: it is gone
            neighbour->asked = 0;
        }
        ask(wire, neighbour, now_ms);
    }
    if (neighbour->known)
        memcpy(mac, neighbour->mac, MAC_SIZE);
    return neighbour->known;
}

static void learn(struct wire *wire, const uint8_t *message, int64_t now_ms) {
    uint32_t sender = get_be32(message + ARP_AT_SENDER);
    for (size_t i = 0; i < WIRE_NEIGHBOURS && sender != 0; i++) {
        struct wire_neighbour *neighbour = &wire->neighbours[i];
        if (neighbour->address != sender)
            continue;
        memcpy(neighbour->mac, message + ARP_AT_SENDER_MAC, MAC_SIZE);
        neighbour->known = true;
        neighbour->known_ms = now_ms;
        neighbour->asked = 0;
        send_held(wire, neighbour);
        return;
    }
}

void wire_read_arp(struct wire *wire, int64_t now_ms) {
    uint8_t message[64];
    ssize_t length;
    while ((length = recv(wire->arp_fd, message, sizeof message, MSG_DONTWAIT)) >= 0)
        if (length >= ARP_SIZE && memcmp(message, arp_head, sizeof arp_head) == 0)
            learn(wire, message, now_ms);
}

void wire_tick(struct wire *wire, int64_t now_ms) {
    for (size_t i = 0; i < WIRE_NEIGHBOURS && !wire->is_away; i++) {
        struct wire_neighbour *neighbour = &wire->neighbours[i];
        if (neighbour->address == 0 || neighbour->known ||
            now_ms - neighbour->asked_ms < ASK_AGAIN_MS)
            continue;
        if (look_up_in_kernel(wire, neighbour, now_ms))
            continue;
        if (neighbour->asked < ASK_TIMES) {
            ask(wire, neighbour, now_ms);
        } else {
            drop_held(wire, neighbour->address);
            *neighbour = (struct wire_neighbour){.address = 0};
        }
    }
}
