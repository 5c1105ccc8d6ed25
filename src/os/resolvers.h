// SPDX-License-Identifier: ISC
// The name servers that a host uses, as /etc/resolv.conf has them (resolv.conf(5)).
#pragma once

#include <stddef.h>
#include <stdint.h>

// Finds the first `most` IPv4 addresses of "nameserver" lines; host byte order. Returns their
// number.
size_t resolvers_parse(uint32_t *addresses, size_t most, const char *text, size_t length);
// The same from a file; 0 where it cannot be read.
size_t resolvers_read(uint32_t *addresses, size_t most, const char *path);
