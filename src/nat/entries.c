// SPDX-License-Identifier: ISC
// Mappings and connections. Each has an entry in an array, is found through an index (table.h), and
// waits in one of its laptop's queues, the one that has its time limit. A TCP mapping waits in no
// queue: its connections do. The permissions of a UDP mapping are connections too, which do not
// carry it; a mapping's serial number keeps them from speaking for a later mapping in the same
// place.
//
// Fair shares: half of the mappings, of the connections and of each protocol's ports is kept in
// equal parts for all possible laptops; the other half is for whoever comes. When something is used
// up for a laptop, first what has expired goes, then the oldest transitory entry of the laptop that
// holds most: a TCP connection that opens or closes, or a UDP or ICMP mapping. An established
// connection never does.
#include "parts.h"

// UDP lives 5 minutes after its last outbound packet (RFC 4787 REQ-5 asks for 2 at least and
// recommends 5), an ICMP query 60 s (RFC 5508 REQ-2), TCP that opens or closes 4 minutes, an
// established connection 2 hours and 4 minutes (RFC 5382 REQ-5).
static const int64_t limit_ms[NAT_QUEUE_COUNT] = {
    [NAT_UDP_QUEUE] = 300000,          [NAT_ICMP_QUEUE] = 60000,
    [NAT_PERMISSION_QUEUE] = 300000,   [NAT_TRANSITORY_QUEUE] = 240000,
    [NAT_ESTABLISHED_QUEUE] = 7440000,
};

static uint32_t hash_inside(const struct nat *nat, const struct nat_inside *inside) {
    uint64_t who = ((uint64_t)inside->laptop << 32) | inside->protocol;
    uint64_t where = ((uint64_t)inside->address << 16) | inside->port;
    return (uint32_t)siphash_2_words(&nat->config.key, who, where);
}

static uint32_t hash_outside(const struct nat *nat, uint8_t protocol, uint16_t port) {
    return (uint32_t)siphash_2_words(&nat->config.key, protocol, port);
}

static uint32_t hash_connection(const struct nat *nat, uint32_t mapping, uint32_t remote_address,
                                uint16_t remote_port) {
    uint64_t which = ((uint64_t)nat->mappings[mapping].serial << 32) | mapping;
    uint64_t remote = ((uint64_t)remote_address << 16) | remote_port;
    return (uint32_t)siphash_2_words(&nat->config.key, which, remote);
}

bool nat_is_own_address(const struct nat *nat, uint32_t address) {
    for (size_t i = 0; i < NAT_OWN_ADDRESSES; i++)
        if (address != 0 && nat->config.own_addresses[i] == address)
            return true;
    return false;
}

static enum nat_port_kind kind_of(uint8_t protocol) {
    return protocol == IP_TCP ? NAT_TCP : protocol == IP_UDP ? NAT_UDP : NAT_ICMP;
}

static enum nat_queue_name queue_of(uint8_t protocol) {
    return protocol == IP_UDP ? NAT_UDP_QUEUE : NAT_ICMP_QUEUE;
}

uint32_t nat_find_inside(const struct nat *nat, const struct nat_inside *inside) {
    uint32_t hash = hash_inside(nat, inside);
    uint32_t place = hash;
    uint32_t found;
    while ((found = nat_index_next(&nat->by_inside, hash, &place)) != NO_ENTRY) {
        const struct nat_mapping *m = &nat->mappings[found];
        if (m->inside_address == inside->address && m->inside_port == inside->port &&
            m->protocol == inside->protocol && m->laptop == inside->laptop)
            break;
    }
    return found;
}

uint32_t nat_find_outside(const struct nat *nat, uint8_t protocol, uint16_t port) {
    uint32_t hash = hash_outside(nat, protocol, port);
    uint32_t place = hash;
    uint32_t found;
    while ((found = nat_index_next(&nat->by_outside, hash, &place)) != NO_ENTRY)
        if (nat->mappings[found].outside_port == port && nat->mappings[found].protocol == protocol)
            break;
    return found;
}

