// SPDX-License-Identifier: ISC
// The sandbox of system calls, in two ways. Its filter is interpreted here, by a small machine for
// the part of classic BPF that it is written in (the kernel's Documentation/networking/filter.rst),
// so that it is looked at for every processor that the tests are built for. And where the kernel
// has seccomp, processes enter the sandbox and try what is allowed and what is not; an emulator's
// kernel has none, and there they find out that sandbox_enter() says so.
#include "os/sandbox.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"
#include "test.h"

static const struct log quiet = {.program = "test_sandbox", .level = LOG_LEVEL_ERROR};

// ---- the filter, interpreted ----

#define WRONG_CODE                                                                                 \
    0xdeadbeef // what the machine returns for code that it does not know, or without end

// One word of struct seccomp_data, as the kernel gives it to the filter.
static uint32_t load(const struct seccomp_data *data, uint32_t place) {
    uint32_t word = 0;
    if (place % 4 == 0 && place <= sizeof *data - 4)
        memcpy(&word, (const uint8_t *)data + place, 4);
    return word;
}

static uint32_t run_filter(const struct sock_filter *code, size_t length,
                           const struct seccomp_data *data) {
    uint32_t a = 0;
    for (size_t pc = 0; pc < length; pc++) {
        const struct sock_filter *i = &code[pc];
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS: a = load(data, i->k); break;
        case BPF_JMP | BPF_JEQ | BPF_K: pc += a == i->k ? i->jt : i->jf; break;
        case BPF_JMP | BPF_JSET | BPF_K: pc += (a & i->k) != 0 ? i->jt : i->jf; break;
        case BPF_RET | BPF_K: return i->k;
        default: return WRONG_CODE;
        }
    }
    return WRONG_CODE;
}

// Which architecture this test is built for, told in another way than the filter does it: by the
// ELF header's machine and the byte order.
static uint32_t architecture(void) {
    union {
        uint8_t bytes[20];
        uint16_t halves[10];
    } elf;
    int fd = open("/proc/self/exe", O_RDONLY);
    ssize_t got = read(fd, elf.bytes, sizeof elf.bytes);
    close(fd);
    if (got != (ssize_t)sizeof elf.bytes)
        return 0;
    uint32_t found = elf.halves[9];
    if (elf.bytes[4] == 2)
        found |= __AUDIT_ARCH_64BIT;
    if (elf.bytes[5] == 1)
        found |= __AUDIT_ARCH_LE;
    return found;
}

