// SPDX-License-Identifier: ISC
// world [-v|-d|-f] [FIRST [COUNT [SECONDS]]]: runs the worlds of seeds FIRST, FIRST + 1 ..., each
// in a process of its own, and prints a line for each that failed; with -v its story, with -d a
// hash of it; with -f none begins after the first that failed. world -s SEED: shrinks the plan of
// one that failed, and tells the story of what is left.
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "world.h"

#include "programs.h"

// A key like another (session/key.h).
#define KEY_LINE "aeea6fq5eqvteokai5hfkxddnjyxq74grwkjxivjwc335rom2pnf57jw"

struct world world;

struct host *laptop_host(int laptop) {
    return &world.hosts[laptop];
}

struct host *phone_host(int phone) {
    return &world.hosts[LAPTOPS + phone];
}

struct host *server_host(void) {
    return &world.hosts[HOSTS - 1];
}

struct program *client_of(int laptop) {
    return &world.programs[laptop];
}

struct program *relay_of(int phone) {
    return &world.programs[LAPTOPS + phone];
}

struct program *server_program(void) {
    return &world.programs[HOSTS - 1];
}

static size_t faults_most; // of a plan that is shrunk

// ---- the story ----

static char *story;
static size_t story_length, story_room;

void say(const char *format, ...) {
    char line[700];
    va_list args;
    int head = snprintf(line, sizeof line, "%10.3f %-9s", (double)world.now_us / SECOND,
                        world.current != NULL ? world.current->name : "");
    va_start(args, format);
    int length = vsnprintf(line + head, sizeof line - (size_t)head - 1, format, args);
    va_end(args);
    size_t all = strlen(line);
    (void)length;
    line[all++] = '\n';
    if (world.is_loud)
        fwrite(line, 1, all, stdout);
    if (story_length + all > story_room) {
        story_room = 2 * story_room + 65536;
        story = realloc(story, story_room);
    }
    memcpy(story + story_length, line, all);
    story_length += all;
}

void fail(const char *format, ...) {
    char line[400];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    say("FAILED: %s", line);
    printf("seed %llu: %.1f s: %s\n", (unsigned long long)world.seed, (double)world.now_us / SECOND,
           line);
    fflush(stdout);
    _exit(1);
}

// ---- the world's beginning ----

static void name_programs(void) {
    static char laptops[LAPTOPS][16], phones[PHONES][16];
    for (int i = 0; i < HOSTS; i++) {
        struct program *program = &world.programs[i];
        struct host *host = &world.hosts[i];
        *program = programs[i];
        program_remember(program);
        program->host = host;
        host->number = i;
        strcpy(host->files[0].path, "/etc/tether.key");
        host->files[0].length =
            (size_t)snprintf(host->files[0].data, sizeof host->files[0].data, "%s\n", KEY_LINE);
        host->name = program->name;
        if (i < LAPTOPS) {
            snprintf(laptops[i], sizeof laptops[i], "laptop%d", i);
            host->name = laptops[i];
        } else if (i < LAPTOPS + PHONES) {
            snprintf(phones[i - LAPTOPS], sizeof phones[0], "phone%d", i - LAPTOPS);
            host->name = phones[i - LAPTOPS];
        } else {
            host->name = "host";
        }
    }
}

static void set_command(struct program *program, const char *const *words) {
    while (words[program->argc] != NULL) {
        program->argv[program->argc] = strdup(words[program->argc]);
        program->argc++;
    }
}

static void make_hosts(void) {
    static const int64_t rates[] = {50000, 200000, 2500000, 12000000};
    for (int i = 0; i < LAPTOPS; i++) {
        struct program *client = client_of(i);
        interface_make(laptop_host(i), "lo", IFF_UP | IFF_LOOPBACK, false);
        interface_make(laptop_host(i), "wlan0", IFF_UP | IFF_RUNNING | IFF_BROADCAST, false);
        set_command(client,
                    (const char *const[]){"tether-client", "--server", "203.0.113.10", "--key-file",
                                          "/etc/tether.key", "--wifi", "wlan0", NULL});
    }
    for (int i = 0; i < PHONES; i++) {
        struct host *phone = phone_host(i);
        struct link *links = &world.links[4 * i];
        int64_t rate = rates[chance_below(&world.chance, 4)];
        int64_t delay_us = 10 * MS + (int64_t)chance_below(&world.chance, 120) * MS;
        phone->laptop = i < LAPTOPS ? i : (int)chance_below(&world.chance, LAPTOPS);
        links[0] = links[1] = (struct link){.rate = 12000000, .delay_us = MS};
        links[2] = (struct link){.rate = rate / 2, .delay_us = delay_us};
        links[3] = (struct link){.rate = rate, .delay_us = delay_us};
        phone->to_laptop = &links[0];
        phone->from_laptop = &links[1];
        phone->to_server = &links[2];
        phone->from_server = &links[3];
        set_command(relay_of(i), (const char *const[]){"tether-relay", "--server",
                                                       "ws://203.0.113.10:8080/websocket", NULL});
    }
    struct host *server = server_host();
    interface_make(server, "lo", IFF_UP | IFF_LOOPBACK, false);
    address_give(server,
                 interface_make(server, "eth0", IFF_UP | IFF_RUNNING | IFF_BROADCAST, false)->index,
                 SERVER_ADDRESS, 24, 0);
    set_command(server_program(),
                (const char *const[]){"tether-server", "--key-file", "/etc/tether.key", NULL});
}

