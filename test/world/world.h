// SPDX-License-Identifier: ISC
// A world in one process: the programs themselves, several times over, on simulated hosts with
// simulated time, links and kernels. Everything that happens follows from one number, the seed.
#ifndef TETHER_WORLD_H
#define TETHER_WORLD_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <ucontext.h>

#define MS      INT64_C(1000)
#define SECOND  (1000 * MS)
#define BOOTED  (1000 * SECOND) // what the programs' clock shows at the beginning
#define LAPTOPS 3
#define PHONES  4
#define HOSTS   (LAPTOPS + PHONES + 1)

#define FDS        256
#define INTERFACES 4
#define ADDRESSES  8
#define ROUTES     8
#define STREAMS    1024
#define PIPE_BYTES (256 * 1024)

#define SERVER_ADDRESS  0xcb00710a // 203.0.113.10 (RFC 5737)
#define GATEWAY_ADDRESS 0xcb007101
#define WEB_ADDRESS     0xc6336401 // 198.51.100.1 and following (RFC 5737)
#define WEB_HOSTS       4
#define LAPTOPS_ADDRESS 0xa9fe8659 // 169.254.134.89
#define LAPTOP_PORT     6354
#define SERVER_PORT     8080

// ---- chance (chance.c): all of it from the seed ----

struct chance {
    uint64_t state;
};
uint64_t chance_next(struct chance *chance);
uint64_t chance_below(struct chance *chance, uint64_t limit);
bool chance_of(struct chance *chance, unsigned one_in);

// ---- time (time.c): events in order; what happens at one time happens in the order of calls ----

typedef void happening(void *arg, uint64_t tag);
void at(int64_t when_us, happening *what, void *arg, uint64_t tag);

// Runs the next one that is due by then. Returns whether there was one.
bool run_next_event(int64_t until_us);
void forget_all_events(void);

// ---- links (stream.c): a rate, a delay, and times at which nothing passes ----

struct link {
    int64_t rate; // bytes a second
    int64_t delay_us;
    int64_t free_us;    // when all that was put on it has left
    int64_t blocked_us; // nothing arrives before
    bool loses_all;     // and nothing at all, for good, of what is sent now
};

// ---- descriptors ----

enum kind {
    FREE,
    LISTENER,
    SOCKET,
    TUN,
    PACKET,
    ARP,
    ROUTE_NETLINK,
    RULE_NETLINK,
    SIGNALS,
    QUERY,
    DATA
};

struct datagram {
    struct datagram *next;
    size_t length;
    uint8_t bytes[];
};

struct fd {
    enum kind kind;
    struct datagram *first; // that wait to be read: netlink, TUN, packets
    struct datagram *last;
    size_t count;
    uint32_t address; // of a listener, host byte order; 0: any
    uint16_t port;
    char device[16];            // that it is bound to
    struct stream *waiting[16]; // connections to be accepted
    size_t waiting_count;
    struct stream *stream;
    int side;      // of the stream: 0 who connected, 1 who accepted
    int interface; // of a TUN device
    struct file *file;
    size_t read_at;
    bool is_bound;
};

// ---- streams (stream.c): TCP as programs see it ----

struct segment {
    int64_t arrives_us;
    size_t length;
    bool is_end;
};

struct pipe {
    struct stream *stream;
    int from; // side
    struct link *link;
    uint8_t *ring;
    uint64_t sent, arrived, taken; // bytes so far
    struct segment segments[512];
    size_t head, count;
    bool is_dead;  // what is sent arrives no more, and nobody is told
    bool is_ended; // the sender has closed it
    bool end_came;
    uint64_t tag;     // of the event that is waited for; others are late
    int64_t stuck_us; // since when something sent has not arrived
};

struct stream {
    bool used;
    uint64_t number;
    struct program *ends[2]; // NULL: nobody, or an actor of the world
    int fds[2];              // -1: closed
    struct actor *actors[2];
    struct pipe pipes[2]; // by who sends
    int error[2];
    bool is_open;      // the handshake is over
    unsigned syns;     // that were lost
    bool is_forgotten; // a NAT on the way has forgotten it
    struct host *hosts[2];
    uint16_t port;
};

// ---- hosts and programs ----

struct interface {
    bool used;
    int index;
    char name[16];
    unsigned flags;
    uint32_t mtu;
    bool is_tun;
};

struct given {
    bool used;
    int interface; // index
    uint32_t address;
    uint8_t prefix;
    int64_t until_us; // its lifetime's end; 0: none
};

struct routed {
    bool used;
    int interface;
    uint32_t network;
    uint8_t prefix;
};

#define FILES 4
struct file {
    char path[64]; // "": none
    char data[512];
    size_t length;
};

struct host {
    const char *name;
    int number;
    struct interface interfaces[INTERFACES];
    struct given addresses[ADDRESSES];
    struct routed routes[ROUTES];
    struct file files[FILES];
    int next_index;
    bool is_asleep;
    int rules;                            // tables of nftables
    struct link *to_laptop, *from_laptop; // a phone's
    struct link *to_server, *from_server;
    int laptop; // that a phone is with
};

