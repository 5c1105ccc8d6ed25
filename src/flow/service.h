// SPDX-License-Identifier: ISC
// How the slowest link of the way serves: at what rate while it has something to do, and how
// steadily. Pure; times in microseconds by the sender's clock, but for an offset that is always the
// same.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct service {
    bool is_known;
    int64_t left_us;        // when the newest message that is known of left the link,
    int64_t steady_us;      // and when it would have, were the link's rate always the same
    int64_t bytes;          // so many have passed lately
    int64_t busy_us;        // in so much time in which there was something to do
    int64_t idle_us;        // and for so long, in all, there was nothing
    int64_t idle_before_us; // and how long when the latest message had left
    int64_t apart_us;       // how much left_us and steady_us differ, on average
};

// Nothing is known of the link.
void service_init(struct service *service);

// Of messages that were delivered since the last call, the first came to the link then.
void service_began(struct service *service, int64_t came_us);
// A message of so many bytes came to the link then, and has passed; to be called for each of them.
void service_passed(struct service *service, int64_t came_us, int64_t bytes);
// The newest of them came and left then; all of them have so many bytes.
void service_left(struct service *service, int64_t came_us, int64_t left_us, int64_t bytes);

// The mean rate in bytes a second; 0: not known yet.
int64_t service_rate(const struct service *service);
// How far from steady it is: the mean distance to a link of constant rate, less what is usual on
// one; never negative.
int64_t service_unrest_us(const struct service *service);
