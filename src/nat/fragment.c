// SPDX-License-Identifier: ISC
// Datagrams in fragments (RFC 791 section 3.2, RFC 4787 REQ-14). Only the first fragment has ports,
// so it decides for all: its translation is remembered, and the others follow it. Fragments that
// come before it wait in a small pool. Nothing is put together; every fragment goes on as a
// fragment.
//
// What attacks by fragments live from is refused (RFC 1858, RFC 3128): fragments that overlap, so
// that two hosts would put different datagrams together; first fragments too short for their
// transport header (ip_parse() refuses those); and datagrams that never end: each is forgotten
// after half a minute, and when the table is full, the oldest of the sender that has most of it
// gives way.
#include "parts.h"
#include <string.h>

// RFC 1122 section 3.3.2 asks a host to wait 60 s; a router may be less patient.
#define TIME_MS 30000
#define UNIT    8

static struct nat_datagram *find(struct nat *nat, uint16_t sender, const struct ip_packet *packet) {
    for (size_t i = 0; i < NAT_DATAGRAMS; i++) {
        struct nat_datagram *d = &nat->datagrams[i];
        if (d->used && d->identification == packet->identification && d->source == packet->source &&
            d->destination == packet->destination && d->protocol == packet->protocol &&
            d->sender == sender)
            return d;
    }
    return NULL;
}

static void release(struct nat *nat, size_t held) {
    nat->held[held].datagram = NULL;
    crowd_leave(nat->held_crowd, NAT_HELD_FRAGMENTS, held);
}

static void drop_held(struct nat *nat, const struct nat_datagram *d) {
    for (size_t i = 0; i < NAT_HELD_FRAGMENTS; i++) {
        if (nat->held[i].datagram != d)
            continue;
        release(nat, i);
        nat->dropped[NAT_FRAGMENT]++;
    }
}

static void forget(struct nat *nat, struct nat_datagram *d) {
    d->used = false;
    crowd_leave(nat->datagram_crowd, NAT_DATAGRAMS, (size_t)(d - nat->datagrams));
    drop_held(nat, d);
}

// The first fragment was refused: so are the others.
static void refuse_others(struct nat_passage *passage, const struct ip_packet *as_it_came) {
    struct nat_datagram *d = find(passage->nat, passage->sender, as_it_came);
    if (d == NULL)
        return;
    d->poisoned = true;
    drop_held(passage->nat, d);
}

void nat_expire_fragments(struct nat *nat, int64_t now_ms) {
    for (size_t i = 0; i < NAT_DATAGRAMS; i++)
        if (nat->datagrams[i].used && now_ms - nat->datagrams[i].began_ms >= TIME_MS)
            forget(nat, &nat->datagrams[i]);
}

void nat_forget_fragments(struct nat *nat, uint16_t sender) {
    for (size_t i = 0; i < NAT_DATAGRAMS; i++) {
        struct nat_datagram *d = &nat->datagrams[i];
        bool is_for_it = d->translated && d->receiver == sender; // till then it is for nobody
        if (d->used && (d->sender == sender || is_for_it))
            forget(nat, d);
    }
}

static struct nat_datagram *begin(const struct nat_passage *passage) {
    struct nat *nat = passage->nat;
    const struct ip_packet *packet = &passage->packet;
    size_t place = 0;
    while (place < NAT_DATAGRAMS && nat->datagrams[place].used) place++;
    if (place == NAT_DATAGRAMS) {
        place = crowd_gives_way(nat->datagram_crowd, NAT_DATAGRAMS, CROWD_NOBODY);
        forget(nat, &nat->datagrams[place]);
    }
    crowd_enter(nat->datagram_crowd, NAT_DATAGRAMS, place, passage->sender);
    nat->datagrams[place] = (struct nat_datagram){
        .used = true,
        .sender = passage->sender,
        .protocol = packet->protocol,
        .source = packet->source,
        .destination = packet->destination,
        .identification = packet->identification,
        .began_ms = passage->now_ms,
    };
    return &nat->datagrams[place];
}

// Notes which part of the datagram a fragment is. Returns false where it lies or was there before.
static bool note_part(struct nat_datagram *d, const struct ip_packet *packet) {
    size_t start = packet->fragment_start;
    size_t length = packet->length - packet->header_length;
    size_t end = start + length;
    bool is_last = !packet->more_fragments;
    if (d->poisoned)
        return false;
    // Only the last may have an odd length, nothing may lie behind it, and an IP packet has its
    // limit.
    bool lies_behind = (d->total != 0 && (end > d->total || (is_last && end != d->total))) ||
                       (is_last && end < d->furthest);
    if (length == 0 || lies_behind || end > IP_PACKET_MAX - packet->header_length ||
        (!is_last && length % UNIT != 0)) {
        d->poisoned = true;
        return false;
    }
    size_t known = 0;
    size_t units = (length + UNIT - 1) / UNIT;
    for (size_t unit = start / UNIT; unit < start / UNIT + units; unit++) {
        known += d->seen[unit / 64] >> (unit % 64) & 1;
        d->seen[unit / 64] |= UINT64_C(1) << (unit % 64);
    }
    // The same fragment twice is the network's doing; a part of one is somebody's.
    d->poisoned = known > 0 && known < units;
    if (known > 0)
        return false;
    if (is_last)
        d->total = (uint32_t)end;
    d->received += (uint32_t)length;
    if (end > d->furthest)
        d->furthest = (uint32_t)end;
    return true;
}