bool nat_has_port(struct nat *nat, uint8_t protocol, uint16_t port) {
    if (protocol != IP_TCP && protocol != IP_UDP)
        return false;
    const struct nat_ports *ports = &nat->ports[kind_of(protocol)];
    if (port < ports->low || port > ports->high)
        return false;
    // A port that is taken, but by no mapping, is reserved for a local socket.
    return !nat_ports_is_taken(ports, port) || nat_find_outside(nat, protocol, port) != NO_ENTRY;
}

uint32_t nat_find_connection(const struct nat *nat, uint32_t mapping, uint32_t remote_address,
                             uint16_t remote_port) {
    uint32_t hash = hash_connection(nat, mapping, remote_address, remote_port);
    uint32_t place = hash;
    uint32_t found;
    while ((found = nat_index_next(&nat->by_remote, hash, &place)) != NO_ENTRY) {
        const struct nat_connection *c = &nat->connections[found];
        if (c->mapping == mapping && c->mapping_serial == nat->mappings[mapping].serial &&
            c->remote_address == remote_address && c->remote_port == remote_port)
            break;
    }
    return found;
}

static struct nat_laptop *laptop_of(struct nat *nat, uint32_t mapping) {
    return &nat->laptops[nat->mappings[mapping].laptop];
}

void nat_touch_mapping(struct nat *nat, uint32_t mapping, int64_t now_ms) {
    struct nat_queue *queue =
        &laptop_of(nat, mapping)->queues[queue_of(nat->mappings[mapping].protocol)];
    nat_queue_remove(queue, nat->mapping_links, mapping);
    nat_queue_append(queue, nat->mapping_links, mapping, now_ms);
}

static void remove_mapping(struct nat *nat, uint32_t mapping) {
    const struct nat_mapping *m = &nat->mappings[mapping];
    struct nat_laptop *laptop = laptop_of(nat, mapping);
    if (m->protocol != IP_TCP)
        nat_queue_remove(&laptop->queues[queue_of(m->protocol)], nat->mapping_links, mapping);
    nat_index_remove(&nat->by_inside, mapping);
    nat_index_remove(&nat->by_outside, mapping);
    nat_ports_give(&nat->ports[kind_of(m->protocol)], m->outside_port);
    nat_pool_give(&nat->mapping_pool, nat->mapping_links, mapping);
    laptop->ports[kind_of(m->protocol)]--;
    laptop->mappings--;
    nat->mapping_count--;
}

static void remove_connection(struct nat *nat, uint32_t connection) {
    const struct nat_connection *c = &nat->connections[connection];
    struct nat_laptop *laptop = &nat->laptops[c->laptop];
    nat_queue_remove(&laptop->queues[c->queue], nat->connection_links, connection);
    nat_index_remove(&nat->by_remote, connection);
    nat_pool_give(&nat->connection_pool, nat->connection_links, connection);
    laptop->connections--;
    nat->connection_count--;
    if (c->queue != NAT_PERMISSION_QUEUE && --nat->mappings[c->mapping].connections == 0)
        remove_mapping(nat, c->mapping);
}

void nat_touch_connection(struct nat *nat, uint32_t connection, enum nat_queue_name queue,
                          int64_t now_ms) {
    struct nat_connection *c = &nat->connections[connection];
    struct nat_laptop *laptop = &nat->laptops[c->laptop];
    nat_queue_remove(&laptop->queues[c->queue], nat->connection_links, connection);
    nat_queue_append(&laptop->queues[queue], nat->connection_links, connection, now_ms);
    c->queue = (uint8_t)queue;
}

static bool has_mappings(int queue) { return queue == NAT_UDP_QUEUE || queue == NAT_ICMP_QUEUE; }

// When the longest unused entry of a queue was last used, or INT64_MAX.
static int64_t first_used_ms(const struct nat *nat, uint16_t laptop, int queue) {
    uint32_t first = nat->laptops[laptop].queues[queue].first;
    const struct nat_link *links = has_mappings(queue) ? nat->mapping_links : nat->connection_links;
    return first == NO_ENTRY ? INT64_MAX : links[first].used_ms;
}

static void remove_first(struct nat *nat, uint16_t laptop, int queue) {
    uint32_t first = nat->laptops[laptop].queues[queue].first;
    if (has_mappings(queue))
        remove_mapping(nat, first);
    else
        remove_connection(nat, first);
}

