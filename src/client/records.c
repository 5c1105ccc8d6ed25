// SPDX-License-Identifier: ISC
// What the server says to the laptop under the session, record by record: packets go to the
// machine, and everything else to whom it concerns.
#include "keyed.h"

#define FULL_PAUSE_MS 10000 // before asking a server again that had no place

struct hearing {
    struct keyed *keyed;
    bool is_newest;
};

static void on_configuration(struct keyed *keyed, const struct record *record) {
    struct configuration config;
    if (configuration_read(&config, record->bytes, record->length) < 0) {
        keyed->phones->link.bad_message++;
        return;
    }
    keyed->configuration = config;
    if (machine_configure(keyed->machine, config.address, config.mtu) < 0)
        loop_fail(keyed->loop);
    keyed->initiator.self.address = keyed->machine->address;
    names_follow(keyed->names, &config);
}

static void on_status(struct keyed *keyed, const struct record *record) {
    uint32_t mappings;
    if (status_read(&mappings, record->bytes, record->length) < 0)
        keyed->phones->link.bad_message++;
    else
        keyed->mappings = mappings;
}

static void on_goodbye(struct keyed *keyed, const struct record *record) {
    uint8_t reason = record->length > 0 ? record->bytes[0] : GOODBYE_STOPPED;
    keyed->goodbye = reason;
    if (reason != GOODBYE_FULL) {
        log_info(keyed->log, "the server has stopped its tether; waiting for it to return");
        return;
    }
    log_error(keyed->log, "the server serves as many laptops as it can; asking again in %d s",
              FULL_PAUSE_MS / 1000);
    initiator_give_up(&keyed->initiator, keyed->loop->now_ms, FULL_PAUSE_MS);
}

static void on_pong(struct keyed *keyed, const struct record *record) {
    int64_t round_trip_ms = -1;
    if (record->length == PING_BYTES)
        round_trip_ms = liveness_round_trip(record->bytes, keyed->loop->now_ms);
    if (round_trip_ms >= 0)
        keyed->round_trip_ms = round_trip_ms;
}

static void on_record(void *arg, const struct record *record) {
    const struct hearing *hearing = arg;
    struct keyed *keyed = hearing->keyed;
    struct tunnel_link *link = &keyed->phones->link;
    switch (record->type) {
    case RECORD_PACKET:
    case RECORD_SUPER_PACKET:
        link->bad_message += machine_give_record(keyed->machine, record) < 0;
        break;
    case RECORD_CONFIGURATION: on_configuration(keyed, record); break;
    case RECORD_PING: tunnel_link_control(link, RECORD_PONG, record->bytes, record->length); break;
    case RECORD_PONG: on_pong(keyed, record); break;
    case RECORD_STATUS: on_status(keyed, record); break;
    case RECORD_ACKNOWLEDGEMENT: tunnel_link_acknowledged(link, record, keyed->loop->now_us); break;
    case RECORD_GOODBYE:
        if (hearing->is_newest) // else the server has spoken since, and may have found a place
            on_goodbye(keyed, record);
        break;
    default: break; // of a later version
    }
}

void keyed_hear_records(struct keyed *keyed, bool is_newest, uint8_t *bytes, size_t length) {
    struct hearing hearing = {keyed, is_newest};
    tunnel_link_hear(&keyed->phones->link, bytes, length, on_record, &hearing, keyed->loop->now_us);
    machine_give_rest(keyed->machine);
}
