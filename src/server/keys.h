// SPDX-License-Identifier: ISC
// What the server keeps secret: the key that laptops must know, and the one that chooses the NAT's
// outside ports, in a file beside it. `options` has the file's name, and the port in the line that
// is printed for the laptop; `address` is this host's in that line, host byte order, 0: not known.
#pragma once

#include "../base/siphash.h"
#include "../session/key.h"
#include "options.h"

// Reads both, or makes those that are missing, and prints the laptop's line if its key is new. The
// caller wipes the key. Returns 0, or -1 after having said what is wrong.
int keys_read(uint8_t key[KEY_SIZE], struct siphash_key *port_key,
              const struct server_options *options, uint32_t address, const struct log *log);
// --new-key: puts a new key into the file, and prints the laptop's line. Returns the program's exit
// status.
int keys_renew(const struct server_options *options, const struct log *log);