static const struct {
    const char *name;
    int number;
    int argument;
    uint64_t value;
    enum { NEVER, ALWAYS, WITH_FILES, WITH_DEVICES, WITH_TERMINAL } allowed;
} calls[] = {
    {"read", __NR_read, 0, 0, ALWAYS},
    {"write", __NR_write, 0, 0, ALWAYS},
    {"ppoll", __NR_ppoll, 0, 0, ALWAYS},
    {"sendto", __NR_sendto, 0, 0, ALWAYS},
    {"recvfrom", __NR_recvfrom, 0, 0, ALWAYS},
    {"accept4", __NR_accept4, 0, 0, ALWAYS},
    {"close", __NR_close, 0, 0, ALWAYS},
    {"getrandom", __NR_getrandom, 0, 0, ALWAYS},
    {"wait4", __NR_wait4, 0, 0, ALWAYS},
    {"exit_group", __NR_exit_group, 0, 0, ALWAYS},
    {"setsockopt of TCP", __NR_setsockopt, 1, IPPROTO_TCP, ALWAYS},
    {"setsockopt of sockets", __NR_setsockopt, 1, SOL_SOCKET, NEVER},
    {"setsockopt SO_BINDTODEVICE", __NR_setsockopt, 2, SO_BINDTODEVICE, WITH_DEVICES},
    {"setsockopt SO_ATTACH_FILTER", __NR_setsockopt, 2, SO_ATTACH_FILTER, NEVER},
    {"setsockopt of packet sockets", __NR_setsockopt, 1, 263, NEVER},
    {"ioctl SIOCGIFADDR", __NR_ioctl, 1, SIOCGIFADDR, ALWAYS},
    {"ioctl SIOCGIFINDEX", __NR_ioctl, 1, SIOCGIFINDEX, ALWAYS},
    {"ioctl SIOCGIFMTU", __NR_ioctl, 1, SIOCGIFMTU, ALWAYS},
    {"ioctl SIOCSIFADDR", __NR_ioctl, 1, SIOCSIFADDR, NEVER},
    {"ioctl TIOCGWINSZ", __NR_ioctl, 1, TIOCGWINSZ, WITH_TERMINAL},
    {"ioctl TIOCGPGRP", __NR_ioctl, 1, TIOCGPGRP, WITH_TERMINAL},
    {"ioctl TIOCSWINSZ", __NR_ioctl, 1, TIOCSWINSZ, NEVER},
    {"ioctl TIOCSPGRP", __NR_ioctl, 1, TIOCSPGRP, NEVER},
    {"ioctl TIOCSCTTY", __NR_ioctl, 1, TIOCSCTTY, NEVER},
    {"ioctl TCSETS", __NR_ioctl, 1, TCSETS, NEVER},
    {"ioctl TIOCSTI", __NR_ioctl, 1, TIOCSTI, NEVER},
    {"openat to read", __NR_openat, 2, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, WITH_FILES},
    {"openat to write", __NR_openat, 2, O_WRONLY, NEVER},
    {"openat to read and write", __NR_openat, 2, O_RDWR, NEVER},
    {"openat to create", __NR_openat, 2, O_CREAT, NEVER},
    {"openat to cut", __NR_openat, 2, O_TRUNC, NEVER},
    {"openat to make a nameless file", __NR_openat, 2, O_TMPFILE | O_RDWR, NEVER},
#ifdef __NR_mmap2
    {"mmap2 to write", __NR_mmap2, 2, PROT_READ | PROT_WRITE, ALWAYS},
    {"mmap2 to execute", __NR_mmap2, 2, PROT_READ | PROT_EXEC, NEVER},
#else
    {"mmap to write", __NR_mmap, 2, PROT_READ | PROT_WRITE, ALWAYS},
    {"mmap to execute", __NR_mmap, 2, PROT_READ | PROT_EXEC, NEVER},
#endif
    {"mprotect", __NR_mprotect, 2, PROT_READ, NEVER},
    {"tgkill of init", __NR_tgkill, 0, 1, NEVER},
    {"tkill of init", __NR_tkill, 0, 1, NEVER},
    {"kill", __NR_kill, 0, 0, NEVER},
    {"socket", __NR_socket, 0, AF_INET, NEVER},
    {"socket of netlink", __NR_socket, 0, AF_NETLINK, NEVER},
    {"socketpair", __NR_socketpair, 0, AF_UNIX, NEVER},
    {"bind", __NR_bind, 0, 0, NEVER},
    {"listen", __NR_listen, 0, 0, WITH_DEVICES},
    {"getsockname", __NR_getsockname, 0, 0, WITH_DEVICES},
    {"connect", __NR_connect, 0, 0, NEVER},
    {"execve", __NR_execve, 0, 0, NEVER},
    {"execveat", __NR_execveat, 0, 0, NEVER},
    {"clone", __NR_clone, 0, 0, NEVER},
    {"clone3", __NR_clone3, 0, 0, NEVER},
    {"ptrace", __NR_ptrace, 0, 0, NEVER},
    {"process_vm_writev", __NR_process_vm_writev, 0, 0, NEVER},
    {"mount", __NR_mount, 0, 0, NEVER},
    {"chroot", __NR_chroot, 0, 0, NEVER},
    {"setns", __NR_setns, 0, 0, NEVER},
    {"unshare", __NR_unshare, 0, 0, NEVER},
    {"setuid", __NR_setuid, 0, 0, NEVER},
    {"capset", __NR_capset, 0, 0, NEVER},
    {"prctl", __NR_prctl, 0, 0, NEVER},
    {"bpf", __NR_bpf, 0, 0, NEVER},
    {"init_module", __NR_init_module, 0, 0, NEVER},
    {"io_uring_setup", __NR_io_uring_setup, 0, 0, NEVER},
    {"open_by_handle_at", __NR_open_by_handle_at, 0, 0, NEVER},
    {"unlinkat", __NR_unlinkat, 0, 0, NEVER},
    {"fchmod", __NR_fchmod, 0, 0, NEVER},
    {"memfd_create", __NR_memfd_create, 0, 0, NEVER},
    {"keyctl", __NR_keyctl, 0, 0, NEVER},
    {"a number that is none", 0xffff, 0, 0, NEVER},
    {"minus one", -1, 0, 0, NEVER},
};