void nat_expire_entries(struct nat *nat, int64_t now_ms) {
    for (uint16_t laptop = 0; laptop < NAT_LAPTOPS; laptop++)
        for (int queue = 0; queue < NAT_QUEUE_COUNT; queue++)
            while (first_used_ms(nat, laptop, queue) <= now_ms - limit_ms[queue])
                remove_first(nat, laptop, queue);
}

void nat_forget_entries(struct nat *nat, uint16_t laptop) {
    for (int queue = 0; queue < NAT_QUEUE_COUNT; queue++)
        while (first_used_ms(nat, laptop, queue) != INT64_MAX) remove_first(nat, laptop, queue);
}

// ---- what is scarce ----

// Something of which there is a fixed number.
struct scarce {
    uint32_t total;
    uint32_t free;
    uint32_t held[NAT_LAPTOPS];
    unsigned queues; // whose entries give it back: a bit each
};

enum scarce_kind { SCARCE_MAPPINGS, SCARCE_CONNECTIONS, SCARCE_PORTS };

// `protocol` is for ports.
static void count(struct nat *nat, enum scarce_kind kind, uint8_t protocol, struct scarce *scarce) {
    const unsigned transitory = 1U << NAT_TRANSITORY_QUEUE;
    *scarce = (struct scarce){.queues = transitory};
    if (kind == SCARCE_MAPPINGS) {
        scarce->free = NAT_MAPPINGS - nat->mapping_count;
        scarce->queues |= 1U << NAT_UDP_QUEUE | 1U << NAT_ICMP_QUEUE;
    } else if (kind == SCARCE_CONNECTIONS) {
        scarce->free = NAT_CONNECTIONS - nat->connection_count;
        scarce->queues |= 1U << NAT_PERMISSION_QUEUE;
    } else {
        scarce->free = nat->ports[kind_of(protocol)].free_count;
        scarce->queues = protocol == IP_TCP ? transitory : 1U << queue_of(protocol);
    }
    scarce->total = scarce->free;
    for (size_t i = 0; i < NAT_LAPTOPS; i++) {
        const struct nat_laptop *laptop = &nat->laptops[i];
        scarce->held[i] = kind == SCARCE_MAPPINGS      ? laptop->mappings
                          : kind == SCARCE_CONNECTIONS ? laptop->connections
                                                       : laptop->ports[kind_of(protocol)];
        scarce->total += scarce->held[i];
    }
}

// Whether a laptop may take one more: within its share always, beyond it what is not kept for
// others.
static bool may_take(const struct scarce *scarce, uint16_t laptop) {
    uint32_t share = scarce->total / (2 * NAT_LAPTOPS);
    uint32_t kept = 0;
    if (scarce->free == 0)
        return false;
    if (scarce->held[laptop] < share)
        return true;
    for (size_t i = 0; i < NAT_LAPTOPS; i++)
        if (i != laptop && scarce->held[i] < share)
            kept += share - scarce->held[i];
    return scarce->free > kept;
}

// Removes a laptop's oldest entry in the queues. Returns false when they are empty.
static bool evict_oldest(struct nat *nat, const struct scarce *scarce, uint16_t laptop) {
    int oldest = NAT_TRANSITORY_QUEUE;
    int64_t oldest_ms = INT64_MAX;
    for (int queue = 0; queue < NAT_QUEUE_COUNT; queue++) {
        int64_t used_ms = first_used_ms(nat, laptop, queue);
        if ((scarce->queues >> queue & 1) == 0 || used_ms >= oldest_ms)
            continue;
        oldest = queue;
        oldest_ms = used_ms;
    }
    if (oldest_ms == INT64_MAX)
        return false;
    nat->evicted++;
    remove_first(nat, laptop, oldest);
    return true;
}

// Makes the laptop that holds most give one up; where all that it holds is established, the one
// that asks.
static bool evict(struct nat *nat, const struct scarce *scarce, uint16_t asking) {
    uint16_t most = asking;
    for (uint16_t i = 0; i < NAT_LAPTOPS; i++)
        if (scarce->held[i] > scarce->held[most])
            most = i;
    return evict_oldest(nat, scarce, most) || (most != asking && evict_oldest(nat, scarce, asking));
}

// Evictions for one packet: a mapping may hang on several connections.
#define EVICTIONS_MAX 4

