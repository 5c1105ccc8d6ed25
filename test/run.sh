#!/bin/bash
# Runs test suites and adds up their results.
#
#   test/run.sh SUITE...             each SUITE is a command, e.g. 'test/lab/test-host.sh'
#
# A suite runs from the project's root and prints, among anything else, one line
# a test:  "ok - NAME"  or  "not ok - NAME: why".  A suite that prints neither,
# that ends with an exit status other than 0 without a "not ok", or that takes
# longer than TEST_TIMEOUT seconds (600) counts as one failure more.
# Everything a suite printed is also in build/test-logs/.
# The last line is "N passed, N failed"; the exit status is 1 if any failed.
set -u
cd "$(dirname "$0")/.." || exit 1

[ $# -gt 0 ] || { echo "usage: test/run.sh SUITE..." >&2; exit 2; }

limit_s=${TEST_TIMEOUT:-600}
logs=build/test-logs
passed=0
failed=0
failures=()
suite_pid=

mkdir -p "$logs"
trap '[ -z "$suite_pid" ] || kill "$suite_pid" 2>/dev/null; exit 130' INT TERM

# The suite writes to a file, and tail shows it: a process that outlives its
# suite by accident can then not hold the runner up.
run_suite() { # COMMAND LOG
	: >"$2"
	timeout --kill-after=30 "$limit_s" bash -c "$1" >>"$2" 2>&1 </dev/null &
	suite_pid=$!
	tail -n +1 -s 0.1 -f --pid=$suite_pid "$2"
	wait $suite_pid
	local status=$?
	suite_pid=
	return $status
}

fail() { # LINE
	echo "$1"
	failures+=("$1")
	failed=$((failed + 1))
}

for suite in "$@"; do
	log=$logs/$(tr -c 'A-Za-z0-9.\n' '-' <<<"$suite").log
	echo "== $suite"
	start_s=$SECONDS
	run_suite "$suite" "$log"
	status=$?
	suite_passed=$(grep -c '^ok - ' "$log")
	mapfile -t not_ok < <(grep '^not ok - ' "$log")
	passed=$((passed + suite_passed))
	failed=$((failed + ${#not_ok[@]}))
	failures+=("${not_ok[@]}")
	if [ $status -eq 124 ] || [ $status -eq 137 ]; then
		fail "not ok - $suite: stopped after the limit of $limit_s s, or killed"
	elif [ $((suite_passed + ${#not_ok[@]})) -eq 0 ]; then
		fail "not ok - $suite: it ran no test (exit status $status)"
	elif [ $status -ne 0 ] && [ ${#not_ok[@]} -eq 0 ]; then
		fail "not ok - $suite: exit status $status"
	fi
	echo "== $suite: $suite_passed passed, ${#not_ok[@]} not ok, $((SECONDS - start_s)) s"
	echo
done

if [ $failed -gt 0 ]; then
	echo "What failed (logs in $logs/):"
	printf '%s\n' "${failures[@]}"
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