static const struct sandbox_needs needs_nothing = {.files = false};
static const struct sandbox_needs needs_files = {.files = true};
static const struct sandbox_needs needs_terminal = {.terminal = true};
static const struct sandbox_needs needs_devices = {.devices = true};
static const struct sandbox_needs needs_both = {.files = true, .terminal = true};
static const struct sandbox_needs needs_all = {.files = true, .devices = true, .terminal = true};

static void check_calls(const struct sandbox_needs *needs) {
    struct sock_filter code[SANDBOX_CODE_MAX];
    size_t length = sandbox_write(code, needs);
    for (size_t i = 0; i < COUNT(calls) && length > 0; i++) {
        struct seccomp_data data = {.nr = calls[i].number, .arch = architecture()};
        bool allowed = calls[i].allowed == ALWAYS ||
                       (calls[i].allowed == WITH_FILES && needs->files) ||
                       (calls[i].allowed == WITH_DEVICES && needs->devices) ||
                       (calls[i].allowed == WITH_TERMINAL && needs->terminal);
        test_row("%s", calls[i].name);
        memset(data.args, 0, sizeof data.args);
        data.args[calls[i].argument] = calls[i].value;
        CHECK_INT(run_filter(code, length, &data),
                  allowed ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS);
        data.arch ^= __AUDIT_ARCH_64BIT;
        CHECK_INT(run_filter(code, length, &data), SECCOMP_RET_KILL_PROCESS);
    }
}

static void calls_without_files(void) { check_calls(&needs_nothing); }

static void calls_with_files(void) { check_calls(&needs_files); }

static void calls_with_devices(void) {
    check_calls(&needs_devices);
    check_calls(&needs_all);
}

static void calls_with_terminal(void) {
    check_calls(&needs_terminal);
    check_calls(&needs_both);
}

static void x32_is_refused(void) {
    struct sock_filter code[SANDBOX_CODE_MAX];
    size_t length = sandbox_write(code, &needs_both);
    for (int number = 0; number < 600 && length > 0; number++) {
        struct seccomp_data data = {.nr = number | 0x40000000, .arch = architecture()};
        test_row("%d", number);
        CHECK_INT(run_filter(code, length, &data), SECCOMP_RET_KILL_PROCESS);
    }
}

static void few_are_allowed(void) {
    struct sock_filter code[SANDBOX_CODE_MAX];
    size_t length = sandbox_write(code, &needs_nothing);
    int allowed = 0;
    for (int number = 0; number < 6000 && length > 0; number++) {
        struct seccomp_data data = {.nr = number, .arch = architecture()};
        allowed += run_filter(code, length, &data) == SECCOMP_RET_ALLOW;
    }
    CHECK(length == 0 || (allowed > 20 && allowed < 50));
}

// ---- the sandbox itself ----

// Whether this kernel has seccomp, whatever sandbox_enter() says. An address sanitizer's calls
// would not pass the filter, so with it the sandbox is left out.
static bool there_is_one(void) {
#if defined(__SANITIZE_ADDRESS__)
    return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return false;
#endif
#endif
    return prctl(PR_GET_SECCOMP, 0L, 0L, 0L, 0L) == 0;
}

static int pipe_ends[2];

// What a process of the sandbox does. Each returns whether it was as it should be.
typedef bool deed(void);

