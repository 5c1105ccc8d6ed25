// SPDX-License-Identifier: ISC
// Programs: each is the objects that ship, linked once more with names of its own, and runs on a
// stack of its own until it waits in poll(). When its life ends, its memory is as it was at the
// start of the process, for the next one.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "world.h"

#define STACK (1024 * 1024)
// A program that asks so often without any time passing will never stop.
#define POLLS_MOST 200000

#if defined(__SANITIZE_ADDRESS__)
#define FIBERS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBERS 1
#endif
#endif
// A life begins by swapcontext(). After that stacks change by _longjmp(), which asks the kernel for
// nothing; the sanitizer is told of each change, and wants swapcontext().
#ifdef FIBERS
void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *saved, const void **bottom, size_t *size);
static const void *main_bottom;
static size_t main_size;
static void *main_fake;
#define BARE __attribute__((no_sanitize("address")))
#else
#define BARE
#endif

static ucontext_t main_context;
static struct program *queue[HOSTS];
static size_t queue_head, queue_count;

void program_wake(struct program *program) {
    if (program->life != WAITING || program->is_queued || program->host->is_asleep)
        return;
    program->is_queued = true;
    queue[(queue_head + queue_count++) % HOSTS] = program;
}

#ifdef FIBERS
static void to_main(struct program *program) {
    void *fake = NULL;
    __sanitizer_start_switch_fiber(program->life == DEAD ? NULL : &fake, main_bottom, main_size);
    swapcontext(&program->context, &main_context);
    __sanitizer_finish_switch_fiber(fake, &main_bottom, &main_size);
}

static void to_program(struct program *program) {
    __sanitizer_start_switch_fiber(&main_fake, program->stack, STACK);
    swapcontext(&main_context, &program->context);
    __sanitizer_finish_switch_fiber(main_fake, NULL, NULL);
}

static void arrived(void) { __sanitizer_finish_switch_fiber(NULL, &main_bottom, &main_size); }
#else
static jmp_buf main_place;
static jmp_buf places[HOSTS];

static void to_main(struct program *program) {
    if (_setjmp(places[program->host->number]) == 0)
        _longjmp(main_place, 1);
}

static void to_program(struct program *program) {
    if (_setjmp(main_place) != 0)
        return;
    if (program->is_begun)
        _longjmp(places[program->host->number], 1);
    program->is_begun = true;
    swapcontext(&main_context, &program->context);
}

static void arrived(void) {}
#endif

static void live(void) {
    struct program *program = world.current;
    arrived();
    program->status = program->main(program->argc, program->argv);
    program->life = DEAD;
    to_main(program);
}

BARE void program_remember(struct program *program) {
    size_t size = (size_t)(program->data_end - program->data);
    program->data_saved = malloc(size + 1);
    for (size_t i = 0; i < size; i++) program->data_saved[i] = program->data[i];
}

BARE static void forget_memory(struct program *program) {
    for (char *at = program->data, *from = program->data_saved; at < program->data_end;)
        *at++ = *from++;
    // Whole pages are given back to the kernel, which gives zeros.
    uintptr_t start = ((uintptr_t)program->bss + 4095) & ~(uintptr_t)4095;
    uintptr_t end = (uintptr_t)program->bss_end & ~(uintptr_t)4095;
    if (start >= end) {
        for (char *at = program->bss; at < program->bss_end; at++) *at = 0;
        return;
    }
    for (char *at = program->bss; at < (char *)start; at++) *at = 0;
    madvise((void *)start, end - start, MADV_DONTNEED);
    for (char *at = (char *)end; at < program->bss_end; at++) *at = 0;
}

// A service manager starts what failed again.
static void start_anew(void *arg, uint64_t tag) {
    struct program *program = arg;
    if (program->life != DEAD || program->run != tag)
        return;
    program_start(program);
    if (program == server_program())
        traffic_forgive_all();
}

static void resume(struct program *program) {
    program->life = RUNNING;
    world.current = program;
    to_program(program);
    world.current = NULL;
    if (program->life != DEAD)
        return;
    say("%s ends with status %d", program->name, program->status);
    for (int i = 0; i < FDS; i++) fd_close(program, i);
    check_end_of(program);
    if (program->status != 0)
        at(world.now_us + 2 * SECOND, start_anew, program, program->run);
}

void program_start(struct program *program) {
    if (program->life != DEAD)
        return;
    if (program->stack == NULL)
        program->stack =
            mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    forget_memory(program);
    program->run++;
    program->is_asked_to_end = false;
    program->polls = 0;
    program->is_begun = false;
    getcontext(&program->context);
    program->context.uc_stack.ss_sp = program->stack;
    program->context.uc_stack.ss_size = STACK;
    program->context.uc_link = NULL;
    makecontext(&program->context, live, 0);
    say("%s starts", program->name);
    program->life = WAITING;
    program->polled = NULL;
    program_wake(program);
}

void program_kill(struct program *program) {
    if (program->life == DEAD)
        return;
    say("%s is killed", program->name);
    program->life = DEAD;
    program->polled = NULL;
    for (int i = 0; i < FDS; i++) fd_close(program, i);
}

void program_stop(struct program *program) {
    if (program->life == DEAD)
        return;
    say("%s is asked to end", program->name);
    program->is_asked_to_end = true;
    program_wake(program);
}

// ---- poll() ----

