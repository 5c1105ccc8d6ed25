// SPDX-License-Identifier: ISC
// A laboratory for the NAT's tests: one NAT, its outputs collected, a clock, and packets to send.
// Each sending call forgets what was collected before, so that what is there afterwards came of it.
#ifndef TETHER_TEST_UNIT_NAT_LAB_H
#define TETHER_TEST_UNIT_NAT_LAB_H

#include "nat/nat.h"

#include "packets.h"
#include "test.h"

#define INSIDE  ADDRESS(10, 0, 0, 1)
#define OUTSIDE ADDRESS(203, 0, 113, 7)
#define HOST    ADDRESS(192, 168, 77, 2)
#define REMOTE  ADDRESS(198, 51, 100, 9)
#define OTHER   ADDRESS(192, 0, 2, 33)

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

#define DONT_FRAGMENT  0x4000
#define MORE_FRAGMENTS 0x2000

enum where { TO_WIRE, TO_LAPTOP, TO_HOST };

struct sent {
    enum where where;
    uint16_t laptop;
    bool lasting;
    bool has_offload;
    struct ip_offload offload;
    size_t length;
    uint8_t *bytes;
};

#define LAB_SENT  256
#define LAB_BYTES (1024 * 1024)

static struct nat nat;
static struct {
    int64_t now_ms;
    size_t count; // of what was sent, even beyond LAB_SENT
    size_t used;
    struct sent sent[LAB_SENT];
    uint8_t bytes[LAB_BYTES];
} lab;

static uint8_t lab_payload[65536]; // fill as needed; i-th byte is a function of i by default

static inline struct sent *lab_collect(enum where where, const struct ip_packet *packet) {
    static struct sent beyond;
    struct sent *sent = lab.count < LAB_SENT ? &lab.sent[lab.count] : &beyond;
    lab.count++;
    *sent = (struct sent){.where = where, .length = packet->length};
    if (sent == &beyond || lab.used + packet->length > LAB_BYTES)
        return sent;
    sent->bytes = lab.bytes + lab.used;
    lab.used += packet->length;
    memcpy(sent->bytes, packet->bytes, packet->length);
    return sent;
}

static inline void lab_note_offload(struct sent *sent, const struct ip_offload *offload) {
    sent->has_offload = offload != NULL;
    if (offload != NULL)
        sent->offload = *offload;
}

static inline void lab_to_wire(void *arg, const struct ip_packet *packet,
                               const struct ip_offload *offload, bool lasting) {
    struct sent *sent = lab_collect(TO_WIRE, packet);
    (void)arg;
    sent->lasting = lasting;
    lab_note_offload(sent, offload);
}

static inline void lab_to_laptop(void *arg, uint16_t laptop, const struct ip_packet *packet,
                                 const struct ip_offload *offload) {
    struct sent *sent = lab_collect(TO_LAPTOP, packet);
    (void)arg;
    sent->laptop = laptop;
    lab_note_offload(sent, offload);
}

static inline void lab_to_host(void *arg, const struct ip_packet *packet,
                               const struct ip_offload *offload) {
    (void)arg;
    lab_note_offload(lab_collect(TO_HOST, packet), offload);
}

static inline void lab_clear(void) {
    lab.count = 0;
    lab.used = 0;
}

static inline struct nat_config lab_config(void) {
    return (struct nat_config){
        .outside_address = OUTSIDE,
        .host_address = HOST,
        .port_low = 20000,
        .port_high = 32767,
        .outside_mtu = 1500,
        .inside_mtu = 1500,
        .key = {test_random(), test_random()},
        .port_key = {test_random(), test_random()},
        .output = {lab_to_wire, lab_to_laptop, lab_to_host, NULL},
    };
}

static inline void lab_start_with(const struct nat_config *config) {
    for (size_t i = 0; i < sizeof lab_payload; i++) lab_payload[i] = (uint8_t)(i ^ i >> 8);
    lab.now_ms = 1000000;
    lab_clear();
    nat_init(&nat, config);
}

static inline void lab_start(void) {
    struct nat_config config = lab_config();
    lab_start_with(&config);
}

