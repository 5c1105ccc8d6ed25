// SPDX-License-Identifier: ISC
// A Mac opens a Wi-Fi as a router that names itself (Internet Sharing), and no longer any other: so
// a phone in it would send all into the tether itself.
#include "hotspot.h"

void hotspot_init(struct hotspot *hotspot, struct loop *loop, const struct log *log) {
    *hotspot = (struct hotspot){.loop = loop, .log = log, .fd = -1};
}

int hotspot_open(struct hotspot *hotspot, const char *interface) {
    if (interface == NULL)
        return 0;
    return log_error(hotspot->log,
                     "macOS opens no Wi-Fi that serves: join the phone's hotspot instead of "
                     "--hotspot");
}

void hotspot_tick(struct hotspot *hotspot) { (void)hotspot; }
void hotspot_close(struct hotspot *hotspot) { (void)hotspot; }