// Does it in a process of its own. Returns the process's status of waitpid(); it ended by itself
// with 0 for a deed that was as it should be.
static int in_sandbox(deed *what, const struct sandbox_needs *needs) {
    int status = -1;
    bool expected = there_is_one();
    struct rlimit none = {0, 0};
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &none);
        if (sandbox_enter(&quiet, needs) != expected)
            _exit(2);
        _exit(what() ? 0 : 1);
    }
    if (child > 0)
        waitpid(child, &status, 0);
    return status;
}

static bool nothing(void) { return true; }

static void it_says_whether_it_is_in_force(void) {
    CHECK_INT(in_sandbox(nothing, &needs_nothing), 0);
    CHECK_INT(in_sandbox(nothing, &needs_both), 0);
    CHECK(there_is_one() ==
          (prctl(PR_GET_SECCOMP, 0L, 0L, 0L, 0L) == 0 &&
           sandbox_write((struct sock_filter[SANDBOX_CODE_MAX]){{0}}, &needs_nothing) > 0));
}

static bool do_poll(void) {
    struct pollfd polled = {.fd = pipe_ends[0], .events = POLLIN};
    char byte = 1;
    return poll(&polled, 1, 1) == 0 && write(pipe_ends[1], &byte, 1) == 1 &&
           poll(&polled, 1, -1) == 1 && read(pipe_ends[0], &byte, 1) == 1;
}

static void on_timer(void *arg) {
    (void)arg;
    raise(SIGTERM); // to this process itself
}

// The loop is made before, in the parent; its timer ends it by a signal.
static struct loop loop;

static bool do_loop(void) { return loop_run(&loop) == 0 && loop.stop; }

static bool do_random(void) {
    char bytes[64];
    return getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes;
}

static int udp_fd;

static bool do_ioctl(void) {
    struct ifreq {
        char name[16];
        char value[24];
    } request = {.name = "lo"};
    return ioctl(udp_fd, SIOCGIFADDR, &request) == 0 || errno == EADDRNOTAVAIL || errno == ENODEV;
}

static bool do_error_text(void) { return strerror(ENOENT) != NULL && strerror(123456) != NULL; }

static bool do_time(void) {
    struct timespec now;
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0 &&
           (syscall(__NR_clock_gettime, CLOCK_MONOTONIC, &now) == 0 || errno == ENOSYS);
}

static bool do_wait(void) { return waitpid(-1, NULL, 0) < 0 && errno == ECHILD; }

static bool do_read_file(void) {
    struct stat info;
    char bytes[16];
    int fd = openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && fstat(fd, &info) == 0 && read(fd, bytes, sizeof bytes) > 0 && close(fd) == 0;
}

// No terminal is needed to ask.
static bool do_bind_to_device(void) {
    (void)syscall(__NR_setsockopt, -1, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2);
    return true;
}

static bool do_ask_terminal(void) {
    struct winsize size;
    return ioctl(-1, TIOCGWINSZ, &size) < 0 && errno == EBADF && tcgetpgrp(-1) < 0 &&
           errno == EBADF;
}

static const struct {
    const char *name;
    deed *deed;
    const struct sandbox_needs *needs;
} allowed_deeds[] = {
    {"poll, read, write", do_poll, &needs_nothing},
    {"the loop, its timer and its signals", do_loop, &needs_nothing},
    {"random numbers", do_random, &needs_nothing},
    {"an interface's address", do_ioctl, &needs_nothing},
    {"the text of an error", do_error_text, &needs_nothing},
    {"the time", do_time, &needs_nothing},
    {"waiting for a child", do_wait, &needs_nothing},
    {"reading a file, with files", do_read_file, &needs_files},
    {"binding to a device, with devices", do_bind_to_device, &needs_devices},
    {"asking a terminal, with one", do_ask_terminal, &needs_terminal},
};

static void what_is_allowed_works(void) {
    CHECK(pipe(pipe_ends) == 0);
    CHECK(loop_init(&loop) == 0);
    CHECK(loop_every(&loop, 5, on_timer, NULL) == 0);
    udp_fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(udp_fd >= 0);
    for (size_t i = 0; i < COUNT(allowed_deeds); i++) {
        test_row("%s", allowed_deeds[i].name);
        CHECK_INT(in_sandbox(allowed_deeds[i].deed, allowed_deeds[i].needs), 0);
    }
    close(udp_fd);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    loop_close(&loop);
}

