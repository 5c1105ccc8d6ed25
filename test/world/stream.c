// SPDX-License-Identifier: ISC
// TCP as programs see it: bytes in order, after the time that a link takes; buffers that fill;
// ends, resets, and connections that are dead without anybody being told.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define PATIENCE (120 * SECOND) // TCP_USER_TIMEOUT, as the programs set it
#define UNSENT   (64 * 1024)

static void tell_actor(void *arg, uint64_t tag) {
    struct stream *stream = arg;
    int side = (int)(tag & 1);
    if (stream->used && stream->number == tag / 2 && stream->actors[side] != NULL)
        stream->actors[side]->readable(stream->actors[side], stream, side);
}

static void wake_end(struct stream *stream, int side) {
    if (stream->ends[side] != NULL)
        program_wake(stream->ends[side]);
    else if (stream->actors[side] != NULL)
        at(world.now_us, tell_actor, stream, 2 * stream->number + (unsigned)side);
}

static void give_up(void *arg, uint64_t tag) {
    struct stream *stream = arg;
    if (stream->number != tag || !stream->used)
        return;
    for (int side = 0; side < 2; side++) {
        struct pipe *pipe = &stream->pipes[side];
        if (pipe->sent > pipe->arrived && world.now_us - pipe->stuck_us >= PATIENCE &&
            stream->error[side] == 0) {
            stream->error[side] = ETIMEDOUT;
            wake_end(stream, side);
        }
    }
}

static void deliver(void *arg, uint64_t tag);

static void expect(struct pipe *pipe) {
    if (pipe->count == 0)
        return;
    const struct link *link = pipe->link;
    int64_t when_us = pipe->segments[pipe->head].arrives_us;
    if (when_us < link->blocked_us)
        when_us = link->blocked_us;
    at(when_us, deliver, pipe, ++pipe->tag);
}

static void release(struct stream *stream) {
    if (stream->fds[0] >= 0 || stream->fds[1] >= 0)
        return;
    if (stream->pipes[0].count > 0 || stream->pipes[1].count > 0)
        return;
    for (int i = 0; i < 2; i++) {
        free(stream->pipes[i].ring);
        stream->pipes[i].ring = NULL;
        stream->pipes[i].tag++;
    }
    stream->used = false;
}

static void deliver(void *arg, uint64_t tag) {
    struct pipe *pipe = arg;
    struct stream *stream = pipe->stream;
    int to = !pipe->from;
    if (tag != pipe->tag || !stream->used)
        return;
    if (pipe->link->blocked_us > world.now_us) {
        expect(pipe);
        return;
    }
    bool is_for_nobody = stream->fds[to] < 0;
    while (pipe->count > 0 && pipe->segments[pipe->head].arrives_us <= world.now_us) {
        struct segment segment = pipe->segments[pipe->head];
        pipe->head = (pipe->head + 1) % 512;
        pipe->count--;
        pipe->arrived += segment.length;
        pipe->end_came |= segment.is_end;
        if (is_for_nobody)
            pipe->taken = pipe->arrived;
    }
    pipe->stuck_us = world.now_us;
    expect(pipe);
    if (is_for_nobody) {
        if (stream->fds[pipe->from] >= 0 && stream->error[pipe->from] == 0 && pipe->sent > 0) {
            stream->error[pipe->from] = ECONNRESET;
            wake_end(stream, pipe->from);
        }
        release(stream);
        return;
    }
    wake_end(stream, to);
    if (stream->used)
        wake_end(stream, pipe->from);
}

static void put(struct pipe *pipe, size_t length, bool is_end) {
    struct link *link = pipe->link;
    struct stream *stream = pipe->stream;
    if (link->free_us < world.now_us)
        link->free_us = world.now_us;
    link->free_us += (int64_t)(length + 60) * SECOND / link->rate;
    if (pipe->sent == pipe->arrived)
        pipe->stuck_us = world.now_us;
    pipe->sent += length;
    if (stream->is_forgotten || link->loses_all)
        pipe->is_dead = true;
    if (pipe->is_dead) {
        at(world.now_us + PATIENCE, give_up, stream, stream->number);
        return;
    }
    if (pipe->count == 512) { // put together with the last one
        struct segment *last = &pipe->segments[(pipe->head + 511) % 512];
        last->length += length;
        last->arrives_us = link->free_us + link->delay_us;
        last->is_end |= is_end;
        return;
    }
    pipe->segments[(pipe->head + pipe->count++) % 512] =
        (struct segment){link->free_us + link->delay_us, length, is_end};
    if (pipe->count == 1)
        expect(pipe);
}

