#!/bin/bash
# SPDX-License-Identifier: ISC
# doc/tour.md is true: one ping goes up and its answer comes back through programs that write down
# which functions they call, and each stop of the first evening is called, in the tour's order.
#
#   test/lab/test-tour.sh
#
# Needs root, make, a C compiler, addr2line, and: test/packages.sh build lab
. "$(dirname "$0")/lab.sh"
TOUR=$LAB_ROOT/doc/tour.md
LAB_BUILD=$LAB_ROOT/build/tour

# The programs of this lab: not optimized, so that each function is called where the source says so,
# and at fixed addresses.
build_traced() {
	local trace=$LAB_BUILD/trace_calls.o
	mkdir -p "$LAB_BUILD" && cc -Wall -c -o "$trace" "$LAB_ROOT/test/lab/trace_calls.c" &&
		make -s -j2 -C "$LAB_ROOT" BUILD=build/tour FORTIFY= CFLAGS="-O0 -g -finstrument-functions" \
			LDFLAGS="-no-pie $trace" all
}

start_traced() { # NAME FUNCTION
	TRACE_FILE=$LAB_DIR/$1.trace "$2"
}

# The server's kernel knows the router's Ethernet address already. Else the packet would wait for an
# answer to ARP, which is a way around.
know_router() {
	lab_ip server neighbour replace 203.0.113.1 dev eth0 nud permanent \
		lladdr "$(lab_exec router cat /sys/class/net/eth0/address)"
}

says_connected() { grep -q 'phone .* is connected' "$(lab_log "$1")"; } # NAME

phone_is_there() {
	start_traced relay start_relay && wait_for 20 says_connected client &&
		wait_for 20 says_connected server
}

end_programs() { lab_stop relay && lab_stop client && lab_stop server; }

tour() { # DOCUMENT
	local name traces=()
	for name in client relay server; do
		traces+=("$LAB_BUILD/tether-$name=$LAB_DIR/$name.trace")
	done
	"$LAB_PYTHON" "$LAB_ROOT/test/lab/tour.py" "$1" "${traces[@]}"
}

# The check fails for a tour that was altered, and names the stop.
notices() { # WHAT-IT-SAYS SED-SCRIPT
	sed -E "$2" "$TOUR" >"$LAB_DIR/altered.md"
	! cmp -s "$TOUR" "$LAB_DIR/altered.md" || { echo "the tour has no such stop to alter"; return 1; }
	! tour "$LAB_DIR/altered.md" >"$LAB_DIR/altered.out" || { echo "nobody has noticed"; return 1; }
	grep -E "^not ok.*$1" "$LAB_DIR/altered.out" || { cat "$LAB_DIR/altered.out"; return 1; }
}

# Each stop's line ends in ": `FUNCTION()`."; these are scripts for sed.
rename() { echo "s/: \`$1\(\)/: \`$2()/"; } # FUNCTION NEW-NAME
exchange() { echo "$(rename "$1" "x"); $(rename "$2" "$1"); $(rename x "$2")"; } # FUNCTION FUNCTION
move() { echo "s/\`.*: \`$1\(\)/\`$2\`: \`$1()/"; } # FUNCTION FILE

check "the programs build so that they write down their calls" build_traced
lab_passed || exit 1
lab_up
check "the server knows its router" know_router
check "tether-server starts" start_traced server start_server
check "tether-client starts" start_traced client start_client
check "tether-relay connects them" phone_is_there
check "one ping goes up, and its answer comes back" lab_exec laptop ping -c 1 -W 10 "$WEB"
check "the programs end with status 0" end_programs
lab_passed || exit 1
tour "$TOUR" || LAB_FAILED=1

check "a stop that has another name now is noticed" \
	notices 'has no nat_takes\(\)' "$(rename nat_take nat_takes)"
check "a stop that is in another file now is noticed" \
	notices 'wire_linux.c has no wire_flush\(\)' "$(move wire_flush 'src\/wire\/wire_linux.c')"
check "two stops in the wrong order are noticed" \
	notices 'not called after the stop before' "$(exchange nat_find_inside nat_add_mapping)"
check "a stop that this packet does not come to is noticed" \
	notices 'track_tcp\(\).* was not called$' "$(rename judge_destination track_tcp)"
lab_passed
