// What the server says to the laptop under the session, record by record: packets go to the TUN
// device, segments of one connection put together first, and everything else to whom it concerns.
#include "client.h"

#define FULL_PAUSE_MS 10000 // before asking a server again that had no place
#define INSIDE_PREFIX 32

void client_deliver(struct client *client, const uint8_t *packet, size_t length)
{
    if (!ip_looks_like_ipv4(packet, length))
        client->not_ipv4++;
    else if (!tun_write(&client->tun, packet, length))
        client->tun_write++;
}

// Gives the laptop what was put together of segments, or was not.
static void on_coalesced(void *arg, uint8_t *bytes, size_t length, uint16_t segment_size)
{
    struct client *client = arg;
    struct ip_packet packet;
    struct ip_offload offload;
    if (segment_size == 0)
        client_deliver(client, bytes, length);
    else if (ip_parse(&packet, bytes, length) != IP_GOOD ||
             ip_offload_of_super(&offload, &packet, segment_size) < 0 ||
             !tun_write_offloaded(&client->tun, &packet, &offload))
        client->tun_write++;
}

// Gives the laptop a super-packet, if it is one, after what came before it.
static void deliver_super(struct client *client, const struct record *record)
{
    struct ip_packet packet;
    struct ip_offload offload;
    ip_coalesce_end(&client->coalescer, on_coalesced, client);
    client->link.super_packets_received++;
    if (super_packet_read(&packet, &offload, record) < 0)
        client->link.bad_message++;
    else if (!tun_write_offloaded(&client->tun, &packet, &offload))
        client->tun_write++;
}

static void on_packet(struct client *client, const struct record *record)
{
    client->link.packets_received++;
    client->link.bytes_received += record->length;
    if (record->type == RECORD_SUPER_PACKET)
        deliver_super(client, record);
    else if (client->tun.has_vnet_headers)
        ip_coalesce(&client->coalescer, record->bytes, record->length, on_coalesced, client);
    else
        client_deliver(client, record->bytes, record->length);
}

static void on_configuration(struct client *client, const struct record *record)
{
    struct configuration config;
    if (configuration_read(&config, record->bytes, record->length) < 0) {
        client->link.bad_message++;
        return;
    }
    client->configuration = config;
    if (config.address == client->address && config.mtu == client->mtu)
        return;
    // The server has given our address to another laptop, or wants other packets. The old address
    // goes, and with it the connections that were begun: else a server could put any number of
    // addresses here. Of four million addresses two laptops hardly ever choose the same.
    if (tun_configure(&client->tun, config.address, INSIDE_PREFIX, config.mtu) < 0)
        return;
    if (config.address != client->address)
        log_debug(&client->log, "the server has given this laptop another address");
    client->address = client->initiator.self.address = config.address;
    client->mtu = config.mtu;
}

static void on_status(struct client *client, const struct record *record)
{
    uint32_t mappings;
    if (status_read(&mappings, record->bytes, record->length) < 0)
        client->link.bad_message++;
    else
        client->mappings = mappings;
}

static void on_goodbye(struct client *client, const struct record *record)
{
    uint8_t reason = record->length > 0 ? record->bytes[0] : 0;
    if (reason != GOODBYE_FULL) {
        log_info(&client->log, "the server has stopped its tether; waiting for it to return");
        return;
    }
    log_error(&client->log, "the server serves as many laptops as it can; asking again in %d s",
              FULL_PAUSE_MS / 1000);
    initiator_give_up(&client->initiator, client->loop.now_ms, FULL_PAUSE_MS);
}

static void on_pong(struct client *client, const struct record *record)
{
    int64_t round_trip_ms = -1;
    if (record->length == PING_BYTES)
        round_trip_ms = liveness_round_trip(record->bytes, client->loop.now_ms);
    if (round_trip_ms >= 0)
        client->round_trip_ms = round_trip_ms;
}

static void on_record(struct client *client, const struct record *record, bool is_newest)
{
    switch (record->type) {
    case RECORD_PACKET:
    case RECORD_SUPER_PACKET:
        on_packet(client, record);
        break;
    case RECORD_CONFIGURATION:
        on_configuration(client, record);
        break;
    case RECORD_PING:
        tunnel_link_control(&client->link, RECORD_PONG, record->bytes, record->length);
        break;
    case RECORD_PONG:
        on_pong(client, record);
        break;
    case RECORD_STATUS:
        on_status(client, record);
        break;
    case RECORD_ACKNOWLEDGEMENT:
        tunnel_link_acknowledged(&client->link, record, client->loop.now_us);
        break;
    case RECORD_GOODBYE:
        if (is_newest) // else the server has spoken since, and may have found a place
            on_goodbye(client, record);
        break;
    default:
        break; // of a later version
    }
}

void client_hear_records(struct client *client, bool is_newest, uint8_t *bytes, size_t length)
{
    struct record record;
    const uint8_t *message = bytes - SEALED_HEAD;
    size_t message_length = SEALED_OVERHEAD + length;
    uint64_t packets_before = client->link.packets_received;
    while (length > 0) {
        size_t used = record_read(&record, bytes, length);
        if (used == 0) {
            client->link.bad_message++;
            break;
        }
        on_record(client, &record, is_newest);
        bytes += used;
        length -= used;
    }
    ip_coalesce_end(&client->coalescer, on_coalesced, client);
    if (client->link.packets_received != packets_before)
        tunnel_link_received(&client->link, message, message_length, client->loop.now_us);
}
