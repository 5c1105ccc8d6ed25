// SPDX-License-Identifier: ISC
// macOS: a user without a name, and nothing in the file system. Root's power is not split there,
// and what changes an interface asks for it at each call: so addresses cannot be changed
// afterwards. Sockets, the utun device and the session with configd stay as they are.
//
// The system's sandbox is not used: sandbox_init(3) has been deprecated since 10.8, its documented
// profiles let through no socket at all or nearly everything, and others' language is Apple's own.
#include "privilege.h"
#include "sandbox.h"
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define OWN_USER 76354        // and group: people's begin with 501, services' end before
#define EMPTY    "/var/empty" // root's, and without a file; hier(7)

void privilege_no_core_dumps(void) {
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
}

int privilege_drop(const struct log *log, const struct privilege_needs *needs) {
    const gid_t group = OWN_USER;
    if (geteuid() != 0)
        return 0;
    if (!(needs->folder >= 0 ? fchdir(needs->folder) == 0 : chdir(EMPTY) == 0) || chroot(".") < 0)
        log_warn(log, "cannot leave the file system: %s", strerror(errno));
    if (setgroups(1, &group) == 0 && setgid(group) == 0 && setuid(OWN_USER) == 0)
        return 0;
    return log_error(log, "cannot change to user %d: %s", OWN_USER, strerror(errno));
}

bool sandbox_enter(const struct log *log, const struct sandbox_needs *needs) {
    (void)log, (void)needs;
    return false;
}
