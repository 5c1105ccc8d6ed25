// SPDX-License-Identifier: ISC
// Linux: the filter of system calls, seccomp (the kernel's
// Documentation/userspace-api/seccomp_filter.rst).
//
// Before each system call the kernel runs the filter, a program of classic BPF, on a struct
// seccomp_data: the processor's architecture, the call's number and its arguments. The filter's
// answer decides whether the call goes on or the process ends by SIGSYS. A filter cannot be taken
// off again.
//
// It names what is allowed. A number means different calls on different architectures, so it looks
// at the architecture first; the numbers of x86's second way in, x32, have a bit of their own and
// are not in the list. Arguments are looked at where a call can do far more than is needed. What a
// pointer leads to cannot be looked at, since it might change after the look.
//
// What is not in the list: to execute a program, to make a process, a socket, a file or memory that
// can be executed, to bind or connect, to trace or signal others, to change users, and all of the
// kernel's rarely used corners, where its own holes are mostly found.
#include "sandbox.h"
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

// The sanitizers' run-time library makes many calls of its own.
#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED
#endif
#endif

#if defined(IS_SANITIZED)
#elif defined(__x86_64__) && !defined(__ILP32__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCHITECTURE AUDIT_ARCH_I386
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__arm__) && defined(__ARMEL__)
#define ARCHITECTURE AUDIT_ARCH_ARM
#elif defined(__mips__) && _MIPS_SIM == _ABIO32 && defined(__MIPSEB__)
#define ARCHITECTURE AUDIT_ARCH_MIPS
#elif defined(__mips__) && _MIPS_SIM == _ABIO32
#define ARCHITECTURE AUDIT_ARCH_MIPSEL
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#endif

#ifndef ARCHITECTURE

size_t sandbox_write(struct sock_filter *code, const struct sandbox_needs *needs) {
    (void)code;
    (void)needs;
    return 0;
}

#else

// Newer than the headers of some compilers' kernels.
#ifndef SECCOMP_RET_KILL_PROCESS // Linux 4.14; before, its value means SECCOMP_RET_KILL
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif

// When a call is allowed.
enum condition {
    ALWAYS,
    IF_EQUAL,   // the argument is the value
    IF_NONE_OF, // the argument has none of the value's bits
    IF_SELF,    // the argument is this process's id
};

struct rule {
    uint16_t number; // of the system call
    uint8_t condition;
    uint8_t argument; // from 0; only its low 32 bits are looked at, all that these calls use of it
    uint32_t value;
};

