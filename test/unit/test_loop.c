// SPDX-License-Identifier: ISC
// The poll() loop, over pipes and with its own clock.
#include "base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "test.h"

// A pipe whose reading end the loop watches, and what was heard of it.
struct end {
    struct loop *loop;
    int read_fd;
    int write_fd;
    int heard;
    short events;
    void (*then)(struct end *end);
    struct end *other;
};

static struct loop loop;

static void stop(void *arg) { ((struct loop *)arg)->stop = true; }

static void on_end(void *arg) {
    struct end *end = arg;
    char byte;
    end->heard++;
    end->events = loop.ready;
    if ((loop.ready & POLLIN) != 0 && read(end->read_fd, &byte, 1) < 0)
        end->heard += 1000;
    if (end->then != NULL)
        end->then(end);
}

static bool open_end(struct end *end) {
    int fds[2];
    *end = (struct end){.loop = &loop, .read_fd = -1, .write_fd = -1};
    if (pipe(fds) < 0)
        return false;
    end->read_fd = fds[0];
    end->write_fd = fds[1];
    return loop_add(&loop, end->read_fd, POLLIN, on_end, end) == 0;
}

static void close_end(struct end *end) {
    loop_remove(&loop, end->read_fd);
    if (end->read_fd >= 0)
        close(end->read_fd);
    if (end->write_fd >= 0)
        close(end->write_fd);
    end->read_fd = end->write_fd = -1;
}

static void wake(const struct end *end) {
    if (write(end->write_fd, "x", 1) != 1)
        exit(2);
}

// Runs the loop for some milliseconds.
static int run_for(int64_t ms) {
    loop.stop = false;
    loop.timer_count = 0;
    loop.now_ms = loop_clock_ms();
    if (loop_every(&loop, ms, stop, &loop) < 0)
        return -1;
    return loop_run(&loop);
}

static void descriptors_call_back(void) {
    struct end a;
    struct end b;
    CHECK(loop_init(&loop) == 0);
    CHECK(open_end(&a) && open_end(&b));
    CHECK_INT(run_for(10), 0);
    CHECK_INT(a.heard + b.heard, 0);
    wake(&a);
    CHECK_INT(run_for(10), 0);
    CHECK_INT(a.heard, 1);
    CHECK_INT(a.events, POLLIN);
    CHECK_INT(b.heard, 0);
    wake(&a);
    wake(&b);
    CHECK_INT(run_for(10), 0);
    CHECK_INT(a.heard, 2);
    CHECK_INT(b.heard, 1);
    close_end(&a);
    close_end(&b);
    loop_close(&loop);
    CHECK_INT(loop.count, 0);
}

static void hangup_is_told(void) {
    struct end a;
    CHECK(loop_init(&loop) == 0);
    CHECK(open_end(&a));
    a.then = close_end;
    close(a.write_fd);
    a.write_fd = -1;
    CHECK_INT(run_for(20), 0);
    CHECK_INT(a.heard, 1);
    CHECK((a.events & POLLHUP) != 0);
    loop_close(&loop);
}

static void events_can_be_changed(void) {
    struct end a;
    CHECK(loop_init(&loop) == 0);
    CHECK(open_end(&a));
    wake(&a);
    loop_set_events(&loop, a.read_fd, 0);
    CHECK_INT(run_for(10), 0);
    CHECK_INT(a.heard, 0);
    loop_set_events(&loop, a.read_fd, POLLIN);
    CHECK_INT(run_for(10), 0);
    CHECK_INT(a.heard, 1);
    close_end(&a);
    loop_close(&loop);
}

static void wrong_descriptors(void) {
    struct end a;
    CHECK(loop_init(&loop) == 0);
    CHECK(open_end(&a));
    CHECK_INT(loop_add(&loop, a.read_fd, POLLIN, on_end, &a), -1);
    CHECK_INT(loop_add(&loop, -1, POLLIN, on_end, &a), -1);
    errno = 0;
    CHECK_INT(loop_add(&loop, LOOP_MAX_FDS, POLLIN, on_end, &a), -1);
    CHECK_INT(errno, EMFILE);
    int before = loop.count;
    loop_remove(&loop, -1);
    loop_remove(&loop, LOOP_MAX_FDS);
    loop_remove(&loop, a.write_fd);
    loop_set_events(&loop, a.write_fd, POLLOUT);
    loop_set_events(&loop, -1, POLLOUT);
    CHECK_INT(loop.count, before);
    close_end(&a);
    loop_close(&loop);
}

static void close_other(struct end *end) {
    if (end->other != NULL && end->other->read_fd >= 0)
        close_end(end->other);
}

static void close_both(struct end *end) {
    close_other(end);
    close_end(end);
}

