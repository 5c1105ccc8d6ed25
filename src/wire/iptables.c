// The kernel kept silent where nftables cannot do it (silence.c): the iptables program is run once for
// each rule. Its rules would outlive this process, which moreover has no privilege left at its end, so
// a second process undoes them.
//
// That guardian is a copy of this process, made by fork() before the first rule. It keeps its privilege
// and nothing else: it closes all descriptors but two, leaves the terminal's session, ignores the
// signals that end programs, and waits at one end of a pipe, whose other end this process alone has.
// When this process ends, however it ends, the kernel closes that end; the guardian reads the end of
// the file, removes the rules, and ends too.
//
// Its second descriptor is a socket with a name (unix(7), an abstract address, which every network
// namespace has for itself): as long as it is open nobody else can take the name. So a server that is
// started right after one was killed waits until the old rules are gone. What a guardian leaves that was
// killed as well is removed at the next start.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire.h"

#define NAME_TRIES   100
#define NAME_WAIT_MS 100

// Waits for a child. Returns true when it said it was done.
static bool wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Runs iptables on the table "raw"; `arguments` end in NULL. Returns true when it said it was done.
static bool run_iptables(const char *const *arguments)
{
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

// Our chain, and what stands for it: one on each interface.
static void chain_name(const struct wire *wire, char name[32])
{
    snprintf(name, 32, "tether-%s", wire->interface);
}

// Returns whether there is no such chain any more.
static bool remove_chain(const struct wire *wire)
{
    char chain[32];
    chain_name(wire, chain);
    (void)run_iptables((const char *[]){"-D", "PREROUTING", "-j", chain, NULL});
    (void)run_iptables((const char *[]){"-F", chain, NULL});
    (void)run_iptables((const char *[]){"-X", chain, NULL});
    return !run_iptables((const char *[]){"-S", chain, NULL});
}

static bool add_ranges(const struct wire *wire, const char *protocol,
                       const struct port_ranges *ranges)
{
    char chain[32];
    char address[INET_ADDRSTRLEN];
    char ports[16];
    struct in_addr in = {htonl(wire->address)};
    chain_name(wire, chain);
    inet_ntop(AF_INET, &in, address, sizeof address);
    for (size_t i = 0; i < ranges->count; i++) {
        const struct port_range *range = &ranges->ranges[i];
        snprintf(ports, sizeof ports, "%u:%u", (unsigned)range->low, (unsigned)range->high);
        if (!run_iptables((const char *[]){"-A", chain, "-d", address, "-p", protocol, "--dport",
                                           ports, "-j", "DROP", NULL}))
            return false;
    }
    return true;
}

// Takes the name that the chain's owner has, and waits while an old guardian has it. Returns the socket
// that holds it, or -1 with errno set.
static int take_name(const struct wire *wire)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX}; // sun_path[0] is 0: an abstract address
    chain_name(wire, name.sun_path + 1);
    socklen_t length =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name.sun_path + 1));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    for (int i = 0; i < NAME_TRIES; i++) {
        if (bind(fd, (const struct sockaddr *)&name, length) == 0)
            return fd;
        if (errno != EADDRINUSE)
            break;
        poll(NULL, 0, NAME_WAIT_MS);
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

// The guardian's life. `wait_fd`: the reading end of the pipe.
static _Noreturn void guard(const struct wire *wire, int wait_fd, int name_fd)
{
    char byte;
    ssize_t got;
    setsid();
    prctl(PR_SET_NAME,
          "tether-guardian"); // so that "killall -9 tether-server" does not mean it too
    signal(SIGINT, SIG_IGN);  // and so does the iptables program that it runs
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    for (int fd = 0; fd < LOOP_MAX_FDS; fd++)
        if (fd != wait_fd && fd != name_fd)
            close(fd);
    do
        got = read(wait_fd, &byte, 1);
    while (got > 0 || (got < 0 && errno == EINTR));
    _exit(remove_chain(wire) ? 0 : 1);
}

static bool start_guardian(struct wire *wire, int name_fd)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    pid_t child = fork();
    if (child == 0)
        guard(wire, ends[0], name_fd);
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
                              const struct port_ranges *udp)
{
    char chain[32];
    chain_name(wire, chain);
    int name_fd = take_name(wire);
    if (name_fd < 0) {
        log_error(wire->log, "cannot take the name %s: %s%s", chain, strerror(errno),
                  errno == EADDRINUSE ? " (is another tether-server running?)" : "");
        return false;
    }
    bool guarded = start_guardian(wire, name_fd);
    close(name_fd);
    if (!guarded)
        return false;
    (void)remove_chain(wire);
    return run_iptables((const char *[]){"-N", chain, NULL}) && add_ranges(wire, "tcp", tcp) &&
           add_ranges(wire, "udp", udp) &&
           run_iptables((const char *[]){"-I", "PREROUTING", "-j", chain, NULL});
}

void wire_unsilence_by_iptables(struct wire *wire)
{
    if (wire->guardian == 0)
        return;
    close(wire->guardian_fd);
    if (!wait_for(wire->guardian))
        log_warn(wire->log, "the iptables chain tether-%s is left over: the next start removes it",
                 wire->interface);
    wire->guardian = 0;
}
