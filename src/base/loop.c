// SPDX-License-Identifier: ISC
// The poll() loop. Watched descriptors lie densely in an array that poll() takes as it is; removal
// moves the last entry into the gap. Dispatch walks the array from its end to its start and clears
// each entry's events before the call back, so that a callback may add, remove or close any
// descriptor, its own included: what moves into a gap was either seen already (its events are
// cleared) or is new (it has none).
//
// Signals are blocked, and arrive through a signalfd, as one more descriptor: no handler runs, so
// there is no global state and no interrupted system call to think about. It gets ignored signals
// too, so a SIGHUP that nohup(1) has set to be ignored is left out. A system without it (macOS) is
// asked for signals that wait, some times a second.
//
// The clock goes on while the machine sleeps (suspend), so that keys age then too. Thus the time
// may jump by hours from one poll() to the next. A timer runs once then, however often it was due.
#include "loop.h"
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIGNALS_EVERY_MS 200
#define SIGNAL_BYTES     128 // signalfd(2)

// POSIX leaves it open whether CLOCK_MONOTONIC stands still in suspend. On Linux it does.
#ifdef CLOCK_BOOTTIME
#define CLOCK CLOCK_BOOTTIME
#else
#define CLOCK CLOCK_MONOTONIC
#endif

int64_t loop_clock_us(void) {
    struct timespec now;
    clock_gettime(CLOCK, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t loop_clock_ms(void) { return loop_clock_us() / 1000; }

static void read_clock(struct loop *loop) {
    loop->now_us = loop_clock_us();
    loop->now_ms = loop->now_us / 1000;
}

static void on_signal(void *arg) {
    struct loop *loop = arg;
    uint8_t info[SIGNAL_BYTES];
    sigset_t waiting;
    if (loop->ready != 0) // it is the signalfd
        loop->stop |= read(loop->signal_fd, info, sizeof info) > 0;
    else if (sigpending(&waiting) == 0)
        loop->stop |= sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1 ||
                      sigismember(&waiting, SIGHUP) == 1;
}

static bool is_ignored(int number) {
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int loop_init(struct loop *loop) {
    sigset_t set;
    memset(loop, 0, sizeof *loop);
    memset(loop->place, -1, sizeof loop->place);
    read_clock(loop);
    signal(SIGPIPE, SIG_IGN); // a peer that went away is an error of write(), not the end of us
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (!is_ignored(SIGHUP))
        sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -1;
    loop->signal_fd = loop_signal_fd(&set);
    if (loop->signal_fd < 0)
        return loop_every(loop, SIGNALS_EVERY_MS, on_signal, loop);
    return loop_add(loop, loop->signal_fd, POLLIN, on_signal, loop);
}

void loop_close(struct loop *loop) {
    loop_remove(loop, loop->signal_fd);
    close(loop->signal_fd);
}

int loop_add(struct loop *loop, int fd, short events, loop_callback *callback, void *arg) {
    if (fd < 0 || fd >= LOOP_MAX_FDS || loop->place[fd] >= 0 || loop->count == LOOP_MAX_FDS) {
        errno = EMFILE;
        return -1;
    }
    int at = loop->count++;
    loop->place[fd] = (int16_t)at;
    loop->polled[at] = (struct pollfd){.fd = fd, .events = events};
    loop->watches[at] = (struct loop_watch){callback, arg};
    return 0;
}

void loop_set_events(struct loop *loop, int fd, short events) {
    if (fd >= 0 && fd < LOOP_MAX_FDS && loop->place[fd] >= 0)
        loop->polled[loop->place[fd]].events = events;
}

void loop_remove(struct loop *loop, int fd) {
    if (fd < 0 || fd >= LOOP_MAX_FDS || loop->place[fd] < 0)
        return;
    int at = loop->place[fd];
    int last = --loop->count;
    loop->place[fd] = -1;
    if (at == last)
        return;
    loop->polled[at] = loop->polled[last];
    loop->watches[at] = loop->watches[last];
    loop->place[loop->polled[at].fd] = (int16_t)at;
}

int loop_every(struct loop *loop, int64_t every_ms, loop_callback *callback, void *arg) {
    if (loop->timer_count == LOOP_MAX_TIMERS)
        return -1;
    loop->timers[loop->timer_count++] =
        (struct loop_timer){loop->now_ms + every_ms, every_ms, callback, arg};
    return 0;
}

struct loop_timer *loop_alarm(struct loop *loop, loop_callback *callback, void *arg) {
    if (loop->timer_count == LOOP_MAX_TIMERS)
        return NULL;
    struct loop_timer *timer = &loop->timers[loop->timer_count++];
    *timer = (struct loop_timer){LOOP_NEVER, 0, callback, arg};
    return timer;
}

static int wait_ms(const struct loop *loop) {
    int64_t wait = -1;
    for (int i = 0; i < loop->timer_count; i++) {
        if (loop->timers[i].due_ms == LOOP_NEVER)
            continue;
        int64_t left = loop->timers[i].due_ms - loop->now_ms;
        if (left < 0)
            left = 0;
        if (wait < 0 || left < wait)
            wait = left;
    }
    return (int)wait;
}

static void run_timers(struct loop *loop) {
    loop->ready = 0;
    for (int i = 0; i < loop->timer_count; i++) {
        struct loop_timer *timer = &loop->timers[i];
        if (timer->due_ms > loop->now_ms)
            continue;
        timer->due_ms = timer->every_ms > 0 ? loop->now_ms + timer->every_ms : LOOP_NEVER;
        timer->callback(timer->arg);
    }
}

int loop_run(struct loop *loop) {
    while (!loop->stop) {
        int ready = poll(loop->polled, (nfds_t)loop->count, wait_ms(loop));
        read_clock(loop);
        if (ready < 0 && errno != EINTR)
            return -1;
        run_timers(loop);
        if (ready <= 0)
            continue;
        for (int i = loop->count - 1; i >= 0; i--) {
            if (i >= loop->count || loop->polled[i].revents == 0)
                continue;
            struct loop_watch watch = loop->watches[i];
            loop->ready = loop->polled[i].revents;
            loop->polled[i].revents = 0;
            watch.callback(watch.arg);
        }
    }
    return loop->failed ? -1 : 0;
}

void loop_fail(struct loop *loop) {
    loop->failed = true;
    loop->stop = true;
}
