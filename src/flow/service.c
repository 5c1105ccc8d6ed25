// SPDX-License-Identifier: ISC
// How the slowest link of the way serves. A sender that knows when its messages came to that link
// and when they left it can tell what the link does from what it does itself.
//
// Rate. A message that came before the one ahead of it had left was waiting. So in the time between
// their leaving the link passed just these bytes. The mean over a second or two of such time is its
// rate. A message that came later found the link idle, and idle time says nothing about it.
//
// A link that is faster than the sender knows is idle whenever a message comes, so this alone would
// never find it out. But what passes in some time, idle or not, is no more than the link can pass.
// Where that is more than the rate that is known, it is the rate.
//
// Unrest. A steady link is one that always has this mean rate: it takes a message when it has come
// and the one ahead has left, and then takes (bytes / rate). The same bursts and pauses go through
// it as through the real one, so what differs is the link's own doing. On a wire these are
// fractions of a packet's time, on a cellular link in a moving car some tenths of a second. A round
// trip that grows and shrinks does not tell that: a sender's own bursts make it do so, too.
//
// Only busy time counts for that: a minute of keystrokes says little about a link. The steady link
// follows the real one within a second of such time: what changes more slowly is a change of the
// rate, to which the window is fitted anyway, and no unrest.
#include "service.h"
#include "../base/compare.h"
#include "../base/units.h"
#include "../limits.h"

// Microseconds of busy time: what is older counts half. Fewer follow a car's link sooner, but are
// the mean of fewer packets. On random links, half as many cost goodput, twice as many time.
#define REMEMBERED_US 1000000
// Bytes in a microsecond: no link is as fast, and no times that the other end makes up lead beyond.
#define BYTES_MOST 10000

int64_t service_bytes(const struct service *service, int64_t us) {
    return service->busy_us > 0 ? service->bytes * us / service->busy_us : 0;
}

int64_t service_rate(const struct service *service) { return service_bytes(service, US); }

int64_t service_takes_us(const struct service *service, int64_t bytes) {
    return service->bytes > 0 ? bytes * service->busy_us / service->bytes : 0;
}

int64_t service_unrest_us(const struct service *service) {
    return greater(0, service->apart_us - service_takes_us(service, TUN_MTU));
}

static void measure_rate(struct service *service, int64_t bytes, int64_t busy_us) {
    service->bytes += bytes;
    service->busy_us += greater(busy_us, bytes / BYTES_MOST + 1);
    if (service->busy_us > REMEMBERED_US) {
        service->bytes = half(service->bytes);
        service->busy_us = half(service->busy_us);
    }
}

static void measure_unrest(struct service *service, int64_t busy_us) {
    int64_t off_us = smaller(service->left_us - service->steady_us, REMEMBERED_US);
    off_us = greater(off_us, -REMEMBERED_US);
    int64_t apart_us = greater(off_us, -off_us);
    int64_t part_us = smaller(busy_us, REMEMBERED_US);
    service->steady_us = service->left_us - off_us + off_us * part_us / REMEMBERED_US;
    service->apart_us += (apart_us - service->apart_us) * part_us / REMEMBERED_US;
}

void service_passed(struct service *service, int64_t first_us, int64_t came_us, int64_t left_us,
                    int64_t bytes) {
    bool was_waiting = service->is_known && came_us <= service->left_us;
    int64_t busy_us = greater(0, left_us - greater(first_us, service->left_us));
    int64_t takes_us = service_takes_us(service, bytes);
    service->left_us = left_us;
    service->steady_us = greater(came_us, greater(service->steady_us, first_us) + takes_us);
    if (!service->is_known || takes_us == 0)
        service->steady_us = left_us;
    service->is_known = true;
    measure_unrest(service, busy_us);
    if (was_waiting && busy_us <= REMEMBERED_US) // else there was an outage
        measure_rate(service, bytes, busy_us);
}

void service_raise(struct service *service, int64_t bytes, int64_t took_us) {
    took_us = greater(took_us, bytes / BYTES_MOST + 1);
    service->bytes = greater(service->bytes, bytes * service->busy_us / took_us);
}
