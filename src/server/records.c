// SPDX-License-Identifier: ISC
// What a laptop says to the server under its session, record by record, and what it is told: its
// packets go through the NAT, segments of one connection put together first.
#include "laptops.h"

void laptop_send_configuration(struct laptop *laptop) {
    uint8_t body[CONFIGURATION_MAX];
    struct configuration config = laptop->laptops->configuration;
    config.address = laptop->address;
    tunnel_link_control(&laptop->link, RECORD_CONFIGURATION, body,
                        configuration_write(body, &config));
    laptop->touched = true;
}

// What was put together of segments, or was not.
static void on_coalesced(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size) {
    struct laptop *laptop = arg;
    struct laptops *laptops = laptop->laptops;
    struct ip_packet packet;
    struct ip_offload offload;
    bool is_super = segment_size > 0 && ip_parse(&packet, bytes, length) == IP_GOOD &&
                    ip_offload_of_super(&offload, &packet, segment_size) == 0;
    gateway_send(laptops->gateway, laptop->path.laptop, bytes, length, is_super ? &offload : NULL);
    if (segment_size > 0)
        gateway_flush(laptops->gateway); // its bytes lie in the coalescer, which writes over them
}

// A super-packet, after what came before it.
static void on_super_packet(struct laptop *laptop, const struct record *record) {
    struct laptops *laptops = laptop->laptops;
    struct ip_packet packet;
    struct ip_offload offload;
    ip_coalesce_end(&laptops->coalescer, on_coalesced, laptop);
    if (super_packet_read(&packet, &offload, record) < 0)
        laptop->link.bad_message++;
    else
        gateway_send(laptops->gateway, laptop->path.laptop, packet.bytes, packet.length, &offload);
}

void laptop_send_status(struct laptop *laptop) {
    uint8_t body[STATUS_BYTES];
    laptop->reported_mappings = gateway_mappings(laptop->laptops->gateway, laptop->path.laptop);
    tunnel_link_control(&laptop->link, RECORD_STATUS, body,
                        status_write(body, laptop->reported_mappings));
    laptop->touched = true;
}

static void on_record(void *arg, const struct record *record) {
    struct laptop *laptop = arg;
    struct laptops *laptops = laptop->laptops;
    switch (record->type) {
    case RECORD_PACKET:
    case RECORD_SUPER_PACKET:
        laptop->touched = true; // it is to be acknowledged
        if (record->type == RECORD_SUPER_PACKET)
            on_super_packet(laptop, record);
        else
            ip_coalesce(&laptops->coalescer, record->bytes, record->length, on_coalesced, laptop);
        break;
    case RECORD_PING:
        tunnel_link_control(&laptop->link, RECORD_PONG, record->bytes, record->length);
        laptop_send_status(laptop);
        break;
    case RECORD_ACKNOWLEDGEMENT:
        tunnel_link_acknowledged(&laptop->link, record, laptops->loop->now_us);
        laptop->touched = true;
        break;
    case RECORD_GOODBYE:
        log_info(laptops->log, "laptop %u: it has stopped its tether", laptop->path.laptop);
        break;
    default: break; // of a later version
    }
}

void laptop_hear_records(struct laptop *laptop, uint8_t *bytes, size_t length) {
    struct laptops *laptops = laptop->laptops;
    tunnel_link_hear(&laptop->link, bytes, length, on_record, laptop, laptops->loop->now_us);
    ip_coalesce_end(&laptops->coalescer, on_coalesced, laptop);
}
