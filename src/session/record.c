// SPDX-License-Identifier: ISC
// Reading and writing records. The first byte tells packets (0x4_ and 0x6_, their IP version, RFC
// 791 section 3.1 and RFC 8200 section 3) from the rest. A record of a type that is not known is
// skipped by its length, so that newer programs may send more to older ones.
#include "record.h"
#include <string.h>

#define IPV6_HEADER 40

// The length of the IP packet that starts here by its own account, or 0.
static size_t packet_length(const uint8_t *bytes, size_t length) {
    if (bytes[0] >> 4 == 4)
        return length >= 4 ? get_be16(bytes + IP_AT_TOTAL_LENGTH) : 0;
    return length >= 6 ? IPV6_HEADER + (size_t)get_be16(bytes + 4) : 0;
}

size_t record_read(struct record *record, uint8_t *bytes, size_t length) {
    if (length == 0)
        return 0;
    if (bytes[0] >> 4 == 4 || bytes[0] >> 4 == 6) {
        size_t whole = packet_length(bytes, length);
        if (whole == 0 || whole > length)
            return 0;
        *record = (struct record){RECORD_PACKET, bytes, whole};
        return whole;
    }
    if (length < RECORD_HEAD)
        return 0;
    size_t body = get_be32(bytes) & 0xffffff;
    if (body > length - RECORD_HEAD)
        return 0;
    *record = (struct record){bytes[0], bytes + RECORD_HEAD, body};
    return RECORD_HEAD + body;
}

size_t record_write(uint8_t *out, uint8_t type, const void *body, size_t length) {
    put_be32(out, (uint32_t)type << 24 | (uint32_t)length);
    memcpy(out + RECORD_HEAD, body, length);
    return RECORD_HEAD + length;
}

void super_packet_head_write(uint8_t out[SUPER_PACKET_HEAD], size_t length, uint16_t segment_size) {
    put_be32(out, (uint32_t)RECORD_SUPER_PACKET << 24 | (uint32_t)(length + 2));
    put_be16(out + RECORD_HEAD, segment_size);
}

int super_packet_read(struct ip_packet *packet, struct ip_offload *offload,
                      const struct record *record) {
    if (record->length < 2 || ip_parse(packet, record->bytes + 2, record->length - 2) != IP_GOOD ||
        packet->length != record->length - 2)
        return -1;
    return ip_offload_of_super(offload, packet, get_be16(record->bytes));
}

bool inside_address_is_good(uint32_t address) {
    uint32_t host = address & INSIDE_HOSTS;
    return (address & ~(uint32_t)INSIDE_HOSTS) == INSIDE_NETWORK && host != 0 &&
           host != INSIDE_HOSTS;
}

size_t configuration_write(uint8_t out[CONFIGURATION_MAX], const struct configuration *config) {
    put_be32(out, config->address);
    put_be16(out + 4, config->mtu);
    put_be32(out + 6, config->message_max);
    out[10] = (uint8_t)config->resolver_count;
    for (size_t i = 0; i < config->resolver_count; i++)
        put_be32(out + 11 + 4 * i, config->resolvers[i]);
    return 11 + 4 * config->resolver_count;
}

int configuration_read(struct configuration *config, const uint8_t *body, size_t length) {
    if (length < 11 || (length - 11) / 4 < body[10])
        return -1;
    config->address = get_be32(body);
    config->mtu = get_be16(body + 4);
    config->message_max = get_be32(body + 6);
    config->resolver_count = body[10] < RESOLVERS_MAX ? body[10] : RESOLVERS_MAX;
    for (size_t i = 0; i < config->resolver_count; i++)
        config->resolvers[i] = get_be32(body + 11 + 4 * i);
    bool is_good = inside_address_is_good(config->address) && config->mtu >= 576 && // RFC 791
                   config->message_max >= MESSAGE_LEAST;
    return is_good ? 0 : -1;
}

size_t status_write(uint8_t out[STATUS_BYTES], uint32_t mappings) {
    put_be32(out, mappings);
    return STATUS_BYTES;
}

int status_read(uint32_t *mappings, const uint8_t *body, size_t length) {
    if (length < STATUS_BYTES)
        return -1;
    *mappings = get_be32(body);
    return 0;
}
