// SPDX-License-Identifier: ISC
// How the slowest link of the way serves. A sender that knows when its messages came to that link
// and when they left it can tell what the link does from what it does itself:
//
//   busy   a message that came before the one ahead of it had left was waiting: in the time between
//          their leaving the link passed just these bytes. The mean over a second or two of such
//          time is its rate.
//   idle   one that came later found the link with nothing to do, and that time says nothing about
//          it.
//   steady what a link would do that has this mean rate always: it takes a message when it has come
//          and the one ahead has left, and then takes (bytes / rate). The same bursts and pauses go
//          through it as through the real one, so that what differs is the link's own doing. On a
//          wire these are fractions of a packet's time, on a cellular link in a moving car some
//          tenths of a second.
//
// A round trip that grows and shrinks does not tell that: a sender's own bursts make it do so, too.
//
// Only time in which there was something on the link counts for that: a minute of keystrokes says
// little about it.
//
// The steady link follows the real one within a second of such time: what changes more slowly than
// that is a change of the rate, to which the window is fitted anyway, and no unrest.
#include "service.h"

#include <string.h>

#include "../base/compare.h"
#include "../base/units.h"
#include "../limits.h"

#define KNOWN_US      300000  // a rate is believed after so much busy time,
#define REMEMBERED_US 2000000 // and what is older than that counts half
#define FOLLOWED_US   1000000 // the steady link is where the real one was so long ago, mostly
#define AVERAGED_US   2000000
#define OFF_MOST_US   1000000
#define OFF_FREE_US   15000 // the hosts' own doing, and a packet's time
#define BYTES_LEAST   1000  // fewer say nothing about a rate

void service_init(struct service *service) { memset(service, 0, sizeof *service); }

int64_t service_rate(const struct service *service) {
    return service->busy_us >= KNOWN_US ? service->bytes * US / service->busy_us : 0;
}

int64_t service_unrest_us(const struct service *service) {
    int64_t rate = service_rate(service);
    if (rate == 0)
        return 0;
    return greater(0, service->apart_us - OFF_FREE_US - (int64_t)TUN_MTU * US / rate);
}

void service_began(struct service *service, int64_t came_us) {
    if (service->is_known)
        service->idle_us += greater(0, came_us - service->left_us);
}

void service_passed(struct service *service, int64_t came_us, int64_t bytes) {
    int64_t rate = service_rate(service);
    if (rate > 0)
        service->steady_us = greater(service->steady_us, came_us) + bytes * US / rate;
}

static void measure_rate(struct service *service, int64_t took_us, int64_t bytes) {
    service->bytes += bytes;
    service->busy_us += took_us;
    if (service->busy_us > REMEMBERED_US) {
        service->bytes /= 2;
        service->busy_us /= 2;
    }
}

static void measure_off(struct service *service, int64_t busy_us) {
    int64_t off_us = service->left_us - service->steady_us;
    off_us = greater(-OFF_MOST_US, smaller(off_us, OFF_MOST_US));
    int64_t apart_us = off_us < 0 ? -off_us : off_us;
    service->steady_us =
        service->left_us - off_us + off_us * smaller(busy_us, FOLLOWED_US) / FOLLOWED_US;
    service->apart_us +=
        (apart_us - service->apart_us) * smaller(busy_us, AVERAGED_US) / AVERAGED_US;
}

void service_left(struct service *service, int64_t came_us, int64_t left_us, int64_t bytes) {
    bool was_waiting = service->is_known && came_us <= service->left_us;
    bool had_rate = service_rate(service) > 0;
    int64_t took_us = service->is_known ? left_us - service->left_us : 0;
    took_us = greater(0, took_us);
    int64_t busy_us = greater(0, took_us - (service->idle_us - service->idle_before_us));
    service->idle_before_us = service->idle_us;
    service->is_known = true;
    service->left_us = left_us;
    if (was_waiting && bytes >= BYTES_LEAST && took_us <= REMEMBERED_US) // no outage
        measure_rate(service, took_us, bytes);
    if (had_rate)
        measure_off(service, busy_us);
    else
        service->steady_us = left_us;
}