// Two ends are ready in the same round, and whichever is called first closes the other: the other
// is not called any more.
static void removed_in_a_callback(void) {
    for (int order = 0; order < 2; order++) {
        struct end a;
        struct end b;
        struct end c;
        CHECK(loop_init(&loop) == 0);
        CHECK(open_end(&a) && open_end(&b) && open_end(&c));
        a.other = &b;
        b.other = &a;
        a.then = b.then = order == 0 ? close_other : close_both;
        wake(&a);
        wake(&b);
        wake(&c);
        test_row("order %d", order);
        CHECK_INT(run_for(20), 0);
        CHECK_INT(a.heard + b.heard, 1);
        CHECK_INT(c.heard, 1);
        close_end(&a);
        close_end(&b);
        close_end(&c);
        loop_close(&loop);
    }
}

static struct end reused;
static int reused_fd;

// Closes the other and opens a new pipe, which gets the other's number.
static void close_and_reuse(struct end *end) {
    int fds[2];
    if (reused_fd >= 0 || end->other->read_fd < 0)
        return;
    int old = end->other->read_fd;
    close_end(end->other);
    if (pipe(fds) < 0)
        exit(2);
    reused = (struct end){.loop = &loop, .read_fd = fds[0], .write_fd = fds[1]};
    if (fds[0] != old && dup2(fds[0], old) == old) {
        close(fds[0]);
        reused.read_fd = old;
    }
    reused_fd = loop_add(&loop, reused.read_fd, POLLIN, on_end, &reused) == 0 ? reused.read_fd : -2;
}

// A descriptor's number that is closed and taken again in one round: the new one must not hear what
// was told of the old one.
static void number_reused_in_a_round(void) {
    for (int extra = 0; extra < 3; extra++) {
        struct end ends[5];
        CHECK(loop_init(&loop) == 0);
        for (int i = 0; i < 5; i++) CHECK(open_end(&ends[i]));
        reused_fd = -1;
        ends[0].other = &ends[1 + extra];
        ends[1 + extra].other = &ends[0];
        ends[0].then = ends[1 + extra].then = close_and_reuse;
        for (int i = 0; i < 5; i++) wake(&ends[i]);
        test_row("%d between", extra);
        CHECK_INT(run_for(20), 0);
        CHECK(reused_fd >= 0);
        CHECK_INT(reused.heard, 0);
        int heard = 0;
        for (int i = 0; i < 5; i++) heard += ends[i].heard;
        CHECK_INT(heard, 4);
        wake(&reused);
        CHECK_INT(run_for(20), 0);
        CHECK_INT(reused.heard, 1);
        close_end(&reused);
        for (int i = 0; i < 5; i++) close_end(&ends[i]);
        loop_close(&loop);
    }
}

static struct end added[3];
static int added_count;

static void add_three(struct end *end) {
    (void)end;
    while (added_count < 3) {
        if (!open_end(&added[added_count]))
            exit(2);
        wake(&added[added_count]);
        added_count++;
    }
}

static void added_in_a_callback(void) {
    struct end a;
    CHECK(loop_init(&loop) == 0);
    CHECK(open_end(&a));
    added_count = 0;
    a.then = add_three;
    wake(&a);
    CHECK_INT(run_for(20), 0);
    CHECK_INT(a.heard, 1);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(added[i].heard, 1);
        close_end(&added[i]);
    }
    close_end(&a);
    loop_close(&loop);
}

// Many ends, of which each closes random others when it is called: nobody is called after it was
// closed, and everybody else is.
static struct end crowd[60];
static bool crowd_closed[60];

static void close_random(struct end *end) {
    int me = (int)(end - crowd);
    if (crowd_closed[me])
        end->heard += 10000;
    for (int i = 0; i < 3; i++) {
        uint32_t victim = test_below(60);
        if (crowd_closed[victim])
            continue;
        close_end(&crowd[victim]);
        crowd_closed[victim] = true;
    }
}

static void crowd_of_descriptors(void) {
    for (int round = 0; round < 20; round++) {
        CHECK(loop_init(&loop) == 0);
        memset(crowd_closed, 0, sizeof crowd_closed);
        for (int i = 0; i < 60; i++) {
            CHECK(open_end(&crowd[i]));
            crowd[i].then = close_random;
            wake(&crowd[i]);
        }
        CHECK_INT(run_for(10), 0);
        for (int i = 0; i < 60; i++) {
            test_row("round %d, end %d", round, i);
            CHECK(crowd[i].heard <= 1);
            CHECK(crowd[i].heard == 1 || crowd_closed[i]);
            if (!crowd_closed[i])
                close_end(&crowd[i]);
        }
        CHECK_INT(loop.count, 1); // the signals
        loop_close(&loop);
    }
}

static int ticks;

static void on_tick(void *arg) {
    int *count = arg;
    (*count)++;
    if (loop.ready != 0)
        *count += 1000;
}

