// SPDX-License-Identifier: ISC
// Times are counted in microseconds where milliseconds are too coarse.
#ifndef TETHER_BASE_UNITS_H
#define TETHER_BASE_UNITS_H

#define US 1000000 // in a second

#endif
