#!/bin/bash
# SPDX-License-Identifier: ISC
# A hostile laptop, and a hostile Internet: the other laptop's connections work on,
# the server's memory stays as it is, and its counters tell what happened.
#
#   test/lab/test-nat-hostile.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/lab.sh"

HOSTILE=$LAB_ROOT/test/lab/nat-hostile.py
RESIDENT_MAX_KIB=10240
GROWTH_MAX_KIB=512

start_flood() { # laptop|internet KIND
	local host=near
	[ "$1" = internet ] || host=phone2
	rm -f "$LAB_DIR/enough"
	lab_start flood $host "$LAB_PYTHON" "$HOSTILE" "$1" "$2" "$SERVER" --until "$LAB_DIR/enough"
	wait_for 60 grep -q begins "$(lab_log flood)"
}

end_flood() {
	touch "$LAB_DIR/enough"
	lab_wait flood 120 || { cat "$(lab_log flood)"; return 1; }
	echo "# $(tail -n 1 "$(lab_log flood)")" >&3
}

counter_has_grown() { # PATH BEFORE AT-LEAST
	local now
	now=$(status_of server "$1") || return
	echo "# $1: $2, now $now" >&3
	[ $((now - $2)) -ge "$3" ] || { echo "$1 was $2 and is $now"; return 1; }
}

held_connection_works() {
	touch "$LAB_DIR/go-on"
	lab_wait held 60 || { cat "$(lab_log held)"; return 1; }
}

hold_connection() {
	rm -f "$LAB_DIR/go-on"
	lab_start held laptop "$LAB_PYTHON" "$LAB_TRAFFIC" idle "$WEB" --until "$LAB_DIR/go-on"
	wait_for 30 grep -q waiting "$(lab_log held)"
}

# The first 100 000 packets of a flood come as fast as the machine can, and most of what comes beside them is lost: on a
# busy machine for longer than ten pings take.
pings() { # ARGUMENTS...
	wait_for 60 lab_exec laptop ping -q -c 10 -i 0.2 -W 2 "$@" "$WEB"
}

flood() { # laptop|internet KIND COUNTER AT-LEAST
	local name="a $1's flood of $2" before
	[ "$1" = laptop ] || name="an Internet's flood of $2"
	[ "$2" != unsolicited ] || name="an Internet's flood of unsolicited packets to every port"
	before=$(status_of server "$3")
	check "a connection is open before $name" hold_connection
	check "$name begins" start_flood "$1" "$2"
	check "pings pass in $name" pings
	check "pings of 4000 bytes pass in $name" pings -s 4000
	check "new connections open in $name" traffic parallel "$WEB" --count 20
	check "datagrams pass in $name" traffic udp "$WEB" --first 1450 --tries 30
	check "$name was as large as it should be" end_flood
	check "the open connection works after $name" held_connection_works
	check "status.json tells of $name in $3" counter_has_grown "$3" "$before" "$4"
}

all_floods() {
	flood laptop syns evicted 1000
	flood laptop datagrams evicted 1000
	flood laptop pings evicted 1000
	flood laptop fragments drops.fragment 1000
	flood internet unsolicited drops.no_mapping 1000
	flood internet errors drops.no_mapping 1000
	flood internet fragments drops.fragment 1000
}

nothing_failed() { ! grep '^not ok' "$1"; } # FILE

# The tables have a fixed size, and their pages become resident when they are first used: some only in a later
# round, by chance. What grows without an end does so in each round.
more_rounds() {
	local round before now
	now=$(resident_kib server)
	for round in 2 3 4; do
		before=$now
		all_floods >"$LAB_DIR/round-$round.out"
		check "all that holds in round $round too" nothing_failed "$LAB_DIR/round-$round.out"
		now=$(resident_kib server)
		echo "# server: $before KiB resident, after round $round $now" >&3
		[ $((now - before)) -ge $GROWTH_MAX_KIB ] || break
	done
	check "the server's memory does not grow in each round" test $((now - before)) -lt $GROWTH_MAX_KIB
	check "the server's memory is below 10 MB" resident_below server $RESIDENT_MAX_KIB
}

exec 3>&1 # figures worth showing, past the output that "check" keeps
lab_up
lab_add_pair laptop2 phone2 198.51.101 || lab_die "no second pair"
start_targets || lab_die "the web hosts do not start"
check "tether-server starts" start_server
check "tether-client starts" start_client
start_relay
check "the tether is up" tunnel_ready
lab_passed || exit 1
echo "# server: $(resident_kib server) KiB resident at first" >&3
all_floods
more_rounds
check "the table has its limit" test "$(status_of server mappings)" -le 65536
check "tether-server ends with status 0" lab_stop server
lab_passed