size_t stream_room(const struct stream *stream, int side) {
    const struct pipe *pipe = &stream->pipes[side];
    return PIPE_BYTES - (size_t)(pipe->sent - pipe->taken);
}

bool stream_is_writable(const struct stream *stream, int side) {
    const struct pipe *pipe = &stream->pipes[side];
    int64_t wait_us = pipe->link->free_us - world.now_us;
    int64_t unsent = wait_us > 0 ? wait_us * pipe->link->rate / SECOND : 0;
    uint64_t under_way = pipe->sent - pipe->arrived;
    if ((uint64_t)unsent > under_way)
        unsent = (int64_t)under_way;
    return unsent < UNSENT && stream_room(stream, side) > UNSENT;
}

size_t stream_send(struct stream *stream, int side, const void *bytes, size_t length) {
    struct pipe *pipe = &stream->pipes[side];
    const uint8_t *from = bytes;
    size_t room = stream_room(stream, side);
    if (length > room)
        length = room;
    if (length == 0)
        return 0;
    size_t place = (size_t)(pipe->sent % PIPE_BYTES);
    size_t first = length < PIPE_BYTES - place ? length : PIPE_BYTES - place;
    for (size_t i = 0; i < length && i < 32; i++) // of the run (FNV-1a)
        world.digest = (world.digest ^ from[i]) * UINT64_C(0x100000001b3);
    world.digest ^= (uint64_t)world.now_us + length;
    memcpy(pipe->ring + place, from, first);
    memcpy(pipe->ring, from + first, length - first);
    put(pipe, length, false);
    return length;
}

// What waits for `side`.
size_t stream_waits(const struct stream *stream, int side) {
    const struct pipe *pipe = &stream->pipes[!side];
    return (size_t)(pipe->arrived - pipe->taken);
}

size_t stream_take(struct stream *stream, int side, void *bytes, size_t length) {
    struct pipe *pipe = &stream->pipes[!side];
    uint8_t *to = bytes;
    size_t here = stream_waits(stream, side);
    if (length > here)
        length = here;
    size_t place = (size_t)(pipe->taken % PIPE_BYTES);
    size_t first = length < PIPE_BYTES - place ? length : PIPE_BYTES - place;
    memcpy(to, pipe->ring + place, first);
    memcpy(to + first, pipe->ring, length - first);
    bool was_writable = stream_is_writable(stream, !side);
    pipe->taken += length;
    if (!was_writable && stream->ends[!side] != NULL)
        program_wake(stream->ends[!side]);
    return length;
}

void stream_end(struct stream *stream, int side) {
    struct pipe *pipe = &stream->pipes[side];
    if (pipe->is_ended)
        return;
    pipe->is_ended = true;
    put(pipe, 0, true);
}

static void reset_later(void *arg, uint64_t tag) {
    struct stream *stream = arg;
    if (stream->used && stream->number == tag)
        stream_reset(stream);
}

void stream_close(struct stream *stream, int side) {
    bool has_unread = stream_waits(stream, side) > 0;
    stream_end(stream, side);
    stream->fds[side] = -1;
    stream->ends[side] = NULL;
    stream->actors[side] = NULL;
    if (has_unread && !stream->pipes[side].is_dead)
        at(world.now_us + stream->pipes[side].link->delay_us, reset_later, stream, stream->number);
    release(stream);
}

void stream_reset(struct stream *stream) {
    for (int side = 0; side < 2; side++)
        if (stream->fds[side] >= 0 && stream->error[side] == 0) {
            stream->error[side] = ECONNRESET;
            wake_end(stream, side);
        }
}

