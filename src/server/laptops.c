// SPDX-License-Identifier: ISC
// The places of laptops: who has which, who gets one, and who loses his; and when they are sent to.
//
// There are SERVER_LINKS of them. A laptop that comes back finds its own by its id, with its NAT
// mappings; a new one gets a place that costs no memory before, or that of who is away longest.
#include "laptops.h"
#include "../crypto/random.h"
#include "../crypto/sha256.h"
#include <stdio.h>
#include <string.h>

#define ACTIVE_MS 1000 // a laptop that was heard in this time is told what changes

// Who a laptop is for the NAT: the same number whenever it comes back.
static uint64_t nat_identity(const char *id) {
    uint8_t digest[SHA256_SIZE];
    struct sha256 hash;
    sha256_init(&hash);
    sha256_add(&hash, id, strlen(id));
    sha256_end(&hash, digest);
    return get_be64(digest);
}

static bool is_away(const struct laptop *laptop, int64_t away_ms) {
    return laptop->link.conn == NULL || laptop->laptops->loop->now_ms - laptop->seen_ms >= away_ms;
}

// Gives a place to the laptop with this id, and forgets whoever had it.
static void move_in(struct laptops *laptops, struct laptop *place, const char *id) {
    uint16_t number = (uint16_t)(place - laptops->places);
    bool is_keyed = laptops->responder.config.admit != NULL;
    struct session_keys *keys = is_keyed ? &laptops->responder.laptops[number] : NULL;
    responder_forget(&laptops->responder, number);
    path_init(&place->path, &place->link, number);
    tunnel_link_init(&place->link, keys, &laptops->queue_key, laptops->loop->now_us);
    place->laptops = laptops;
    place->used = false;
    place->address = 0;
    snprintf(place->id, sizeof place->id, "%s", id);
    gateway_set_laptop(laptops->gateway, number, nat_identity(id));
}

struct laptop *laptops_find(struct laptops *laptops, const char *id, int64_t away_ms) {
    struct laptop *place = NULL;
    for (size_t i = 0; i < laptops->count; i++) {
        struct laptop *laptop = &laptops->places[i];
        if (laptop->used && strcmp(laptop->id, id) == 0)
            return laptop;
        if (!is_away(laptop, away_ms))
            continue;
        if (place == NULL || (place->used && (!laptop->used || laptop->seen_ms < place->seen_ms)))
            place = laptop;
    }
    if ((place == NULL || place->used) && laptops->count < SERVER_LINKS)
        place = &laptops->places[laptops->count++];
    if (place != NULL)
        move_in(laptops, place, id);
    else
        laptops->refused++;
    return place;
}

void laptops_queue(struct laptops *laptops, uint16_t number, const struct ip_packet *packet,
                   const struct ip_offload *offload) {
    struct laptop *laptop = &laptops->places[number];
    int64_t now_us = laptops->loop->now_us;
    if (offload == NULL)
        tunnel_link_queue(&laptop->link, packet->bytes, packet->length, now_us);
    else
        tunnel_link_queue_offloaded(&laptop->link, packet, offload, now_us);
    laptop->touched = true;
}

// When the next of the links has something to do by itself.
static void set_alarm(struct laptops *laptops) {
    int64_t due_us = INT64_MAX;
    for (size_t i = 0; i < laptops->count; i++) {
        const struct laptop *laptop = &laptops->places[i];
        if (laptop->link.conn != NULL && laptop->due_us < due_us)
            due_us = laptop->due_us;
    }
    laptops->alarm->due_ms = due_us == INT64_MAX ? LOOP_NEVER : (due_us + 999) / 1000;
}

void laptops_pump(struct laptops *laptops) {
    for (size_t i = 0; i < laptops->count; i++) {
        struct laptop *laptop = &laptops->places[i];
        if (!laptop->touched)
            continue; // what it waits for stays
        tunnel_link_pump(&laptop->link, laptops->loop->now_us);
        laptop->due_us = tunnel_link_due_us(&laptop->link, laptops->loop->now_us);
        laptop->touched = false;
    }
    set_alarm(laptops);
}

static void on_alarm(void *arg) {
    struct laptops *laptops = arg;
    for (size_t i = 0; i < laptops->count; i++)
        laptops->places[i].touched = laptops->places[i].link.conn != NULL; // whichever it was
    laptops_pump(laptops);
}

int laptops_init(struct laptops *laptops, const struct log *log, struct loop *loop,
                 struct gateway *gateway) {
    laptops->log = log;
    laptops->loop = loop;
    laptops->gateway = gateway;
    if (crypto_random(&laptops->queue_key, sizeof laptops->queue_key) < 0)
        return log_no_random(log);
    ip_coalescer_init(&laptops->coalescer);
    laptops->alarm = loop_alarm(loop, on_alarm, laptops);
    return 0;
}

// Whether a laptop is to be told that its mappings are more or fewer now.
static bool wants_status(const struct laptop *laptop) {
    const struct laptops *laptops = laptop->laptops;
    return laptop->link.conn != NULL && laptops->loop->now_ms - laptop->seen_ms < ACTIVE_MS &&
           tunnel_link_session(&laptop->link, laptops->loop->now_us) != NULL &&
           gateway_mappings(laptops->gateway, laptop->path.laptop) != laptop->reported_mappings;
}

void laptops_tick(struct laptops *laptops) {
    responder_tick(&laptops->responder, laptops->loop->now_ms);
    for (size_t i = 0; i < laptops->count; i++)
        if (wants_status(&laptops->places[i]))
            laptop_send_status(&laptops->places[i]);
    laptops_pump(laptops);
}

void laptops_close(struct laptops *laptops) {
    static const uint8_t stopped = GOODBYE_STOPPED;
    for (size_t i = 0; i < laptops->count; i++) {
        struct tunnel_link *link = &laptops->places[i].link;
        if (link->conn != NULL &&
            tunnel_link_control(link, RECORD_GOODBYE, &stopped, sizeof stopped))
            tunnel_link_pump(link, laptops->loop->now_us);
    }
}