// Writes the first fragment's translation into another one and sends it.
static enum nat_verdict follow(struct nat_passage *passage, struct nat_datagram *d) {
    struct ip_packet *packet = &passage->packet;
    if (!nat_fits(passage, d->receiver))
        return NAT_TOO_BIG;
    if (!ip_decrement_ttl(packet))
        return NAT_TTL_EXPIRED;
    ip_set_source_address(packet, d->new_source);
    ip_set_destination_address(packet, d->new_destination);
    ip_set_identification(packet, d->new_identification);
    nat_emit(passage, d->receiver);
    return NAT_PASS;
}

// A free place in the pool; or, where the pool is full, that of the oldest fragment of the sender
// that has most of it. What is out of order by chance waits for milliseconds, and what never has a
// first goes on.
static size_t find_place(struct nat *nat) {
    for (size_t i = 0; i < NAT_HELD_FRAGMENTS; i++)
        if (nat->held[i].datagram == NULL)
            return i;
    size_t victim = crowd_gives_way(nat->held_crowd, NAT_HELD_FRAGMENTS, CROWD_NOBODY);
    release(nat, victim);
    nat->dropped[NAT_FRAGMENT]++;
    return victim;
}

static enum nat_verdict hold(struct nat *nat, struct nat_datagram *d,
                             const struct ip_packet *packet) {
    if (packet->length > NAT_HELD_BYTES)
        return NAT_FRAGMENT;
    size_t place = find_place(nat);
    struct nat_held *held = &nat->held[place];
    crowd_enter(nat->held_crowd, NAT_HELD_FRAGMENTS, place, d->sender);
    held->datagram = d;
    held->length = packet->length;
    memcpy(held->bytes, packet->bytes, packet->length);
    return NAT_HELD;
}

// A datagram whose every part has come and gone is done.
static void end_if_whole(struct nat *nat, struct nat_datagram *d) {
    if (d->translated && d->total != 0 && d->received == d->total)
        forget(nat, d);
}

// Takes a fragment as it came. NAT_PASS for a first one: it is to be translated.
static enum nat_verdict take_fragment(struct nat_passage *passage) {
    struct nat *nat = passage->nat;
    struct nat_datagram *d = find(nat, passage->sender, &passage->packet);
    if (d == NULL)
        d = begin(passage);
    if (!note_part(d, &passage->packet))
        return NAT_FRAGMENT;
    if (passage->packet.fragment_start == 0)
        return NAT_PASS;
    if (!d->translated)
        return hold(nat, d, &passage->packet);
    enum nat_verdict verdict = follow(passage, d);
    end_if_whole(nat, d);
    return verdict;
}

// The first fragment was translated to what passage->packet says now and went to `receiver`: so do
// the others, those that wait at once.
static void let_others_follow(struct nat_passage *passage, const struct ip_packet *as_it_came,
                              uint16_t receiver) {
    struct nat *nat = passage->nat;
    struct nat_datagram *d = find(nat, passage->sender, as_it_came);
    if (d == NULL)
        return;
    d->translated = true;
    d->receiver = receiver;
    d->new_source = passage->packet.source;
    d->new_destination = passage->packet.destination;
    d->new_identification = passage->packet.identification;
    for (size_t i = 0; i < NAT_HELD_FRAGMENTS; i++) {
        struct nat_held *held = &nat->held[i];
        struct nat_passage other = *passage;
        if (held->datagram != d)
            continue;
        release(nat, i);
        other.lasting = false;
        other.offload = NULL;
        if (ip_parse(&other.packet, held->bytes, held->length) != IP_GOOD ||
            follow(&other, d) != NAT_PASS)
            nat->dropped[NAT_FRAGMENT]++;
    }
    end_if_whole(nat, d);
}

enum nat_verdict nat_pass(struct nat_passage *passage, nat_forwarder *forward) {
    const struct ip_packet as_it_came = passage->packet;
    uint16_t receiver;
    if (!as_it_came.is_fragment)
        return forward(passage, &receiver);
    enum nat_verdict verdict = take_fragment(passage);
    if (verdict != NAT_PASS || as_it_came.fragment_start != 0)
        return verdict;
    verdict = forward(passage, &receiver);
    if (verdict == NAT_PASS)
        let_others_follow(passage, &as_it_came, receiver);
    else
        refuse_others(passage, &as_it_came);
    return verdict;
}
