// SPDX-License-Identifier: ISC
// The kernel kept silent where nftables cannot do it (silence.c): the iptables program is run once
// for each rule. Its rules would outlive this process, which moreover has no privilege left at its
// end, so a second process undoes them.
//
// That guardian is a copy of this process, made by fork() before the first rule. It keeps its
// privilege and nothing else: it closes all descriptors but two, leaves the terminal's session,
// ignores the signals that end programs, and waits at one end of a pipe, whose other end this
// process alone has. When this process ends, however it ends, the kernel closes that end; the
// guardian reads the end of the file, removes the rules, and ends too.
//
// Its second descriptor is a file that it has locked (flock(2)): a server that is started right
// after one was killed waits until the old rules are gone. The file is root's in a folder of
// root's, so no other user can hold the lock. It is named for the interface and the network
// namespace, as these may share a file system; the guardian removes it at its end. What a guardian
// leaves that was killed as well is removed at the next start.
#include "wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCK_FOLDER  "/run" // where the iptables program has its own lock
#define LOCK_TRIES   100
#define LOCK_WAIT_MS 100

// Waits for a child. Returns true when it said it was done.
static bool wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Runs iptables on the table "raw"; `arguments` end in NULL. Returns true when it said it was done.
static bool run_iptables(const char *const *arguments) {
    const char *command[16] = {"iptables", "-w", "-t", "raw"};
    size_t count = 4;
    while (*arguments != NULL && count < sizeof command / sizeof command[0] - 1)
        command[count++] = *arguments++;
    pid_t child = fork();
    if (child < 0)
        return false;
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execvp(command[0], (char *const *)(uintptr_t)command);
        _exit(127);
    }
    return wait_for(child);
}

// Returns whether there is no such chain any more.
static bool remove_chain(const struct wire *wire) {
    const char *chain = wire->chain;
    (void)run_iptables((const char *[]){"-D", "PREROUTING", "-j", chain, NULL});
    (void)run_iptables((const char *[]){"-F", chain, NULL});
    (void)run_iptables((const char *[]){"-X", chain, NULL});
    return !run_iptables((const char *[]){"-S", chain, NULL});
}

static bool add_ranges(const struct wire *wire, const char *protocol,
                       const struct port_ranges *ranges) {
    char address[INET_ADDRSTRLEN];
    char ports[16];
    struct in_addr in = {htonl(wire->address)};
    inet_ntop(AF_INET, &in, address, sizeof address);
    for (size_t i = 0; i < ranges->count; i++) {
        const struct port_range *range = &ranges->ranges[i];
        snprintf(ports, sizeof ports, "%u:%u", (unsigned)range->low, (unsigned)range->high);
        if (!run_iptables((const char *[]){"-A", wire->chain, "-d", address, "-p", protocol,
                                           "--dport", ports, "-j", "DROP", NULL}))
            return false;
    }
    return true;
}

// Locks the file, if nobody else has. Returns its descriptor, or -1 with errno set (EWOULDBLOCK:
// another has it).
static int try_lock(const char *name) {
    struct stat file;
    int fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &file) == 0) {
        if (file.st_nlink > 0)
            return fd;
        errno = EWOULDBLOCK; // the last guardian has just removed it: what we have is nobody's lock
    }
    return socket_close_failed(fd);
}

// Takes the lock, and waits while an old guardian has it. Returns its descriptor, or -1 after
// having said what is wrong.
static int take_lock(struct wire *wire) {
    struct stat namespace = {.st_ino = 0}; // without /proc there is one name for all
    (void)stat("/proc/self/ns/net", &namespace);
    snprintf(wire->lock, sizeof wire->lock, LOCK_FOLDER "/tether-%s-%llu.lock", wire->interface,
             (unsigned long long)namespace.st_ino);
    for (int i = 0; i < LOCK_TRIES; i++) {
        int fd = try_lock(wire->lock);
        if (fd >= 0)
            return fd;
        if (errno != EWOULDBLOCK)
            break;
        poll(NULL, 0, LOCK_WAIT_MS);
    }
    return log_error(wire->log, "cannot lock %s: %s%s", wire->lock, strerror(errno),
                     errno == EWOULDBLOCK ? " (is another tether-server running?)" : "");
}

// The guardian's life. `wait_fd`: the reading end of the pipe.
static _Noreturn void guard(const struct wire *wire, int wait_fd, int lock_fd) {
    char byte;
    ssize_t got;
    setsid();
    // So that "killall -9 tether-server" does not mean it too.
    prctl(PR_SET_NAME, "tether-guardian");
    signal(SIGINT, SIG_IGN); // and so does the iptables program that it runs
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    for (int fd = 0; fd < LOOP_MAX_FDS; fd++)
        if (fd != wait_fd && fd != lock_fd)
            close(fd);
    do got = read(wait_fd, &byte, 1);
    while (got > 0 || (got < 0 && errno == EINTR));
    bool is_gone = remove_chain(wire);
    (void)unlink(wire->lock);
    _exit(is_gone ? 0 : 1);
}

static bool start_guardian(struct wire *wire, int lock_fd) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    pid_t child = fork();
    if (child == 0)
        guard(wire, ends[0], lock_fd);
    close(ends[0]);
    if (child < 0) {
        close(ends[1]);
        return false;
    }
    wire->guardian = child;
    wire->guardian_fd = ends[1];
    return true;
}

bool wire_silence_by_iptables(struct wire *wire, const struct port_ranges *tcp,
                              const struct port_ranges *udp) {
    snprintf(wire->chain, sizeof wire->chain, "tether-%s", wire->interface);
    int lock_fd = take_lock(wire);
    if (lock_fd < 0)
        return false;
    bool guarded = start_guardian(wire, lock_fd);
    close(lock_fd);
    if (!guarded)
        return false;
    (void)remove_chain(wire);
    return run_iptables((const char *[]){"-N", wire->chain, NULL}) &&
           add_ranges(wire, "tcp", tcp) && add_ranges(wire, "udp", udp) &&
           run_iptables((const char *[]){"-I", "PREROUTING", "-j", wire->chain, NULL});
}

void wire_unsilence_by_iptables(struct wire *wire) {
    if (wire->guardian == 0)
        return;
    close(wire->guardian_fd);
    if (!wait_for(wire->guardian))
        log_warn(wire->log, "the iptables chain tether-%s is left over: the next start removes it",
                 wire->interface);
    wire->guardian = 0;
}