// A library may make another call than the one that it is asked for: each function below is
// followed by those that some version of glibc or musl makes of it. What is called most stands
// first.
static const struct rule rules[] = {
    // poll()
    {__NR_ppoll, ALWAYS, 0, 0},
#ifdef __NR_poll
    {__NR_poll, ALWAYS, 0, 0},
#endif
#ifdef __NR_ppoll_time64
    {__NR_ppoll_time64, ALWAYS, 0, 0},
#endif
    {__NR_restart_syscall, ALWAYS, 0, 0}, // how poll() goes on after SIGSTOP and SIGCONT

    // read(), write(): TUN devices, files, signals, log lines
    {__NR_read, ALWAYS, 0, 0},
    {__NR_write, ALWAYS, 0, 0},

    // recv(), send(), sendto(): connections, netlink, ARP
    {__NR_recvfrom, ALWAYS, 0, 0},
    {__NR_sendto, ALWAYS, 0, 0},
#ifdef __NR_recv
    {__NR_recv, ALWAYS, 0, 0},
#endif
#ifdef __NR_send
    {__NR_send, ALWAYS, 0, 0},
#endif

    // recvmmsg(), sendmmsg(): packets on the wire
    {__NR_recvmmsg, ALWAYS, 0, 0},
#ifdef __NR_recvmmsg_time64
    {__NR_recvmmsg_time64, ALWAYS, 0, 0},
#endif
    {__NR_sendmmsg, ALWAYS, 0, 0},
    {__NR_sendmsg, ALWAYS, 0, 0}, // musl's sendmmsg()

    // clock_gettime(), where the kernel's vDSO does not do it without a system call
    {__NR_clock_gettime, ALWAYS, 0, 0},
#ifdef __NR_clock_gettime64
    {__NR_clock_gettime64, ALWAYS, 0, 0},
#endif

    // accept4(), setsockopt() of TCP alone (a packet socket keeps its filter), shutdown(), close()
    {__NR_accept4, ALWAYS, 0, 0},
    {__NR_setsockopt, IF_EQUAL, 1, IPPROTO_TCP},
    {__NR_shutdown, ALWAYS, 0, 0},
    {__NR_close, ALWAYS, 0, 0},

#ifdef __i386__ // all of the above, through one call with the real arguments behind a pointer
    {__NR_socketcall, IF_EQUAL, 0, SYS_RECV},
    {__NR_socketcall, IF_EQUAL, 0, SYS_SEND},
    {__NR_socketcall, IF_EQUAL, 0, SYS_RECVFROM},
    {__NR_socketcall, IF_EQUAL, 0, SYS_SENDTO},
    {__NR_socketcall, IF_EQUAL, 0, SYS_RECVMMSG},
    {__NR_socketcall, IF_EQUAL, 0, SYS_SENDMMSG},
    {__NR_socketcall, IF_EQUAL, 0, SYS_SENDMSG},
    {__NR_socketcall, IF_EQUAL, 0, SYS_ACCEPT4},
    {__NR_socketcall, IF_EQUAL, 0, SYS_SETSOCKOPT},
    {__NR_socketcall, IF_EQUAL, 0, SYS_SHUTDOWN},
#endif

    // ioctl(): whether the interface is there, its address and its MTU
    {__NR_ioctl, IF_EQUAL, 1, SIOCGIFINDEX},
    {__NR_ioctl, IF_EQUAL, 1, SIOCGIFADDR},
    {__NR_ioctl, IF_EQUAL, 1, SIOCGIFMTU},

    // getrandom(): masks and keys
    {__NR_getrandom, ALWAYS, 0, 0},

    // Memory: nothing allocates any but glibc's strerror() and abort(), for their words
    {__NR_brk, ALWAYS, 0, 0},
#ifdef __NR_mmap2
    {__NR_mmap2, IF_NONE_OF, 2, PROT_EXEC},
#else
    {__NR_mmap, IF_NONE_OF, 2, PROT_EXEC},
#endif
    {__NR_munmap, ALWAYS, 0, 0},

    // abort(), when a check of the compiler or the library has failed: the words, and the signal
    {__NR_writev, ALWAYS, 0, 0},
    {__NR_rt_sigprocmask, ALWAYS, 0, 0},
    {__NR_rt_sigaction, ALWAYS, 0, 0},
    {__NR_getpid, ALWAYS, 0, 0},
    {__NR_gettid, ALWAYS, 0, 0},
    {__NR_tgkill, IF_SELF, 0, 0},
    {__NR_tkill, IF_SELF, 0, 0},

    // waitpid(), for the guardian of the iptables rules, and the end
    {__NR_wait4, ALWAYS, 0, 0},
    {__NR_exit_group, ALWAYS, 0, 0},
};

// With a folder of files: openat() to read, fstat().
static const struct rule file_rules[] = {
    {__NR_openat, IF_NONE_OF, 2, O_ACCMODE | O_CREAT | O_TRUNC},
#ifdef __NR_fstat
    {__NR_fstat, ALWAYS, 0, 0},
#endif
#ifdef __NR_fstat64
    {__NR_fstat64, ALWAYS, 0, 0},
#endif
#ifdef __NR_newfstatat
    {__NR_newfstatat, ALWAYS, 0, 0},
#endif
#ifdef __NR_fstatat64
    {__NR_fstatat64, ALWAYS, 0, 0},
#endif
    {__NR_statx, ALWAYS, 0, 0},
};

