// The sandbox of system calls, in two ways. Its filter is interpreted here, by a small machine for the
// part of classic BPF that it is written in (the kernel's Documentation/networking/filter.rst), so that
// it is looked at for every processor that the tests are built for. And where the kernel has seccomp,
// processes enter the sandbox and try what is allowed and what is not; an emulator's kernel has none,
// and there they find out that sandbox_enter() says so.
#include "base/sandbox.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
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

static const struct log quiet = {"test_sandbox", LOG_LEVEL_ERROR};

// ---- the filter, interpreted ----

#define WRONG_CODE                                                                                 \
    0xdeadbeef // what the machine returns for code that it does not know, or without end

// One word of struct seccomp_data, as the kernel gives it to the filter.
static uint32_t load(const struct seccomp_data *data, uint32_t place)
{
    uint32_t word = 0;
    if (place % 4 == 0 && place <= sizeof *data - 4)
        memcpy(&word, (const uint8_t *)data + place, 4);
    return word;
}

static uint32_t run_filter(const struct sock_filter *code, size_t length,
                           const struct seccomp_data *data)
{
    uint32_t a = 0;
    for (size_t pc = 0; pc < length; pc++) {
        const struct sock_filter *i = &code[pc];
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            a = load(data, i->k);
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += a == i->k ? i->jt : i->jf;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            pc += (a & i->k) != 0 ? i->jt : i->jf;
            break;
        case BPF_RET | BPF_K:
            return i->k;
        default:
            return WRONG_CODE;
        }
    }
    return WRONG_CODE;
}

