#!/bin/bash
# SPDX-License-Identifier: ISC
# The cellular link emulator does what it is told: delay, rate, queue, loss, traces, random links, outages, whole packets.
#
#   test/bench/test-cellular.sh
#
# A machine that is too busy to run the emulator in time shows in its statistics ("late_ms"). A check that fails
# is repeated up to twice, for the machine's sake; an emulator that is wrong fails each time.
# Needs root, build/bench/cellular, and: test/packages.sh lab
. "$(dirname "$0")/bench_lab.sh"

restart_cellular() { # ARGUMENTS...
	lab_stop cellular
	lab_start cellular cell "$LAB_BUILD/bench/cellular" --phone phone --network network \
		--control "$LAB_DIR/cellular.control" "$@"
	wait_for 10 grep -q start_ms "$(lab_log cellular)" &&
		wait_for 10 lab_exec phone ping -c 1 -W 2 198.51.100.1
}

start_ms() { sed -n 's/.*"start_ms": \([0-9]*\).*/\1/p' "$(lab_log cellular)"; }

probe() { # CHECK ARGUMENTS-OF-THE-EMULATOR...
	for _ in 1 2 3; do
		restart_cellular "${@:2}" || return
		"$LAB_PYTHON" "$BENCH/cell_probe.py" "$1" "$(lab_ns phone)" "$(lab_ns router)" "$(start_ms)" \
			"$LAB_DIR/cellular.control" && return
	done
	return 1
}

# The same seed is the same link; its traces are whole, and something passes.
random_link() {
	local arguments again
	arguments=$("$BENCH/bench_lab.sh" link random:5) && again=$("$BENCH/bench_lab.sh" link random:5) || return
	[ "$arguments" = "$again" ] || { echo "$arguments, and then $again"; return 1; }
	# shellcheck disable=SC2086 # a list of words
	restart_cellular $arguments
}

# A lossless transfer would hide a wrong checksum behind its repetitions, but not its time.
whole_packets() {
	restart_cellular --down-rate 20000 --up-rate 20000 --delay 5 || return
	lab_exec phone "$LAB_PYTHON" "$LAB_TRAFFIC" download "$WEB" 1000000 &&
		lab_exec phone "$LAB_PYTHON" "$LAB_TRAFFIC" upload "$WEB" 1000000
}

statistics_say() { # PATTERN
	grep -qE "$1" "$(lab_log cellular)" && return
	cat "$(lab_log cellular)"
	return 1
}

refuses() { ! "$LAB_BUILD/bench/cellular" --phone lo --network lo "$@" >/dev/null 2>&1; }

lab_up
lab_splice_cell || lab_die "the emulator's namespace cannot be put into the wire"
start_targets || lab_die "the web hosts do not start"
{ seq 10 10 500; echo 1000; } >"$LAB_DIR/trace"
check "the delay is within 1 ms" probe delay --delay 50
check "the rate is within 3 %, and the queue drops at its tail" probe rate --down-rate 5000 --up-rate 2000 \
	--delay 20 --down-queue 60000 --up-queue 30000
check "the share of packets lost is as told" probe loss --loss 10 --delay 1
check "a trace is played, and starts over" probe trace --down-trace "$LAB_DIR/trace" --delay 10 \
	--down-queue 30000
check "a link of a seed is played" random_link
check "an outage on command holds everything, and loses nothing" probe outage --delay 10
check "TCP passes both ways, whole" whole_packets
lab_stop cellular
check "the emulator ends with its statistics" statistics_say '"up": .*"late_ms"'
check "it saw only plain packets" statistics_say '"oversize_packets": 0,.*"oversize_packets": 0,'
check "and missed none" statistics_say '"missed_packets": 0,.*"missed_packets": 0,'
check "a trace that is no list of times is refused" refuses --down-trace "$0"
check "an outage that ends before it begins is refused" refuses --outage 5-4
lab_passed
