#!/bin/bash
# SPDX-License-Identifier: ISC
# Runs test suites and adds up their results.
#
#   test/run.sh SUITE... [-- SUITE...]     each SUITE is a command, e.g. 'test/lab/test-host.sh'
#
# Those before "--" run one after another, those after it as many at a time as there are processors: most
# of their time they wait. A suite runs from the project's root and prints, among anything else, one line
# a test:  "ok - NAME"  or  "not ok - NAME: why".  A suite that prints neither, that ends with an exit
# status other than 0 without a "not ok", or that takes longer than TEST_TIMEOUT seconds (600) counts as
# one failure more. What a suite prints is shown when it has ended, and stays in build/test-logs/.
# The last line is "N passed, N failed"; the exit status is 1 if any failed.
set -u
cd "$(dirname "$0")/.." || exit 1

[ $# -gt 0 ] || { echo "usage: test/run.sh SUITE..." >&2; exit 2; }

limit_s=${TEST_TIMEOUT:-600}
logs=build/test-logs
passed=0
failed=0
failures=()
declare -A running=() # process id of a suite's run -> its command
declare -A started=() # and when it began

mkdir -p "$logs"
trap 'kill "${!running[@]}" 2>/dev/null; wait; exit 130' INT TERM

log_of() { echo "$logs/$(tr -c 'A-Za-z0-9.\n' '-' <<<"$1").log"; } # SUITE

start() { # SUITE
	echo "== $1 begins"
	# The suite writes to a file: a process that outlives it by accident can then not hold the runner up.
	timeout --kill-after=30 "$limit_s" bash -c "$1" >"$(log_of "$1")" 2>&1 </dev/null &
	running[$!]=$1
	started[$!]=$SECONDS
}

fail() { # LINE
	echo "$1"
	failures+=("$1")
	failed=$((failed + 1))
}

count() { # SUITE STATUS SECONDS
	local suite=$1 status=$2 log suite_passed not_ok
	log=$(log_of "$suite")
	cat "$log"
	suite_passed=$(grep -c '^ok - ' "$log")
	mapfile -t not_ok < <(grep '^not ok - ' "$log")
	passed=$((passed + suite_passed))
	failed=$((failed + ${#not_ok[@]}))
	failures+=("${not_ok[@]}")
	if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
		fail "not ok - $suite: stopped after the limit of $limit_s s, or killed"
	elif [ $((suite_passed + ${#not_ok[@]})) -eq 0 ]; then
		fail "not ok - $suite: it ran no test (exit status $status)"
	elif [ "$status" -ne 0 ] && [ ${#not_ok[@]} -eq 0 ]; then
		fail "not ok - $suite: exit status $status"
	fi
	echo "== $suite: $suite_passed passed, ${#not_ok[@]} not ok, $3 s"
	echo
}

finish_one() { # waits until any of the suites has ended
	local pid status
	wait -n -p pid "${!running[@]}"
	status=$?
	count "${running[$pid]}" $status $((SECONDS - started[$pid]))
	unset "running[$pid]" "started[$pid]"
}

at_a_time=1
for suite in "$@"; do
	if [ "$suite" = -- ]; then
		at_a_time=$(nproc)
		continue
	fi
	[ ${#running[@]} -lt $at_a_time ] || finish_one
	start "$suite"
done
while [ ${#running[@]} -gt 0 ]; do
	finish_one
done

if [ $failed -gt 0 ]; then
	echo "What failed (logs in $logs/):"
	printf '%s\n' "${failures[@]}"
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
