#!/bin/bash
# SPDX-License-Identifier: ISC
# The laptop sleeps for a minute, and for a night; then the server's host does. Keys age meanwhile, and
# all goes on when they wake.
#
#   test/lab/test-suspend.sh
#
# Needs root, build/tether-*, a C compiler, and: test/packages.sh build lab
. "$(dirname "$0")/lab.sh"
LAB_MODE=keyed

make_tools() {
	cc -Wall -shared -fPIC -o "$LAB_DIR/suspend.so" "$LAB_ROOT/test/lab/suspend.c"
}

set_slept() { # NAME SECONDS: since the start
	"$LAB_PYTHON" -c 'import sys; sys.stdout.buffer.write((int(sys.argv[1]) * 10**9).to_bytes(8, sys.byteorder))' \
		"$2" | dd of="$LAB_DIR/$1.slept" conv=notrunc status=none
}

start_sleeper() { # NAME HOST ARGUMENTS...
	local name=$1 host=$2
	shift 2
	set_slept "$name" 0
	# shellcheck disable=SC2046 # two words
	lab_start "$name" "$host" env LD_PRELOAD="$LAB_DIR/suspend.so" SUSPEND_FILE="$LAB_DIR/$name.slept" \
		"$LAB_BUILD/tether-$name" $(lab_mode) "$@"
}

start_both() {
	start_sleeper server server && lab_wait_server &&
		start_sleeper client laptop --wifi wifi0 --server "$SERVER" && lab_wait_listening client laptop 6354
}

sessions() { status_of client session.sessions; }

more_sessions_than() { [ "$(sessions)" -gt "$1" ]; } # COUNT

falls_asleep_and_wakes() { # NAME SECONDS
	kill -STOP "${LAB_PID[$1]}" && set_slept "$1" "$2" && kill -CONT "${LAB_PID[$1]}"
}

keys_are_fresh() { # SESSIONS-BEFORE
	wait_for 20 more_sessions_than "$1" || { echo "there was no new session, only $(sessions)"; return 1; }
}

both_run() { lab_running client && lab_running server; }

# SECONDS: in all, since its start.
test_sleep() { # NAME TIME SECONDS
	local before
	check "a connection is open and quiet before $2" hold_connection
	before=$(sessions)
	check "the $1 falls asleep and wakes after $2" falls_asleep_and_wakes "$1" "$3"
	[ "$3" -lt 120 ] || check "after $2 the $1 has fresh keys" keys_are_fresh "$before"
	check "after $2 the tether works" tunnel_ready
	check "after $2 the connection goes on" connection_goes_on
	check "after $2 2 MB come, whole" traffic download "$WEB" 2000000
	check "after $2 2 MB go, whole" traffic upload "$WEB" 2000000
	check "after $2 both programs run" both_run
}

lab_up
check "a tool for sleep is built" make_tools
start_targets || lab_die "the web hosts do not start"
check "tether-server and tether-client start" start_both
start_relay
check "the tether works" tunnel_ready
lab_passed || exit 1
test_sleep client "a minute" 60
test_sleep client "a night" $((8 * 3600))
test_sleep server "an hour of the server" 3600
check "tether-client ends with status 0" lab_stop client
check "tether-server ends with status 0" lab_stop server
lab_passed
