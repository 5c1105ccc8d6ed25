// SPDX-License-Identifier: ISC
// Lets a running process make a system call that is not its own, as code that got into it would:
// call-inside PID NUMBER
//
// By ptrace(2): the process, which waits in poll() or another call, is stopped; its program counter
// goes back to the instruction that made the call, the number in its register becomes another, and
// it runs on. Whoever may trace it can do this (root), and only for x86-64. Exit status: 0 done, 1
// not, 2 usage.
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>

static int failed(const char *what) {
    perror(what);
    return 1;
}

int main(int argc, char **argv) {
    struct user_regs_struct registers;
    if (argc != 3) {
        fprintf(stderr, "usage: call-inside PID NUMBER\n");
        return 2;
    }
    pid_t process = (pid_t)strtol(argv[1], NULL, 10);
    if (ptrace(PTRACE_ATTACH, process, NULL, NULL) < 0 || waitpid(process, NULL, 0) != process)
        return failed("call-inside: cannot stop the process");
    if (ptrace(PTRACE_GETREGS, process, NULL, &registers) < 0)
        return failed("call-inside: cannot read its registers");
    registers.rip -= 2; // the instruction "syscall", which has two bytes
    long code = ptrace(PTRACE_PEEKTEXT, process, (void *)registers.rip, NULL);
    if ((code & 0xffff) != 0x050f) {
        fprintf(stderr, "call-inside: it waits in no system call\n");
        return 1;
    }
    registers.rax = strtoull(argv[2], NULL, 10);
    registers.orig_rax = (unsigned long long)-1; // the call that was interrupted is not made again
    if (ptrace(PTRACE_SETREGS, process, NULL, &registers) < 0 ||
        ptrace(PTRACE_DETACH, process, NULL, NULL) < 0)
        return failed("call-inside: cannot change its registers");
    return 0;
}