// Which architecture this test is built for, told in another way than the filter does it: by the ELF
// header's machine and the byte order.
static uint32_t architecture(void)
{
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
    bool allowed;
    bool allowed_with_files;
} calls[] = {
    {"read", __NR_read, 0, 0, true, true},
    {"write", __NR_write, 0, 0, true, true},
    {"ppoll", __NR_ppoll, 0, 0, true, true},
    {"sendto", __NR_sendto, 0, 0, true, true},
    {"recvfrom", __NR_recvfrom, 0, 0, true, true},
    {"accept4", __NR_accept4, 0, 0, true, true},
    {"close", __NR_close, 0, 0, true, true},
    {"getrandom", __NR_getrandom, 0, 0, true, true},
    {"wait4", __NR_wait4, 0, 0, true, true},
    {"exit_group", __NR_exit_group, 0, 0, true, true},
    {"setsockopt of TCP", __NR_setsockopt, 1, IPPROTO_TCP, true, true},
    {"setsockopt of sockets", __NR_setsockopt, 1, SOL_SOCKET, false, false},
    {"setsockopt of packet sockets", __NR_setsockopt, 1, 263, false, false},
    {"ioctl SIOCGIFADDR", __NR_ioctl, 1, SIOCGIFADDR, true, true},
    {"ioctl SIOCGIFINDEX", __NR_ioctl, 1, SIOCGIFINDEX, true, true},
    {"ioctl SIOCSIFADDR", __NR_ioctl, 1, SIOCSIFADDR, false, false},
    {"ioctl TIOCSTI", __NR_ioctl, 1, TIOCSTI, false, false},
    {"openat to read", __NR_openat, 2, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, false, true},
    {"openat to write", __NR_openat, 2, O_WRONLY, false, false},
    {"openat to read and write", __NR_openat, 2, O_RDWR, false, false},
    {"openat to create", __NR_openat, 2, O_CREAT, false, false},
    {"openat to cut", __NR_openat, 2, O_TRUNC, false, false},
    {"openat to make a nameless file", __NR_openat, 2, O_TMPFILE | O_RDWR, false, false},
#ifdef __NR_mmap2
    {"mmap2 to write", __NR_mmap2, 2, PROT_READ | PROT_WRITE, true, true},
    {"mmap2 to execute", __NR_mmap2, 2, PROT_READ | PROT_EXEC, false, false},
#else
    {"mmap to write", __NR_mmap, 2, PROT_READ | PROT_WRITE, true, true},
    {"mmap to execute", __NR_mmap, 2, PROT_READ | PROT_EXEC, false, false},
#endif
    {"mprotect", __NR_mprotect, 2, PROT_READ, false, false},
    {"tgkill of init", __NR_tgkill, 0, 1, false, false},
    {"tkill of init", __NR_tkill, 0, 1, false, false},
    {"kill", __NR_kill, 0, 0, false, false},
    {"socket", __NR_socket, 0, AF_INET, false, false},
    {"socket of netlink", __NR_socket, 0, AF_NETLINK, false, false},
    {"socketpair", __NR_socketpair, 0, AF_UNIX, false, false},
    {"bind", __NR_bind, 0, 0, false, false},
    {"connect", __NR_connect, 0, 0, false, false},
    {"listen", __NR_listen, 0, 0, false, false},
    {"execve", __NR_execve, 0, 0, false, false},
    {"execveat", __NR_execveat, 0, 0, false, false},
    {"clone", __NR_clone, 0, 0, false, false},
    {"clone3", __NR_clone3, 0, 0, false, false},
    {"ptrace", __NR_ptrace, 0, 0, false, false},
    {"process_vm_writev", __NR_process_vm_writev, 0, 0, false, false},
    {"mount", __NR_mount, 0, 0, false, false},
    {"chroot", __NR_chroot, 0, 0, false, false},
    {"setns", __NR_setns, 0, 0, false, false},
    {"unshare", __NR_unshare, 0, 0, false, false},
    {"setuid", __NR_setuid, 0, 0, false, false},
    {"capset", __NR_capset, 0, 0, false, false},
    {"prctl", __NR_prctl, 0, 0, false, false},
    {"bpf", __NR_bpf, 0, 0, false, false},
    {"init_module", __NR_init_module, 0, 0, false, false},
    {"io_uring_setup", __NR_io_uring_setup, 0, 0, false, false},
    {"open_by_handle_at", __NR_open_by_handle_at, 0, 0, false, false},
    {"unlinkat", __NR_unlinkat, 0, 0, false, false},
    {"fchmod", __NR_fchmod, 0, 0, false, false},
    {"memfd_create", __NR_memfd_create, 0, 0, false, false},
    {"keyctl", __NR_keyctl, 0, 0, false, false},
    {"a number that is none", 0xffff, 0, 0, false, false},
    {"minus one", -1, 0, 0, false, false},
};

static void check_calls(bool opens_files)
{
    struct sock_filter code[SANDBOX_CODE_MAX];
    size_t length = sandbox_write(code, opens_files);
    for (size_t i = 0; i < COUNT(calls) && length > 0; i++) {
        struct seccomp_data data = {.nr = calls[i].number, .arch = architecture()};
        bool allowed = opens_files ? calls[i].allowed_with_files : calls[i].allowed;
        test_row("%s", calls[i].name);
        memset(data.args, 0, sizeof data.args);
        data.args[calls[i].argument] = calls[i].value;
        CHECK_INT(run_filter(code, length, &data),
                  allowed ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS);
        data.arch ^= __AUDIT_ARCH_64BIT;
        CHECK_INT(run_filter(code, length, &data), SECCOMP_RET_KILL_PROCESS);
    }
}

static void calls_without_files(void)
{
    check_calls(false);
}

static void calls_with_files(void)
{
    check_calls(true);
}

static void x32_is_refused(void)
{
    struct sock_filter code[SANDBOX_CODE_MAX];
    size_t length = sandbox_write(code, true);
    for (int number = 0; number < 600 && length > 0; number++) {
        struct seccomp_data data = {.nr = number | 0x40000000, .arch = architecture()};
        test_row("%d", number);
        CHECK_INT(run_filter(code, length, &data), SECCOMP_RET_KILL_PROCESS);
    }
}

