// SPDX-License-Identifier: ISC
// What tether-server tells of itself.
#pragma once

#include "../http/host.h"
#include "phones.h"

// Writes status.json: the counters of the phones, of the laptops and the gateway behind them, and
// of the host that serves the page.
void write_server_status(struct text *text, const struct server_phones *phones,
                         const struct http_host *host, int64_t uptime_ms);
