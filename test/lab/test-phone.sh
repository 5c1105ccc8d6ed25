#!/bin/bash
# SPDX-License-Identifier: ISC
# Phones come and go: without one, packets are dropped and counted; when it returns,
# or another takes its place, connections go on where they were.
#
#   test/lab/test-phone.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/lab.sh"

tun_route() { [[ $(lab_ip laptop route get "$WEB") == *" src 10.0.0.1 "* ]]; }

nothing_gets_through() { ! lab_exec laptop ping -c 3 -i 0.2 -W 1 "$WEB"; }

dropped() { status_of client drops.no_phone; }

# A TCP connection that does its second half when $LAB_DIR/NAME-goes-on appears.
hold_connection() { # NAME
	lab_start "$1" laptop "$LAB_PYTHON" "$LAB_TRAFFIC" idle "$WEB" --until "$LAB_DIR/$1-goes-on"
	wait_for 20 grep -q waiting "$(lab_log "$1")"
}

connection_goes_on() { # NAME
	touch "$LAB_DIR/$1-goes-on"
	lab_wait "$1" 90 || { cat "$(lab_log "$1")"; return 1; }
}

drops_are_counted() { # COUNT-BEFORE
	local now
	now=$(dropped) && [ "$now" -ge $(($1 + 3)) ] || { echo "drops.no_phone: $1, then ${now:-none}"; return 1; }
}

lab_up
start_targets || lab_die "the web hosts do not start"
check "tether-server starts" start_server
check "tether-client starts" start_client
lab_passed || exit 1
check "the client says that it has no phone" status_is client phone.connected false
start_relay
check "a phone comes and the tether works" tunnel_ready
check "the client says that it has a phone" status_is client phone.connected true
check "the client says the phone's address" status_is client phone.address "\"$PHONE\""

hold_connection survivor
lab_stop relay
check "the client sees at once that the phone is gone" wait_for 10 status_is client phone.connected false
before=$(dropped)
check "without a phone nothing gets through" nothing_gets_through
check "without a phone the laptop's routes stay" tun_route
check "without a phone packets are dropped and counted" drops_are_counted "${before:-0}"
start_relay
check "the phone returns and the tether works" tunnel_ready
check "a TCP connection survives the phone's restart" connection_goes_on survivor

hold_connection survivor
kill -STOP "${LAB_PID[relay]}" # a phone that is there and does nothing
LAB_PID["frozen"]=${LAB_PID[relay]}
start_relay
check "a new phone takes the place of a frozen one at once" tunnel_ready
check "a TCP connection moves to the new phone" connection_goes_on survivor
lab_stop frozen KILL
check "the old phone's end does not disturb the new one" tunnel_ready

hold_connection survivor
lab_stop server
start_server
check "the server restarts and the tether works again" tunnel_ready 60
lab_stop client
start_client
check "the client restarts and the tether works again" tunnel_ready 60

lab_ip phone link set cell0 down
check "the phone's cellular network fails: nothing gets through" nothing_gets_through
lab_ip phone link set cell0 up
lab_ip phone route add default via 198.51.100.1
check "it comes back: the tether works again" tunnel_ready 90
lab_passed
