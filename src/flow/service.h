// SPDX-License-Identifier: ISC
// How the slowest link of the way serves: at what rate while it has something to do, and how
// steadily. Pure; times in microseconds by the sender's clock, but for an offset that is always the
// same.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct service { // all 0: nothing is known of the link
    bool is_known;
    int64_t left_us;   // when the newest message that is known of left the link,
    int64_t steady_us; // and when it would have, were the link's rate always the same
    int64_t bytes;     // so many have passed lately
    int64_t busy_us;   // in so much time in which there was something to do
    int64_t apart_us;  // how much left_us and steady_us differ, on average
};

// Messages of so many bytes have passed. The first of them came to the link at first_us, the last
// at came_us, and that left it at left_us.
void service_passed(struct service *service, int64_t first_us, int64_t came_us, int64_t left_us,
                    int64_t bytes);
// So many bytes left it in so much time, whether or not it always had something to do: its rate is
// that at least.
void service_raise(struct service *service, int64_t bytes, int64_t took_us);

// The mean rate in bytes a second; 0: not known yet.
int64_t service_rate(const struct service *service);
// How many bytes it passes in some time, and how long it takes for some bytes; 0 while its rate is
// not known.
int64_t service_bytes(const struct service *service, int64_t us);
int64_t service_takes_us(const struct service *service, int64_t bytes);
// How far from steady it is: the mean distance to a link of constant rate, less what is usual on
// one; never negative.
int64_t service_unrest_us(const struct service *service);
