// SPDX-License-Identifier: ISC
// The poll() loop: one thread, one loop a program. Descriptors call back when they are ready,
// timers when they are due, and SIGINT, SIGTERM and SIGHUP end the loop.
#pragma once

#include "../limits.h"
#include <poll.h>
#include <signal.h>
#include <stdbool.h>

typedef void loop_callback(void *arg);

struct loop_watch {
    loop_callback *callback;
    void *arg;
};

struct loop_timer {
    int64_t due_ms;
    int64_t every_ms; // 0: once
    loop_callback *callback;
    void *arg;
};

struct loop {
    struct pollfd polled[LOOP_MAX_FDS];      // dense: the first `count` are in use
    struct loop_watch watches[LOOP_MAX_FDS]; // beside polled[]
    int16_t place[LOOP_MAX_FDS];             // descriptor -> index into polled[], -1 unwatched
    struct loop_timer timers[LOOP_MAX_TIMERS];
    int count;
    int timer_count;
    int signal_fd;
    short ready; // what poll() has reported of the descriptor that calls back; 0: a timer does
    bool stop;
    bool failed;    // stopped because it could not go on
    int64_t now_us; // loop_clock_us(), read once each time that poll() returns
    int64_t now_ms; // the same
};

// Prepares the loop and takes over the signals. Returns 0, or -1 with errno set.
int loop_init(struct loop *loop);
void loop_close(struct loop *loop);

// Watches `fd` (which must not be watched yet) for `events`. Returns 0, or -1 with errno EMFILE
// when the table is full or fd >= LOOP_MAX_FDS.
int loop_add(struct loop *loop, int fd, short events, loop_callback *callback, void *arg);
void loop_set_events(struct loop *loop, int fd, short events);
// Stops watching; a descriptor that is not watched is no error. Call before close().
void loop_remove(struct loop *loop, int fd);

// Calls back every `every_ms` milliseconds from now on. Returns 0, or -1 when all timers are taken.
int loop_every(struct loop *loop, int64_t every_ms, loop_callback *callback, void *arg);

// A timer that is due once, at timer->due_ms of now_ms, which its owner sets (LOOP_NEVER: not at
// all) and which is LOOP_NEVER again when it calls back. Returns NULL when all timers are taken.
#define LOOP_NEVER INT64_MAX
struct loop_timer *loop_alarm(struct loop *loop, loop_callback *callback, void *arg);

// Runs until `stop` or a signal. Returns 0, or -1 after loop_fail() or when poll() itself
// failed.
int loop_run(struct loop *loop);
// Stops it, and loop_run() returns -1: the program cannot go on, and has said why.
void loop_fail(struct loop *loop);

// A descriptor that can be read when one of the signals waits, or -1 (socket_linux.c, _darwin.c).
int loop_signal_fd(const sigset_t *signals);

// Milliseconds and microseconds of a clock that nobody sets, and that goes on in suspend.
int64_t loop_clock_ms(void);
int64_t loop_clock_us(void);
