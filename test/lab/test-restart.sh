#!/bin/bash
# SPDX-License-Identifier: ISC
# The server is restarted under a running client: nothing need be done on the laptop, and what was quiet
# meanwhile goes on where it was.
#
#   test/lab/test-restart.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/lab.sh"
LAB_MODE=keyed
ECHO_PORT=7 # traffic.py

now_ms() { echo $(($(date +%s%N) / 1000000)); }

sessions() { status_of client session.sessions; }

more_sessions_than() { [ "$(sessions)" -gt "$1" ]; } # COUNT

hold_connections() { # COUNT
	local i
	for i in $(seq "$1"); do
		lab_start "idle$i" laptop "$LAB_PYTHON" "$LAB_TRAFFIC" idle "$WEB" --until "$LAB_DIR/goes-on"
	done
	for i in $(seq "$1"); do
		wait_for 20 grep -q waiting "$(lab_log "idle$i")" || return
	done
}

# All connections are quiet: nobody waits for an acknowledgement, which a server that has ended would not bring. Who
# sends again meanwhile is answered by its host's kernel, with a RST (doc/nat.md).
all_is_acknowledged() { # COUNT
	local host
	for host in laptop web; do
		lab_exec "$host" ss -Htn state established "( sport = :$ECHO_PORT or dport = :$ECHO_PORT )" |
			awk -v count="$1" '$2 > 0 { waits = 1 } END { exit NR != count || waits }' || return
	done
}

# Whether each connection has the outside port that its hash points to. One that found it taken has the next, and
# would have another after the restart (doc/nat.md tells how rare it is): 40 ports of 12 768 meet in 4 of 100 runs.
none_was_displaced() {
	lab_exec web ss -Htn state established "( sport = :$ECHO_PORT )" | awk '{ sub(/.*:/, "", $4); print $4 }' >"$LAB_DIR/new-ports"
	cat "$LAB_DIR/new-ports" >>"$LAB_DIR/ports"
	awk 'NR == FNR { taken[$1]; next } $1 - 1 in taken { found = 1 } END { exit found }' "$LAB_DIR/ports" "$LAB_DIR/new-ports"
}

hold_quiet_connections() { # COUNT
	local try
	for try in 1 2 3 4 5; do
		rm -f "$LAB_DIR/goes-on"
		hold_connections "$1" || return
		wait_for 20 all_is_acknowledged "$1" || { echo "something is still under way"; return 1; }
		none_was_displaced && return
		connections_go_on "$1" || return
	done
	return 1
}

connections_go_on() { # COUNT
	local i
	touch "$LAB_DIR/goes-on"
	for i in $(seq "$1"); do
		lab_wait "idle$i" 90 || { cat "$(lab_log "idle$i")"; return 1; }
	done
}

# Ends the server by a signal, lets some time pass, and starts it again. Sets `took_ms`, from its listening
# to a session.
restart_server() { # SIGNAL SECONDS
	local before
	before=$(sessions)
	lab_stop server "$1"
	sleep "$2"
	start_server || return
	local start
	start=$(now_ms)
	wait_for 30 more_sessions_than "$before" || { echo "no new session"; return 1; }
	took_ms=$(($(now_ms) - start))
	tunnel_ready
}

lab_up
start_targets || lab_die "the web hosts do not start"
check "tether-server starts" start_server
check "tether-client starts" start_client
start_phone "${1:-relay}"
check "the laptop reaches a host" tunnel_ready 60
lab_passed || exit 1
address=$(status_of client address)
took_ms=

for how in "TERM 0" "KILL 5"; do
	read -r signal seconds <<<"$how"
	check "20 connections are open and quiet" hold_quiet_connections 20
	check "after SIG$signal and $seconds s the server is back, and with it the session" \
		restart_server "$signal" "$seconds"
	echo "# the session was back $took_ms ms after the server"
	check "the laptop has the same inside address" status_is client address "$address"
	check "the 20 connections go on, each from the outside port that it had" connections_go_on 20
done
lab_passed