static void few_are_allowed(void)
{
    struct sock_filter code[SANDBOX_CODE_MAX];
    size_t length = sandbox_write(code, false);
    int allowed = 0;
    for (int number = 0; number < 6000 && length > 0; number++) {
        struct seccomp_data data = {.nr = number, .arch = architecture()};
        allowed += run_filter(code, length, &data) == SECCOMP_RET_ALLOW;
    }
    CHECK(length == 0 || (allowed > 20 && allowed < 50));
}

// ---- the sandbox itself ----

// Whether this kernel has seccomp, whatever sandbox_enter() says. An address sanitizer's calls would not
// pass the filter, so with it the sandbox is left out.
static bool there_is_one(void)
{
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

// Does it in a process of its own. Returns the process's status of waitpid(); it ended by itself with 0
// for a deed that was as it should be.
static int in_sandbox(deed *what, bool opens_files)
{
    int status = -1;
    bool expected = there_is_one();
    struct rlimit none = {0, 0};
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &none);
        if (sandbox_enter(&quiet, opens_files) != expected)
            _exit(2);
        _exit(what() ? 0 : 1);
    }
    if (child > 0)
        waitpid(child, &status, 0);
    return status;
}

static bool nothing(void)
{
    return true;
}

static void it_says_whether_it_is_in_force(void)
{
    CHECK_INT(in_sandbox(nothing, false), 0);
    CHECK_INT(in_sandbox(nothing, true), 0);
    CHECK(there_is_one() ==
          (prctl(PR_GET_SECCOMP, 0L, 0L, 0L, 0L) == 0 &&
           sandbox_write((struct sock_filter[SANDBOX_CODE_MAX]){{0}}, false) > 0));
}

static bool do_poll(void)
{
    struct pollfd polled = {.fd = pipe_ends[0], .events = POLLIN};
    char byte = 1;
    return poll(&polled, 1, 1) == 0 && write(pipe_ends[1], &byte, 1) == 1 &&
           poll(&polled, 1, -1) == 1 && read(pipe_ends[0], &byte, 1) == 1;
}

static void on_timer(void *arg, short events)
{
    (void)arg;
    (void)events;
    raise(SIGTERM); // to this process itself
}

// The loop is made before, in the parent; its timer ends it by a signal.
static struct loop loop;

static bool do_loop(void)
{
    return loop_run(&loop) == 0 && loop.stop;
}

static bool do_random(void)
{
    char bytes[64];
    return getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes;
}

static int udp_fd;

static bool do_ioctl(void)
{
    struct ifreq {
        char name[16];
        char value[24];
    } request = {.name = "lo"};
    return ioctl(udp_fd, SIOCGIFADDR, &request) == 0 || errno == EADDRNOTAVAIL || errno == ENODEV;
}

static bool do_error_text(void)
{
    return strerror(ENOENT) != NULL && strerror(123456) != NULL;
}

static bool do_time(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0 &&
           (syscall(__NR_clock_gettime, CLOCK_MONOTONIC, &now) == 0 || errno == ENOSYS);
}

static bool do_wait(void)
{
    return waitpid(-1, NULL, 0) < 0 && errno == ECHILD;
}

static bool do_read_file(void)
{
    struct stat info;
    char bytes[16];
    int fd = openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && fstat(fd, &info) == 0 && read(fd, bytes, sizeof bytes) > 0 && close(fd) == 0;
}

static const struct {
    const char *name;
    deed *deed;
    bool opens_files;
} allowed_deeds[] = {
    {"poll, read, write", do_poll, false},
    {"the loop, its timer and its signals", do_loop, false},
    {"random numbers", do_random, false},
    {"an interface's address", do_ioctl, false},
    {"the text of an error", do_error_text, false},
    {"the time", do_time, false},
    {"waiting for a child", do_wait, false},
    {"reading a file, with files", do_read_file, true},
};

