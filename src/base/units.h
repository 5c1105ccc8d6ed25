// SPDX-License-Identifier: ISC
// Times are counted in microseconds where milliseconds are too coarse.
#pragma once

#define US 1000000 // in a second
