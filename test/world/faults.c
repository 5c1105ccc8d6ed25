// SPDX-License-Identifier: ISC
// What goes wrong, and when. The plan is made at the beginning: bursts of faults, each of which
// begins, lasts, and ends, and between bursts as much time as it takes until all must be well
// again. Each fault draws from a chance of its own, so a plan may be tried without some of them.
#include <net/if.h>
#include <string.h>

#include "world.h"

// So long after the last fault of a burst each laptop is online. A relay that was replaced by
// another comes again after half a minute, and a connection to the laptop that died without a word
// is noticed after 45 s.
#ifndef WELL_AGAIN
#define WELL_AGAIN (60 * SECOND)
#endif

bool fault_is_skipped[FAULTS_MOST];
static struct fault faults[FAULTS_MOST];
static size_t fault_count;

static uint64_t below(struct fault *fault, uint64_t limit) {
    return chance_below(&fault->chance, limit);
}

static int any_laptop(struct fault *fault) { return (int)below(fault, LAPTOPS); }

static struct host *any_phone(struct fault *fault) { return phone_host((int)below(fault, PHONES)); }

static void at_end(const struct fault *fault, happening *what, void *arg) {
    at(fault->when_us + fault->lasts_us, what, arg, 0);
}

static double seconds_of(const struct fault *fault) { return (double)fault->lasts_us / SECOND; }

// ---- strangers, who hear and say nothing that counts ----

static void hear_nothing(struct actor *actor, struct stream *stream, int side) {
    uint8_t bytes[4096];
    (void)actor;
    while (stream_take(stream, side, bytes, sizeof bytes) > 0)
        ;
    if (stream->error[side] != 0 || stream->pipes[!side].end_came)
        stream_close(stream, side);
}

static struct actor stranger = {hear_nothing, NULL};

// ---- programs ----

// A program may be asleep with its host, and not have heard yet that it is to end.
static void start_again(void *arg, uint64_t tag) {
    struct program *program = arg;
    if (program->life != DEAD && program->is_asked_to_end)
        at(world.now_us + 100 * MS, start_again, program, tag);
    else
        program_start(program);
}

static void end_program(struct fault *fault, struct program *program) {
    if (below(fault, 2) == 0)
        program_kill(program);
    else
        program_stop(program);
}

static void end_relay(struct fault *fault) {
    struct program *relay = relay_of((int)below(fault, (uint64_t)(PHONES - 1 - world.has_plain)));
    end_program(fault, relay);
    at_end(fault, start_again, relay);
}

// One more phone is with a laptop, for a while.
static void stop_later(void *arg, uint64_t tag) {
    (void)tag;
    program_kill(arg);
}

static void second_phone(struct fault *fault) {
    program_start(relay_of(PHONES - 1));
    at_end(fault, stop_later, relay_of(PHONES - 1));
}

static void end_client(struct fault *fault) {
    struct program *client = client_of(any_laptop(fault));
    end_program(fault, client);
    at_end(fault, start_again, client);
}

static void start_server(void *arg, uint64_t tag) {
    (void)arg, (void)tag;
    program_start(server_program());
    traffic_forgive_all(); // the NAT has forgotten all
}

static void end_server(struct fault *fault) {
    end_program(fault, server_program());
    at_end(fault, start_server, NULL);
}

static void right_key(void *arg, uint64_t tag) {
    memcpy(server_host()->files, laptop_host(0)->files, sizeof server_host()->files[0]);
    program_kill(server_program());
    start_server(arg, tag);
    say("the server has its right key again");
}

static void other_key(struct fault *fault) {
    struct file *file = &server_host()->files[0];
    say("the server gets another key for %.1f s", seconds_of(fault));
    program_kill(server_program());
    file->path[0] = '\0'; // it makes one
    program_start(server_program());
    traffic_forgive_all();
    at_end(fault, right_key, NULL);
}

// ---- links and connections ----

static struct link *any_link(struct fault *fault, bool is_cellular) {
    struct host *phone = any_phone(fault);
    struct link *links[] = {phone->to_server, phone->from_server, phone->to_laptop,
                            phone->from_laptop};
    return links[below(fault, is_cellular ? 2 : 4)];
}

static void outage(struct fault *fault) {
    struct link *link = any_link(fault, false);
    size_t number = (size_t)(link - world.links);
    say("link %zu of phone %zu stands still for %.1f s", number % 4, number / 4, seconds_of(fault));
    link->blocked_us = world.now_us + fault->lasts_us;
    if (below(fault, 3) == 0)
        world.links[number ^ 1].blocked_us = link->blocked_us;
}

static void works_again(void *arg, uint64_t tag) {
    struct link *link = arg;
    (void)tag;
    link->loses_all = false;
    say("link %td works again", link - world.links);
}

static void black_hole(struct fault *fault) {
    struct link *link = any_link(fault, true);
    say("link %td loses all for %.1f s", link - world.links, seconds_of(fault));
    link->loses_all = true;
    at_end(fault, works_again, link);
}