static void what_is_allowed_works(void)
{
    CHECK(pipe(pipe_ends) == 0);
    CHECK(loop_init(&loop) == 0);
    CHECK(loop_every(&loop, 5, on_timer, NULL) == 0);
    udp_fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(udp_fd >= 0);
    for (size_t i = 0; i < COUNT(allowed_deeds); i++) {
        test_row("%s", allowed_deeds[i].name);
        CHECK_INT(in_sandbox(allowed_deeds[i].deed, allowed_deeds[i].opens_files), 0);
    }
    close(udp_fd);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    loop_close(&loop);
}

// Each of these comes to its end where nothing holds it back, and does no harm there.
static bool do_execute(void)
{
    char *const none[] = {NULL};
    return execve("/", none, none) < 0;
}

static bool do_fork(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child > 0 && waitpid(child, NULL, 0) == child;
}

static bool do_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

// The call itself: on i386 libraries make another one of it, whose arguments cannot be looked at.
static bool do_socket_option(void)
{
    int on = 1;
    (void)syscall(__NR_setsockopt, -1, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return true;
}

static bool do_trace(void)
{
    (void)ptrace(PTRACE_PEEKDATA, 0, NULL, NULL);
    return true;
}

static bool do_mount(void)
{
    return mount("none", "/nowhere/at/all", "none", 0, NULL) < 0;
}

static bool do_change_user(void)
{
    return setuid(getuid()) == 0;
}

static bool do_write_file(void)
{
    return open("/dev/null", O_WRONLY) >= 0;
}

static bool do_create_file(void)
{
    return open("/nowhere/at/all", O_RDONLY | O_CREAT, 0600) < 0;
}

static bool do_delete_file(void)
{
    return unlink("/nowhere/at/all") < 0;
}

static bool do_code(void)
{
    (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return true;
}

static bool do_signal(void)
{
    return kill(getppid(), 0) == 0;
}

static const struct {
    const char *name;
    deed *deed;
    bool opens_files;
} forbidden_deeds[] = {
    {"executing a program", do_execute, true},
    {"making a process", do_fork, true},
    {"making a socket", do_socket, true},
    {"options of sockets", do_socket_option, true},
    {"tracing", do_trace, true},
    {"mounting", do_mount, true},
    {"changing the user", do_change_user, true},
    {"opening a file to write", do_write_file, true},
    {"making a file", do_create_file, true},
    {"deleting a file", do_delete_file, true},
    {"memory to execute", do_code, true},
    {"a signal to another process", do_signal, true},
    {"reading a file, without files", do_read_file, false},
};

static void what_is_forbidden_ends_the_process(void)
{
    bool enforced = there_is_one();
    for (size_t i = 0; i < COUNT(forbidden_deeds); i++) {
        test_row("%s", forbidden_deeds[i].name);
        int status = in_sandbox(forbidden_deeds[i].deed, forbidden_deeds[i].opens_files);
        if (enforced) {
            CHECK(WIFSIGNALED(status));
            CHECK_INT(WTERMSIG(status), SIGSYS);
        } else {
            CHECK_INT(status, 0);
        }
    }
}

static bool do_abort(void)
{
    abort();
}

static void abort_ends_by_its_own_signal(void)
{
    int status = in_sandbox(do_abort, false);
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGABRT);
}

int main(void)
{
    TEST("the filter allows what the programs do, and no more", calls_without_files);
    TEST("the filter allows to read files besides, where they are wanted", calls_with_files);
    TEST("the filter refuses the numbers of x32", x32_is_refused);
    TEST("the filter allows few calls altogether", few_are_allowed);
    TEST("entering says whether the sandbox is in force", it_says_whether_it_is_in_force);
    TEST("what is allowed works in the sandbox", what_is_allowed_works);
    TEST("what is forbidden ends the process, where the sandbox is in force",
         what_is_forbidden_ends_the_process);
    TEST("abort() ends the process by SIGABRT, in the sandbox too", abort_ends_by_its_own_signal);
    return test_end();
}
