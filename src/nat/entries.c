// Mappings and connections. Each has an entry in an array, is found through an index (table.h), and
// waits in the queue that has its time limit. A TCP mapping waits in no queue: its connections do.
//
// When there is no room, the oldest transitory connection gives way, or the oldest UDP or ICMP
// mapping, whichever has been idle longer; an established connection never does.
#include "entries.h"

static uint32_t hash_inside(const struct nat *nat, const struct nat_inside *inside)
{
    uint64_t who = ((uint64_t)inside->laptop << 32) | inside->protocol;
    uint64_t where = ((uint64_t)inside->address << 16) | inside->port;
    return (uint32_t)siphash_2_words(&nat->config.key, who, where);
}

static uint32_t hash_outside(const struct nat *nat, uint8_t protocol, uint16_t port)
{
    return (uint32_t)siphash_2_words(&nat->config.key, protocol, port);
}

static uint32_t hash_connection(const struct nat *nat, uint32_t mapping, uint32_t remote_address,
                                uint16_t remote_port)
{
    uint64_t remote = ((uint64_t)remote_address << 16) | remote_port;
    return (uint32_t)siphash_2_words(&nat->config.key, mapping, remote);
}

static struct nat_ports *ports_of(struct nat *nat, uint8_t protocol)
{
    if (protocol == IP_TCP)
        return &nat->tcp_ports;
    return protocol == IP_UDP ? &nat->udp_ports : &nat->icmp_identifiers;
}

static enum nat_queue_name queue_of(uint8_t protocol)
{
    return protocol == IP_UDP ? NAT_UDP_QUEUE : NAT_ICMP_QUEUE;
}