// Each of these comes to its end where nothing holds it back, and does no harm there.
static bool do_execute(void) {
    char *const none[] = {NULL};
    return execve("/", none, none) < 0;
}

static bool do_fork(void) {
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child > 0 && waitpid(child, NULL, 0) == child;
}

static bool do_socket(void) { return socket(AF_INET, SOCK_STREAM, 0) >= 0; }

// The call itself: on i386 libraries make another one of it, whose arguments cannot be looked at.
static bool do_socket_option(void) {
    int on = 1;
    (void)syscall(__NR_setsockopt, -1, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return true;
}

static bool do_trace(void) {
    (void)ptrace(PTRACE_PEEKDATA, 0, NULL, NULL);
    return true;
}

static bool do_mount(void) { return mount("none", "/nowhere/at/all", "none", 0, NULL) < 0; }

static bool do_change_user(void) { return setuid(getuid()) == 0; }

static bool do_write_file(void) { return open("/dev/null", O_WRONLY) >= 0; }

static bool do_create_file(void) { return open("/nowhere/at/all", O_RDONLY | O_CREAT, 0600) < 0; }

static bool do_delete_file(void) { return unlink("/nowhere/at/all") < 0; }

static bool do_code(void) {
    (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return true;
}

static bool do_signal(void) { return kill(getppid(), 0) == 0; }

static const struct {
    const char *name;
    deed *deed;
    const struct sandbox_needs *needs;
} forbidden_deeds[] = {
    {"executing a program", do_execute, &needs_both},
    {"making a process", do_fork, &needs_both},
    {"making a socket", do_socket, &needs_both},
    {"options of sockets", do_socket_option, &needs_both},
    {"tracing", do_trace, &needs_both},
    {"mounting", do_mount, &needs_both},
    {"changing the user", do_change_user, &needs_both},
    {"opening a file to write", do_write_file, &needs_both},
    {"making a file", do_create_file, &needs_both},
    {"deleting a file", do_delete_file, &needs_both},
    {"memory to execute", do_code, &needs_both},
    {"a signal to another process", do_signal, &needs_both},
    {"reading a file, without files", do_read_file, &needs_terminal},
    {"binding to a device, without devices", do_bind_to_device, &needs_both},
    {"asking a terminal, without one", do_ask_terminal, &needs_files},
};

static void what_is_forbidden_ends_the_process(void) {
    bool enforced = there_is_one();
    for (size_t i = 0; i < COUNT(forbidden_deeds); i++) {
        test_row("%s", forbidden_deeds[i].name);
        int status = in_sandbox(forbidden_deeds[i].deed, forbidden_deeds[i].needs);
        if (enforced) {
            CHECK(WIFSIGNALED(status));
            CHECK_INT(WTERMSIG(status), SIGSYS);
        } else {
            CHECK_INT(status, 0);
        }
    }
}

static bool do_abort(void) { abort(); }

static void abort_ends_by_its_own_signal(void) {
    int status = in_sandbox(do_abort, &needs_nothing);
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGABRT);
}

int main(void) {
    TEST("the filter allows what the programs do, and no more", calls_without_files);
    TEST("the filter allows to read files besides, where they are wanted", calls_with_files);
    TEST("the filter allows to bind to devices, where they may be made anew", calls_with_devices);
    TEST("the filter allows to ask a terminal, where there is one", calls_with_terminal);
    TEST("the filter refuses the numbers of x32", x32_is_refused);
    TEST("the filter allows few calls altogether", few_are_allowed);
    TEST("entering says whether the sandbox is in force", it_says_whether_it_is_in_force);
    TEST("what is allowed works in the sandbox", what_is_allowed_works);
    TEST("what is forbidden ends the process, where the sandbox is in force",
         what_is_forbidden_ends_the_process);
    TEST("abort() ends the process by SIGABRT, in the sandbox too", abort_ends_by_its_own_signal);
    return test_end();
}
