// SPDX-License-Identifier: ISC
// The laptop's own Wi-Fi. Beside the link-local address its interface gets one of a private
// network, in which phones are given theirs by DHCP (see ../dhcp/dhcp.c).
//
// Whether a host has an address already, the kernel finds out: an empty datagram has it ask by ARP,
// and half a second later its table of neighbours knows. Nothing waits for that but the offer.
#include "../crypto/random.h"
#include "hotspot.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <unistd.h>

#define NETWORK      0xc0a88600 // 192.168.134.0/24
#define OWN          89
#define FIRST        100 // that is given to a phone
#define DISCARD_PORT 9   // RFC 863
#define MESSAGE_MAX  1500
#define MESSAGES     16 // read before other descriptors get their turn
#define ASKED_TIMES  2  // other servers,
#define ASK_MS       500
#define BEFORE       (IP_HEADER_MIN + UDP_HEADER) // of a packet, before DHCP's message

_Static_assert(FIRST + DHCP_LEASES <= 255, "the addresses are of one network");

static bool send_to(struct hotspot *hotspot, uint32_t address, uint16_t port, const void *bytes,
                    size_t length) {
    const struct sockaddr_in to = {AF_INET, htons(port), {htonl(address)}, {0}};
    return sendto(hotspot->fd, bytes, length, 0, (const struct sockaddr *)&to, sizeof to) >= 0;
}

static void act(struct hotspot *hotspot, enum dhcp_result result, const struct dhcp_reply *reply) {
    uint32_t address;
    if (result == DHCP_REPLY)
        (void)send_to(hotspot, reply->to, DHCP_CLIENT_PORT, reply->message, DHCP_MESSAGE);
    else if (result == DHCP_PROBE)
        (void)send_to(hotspot, reply->to, DISCARD_PORT, "", 0);
    hotspot->due->due_ms = dhcp_due_ms(&hotspot->dhcp, &address);
}

static void on_message(void *arg) {
    struct hotspot *hotspot = arg;
    int64_t now_ms = hotspot->loop->now_ms;
    uint8_t message[MESSAGE_MAX];
    struct dhcp_reply reply;
    for (int i = 0; i < MESSAGES; i++) {
        ssize_t length = recv(hotspot->fd, message, sizeof message, 0);
        if (length < 0)
            return;
        act(hotspot, dhcp_take(&hotspot->dhcp, &reply, message, (size_t)length, now_ms), &reply);
    }
}

static void on_due(void *arg) {
    struct hotspot *hotspot = arg;
    int64_t now_ms = hotspot->loop->now_ms;
    struct dhcp_reply reply;
    uint32_t address;
    while (dhcp_due_ms(&hotspot->dhcp, &address) <= now_ms) {
        bool is_taken = lent_address_has_neighbour(&hotspot->lent, address);
        act(hotspot, dhcp_probed(&hotspot->dhcp, &reply, address, is_taken, now_ms), &reply);
    }
}

// Asks for an offer, and hears on `fd` what comes to the interface, since an offer is for an
// address that is not this laptop's. Returns who makes one, 0 where nobody does, or -1.
static int64_t find_other_server(struct hotspot *hotspot, int fd) {
    const struct sockaddr_ll where = {.sll_family = AF_PACKET,
                                      .sll_protocol = htons(ETH_P_IP),
                                      .sll_ifindex = hotspot->lent.index};
    const uint64_t random = siphash_2_words(&hotspot->dhcp.key, 0, 0);
    struct pollfd polled = {fd, POLLIN, 0};
    uint8_t packet[MESSAGE_MAX];
    if (fd < 0 || bind(fd, (const struct sockaddr *)&where, sizeof where) < 0)
        return -1;
    for (int i = 0; i < ASKED_TIMES; i++) {
        int64_t until_ms = loop_clock_ms() + ASK_MS;
        dhcp_make_discover(packet, random);
        if (!send_to(hotspot, INADDR_BROADCAST, DHCP_SERVER_PORT, packet, DHCP_MESSAGE))
            return -1;
        for (int64_t left_ms = ASK_MS; left_ms > 0; left_ms = until_ms - loop_clock_ms()) {
            (void)poll(&polled, 1, (int)left_ms);
            ssize_t length = recv(fd, packet, sizeof packet, MSG_DONTWAIT) - BEFORE;
            if (length > 0 && dhcp_is_offer(packet + BEFORE, (size_t)length, random))
                return get_be32(packet + IP_AT_SOURCE);
        }
    }
    return 0;
}