// With interfaces that come and go: setsockopt() of this option, whose number means no harm at
// other levels; listen(), for the sockets that were made at the start; getsockname().
static const struct rule device_rules[] = {
    {__NR_setsockopt, IF_EQUAL, 2, SO_BINDTODEVICE},
    {__NR_listen, ALWAYS, 0, 0},
    {__NR_getsockname, ALWAYS, 0, 0},
#ifdef __i386__
    {__NR_socketcall, IF_EQUAL, 0, SYS_LISTEN},
    {__NR_socketcall, IF_EQUAL, 0, SYS_GETSOCKNAME},
#endif
};

// With a terminal: ioctl() with the two requests that only ask.
static const struct rule terminal_rules[] = {
    {__NR_ioctl, IF_EQUAL, 1, TIOCGWINSZ},
    {__NR_ioctl, IF_EQUAL, 1, TIOCGPGRP},
};

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define HEAD_LENGTH    4 // instructions before the first rule
#define RULE_LENGTH    5 // of one rule, at most
#define PLACE_OF(part) ((uint32_t)offsetof(struct seccomp_data, part))

_Static_assert(HEAD_LENGTH + 1 +
                       RULE_LENGTH * (COUNT(rules) + COUNT(file_rules) + COUNT(device_rules) +
                                      COUNT(terminal_rules)) <=
                   SANDBOX_CODE_MAX,
               "room for the filter");

// The place of an argument's low 32 bits.
static uint32_t place_of_argument(uint32_t argument) {
    uint32_t place = PLACE_OF(args) + 8 * argument;
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? place + 4 : place;
}

// Allows a call that matches. The accumulator holds the call's number, before and after; jumps
// count the instructions to skip: (if true, if false).
static size_t write_rule(struct sock_filter *code, const struct rule *rule) {
    static const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    uint32_t value = rule->condition == IF_SELF ? (uint32_t)getpid() : rule->value;
    if (rule->condition == ALWAYS) {
        code[0] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->number, 0, 1);
        code[1] = allow;
        return 2;
    }
    code[0] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->number, 0, 4);
    code[1] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, place_of_argument(rule->argument));
    if (rule->condition == IF_NONE_OF)
        code[2] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, value, 1, 0);
    else
        code[2] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    code[3] = allow;
    code[4] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, PLACE_OF(nr));
    return RULE_LENGTH;
}

static size_t write_rules(struct sock_filter *code, const struct rule *list, size_t count) {
    size_t length = 0;
    for (size_t i = 0; i < count; i++) length += write_rule(code + length, &list[i]);
    return length;
}

size_t sandbox_write(struct sock_filter *code, const struct sandbox_needs *needs) {
    static const struct sock_filter head[HEAD_LENGTH] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, PLACE_OF(arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, PLACE_OF(nr)),
    };
    size_t length = HEAD_LENGTH;
    memcpy(code, head, sizeof head);
    length += write_rules(code + length, rules, COUNT(rules));
    if (needs->files)
        length += write_rules(code + length, file_rules, COUNT(file_rules));
    if (needs->devices)
        length += write_rules(code + length, device_rules, COUNT(device_rules));
    if (needs->terminal)
        length += write_rules(code + length, terminal_rules, COUNT(terminal_rules));
    code[length++] = head[2];
    return length;
}

#endif

#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW // Linux 4.17
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1UL << 2)
#endif

// Without the flag, kernels before 5.16 also turn off the processor's speculation over stores,
// which costs speed and protects nothing here: this program runs nobody else's code.
static int set_filter(const struct sock_fprog *program) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) < 0)
        return -1;
    if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, program) ==
        0)
        return 0;
    return prctl(PR_SET_SECCOMP, (long)SECCOMP_MODE_FILTER, program, 0L, 0L);
}

bool sandbox_enter(const struct log *log, const struct sandbox_needs *needs) {
    struct sock_filter code[SANDBOX_CODE_MAX];
    struct sock_fprog program = {
        .len = (unsigned short)sandbox_write(code, needs),
        .filter = code,
    };
    if (program.len == 0) {
        log_warn(log, "this program was built without a filter of system calls");
        return false;
    }
    if (set_filter(&program) < 0) {
        log_warn(log, "this kernel does not filter system calls (%s)", strerror(errno));
        return false;
    }
    return true;
}
