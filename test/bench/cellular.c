// SPDX-License-Identifier: ISC
// A cellular link between two Ethernet interfaces: takes each packet that arrives on one, and sends
// it out of the other as late as the link would, or never. A measuring tool of the tests, no part
// of Tether.
//
//   cellular --phone cell0 --network cell1 --down-rate 1600 --up-rate 768 --delay 75 --down-queue
//   262144
//
// The interfaces lie in a network namespace that has no addresses; what each host sends is read
// from a packet socket (packet(7)) with the kernel's time of arrival, goes through one direction's
// model (cell_link.c), and is sent when due. The program sleeps until then with ppoll(), whose
// timer the kernel keeps to within some ten microseconds, and asks for a real-time priority so that
// a busy machine does not keep it waiting. How late it was all the same is part of the statistics.
//
// The hosts must send plain packets: segmentation and checksum offloads of their interfaces off, or
// a "packet" would be 64 KiB with a checksum that nobody computed. Such are counted as "oversize".
//
// Statistics are one line of JSON on standard output, at SIGUSR1 and at the end (SIGINT, SIGTERM);
// outages on command, and another place in the traces, come through a FIFO. Times said are
// CLOCK_MONOTONIC's, so that other programs can compare.
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cellular.h"

#define PLAIN_MAX 1514 // Ethernet frame with an MTU of 1500

void die(const char *what, const char *with) {
    fprintf(stderr, "cellular: %s %s%s%s\n", what, with, errno ? ": " : "",
            errno ? strerror(errno) : "");
    exit(1);
}

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

// ---- packets ----

static int open_interface(const char *name) {
    int one = 1, room = 64 * 1024 * 1024;
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    address.sll_ifindex = (int)if_nametoindex(name);
    if (fd < 0 || address.sll_ifindex == 0)
        die("cannot use the interface", name);
    if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("cannot listen on the interface", name);
    return fd;
}

// When the kernel took a packet in, on the monotonic clock; an impossible time counts as the
// present.
static int64_t arrival_of(struct msghdr *message, int64_t now_ns, int64_t now_real_ns) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        struct timespec at;
        memcpy(&at, CMSG_DATA(c), sizeof at);
        int64_t age_ns = now_real_ns - ((int64_t)at.tv_sec * SECOND_NS + at.tv_nsec);
        return age_ns < 0 || age_ns > SECOND_NS ? now_ns : now_ns - age_ns;
    }
    return now_ns;
}

static void arrive(struct direction *direction, const uint8_t *frame, size_t length,
                   int64_t at_ns) {
    struct cell_packet *packet = malloc(sizeof *packet + length);
    if (packet == NULL)
        die("no memory", "for a packet");
    if (length > PLAIN_MAX)
        direction->oversize++;
    packet->length = length;
    packet->size = length > ETH_HLEN ? length - ETH_HLEN : 1;
    memcpy(packet->frame, frame, length);
    cell_link_arrive(&direction->link, packet, at_ns);
}

// Reads what has arrived, a batch at a time. Returns false when that was all.
static bool receive(struct cellular *cellular, struct direction *direction) {
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    uint64_t controls[BATCH][CMSG_SPACE(sizeof(struct timespec)) / sizeof(uint64_t)]; // aligned
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){cellular->frames[i], FRAME_MAX};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_control = controls[i];
        messages[i].msg_hdr.msg_controllen = sizeof controls[i];
    }
    int count = recvmmsg(direction->in, messages, BATCH, MSG_DONTWAIT, NULL);
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC), now_real_ns = clock_ns(CLOCK_REALTIME);
    for (int i = 0; i < count; i++)
        arrive(direction, cellular->frames[i], messages[i].msg_len,
               arrival_of(&messages[i].msg_hdr, now_ns, now_real_ns));
    return count == BATCH;
}