static void other_rate(struct fault *fault) {
    static const int64_t rates[] = {12000, 30000, 200000, 2500000};
    struct link *link = any_link(fault, true);
    link->rate = rates[below(fault, 4)];
    say("link %td carries %lld bytes a second", link - world.links, (long long)link->rate);
}

static void cut(struct fault *fault) {
    struct stream *stream = NULL;
    for (int i = 0; i < 50 && stream == NULL; i++) {
        stream = &world.streams[below(fault, 40)];
        if (!stream->used || !stream->is_open ||
            (stream->ends[0] == NULL &&
             (stream->actors[0] == &stranger || stream->hosts[1] != server_host())))
            stream = NULL;
    }
    if (stream == NULL)
        return;
    size_t how = below(fault, 4);
    say("connection %llu of %s is %s", (unsigned long long)stream->number, stream->hosts[0]->name,
        how == 0   ? "reset"
        : how == 1 ? "forgotten by a NAT"
                   : "dead one way");
    if (how == 0)
        stream_reset(stream);
    else if (how == 1)
        stream->is_forgotten = true;
    else
        stream->pipes[how - 2].is_dead = true;
}

// ---- hosts ----

static void wake_host(void *arg, uint64_t tag) {
    struct host *host = arg;
    (void)tag;
    host->is_asleep = false;
    say("%s wakes", host->name);
    program_wake(&world.programs[host->number]);
}

static void sleeps(struct fault *fault) {
    struct host *host = below(fault, 3) > 0 ? laptop_host(any_laptop(fault)) : any_phone(fault);
    if (host->is_asleep)
        return;
    say("%s sleeps for %.1f s", host->name, seconds_of(fault));
    host->is_asleep = true;
    at_end(fault, wake_host, host);
}

static void bring_interface(void *arg, uint64_t tag) {
    struct host *host = arg;
    (void)tag;
    if (interface_named(host, "wlan0") == NULL)
        interface_make(host, "wlan0", IFF_UP | IFF_RUNNING | IFF_BROADCAST, false);
    say("%s: wlan0 is back", host->name);
}

static void take_interface(struct fault *fault) {
    struct host *host = laptop_host(any_laptop(fault));
    struct interface *interface = interface_named(host, "wlan0");
    if (interface == NULL)
        return;
    say("%s: wlan0 is gone", host->name);
    interface_remove(host, interface);
    at_end(fault, bring_interface, host);
}

static void take_address(struct host *host, uint32_t address) {
    if (host_has(host, address)) {
        say("%s loses an address", host->name);
        address_take(host, address);
    }
}

static void take_laptops_address(struct fault *fault) {
    take_address(laptop_host(any_laptop(fault)), LAPTOPS_ADDRESS);
}

static void give_servers_address(void *arg, uint64_t tag) {
    (void)arg, (void)tag;
    address_give(server_host(), interface_named(server_host(), "eth0")->index, SERVER_ADDRESS, 24,
                 0);
    say("the server has its address again");
}

static void take_servers_address(struct fault *fault) {
    take_address(server_host(), SERVER_ADDRESS);
    at_end(fault, give_servers_address, NULL);
}

// ---- strangers ----

static void stranger_leaves(void *arg, uint64_t tag) {
    struct stream *stream = arg;
    if (stream->used && stream->number == tag && stream->actors[0] == &stranger)
        stream_close(stream, 0);
}

// HTTP that ends early, a WebSocket, one with a message of chance, or no HTTP at all.
static void stranger_speaks(void *arg, uint64_t tag) {
    static const char hello[] = "GET /websocket HTTP/1.1\r\nHost: 203.0.113.10:8080\r\n"
                                "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct stream *stream = arg;
    struct chance chance = {tag};
    uint8_t bytes[400];
    if (!stream->used || stream->number != tag || !stream->is_open ||
        stream->actors[0] != &stranger || stream->error[0] != 0)
        return;
    size_t how = chance_below(&chance, 4);
    if (how < 3)
        stream_send(stream, 0, hello,
                    sizeof hello - 1 - (how == 0 ? chance_below(&chance, 60) : 0));
    if (how < 2)
        return;
    size_t length = 1 + chance_below(&chance, 120);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)chance_next(&chance);
    bytes[0] = 0x82; // one binary frame
    bytes[1] = (uint8_t)(0x80 | length);
    bytes[6] = bytes[2] ^ (uint8_t)chance_below(&chance, 6); // its first byte is a message's
    stream_send(stream, 0, bytes, 6 + length);
}

// In some worlds a neighbour talks to the laptops all the time, and never says anything genuine.
static struct {
    struct stream *stream;
    uint64_t number;
} neighbours[LAPTOPS];

