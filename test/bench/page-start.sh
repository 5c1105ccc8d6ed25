#!/bin/bash
# SPDX-License-Identifier: ISC
# How soon the page relays over an emulated 3G link (1.6 Mbit/s down, 150 ms round trip): from the start of the
# navigation, by the page's own clock, to its first paint, to both sockets open, and to the first answer of the
# laptop's session. Served by the laptop over the Wi-Fi, and by the server over the link itself.
#
#   test/bench/page-start.sh [ROUNDS]
#
# Needs root, build/tether-*, build/bench/cellular, and: test/packages.sh lab browser
. "$(dirname "$0")/bench_lab.sh"
LAB_MODE=keyed

lab_up
lab_cellular 3g || lab_die "there is no 3G link"
start_server || lab_die "tether-server does not start"
start_client || lab_die "tether-client does not start"
lab_exec phone node "$BENCH/page-start.js" "http://$LAPTOP:6354/" "http://$SERVER/" "${1:-9}"