static void deliver(struct direction *direction, int64_t now_ns) {
    struct cell_packet *packet;
    while ((packet = cell_link_take(&direction->link, now_ns)) != NULL) {
        if (send(direction->out, packet->frame, packet->length, 0) < 0)
            direction->unsent++;
        now_ns = clock_ns(CLOCK_MONOTONIC);
        histogram_add(&direction->delay, now_ns - packet->arrived_ns);
        histogram_add(&direction->late, now_ns - packet->due_ns);
        direction->tick_bytes += packet->size;
        free(packet);
    }
}

// ---- commands ----

static bool outage_goes_on(const struct cell_outages *outages, int64_t now_ns) {
    return outages->count > 0 && outages->at[outages->count - 1].to_ns > now_ns;
}

static void drain(struct cellular *cellular, int64_t now_ns) {
    for (int i = DOWN; i <= UP; i++) cell_link_drain(&cellular->directions[i].link, now_ns);
    printf("{\"drained_at_ms\": %lld}\n", (long long)(now_ns / MILLISECOND_NS));
    fflush(stdout);
}

// Both directions' traces are at this second now: what is measured from here on meets the same link
// each time.
static void seek(struct cellular *cellular, double second, int64_t now_ns) {
    for (int i = DOWN; i <= UP; i++)
        cell_link_seek(&cellular->directions[i].link, (int64_t)(second * 1e9), now_ns);
    printf("{\"trace_at_s\": %.3f, \"at_ms\": %lld}\n", second,
           (long long)(now_ns / MILLISECOND_NS));
    fflush(stdout);
}

// "drain", "seek SECOND", "outage SECONDS", "outage on" or "outage off".
static void command(struct cellular *cellular, const char *line, int64_t now_ns) {
    struct cell_outages *outages = &cellular->outages;
    double seconds = 0;
    if (sscanf(line, "seek %lf", &seconds) == 1 && seconds >= 0) {
        seek(cellular, seconds, now_ns);
        return;
    }
    if (strcmp(line, "drain") == 0) {
        drain(cellular, now_ns);
        return;
    }
    if (strcmp(line, "outage off") == 0 && outage_goes_on(outages, now_ns)) {
        outages->at[outages->count - 1].to_ns = now_ns;
        return;
    }
    bool on = strcmp(line, "outage on") == 0;
    if (!on && (sscanf(line, "outage %lf", &seconds) != 1 || seconds <= 0)) {
        fprintf(stderr, "cellular: not understood: %s\n", line);
        return;
    }
    int64_t to_ns = on ? CELL_NEVER : now_ns + (int64_t)(seconds * 1e9);
    if (outage_goes_on(outages, now_ns) || !cell_outages_add(outages, now_ns, to_ns)) {
        fprintf(stderr, "cellular: there is an outage already, or too many were: %s\n", line);
        return;
    }
    printf("{\"outage_from_ms\": %lld, \"outage_to_ms\": %lld}\n",
           (long long)(now_ns / MILLISECOND_NS), on ? -1LL : (long long)(to_ns / MILLISECOND_NS));
    fflush(stdout);
}

static void read_commands(struct cellular *cellular) {
    char text[256];
    ssize_t got = read(cellular->control, text, sizeof text - 1);
    if (got <= 0)
        return;
    text[got] = '\0';
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        command(cellular, line, clock_ns(CLOCK_MONOTONIC));
}