static void timers(void) {
    int slow = 0;
    CHECK(loop_init(&loop) == 0);
    ticks = 0;
    int64_t start = loop.now_ms;
    CHECK_INT(loop_every(&loop, 10, on_tick, &ticks), 0);
    CHECK_INT(loop_every(&loop, 100000, on_tick, &slow), 0);
    CHECK_INT(loop_every(&loop, 105, stop, &loop), 0);
    CHECK_INT(loop_run(&loop), 0);
    int64_t took = loop_clock_ms() - start;
    CHECK(took >= 105);
    CHECK(ticks >= 2);
    CHECK(ticks <= took / 10 + 1);
    CHECK_INT(slow, 0);
    loop_close(&loop);
}

static void too_many_timers(void) {
    CHECK(loop_init(&loop) == 0);
    for (int i = 0; i < LOOP_MAX_TIMERS; i++)
        CHECK_INT(loop_every(&loop, 100000, on_tick, &ticks), 0);
    CHECK_INT(loop_every(&loop, 1, on_tick, &ticks), -1);
    loop_close(&loop);
}

static void send_signal(void *arg) { raise(*(const int *)arg); }

static void signals_end_the_loop(void) {
    int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        CHECK(loop_init(&loop) == 0);
        test_row("signal %d", numbers[i]);
        CHECK_INT(loop_every(&loop, 5, send_signal, &numbers[i]), 0);
        CHECK_INT(loop_run(&loop), 0);
        CHECK(loop.stop);
        loop_close(&loop);
    }
}

// Where there is no signalfd, a timer looks which signals wait.
static void waiting_signals(void) {
    int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        CHECK(loop_init(&loop) == 0);
        test_row("signal %d", numbers[i]);
        const struct loop_watch *watch = &loop.watches[loop.place[loop.signal_fd]];
        loop.ready = 0; // a timer calls
        watch->callback(watch->arg);
        CHECK(!loop.stop);
        raise(numbers[i]);
        watch->callback(watch->arg);
        CHECK(loop.stop);
        loop.ready = POLLIN; // it waits no more
        watch->callback(watch->arg);
        loop_close(&loop);
    }
}

// Leaves nothing but ones where the next function has its variables.
static void soil_stack(void) {
    volatile uint8_t soil[4096];
    for (size_t i = 0; i < sizeof soil; i++) soil[i] = 0xff;
}

static void only_these_are_blocked(void) {
    sigset_t before, after;
    CHECK_INT(sigprocmask(SIG_SETMASK, NULL, &before), 0);
    soil_stack();
    CHECK(loop_init(&loop) == 0);
    CHECK_INT(sigprocmask(SIG_SETMASK, NULL, &after), 0);
    for (int number = 1; number < 32; number++) {
        bool is_ours = number == SIGINT || number == SIGTERM || number == SIGHUP;
        test_row("signal %d", number);
        CHECK_INT(sigismember(&after, number), is_ours || sigismember(&before, number) == 1);
    }
    loop_close(&loop);
}

static void stop_at_tenth(void *arg) {
    on_tick(&ticks);
    if (ticks == 10)
        ((struct loop *)arg)->stop = true;
}

static void ignored_hangup(void) {
    int number = SIGHUP;
    CHECK(signal(SIGHUP, SIG_IGN) != SIG_ERR);
    CHECK(loop_init(&loop) == 0);
    ticks = 0;
    CHECK_INT(loop_every(&loop, 1, send_signal, &number), 0);
    CHECK_INT(loop_every(&loop, 1, stop_at_tenth, &loop), 0);
    CHECK_INT(loop_run(&loop), 0);
    CHECK_INT(ticks, 10);
    loop_close(&loop);
    CHECK(signal(SIGHUP, SIG_DFL) != SIG_ERR);
}

int main(void) {
    signal(SIGHUP, SIG_DFL); // also under nohup(1)
    TEST("a descriptor calls back when it is ready, and only then", descriptors_call_back);
    TEST("a hangup is told", hangup_is_told);
    TEST("the events that are waited for can be changed", events_can_be_changed);
    TEST("descriptors out of range, known or unknown do no harm", wrong_descriptors);
    TEST("a descriptor that another callback removed is not called", removed_in_a_callback);
    TEST("a number that is reused in the same round hears nothing of the old one",
         number_reused_in_a_round);
    TEST("descriptors that a callback adds are called", added_in_a_callback);
    TEST("any removals in callbacks leave the rest as they were", crowd_of_descriptors);
    TEST("timers call back in time", timers);
    TEST("there is a limit to timers, and it is told", too_many_timers);
    TEST("SIGTERM, SIGINT and SIGHUP end the loop", signals_end_the_loop);
    TEST("a signal that waits ends the loop, too", waiting_signals);
    TEST("no other signals are held back", only_these_are_blocked);
    TEST("SIGHUP that was ignored before (nohup) goes on being ignored", ignored_hangup);
    return test_end();
}
