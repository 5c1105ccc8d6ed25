// SPDX-License-Identifier: ISC
// Linked into a program whose functions are built with -finstrument-functions: writes down which of
// them are called, in their order.
//
// TRACE_FILE names the file. It holds 64-bit words of this machine: how many calls there were, then
// the address of each function. The file is made before main() and mapped, since the programs give
// up the right to open or write to any file soon after. Calls beyond CALLS_MAX are counted only.
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CALLS_MAX (8 * 1024 * 1024)
#define SIZE      ((CALLS_MAX + 1) * sizeof(uint64_t))
#define UNTRACED  __attribute__((no_instrument_function))

void __cyg_profile_func_enter(void *function, void *caller) UNTRACED;
void __cyg_profile_func_exit(void *function, void *caller) UNTRACED;

static uint64_t *trace; // NULL: nobody wants it

__attribute__((constructor)) UNTRACED static void open_trace(void) {
    const char *name = getenv("TRACE_FILE");
    int fd = name != NULL ? open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || ftruncate(fd, SIZE) < 0)
        return;
    void *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        trace = map;
}

void __cyg_profile_func_enter(void *function, void *caller) {
    (void)caller;
    if (trace != NULL && ++trace[0] <= CALLS_MAX)
        trace[trace[0]] = (uint64_t)(uintptr_t)function;
}

void __cyg_profile_func_exit(void *function, void *caller) { (void)function, (void)caller; }