// Returns false when the signal asks for the end.
static bool read_signal(struct cellular *cellular) {
    struct signalfd_siginfo info;
    if (read(cellular->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return true;
    if (info.ssi_signo != SIGUSR1)
        return false;
    say_statistics(cellular, clock_ns(CLOCK_MONOTONIC));
    return true;
}

// ---- the whole ----

static void start(struct cellular *cellular) {
    struct direction *down = &cellular->directions[DOWN], *up = &cellular->directions[UP];
    sigset_t set;
    down->in = up->out = open_interface(cellular->network);
    down->out = up->in = open_interface(cellular->phone);
    cellular->control = -1;
    if (cellular->control_path != NULL) {
        unlink(cellular->control_path);
        if (mkfifo(cellular->control_path, 0600) < 0 ||
            (cellular->control = open(cellular->control_path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
            die("cannot make the FIFO", cellular->control_path);
    }
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    cellular->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    // Both only make the timing better: without them it works, and "late_ms" tells how well.
    (void)prctl(PR_SET_TIMERSLACK, 1);
    (void)sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 10});
}

static int64_t next_event(const struct cellular *cellular) {
    int64_t next_ns = cell_link_next(&cellular->directions[DOWN].link);
    int64_t up_ns = cell_link_next(&cellular->directions[UP].link);
    if (up_ns < next_ns)
        next_ns = up_ns;
    if (cellular->timeline != NULL && cellular->tick_ns < next_ns)
        next_ns = cellular->tick_ns;
    return next_ns;
}

static void wait_for_event(struct cellular *cellular, struct pollfd *polled, nfds_t count) {
    int64_t next_ns = next_event(cellular), left_ns = next_ns - clock_ns(CLOCK_MONOTONIC);
    if (left_ns < 0)
        left_ns = 0;
    struct timespec left = {.tv_sec = left_ns / SECOND_NS, .tv_nsec = left_ns % SECOND_NS};
    if (ppoll(polled, count, next_ns == CELL_NEVER ? NULL : &left, NULL) < 0)
        for (nfds_t i = 0; i < count; i++) polled[i].revents = 0;
}

static void run(struct cellular *cellular) {
    struct direction *down = &cellular->directions[DOWN], *up = &cellular->directions[UP];
    struct pollfd polled[] = {{.fd = down->in, .events = POLLIN},
                              {.fd = up->in, .events = POLLIN},
                              {.fd = cellular->signals, .events = POLLIN},
                              {.fd = cellular->control, .events = POLLIN}};
    for (;;) {
        wait_for_event(cellular, polled, sizeof polled / sizeof *polled);
        while ((polled[0].revents & POLLIN) && receive(cellular, down))
            deliver(up, clock_ns(CLOCK_MONOTONIC));
        while ((polled[1].revents & POLLIN) && receive(cellular, up))
            deliver(down, clock_ns(CLOCK_MONOTONIC));
        deliver(down, clock_ns(CLOCK_MONOTONIC));
        deliver(up, clock_ns(CLOCK_MONOTONIC));
        if (cellular->timeline != NULL)
            say_timeline(cellular, clock_ns(CLOCK_MONOTONIC));
        if (polled[3].revents & POLLIN)
            read_commands(cellular);
        if ((polled[2].revents & POLLIN) && !read_signal(cellular))
            return;
    }
}

int main(int argc, char **argv) {
    static struct cellular cellular;
    for (int i = DOWN; i <= UP; i++) {
        struct direction *direction = &cellular.directions[i];
        direction->name = i == DOWN ? "down" : "up";
        direction->delay.bin_ns = MILLISECOND_NS / 10;
        direction->late.bin_ns = MILLISECOND_NS / 1000;
        cell_link_init(&direction->link, &cellular.outages, (uint64_t)i + 1);
    }
    cellular.start_ns = clock_ns(CLOCK_MONOTONIC);
    cellular.tick_ns = cellular.start_ns + TICK_NS;
    read_options(&cellular, argc, argv);
    start(&cellular);
    for (int i = DOWN; i <= UP; i++) {
        cellular.directions[i].link.trace_start_ns = cellular.start_ns;
        if (cellular.chances != NULL)
            say_chances(&cellular.directions[i], cellular.chances);
    }
    printf("{\"start_ms\": %lld}\n", (long long)(cellular.start_ns / MILLISECOND_NS));
    fflush(stdout);
    run(&cellular);
    for (int i = DOWN; i <= UP && cellular.chances != NULL; i++)
        say_last_chances(&cellular.directions[i]);
    say_statistics(&cellular, clock_ns(CLOCK_MONOTONIC));
    if (cellular.control_path != NULL)
        unlink(cellular.control_path);
    return 0;
}