uint32_t nat_find_inside(const struct nat *nat, const struct nat_inside *inside)
{
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

uint32_t nat_find_outside(const struct nat *nat, uint8_t protocol, uint16_t port)
{
    uint32_t hash = hash_outside(nat, protocol, port);
    uint32_t place = hash;
    uint32_t found;
    while ((found = nat_index_next(&nat->by_outside, hash, &place)) != NO_ENTRY)
        if (nat->mappings[found].outside_port == port && nat->mappings[found].protocol == protocol)
            break;
    return found;
}

uint32_t nat_find_connection(const struct nat *nat, uint32_t mapping, uint32_t remote_address,
                             uint16_t remote_port)
{
    uint32_t hash = hash_connection(nat, mapping, remote_address, remote_port);
    uint32_t place = hash;
    uint32_t found;
    while ((found = nat_index_next(&nat->by_remote, hash, &place)) != NO_ENTRY) {
        const struct nat_connection *c = &nat->connections[found];
        if (c->mapping == mapping && c->remote_address == remote_address &&
            c->remote_port == remote_port)
            break;
    }
    return found;
}

void nat_touch_mapping(struct nat *nat, uint32_t mapping, int64_t now_ms)
{
    struct nat_queue *queue = &nat->queues[queue_of(nat->mappings[mapping].protocol)];
    nat_queue_remove(queue, nat->mapping_links, mapping);
    nat_queue_append(queue, nat->mapping_links, mapping, now_ms);
}

void nat_remove_mapping(struct nat *nat, uint32_t mapping)
{
    const struct nat_mapping *m = &nat->mappings[mapping];
    if (m->protocol != IP_TCP)
        nat_queue_remove(&nat->queues[queue_of(m->protocol)], nat->mapping_links, mapping);
    nat_index_remove(&nat->by_inside, mapping);
    nat_index_remove(&nat->by_outside, mapping);
    nat_ports_give(ports_of(nat, m->protocol), m->outside_port);
    nat_pool_give(&nat->mapping_pool, nat->mapping_links, mapping);
    nat->mapping_count--;
}

void nat_remove_connection(struct nat *nat, uint32_t connection)
{
    uint32_t mapping = nat->connections[connection].mapping;
    nat_queue_remove(&nat->queues[nat->connection_queues[connection]], nat->connection_links,
                     connection);
    nat_index_remove(&nat->by_remote, connection);
    nat_pool_give(&nat->connection_pool, nat->connection_links, connection);
    nat->connection_count--;
    if (--nat->mappings[mapping].connections == 0)
        nat_remove_mapping(nat, mapping);
}

void nat_touch_connection(struct nat *nat, uint32_t connection, enum nat_queue_name queue,
                          int64_t now_ms)
{
    nat_queue_remove(&nat->queues[nat->connection_queues[connection]], nat->connection_links,
                     connection);
    nat_queue_append(&nat->queues[queue], nat->connection_links, connection, now_ms);
    nat->connection_queues[connection] = (uint8_t)queue;
}

// Removes the first of a queue. Returns false when it is empty.
static bool evict_first(struct nat *nat, enum nat_queue_name queue)
{
    uint32_t first = nat->queues[queue].first;
    if (first == NO_ENTRY)
        return false;
    nat->evicted++;
    if (queue == NAT_TRANSITORY_QUEUE)
        nat_remove_connection(nat, first);
    else
        nat_remove_mapping(nat, first);
    return true;
}

// Makes room among the mappings by the entry that has been idle longest.
static bool evict_mapping(struct nat *nat)
{
    enum nat_queue_name oldest = NAT_TRANSITORY_QUEUE;
    int64_t oldest_ms = INT64_MAX;
    for (int queue = NAT_UDP_QUEUE; queue <= NAT_TRANSITORY_QUEUE; queue++) {
        uint32_t first = nat->queues[queue].first;
        const struct nat_link *links =
            queue == NAT_TRANSITORY_QUEUE ? nat->connection_links : nat->mapping_links;
        if (first != NO_ENTRY && links[first].used_ms < oldest_ms) {
            oldest_ms = links[first].used_ms;
            oldest = (enum nat_queue_name)queue;
        }
    }
    return evict_first(nat, oldest);
}

static uint32_t next_random(struct nat *nat)
{
    return (uint32_t)siphash_2_words(&nat->config.key, ~UINT64_C(0), nat->random_counter++);
}

// Takes an outside port, if need be one whose owner gives way.
static uint16_t take_port(struct nat *nat, uint8_t protocol)
{
    struct nat_ports *ports = ports_of(nat, protocol);
    enum nat_queue_name queue = protocol == IP_TCP ? NAT_TRANSITORY_QUEUE : queue_of(protocol);
    while (ports->free_count == 0)
        if (!evict_first(nat, queue))
            return 0;
    return nat_ports_take(ports, next_random(nat));
}

enum nat_verdict nat_add_mapping(struct nat *nat, const struct nat_inside *inside, int64_t now_ms,
                                 uint32_t *mapping)
{
    uint16_t port = take_port(nat, inside->protocol);
    if (port == 0)
        return NAT_NO_PORT;
    uint32_t entry = nat_pool_take(&nat->mapping_pool, nat->mapping_links);
    while (entry == NO_ENTRY && evict_mapping(nat))
        entry = nat_pool_take(&nat->mapping_pool, nat->mapping_links);
    if (entry == NO_ENTRY) {
        nat_ports_give(ports_of(nat, inside->protocol), port);
        return NAT_TABLE_FULL;
    }
    nat->mappings[entry] = (struct nat_mapping){
        .inside_address = inside->address,
        .inside_port = inside->port,
        .outside_port = port,
        .laptop = inside->laptop,
        .protocol = inside->protocol,
    };
    nat_index_insert(&nat->by_inside, entry, hash_inside(nat, inside));
    nat_index_insert(&nat->by_outside, entry, hash_outside(nat, inside->protocol, port));
    if (inside->protocol != IP_TCP)
        nat_queue_append(&nat->queues[queue_of(inside->protocol)], nat->mapping_links, entry,
                         now_ms);
    nat->mapping_count++;
    *mapping = entry;
    return NAT_PASS;
}

enum nat_verdict nat_add_connection(struct nat *nat, uint32_t mapping, uint32_t remote_address,
                                    uint16_t remote_port, int64_t now_ms, uint32_t *connection)
{
    // Held by one connection that does not exist yet, so that eviction cannot take the mapping
    // away.
    nat->mappings[mapping].connections++;
    uint32_t entry = nat_pool_take(&nat->connection_pool, nat->connection_links);
    if (entry == NO_ENTRY && evict_first(nat, NAT_TRANSITORY_QUEUE))
        entry = nat_pool_take(&nat->connection_pool, nat->connection_links);
    if (entry == NO_ENTRY) {
        if (--nat->mappings[mapping].connections == 0)
            nat_remove_mapping(nat, mapping);
        return NAT_TABLE_FULL;
    }
    nat->connections[entry] = (struct nat_connection){
        .mapping = mapping, .remote_address = remote_address, .remote_port = remote_port};
    nat_index_insert(&nat->by_remote, entry,
                     hash_connection(nat, mapping, remote_address, remote_port));
    nat_queue_append(&nat->queues[NAT_TRANSITORY_QUEUE], nat->connection_links, entry, now_ms);
    nat->connection_queues[entry] = NAT_TRANSITORY_QUEUE;
    nat->connection_count++;
    *connection = entry;
    return NAT_PASS;
}
