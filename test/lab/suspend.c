// SPDX-License-Identifier: ISC
// Lets a program live on a machine that sleeps (suspend): to be put before it by LD_PRELOAD.
//
// SUSPEND_FILE holds a number of 8 bytes, in the host's byte order: the nanoseconds that the
// machine has slept. CLOCK_BOOTTIME is ahead by them; all other clocks stood still meanwhile.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int (*real_gettime)(clockid_t, struct timespec *);
static const volatile int64_t *slept_ns;

// Before main(): later the program may open no file.
__attribute__((constructor)) static void find_clock(void) {
    const char *name = getenv("SUSPEND_FILE");
    int fd = name != NULL ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd >= 0 ? mmap(NULL, sizeof *slept_ns, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    *(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    if (map == MAP_FAILED || real_gettime == NULL) {
        perror("suspend: SUSPEND_FILE");
        exit(127);
    }
    close(fd);
    slept_ns = map;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = real_gettime(clock, now);
    if (result == 0 && clock == CLOCK_BOOTTIME)
        now->tv_sec += (time_t)(*slept_ns / 1000000000);
    return result;
}