// Time goes by.
static inline void lab_wait(int64_t ms) {
    lab_clear();
    lab.now_ms += ms;
    nat_expire(&nat, lab.now_ms);
}

// ---- sending: in memory of exactly the packet's size, so that a sanitizer sees a step beyond ----

static inline enum nat_verdict out_bytes(uint16_t laptop, const uint8_t *bytes, size_t length) {
    uint8_t *copy = test_copy(bytes, length);
    lab_clear();
    enum nat_verdict verdict = nat_take(&nat, laptop, copy, length, NULL, lab.now_ms);
    free(copy);
    return verdict;
}

static inline enum nat_verdict in_bytes(const uint8_t *bytes, size_t length,
                                        const struct ip_offload *offload) {
    uint8_t *copy = test_copy(bytes, length);
    lab_clear();
    enum nat_verdict verdict = nat_take(&nat, NAT_OUTSIDE, copy, length, offload, lab.now_ms);
    free(copy);
    return verdict;
}

static inline enum nat_verdict host_bytes(const uint8_t *bytes, size_t length) {
    uint8_t *copy = test_copy(bytes, length);
    lab_clear();
    enum nat_verdict verdict = nat_take(&nat, NAT_TO_HOST, copy, length, NULL, lab.now_ms);
    free(copy);
    return verdict;
}

static uint8_t lab_packet[66000];

static inline enum nat_verdict out(uint16_t laptop, struct packet_spec spec) {
    return out_bytes(laptop, lab_packet, packet_make(lab_packet, &spec));
}

static inline enum nat_verdict in(struct packet_spec spec) {
    return in_bytes(lab_packet, packet_make(lab_packet, &spec), NULL);
}

static inline enum nat_verdict from_host(struct packet_spec spec) {
    return host_bytes(lab_packet, packet_make(lab_packet, &spec));
}

// ---- packets ----

static inline struct packet_spec udp(uint16_t port) {
    return (struct packet_spec){
        .protocol = PACKET_UDP,
        .source = INSIDE,
        .source_port = port,
        .destination = REMOTE,
        .destination_port = 53,
        .payload = lab_payload,
        .payload_length = 20,
    };
}

static inline struct packet_spec tcp(uint16_t port, uint8_t flags) {
    struct packet_spec spec = udp(port);
    spec.protocol = PACKET_TCP;
    spec.destination_port = 443;
    spec.tcp_flags = flags;
    return spec;
}

static inline struct packet_spec echo(uint16_t identifier) {
    struct packet_spec spec = udp(identifier);
    spec.protocol = PACKET_ICMP;
    spec.icmp_type = ICMP_ECHO;
    return spec;
}

static inline struct packet_spec to(struct packet_spec spec, uint32_t address, uint16_t port) {
    spec.destination = address;
    spec.destination_port = port;
    return spec;
}

static inline struct packet_spec from(struct packet_spec spec, uint32_t address, uint16_t port) {
    spec.source = address;
    spec.source_port = port;
    return spec;
}

// The answer to a packet that left from an outside port.
static inline struct packet_spec answer(struct packet_spec spec, uint16_t outside_port) {
    struct packet_spec back = spec;
    back.source = spec.destination;
    back.source_port = spec.destination_port;
    back.destination = OUTSIDE;
    back.destination_port = outside_port;
    if (spec.protocol == PACKET_ICMP) {
        back.source_port = outside_port;
        back.icmp_type = spec.icmp_type == ICMP_TIMESTAMP ? ICMP_TIMESTAMP_REPLY : ICMP_ECHO_REPLY;
    }
    return back;
}

// ---- looking at what was sent ----

// The only packet sent, if it went there; else NULL.
static inline const struct sent *only(enum where where) {
    return lab.count == 1 && lab.sent[0].where == where ? &lab.sent[0] : NULL;
}

static inline uint16_t source_port_of(const uint8_t *bytes) {
    size_t at = packet_header_length(bytes) + (bytes[9] == PACKET_ICMP ? 4 : 0);
    return packet_get16(bytes + at);
}