enum life { DEAD, READY, WAITING, RUNNING };

struct program {
    const char *name;
    int (*main)(int, char **);
    char *bss, *bss_end, *data, *data_end, *data_saved;
    struct host *host;
    enum life life;
    uint64_t run; // number of its life
    ucontext_t context;
    char *stack;
    int argc;
    char *argv[12];
    struct fd fds[FDS];
    struct pollfd *polled;
    nfds_t polled_count;
    int64_t deadline_us;
    uint64_t polls; // at this time
    int64_t polled_us;
    bool is_asked_to_end;
    int status;
    bool is_begun;
    bool is_queued;
};

// Who takes part without being a program of ours: hostile phones, strangers.
struct actor {
    void (*readable)(struct actor *actor, struct stream *stream, int side);
    void *arg;
};

struct world {
    uint64_t seed;
    struct chance chance;  // of what happens
    struct chance entropy; // what the kernel gives to programs
    int64_t now_us;
    int64_t calm_from_us; // since when all is well; 0: it is not
    bool is_loud;
    bool is_busy;      // the laptops have much to do
    bool has_plain;    // the last laptop has a plain phone
    unsigned in_haste; // laptops whose user types without a pause, a bit each
    unsigned rough;    // one call in so many is cut short, or interrupted; 0: none
    const char *failure;
    struct host hosts[HOSTS];
    struct program programs[HOSTS];
    struct program *current;
    struct stream streams[STREAMS];
    struct link links[4 * PHONES];
    uint64_t next_stream;
    uint64_t sealed, packets, events;
    uint64_t digest; // of all that was sent, and when
};

extern struct world world;

struct host *laptop_host(int laptop);
struct host *phone_host(int phone);
struct host *server_host(void);
struct program *client_of(int laptop);
struct program *relay_of(int phone);
struct program *server_program(void);

// Its memory is as it was now each time that it starts.
void program_remember(struct program *program);
void program_start(struct program *program);
void program_kill(struct program *program); // as by kill -9
void program_stop(struct program *program); // as by kill
void program_wake(struct program *program);
void run_until(int64_t until_us);

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

void fd_put(struct program *program, int fd, const void *bytes, size_t length);
int fd_find(struct program *program, enum kind kind);
void fd_close(struct program *program, int fd);

struct stream *stream_connect(struct host *from, struct program *program, int fd,
                              struct actor *actor, uint32_t address, uint16_t port);
size_t stream_room(const struct stream *stream, int side);
size_t stream_send(struct stream *stream, int side, const void *bytes, size_t length);
size_t stream_waits(const struct stream *stream, int side);
size_t stream_take(struct stream *stream, int side, void *bytes, size_t length);
void stream_end(struct stream *stream, int side);
void stream_close(struct stream *stream, int side);
void stream_reset(struct stream *stream);
bool stream_is_writable(const struct stream *stream, int side);
void stream_accept(struct stream *stream, struct program *program, int fd);

void kernel_init(void);
void kernel_netlink(struct program *program, int fd, const uint8_t *bytes, size_t length);
int kernel_ioctl(struct program *program, int fd, unsigned long what, void *arg);
struct interface *interface_named(struct host *host, const char *name);
struct interface *interface_numbered(struct host *host, int index);
struct interface *interface_make(struct host *host, const char *name, unsigned flags, bool is_tun);
void interface_remove(struct host *host, struct interface *interface);
void address_give(struct host *host, int interface, uint32_t address, uint8_t prefix,
                  int64_t until_us);
void address_take(struct host *host, uint32_t address);
bool host_has(const struct host *host, uint32_t address);
void kernel_expire(void);

// What laptops' programs do, and the Internet (traffic.c).
void traffic_init(void);
void traffic_from_laptop(int laptop, uint8_t *packet, size_t length); // taken from the TUN: unused
void traffic_to_laptop(struct program *client, const uint8_t *bytes,
                       size_t length); // with its vnet header
void traffic_to_internet(const uint8_t *frame, size_t length);
void traffic_forgive(int laptop); // its connections may be lost
void traffic_forgive_all(void);
void traffic_expect(int laptop, int64_t within_us);

void check_waits(const struct program *program);
void check_sent(const struct program *program, const void *bytes, size_t length);
void check_init(void);
void check_end_of(const struct program *program);

// ---- faults (faults.c, hostile.c) ----

struct fault {
    int64_t when_us;
    int64_t lasts_us;
    size_t kind;
    struct chance chance; // its own, so that others may be left out
};

// Makes the plan; those whose numbers are `skipped` do not happen.
void faults_plan(int64_t until_us);
#define FAULTS_MOST 256
extern bool fault_is_skipped[FAULTS_MOST];
// How many a seed has; no world may have begun.
size_t faults_of(uint64_t seed, int64_t until_us);

// A phone that is no friend carries the tether of this laptop for a while.
// A phone that does no more than to copy carries it.
void plain_phone(int laptop, struct host *host);
void hostile_phone(struct fault *fault, int laptop, struct host *host);

#endif