static void neighbour_talks(void *arg, uint64_t laptop) {
    static const char hello[] = "GET /websocket HTTP/1.1\r\nHost: 169.254.134.89:6354\r\n"
                                "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    uint8_t frame[6 + 40] = {0x82, 0x80 | 40};
    struct stream *stream = neighbours[laptop].stream;
    struct host *from = phone_host(PHONES - 1);
    (void)arg;
    at(world.now_us + SECOND, neighbour_talks, NULL, laptop);
    if (stream == NULL || !stream->used || stream->number != neighbours[laptop].number ||
        stream->actors[0] != &stranger) {
        int was_with = from->laptop;
        from->laptop = (int)laptop;
        stream = stream_connect(from, NULL, FDS, &stranger, LAPTOPS_ADDRESS, LAPTOP_PORT);
        from->laptop = was_with;
        neighbours[laptop].stream = stream;
        neighbours[laptop].number = stream->number;
        return;
    }
    if (!stream->is_open || stream->error[0] != 0) {
        if (world.now_us - stream->pipes[0].stuck_us > 5 * SECOND)
            stream_close(stream, 0);
        return;
    }
    if (stream->pipes[0].sent == 0)
        stream_send(stream, 0, hello, sizeof hello - 1);
    frame[6] = 0x03; // as if it were sealed
    frame[7] = (uint8_t)world.now_us;
    stream_send(stream, 0, frame, sizeof frame);
}

static void strangers(struct fault *fault) {
    struct host *from = any_phone(fault);
    size_t count = 1 + below(fault, 8);
    bool is_server = below(fault, 2) == 0;
    say("%zu strangers come to the %s", count, is_server ? "server" : "laptop");
    for (size_t i = 0; i < count; i++) {
        struct stream *stream =
            stream_connect(from, NULL, FDS, &stranger, is_server ? SERVER_ADDRESS : LAPTOPS_ADDRESS,
                           is_server ? SERVER_PORT : LAPTOP_PORT);
        at(world.now_us + SECOND, stranger_speaks, stream, stream->number);
        at(world.now_us + (int64_t)below(fault, (uint64_t)fault->lasts_us + 1), stranger_leaves,
           stream, stream->number);
    }
}

static void no_friend(struct fault *fault) {
    int laptop = any_laptop(fault);
    hostile_phone(fault, laptop, any_phone(fault));
}

// ---- the plan ----

static void (*const kinds[])(struct fault *fault) = {
    end_relay,
    end_relay,
    second_phone,
    outage,
    outage,
    outage,
    black_hole,
    other_rate,
    cut,
    cut,
    cut,
    end_client,
    end_server,
    other_key,
    sleeps,
    take_interface,
    take_laptops_address,
    take_servers_address,
    strangers,
    strangers,
    no_friend,
    no_friend,
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static void happen(void *arg, uint64_t tag) {
    struct fault *fault = arg;
    world.calm_from_us = 0;
    if (!fault_is_skipped[tag])
        kinds[fault->kind](fault);
}

static void must_be_well(void *arg, uint64_t tag) {
    (void)arg, (void)tag;
    say("from here on all goes well");
    for (int i = 0; i < LAPTOPS; i++) traffic_expect(i, WELL_AGAIN);
}

static void is_calm(void *arg, uint64_t tag) {
    (void)arg, (void)tag;
    world.calm_from_us = world.now_us;
}

static int64_t draw_length(struct chance *chance) {
    static const int64_t most_us[] = {300 * MS,    3 * SECOND,   12 * SECOND,
                                      60 * SECOND, 200 * SECOND, 1200 * SECOND};
    size_t which = chance_below(chance, 16);
    return (int64_t)chance_below(chance, (uint64_t)most_us[which < 15 ? which % 5 : 5]) + MS;
}

void faults_plan(int64_t until_us) {
    struct chance plan = {world.seed ^ UINT64_C(0x666175)};
    int64_t now_us = 30 * SECOND;
    fault_count = 0;
    while (fault_count + 5 < FAULTS_MOST) {
        int64_t begin_us = now_us + (int64_t)chance_below(&plan, 200 * SECOND);
        size_t count = 1 + chance_below(&plan, 5);
        now_us = begin_us;
        for (size_t i = 0; i < count; i++) {
            struct fault fault; // drawn in this order, whatever the compiler
            fault.when_us = begin_us + (int64_t)chance_below(&plan, 20 * SECOND);
            fault.lasts_us = draw_length(&plan);
            fault.kind = chance_below(&plan, KINDS);
            fault.chance.state = chance_next(&plan);
            if (fault.when_us + fault.lasts_us > now_us)
                now_us = fault.when_us + fault.lasts_us;
            faults[fault_count + i] = fault;
        }
        if (now_us + WELL_AGAIN + 10 * SECOND > until_us)
            break;
        for (size_t i = fault_count; i < fault_count + count; i++)
            at(faults[i].when_us, happen, &faults[i], i);
        fault_count += count;
        at(now_us + 1, must_be_well, NULL, 0);
        at(now_us + WELL_AGAIN, is_calm, NULL, 0);
        now_us += WELL_AGAIN + 10 * SECOND;
    }
    for (uint64_t laptop = 0; laptop < LAPTOPS && chance_below(&plan, 3) == 0; laptop++)
        at(20 * SECOND, neighbour_talks, NULL, laptop);
    world.rough = chance_below(&plan, 2) == 0 ? 0 : 50 + (unsigned)chance_below(&plan, 2000);
}

size_t faults_of(uint64_t seed, int64_t until_us) {
    world.seed = seed;
    faults_plan(until_us);
    forget_all_events();
    return fault_count;
}