// Two servers would contradict each other. Returns 0, or -1 after having said what is wrong.
static int refuse_other_servers(struct hotspot *hotspot) {
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int64_t other = find_other_server(hotspot, fd);
    if (other < 0)
        log_error(hotspot->log, "cannot send on %s: %s (is the Wi-Fi open?)", hotspot->lent.name,
                  strerror(errno));
    else if (other > 0)
        log_error(hotspot->log, "%d.%d.%d.%d gives addresses on %s already: end that DHCP server",
                  (int)(other >> 24), (int)(other >> 16 & 255), (int)(other >> 8 & 255),
                  (int)(other & 255), hotspot->lent.name);
    close(fd);
    return other == 0 ? 0 : -1;
}

static int open_port(struct hotspot *hotspot) {
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(DHCP_SERVER_PORT)};
    const char *name = hotspot->lent.name;
    int on = 1;
    hotspot->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (setsockopt(hotspot->fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0 &&
        socket_bind_to_device(hotspot->fd, name) == 0 &&
        bind(hotspot->fd, (const struct sockaddr *)&any, sizeof any) == 0)
        return 0;
    return log_error(hotspot->log, "cannot open UDP port %u on %s: %s%s", DHCP_SERVER_PORT, name,
                     strerror(errno),
                     errno == EADDRINUSE ? " (end the DHCP server that this laptop runs there)"
                                         : "");
}

void hotspot_init(struct hotspot *hotspot, struct loop *loop, const struct log *log) {
    *hotspot = (struct hotspot){.loop = loop, .log = log, .fd = -1};
    hotspot->lent.kernel.fd = -1;
    hotspot->dhcp.address = NETWORK + OWN;
    hotspot->dhcp.first = NETWORK + FIRST;
}

static void on_renewal(void *arg) { lent_address_renew(arg); }

int hotspot_open(struct hotspot *hotspot, const char *interface) {
    struct lent_address *lent = &hotspot->lent;
    if (interface == NULL)
        return 0;
    if (crypto_random(&hotspot->dhcp.key, sizeof hotspot->dhcp.key) < 0)
        return log_no_random(hotspot->log);
    if (lent_address_open(lent, interface, hotspot->dhcp.address, 24, hotspot->log) < 0 ||
        open_port(hotspot) < 0)
        return -1;
    lent_address_own(lent); // nobody else has that port
    hotspot->index = lent->index;
    hotspot->due = loop_alarm(hotspot->loop, on_due, hotspot);
    if (hotspot->due == NULL || loop_every(hotspot->loop, LENT_RENEW_MS, on_renewal, lent) < 0 ||
        refuse_other_servers(hotspot) < 0)
        return -1;
    while (recv(hotspot->fd, NULL, 0, 0) >= 0)
        continue; // what this laptop has asked itself, as a broadcast comes back
    return loop_add(hotspot->loop, hotspot->fd, POLLIN, on_message, hotspot);
}

void hotspot_tick(struct hotspot *hotspot) {
    struct lent_address *lent = &hotspot->lent;
    if (hotspot->fd < 0)
        return;
    lent_address_follow(lent);
    if (lent->index != hotspot->index && lent->index != 0 &&
        socket_bind_to_device(hotspot->fd, lent->name) == 0)
        hotspot->index = lent->index;
}

void hotspot_close(struct hotspot *hotspot) {
    lent_address_remove(&hotspot->lent);
    if (hotspot->fd >= 0)
        close(hotspot->fd);
}
