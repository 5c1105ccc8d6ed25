// SPDX-License-Identifier: ISC
// stat(2), with st_mtim as POSIX has it since 2008; on macOS it has another name.
#pragma once

#include <sys/stat.h>

#ifdef __APPLE__
#define st_mtim st_mtimespec
#endif