static bool make_room(struct nat *nat, uint16_t laptop, enum scarce_kind kind, uint8_t protocol,
                      int64_t now_ms) {
    struct scarce scarce;
    count(nat, kind, protocol, &scarce);
    if (may_take(&scarce, laptop))
        return true;
    nat_expire_entries(nat, now_ms);
    count(nat, kind, protocol, &scarce);
    for (int i = 0; i < EVICTIONS_MAX && !may_take(&scarce, laptop); i++) {
        if (!evict(nat, &scarce, laptop))
            return false;
        count(nat, kind, protocol, &scarce);
    }
    return may_take(&scarce, laptop);
}

// Where the search for an inside endpoint's outside port begins. It goes by who and where the
// endpoint is and by a key (RFC 6056 section 3.3.3): nobody else can tell it, and it is the same
// after a restart, so that the first packet of a connection from before finds its old port. The
// RFC's remote endpoint has no part in it, since a mapping serves all of them; and its counter is
// the search for a free port.
static uint32_t preferred_place(const struct nat *nat, const struct nat_inside *inside) {
    uint64_t who = nat->laptops[inside->laptop].identity;
    uint64_t where =
        ((uint64_t)inside->protocol << 48) | ((uint64_t)inside->address << 16) | inside->port;
    return (uint32_t)siphash_2_4(&nat->config.port_key, who, where);
}

enum nat_verdict nat_add_mapping(struct nat *nat, const struct nat_inside *inside, int64_t now_ms,
                                 uint32_t *mapping) {
    struct nat_laptop *laptop = &nat->laptops[inside->laptop];
    if (!make_room(nat, inside->laptop, SCARCE_PORTS, inside->protocol, now_ms))
        return NAT_NO_PORT;
    if (!make_room(nat, inside->laptop, SCARCE_MAPPINGS, 0, now_ms))
        return NAT_TABLE_FULL;
    uint32_t entry = nat_pool_take(&nat->mapping_pool, nat->mapping_links);
    uint16_t port =
        nat_ports_take(&nat->ports[kind_of(inside->protocol)], preferred_place(nat, inside));
    nat->mappings[entry] = (struct nat_mapping){
        .inside_address = inside->address,
        .inside_port = inside->port,
        .outside_port = port,
        .laptop = inside->laptop,
        .protocol = inside->protocol,
        .serial = nat->next_serial++,
    };
    nat_index_insert(&nat->by_inside, entry, hash_inside(nat, inside));
    nat_index_insert(&nat->by_outside, entry, hash_outside(nat, inside->protocol, port));
    if (inside->protocol != IP_TCP)
        nat_queue_append(&laptop->queues[queue_of(inside->protocol)], nat->mapping_links, entry,
                         now_ms);
    laptop->ports[kind_of(inside->protocol)]++;
    laptop->mappings++;
    nat->mapping_count++;
    *mapping = entry;
    return NAT_PASS;
}

enum nat_verdict nat_add_connection(struct nat *nat, uint32_t mapping, uint32_t remote_address,
                                    uint16_t remote_port, enum nat_queue_name queue, int64_t now_ms,
                                    uint32_t *connection) {
    struct nat_mapping *m = &nat->mappings[mapping];
    bool carries = queue != NAT_PERMISSION_QUEUE;
    m->connections += carries; // so that making room cannot take the mapping away
    if (!make_room(nat, m->laptop, SCARCE_CONNECTIONS, 0, now_ms)) {
        if (carries && --m->connections == 0)
            remove_mapping(nat, mapping);
        return NAT_TABLE_FULL;
    }
    uint32_t entry = nat_pool_take(&nat->connection_pool, nat->connection_links);
    nat->connections[entry] = (struct nat_connection){
        .mapping = mapping,
        .mapping_serial = m->serial,
        .remote_address = remote_address,
        .remote_port = remote_port,
        .laptop = m->laptop,
        .queue = (uint8_t)queue,
    };
    nat_index_insert(&nat->by_remote, entry,
                     hash_connection(nat, mapping, remote_address, remote_port));
    nat_queue_append(&nat->laptops[m->laptop].queues[queue], nat->connection_links, entry, now_ms);
    nat->laptops[m->laptop].connections++;
    nat->connection_count++;
    *connection = entry;
    return NAT_PASS;
}