static struct stream *make(struct host *from, struct link *there, struct link *back) {
    for (size_t i = 0; i < STREAMS; i++) {
        struct stream *stream = &world.streams[i];
        if (stream->used)
            continue;
        uint64_t tags[2] = {stream->pipes[0].tag, stream->pipes[1].tag};
        memset(stream, 0, sizeof *stream);
        stream->used = true;
        stream->number = ++world.next_stream;
        stream->hosts[0] = from;
        stream->fds[0] = stream->fds[1] = -1;
        for (int side = 0; side < 2; side++)
            stream->pipes[side] = (struct pipe){.stream = stream,
                                                .from = side,
                                                .link = side == 0 ? there : back,
                                                .ring = malloc(PIPE_BYTES),
                                                .tag = tags[side] + 1,
                                                .stuck_us = world.now_us};
        return stream;
    }
    fail("the world has no more streams");
}

static bool listens(const struct fd *fd, const struct host *host, uint32_t address, uint16_t port) {
    if (fd->kind != LISTENER || fd->port != port || (fd->address != 0 && fd->address != address))
        return false;
    if (fd->device[0] == '\0')
        return true;
    for (size_t i = 0; i < ADDRESSES; i++) {
        const struct given *given = &host->addresses[i];
        const struct interface *interface =
            given->used ? interface_numbered((struct host *)(uintptr_t)host, given->interface)
                        : NULL;
        if (interface != NULL && given->address == address &&
            strcmp(interface->name, fd->device) == 0)
            return true;
    }
    return false;
}

// The program that listens there, or NULL.
static struct program *listener_at(struct host *host, uint32_t address, uint16_t port, int *fd) {
    struct program *program = &world.programs[host->number];
    if (program->life == DEAD || !host_has(host, address))
        return NULL;
    for (int i = 0; i < FDS; i++)
        if (listens(&program->fds[i], host, address, port)) {
            *fd = i;
            return program;
        }
    return NULL;
}

static void arrive(void *arg, uint64_t tag);

// A SYN that was lost is repeated, after twice as long each time.
static void repeat_syn(struct stream *stream) {
    if (++stream->syns <= 6) {
        at(world.now_us + (SECOND << (stream->syns - 1)), arrive, stream, stream->number);
        return;
    }
    stream->error[0] = ETIMEDOUT;
    wake_end(stream, 0);
}

static void arrive(void *arg, uint64_t tag) {
    struct stream *stream = arg;
    struct host *host = stream->hosts[1];
    int fd = -1;
    if (!stream->used || stream->number != tag || stream->is_open || stream->fds[0] < 0)
        return;
    const struct link *there = stream->pipes[0].link;
    if (there->loses_all || stream->pipes[1].link->loses_all) {
        repeat_syn(stream);
        return;
    }
    if (there->blocked_us > world.now_us) {
        at(there->blocked_us, arrive, stream, tag);
        return;
    }
    uint32_t address = host == server_host() ? SERVER_ADDRESS : LAPTOPS_ADDRESS;
    struct program *program = listener_at(host, address, stream->port, &fd);
    if (program == NULL) {
        if (!host_has(host, address)) {
            repeat_syn(stream);
            return;
        }
        stream->error[0] = ECONNREFUSED;
        wake_end(stream, 0);
        return;
    }
    struct fd *listener = &program->fds[fd];
    if (listener->waiting_count == 16) {
        repeat_syn(stream);
        return;
    }
    stream->is_open = true;
    stream->fds[1] = FDS; // in the kernel's hands
    listener->waiting[listener->waiting_count++] = stream;
    program_wake(program);
    wake_end(stream, 0);
}

void stream_accept(struct stream *stream, struct program *program, int fd) {
    stream->ends[1] = program;
    stream->fds[1] = fd;
}

struct stream *stream_connect(struct host *from, struct program *program, int fd,
                              struct actor *actor, uint32_t address, uint16_t port) {
    bool is_server = address == SERVER_ADDRESS;
    struct stream *stream = make(from, is_server ? from->to_server : from->to_laptop,
                                 is_server ? from->from_server : from->from_laptop);
    stream->hosts[1] = is_server ? server_host() : laptop_host(from->laptop);
    stream->ends[0] = program;
    stream->actors[0] = actor;
    stream->fds[0] = fd;
    stream->port = port;
    const struct link *there = stream->pipes[0].link;
    const struct link *back = stream->pipes[1].link;
    at(world.now_us + there->delay_us + back->delay_us, arrive, stream, stream->number);
    return stream;
}
