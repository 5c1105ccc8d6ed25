// SPDX-License-Identifier: ISC
// Linux: users, capabilities (capabilities(7)) and the no_new_privs bit.
//
// Root's power is split into capabilities, and a process may keep single ones of them when it
// becomes another user: with PR_SET_KEEPCAPS it still has them afterwards ("permitted"), and
// capset() then says which stay and are in force ("effective"). Besides, a process has a bounding
// set, the most that any program it executes could have, and ambient and inheritable ones, which
// pass on to such a program. All of these are emptied: nothing is executed any more.
//
// The user is one that is nobody else's. Of nobody (65534) there may be other programs, and
// processes of one user may send each other signals. It is a number without a name: to look a name
// up would mean to read files and, in a static program, to load shared libraries.
//
// A folder whose files are still to be read (--html) may be open to root alone. So the process
// keeps the capability to read what its user may not (CAP_DAC_READ_SEARCH), but first makes the
// folder the root of all that it sees (chroot(2)). Of the calls that lead out of such a root the
// sandbox lets none through.
#include "privilege.h"
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// User and group. No system gives out numbers from 65536 to 99999 by itself: ordinary users end
// before, those of containers begin after (useradd's SUB_UID_MIN). A container may have fewer users
// than that.
#define OWN_USER 76354L
#define NOBODY   65534L // by convention

// The bare system calls: libc's functions change all threads alike, with code of some size, and
// there is only one. Where the first of these calls had users of 16 bits, those of 32 bits have
// another name.
#ifdef SYS_setresuid32
#define SET_GROUPS SYS_setgroups32
#define SET_GROUP  SYS_setresgid32
#define SET_USER   SYS_setresuid32
#else
#define SET_GROUPS SYS_setgroups
#define SET_GROUP  SYS_setresgid
#define SET_USER   SYS_setresuid
#endif

static uint64_t bit_of(int capability) { return UINT64_C(1) << capability; }

void privilege_no_core_dumps(void) {
    struct rlimit none = {0, 0};
    (void)prlimit(0, RLIMIT_CORE, &none, NULL);
    // Without this a core would still go to a program that collects them (core(5)).
    (void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
}

// Makes a folder all that this process sees of the file system. Returns whether it did.
static bool confine(const struct log *log, int folder) {
    if (fchdir(folder) == 0 && chroot(".") == 0)
        return true;
    log_warn(log,
             "cannot change the root to the page's folder (%s): its files must be readable "
             "for everybody",
             strerror(errno));
    return false;
}

// Without CAP_SETPCAP the bounding set stays as it is; see privilege_drop() for why that is no
// harm.
static void empty_sets_for_programs(void) {
    (void)prctl(PR_CAP_AMBIENT, (long)PR_CAP_AMBIENT_CLEAR_ALL, 0L, 0L, 0L);
    for (long i = 0; prctl(PR_CAPBSET_READ, i, 0L, 0L, 0L) >= 0; i++)
        (void)prctl(PR_CAPBSET_DROP, i, 0L, 0L, 0L);
}

static bool become(long user) {
    return syscall(SET_GROUP, user, user, user) == 0 && syscall(SET_USER, user, user, user) == 0;
}

// Becomes a user of its own, or nobody. In a container there may be neither, or no capability to
// change to them.
static int change_user(const struct log *log) {
    if (prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) == 0 && syscall(SET_GROUPS, 0L, NULL) == 0 &&
        (become(OWN_USER) || become(NOBODY)))
        return 0;
    if (errno != EPERM && errno != EINVAL)
        return log_error(log, "cannot change to user %ld: %s", OWN_USER, strerror(errno));
    log_warn(log, "cannot change to user %ld (%s): going on as root without its capabilities",
             OWN_USER, strerror(errno));
    return 0;
}

// Keeps those of the capabilities that this process has. Two words: capabilities 0-31 and 32-63.
static int keep_capabilities(uint64_t keep) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &head, sets) < 0)
        return -1;
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        sets[i].permitted &= (uint32_t)(keep >> 32 * i);
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    return (int)syscall(SYS_capset, &head, sets);
}

int privilege_drop(const struct log *log, const struct privilege_needs *needs) {
    uint64_t keep = needs->addresses ? bit_of(CAP_NET_ADMIN) : 0;
    keep |= needs->devices ? bit_of(CAP_NET_RAW) : 0;
    bool is_root = geteuid() == 0;
    // From here on executing a program cannot give privilege, whatever its file or its bounding set
    // say.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) < 0)
        return log_error(log, "cannot set no_new_privs: %s", strerror(errno));
    if (is_root && needs->folder >= 0 && confine(log, needs->folder))
        keep |= bit_of(CAP_DAC_READ_SEARCH);
    empty_sets_for_programs();
    if (is_root && change_user(log) < 0)
        return -1;
    if (keep_capabilities(keep) < 0)
        return log_error(log, "cannot give up capabilities: %s", strerror(errno));
    privilege_no_core_dumps(); // another user: the kernel has set "dumpable" anew
    return 0;
}