static short ready(const struct program *program, int number) {
    const struct fd *fd = &program->fds[number];
    const struct stream *stream = fd->stream;
    switch (fd->kind) {
    case LISTENER: return fd->waiting_count > 0 ? POLLIN : 0;
    case SOCKET:
        if (stream == NULL)
            return POLLOUT | POLLHUP;
        if (stream->error[fd->side] != 0)
            return POLLIN | POLLOUT | POLLERR | POLLHUP;
        if (!stream->is_open)
            return 0;
        return (short)((stream_waits(stream, fd->side) > 0 || stream->pipes[!fd->side].end_came
                            ? POLLIN
                            : 0) |
                       (stream_is_writable(stream, fd->side) ? POLLOUT : 0));
    case TUN:
        if (interface_numbered(program->host, fd->interface) == NULL)
            return POLLERR | POLLIN;
        return (short)(POLLOUT | (fd->first != NULL ? POLLIN : 0));
    case SIGNALS: return program->is_asked_to_end ? POLLIN : 0;
    default: return fd->first != NULL ? POLLIN : 0;
    }
}

static int scan(struct program *program, struct pollfd *polled, nfds_t count) {
    int result = 0;
    for (nfds_t i = 0; i < count; i++) {
        polled[i].revents = 0;
        if (polled[i].fd < 0)
            continue;
        short is = ready(program, polled[i].fd);
        polled[i].revents = is & (short)(polled[i].events | POLLERR | POLLHUP);
        if ((is & POLLERR) == 0)
            polled[i].revents = is & polled[i].events;
        result += polled[i].revents != 0;
    }
    return result;
}

static void on_deadline(void *arg, uint64_t tag) {
    struct program *program = arg;
    if (tag == program->run && program->deadline_us <= world.now_us)
        program_wake(program);
}

// What a sender waits for: less on its way. Nobody tells it, so it looks again.
static int64_t look_again_us(const struct program *program, const struct pollfd *polled,
                             nfds_t count) {
    for (nfds_t i = 0; i < count; i++)
        if ((polled[i].events & POLLOUT) != 0 && polled[i].fd >= 0 &&
            program->fds[polled[i].fd].kind == SOCKET &&
            program->fds[polled[i].fd].stream != NULL && program->fds[polled[i].fd].stream->is_open)
            return world.now_us + 5 * MS;
    return INT64_MAX;
}

int world_poll(struct pollfd *polled, nfds_t count, int timeout_ms);
int world_poll(struct pollfd *polled, nfds_t count, int timeout_ms) {
    struct program *program = world.current;
    if (program->polled_us != world.now_us)
        program->polls = 0;
    program->polled_us = world.now_us;
    if (++program->polls > POLLS_MOST)
        fail("%s spins: %d polls and no time passes", program->name, POLLS_MOST);
    int64_t end_us = timeout_ms < 0 ? INT64_MAX : world.now_us + timeout_ms * MS;
    for (;;) {
        int result = scan(program, polled, count);
        if (result > 0 || timeout_ms == 0 || world.now_us >= end_us)
            return result;
        int64_t again_us = look_again_us(program, polled, count);
        program->deadline_us = again_us < end_us ? again_us : end_us;
        if (program->deadline_us != INT64_MAX)
            at(program->deadline_us, on_deadline, program, program->run);
        check_waits(program);
        program->life = WAITING;
        to_main(program);
    }
}

void run_until(int64_t until_us) {
    for (;;) {
        while (queue_count > 0) {
            struct program *program = queue[queue_head];
            queue_head = (queue_head + 1) % HOSTS;
            queue_count--;
            program->is_queued = false;
            if (program->life == WAITING && !program->host->is_asleep)
                resume(program);
        }
        if (!run_next_event(until_us))
            break;
    }
    world.now_us = until_us;
}

// ---- descriptors ----

void fd_put(struct program *program, int number, const void *bytes, size_t length) {
    struct fd *fd = &program->fds[number];
    if (fd->count >= 4096)
        return; // the kernel's queue is full
    struct datagram *datagram = malloc(sizeof *datagram + length);
    datagram->next = NULL;
    datagram->length = length;
    memcpy(datagram->bytes, bytes, length);
    if (fd->first == NULL)
        fd->first = datagram;
    else
        fd->last->next = datagram;
    fd->last = datagram;
    fd->count++;
    program_wake(program);
}

int fd_find(struct program *program, enum kind kind) {
    for (int i = 0; i < FDS; i++)
        if (program->fds[i].kind == kind)
            return i;
    return -1;
}

void fd_close(struct program *program, int number) {
    struct fd *fd = &program->fds[number];
    struct host *host = program->host;
    if (fd->kind == FREE)
        return;
    if (fd->kind == SOCKET && fd->stream != NULL)
        stream_close(fd->stream, fd->side);
    for (size_t i = 0; i < fd->waiting_count; i++) {
        stream_reset(fd->waiting[i]);
        fd->waiting[i]->fds[1] = -1;
    }
    if (fd->kind == TUN && fd->interface != 0) {
        struct interface *interface = interface_numbered(host, fd->interface);
        if (interface != NULL)
            interface_remove(host, interface);
    }
    if (fd->kind == RULE_NETLINK && fd->is_bound)
        host->rules--;
    while (fd->first != NULL) {
        struct datagram *next = fd->first->next;
        free(fd->first);
        fd->first = next;
    }
    memset(fd, 0, sizeof *fd);
}
