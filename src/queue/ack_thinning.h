// SPDX-License-Identifier: ISC
// Acknowledgements of TCP that wait behind each other, of which the newest says all.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether an IPv4 packet of `length` bytes makes the one that was to be sent before it, of the same
// length, needless: both are of one TCP connection and one direction, acknowledge and do nothing
// else, and it acknowledges more.
bool ack_thinning_replaces(const uint8_t *newer, const uint8_t *older, size_t length);