static inline bool all_good(const uint8_t *bytes) {
    return packet_header_checksum_is_good(bytes) && packet_checksum_is_good(bytes);
}

// Sends a packet out and returns the outside port that it left from, or 0 if it did not.
static inline uint16_t port_out(uint16_t laptop, struct packet_spec spec) {
    if (out(laptop, spec) != NAT_PASS || only(TO_WIRE) == NULL)
        return 0;
    return source_port_of(lab.sent[0].bytes);
}

// That the only packet sent is the one that `spec` makes, but for the identification and a TTL one
// lower.
static inline bool is_sent(enum where where, struct packet_spec spec) {
    static uint8_t expected[66000];
    const struct sent *sent = only(where);
    if (sent == NULL)
        return false;
    spec.ttl = (uint8_t)((spec.ttl != 0 ? spec.ttl : 64) - 1);
    spec.id = packet_get16(sent->bytes + 4);
    size_t length = packet_make(expected, &spec);
    return length == sent->length && memcmp(expected, sent->bytes, length) == 0;
}

static inline bool arrives_at(uint16_t laptop, struct packet_spec spec) {
    return is_sent(TO_LAPTOP, spec) && lab.sent[0].laptop == laptop;
}

// The inbound packet as its receiver gets it.
static inline struct packet_spec delivered(struct packet_spec spec, uint32_t address,
                                           uint16_t port) {
    if (spec.protocol == PACKET_ICMP)
        spec.source_port = port;
    return to(spec, address, port);
}

// ---- ICMP errors ----

// Makes an error that quotes `length` bytes; returns its length.
static inline size_t error_make(uint8_t *packet, uint32_t source, uint32_t destination,
                                uint8_t type, uint8_t code, uint16_t mtu, const uint8_t *quoted,
                                size_t length) {
    struct packet_spec spec = {.protocol = PACKET_ICMP,
                               .source = source,
                               .destination = destination,
                               .icmp_type = type,
                               .payload = quoted,
                               .payload_length = length};
    size_t total = packet_make(packet, &spec);
    packet[21] = code;
    packet_put16(packet + 24, 0);
    packet_put16(packet + 26, mtu);
    packet_fill_checksum(packet, total);
    return total;
}

// Whether something sent is an ICMP error of this kind with good checksums.
static inline bool is_error(const struct sent *sent, uint8_t type, uint8_t code) {
    return sent != NULL && sent->length >= 28 && sent->bytes[9] == PACKET_ICMP &&
           sent->bytes[20] == type && sent->bytes[21] == code && all_good(sent->bytes);
}

// Whether the NAT holds nothing: no mappings, ports, connections, queued entries, fragments.
static inline bool is_empty(void) {
    uint32_t range = (uint32_t)(nat.config.port_high - nat.config.port_low) + 1;
    bool empty = nat.mapping_count == 0 && nat.connection_count == 0 &&
                 nat.ports[NAT_TCP].free_count == range && nat.ports[NAT_UDP].free_count == range &&
                 nat.ports[NAT_ICMP].free_count == range;
    for (size_t i = 0; i < NAT_LAPTOPS; i++) {
        const struct nat_laptop *laptop = &nat.laptops[i];
        empty = empty && laptop->mappings == 0 && laptop->connections == 0 &&
                laptop->ports[0] == 0 && laptop->ports[1] == 0 && laptop->ports[2] == 0;
        for (int queue = 0; queue < NAT_QUEUE_COUNT; queue++)
            empty = empty && laptop->queues[queue].count == 0 &&
                    laptop->queues[queue].first == NO_ENTRY;
    }
    for (size_t i = 0; i < NAT_INDEX_SLOTS; i++)
        empty = empty && nat.inside_slots[i] == 0 && nat.outside_slots[i] == 0 &&
                nat.remote_slots[i] == 0;
    for (size_t i = 0; i < NAT_DATAGRAMS; i++) empty = empty && !nat.datagrams[i].used;
    for (size_t i = 0; i < NAT_HELD_FRAGMENTS; i++) empty = empty && nat.held[i].datagram == NULL;
    return empty;
}

#endif