static void run_world(uint64_t seed, int64_t seconds) {
    world.seed = seed;
    world.chance.state = seed * 2 + 1;
    world.entropy.state = ~seed;
    make_hosts();
    check_init();
    traffic_init();
    program_start(server_program());
    for (int i = 0; i < LAPTOPS; i++) program_start(client_of(i));
    world.is_busy = chance_of(&world.chance, 8);
    world.has_plain = chance_of(&world.chance, 2);
    for (int i = 0; i < PHONES - 1 - world.has_plain; i++) program_start(relay_of(i));
    if (world.has_plain)
        plain_phone(LAPTOPS - 1, phone_host(LAPTOPS - 1));
    faults_plan(seconds * SECOND);
    run_until(seconds * SECOND);
    for (int i = 0; i < HOSTS; i++) world.hosts[i].is_asleep = false;
    for (int i = 0; i < HOSTS; i++) program_stop(&world.programs[i]);
    run_until((seconds + 20) * SECOND);
    for (int i = 0; i < HOSTS; i++)
        if (world.programs[i].life != DEAD)
            fail("%s does not end", world.programs[i].name);
}

// ---- many worlds, a process each ----

static pid_t begin_world(uint64_t seed, int64_t seconds, bool is_quiet, bool is_digested) {
    fflush(stdout);
    pid_t child = fork();
    if (child != 0)
        return child;
    if (is_quiet && freopen("/dev/null", "w", stdout) == NULL)
        _exit(2);
    run_world(seed, seconds);
    if (is_digested)
        printf("seed %llu: run %016llx, %llu messages sealed, %llu packets, %llu events\n",
               (unsigned long long)seed, (unsigned long long)world.digest,
               (unsigned long long)world.sealed, (unsigned long long)world.packets,
               (unsigned long long)world.events);
    fflush(stdout);
    _exit(0);
}

// Waits for one. Returns whether it went well.
static bool end_world(pid_t child) {
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Leaves out one fault after the other, as long as it fails without them, too; and tells what is
// left.
static void shrink(uint64_t seed, int64_t seconds) {
    size_t left = 0;
    for (size_t i = FAULTS_MOST; i-- > 0;) {
        fault_is_skipped[i] = true;
        if (i >= faults_most || end_world(begin_world(seed, seconds, true, false))) {
            fault_is_skipped[i] = i >= faults_most;
            left += i < faults_most;
        }
    }
    printf("seed %llu fails with %zu of %zu faults; its story:\n", (unsigned long long)seed, left,
           faults_most);
    world.is_loud = true;
    (void)end_world(begin_world(seed, seconds, false, false));
    world.is_loud = false;
    memset(fault_is_skipped, 0, sizeof fault_is_skipped);
}

#define JOBS_MOST 64

struct job {
    pid_t child;
    uint64_t seed;
};

// Waits for any of the worlds. Returns how many of it failed: 0 or 1.
static unsigned wait_for_one(struct job *jobs, size_t *count) {
    int status = 0;
    pid_t child = wait(&status);
    for (size_t i = 0; i < *count; i++) {
        if (jobs[i].child != child)
            continue;
        bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        if (!WIFEXITED(status))
            printf("seed %llu: signal %d\n", (unsigned long long)jobs[i].seed, WTERMSIG(status));
        jobs[i] = jobs[--*count];
        return failed;
    }
    return 0;
}

int main(int argc, char **argv) {
    bool tells = argc > 1 && strcmp(argv[1], "-v") == 0;
    bool shrinks = argc > 1 && strcmp(argv[1], "-s") == 0;
    bool is_digested = argc > 1 && strcmp(argv[1], "-d") == 0;
    bool is_enough = argc > 1 && strcmp(argv[1], "-f") == 0; // one that failed
    argv += tells || shrinks || is_digested || is_enough;
    argc -= tells || shrinks || is_digested || is_enough;
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    int64_t seconds = argc > 3 ? strtoll(argv[3], NULL, 10) : 3600;
    size_t at_a_time = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
    struct job jobs[JOBS_MOST];
    size_t running = 0;
    unsigned failed = 0;
    name_programs();
    if (shrinks) {
        faults_most = faults_of(first, seconds * SECOND);
        shrink(first, seconds);
        return 1;
    }
    world.is_loud = tells;
    for (uint64_t seed = first; seed < first + count && !(is_enough && failed > 0); seed++) {
        if (running == at_a_time || running == JOBS_MOST)
            failed += wait_for_one(jobs, &running);
        jobs[running++] = (struct job){begin_world(seed, seconds, false, is_digested), seed};
    }
    while (running > 0) failed += wait_for_one(jobs, &running);
    printf("%llu worlds of %lld s, %u failed\n", (unsigned long long)count, (long long)seconds,
           failed);
    return failed > 0;
}
